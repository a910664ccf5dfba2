"""Sessions by index, chunk after chunk, and checked."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Callable
from typing import Any

import pytest
from support.wire import Received, Reply, WireServer, connect, reply

from moonsense.client import AsyncClient
from moonsense.client._concurrency import async_run
from moonsense.codec import json
from moonsense.codec.frames import frame
from moonsense.errors import IncompleteError, IntegrityError, NotFoundError
from moonsense.models.bundle_v2_pb2 import Bundle, SealedBundle

pytestmark = pytest.mark.anyio


def sealed(*indices: int) -> list[SealedBundle]:
    return [SealedBundle(session_id="s", bundle=Bundle(index=index)) for index in indices]


def frames(bundles: list[SealedBundle], **headers: str) -> Reply:
    body = b"".join(frame(bundle.SerializeToString()) for bundle in bundles)
    return reply(body, content_type="application/x-protobuf-delimited", **headers)


async def test_by_index() -> None:
    with WireServer(frames(sealed(3, 1, 0, 2, 1))) as server:
        async with connect(AsyncClient, server) as client:
            found = [sealed.bundle.index async for sealed in client.read_session("s", order="index")]
            assert found == [0, 1, 2, 3]
            found = [sealed.bundle.index async for sealed in client.read_session("s", order="received")]
            assert found == [3, 1, 0, 2, 1]


async def test_by_index_nothing_comes_before_all_is_there() -> None:
    whole = frames(sealed(1, 2, 3))
    with WireServer(whole.cut(len(whole.data) - 1)) as server:
        async with connect(AsyncClient, server) as client:
            with pytest.raises(IncompleteError):
                await anext(client.read_session("s", order="index"))


async def test_an_order_that_is_none() -> None:
    with WireServer(frames([])) as server:
        async with connect(AsyncClient, server) as client:
            with pytest.raises(ValueError, match="order must be one of received, index, not 'time'"):
                client.read_session("s", order="time")


class Chunked:
    """A cloud with one session in chunks."""

    def __init__(self, *chunks: list[SealedBundle], **counters: int) -> None:
        self.chunks = {f"c{number}": chunk for number, chunk in enumerate(chunks)}
        self.counters = counters or {"bundle": sum(map(len, chunks))}
        self.unsealed: list[SealedBundle] = []
        self.broken: dict[str, Callable[[Reply], Reply]] = {}
        self.asked = threading.Semaphore(0)
        self.hold: dict[str, threading.Event] = {}
        self.headers: dict[str, str] = {}

    def __call__(self, request: Received) -> Reply:
        _, _, _, session, *rest = request.path.split("/")
        if session != "s":
            return reply({}, 404)
        match rest:
            case []:
                return reply({"counters": {name: {"total": n} for name, n in self.counters.items()}})
            case ["bundles"]:
                bundles = [bundle for chunk in self.chunks.values() for bundle in chunk]
                answer = frames(bundles + self.unsealed)
                return self.broken.get("s", lambda whole: whole)(answer)
            case ["chunks"]:
                texts = {name: b"".join(map(json.write_line, chunk)) for name, chunk in self.chunks.items()}
                md5s = {name: hashlib.md5(text).hexdigest() for name, text in texts.items()}
                return reply({"chunks": [{"chunk_id": name, "md5": md5s[name]} for name in texts]})
        self.asked.release()
        if rest[1] in self.hold:
            self.hold[rest[1]].wait(20)
        text = b"".join(map(json.write_line, self.chunks[rest[1]]))
        answer = reply(
            gzip.compress(text, mtime=0),
            content_type="application/x-ndjson",
            content_encoding="gzip",
            **self.headers,
        )
        return self.broken.get(rest[1], lambda whole: whole)(answer)


def cut(whole: Reply) -> Reply:
    return whole.cut(len(whole.data) - 9)


@pytest.fixture(params=[0.0, 1e9], ids=["ahead", "in turn"])
def nearness(request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clouds are as far, or as near, as can be."""
    for room in ("_async", "_sync"):
        monkeypatch.setattr(f"moonsense.client.{room}.chunks.WORTH_FETCHING_AHEAD", request.param)


@pytest.mark.usefixtures("nearness")
async def test_chunk_after_chunk() -> None:
    cloud = Chunked(sealed(1, 2), sealed(3), sealed(), sealed(4, 5))
    cloud.unsealed = sealed(6)
    with WireServer(cloud) as server:
        async with connect(AsyncClient, server) as client:
            assert [sealed.bundle.index async for sealed in client.read_chunks("s")] == [1, 2, 3, 4, 5]
    names = [request.path.rpartition("/")[2] for request in server.requests]
    # What is asked ahead may overtake.
    assert names[0] == "chunks"
    assert sorted(names[1:]) == ["c0", "c1", "c2", "c3"]


@pytest.mark.usefixtures("nearness")
async def test_a_chunk_that_breaks_off_is_gone_on_with() -> None:
    cloud = Chunked(sealed(1, 2), sealed(3, 4), sealed(5))
    once = [cut]
    cloud.broken["c1"] = lambda whole: once.pop()(whole) if once else whole
    with WireServer(cloud) as server:
        async with connect(AsyncClient, server) as client:
            assert [sealed.bundle.index async for sealed in client.read_chunks("s")] == [1, 2, 3, 4, 5]


@pytest.mark.usefixtures("nearness")
async def test_a_chunk_that_fails_is_an_error_after_those_before_it() -> None:
    for broken, kind in ((cut, IncompleteError), (lambda _: reply({}, 404), NotFoundError)):
        cloud = Chunked(sealed(1, 2), sealed(3), sealed(4))
        cloud.broken["c1"] = broken
        with WireServer(cloud) as server:
            async with connect(AsyncClient, server, tries=2) as client:
                bundles = client.read_chunks("s")
                assert [(await anext(bundles)).bundle.index for _ in range(2)] == [1, 2]
                with pytest.raises(kind):
                    _ = [bundle async for bundle in bundles]


