"""Recorders that note every promise the cloud made, and readers that hold it to them."""

from __future__ import annotations

import gzip
import hashlib
import io
import random
import tarfile
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx2
from google.protobuf import json_format

from moonsense.codec.frames import FrameParser
from moonsense.codec.ndjson import NdjsonParser
from moonsense.contract import headers, media
from moonsense.models import (
    Bundle,
    BundleCreateRequest,
    BundleCreateResponse,
    ChunksListResponse,
    SealedBundle,
    Session,
)

_SECONDS = 20.0
_BACK_OFF = 0.02


def bundle_of(session_id: str, index: int, *, final: bool = False) -> Bundle:
    """The bundle of an index, always the same: of no item, of a few, or of some hundred."""
    rng = random.Random(f"{session_id} {index}")
    made = Bundle(index=index, is_final_bundle=final)
    made.client_time.wall_time_millis = 1_700_000_000_000 + index * 1000
    for at in range(rng.choice((0, 1, 3, 10, 40, 400))):
        made.accelerometer_data.add(
            determined_at=made.client_time.wall_time_millis + at, x=rng.random(), y=rng.random(), z=-1
        )
    return made


@dataclass
class Recording:
    """What one recorder sent into one session, and what the cloud said it has."""

    session_id: str
    final: int = 0
    """The index of the last bundle, once it is sent."""
    requests: list[range] = field(default_factory=list)
    """The indexes of each request, in the order they were first sent."""
    acknowledged: set[int] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def promised(self) -> set[int]:
        """The indexes that the cloud must have from now on."""
        with self.lock:
            return set(self.acknowledged)

    def sent(self) -> list[range]:
        """The requests that the cloud may have by now."""
        with self.lock:
            return list(self.requests)

    def bundle(self, index: int) -> Bundle:
        """What was sent under an index."""
        return bundle_of(self.session_id, index, final=index == self.final)


class Ledger:
    """All recordings, and everything that was found wrong."""

    def __init__(self) -> None:
        self.recordings: list[Recording] = []
        self.wrong: list[str] = []
        self.counts: Counter[str] = Counter()
        self.over = threading.Event()
        self._lock = threading.Lock()

    def count(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1

    def complain(self, what: str) -> None:
        with self._lock:
            self.wrong.append(what)

    def check_bundles(
        self, recording: Recording, read: list[SealedBundle], promised: set[int], *, whole: bool
    ) -> list[str]:
        """What is wrong with bundles that were read; ``whole``: they are all of the session."""
        indexes = [sealed.bundle.index for sealed in read]
        wrong = []
        if sorted(set(indexes)) != indexes:
            wrong.append(f"repeated, or out of order: {indexes}")
        if missing := promised.difference(indexes):
            wrong.append(f"acknowledged and missing: {sorted(missing)}")
        sent = recording.sent()
        there = set(indexes)
        if strangers := there.difference(*sent):
            wrong.append(f"never sent: {sorted(strangers)}")
        if whole and (
            halves := [part for part in sent if there.intersection(part) not in (set(), set(part))]
        ):
            wrong.append(f"requests stored in part: {halves}")
        wrong += [
            f"bundle {sealed.bundle.index} is not what was sent"
            for sealed in read
            if sealed.bundle != recording.bundle(sealed.bundle.index)
            or sealed.session_id != recording.session_id
        ]
        return wrong


class Recorder(threading.Thread):
    """Records session after session until it is told to end, then finishes the request under way."""

    def __init__(self, ledger: Ledger, url: str, token: str, seed: int) -> None:
        super().__init__(name=f"recorder-{seed}", daemon=True)
        self._ledger = ledger
        self._rng = random.Random(f"recorder {seed}")
        self._seed = seed
        self._http = httpx2.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}", "Accept": media.PROTOBUF},
            timeout=_SECONDS,
        )

    def run(self) -> None:
        with self._http:
            number = 0
            while not self._ledger.over.is_set():
                number += 1
                self._record(f"recorder{self._seed}session{number}")

    def _record(self, session_id: str) -> None:
        recording = Recording(session_id)
        while not self._post("/v2/sessions", Session(session_id=session_id)):
            if self._ledger.over.is_set():
                return
        self._ledger.recordings.append(recording)
        index = 1
        for _ in range(self._rng.randrange(5, 25)):
            part = range(index, index := index + self._rng.choice((1, 1, 2, 7)))
            with recording.lock:
                recording.requests.append(part)
            self._send(recording, part)
            if self._ledger.over.is_set():
                return
        if self._rng.random() < 0.7:
            part = range(index, index + 1)
            with recording.lock:
                recording.final = index
                recording.requests.append(part)
            self._send(recording, part)

    def _send(self, recording: Recording, part: range) -> None:
        """Send a request, again and again or only once: a recorder may be gone with its phone."""
        request = BundleCreateRequest(
            session_id=recording.session_id, bundles=[recording.bundle(index) for index in part]
        )
        patient = self._rng.random() < 0.7
        while not self._post("/v2/bundles", request, len(part)):
            if not patient or self._ledger.over.is_set():
                self._ledger.count("requests given up")
                return
        with recording.lock:
            recording.acknowledged.update(part)
        self._ledger.count("requests acknowledged")

    def _post(self, path: str, message: Session | BundleCreateRequest, successes: int = 0) -> bool:
        """Whether the cloud said that it has it."""
        if self._rng.random() < 0.5:
            kind, body = media.PROTOBUF, message.SerializeToString()
        else:
            kind, body = media.JSON, json_format.MessageToJson(message).encode()
        response = self._answer(path, kind, body)
        if response is None:
            return False
        if response.status_code != 200:
            self._ledger.complain(f"POST {path}: {response.status_code} {response.text}")
            return False
        if successes and BundleCreateResponse.FromString(response.content).success_count != successes:
            self._ledger.complain(f"POST {path}: {response.content!r}")
            return False
        return True

    def _answer(self, path: str, kind: str, body: bytes) -> httpx2.Response | None:
        """The cloud's answer, waited for while it is down; None when it went down in the middle."""
        while True:
            try:
                return self._http.post(path, content=body, headers={"Content-Type": kind})
            except httpx2.ConnectError:
                if self._ledger.over.wait(_BACK_OFF):
                    return None
            except httpx2.TransportError:
                self._ledger.count("requests broken off")
                return None


