"""What a client is told once, when it is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from moonsense.errors import ConfigurationError

Wire = Literal["auto", "json", "protobuf"]
"""What is asked for and sent.

``auto`` and ``protobuf`` ask for protobuf first and take JSON from a cloud
that has nothing else; ``json`` asks for JSON only.
"""


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


def checked_wire(wire: Wire) -> Wire:
    """The wire as it is, or a ConfigurationError that says what there is."""
    if wire not in get_args(Wire):
        raise ConfigurationError(f"wire must be one of {', '.join(get_args(Wire))}, not {wire!r}")
    return wire
