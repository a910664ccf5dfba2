"""The one file of an archive, out of answers that may break off."""

from __future__ import annotations

import io
import tarfile

import pytest

from moonsense.client._core.answers import Head
from moonsense.client._core.files import MemberFile
from moonsense.client._core.requests import Request
from moonsense.errors import DecodeError, IntegrityError

REQUEST = Request("GET", "http://cloud.test/packets", {})
CAPTURE = bytes(range(256)) * 20


def archive(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def head(body: bytes, status: int = 200, **headers: str) -> Head:
    given = {"content-type": "application/octet-stream", "content-length": str(len(body)), **headers}
    return Head(status, {name.replace("_", "-"): value for name, value in given.items()})


def test_the_file_is_what_comes_out() -> None:
    body = archive(("../../etc/passwd", CAPTURE))
    reading = MemberFile(REQUEST, "session s")
    reading.begin(head(body))
    assert b"".join(reading.feed(body)) + reading.close() == CAPTURE


def test_it_goes_on_in_another_answer() -> None:
    body = archive(("a.pcap", CAPTURE))
    reading = MemberFile(REQUEST, "session s")
    reading.begin(head(body, etag='"one"'))
    first = b"".join(reading.feed(body[:100]))
    assert reading.broke_off() == 1
    assert reading.request.headers["Range"] == "bytes=100-"
    rest = body[100:]
    reading.begin(head(rest, 206, content_range=f"bytes 100-{len(body) - 1}/{len(body)}"))
    assert first + b"".join(reading.feed(rest)) + reading.close() == CAPTURE
    assert reading.broke_off() is None


@pytest.mark.parametrize("members", [[], [("a", b"1"), ("b", b"2")]])
def test_anything_but_one_file_is_refused(members: list[tuple[str, bytes]]) -> None:
    body = archive(*members)
    reading = MemberFile(REQUEST, "session s")
    reading.begin(head(body))
    with pytest.raises(IntegrityError, match="session s"):
        _ = b"".join(reading.feed(body)) + reading.close()


@pytest.mark.parametrize("kind", ["application/json", "text/html", "application/vnd.tcpdump.pcap", ""])
def test_what_is_no_archive_is_refused(kind: str) -> None:
    with pytest.raises(DecodeError, match="session s"):
        MemberFile(REQUEST, "session s").begin(head(b"", **{"content-type": kind}))
