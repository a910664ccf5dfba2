"""Spans for OpenTelemetry, where a program has set it up; nothing where it has not.

The attributes are those of its conventions for HTTP clients. Addresses are
without their query, and no header is among them.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from moonsense._version import version
from moonsense.errors import ResponseError

if TYPE_CHECKING:
    from moonsense.client._core.answers import Head
    from moonsense.client._core.requests import Request


_SET_UP_OUTSIDE = "OTEL_PYTHON_TRACER_PROVIDER" in os.environ
"""Whether the environment sets OpenTelemetry up, for programs that do not."""


def _trace() -> Any:
    """OpenTelemetry's module of spans where somebody takes them; else None, and nothing is loaded or made."""
    trace: Any = sys.modules.get("opentelemetry.trace")
    if trace is None:
        if not _SET_UP_OUTSIDE:
            return None
        try:
            from opentelemetry import trace  # noqa: PLC0415 (optional)
        except ImportError:
            return None
    return None if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider) else trace


def begin(request: Request, attempt: int) -> Any:
    """The span of one attempt, or None when nobody takes it."""
    trace = _trace()
    if trace is None:
        return None
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
    return trace.get_tracer("moonsense", version()).start_span(
        f"{request.method} {request.template}", kind=trace.SpanKind.CLIENT, attributes=attributes
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
