"""Bodies that break off: read on where they stopped, nothing twice, nothing left out."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import tarfile
from collections.abc import AsyncGenerator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from support.breaking import BreakingBody
from support.wire import Received, Reply, WireServer, connect, reply

from moonsense.client import AsyncClient
from moonsense.codec import json
from moonsense.codec.frames import frame
from moonsense.errors import (
    DataError,
    IncompleteError,
    IntegrityError,
    MoonsenseError,
    RequestTimeout,
    ResponseError,
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


FORMS: dict[str, tuple[bytes, dict[str, str]]] = {
    "ndjson": (NDJSON, {"content_type": NDJSON_TYPE}),
    "ndjson, gzip": (
        gzip.compress(NDJSON, mtime=0),
        {"content_type": NDJSON_TYPE, "content_encoding": "gzip"},
    ),
    "frames": (FRAMES, {"content_type": FRAMES_TYPE}),
    "tar.gz": (tar_gz(), {"content_type": TAR_TYPE}),
}


async def drained(bundles: AsyncGenerator[SealedBundle]) -> tuple[list[SealedBundle], MoonsenseError | None]:
    """What came before the end or the error, and the error."""
    read = []
    try:
        async for bundle in bundles:
            read += [bundle]
    except MoonsenseError as error:
        return read, error
    return read, None


@pytest.mark.parametrize(("chunked", "etag"), [(False, ""), (False, '"one"'), (True, '"one"')])
@pytest.mark.parametrize("form", FORMS)
async def test_a_break_at_any_byte_is_not_seen(form: str, chunked: bool, etag: str) -> None:
    body, headers = FORMS[form]
    cuts = [cut for length in range(len(body)) for cut in (length, None)]
    answer = BreakingBody(body, cuts, etag, headers, chunked=chunked)
    with WireServer(answer) as server:
        async with connect(AsyncClient, server) as client:
            for _ in body:
                assert await drained(client.read_session("s")) == (BUNDLES, None)
    assert len(answer.asked) == len(cuts)


@pytest.mark.parametrize("form", FORMS)
async def test_the_rest_is_asked_for_where_that_can_be(form: str) -> None:
    body, headers = FORMS[form]
    third = len(body) // 3
    answer = BreakingBody(body, [third, third, 3], '"one"', headers)
    with WireServer(answer) as server:
        async with connect(AsyncClient, server) as client:
            assert await drained(client.read_session("s")) == (BUNDLES, None)
    assert answer.asked == ["", f"bytes={third}-", f"bytes={2 * third}-", f"bytes={2 * third + 3}-"]
    assert {request.headers.get("if-range") for request in server.requests[1:]} == {'"one"'}


@pytest.mark.parametrize(
    "headers", [{"etag": 'W/"one"'}, {"etag": '"one"', "accept_ranges": "none"}, {"etag": "one"}, {}]
)
async def test_the_whole_is_asked_for_where_ranges_are_not_sure(headers: dict[str, str]) -> None:
    whole = reply(FRAMES, content_type=FRAMES_TYPE, **headers)
    with WireServer([whole.cut(len(whole.data) - 3), whole]) as server:
        async with connect(AsyncClient, server) as client:
            assert await drained(client.read_session("s")) == (BUNDLES, None)
    assert "range" not in server.requests[1].headers


@pytest.mark.parametrize("form", ["ndjson", "ndjson, gzip", "frames"])
async def test_a_chunk_is_read_on_too_and_its_md5_is_of_the_whole(form: str) -> None:
    body, headers = FORMS[form]
    digest = hashlib.md5(NDJSON).hexdigest()
    for etag in ("", '"one"'):
        for md5, fits in ((digest, True), ("0" * 32, form == "frames")):
            answer = BreakingBody(body, [60], etag, headers | {"x_moonsense_content_md5": md5})
            with WireServer(answer) as server:
                async with connect(AsyncClient, server) as client:
                    bundles, error = await drained(client.read_chunk("s", "c"))
            assert bundles == BUNDLES
            assert fits if error is None else isinstance(error, IntegrityError)


async def test_a_session_that_grew_meanwhile_is_read_on_to_its_new_end() -> None:
    grown = [*BUNDLES, SealedBundle(session_id="s", bundle=Bundle(index=6))]
    text = b"".join(map(json.write_line, grown))
    about = {"content_type": NDJSON_TYPE}
    for old_tag, new_tag in (({}, {}), ({}, {"etag": '"two"'}), ({"etag": 'W/"one"'}, {"etag": 'W/"two"'})):
        old = reply(NDJSON, x_moonsense_bundles="5", **about, **old_tag)
        new = reply(text, x_moonsense_bundles="6", **about, **new_tag)
        with WireServer([old.cut(len(old.data) - 30), new]) as server:
            async with connect(AsyncClient, server) as client:
                assert await drained(client.read_session("s")) == (grown, None)


async def test_our_cloud_gives_the_rest_of_a_session_that_grew() -> None:
    grown = [*BUNDLES, SealedBundle(session_id="s", bundle=Bundle(index=6))]
    text = b"".join(map(json.write_line, grown))
    about = {"content_type": NDJSON_TYPE}
    old = reply(NDJSON, etag='"s.5"', x_moonsense_bundles="5", **about)
    start = len(NDJSON) - 30
    place = {"etag": '"s.6"', "content_range": f"bytes {start}-{len(text) - 1}/{len(text)}"}
    part = reply(text[start:], 206, x_moonsense_bundles="6", **place, **about)
    with WireServer([old.cut(len(old.data) - 30), part.cut(len(part.data) - 10), part]) as server:
        async with connect(AsyncClient, server) as client:
            bundles, _ = await drained(client.read_session("s"))
    assert [request.headers.get("if-range") for request in server.requests[:3]] == [None, '"s.5"', '"s.6"']
    assert bundles == grown[: len(bundles)]
    with WireServer([old.cut(len(old.data) - 30), part]) as server:
        async with connect(AsyncClient, server) as client:
            assert await drained(client.read_session("s")) == (grown, None)
    # Another cloud must not: its tag says that this is something else.
    stranger = reply(text[start:], 206, **place, **about)
    with WireServer([old.cut(len(old.data) - 30), stranger, old]) as server:
        async with connect(AsyncClient, server) as client:
            assert await drained(client.read_session("s")) == (BUNDLES, None)


async def test_another_tag_is_another_thing() -> None:
    old = reply(NDJSON, content_type=NDJSON_TYPE, etag='"one"')
    for new in (
        reply(NDJSON, content_type=NDJSON_TYPE, etag='"two"'),
        reply(NDJSON, content_type=NDJSON_TYPE),
    ):
        with WireServer([old.cut(len(old.data) - 10), new]) as server:
            async with connect(AsyncClient, server) as client:
                bundles, error = await drained(client.read_session("s"))
        assert bundles == BUNDLES[:4]
        assert isinstance(error, IntegrityError)


async def test_a_tag_without_ranges_saves_the_comparison() -> None:
    whole = reply(NDJSON, content_type=NDJSON_TYPE, etag='"one"', accept_ranges="none")
    with WireServer([whole.cut(len(whole.data) - 10), whole]) as server:
        async with connect(AsyncClient, server) as client:
            assert await drained(client.read_session("s")) == (BUNDLES, None)


@pytest.mark.parametrize(
    "changed",
    [NDJSON.replace(b'"index":1', b'"index":7'), NDJSON[:100], b"", NDJSON[54:], FRAMES],
)
async def test_what_was_read_and_changed_is_an_error(changed: bytes) -> None:
    old = reply(NDJSON, content_type=NDJSON_TYPE)
    new = reply(changed, content_type=FRAMES_TYPE if changed == FRAMES else NDJSON_TYPE)
    with WireServer([old.cut(len(old.data) - 10), new]) as server:
        async with connect(AsyncClient, server) as client:
            bundles, error = await drained(client.read_session("s"))
    assert bundles == BUNDLES[:4]
    assert isinstance(error, IntegrityError)
    assert error.where == "session s"


async def test_a_part_that_is_not_the_one_asked_for_is_not_taken() -> None:
    whole = reply(FRAMES, content_type=FRAMES_TYPE, etag='"one"')
    size = len(FRAMES)
    wrong: list[dict[str, Any]] = [
        {},
        {"content_range": f"bytes 0-{size - 1}/{size}"},
        {"content_range": f"bytes 20-{size - 2}/{size}"},
        {"content_range": f"bytes 20-{size}/{size + 1}"},
        {"content_range": f"bytes 20-{size - 1}/*"},
        {"content_range": f"bytes 20-{size - 1}/{size}", "etag": '"two"'},
        {"content_range": f"bytes 20-{size - 1}/{size}", "content_encoding": "gzip"},
    ]
    for headers in wrong:
        part = reply(FRAMES[20:], 206, **{"content_type": FRAMES_TYPE, "etag": '"one"', **headers})
        with WireServer([whole.cut(len(whole.data) - size + 20), part, whole]) as server:
            async with connect(AsyncClient, server) as client:
                assert await drained(client.read_session("s")) == (BUNDLES, None)
        assert [r.headers.get("range") for r in server.requests] == [None, "bytes=20-", None]


async def test_a_part_that_was_not_asked_for_is_an_error() -> None:
    with WireServer(reply(FRAMES, 206, content_type=FRAMES_TYPE, content_range="bytes 0-9/10")) as server:
        async with connect(AsyncClient, server) as client:
            with pytest.raises(ResponseError):
                _ = [bundle async for bundle in client.read_session("s")]


async def test_an_end_that_was_not_announced_is_asked_for_again() -> None:
    """All of the body came, but not what ends it: there is no range behind it."""
    answer = BreakingBody(FRAMES, [], '"one"', {"content_type": FRAMES_TYPE}, chunked=True)
    first = BreakingBody(FRAMES, [], '"one"', {"content_type": FRAMES_TYPE}, chunked=True)

    def choose(request: Received) -> Reply:
        whole = answer(request)
        return whole if len(answer.asked) > 1 else whole.cut(len(first(request).data) - 5)

    with WireServer(choose) as server:
        async with connect(AsyncClient, server) as client:
            assert await drained(client.read_session("s")) == (BUNDLES, None)
    assert answer.asked == ["", f"bytes={len(FRAMES)}-", ""]


async def test_progress_counts_and_standing_still_does_not() -> None:
    body, headers = FORMS["frames"]
    size = len(body) // 5
    for etag in ("", '"one"'):
        # Each answer brings one bundle more.
        cuts = [size] * 4 if etag else [size, 2 * size, 3 * size, 4 * size]
        with WireServer(BreakingBody(body, cuts, etag, headers)) as server:
            async with connect(AsyncClient, server, tries=2) as client:
                assert await drained(client.read_session("s")) == (BUNDLES, None)
        # From here on none does.
        still = BreakingBody(body, [size, *(0 if etag else size for _ in range(9))], etag, headers)
        with WireServer(still) as server:
            async with connect(AsyncClient, server, tries=3) as client:
                bundles, error = await drained(client.read_session("s"))
        assert bundles == BUNDLES[:1]
        assert isinstance(error, IncompleteError)
        assert len(still.asked) == 3


async def test_one_try_is_one() -> None:
    answer = BreakingBody(FRAMES, [20], '"one"', {"content_type": FRAMES_TYPE})
    with WireServer(answer) as server:
        async with connect(AsyncClient, server, tries=1) as client:
            _, error = await drained(client.read_session("s"))
    assert isinstance(error, IncompleteError)
    assert len(answer.asked) == 1


async def test_it_does_not_go_on_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every answer brings something, and no end."""
    monkeypatch.setattr("moonsense.client._core.resume._MOST_ATTEMPTS", 7)
    one = frame(BUNDLES[0].SerializeToString())
    numbers = count(1)

    def endless(request: Received) -> Reply:
        whole = reply(one * 1_000, content_type=FRAMES_TYPE)
        return whole.cut(whole.data.index(b"\r\n\r\n") + 4 + next(numbers) * len(one))

    with WireServer(endless) as server:
        async with connect(AsyncClient, server, backoff=0) as client:
            bundles, error = await drained(client.read_session("s"))
    assert len(bundles) == 7
    assert isinstance(error, IncompleteError)