class Reader(threading.Thread):
    """Reads whatever is there all the time; what it gets is whole and right, or it gets nothing."""

    def __init__(self, ledger: Ledger, url: str, token: str, seed: int) -> None:
        super().__init__(name=f"reader-{seed}", daemon=True)
        self._ledger = ledger
        self._rng = random.Random(f"reader {seed}")
        self._http = httpx2.Client(
            base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=_SECONDS
        )
        self._ways = (self.read_frames, self.read_ndjson, self.read_archive, self.read_chunks)

    def run(self) -> None:
        with self._http:
            while not self._ledger.over.is_set():
                recordings = self._ledger.recordings[-20:]
                if not recordings:
                    self._ledger.over.wait(_BACK_OFF)
                    continue
                self.check(self._rng.choice(recordings), self._rng.choice(self._ways))

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def check_all(self, recording: Recording) -> None:
        """Read a session, which does not grow any more, in every way there is, and its counters."""
        for way in self._ways:
            self.check(recording, way)
        described = self._get(f"/v2/sessions/{recording.session_id}", media.PROTOBUF)
        counted = Session.FromString(described.content).counters["bundle"].total
        there = len(self.read_frames(recording))
        if counted != there:
            self._ledger.complain(f"{recording.session_id} counts {counted} bundles and has {there}")

    def check(self, recording: Recording, read: Callable[[Recording], list[SealedBundle]]) -> None:
        """Read a session in one way and note what is wrong with the answer."""
        promised = recording.promised()
        whole = read != self.read_chunks
        try:
            bundles = read(recording)
        except httpx2.ConnectError:
            self._ledger.over.wait(_BACK_OFF)
            return
        except httpx2.TransportError:
            self._ledger.count("reads broken off")
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not be
            wrong = [f"{type(error).__name__}: {error}"]
        else:
            self._ledger.count("reads")
            wrong = self._ledger.check_bundles(recording, bundles, promised if whole else set(), whole=whole)
        for what in wrong:
            self._ledger.complain(f"{read.__name__} of {recording.session_id}: {what}")

    def _get(self, path: str, accept: str) -> httpx2.Response:
        response = self._http.get(path, headers={"Accept": accept})
        if response.status_code != 200:
            raise ValueError(f"GET {path}: {response.status_code} {response.text}")
        return response

    def read_frames(self, recording: Recording) -> list[SealedBundle]:
        """All bundles, as frames."""
        response = self._get(f"/v2/sessions/{recording.session_id}/bundles", media.FRAMES)
        parser = FrameParser(SealedBundle)
        return _counted(response, [*parser.feed(response.content), *parser.close()])

    def read_ndjson(self, recording: Recording) -> list[SealedBundle]:
        """All bundles, as lines."""
        response = self._get(f"/v2/sessions/{recording.session_id}/bundles", media.NDJSON)
        return _counted(response, _lines(response.content))

    def read_archive(self, recording: Recording) -> list[SealedBundle]:
        """All bundles, as the published client gets them."""
        response = self._get(f"/v2/sessions/{recording.session_id}/bundles", "*/*")
        text = gzip.decompress(response.content)
        with tarfile.open(fileobj=io.BytesIO(text)) as archive:
            (member,) = archive.getmembers()
            file = archive.extractfile(member)
            assert file is not None
            return _counted(response, _lines(file.read()))

    def read_chunks(self, recording: Recording) -> list[SealedBundle]:
        """The bundles of all chunks, each with the right md5."""
        bundles: list[SealedBundle] = []
        number = 1
        while number:
            path = f"/v2/sessions/{recording.session_id}/chunks?per_page=100&page={number}"
            page = ChunksListResponse.FromString(self._get(path, media.PROTOBUF).content)
            for chunk in page.chunks:
                bundles += self._read_chunk(recording, chunk.chunk_id, chunk.md5)
            number = page.pagination.next_page
        return bundles

    def _read_chunk(self, recording: Recording, chunk_id: str, md5: str) -> list[SealedBundle]:
        path = f"/v2/sessions/{recording.session_id}/chunks/{chunk_id}"
        text = self._get(path, "*/*")
        if hashlib.md5(text.content).hexdigest() != md5 or text.headers[headers.CONTENT_MD5] != md5:
            raise ValueError(f"the md5 of chunk {chunk_id} is not {md5}")
        bundles = _counted(text, _lines(text.content))
        framed = self._get(path, media.FRAMES)
        parser = FrameParser(SealedBundle)
        if _counted(framed, [*parser.feed(framed.content), *parser.close()]) != bundles:
            raise ValueError(f"the renditions of chunk {chunk_id} differ")
        return bundles


def _lines(text: bytes) -> list[SealedBundle]:
    if text and not text.endswith(b"\n"):
        raise ValueError("the last line is not ended")
    parser = NdjsonParser(SealedBundle)
    return [*parser.feed(text), *parser.close()]


def _counted(response: httpx2.Response, bundles: list[SealedBundle]) -> list[SealedBundle]:
    if int(response.headers[headers.BUNDLE_COUNT]) != len(bundles):
        raise ValueError(f"{len(bundles)} bundles came of {response.headers[headers.BUNDLE_COUNT]}")
    return bundles
