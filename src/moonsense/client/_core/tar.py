"""The one file of a tar stream, read as it arrives and never written to a disk.

Formats: ustar and what extends it, the headers of POSIX pax and of GNU tar
(IEEE Std 1003.1, "pax Interchange Format"). The name of the file is not used.
"""

from __future__ import annotations

from collections.abc import Iterator

from moonsense.errors import IncompleteError, IntegrityError

_BLOCK = 512
_REGULAR = (b"0", b"\0", b"7")
_EXTENSIONS = (b"x", b"g", b"L", b"K")
_LARGEST_EXTENSION = 1024 * 1024
"""Bytes of a header's extension that are held: names and times are far below."""

_KINDS = {b"1": "a hard link", b"2": "a symbolic link", b"3": "a device", b"4": "a device",
          b"5": "a folder", b"6": "a pipe", b"S": "a sparse file"}  # fmt: skip


class SingleFile:
    """The content of an archive that holds exactly one regular file.

    Anything else in it is an IntegrityError.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._block = bytearray()
        self._files = 0
        self._left = 0  # bytes of the file still to come
        self._padding = 0  # bytes behind the file up to a whole block
        self._extension: bytearray | None = None
        self._extension_left = 0
        self._is_pax = False
        self._long_size: int | None = None
        self._ended = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The file's content within the next bytes."""
        position = 0
        while position < len(data):
            rest = len(data) - position
            if self._left:
                take = min(self._left, rest)
                self._left -= take
                yield data[position : position + take] if take < len(data) else data
            elif self._padding:
                take = min(self._padding, rest)
                self._padding -= take
            elif self._ended:
                take = rest
                if data.count(0, position) != take:
                    raise self._wrong("there is something behind the end of the archive")
            elif self._extension is not None:
                take = min(self._extension_left, rest)
                self._extension += data[position : position + take]
                self._extension_left -= take
                if self._extension_left == 0:
                    if self._is_pax:
                        self._read_records(bytes(self._extension))
                    self._extension = None
            else:
                take = min(_BLOCK - len(self._block), rest)
                self._block += data[position : position + take]
                if len(self._block) == _BLOCK:
                    self._read_header(bytes(self._block))
                    self._block.clear()
            position += take

    def close(self) -> None:
        """Raises IncompleteError when the archive was cut, IntegrityError when it was empty."""
        if self._left or self._padding or self._block or self._extension is not None:
            raise IncompleteError("the archive stops before its end", where=self._where)
        if self._files == 0:
            raise self._wrong("the archive holds no file")

    def _read_header(self, block: bytes) -> None:
        if not any(block):
            self._ended = True
            return
        if _number(block[148:156]) != sum(block) - sum(block[148:156]) + 8 * 0x20:
            raise self._wrong("this is no archive, or it is damaged")
        kind = block[156:157]
        size = _number(block[124:136])
        if size is None or size < 0:
            raise self._wrong("the archive does not say how long its file is")
        if kind in _EXTENSIONS:
            if size > _LARGEST_EXTENSION:
                raise self._wrong(f"a header of {size} bytes")
            if size:
                self._extension = bytearray()
                self._extension_left = size + -size % _BLOCK
                self._is_pax = kind in (b"x", b"g")
            return
        if kind not in _REGULAR or (kind == b"\0" and block[:100].rstrip(b"\0").endswith(b"/")):
            what = _KINDS.get(kind, "a folder" if kind == b"\0" else f"a member of type {kind!r}")
            raise self._wrong(f"the archive holds {what} instead of one file")
        if self._files:
            raise self._wrong("the archive holds more than one file")
        self._files = 1
        if self._long_size is not None:
            size, self._long_size = self._long_size, None
        self._left = size
        self._padding = -size % _BLOCK

    def _read_records(self, content: bytes) -> None:
        """Of the records only the size matters: files of 8 GiB and more have it there."""
        for line in content.split(b"\n"):
            _, _, record = line.partition(b" ")
            key, _, value = record.partition(b"=")
            if key == b"size" and value.isdigit():
                self._long_size = int(value)

    def _wrong(self, what: str) -> IntegrityError:
        return IntegrityError(what, where=self._where)


def _number(field: bytes) -> int | None:
    """A number of a header: octal digits, or binary when the first bit is set (GNU)."""
    if field[0] & 0x80:
        return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
    digits = field.strip(b" \0")
    try:
        return int(digits or b"0", 8)
    except ValueError:
        return None