async def test_an_answer_that_stops_is_gone_on_with() -> None:
    answer = BreakingBody(FRAMES, [30], '"one"', {"content_type": FRAMES_TYPE}, hang=True)
    with WireServer(answer) as server:
        async with connect(AsyncClient, server, timeout=0.25) as client:
            assert await drained(client.read_session("s")) == (BUNDLES, None)
    assert answer.asked == ["", "bytes=30-"]


async def test_an_answer_that_always_stops_is_a_timeout() -> None:
    answer = BreakingBody(FRAMES, [0] * 9, '"one"', {"content_type": FRAMES_TYPE}, hang=True)
    with WireServer(answer) as server:
        async with connect(AsyncClient, server, timeout=0.2, tries=2) as client:
            _, error = await drained(client.read_session("s"))
    assert isinstance(error, RequestTimeout)
    assert len(answer.asked) == 2


async def test_a_download_is_gone_on_with(tmp_path: Path) -> None:
    for form in FORMS.values():
        for etag in ("", '"one"'):
            answer = BreakingBody(form[0], [10, 15], etag, form[1])
            with WireServer(answer) as server:
                async with connect(AsyncClient, server) as client:
                    await client.download_session("s", tmp_path / "s.json")
            lines = (tmp_path / "s.json").read_bytes().splitlines()
            assert [json.parse(line, SealedBundle) for line in lines] == BUNDLES
            assert answer.asked[1:] == (["bytes=10-", "bytes=25-"] if etag else ["", ""])


