"""What a client is told once, when it is made."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from moonsense.errors import ConfigurationError

if TYPE_CHECKING:
    import os
    import ssl

    from moonsense.client._core.deadlines import Deadline

Wire = Literal["auto", "json", "protobuf"]
"""What is asked for and sent.

``auto`` and ``protobuf`` ask for protobuf first and take JSON from a cloud
that has nothing else; ``json`` asks for JSON only.
"""

EventHooks = Mapping[str, Sequence[Callable[[Any], Any]]]
"""Functions by ``request`` and ``response``, called with what the HTTP library sends and receives."""


class Unset(enum.Enum):
    """An option that was not given, where None has a meaning."""

    UNSET = "not given"

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET

KEEP_SECONDS = 4.0
"""How long an idle connection is kept.

Below the 5 s after which common servers close one: one that is being closed
from there fails the next request on it.
"""

MESSAGE_DEADLINE = 300.0
"""Seconds for a call that is answered by one message, when no deadline is given."""


@dataclass(frozen=True)
class Timeout:
    """How long each step of a request may take, in seconds; None is for ever.

    Attributes:
        connect: until there is a connection, TLS included.
        read: between two pieces of an answer, and until its first one.
        write: between two pieces of a request's body.
        pool: until one of the client's connections is free.
    """

    connect: float | None = 10.0
    read: float | None = 60.0
    write: float | None = 60.0
    pool: float | None = 60.0

    @classmethod
    def of(cls, value: float | Timeout | None) -> Timeout:
        """One number for every step, None for no limit at all, or a Timeout as it is."""
        if isinstance(value, Timeout):
            return value
        if value is not None and not value > 0:
            raise ConfigurationError(f"a timeout must be above 0 seconds, not {value!r}")
        return cls(value, value, value, value)

    def within(self, deadline: Deadline) -> dict[str, float | None]:
        """The steps as the HTTP library takes them, none longer than what is left."""
        steps = {"connect": self.connect, "read": self.read, "write": self.write, "pool": self.pool}
        if deadline.seconds is None:
            return steps
        return {step: deadline.cap(seconds) for step, seconds in steps.items()}


@dataclass(frozen=True)
class Network:
    """How connections are made. What may hold a secret does not show in ``repr``."""

    proxy: str | None = field(default=None, repr=False)
    verify: bool | str | os.PathLike[str] | ssl.SSLContext = True
    cert: str | tuple[str, str] | tuple[str, str, str] | None = field(default=None, repr=False)
    event_hooks: EventHooks | None = None
    transport: Any = None
    max_connections: int = 100

    @property
    def needs_library(self) -> bool:
        """Whether requests have to go through the HTTP library's client."""
        return self.transport is not None or self.proxy is not None or bool(self.event_hooks)

    @property
    def has_own_tls(self) -> bool:
        """Whether authorities or a certificate were given."""
        return self.verify is not True or self.cert is not None

    def with_context(self, context: ssl.SSLContext) -> Network:
        """The same with the authorities and the certificate of a context."""
        return replace(self, verify=context, cert=None)


_OURS = frozenset({"authorization", "host", "content-length", "transfer-encoding", "connection"})


def checked_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Headers to send besides ours. Raises ConfigurationError for those that are not the user's to set."""
    given = dict(headers or {})
    for name, value in given.items():
        if name.lower() in _OURS:
            raise ConfigurationError(f"the header {name} is set by the client itself")
        if not f"{name}{value}".isascii() or not f"{name}{value}".isprintable():
            raise ConfigurationError(f"the header {name!a} or its value has characters that no header has")
    return given


def checked_deadline(deadline: float | Unset | None) -> float | Unset | None:
    """The deadline as it is, or a ConfigurationError when it has passed before anything began."""
    if deadline is not UNSET and deadline is not None and not deadline > 0:
        raise ConfigurationError(f"a deadline must be above 0 seconds, not {deadline!r}")
    return deadline


def checked_wire(wire: Wire) -> Wire:
    """The wire as it is, or a ConfigurationError that says what there is."""
    if wire not in get_args(Wire):
        raise ConfigurationError(f"wire must be one of {', '.join(get_args(Wire))}, not {wire!r}")
    return wire
