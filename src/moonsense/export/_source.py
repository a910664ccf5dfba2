"""What is exported: the sessions of a cloud, or of a folder of recordings."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa
import pyarrow.compute as pc

from moonsense.codec import json
from moonsense.codec.arrow.schema import BUNDLES as BUNDLES_TABLE
from moonsense.codec.ndjson import NdjsonParser
from moonsense.contract.counters import BUNDLE
from moonsense.contract.ids import is_id
from moonsense.contract.layout import BUNDLES, METADATA
from moonsense.errors import DataError, DecodeError, IncompleteError, NotFoundError
from moonsense.export._parts import Item
from moonsense.frames import Frame, read
from moonsense.models.bundle_v2_pb2 import SealedBundle
from moonsense.models.data_plane_v2_sdk_pb2 import Session

_BYTES_A_ROW = 60
"""Of a line of JSON, where nobody counted the rows."""

_PIECE = 1024 * 1024

_NO_DAY = date(1970, 1, 1).isoformat()


@runtime_checkable
class Client(Protocol):
    """What is needed of a client."""

    def list_sessions(self, *args: Any, **filters: Any) -> Iterable[Session]: ...
    def describe_session(self, session_id: str) -> Session: ...
    def read_session(self, session_id: str) -> Iterable[SealedBundle]: ...


class Source(Protocol):
    """Sessions, and what is in them. It can be pickled, and used in another process."""

    def items(self) -> Iterator[Item]:
        """The sessions that are wanted."""

    def again(self, session_id: str, day: str) -> Item | None:
        """A session that was exported before; None when it is here no more."""

    def frames(self, items: Sequence[Item], sensors: Sequence[str]) -> dict[str, Frame]:
        """The tables of some sessions. Raises what ``frames.read`` does."""

    def bundles(self, item: Item) -> Iterable[SealedBundle]:
        """The bundles of a session."""


class Cloud:
    """The sessions of a cloud that filters, or ids, choose."""

    def __init__(self, client: Client, sessions: Sequence[str] | None, filters: Mapping[str, Any]) -> None:
        self._client = client
        self._sessions = sessions
        self._filters = dict(filters)

    def items(self) -> Iterator[Item]:
        """The sessions that are wanted."""
        if self._sessions is not None:
            yield from (_described(self._client.describe_session(name)) for name in self._sessions)
            return
        for session in self._client.list_sessions(**self._filters):
            if BUNDLE not in session.counters:
                session = self._client.describe_session(session.session_id)
            yield _described(session)

    def again(self, session_id: str, day: str) -> Item | None:
        """A session that was exported before."""
        try:
            return _described(self._client.describe_session(session_id))
        except NotFoundError:
            return None

    def frames(self, items: Sequence[Item], sensors: Sequence[str]) -> dict[str, Frame]:
        """The tables of some sessions."""
        return read(self._client, list(sensors), sessions=[item.session_id for item in items])

    def bundles(self, item: Item) -> Iterable[SealedBundle]:
        """The bundles of a session, as the cloud received them."""
        return self._client.read_session(item.session_id)


def _described(session: Session) -> Item:
    totals = {name: counter.total for name, counter in session.counters.items()}
    bundles = totals.pop(BUNDLE, 0)
    day = session.created_at.ToDatetime(UTC).date().isoformat()
    version = f"bundles {bundles}, newest event {session.newest_event.ToMicroseconds()}"
    return Item(session.session_id, day, version, bundles + sum(totals.values()))


class Folder:
    """The recordings below a folder, all or some."""

    def __init__(self, folder: str | os.PathLike[str], sessions: Sequence[str] | None) -> None:
        self._folder = Path(folder).absolute()  # a worker may stand in another one
        self._sessions = None if sessions is None else frozenset(sessions)
        self._known: dict[str, Item] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_known": None}

    def items(self) -> Iterator[Item]:
        """The sessions that are wanted. Raises NotFoundError when one is not there."""
        known = self._all()
        for name in sorted(self._sessions - known.keys()) if self._sessions else ():
            raise NotFoundError(f"there is no session {name} below {self._folder}", status=404)
        yield from (
            item for item in known.values() if self._sessions is None or item.session_id in self._sessions
        )

    def again(self, session_id: str, day: str) -> Item | None:
        """A session that was exported before."""
        return self._all().get(session_id)

    def frames(self, items: Sequence[Item], sensors: Sequence[str]) -> dict[str, Frame]:
        """The tables of some sessions. Raises IncompleteError when one has too few bundles."""
        # Bundles are counted in the same pass: lines counted in another one cost as much.
        names = list(dict.fromkeys([*sensors, BUNDLES_TABLE]))
        columns = None if BUNDLES_TABLE in sensors else {BUNDLES_TABLE: ["session_id"]}
        frames = read([self._folder / item.path for item in items], names, columns=columns)
        self._check_bundles(items, frames[BUNDLES_TABLE].arrow["session_id"])
        return {name: frames[name] for name in sensors}

    def _check_bundles(self, items: Sequence[Item], session_ids: pa.ChunkedArray) -> None:
        if len(items) == 1:  # whatever id its lines have
            self._check_count(items[0], len(session_ids))
            return
        counted = pc.value_counts(session_ids.cast(pa.string())).to_pylist()
        counts = {one["values"]: one["counts"] for one in counted}
        for item in items:
            self._check_count(item, counts.get(item.session_id, 0))

    def _check_count(self, item: Item, count: int) -> None:
        if count < item.bundles:
            raise IncompleteError(
                f"there are {count} bundles, and {item.bundles} in the metadata",
                where=str((self._folder / item.path).parent),
            )

    def bundles(self, item: Item) -> Iterator[SealedBundle]:
        """The bundles of a session, as they lie there. Raises IncompleteError when they were too few."""
        count = 0
        for sealed in self._sealed(self._folder / item.path):
            count += 1
            yield sealed
        self._check_count(item, count)

    def _sealed(self, path: Path) -> Iterator[SealedBundle]:
        parser = NdjsonParser(SealedBundle, where=str(path))
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield from parser.feed(piece)
        yield from parser.close()

    def _all(self) -> dict[str, Item]:
        if self._known is None:
            if not self._folder.is_dir():
                raise FileNotFoundError(2, "there is no folder", str(self._folder))
            items = (self._item(path) for path in sorted(self._folder.rglob(BUNDLES)))
            self._known = {item.session_id: item for item in items if item is not None}
        return self._known

    def _item(self, path: Path) -> Item | None:
        relative, name = path.relative_to(self._folder), path.parent.name
        # A folder whose name begins with a dot is a download that is under way.
        if not is_id(name) or any(part.startswith(".") for part in relative.parts):
            return None
        status = path.stat()
        try:
            session = json.parse(path.with_name(METADATA).read_bytes(), Session)
        except (OSError, DecodeError):
            session = Session()
        if session.HasField("created_at"):
            day, guessed = session.created_at.ToDatetime(UTC).date().isoformat(), False
        else:
            day, guessed = self._day(path)
        totals = {name: counter.total for name, counter in session.counters.items()}
        bundles = totals.get(BUNDLE, 0)
        # A repair of the same length is a new file. What is copied with its times is not read
        # again, which by its inode it would be.
        version = f"bytes {status.st_size}, mtime {status.st_mtime_ns}, bundles {bundles}"
        rows = sum(totals.values()) or status.st_size // _BYTES_A_ROW
        return Item(name, day, version, rows, relative.as_posix(), bundles, guessed)

    def _day(self, path: Path) -> tuple[str, bool]:
        """The day of a recording that does not say when it was created, and whether it is a guess.

        That of its first bundle with a wall clock, or that by which a folder is
        called in which it lies.
        """
        unreadable = False
        try:
            for sealed in self._sealed(path):
                if (millis := sealed.bundle.client_time.wall_time_millis) > 0:
                    return datetime.fromtimestamp(millis / 1000, UTC).date().isoformat(), False
        except (DataError, OSError, ValueError, OverflowError):
            unreadable = True
        above = [*reversed(path.relative_to(self._folder).parts[:-2]), self._folder.name]
        day = next(filter(_is_day, above), _NO_DAY)
        return day, unreadable or day == _NO_DAY


def _is_day(name: str) -> bool:
    try:
        return date.fromisoformat(name).isoformat() == name
    except ValueError:
        return False


def source_of(source: object, sessions: Iterable[str] | None, filters: Mapping[str, Any]) -> Source:
    """A cloud by its client, or a folder by its path.

    Raises:
        TypeError: it is neither, or filters were given that it has not.
    """
    names = None if sessions is None else [sessions] if isinstance(sessions, str) else list(sessions)
    if isinstance(source, Client):
        if names is not None and filters:
            raise TypeError(f"give sessions or filters ({', '.join(filters)}), not both")
        return Cloud(source, names, filters)
    if isinstance(source, (str, os.PathLike)):
        if filters:
            raise TypeError(f"only a client's sessions can be filtered by {', '.join(filters)}")
        return Folder(source, names)
    raise TypeError(f"a source is a client or a folder, not {type(source).__name__}")
