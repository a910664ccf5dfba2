"""What the cloud's rooms hand to each other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from sqlalchemy import Connection

from moonsense.contract.paging import Key

T = TypeVar("T")


class Catalog(Protocol):
    """Reads and writes what is in the catalog, from any event loop."""

    async def read(self, query: Callable[[Connection], T]) -> T:
        """What a query gives."""
        ...

    async def write(self, job: Callable[[Connection], T]) -> T:
        """What a job gives, after the commit."""
        ...


@dataclass(frozen=True)
class Principal:
    """Who a token stands for, and what it may do."""

    project_id: str
    app_id: str
    credential_id: str
    scopes: str
    user_id: str = ""


@dataclass(frozen=True)
class TokenRecord:
    """A token as the catalog knows it: never the token itself. Times in microseconds since 1970."""

    credential_id: str
    project_id: str
    app_id: str
    scopes: str
    hint: str
    created_at: int
    revoked_at: int | None


@dataclass(frozen=True)
class SessionFilters:
    """Which sessions a listing is of. ``before_micros`` is exclusive, ``since_micros`` inclusive."""

    labels: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    journey_id: str | None = None
    client_session_group_id: str | None = None
    since_micros: int | None = None
    before_micros: int | None = None


@dataclass(frozen=True)
class DeliveryFilters:
    """Which deliveries of webhooks are meant. ``before_micros`` is exclusive, ``since_micros`` inclusive.

    ``failed``: those that were given up, or whose last try failed.
    """

    endpoint_id: str | None = None
    session_id: str | None = None
    event: str | None = None
    state: str | None = None
    since_micros: int | None = None
    before_micros: int | None = None
    delivery_ids: tuple[str, ...] = ()
    failed: bool = False


@dataclass(frozen=True)
class Place:
    """Where a page of a list begins and how far it goes.

    It begins behind ``after``, or without it ``offset`` items from the start,
    and holds ``limit`` items; with ``whole_second`` it goes on until the next
    item lies in an earlier second (see ``contract.paging``).
    """

    limit: int
    offset: int = 0
    after: Key | None = None
    whole_second: bool = False


@dataclass(frozen=True)
class Page(Generic[T]):
    """A part of a list: its items, how many the whole has, whether one follows, the last one's place."""

    items: list[T]
    total: int
    more: bool
    last: Key | None = None


@dataclass(frozen=True)
class Body:
    """Bytes to be streamed, their number known before the first is sent.

    ``sha256`` is of all of them, where it is known.
    """

    size: int
    _open: Callable[[int], AsyncIterator[bytes]] = field(repr=False)
    sha256: bytes | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._open(0)

    def begin_at(self, offset: int) -> AsyncIterator[bytes]:
        """The bytes from an offset on."""
        return self._open(offset)


@dataclass(frozen=True)
class StoredChunk:
    """A sealed chunk: its NDJSON, compressed as one gzip member, and the same bundles as frames."""

    chunk_id: str
    bundles: int
    md5: str
    ndjson_size: int
    ndjson_gz: Body
    frames: Body


@dataclass(frozen=True)
class Snapshot:
    """All bundles of a session at one moment, in one rendition, not compressed.

    A later snapshot of the same ``lineage`` begins with the very bytes of this
    one: bundles only ever come behind those that are there.
    """

    lineage: str
    bundles: int
    body: Body
