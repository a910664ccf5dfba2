"""The bundles in an answer's body as the NDJSON that they are: for downloads."""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from moonsense.client._core.answers import Head
from moonsense.client._core.bundles import BundleCount, Content
from moonsense.codec import json
from moonsense.codec.frames import FrameParser
from moonsense.errors import DecodeError
from moonsense.models.bundle_v2_pb2 import SealedBundle


class BundleText:
    """Push converter of an answer: raw bytes in, whole lines of NDJSON out.

    Lines are passed on as the cloud wrote them, fields that we do not know
    included; each is checked to be one JSON object.
    """

    def __init__(self, head: Head, where: str) -> None:
        self._where = where
        self._content = Content(head, where, archive=True)
        self._frames = FrameParser(SealedBundle, where=where) if self._content.frames else None
        self._count = BundleCount(head, where)
        self._rest = b""
        self._line = 0

    def feed(self, raw: bytes) -> Iterator[bytes]:
        """The lines that the next raw bytes complete."""
        for piece in self._content.feed(raw):
            if self._frames is not None:
                yield self._written(self._frames.feed(piece))
            else:
                head, newline, tail = piece.rpartition(b"\n")
                if newline:
                    yield self._checked(self._rest + head)
                    self._rest = tail
                else:
                    self._rest += tail

    def close(self) -> bytes:
        """The last lines. Raises IncompleteError, IntegrityError or DecodeError."""
        self._content.close()
        last = self._written(self._frames.close()) if self._frames is not None else self._checked(self._rest)
        self._count.check()
        return last

    def _written(self, bundles: list[SealedBundle]) -> bytes:
        self._count.add(len(bundles))
        return b"".join(map(json.write_line, bundles))

    def _checked(self, text: bytes) -> bytes:
        lines = []
        for line in text.split(b"\n"):
            self._line += 1
            if not line.strip():
                continue
            try:
                document = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise DecodeError(
                    f"this is no JSON: {error.msg}", line=self._line, offset=error.pos, where=self._where
                ) from None
            if not isinstance(document, dict):
                raise DecodeError("this is no JSON object", line=self._line, where=self._where)
            lines.append(line)
        self._count.add(len(lines))
        return b"\n".join(lines) + b"\n" if lines else b""
