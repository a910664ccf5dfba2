"""The one file of an archive, streamed; everything else is refused."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonsense.client._core.tar import SingleFile
from moonsense.errors import DataError, IncompleteError, IntegrityError

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def archive(*members: tarfile.TarInfo, content: bytes = b"", format: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as tar:
        for member in members:
            member.size = len(content) if member.isreg() else 0
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


def member(name: str = "bundles.json", **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for key, value in fields.items():
        setattr(info, key, value)
    return info


def read(data: bytes, step: int = 1000) -> bytes:
    reader = SingleFile("here")
    out = b"".join(
        piece for start in range(0, len(data), step) for piece in reader.feed(data[start : start + step])
    )
    reader.close()
    return out


@given(content=st.binary(max_size=3000), step=st.integers(1, 2000), format=st.sampled_from(sorted(FORMATS)))
def test_the_content_comes_out(content: bytes, step: int, format: str) -> None:
    assert read(archive(member(), content=content, format=FORMATS[format]), step) == content


@pytest.mark.parametrize("format", ["gnu", "pax"])
def test_headers_that_extend_others_are_understood(format: str) -> None:
    long_name = member("folder/" * 40 + "bundles.json", mtime=1.5)
    assert read(archive(long_name, content=b"abc", format=FORMATS[format])) == b"abc"


def test_a_size_of_a_pax_header_counts() -> None:
    data = bytearray(archive(member(pax_headers={"size": "3"}), content=b"abc"))
    start = data.index(b"bundles.json")
    data[start + 124 : start + 136] = b"00000000000\0"
    data[start + 148 : start + 156] = b" " * 8
    data[start + 148 : start + 156] = b"%06o\0 " % sum(data[start : start + 512])
    assert read(bytes(data)) == b"abc"


def test_a_size_in_binary_counts() -> None:
    reader = SingleFile("here")
    info = member()
    info.size = 9 * 1024**3
    assert list(reader.feed(info.tobuf(tarfile.GNU_FORMAT) + b"abc")) == [b"abc"]
    with pytest.raises(IncompleteError):
        reader.close()


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (tarfile.SYMTYPE, "symbolic link"),
        (tarfile.LNKTYPE, "hard link"),
        (tarfile.DIRTYPE, "folder"),
        (tarfile.FIFOTYPE, "pipe"),
        (tarfile.CHRTYPE, "device"),
    ],
)
def test_what_is_no_file_is_refused(kind: bytes, what: str) -> None:
    with pytest.raises(IntegrityError, match=what):
        read(archive(member(type=kind, linkname="/etc/passwd")))


def test_two_files_are_refused() -> None:
    with pytest.raises(IntegrityError, match="more than one"):
        read(archive(member("a"), member("b"), content=b"abc"))


def test_no_file_is_refused() -> None:
    with pytest.raises(IntegrityError, match="no file"):
        read(archive())


def test_a_path_outside_is_only_a_name() -> None:
    assert read(archive(member("/../../etc/passwd"), content=b"abc")) == b"abc"


def test_a_cut_anywhere_is_seen() -> None:
    data = archive(member(), content=b"x" * 700)
    end = 512 + 1024  # header and content; behind it lie only zeros
    for length in range(end):
        with pytest.raises(DataError):
            read(data[:length])
    assert read(data[:end]) == b"x" * 700


def test_something_behind_the_end_is_seen() -> None:
    with pytest.raises(IntegrityError, match="behind the end"):
        read(archive(member(), content=b"abc") + b"more")


def test_a_damaged_header_is_seen() -> None:
    data = bytearray(archive(member(), content=b"abc", format=tarfile.USTAR_FORMAT))
    data[3] ^= 1
    with pytest.raises(IntegrityError, match="damaged"):
        read(bytes(data))
