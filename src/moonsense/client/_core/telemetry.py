"""Spans for OpenTelemetry, where its API package is installed; nothing where it is not.

The attributes are those of its conventions for HTTP clients. Addresses are
without their query, and no header is among them.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from moonsense._version import version
from moonsense.errors import ResponseError

if TYPE_CHECKING:
    from moonsense.client._core.answers import Head
    from moonsense.client._core.requests import Request


@cache
def _tracer() -> Any:
    try:
        from opentelemetry import trace  # noqa: PLC0415 (optional, and a while to load)
    except ImportError:
        return None
    return trace.get_tracer("moonsense", version())


def begin(request: Request, attempt: int) -> Any:
    """The span of one attempt, or None without the package."""
    tracer = _tracer()
    if tracer is None:
        return None
    from opentelemetry.trace import SpanKind  # noqa: PLC0415

    host, port = request.server
    attributes = {
        "http.request.method": request.method,
        "url.full": request.shown_url,
        "url.template": request.template,
        "server.address": host,
        "server.port": port,
    }
    if attempt > 1:
        attributes["http.request.resend_count"] = attempt - 1
    return tracer.start_span(
        f"{request.method} {request.template}", kind=SpanKind.CLIENT, attributes=attributes
    )


def end(span: Any, head: Head | None, error: BaseException | None = None) -> None:
    """End a span with what came of it: an answer's head, or an error."""
    if span is None:
        return
    if head is not None:
        span.set_attribute("http.response.status_code", head.status)
        if head.request_id:
            span.set_attribute("http.response.header.x-request-id", [head.request_id])
    kind = ""
    if error is not None:
        kind = str(error.status) if isinstance(error, ResponseError) else type(error).__name__
    elif head is not None and head.status >= 400:
        kind = str(head.status)
    if kind:
        from opentelemetry.trace import StatusCode  # noqa: PLC0415

        span.set_attribute("error.type", kind)
        span.set_status(StatusCode.ERROR)
    span.end()
