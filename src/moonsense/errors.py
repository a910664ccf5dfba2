"""Every error that moonsense raises.

    MoonsenseError (a RuntimeError, as the published clients raised)
    ├── ConfigurationError          no token, or a setting that cannot be
    │   └── MissingExtraError       an optional dependency is not installed (an ImportError too)
    ├── RequestError                something between us and the cloud
    │   ├── ConnectionFailed        no connection, or it broke before an answer
    │   ├── RequestTimeout          no answer within the deadline
    │   └── ResponseError           the cloud answered with an error status
    │       ├── BadRequestError             400
    │       ├── AuthenticationError         401
    │       ├── PermissionDeniedError       403
    │       ├── NotFoundError               404
    │       ├── ConflictError               409
    │       ├── TooLargeError               413
    │       ├── UnprocessableError          422
    │       ├── RateLimitError              429
    │       └── ServerError                 5xx
    ├── DataError                   what arrived is not what it should be
    │   ├── DecodeError             not the JSON or protobuf of this message
    │   ├── IntegrityError          a digest or a checksum differs
    │   ├── IncompleteError         the end is missing
    │   ├── DamagedLedgerError      what a folder of downloads keeps of itself cannot be read
    │   └── SignatureError          a webhook is not from whoever knows the secret, or is too old
    ├── RecordingError              bundles that could not be sent; they are kept on it
    ├── CheckpointError             a consumer's checkpoints cannot be read or written
    │   └── LeaseLostError          another consumer has the session by now
    ├── StoreError                  an object store does not answer, or refuses
    └── SessionsError               some of many sessions failed; each one's error is on it
        ├── DownloadError               they could not be downloaded
        └── ExportError                 they could not be exported

Errors survive pickling, so they cross process borders whole, and none of
them holds a token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google.protobuf.message import Message

__all__ = [
    "AuthenticationError",
    "BadRequestError",
    "CheckpointError",
    "ConfigurationError",
    "ConflictError",
    "ConnectionFailed",
    "DamagedLedgerError",
    "DataError",
    "DecodeError",
    "DownloadError",
    "ExportError",
    "IncompleteError",
    "IntegrityError",
    "LeaseLostError",
    "MissingExtraError",
    "MoonsenseError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "RecordingError",
    "RequestError",
    "RequestTimeout",
    "ResponseError",
    "ServerError",
    "SessionsError",
    "SignatureError",
    "StoreError",
    "TooLargeError",
    "UnprocessableError",
    "error_for_status",
]


class MoonsenseError(RuntimeError):
    """The root of all errors of this package.

    Attributes:
        message: what happened, as ``str`` gives it.
        request_id: the ``X-Request-Id`` of the request that it is about, by
            which the cloud's log names it, or "".
    """

    request_id: str = ""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __reduce__(self) -> tuple[Any, ...]:
        # Keyword-only constructor arguments do not survive the default
        # pickling of exceptions, which calls cls(*args).
        return (_rebuild, (type(self), self.args, dict(self.__dict__)))


def _rebuild(cls: type[MoonsenseError], args: tuple[Any, ...], state: dict[str, Any]) -> MoonsenseError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigurationError(MoonsenseError):
    """A token, a setting or an extra is missing or cannot be used."""


class MissingExtraError(ConfigurationError, ImportError):
    """A feature was used whose optional dependencies are not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs the extra {extra!r}: pip install 'moonsense[{extra}]'")
        self.extra = extra


class RequestError(MoonsenseError):
    """A request did not succeed.

    Attributes:
        method: the HTTP method, or "" when the request was never made.
        url: the address without credentials and without its query.
        request_id: the answer's ``X-Request-Id``; without one, that which was sent.
        sent: whether the request may have reached the cloud. When it is False,
            sending it again repeats nothing.
        status: of the answer; None without one.
        type, param: what it said; "" without one.
    """

    status: int | None = None
    type: str = ""
    param: str = ""

    def __init__(
        self, message: str, *, method: str = "", url: str = "", request_id: str = "", sent: bool = True
    ) -> None:
        super().__init__(message)
        self.method = method
        self.url = url
        self.request_id = request_id
        self.sent = sent


class ConnectionFailed(RequestError):
    """No connection could be made, or it broke before the answer was whole."""


class RequestTimeout(RequestError):
    """The cloud did not answer within the time that was given."""


