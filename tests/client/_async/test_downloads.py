"""Downloads of one session: a whole file, or the one that was there."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from support.wire import Reply, WireServer, connect, reply

from moonsense.client import AsyncClient
from moonsense.codec.frames import frame
from moonsense.errors import DataError, DecodeError, IncompleteError, NotFoundError
from moonsense.models.bundle_v2_pb2 import Bundle, SealedBundle

pytestmark = pytest.mark.anyio

LINES = [json.dumps({"session_id": "s", "bundle": {"index": n}, "a_new_field": [n]}) for n in range(1, 6)]
TEXT = "".join(line + "\n" for line in LINES).encode()
NDJSON_TYPE = "application/x-ndjson"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "session.json"
    path.write_text("what was there")
    return path


def content(path: Path) -> bytes:
    return path.read_bytes()


def rights(path: Path) -> int:
    return path.stat().st_mode


def beside(path: Path) -> list[str]:
    """The other files of the folder."""
    return [other.name for other in path.parent.iterdir() if other != path]


async def test_the_lines_of_the_cloud_are_the_file(target: Path) -> None:
    with WireServer(reply(TEXT, content_type=NDJSON_TYPE)) as server:
        async with connect(AsyncClient, server) as client:
            assert await client.download_session("s", str(target)) is None
    assert content(target) == TEXT
    assert beside(target) == []
    # Frames would lose the fields that we do not know.
    assert server.requests[0].headers["accept"].startswith(NDJSON_TYPE)


@pytest.mark.parametrize("text", [TEXT[:-1], b"\n" + TEXT.replace(b"\n", b"\n\n")])
async def test_every_line_is_one_document(target: Path, text: bytes) -> None:
    with WireServer(reply(text, content_type=NDJSON_TYPE, chunked=True)) as server:
        async with connect(AsyncClient, server) as client:
            await client.download_session("s", target)
    assert content(target) == TEXT


async def test_frames_become_lines(target: Path) -> None:
    bundles = [SealedBundle(session_id="s", bundle=Bundle(index=index)) for index in (1, 2)]
    body = b"".join(frame(bundle.SerializeToString()) for bundle in bundles)
    with WireServer(reply(body, content_type="application/x-protobuf-delimited")) as server:
        async with connect(AsyncClient, server) as client:
            await client.download_session("s", target)
    assert [json.loads(line)["bundle"] for line in content(target).splitlines()] == [
        {"index": 1},
        {"index": 2},
    ]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply({}, 404), NotFoundError),
        (reply(TEXT, content_type=NDJSON_TYPE).cut(250), IncompleteError),
        (reply(TEXT[:-5], content_type=NDJSON_TYPE), DecodeError),
        (reply(b'"a string"\n', content_type=NDJSON_TYPE), DecodeError),
        (reply(b"<html>", content_type="text/html"), DecodeError),
        (reply(TEXT, content_type=NDJSON_TYPE, x_moonsense_bundles="6"), IncompleteError),
        (reply(b"\x05abc", content_type="application/x-protobuf-delimited"), DataError),
    ],
)
async def test_a_failure_leaves_the_target_as_it_was(
    target: Path, answer: Reply, kind: type[Exception]
) -> None:
    with WireServer(answer) as server:
        async with connect(AsyncClient, server) as client:
            with pytest.raises(kind):
                await client.download_session("s", target)
    assert content(target) == b"what was there"
    assert beside(target) == []


async def test_a_failure_makes_no_target(tmp_path: Path) -> None:
    with WireServer(reply(TEXT, content_type=NDJSON_TYPE).cut(250)) as server:
        async with connect(AsyncClient, server) as client:
            with pytest.raises(IncompleteError, match="session s"):
                await client.download_session("s", tmp_path / "new.json")
    assert beside(tmp_path / "new.json") == []


async def test_the_broken_line_is_named(target: Path) -> None:
    with WireServer(reply(TEXT.replace(LINES[2].encode(), b'{"half": '), content_type=NDJSON_TYPE)) as server:
        async with connect(AsyncClient, server) as client:
            with pytest.raises(DecodeError, match="session s: line 3") as caught:
                await client.download_session("s", target)
    assert caught.value.line == 3


async def test_a_session_without_bundles_is_an_empty_file(target: Path) -> None:
    with WireServer(reply(b"", content_type=NDJSON_TYPE)) as server:
        async with connect(AsyncClient, server) as client:
            await client.download_session("s", target)
    assert content(target) == b""


async def test_a_link_stays_a_link(target: Path) -> None:
    link = target.with_name("link.json")
    link.symlink_to(target)
    with WireServer(reply(TEXT, content_type=NDJSON_TYPE)) as server:
        async with connect(AsyncClient, server) as client:
            await client.download_session("s", link)
    assert link.is_symlink()
    assert content(target) == TEXT


async def test_a_folder_is_no_target(tmp_path: Path) -> None:
    with WireServer(reply(TEXT, content_type=NDJSON_TYPE)) as server:
        async with connect(AsyncClient, server) as client:
            with pytest.raises(IsADirectoryError):
                await client.download_session("s", tmp_path)


async def test_a_device_is_written_to() -> None:
    device = Path(os.devnull)
    with WireServer(reply(TEXT, content_type=NDJSON_TYPE)) as server:
        async with connect(AsyncClient, server) as client:
            await client.download_session("s", device)
    assert content(device) == b""


async def test_the_file_has_the_rights_of_any_new_one(target: Path) -> None:
    new = target.with_name("new.json")
    with WireServer(reply(TEXT, content_type=NDJSON_TYPE)) as server:
        async with connect(AsyncClient, server) as client:
            await client.download_session("s", new)
    assert rights(new) == rights(target)
