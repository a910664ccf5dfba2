"""The body of an error answer: ``{"type", "param", "message"}`` (``ErrorResponse``)."""

from __future__ import annotations

from dataclasses import dataclass, fields

TYPES: dict[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "method_not_allowed_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "too_large_error",
    415: "unsupported_media_type_error",
    416: "range_not_satisfiable_error",
    422: "validation_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "unavailable_error",
}
"""The kind of error that goes with a status."""


@dataclass(eq=False)  # an exception that compares by value has no hash, and some tools keep them in sets
class Problem(Exception):
    """An error answer to be: raised where the cloud finds it, written in one place."""

    status: int
    message: str
    param: str = ""
    retry_after: int | None = None

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions are pickled by the positional arguments they were made
        # with, which leaves out those given by name.
        return (type(self), tuple(getattr(self, field.name) for field in fields(self)))

    @property
    def type(self) -> str:
        """The kind of error in the contract's words."""
        return TYPES.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")

    def __str__(self) -> str:
        return self.message