class ResponseError(RequestError):
    """The cloud answered, with a status other than success.

    Attributes:
        status: the HTTP status.
        type: the kind of error in the cloud's words, such as ``not_found_error``.
        param: the field or parameter it is about, or "".
        detail: the cloud's own message.
        retry_after: seconds the cloud asked to wait, or None.
    """

    status: int

    def __init__(
        self,
        message: str,
        *,
        status: int,
        type: str = "",
        param: str = "",
        detail: str = "",
        retry_after: float | None = None,
        method: str = "",
        url: str = "",
        request_id: str = "",
    ) -> None:
        super().__init__(message, method=method, url=url, request_id=request_id)
        self.status = status
        self.type = type
        self.param = param
        self.detail = detail
        self.retry_after = retry_after


class BadRequestError(ResponseError):
    """400: the cloud could not read the request."""


class AuthenticationError(ResponseError):
    """401: there was no token, or it is not known or no longer valid."""


class PermissionDeniedError(ResponseError):
    """403: the token is good, but not for this."""


class NotFoundError(ResponseError):
    """404: there is no such thing in the token's project."""


class ConflictError(ResponseError):
    """409: the request contradicts what is there."""


class TooLargeError(ResponseError):
    """413: the body is larger than the cloud takes."""


class UnprocessableError(ResponseError):
    """422: a field breaks a rule; ``param`` names it."""


class RateLimitError(ResponseError):
    """429: too many requests; ``retry_after`` says how long to wait."""


class ServerError(ResponseError):
    """5xx: the cloud failed."""


_BY_STATUS: dict[int, type[ResponseError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    413: TooLargeError,
    422: UnprocessableError,
    429: RateLimitError,
}


def error_for_status(status: int) -> type[ResponseError]:
    """The class of the error for an HTTP status that is not success."""
    if status >= 500:
        return ServerError
    return _BY_STATUS.get(status, ResponseError)


class DataError(MoonsenseError):
    """What arrived is not what it should be.

    Attributes:
        where: the session, chunk or file it was in, such as ``session abc, chunk def``, or "".
    """

    def __init__(self, message: str, *, where: str = "") -> None:
        super().__init__(f"{where}: {message}" if where else message)
        self.reason = message
        self.where = where


class DecodeError(DataError):
    """Bytes that are not the JSON or protobuf of the message expected.

    Attributes:
        line: the line, from 1, of a text of many documents, or None.
        path: the field, such as ``bundle.pointer_data[3].position.dx``, or "".
        offset: the byte the reader stopped at, or None.
        reason: what was wrong, without the place.
    """

    def __init__(
        self,
        reason: str,
        *,
        line: int | None = None,
        path: str = "",
        offset: int | None = None,
        where: str = "",
    ) -> None:
        place = [f"line {line}"] if line is not None else []
        if path:
            place.append(path)
        if offset is not None:
            place.append(f"byte {offset}")
        super().__init__(f"{', '.join(place)}: {reason}" if place else reason, where=where)
        self.reason = reason
        self.line = line
        self.path = path
        self.offset = offset


class IntegrityError(DataError):
    """A digest or a checksum differs from the one that was announced."""


class IncompleteError(DataError):
    """The end is missing: a body or a file stopped before it was whole."""


class DamagedLedgerError(DataError):
    """The ledger of a folder of downloads cannot be read; `where` is the file."""


class SignatureError(DataError):
    """A webhook's signature is missing, wrong or too old."""


class RecordingError(MoonsenseError):
    """Bundles could not be sent.

    Attributes:
        session_id: the session they belong to.
        unsent: the bundles, in order; nothing of them is lost.
    """

    def __init__(self, message: str, *, session_id: str = "", unsent: Sequence[Message] = ()) -> None:
        super().__init__(message)
        self.session_id = session_id
        self.unsent = list(unsent)


class CheckpointError(MoonsenseError):
    """The store of a consumer's checkpoints cannot be used."""


class LeaseLostError(CheckpointError):
    """Another consumer took over the session; what was done of the chunk is not committed."""


class StoreError(MoonsenseError):
    """An object store does not answer, or refuses: no such bucket, no credentials, no connection."""


class SessionsError(MoonsenseError):
    """Some of many sessions failed; the others did not.

    Attributes:
        failures: the error of each, by session id.
    """

    _SHOWN = 20
    _DONE = "done"

    def __init__(self, failures: Mapping[str, Exception], count: int) -> None:
        lines = [f"{session_id}: {error}" for session_id, error in failures.items()]
        more = f"; and {len(lines) - self._SHOWN} more" if len(lines) > self._SHOWN else ""
        told = "; ".join(lines[: self._SHOWN])
        super().__init__(f"{len(lines)} of {count} sessions could not be {self._DONE}: {told}{more}")
        self.failures = dict(failures)


class DownloadError(SessionsError):
    """Some of many sessions could not be downloaded; the others were."""

    _DONE = "downloaded"


class ExportError(SessionsError):
    """Some of many sessions could not be exported; the others were."""

    _DONE = "exported"
