"""HTTP/1.1 as bytes: what a request is sent as, and responses read out of what comes. No connection here.

The grammar of a response is llhttp's, the parser of Node.js, by way of httptools.
"""

from __future__ import annotations

from collections.abc import Mapping

import httpcore2
import httptools

_MAX_AROUND = 100 * 1024
"""Bytes before, between and behind the pieces of a body: a hundred times what servers send there."""

_SAY_LENGTH = frozenset({"POST", "PUT", "PATCH"})
"""Methods by which a body is expected, so that its length is told also when there is none (RFC 9110, 8.6)."""


def request_head(method: str, target: str, authority: str, headers: Mapping[str, str], length: int) -> bytes:
    """The lines before a request's body.

    Raises LocalProtocolError when a value would be more than its line.
    """
    lines = [f"{method} {target} HTTP/1.1\r\nHost: {authority}\r\n"]
    lines += [f"{name}: {value}\r\n" for name, value in headers.items()]
    if length or method in _SAY_LENGTH:
        lines.append(f"Content-Length: {length}\r\n")
    head = "".join(lines)
    if head.count("\n") != len(lines) + 1 or head.count("\r") != len(lines) + 1 or "\0" in head:
        raise httpcore2.LocalProtocolError("a header's value has a line's end in it")
    return (head + "\r\n").encode("ascii")


class ResponseReader:
    """Reads one response after the other out of the bytes of a connection.

    Attributes:
        status: of the response that is read.
        headers: names and values as they were sent.
        has_head: status and headers are there.
        is_whole: the response has ended.
        may_go_on: another request may be sent on the connection.
    """

    status: int
    headers: list[tuple[bytes, bytes]]
    _pieces: list[bytes]

    def __init__(self) -> None:
        self.may_go_on = True
        self._parser = httptools.HttpResponseParser(self)
        # None can be misunderstood by who asks one thing at a time, and there are servers that send it.
        self._parser.set_dangerous_leniencies(
            lenient_optional_cr_before_lf=True,
            lenient_chunked_length=True,
            lenient_spaces_after_chunk_size=True,
            lenient_keep_alive=True,  # after an answer of 1xx; after the last one it is asked for
        )
        self.begin()

    def begin(self) -> None:
        """Begin with another response (to any request but a HEAD, which no route has)."""
        self.status, self.headers = 0, []
        self.has_head = self.is_whole = False
        self._pieces = []
        self._around = 0

    def feed(self, data: bytes) -> None:
        """Take what came; nothing is the end of the connection.

        Raises RemoteProtocolError for what is no response, and for one that has
        not ended by then.
        """
        if not data:
            self._end()
            return
        self._around += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise httpcore2.RemoteProtocolError("the server changes to another protocol") from None
        except httptools.HttpParserError as error:
            self.may_go_on = False
            # What comes after a response is nobody's, and no fault of this one.
            if not self.is_whole:
                raise httpcore2.RemoteProtocolError(str(error)) from None
        if self._around > _MAX_AROUND and not self.is_whole:
            raise httpcore2.RemoteProtocolError(f"there are more than {_MAX_AROUND} bytes of headers")

    def take(self) -> list[bytes]:
        """The pieces of the body that came and nobody took yet."""
        pieces, self._pieces = self._pieces, []
        return pieces

    def _end(self) -> None:
        self.may_go_on = False
        if not self.has_head:
            raise httpcore2.RemoteProtocolError("the server closed the connection without an answer")
        if self._says_its_end():
            raise httpcore2.RemoteProtocolError("the server closed the connection before the body's end")
        self.is_whole = True

    def _says_its_end(self) -> bool:
        names = {name.lower(): value.lower() for name, value in self.headers}
        return b"content-length" in names or b"chunked" in names.get(b"transfer-encoding", b"")

    # What the parser calls.

    def on_message_begin(self) -> None:
        if self.is_whole:  # bytes that nobody asked for
            self.may_go_on = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.has_head:  # else it is in the trailer of a chunked body
            self.headers.append((name, value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        if self.is_whole:
            return
        self.status = self._parser.get_status_code()
        if self.status < 200:  # more follows
            self.headers = []
            return
        self.has_head = True

    def on_body(self, piece: bytes) -> None:
        if not self.is_whole:
            self._pieces.append(piece)
            self._around = 0

    def on_message_complete(self) -> None:
        if self.is_whole or not self.has_head:
            return
        self.is_whole = True
        self.may_go_on = self.may_go_on and self._parser.should_keep_alive()
