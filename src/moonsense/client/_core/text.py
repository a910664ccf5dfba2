"""The bundles in an answer's body as the NDJSON that they are: for downloads."""

from __future__ import annotations

import orjson

from moonsense.client._core.bundles import BundleCount
from moonsense.client._core.content import Content
from moonsense.client._core.requests import Request
from moonsense.client._core.resume import Reading
from moonsense.codec import json
from moonsense.codec.frames import FrameParser
from moonsense.codec.objects import count_objects
from moonsense.errors import DecodeError
from moonsense.models.bundle_v2_pb2 import SealedBundle


class BundleText(Reading[bytes]):
    """Push converter of answers: raw bytes in, whole lines of NDJSON out.

    Lines are passed on as the cloud wrote them, fields that we do not know
    included; each is checked to be one JSON object.
    """

    def __init__(self, request: Request, where: str) -> None:
        super().__init__(request, where, archive=True)
        self._frames: FrameParser[SealedBundle] | None = None
        self._count = BundleCount(where)
        self._rest = bytearray()
        self._line = 0

    def _begun(self, content: Content) -> None:
        self._count.expect(content.head)
        if content.frames and self._frames is None:
            self._frames = FrameParser(SealedBundle, where=self.where)

    def _take(self, content: bytes) -> bytes:
        if self._frames is not None:
            return self._written(self._frames.feed(content))
        end = content.rfind(b"\n") + 1
        if not end:
            self._rest += content
            return b""
        lines = self._checked(bytes(self._rest) + content[:end] if self._rest else content[:end])
        self._rest[:] = content[end:]
        return lines

    def _last(self) -> bytes:
        parser = self._frames
        last = self._checked(bytes(self._rest)) if parser is None else self._written(parser.close())
        self._count.check()
        return last

    def _written(self, bundles: list[SealedBundle]) -> bytes:
        self._count.add(len(bundles))
        return b"".join(map(json.write_line, bundles))

    def _checked(self, text: bytes) -> bytes:
        """Whole lines, each of them checked and ended, and none of them blank."""
        count = count_objects(text)
        if count is not None:  # as nearly always
            self._line += count
            self._count.add(count)
            return text
        lines = text.split(b"\n")
        if not lines[-1]:
            lines.pop()  # what follows the last line's end
        blank = 0
        for number, line in enumerate(lines, start=self._line + 1):
            try:
                document = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                if not line or line.isspace():
                    blank += 1
                    continue
                raise DecodeError(
                    f"this is no JSON: {error.msg}", line=number, offset=error.pos, where=self.where
                ) from None
            if not isinstance(document, dict):
                raise DecodeError("this is no JSON object", line=number, where=self.where)
        self._line += len(lines)
        self._count.add(len(lines) - blank)
        if not blank and text.endswith(b"\n"):
            return text
        return b"".join(line + b"\n" for line in lines if line and not line.isspace())
