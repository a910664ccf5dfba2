"""Answers of a cloud: to a message, or to the error that they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from moonsense.codec import json, protobuf
from moonsense.contract import headers as names
from moonsense.contract import media, waiting
from moonsense.errors import DataError, DecodeError, IncompleteError, ResponseError, error_for_status
from moonsense.models.common_v2_pb2 import ErrorResponse

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from moonsense.client._core.requests import Request

M = TypeVar("M", bound="Message")

SUCCESS = 200
"""The contract's status of success."""

PARTIAL = 206
"""The status of the rest of a body, when a request asked for a range."""

MAX_WHOLE_BYTES = 64 * 1024 * 1024
"""An answer that is held whole: far above any list or message, and not all of the memory."""

MAX_ERROR_BYTES = 64 * 1024
"""How much of an error's body is read: a message, not a page of a gateway."""

_EXCERPT = 300


class Head(NamedTuple):
    """Status and headers of an answer; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]

    @classmethod
    def of(cls, status: int, raw: Iterable[tuple[bytes, bytes]], request_id: str) -> Head:
        """From what was sent; ``request_id`` is the request's own, for a cloud that gives it none."""
        found: dict[str, str] = {}
        for name, value in raw:
            key = name.decode("latin-1").lower()
            try:
                text = value.decode()
            except UnicodeDecodeError:
                text = value.decode("latin-1")  # the alphabet that headers once had
            found[key] = f"{found[key]}, {text}" if key in found else text
        found.setdefault(names.REQUEST_ID.lower(), request_id)
        return cls(status, found)

    def get(self, name: str) -> str:
        """A header by its name in any case, or ""."""
        return self.headers.get(name.lower(), "")

    @property
    def media_type(self) -> str:
        """The ``Content-Type`` without parameters, lower case."""
        return media.base_type(self.get("Content-Type"))

    @property
    def request_id(self) -> str:
        """The cloud's name for the request, or ""."""
        return self.get(names.REQUEST_ID)

    @property
    def length(self) -> int | None:
        """The announced length of the body as it is sent, or None."""
        text = self.get("Content-Length")
        return int(text) if text.isdecimal() else None

    @property
    def says_its_end(self) -> bool:
        """Whether a body that is cut off can be told from one that is whole."""
        return self.length is not None or "chunked" in self.get("Transfer-Encoding").lower()


class Answer(NamedTuple):
    """An answer of status 200, read whole and decoded from its Content-Encoding."""

    request: Request
    head: Head
    body: bytes

    def message(self, message_type: type[M]) -> M:
        """The message of the body. Raises DecodeError or IncompleteError."""
        try:
            return self._parse(message_type)
        except DataError as error:
            error.request_id = self.head.request_id
            raise

    def _parse(self, message_type: type[M]) -> M:
        kind = self.head.media_type
        where = str(self.request)
        if kind == media.PROTOBUF:
            # A protobuf message that is cut between two fields is a message still.
            if not self.head.says_its_end:
                raise IncompleteError("the answer does not say where it ends", where=where)
            try:
                return protobuf.parse(self.body, message_type)
            except DecodeError as error:
                raise _placed(error, where) from None
        if kind.startswith("text/html"):
            raise DecodeError(f"the answer is {kind}, not a message; is this a cloud?", where=where)
        return json.parse(self.body, message_type, where=where)


def _placed(error: DecodeError, where: str) -> DecodeError:
    return DecodeError(error.reason, line=error.line, path=error.path, offset=error.offset, where=where)


def error_of(request: Request, head: Head, body: bytes, *, secret: str = "") -> ResponseError:
    """The error that an answer other than 200 is.

    Args:
        body: its body, or as much of it as there was.
        secret: the token; a server that echoes it does not bring it into the message.
    """
    problem = _problem(head, body)
    detail = problem.message
    if secret:
        detail = detail.replace(secret, "***")
    message = f"{request}: {head.status}"
    if problem.type:
        message += f" {problem.type}"
    if detail:
        message += f": {detail}"
    if problem.param and problem.param not in detail:
        message += f" (param {problem.param})"
    if head.request_id:
        message += f" (request id {head.request_id})"
    return error_for_status(head.status)(
        message,
        status=head.status,
        type=problem.type,
        param=problem.param,
        detail=detail,
        retry_after=retry_after(head),
        method=request.method,
        url=request.shown_url,
        request_id=head.request_id,
    )


def _problem(head: Head, body: bytes) -> ErrorResponse:
    """The cloud's own words; of a gateway's page or a broken body the first ones."""
    if not body:
        return ErrorResponse()
    try:
        if head.media_type == media.PROTOBUF:
            return protobuf.parse(body, ErrorResponse)
        return json.parse(body, ErrorResponse)
    except DecodeError:
        text = " ".join(body[: 4 * _EXCERPT].decode("utf-8", "replace").split())
        return ErrorResponse(message=text[:_EXCERPT])


def retry_after(head: Head, *, now: datetime | None = None) -> float | None:
    """Seconds that the answer asks to wait; None when it does not."""
    return waiting.retry_after(head.get("Retry-After"), head.get("Date"), now=now)