def digest_of(data: bytes, name: str) -> str:
    return base64.b64encode(hashlib.new(name.replace("-", ""), data).digest()).decode()


@pytest.mark.parametrize("header", ["repr_digest", "content_digest"])
@pytest.mark.parametrize("form", FORMS)
async def test_the_digests_of_an_answer_are_compared(form: str, header: str) -> None:
    body, headers = FORMS[form]
    both = f"sha-256=:{digest_of(body, 'sha-256')}:, sha-512=:{digest_of(body, 'sha-512')}:;x=1"
    good = [both, both.split(", ")[1], "md5=:AAAA:", "sha-256=nothing", f"unixsum=:AAAA:,{both}"]
    bad = [
        f"sha-256=:{digest_of(body[1:], 'sha-256')}:",
        both.replace("=:", "=:A", 1),
        "sha-512=:AAAA:",
        "sha-256=:A:",
    ]
    answers = [reply(body, **headers, **{header: value}) for value in (*good, *bad)]
    with WireServer(answers) as server:
        async with connect(AsyncClient, server) as client:
            for _ in good:
                assert await drained(client.read_session("s")) == (BUNDLES, None)
            for _ in bad:
                bundles, error = await drained(client.read_session("s"))
                assert bundles == BUNDLES
                assert isinstance(error, IntegrityError)
                assert header.replace("_", "-").title() in str(error)


async def test_digests_are_of_the_whole_and_of_each_part() -> None:
    whole = digest_of(FRAMES, "sha-256")
    first = reply(FRAMES, content_type=FRAMES_TYPE, etag='"one"', repr_digest=f"sha-256=:{whole}:")
    for rest, fits in ((FRAMES[30:], True), (FRAMES[29:-1], False)):
        for damaged in (False, True):
            part = reply(
                bytes([*FRAMES[30:-1], 0]) if damaged else FRAMES[30:],
                206,
                content_type=FRAMES_TYPE,
                etag='"one"',
                content_range=f"bytes 30-{len(FRAMES) - 1}/{len(FRAMES)}",
                content_digest=f"sha-256=:{digest_of(rest, 'sha-256')}:",
            )
            with WireServer([first.cut(len(first.data) - len(FRAMES) + 30), part]) as server:
                async with connect(AsyncClient, server) as client:
                    _, error = await drained(client.read_session("s"))
            assert (error is None) == (fits and not damaged)
            assert error is None or isinstance(error, DataError)
