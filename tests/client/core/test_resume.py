"""Any body, in any pieces, broken off anywhere and any number of times: the same comes out."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonsense.client._core.answers import Head
from moonsense.client._core.bundles import BundleReader
from moonsense.client._core.requests import Request
from moonsense.client._core.text import BundleText
from moonsense.codec import json
from moonsense.codec.frames import frame
from moonsense.errors import IncompleteError, IntegrityError
from moonsense.models.bundle_v2_pb2 import Bundle, SealedBundle

REQUEST = Request("GET", "http://cloud.test/v2/sessions/s/bundles", {"Accept": "*/*"})
BUNDLES = [SealedBundle(session_id="s" * index, bundle=Bundle(index=index)) for index in range(1, 10)]
NDJSON = b"".join(map(json.write_line, BUNDLES))


def tar_gz(content: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("one")
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    return gzip.compress(out.getvalue(), mtime=0)


FORMS = {
    "ndjson": (NDJSON, {"content-type": "application/x-ndjson"}),
    "ndjson, gzip": (
        gzip.compress(NDJSON, mtime=0),
        {"content-type": "application/x-ndjson", "content-encoding": "gzip"},
    ),
    "frames": (
        b"".join(frame(bundle.SerializeToString()) for bundle in BUNDLES),
        {"content-type": "application/x-protobuf-delimited"},
    ),
    "tar.gz": (tar_gz(NDJSON), {"content-type": "application/octet-stream"}),
}


def answer(form: str, request: Request, *, tag: str, announced: bool) -> tuple[Head, bytes]:
    """What a cloud answers that knows ranges when it has a tag."""
    body, headers = FORMS[form]
    digest = b64encode(hashlib.sha256(body).digest()).decode()
    headers = {**headers, "repr-digest": f"sha-256=:{digest}:", **({"etag": tag} if tag else {})}
    wanted = request.headers.get("Range", "")
    status = 200
    if tag and wanted:
        assert request.headers["If-Range"] == tag
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        headers["content-range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        body, status = body[start:], 206
    length = {"content-length": str(len(body))} if announced else {"transfer-encoding": "chunked"}
    return Head(status, {**headers, **length}), body


@given(
    form=st.sampled_from(sorted(FORMS)),
    tag=st.sampled_from(["", '"one"']),
    announced=st.booleans(),
    cuts=st.lists(st.integers(0, 400), max_size=6),
    piece=st.integers(1, 90),
)
def test_the_same_comes_out(form: str, tag: str, announced: bool, cuts: list[int], piece: int) -> None:
    reader = BundleReader(REQUEST, "session s", archive=True)
    found: list[SealedBundle] = []
    for cut in [*cuts, None]:
        head, body = answer(form, reader.request, tag=tag, announced=announced)
        # One that is cut does not come to its end.
        sent = body if cut is None else body[: min(cut, len(body) - 1)]
        before = len(found)
        reader.begin(head)
        for start in range(0, len(sent), piece):
            for batch in reader.feed(sent[start : start + piece]):
                found += batch
        if cut is not None:
            attempts = reader.broke_off()
            assert attempts is not None
            assert attempts == 1 or len(found) == before
            assert found == BUNDLES[: len(found)]
    found += reader.close()
    assert found == BUNDLES
    assert reader.verified
    assert reader.broke_off() is None


@given(cut=st.integers(1, len(NDJSON) - 1), place=st.integers(0, len(NDJSON) - 1))
def test_a_changed_byte_is_found_when_it_was_read_before(cut: int, place: int) -> None:
    changed = bytearray(NDJSON)
    changed[place] ^= 1
    reader = BundleText(REQUEST, "session s")
    reader.begin(Head(200, {"content-type": "application/x-ndjson", "content-length": str(len(NDJSON))}))
    # Only what is valid JSON of itself can come to a second answer.
    written = b"".join(reader.feed(NDJSON[:cut]))
    assert NDJSON.startswith(written)
    reader.broke_off()
    reader.begin(Head(200, {"content-type": "application/x-ndjson", "content-length": str(len(NDJSON))}))
    if place < cut:
        with pytest.raises(IntegrityError, match="what was read of it already is another now"):
            _ = list(reader.feed(bytes(changed)))
    else:
        assert written + b"".join(reader.feed(NDJSON)) + reader.close() == NDJSON


def test_a_body_that_became_shorter_is_found() -> None:
    reader = BundleText(REQUEST, "session s")
    about = {"content-type": "application/x-ndjson", "transfer-encoding": "chunked"}
    reader.begin(Head(200, about))
    _ = list(reader.feed(NDJSON[:300]))
    reader.broke_off()
    reader.begin(Head(200, about))
    assert list(reader.feed(NDJSON[:200])) == []
    with pytest.raises(IntegrityError):
        reader.close()


def test_a_part_that_nobody_asked_for_is_not_taken() -> None:
    reader = BundleText(REQUEST, "session s")
    with pytest.raises(IncompleteError):
        reader.begin(Head(206, {"content-range": "bytes 5-9/10"}))
