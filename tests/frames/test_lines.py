"""Lines out of streams of any kind, whatever comes at a time."""

from __future__ import annotations

import gzip
import io
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonsense.errors import DecodeError
from moonsense.frames import _lines
from moonsense.frames._lines import texts


class Few(io.RawIOBase):
    """Gives some bytes at a time, and at last a fault where one is given."""

    def __init__(self, data: bytes, sizes: list[int], fault: Exception | None = None) -> None:
        self._stream = io.BytesIO(data)
        self._sizes = sizes
        self._fault = fault

    def readinto(self, buffer: Any) -> int:
        size = self._sizes.pop() if self._sizes else len(buffer)
        count = self._stream.readinto(memoryview(buffer)[: max(size, 1)])
        if not count and self._fault:
            raise self._fault
        return count


class OnlyReads:
    """What has nothing but ``read``; asked for some bytes, it may give more."""

    def __init__(self, data: bytes, more: int = 0) -> None:
        self._stream = io.BytesIO(data)
        self._more = more

    def read(self, size: int) -> bytes:
        return self._stream.read(size + self._more)


def lines_of(stream: IO[bytes] | OnlyReads, *, tell: bool = False) -> list[tuple[int, bytes]]:
    """The number of lines before each text, and the text."""
    found = []
    for text in texts(stream, "here", "s"):  # type: ignore[arg-type]
        assert (text.where, text.session_id, text.lines) == ("here", "s", None)
        found.append((text.line, bytes(text.data)))
        if tell:
            text.lines = bytes(text.data).count(b"\n")
    return found


@pytest.mark.parametrize("buffer", [1, 7, 64, 1_000_000])
@pytest.mark.parametrize("tell", [True, False])
@given(data=st.data())
def test_texts_are_whole_lines(buffer: int, tell: bool, data: st.DataObject) -> None:
    content = data.draw(
        st.lists(st.sampled_from([b"\n", b"a", b"bc", b"\r\n", b"x" * 30]), max_size=40).map(b"".join)
    )
    sizes = data.draw(st.lists(st.integers(1, 20), max_size=20))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_lines, "BUFFER_BYTES", buffer)
        patch.setattr(_lines, "MAX_DOCUMENT_BYTES", 1_000_000)
        found = lines_of(Few(content, sizes), tell=tell)
    assert b"".join(text for _, text in found) == content
    assert all(text.endswith(b"\n") for _, text in found[:-1])
    before = b""
    for line, text in found:
        assert line == before.count(b"\n")
        before += text


CONTENT = b"".join(b"%d\n" % number for number in range(100_000)) + b"the last"


def in_a_pipe(path: Path) -> IO[bytes]:
    out, into = os.pipe()

    def write() -> None:
        with os.fdopen(into, "wb") as file:
            file.write(CONTENT)

    threading.Thread(target=write).start()
    return os.fdopen(out, "rb")


@pytest.mark.parametrize(
    "opened",
    [
        lambda path: path.open("rb", buffering=0),
        lambda path: path.open("rb"),
        lambda path: io.BytesIO(path.read_bytes()),
        lambda path: gzip.open(path.with_suffix(".gz")),  # noqa: SIM115 (who calls it closes it)
        lambda path: pa.input_stream(path.with_suffix(".gz")),
        in_a_pipe,
    ],
    ids=["raw", "buffered", "bytes", "gzip", "arrow", "pipe"],
)
@pytest.mark.parametrize("buffer", [1000, _lines.BUFFER_BYTES])
def test_any_stream_will_do(
    opened: Callable[[Path], IO[bytes]], buffer: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "some.txt"
    path.write_bytes(CONTENT)
    path.with_suffix(".gz").write_bytes(gzip.compress(CONTENT))
    monkeypatch.setattr(_lines, "BUFFER_BYTES", buffer)
    with opened(path) as stream:
        found = lines_of(stream)
    assert b"".join(text for _, text in found) == CONTENT
    assert (len(found) == 1) == (buffer > len(CONTENT))


@pytest.mark.parametrize("more", [0, 5000])
def test_a_stream_may_only_read(more: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lines, "BUFFER_BYTES", 1000)
    assert b"".join(text for _, text in lines_of(OnlyReads(CONTENT, more))) == CONTENT


def test_a_small_file_is_read_at_once(tmp_path: Path) -> None:
    path = tmp_path / "small.txt"
    for content in (b"a\nb\n", b"a\nb", b"a", b""):
        path.write_bytes(content)
        with path.open("rb", buffering=0) as stream:
            assert lines_of(stream) == ([(0, content)] if content else [])


def test_what_was_read_before_a_fault_comes_before_it() -> None:
    found: list[bytes] = []

    def read(some: Iterator[_lines.Text]) -> None:
        found.extend(bytes(text.data) for text in some)

    with pytest.raises(OSError, match="the disk is gone"):
        read(texts(Few(b"a\nb\nc", [1] * 5, OSError("the disk is gone")), "here", ""))  # type: ignore[arg-type]
    assert found == [b"a\nb\n"]


def test_a_line_without_end_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lines, "BUFFER_BYTES", 10)
    monkeypatch.setattr(_lines, "MAX_DOCUMENT_BYTES", 1000)
    with pytest.raises(DecodeError, match="longer than 1000 bytes") as caught:
        lines_of(io.BytesIO(b"a\nb\n" + b"x" * 5000))
    assert caught.value.line == 3


def test_a_text_is_gone_when_the_next_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lines, "BUFFER_BYTES", 10)
    first, second = list(texts(io.BytesIO(b"a\nb\nc\nd\ne\nf\n"), "here", ""))
    assert not first.is_last
    with pytest.raises(ValueError, match="released"):
        bytes(first.data)
    assert (second.is_last, bytes(second.data)) == (True, b"f\n")
