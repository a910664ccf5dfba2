"""Bundles in every form that a cloud sends them, whole, cut and damaged."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from base64 import b64encode
from collections.abc import AsyncGenerator, Callable

import pytest
from support.wire import Received, Reply, WireServer, connect, reply

from moonsense.client import AsyncClient
from moonsense.codec import json
from moonsense.codec.frames import frame
from moonsense.errors import (
    DataError,
    DecodeError,
    IncompleteError,
    IntegrityError,
    MoonsenseError,
    NotFoundError,
    RequestTimeout,
)
from moonsense.models.bundle_v2_pb2 import Bundle, SealedBundle

pytestmark = pytest.mark.anyio

BUNDLES = [SealedBundle(session_id="s", bundle=Bundle(index=index)) for index in range(1, 6)]
NDJSON = b"".join(map(json.write_line, BUNDLES))
FRAMES = b"".join(frame(bundle.SerializeToString()) for bundle in BUNDLES)
NDJSON_TYPE = "application/x-ndjson"
FRAMES_TYPE = "application/x-protobuf-delimited"
TAR_TYPE = "application/octet-stream"


def tar_gz(content: bytes = NDJSON) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("raw_sealed_bundles.json")
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    return gzip.compress(out.getvalue(), mtime=0)


FORMS: dict[str, Callable[[], Reply]] = {
    "ndjson": lambda: reply(NDJSON, content_type=NDJSON_TYPE),
    "ndjson, chunked": lambda: reply(NDJSON, content_type=NDJSON_TYPE, chunked=True),
    "ndjson, counted": lambda: reply(NDJSON, content_type=NDJSON_TYPE, length=False, x_moonsense_bundles="5"),
    "ndjson, gzip": lambda: reply(
        gzip.compress(NDJSON), content_type=NDJSON_TYPE, content_encoding="gzip", length=False
    ),
    "ndjson, two gzip members": lambda: reply(
        gzip.compress(NDJSON[:50]) + gzip.compress(NDJSON[50:]),
        content_type=NDJSON_TYPE,
        content_encoding="gzip",
    ),
    "frames": lambda: reply(FRAMES, content_type=FRAMES_TYPE),
    "frames, chunked": lambda: reply(FRAMES, content_type=FRAMES_TYPE, chunked=True),
    "frames, gzip": lambda: reply(gzip.compress(FRAMES), content_type=FRAMES_TYPE, content_encoding="gzip"),
    "tar.gz": lambda: reply(tar_gz(), content_type=TAR_TYPE),
    "tar.gz, chunked": lambda: reply(tar_gz(), content_type="application/gzip", chunked=True),
    "tar.gz, to the end": lambda: reply(tar_gz(), content_type=TAR_TYPE, length=False),
}


@pytest.mark.parametrize("form", FORMS)
async def test_every_form_gives_the_same_bundles(form: str) -> None:
    with WireServer(FORMS[form]()) as server:
        async with connect(AsyncClient, server) as client:
            assert [bundle async for bundle in client.read_session("s")] == BUNDLES
            if not form.startswith("tar"):
                assert [bundle async for bundle in client.read_chunk("s", "c")] == BUNDLES
    assert server.requests[0].target == "/v2/sessions/s/bundles"


async def drained(bundles: AsyncGenerator[SealedBundle]) -> tuple[list[SealedBundle], MoonsenseError | None]:
    """What came before the end or the error, and the error."""
    read = []
    try:
        async for bundle in bundles:
            read += [bundle]
    except MoonsenseError as error:
        return read, error
    return read, None


@pytest.mark.parametrize("form", FORMS)
async def test_a_cut_at_any_byte_is_an_error_after_whole_bundles(form: str) -> None:
    whole = FORMS[form]()
    body = whole.data.index(b"\r\n\r\n") + 4
    cuts = [whole.cut(length) for length in range(body, len(whole.data))]
    with WireServer(cuts) as server:
        async with connect(AsyncClient, server, tries=1) as client:
            results = [await drained(client.read_session("s")) for _ in cuts]
    assert len(server.requests) == len(cuts)
    if form == "ndjson, counted":
        # Only the newline behind the last one is missing.
        assert results.pop() == (BUNDLES, None)
    for bundles, error in results:
        assert isinstance(error, DataError)
        assert error.where == "session s"
        assert bundles == BUNDLES[: len(bundles)]


async def test_a_cut_in_the_headers_is_a_failed_connection() -> None:
    whole = FORMS["frames"]()
    body = whole.data.index(b"\r\n\r\n") + 4
    cuts = [whole.cut(length) for length in range(0, body - 1, 7)]
    with WireServer(cuts) as server:
        async with connect(AsyncClient, server, tries=1) as client:
            for _ in cuts:
                with pytest.raises(MoonsenseError):
                    _ = [bundle async for bundle in client.read_session("s")]


@pytest.mark.parametrize("content_type", [NDJSON_TYPE, FRAMES_TYPE])
async def test_an_end_that_nobody_announced_is_not_believed(content_type: str) -> None:
    body = NDJSON if content_type == NDJSON_TYPE else FRAMES
    with WireServer(reply(body, content_type=content_type, length=False)) as server:
        async with connect(AsyncClient, server) as client:
            with pytest.raises(IncompleteError, match="does not say where it ends"):
                _ = [bundle async for bundle in client.read_session("s")]


@pytest.mark.parametrize(("count", "kind"), [("6", IncompleteError), ("4", IntegrityError)])
async def test_the_number_of_bundles_is_compared(count: str, kind: type[DataError]) -> None:
    with WireServer(reply(FRAMES, content_type=FRAMES_TYPE, x_moonsense_bundles=count)) as server:
        async with connect(AsyncClient, server) as client:
            with pytest.raises(kind, match=f"session s: 5 bundles arrived, announced were {count}"):
                _ = [bundle async for bundle in client.read_session("s")]


async def test_blank_lines_and_no_last_newline_are_fine() -> None:
    text = b"\n" + NDJSON.replace(b"\n", b"\r\n\n")[:-3]
    with WireServer(reply(text, content_type="application/json")) as server:
        async with connect(AsyncClient, server) as client:
            assert [bundle async for bundle in client.read_session("s")] == BUNDLES


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (reply(NDJSON[:70] + b"\x00" + NDJSON[71:], content_type=NDJSON_TYPE), "session s, chunk c.*line 2"),
        (reply(b"<html></html>", content_type="text/html; charset=utf-8"), "text/html, not bundles"),
        (reply(b"\x03\xff\xff\xff", content_type=FRAMES_TYPE), "session s, chunk c"),
        (reply(NDJSON, content_type=NDJSON_TYPE, content_encoding="br"), "'br', which was not asked for"),
    ],
)
async def test_what_is_no_bundle_is_named(answer: Reply, words: str) -> None:
    with WireServer(answer) as server:
        async with connect(AsyncClient, server) as client:
            with pytest.raises(DecodeError, match=words):
                _ = [bundle async for bundle in client.read_chunk("s", "c")]


@pytest.mark.parametrize(
    "body",
    [b"no gzip at all", gzip.compress(b"no tar at all" * 50), tar_gz() + b"more", gzip.compress(bytes(1024))],
    ids=["no gzip", "no tar", "more behind it", "no member"],
)
async def test_what_is_no_archive_of_one_file_is_refused(body: bytes) -> None:
    with WireServer(reply(body, content_type=TAR_TYPE)) as server:
        async with connect(AsyncClient, server) as client:
            with pytest.raises(IntegrityError, match="session s"):
                _ = [bundle async for bundle in client.read_session("s")]


@pytest.mark.parametrize("name", ["ndjson", "tar.gz"])
async def test_a_session_without_bundles_is_empty(name: str) -> None:
    answers = {
        "ndjson": reply(b"", content_type=NDJSON_TYPE),
        "tar.gz": reply(tar_gz(b""), content_type=TAR_TYPE),
    }
    with WireServer(answers[name]) as server:
        async with connect(AsyncClient, server) as client:
            assert [bundle async for bundle in client.read_session("s")] == []


@pytest.mark.parametrize(
    ("counters", "there"),
    [({}, True), ({"bundle": {}}, True), ({"bundle": {"total": 2}}, False), (None, False)],
)
async def test_not_found_is_empty_only_for_a_session_that_is(counters: dict | None, there: bool) -> None:
    def answer(request: Received) -> Reply:
        if request.path.endswith("/bundles") or counters is None:
            return reply({"message": "nothing here"}, 404)
        return reply({"session_id": "s", "counters": counters})

    with WireServer(answer) as server:
        async with connect(AsyncClient, server) as client:
            if there:
                assert [bundle async for bundle in client.read_session("s")] == []
            else:
                with pytest.raises(NotFoundError):
                    _ = [bundle async for bundle in client.read_session("s")]


MD5 = hashlib.md5(NDJSON)
RAW = gzip.compress(NDJSON, mtime=0)


@pytest.mark.parametrize(
    "digest", [MD5.hexdigest(), b64encode(MD5.digest()).decode(), hashlib.md5(RAW).hexdigest()]
)
async def test_the_md5_of_the_list_is_compared(digest: str) -> None:
    def answer(request: Received) -> Reply:
        if request.path.endswith("/chunks"):
            chunks = [{"chunk_id": "good", "md5": digest}, {"chunk_id": "bad", "md5": "0" * 32}]
            return reply({"chunks": [*chunks, {"chunk_id": "odd", "md5": "crc32c=1"}]})
        return reply(RAW, content_type=NDJSON_TYPE, content_encoding="gzip")

    with WireServer(answer) as server:
        async with connect(AsyncClient, server) as client:
            assert [chunk.chunk_id async for chunk in client.list_chunks("s")] == ["good", "bad", "odd"]
            assert [bundle async for bundle in client.read_chunk("s", "good")] == BUNDLES
            assert [bundle async for bundle in client.read_chunk("s", "odd")] == BUNDLES
            with pytest.raises(IntegrityError, match=f"chunk bad: the md5 is {MD5.hexdigest()}"):
                _ = [bundle async for bundle in client.read_chunk("s", "bad")]


async def test_the_md5_of_the_answer_is_compared() -> None:
    answers = [
        reply(NDJSON, content_type=NDJSON_TYPE, x_moonsense_content_md5=MD5.hexdigest()),
        # Of the text, whatever form is sent: there is nothing to compare with.
        reply(FRAMES, content_type=FRAMES_TYPE, x_moonsense_content_md5=MD5.hexdigest()),
        reply(NDJSON, content_type=NDJSON_TYPE, x_moonsense_content_md5="0" * 32),
    ]
    with WireServer(answers) as server:
        async with connect(AsyncClient, server) as client:
            for _ in range(2):
                assert [bundle async for bundle in client.read_chunk("s", "c")] == BUNDLES
            with pytest.raises(IntegrityError, match="md5"):
                _ = [bundle async for bundle in client.read_chunk("s", "c")]


@pytest.mark.parametrize(
    ("wire", "accept"),
    [
        ("auto", f"{FRAMES_TYPE}, {NDJSON_TYPE};q=0.9, {TAR_TYPE};q=0.5, */*;q=0.1"),
        ("json", f"{NDJSON_TYPE}, {TAR_TYPE};q=0.5, */*;q=0.1"),
    ],
)
async def test_the_wire_is_what_is_asked_for(wire: str, accept: str) -> None:
    with WireServer(FORMS["ndjson"]()) as server:
        async with connect(AsyncClient, server, wire=wire) as client:
            _ = [bundle async for bundle in client.read_session("s")]
            _ = [bundle async for bundle in client.read_chunk("s", "c")]
    assert [request.headers["accept"] for request in server.requests] == [accept, accept]


async def test_an_answer_that_stops_is_a_timeout() -> None:
    half = Reply(FORMS["frames"]().data[:-5], hang=True)
    with WireServer(half) as server:
        async with connect(AsyncClient, server, timeout=0.25) as client:
            bundles = client.read_session("s")
            assert [await anext(bundles) for _ in range(4)] == BUNDLES[:4]
            with pytest.raises(RequestTimeout, match="session s: the answer stopped"):
                await anext(bundles)


async def test_bundles_come_while_the_answer_is_still_arriving() -> None:
    half = Reply(FORMS["ndjson"]().data[:-5], hang=True)
    with WireServer(half) as server:
        async with connect(AsyncClient, server) as client:
            bundles = client.read_session("s")
            assert await anext(bundles) == BUNDLES[0]
            await bundles.aclose()


async def test_a_reader_that_is_dropped_gives_its_connection_up() -> None:
    half = Reply(FORMS["ndjson"]().data[:-5], hang=True)
    with WireServer([half, half, reply({"app_id": "a"})]) as server:
        async with connect(AsyncClient, server) as client:
            for _ in range(2):
                bundles = client.read_session("s")
                await anext(bundles)
                await bundles.aclose()
            assert not client._transport._pool.sender._open
            assert (await client.whoami()).app_id == "a"


async def test_a_reader_that_ended_gives_its_connection_back() -> None:
    with WireServer(FORMS["tar.gz"]()) as server:
        async with connect(AsyncClient, server) as client:
            for _ in range(3):
                assert len([bundle async for bundle in client.read_session("s")]) == 5
    assert server.connections == 1


async def test_nothing_is_asked_before_the_first_bundle_is() -> None:
    with WireServer(FORMS["frames"]()) as server:
        async with connect(AsyncClient, server) as client:
            bundles = client.read_session("s")
            assert server.requests == []
            assert await anext(bundles) == BUNDLES[0]
            await bundles.aclose()