async def test_the_next_chunk_is_asked_for_while_this_one_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for room in ("_async", "_sync"):
        monkeypatch.setattr(f"moonsense.client.{room}.chunks.WORTH_FETCHING_AHEAD", 0.0)
    cloud = Chunked(sealed(1), sealed(2, 3), sealed(4), sealed(5))
    with WireServer(cloud) as server:
        async with connect(AsyncClient, server) as client:
            bundles = client.read_chunks("s")
            assert [(await anext(bundles)).bundle.index for _ in range(2)] == [1, 2]
            for _ in ("c0", "c1", "c2"):
                assert await async_run(cloud.asked.acquire, timeout=20)
            # One ahead, not two, however long it takes to read this one.
            assert not await async_run(cloud.asked.acquire, timeout=0.2)
            assert [sealed.bundle.index async for sealed in bundles] == [3, 4, 5]


async def test_a_reader_that_leaves_ends_what_was_asked_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    for room in ("_async", "_sync"):
        monkeypatch.setattr(f"moonsense.client.{room}.chunks.WORTH_FETCHING_AHEAD", 0.0)
    cloud = Chunked(sealed(1), sealed(2), sealed(3))
    cloud.hold["c2"] = threading.Event()
    with WireServer(cloud) as server:
        async with connect(AsyncClient, server) as client:
            bundles = client.read_chunks("s")
            assert [(await anext(bundles)).bundle.index for _ in range(2)] == [1, 2]
            for _ in ("c0", "c1", "c2"):
                assert await async_run(cloud.asked.acquire, timeout=20)
            await bundles.aclose()
            cloud.hold["c2"].set()
            for thread in threading.enumerate():
                if thread.name == "moonsense-ahead":
                    thread.join(20)
                    assert not thread.is_alive()
            # The client is as good as before.
            assert [sealed.bundle.index async for sealed in client.read_chunks("s")] == [1, 2, 3]


async def test_chunks_of_no_session() -> None:
    with WireServer(Chunked()) as server:
        async with connect(AsyncClient, server) as client:
            assert [bundle async for bundle in client.read_chunks("s")] == []
            with pytest.raises(NotFoundError):
                _ = [bundle async for bundle in client.read_chunks("t")]


async def test_a_sound_session_is_ok() -> None:
    cloud = Chunked(sealed(1, 2), sealed(3))
    cloud.unsealed = [SealedBundle(bundle=Bundle(index=4, is_final_bundle=True))]
    cloud.counters = {"bundle": 4}
    with WireServer(cloud) as server:
        async with connect(AsyncClient, server) as client:
            report = await client.check_session("s")
    assert report.ok
    assert (report.bundles, report.first_index, report.last_index, report.finished) == (4, 1, 4, True)
    assert (report.chunks, report.chunks_verified, report.chunk_bundles) == (2, 2, 3)


async def test_gaps_repeats_and_disorder_are_reported() -> None:
    cloud = Chunked(sealed(2, 3, 7), sealed(6, 3, 0, 9, 3), bundle=8, accelerometer=2)
    with WireServer(cloud) as server:
        async with connect(AsyncClient, server) as client:
            report = await client.check_session("s")
    assert not report.ok
    assert report.gaps == ((4, 5), (8, 8))
    assert report.repeats == {3: 2}
    assert (report.out_of_order, report.unnumbered, report.finished) == (1, 1, False)
    assert report.counters == {"accelerometer": (2, 0)}
    assert report.problems == ()


async def test_what_cannot_be_read_is_in_the_report() -> None:
    cloud = Chunked(sealed(1), sealed(2), sealed(3), sealed(4))
    cloud.broken = {
        "s": lambda whole: Reply(whole.data[:-4] + b"\xff" * 4),
        "c0": cut,
        "c1": lambda _: reply({}, 404),
        "c2": lambda _: reply(gzip.compress(b"other"), content_encoding="gzip"),
    }
    with WireServer(cloud) as server:
        async with connect(AsyncClient, server, tries=1) as client:
            report = await client.check_session("s")
    assert not report.ok
    assert (report.chunks, report.chunks_verified) == (4, 1)
    assert [problem.partition(":")[0] for problem in report.problems][:1] == ["session s, chunk c0"]
    assert len(report.problems) == 4


async def test_a_session_that_grows_while_it_is_checked_is_ok() -> None:
    cloud = Chunked(sealed(1, 2), bundle=2)

    def grow(request: Received) -> Reply:
        if request.path.endswith("/bundles"):
            cloud.unsealed = sealed(3)
            cloud.counters = {"bundle": 5}
        return cloud(request)

    with WireServer(grow) as server:
        async with connect(AsyncClient, server) as client:
            report = await client.check_session("s")
    assert report.ok
    assert report.bundles == 3


async def test_no_session_to_check() -> None:
    with WireServer(Chunked()) as server:
        async with connect(AsyncClient, server) as client:
            with pytest.raises(NotFoundError):
                await client.check_session("t")


async def test_the_md5_is_checked_ahead_too() -> None:
    cloud = Chunked(sealed(1), sealed(2))
    cloud.headers = {"x_moonsense_content_md5": "0" * 32}
    with WireServer(cloud) as server:
        async with connect(AsyncClient, server) as client:
            with pytest.raises(IntegrityError):
                _ = [bundle async for bundle in client.read_chunks("s")]
