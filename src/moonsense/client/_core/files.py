"""The one file of an archive, as it is: for packet captures."""

from __future__ import annotations

from moonsense.client._core.content import Content
from moonsense.client._core.requests import Request
from moonsense.client._core.resume import Reading
from moonsense.errors import DecodeError


class MemberFile(Reading[bytes]):
    """Push reader of answers that are a tar.gz: raw bytes in, the content of its one file out.

    Nothing is extracted: the file's name and rights in the archive are not used.
    """

    def __init__(self, request: Request, where: str) -> None:
        super().__init__(request, where, archive=True)

    def _begun(self, content: Content) -> None:
        if not content.archived:
            raise DecodeError(f"the answer is {content.head.media_type}, not an archive", where=self.where)

    def _take(self, content: bytes) -> bytes:
        return content

    def _last(self) -> bytes:
        return b""
