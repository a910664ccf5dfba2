"""The border to the HTTP library: its exceptions end here and become ours."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import httpx2

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

FOREIGN = (
    httpx2.HTTPError,
    httpx2.InvalidURL,
    httpx2.CookieConflict,
    httpx2.StreamError,
    UnicodeError,  # a host that IDNA cannot write
    OSError,  # ssl.SSLError too
)
"""Everything the HTTP library raises by itself."""

_UNUSABLE = (httpx2.InvalidURL, httpx2.UnsupportedProtocol, UnicodeError)
_NEVER_SENT = (
    httpx2.ConnectError,
    httpx2.ProxyError,
    httpx2.LocalProtocolError,
    ssl.SSLCertVerificationError,
)
_NOT_YET = (httpx2.ConnectTimeout, httpx2.PoolTimeout, *_NEVER_SENT)
_STEPS: tuple[tuple[type[Exception], str], ...] = (
    (httpx2.ConnectTimeout, "no connection"),
    (httpx2.PoolTimeout, "no free connection"),
    (httpx2.WriteTimeout, "the request could not be sent"),
    (httpx2.ReadTimeout, "no answer"),
)


def translate(error: Exception, request: Request, deadline: Deadline) -> MoonsenseError:
    """The error of ours for a failure before the answer was whole."""
    _forget_headers(error, request)
    if isinstance(error, _UNUSABLE):
        return ConfigurationError(f"{request}: the address cannot be used: {error}")
    if deadline.passed:
        return too_late(request, deadline, sent=not isinstance(error, _NOT_YET))
    if isinstance(error, httpx2.TimeoutException):
        step = next((text for kind, text in _STEPS if isinstance(error, kind)), "no answer")
        return RequestTimeout(
            f"{request}: {step} in the time given",
            method=request.method,
            url=request.shown_url,
            sent=not isinstance(error, _NOT_YET),
        )
    sent = not isinstance(error, _NEVER_SENT)
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
    if isinstance(error, httpx2.TimeoutException):
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
    if isinstance(error, httpx2.RequestError):
        error.request = httpx2.Request(request.method, request.shown_url)


def _reason(error: BaseException) -> str:
    """The words of the innermost error, which names the actual cause."""
    while (inner := error.__cause__ or error.__context__) is not None:
        if not str(inner):
            break
        error = inner
    return str(error) or type(error).__name__
