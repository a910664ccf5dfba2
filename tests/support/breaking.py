"""A body whose answers break off, from a cloud that knows ranges or one that does not."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from support.wire import Received, Reply, reply


@dataclass
class BreakingBody:
    """Answers with one body, each time cut after the next of ``cuts`` bytes, or whole for None; then whole.

    Attributes:
        body: as it is sent.
        etag: with one, ranges are known (RFC 9110).
        cuts: bytes of the body (or of the rest of it) that each answer has.
        headers: further ones, ``_`` for ``-``.
        hang: stop instead of ending the connection.
        asked: the ``Range`` of every request, "" without one.
    """

    body: bytes
    cuts: Iterable[int | None] = ()
    etag: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    chunked: bool = False
    hang: bool = False
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._cuts = iter(self.cuts)

    def __call__(self, request: Received) -> Reply:
        wanted = request.headers.get("range", "")
        self.asked.append(wanted)
        headers = dict(self.headers)
        body, status = self.body, 200
        if self.etag:
            headers |= {"etag": self.etag, "accept_ranges": "bytes"}
            found = re.fullmatch(r"bytes=(\d+)-", wanted)
            if found and request.headers.get("if-range", self.etag) == self.etag:
                start, size = int(found[1]), len(self.body)
                if start >= size:
                    return reply({"message": "behind the end"}, 416, content_range=f"bytes */{size}")
                body, status = self.body[start:], 206
                headers["content_range"] = f"bytes {start}-{size - 1}/{size}"
        whole = reply(body, status, chunked=self.chunked, **headers)
        cut = next(self._cuts, None)
        if cut is None:
            return whole
        shown = whole.cut(whole.data.index(b"\r\n\r\n") + 4 + cut)
        return Reply(shown.data, hang=True) if self.hang else shown
