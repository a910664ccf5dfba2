"""The border to the HTTP library: its exceptions end here and become ours.

It is in two halves, connections (httpcore2) and the client over them (httpx2),
which is loaded only where it is used. What can happen on the network has the
same names in both.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import TYPE_CHECKING

import httpcore2

from moonsense.errors import (
    ConfigurationError,
    ConnectionFailed,
    IncompleteError,
    MoonsenseError,
    RequestTimeout,
)

if TYPE_CHECKING:
    from moonsense.client._core.deadlines import Deadline
    from moonsense.client._core.requests import Request

_OF_CONNECTIONS = (
    httpcore2.TimeoutException,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.ProxyError,
    httpcore2.UnsupportedProtocol,
    httpcore2.ConnectionNotAvailable,
    UnicodeError,  # a host that IDNA cannot write
    OSError,  # ssl.SSLError too
)

_UNUSABLE = frozenset({"InvalidURL", "UnsupportedProtocol", "UnicodeError"})
_NEVER_SENT = frozenset({"ConnectError", "ProxyError", "LocalProtocolError", "SSLCertVerificationError"})
_NOT_YET = frozenset({"ConnectTimeout", "PoolTimeout"}) | _NEVER_SENT
_STEPS = {
    "ConnectTimeout": "no connection",
    "PoolTimeout": "no free connection",
    "WriteTimeout": "the request could not be sent",
    "ReadTimeout": "no answer",
}


def foreign() -> tuple[type[Exception], ...]:
    """Everything the HTTP library raises by itself."""
    if "httpx2" not in sys.modules:
        return _OF_CONNECTIONS
    import httpx2  # noqa: PLC0415

    of_client = (httpx2.HTTPError, httpx2.InvalidURL, httpx2.CookieConflict, httpx2.StreamError)
    return (*_OF_CONNECTIONS, *of_client)


def _is(error: Exception, names: Collection[str]) -> bool:
    return any(kind.__name__ in names for kind in type(error).__mro__)


def translate(error: Exception, request: Request, deadline: Deadline) -> MoonsenseError:
    """The error of ours for a failure before the answer was whole."""
    _forget_headers(error, request)
    if _is(error, _UNUSABLE):
        return ConfigurationError(f"{request}: the address cannot be used: {error}")
    if deadline.passed:
        return too_late(request, deadline, sent=not _is(error, _NOT_YET))
    if _is(error, ("TimeoutException",)):
        step = next((text for name, text in _STEPS.items() if _is(error, (name,))), "no answer")
        return RequestTimeout(
            f"{request}: {step} in the time given",
            method=request.method,
            url=request.shown_url,
            sent=not _is(error, _NOT_YET),
        )
    sent = not _is(error, _NEVER_SENT)
    what = "the connection broke" if sent else "no connection"
    return ConnectionFailed(
        f"{request}: {what}: {_reason(error)}", method=request.method, url=request.shown_url, sent=sent
    )


def too_late(request: Request, deadline: Deadline, *, sent: bool = True) -> RequestTimeout:
    """The error of a call whose deadline has passed."""
    return RequestTimeout(
        f"{request}: not done within the deadline of {deadline.seconds:g} s",
        method=request.method,
        url=request.shown_url,
        sent=sent,
    )


def translate_body(error: Exception, request: Request, where: str, deadline: Deadline) -> MoonsenseError:
    """The error of ours for a failure while a body was being read piece by piece."""
    _forget_headers(error, request)
    if deadline.passed:
        return too_late(request, deadline)
    if _is(error, ("TimeoutException",)):
        return RequestTimeout(
            f"{where}: the answer stopped and did not go on in the time given",
            method=request.method,
            url=request.shown_url,
        )
    return IncompleteError(f"the answer broke off: {_reason(error)}", where=where)


def _forget_headers(error: Exception, request: Request) -> None:
    """Take the request out of the library's error, which stays the cause of ours.

    It has the token, and there are packages that pickle an error with its
    causes, to send it to another process.
    """
    if _is(error, ("RequestError",)):
        import httpx2  # noqa: PLC0415 (it is there: the error is its own)

        assert isinstance(error, httpx2.RequestError)
        error.request = httpx2.Request(request.method, request.shown_url)


def _reason(error: BaseException) -> str:
    """The words of the innermost error, which names the actual cause."""
    while (inner := error.__cause__ or error.__context__) is not None:
        if not str(inner):
            break
        error = inner
    return str(error) or type(error).__name__
