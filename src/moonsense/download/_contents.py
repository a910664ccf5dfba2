"""What the files of a session hold: counted, and summed up in digests."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

import orjson

from moonsense.codec import json
from moonsense.contract.counters import BUNDLE, PACKET
from moonsense.contract.layout import BUNDLES, METADATA, PACKETS
from moonsense.errors import DataError, DecodeError, IncompleteError
from moonsense.models.data_plane_v2_sdk_pb2 import Session


class Digest(NamedTuple):
    """A file's length in bytes and its SHA-256 in hex."""

    size: int
    sha256: str

    @classmethod
    def of(cls, content: bytes) -> Digest:
        """Of what a file holds."""
        return cls(len(content), hashlib.sha256(content).hexdigest())

    @classmethod
    def of_file(cls, path: Path) -> Digest:
        """Of a file, read piece by piece. Raises OSError."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
            return cls(file.tell(), digest.hexdigest())


@dataclass
class Contents:
    """What lies in a session's folder.

    Attributes:
        bundles: how many there are.
        last_index: the greatest index of a bundle; None when none has one.
        final: whether a bundle is marked as the session's last.
        files: the digest of each file, by name.
    """

    bundles: int = 0
    last_index: int | None = None
    final: bool = False
    files: dict[str, Digest] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(digest.size for digest in self.files.values())


class Tally:
    """Writes lines of bundles to a file, and counts what goes by.

    The lines are JSON objects of sealed bundles, checked by whoever reads them;
    here only the index and the mark of the last bundle are looked for. No other
    field has such a name and a bare number or ``true`` for a value, and inside
    of a string the quotes would be escaped.
    """

    # In one go, for each search takes a good part of the time that a digest takes.
    _MARKS = re.compile(rb'"i(?:ndex":\s*(\d+)|s_final_bundle":\s*true)')

    def __init__(self, file: BinaryIO | None = None) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self._size = 0
        self.bundles = 0
        self.last_index: int | None = None
        self.final = False

    def write(self, lines: bytes) -> None:
        """Take whole lines."""
        if self._file is not None:
            self._file.write(lines)
        self._sha256.update(lines)
        self._size += len(lines)
        self.bundles += lines.count(b"\n")
        marks = self._MARKS.findall(lines)
        greatest = max(map(int, filter(None, marks)), default=None)
        if greatest is not None and (self.last_index is None or greatest > self.last_index):
            self.last_index = greatest
        self.final = self.final or b"" in marks

    @property
    def digest(self) -> Digest:
        """Of all lines."""
        return Digest(self._size, self._sha256.hexdigest())

    def contents(self, metadata: Digest, packets: Digest | None) -> Contents:
        """Of a folder with these bundles and other files."""
        files = {METADATA: metadata, BUNDLES: self.digest}
        if packets is not None:
            files[PACKETS] = packets
        return Contents(self.bundles, self.last_index, self.final, files)


class Told(NamedTuple):
    """What a cloud says of how much there is of a session.

    Attributes:
        bundles, packets: how many there are.
        newest: the time of the newest event, in epoch microseconds.
        sha256: of all that the cloud says of the session, as a message.
    """

    bundles: int
    packets: int
    newest: int
    sha256: str

    @classmethod
    def by(cls, session: Session) -> Told:
        """What a session's own message says."""
        return cls(
            _total(session, BUNDLE),
            _total(session, PACKET),
            session.newest_event.ToMicroseconds(),
            hashlib.sha256(session.SerializeToString(deterministic=True)).hexdigest(),
        )


def _total(session: Session, name: str) -> int:
    """A counter of a session; reading a map's missing key would put it there."""
    return session.counters[name].total if name in session.counters else 0


def read_found(folder: Path) -> tuple[Contents, Session]:
    """Read a folder that some version left, of which nothing is known; every line of it.

    Raises:
        DataError: it is not whole: a line is broken or cut off, or there are fewer
            bundles than its metadata says.
        OSError: a file is missing or cannot be read.
    """
    metadata = (folder / METADATA).read_bytes()
    session = json.parse(metadata, Session, where=str(folder / METADATA))
    tally = Tally()
    with (folder / BUNDLES).open("rb") as file:
        for number, line in enumerate(file, start=1):
            _check_line(line, number, folder / BUNDLES)
            tally.write(line)
    told = Told.by(session)
    if tally.bundles < told.bundles:
        raise IncompleteError(
            f"there are {tally.bundles} bundles, and {told.bundles} in the metadata", where=str(folder)
        )
    packets = Digest.of_file(folder / PACKETS) if (folder / PACKETS).exists() else None
    if told.packets and packets is None:
        raise DataError("the packets are missing", where=str(folder))
    return tally.contents(Digest.of(metadata), packets), session


def _check_line(line: bytes, number: int, path: Path) -> None:
    if not line.endswith(b"\n"):
        raise IncompleteError(f"line {number} is cut off", where=str(path))
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise DecodeError(f"this is no JSON: {error.msg}", line=number, where=str(path)) from None
    if not isinstance(document, dict):
        raise DecodeError("this is no JSON object", line=number, where=str(path))
