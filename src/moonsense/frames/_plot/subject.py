"""What a picture is of: the tables of one session, and what is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from moonsense.codec.arrow.schema import BUNDLES, names
from moonsense.display.words import duration_text, event_seconds, platform_text
from moonsense.errors import NotFoundError
from moonsense.frames._frame import Frame
from moonsense.frames._plot.kinds import SERIES, columns_of, companions
from moonsense.frames._plot.rows import Rows
from moonsense.frames._read import batches, schema
from moonsense.frames._sources import Between, Client, described
from moonsense.models.data_plane_v2_sdk_pb2 import Session

_NAMED = 5
"""How many sessions an error names of those that one can choose from."""


@dataclass(frozen=True)
class Subject:
    """What is drawn.

    Attributes:
        rows: by the name of the table.
        wanted: the names that were asked for; None when the session decides.
        title: which session it is, when it was and what recorded it.
    """

    rows: Mapping[str, Rows]
    wanted: tuple[str, ...] | None
    title: str

    @property
    def names(self) -> tuple[str, ...]:
        """The tables that the picture is of, whether or not they have rows."""
        if self.wanted is not None:
            return self.wanted
        known = [name for name, rows in self.rows.items() if rows.sensor != BUNDLES]
        order = {sensor: number for number, sensor in enumerate(SERIES)}
        return tuple(sorted(known, key=lambda name: order.get(self.rows[name].sensor, len(order))))


def subject_of(
    source: object, sensors: Iterable[str] | None, session: str | Session | None, between: Between
) -> Subject:
    """The tables of one session out of a source, or out of tables.

    Raises:
        ValueError: there is no such sensor or session, or more than one session.
    """
    wanted = None if sensors is None else tuple(dict.fromkeys(sensors))
    if isinstance(source, Frame):
        source = {source.sensor: source}
    if isinstance(source, Mapping):
        frames = _given(source, wanted, between)
        if session is not None:
            frames = {name: _only(frame, _id_of(session)) for name, frame in frames.items()}
    else:
        read = names() if wanted is None else companions(wanted)
        if session is None and isinstance(source, Client):
            session = _only_session(source)
        frames = _read(source, read, session, between)
    ids = _ids(frame.arrow for frame in frames.values())
    if len(ids) > 1:
        raise _too_many(ids)
    session_id = ids[0] if ids else _id_of(session)
    known = session if isinstance(session, Session) else described(source, session_id)
    if session is not None and not ids and known is None:
        raise ValueError(f"there is no session {session_id} in the source")
    session_id = session_id or (known.session_id if known else "")
    rows = {name: Rows.of(frame) for name, frame in frames.items()}
    return Subject(rows, wanted, _title(session_id, known, rows.values()))


def _given(tables: Mapping[str, Frame], wanted: tuple[str, ...] | None, between: Between) -> dict[str, Frame]:
    if any(between):
        raise TypeError("between= is for sources; tables are drawn as they are")
    for name, table in tables.items():
        if not isinstance(table, Frame):
            raise TypeError(f"tables to draw are those of frames.read, not {type(table).__name__}")
        if not table.sensor:
            raise ValueError(f"the table {name!r} was made out of several; draw those that it was made of")
    missing = [name for name in wanted or () if name not in tables]
    if missing:
        raise ValueError(f"there is no table {', '.join(map(repr, missing))}; there are {', '.join(tables)}")
    return dict(tables)


def _only(frame: Frame, session_id: str) -> Frame:
    if "session_id" not in frame.arrow.column_names:
        raise ValueError(f"the table of {frame.sensor} has no column 'session_id' to choose a session by")
    return Frame(frame.arrow.filter(pc.equal(frame.arrow["session_id"].cast(pa.string()), session_id)))


def _only_session(client: Client) -> Session:
    """The one session of a project that has no other."""
    listing = client.list_sessions(limit=_NAMED + 1)
    if hasattr(listing, "__aiter__"):
        raise TypeError("pictures are drawn from a moonsense.Client, not from one for asyncio")
    listed = list(listing)
    if len(listed) > 1:
        raise _too_many([session.session_id for session in listed])
    if not listed:
        raise ValueError("there is no session yet")
    return listed[0]


def _read(
    source: object, sensors: Iterable[str], session: str | Session | None, between: Between
) -> dict[str, Frame]:
    """Tables of the one session of a source; a second one is an error as soon as it comes."""
    # The bundles say whose a session is of which nothing else is wanted.
    columns = {name: columns_of(name) for name in (*sensors, BUNDLES)}
    collected: dict[str, list[pa.RecordBatch]] = {name: [] for name in columns}
    ids: dict[str, None] = {}
    try:
        for group in batches(source, columns, sessions=session, columns=columns, between=between):
            ids |= dict.fromkeys(_ids(group.values()))
            if len(ids) > 1:
                raise _too_many(list(ids))
            for name, batch in group.items():
                if batch.num_rows:
                    collected[name].append(batch)
    except NotFoundError:
        if isinstance(source, Client):
            raise
        # It may be described without bundles.
    tables = {}
    for name, some in collected.items():
        whole = schema(name)
        kept = pa.schema([whole.field(column) for column in columns[name]], whole.metadata)
        tables[name] = Frame(pa.Table.from_batches(some, kept).unify_dictionaries())
    return tables


def _ids(tables: Iterable[pa.Table | pa.RecordBatch]) -> list[str]:
    found: dict[str, None] = {}
    for table in tables:
        if "session_id" in table.schema.names:
            found |= dict.fromkeys(table.column("session_id").cast(pa.string()).unique().to_pylist())
    return list(found)


def _id_of(session: str | Session | None) -> str:
    return session.session_id if isinstance(session, Session) else session or ""


def _too_many(ids: list[str]) -> ValueError:
    shown = ", ".join(ids[:_NAMED]) + (" …" if len(ids) > _NAMED else "")
    return ValueError(f"a picture is of one session, and there are several; choose one of them: {shown}")


def _title(session_id: str, known: Session | None, rows: Iterable[Rows]) -> str:
    """``Session fB2… · WEB · 2022-08-05 17:16:44 UTC · 2 min 01 s``, as far as it is known."""
    parts = [f"Session {session_id}" if session_id else "A session without an id"]
    begun, lasted = None, None
    ends = [(one.at[0], one.at[-1]) for one in rows if len(one) and one.sensor != BUNDLES]
    if ends:
        first, last = min(end[0] for end in ends), max(end[1] for end in ends)
        begun = first.astype("datetime64[us]").item().replace(tzinfo=UTC)
        lasted = float((last - first) / np.timedelta64(1, "s"))
    if known is not None:
        parts += [platform_text(known.metadata)] if known.metadata.platform else []
        begun = _moment(known) or begun
        lasted = lasted if event_seconds(known) is None else event_seconds(known)
    if begun is not None:
        parts.append(f"{begun:%Y-%m-%d %H:%M:%S} UTC")
    if lasted:
        parts.append(duration_text(lasted))
    return "  ·  ".join(parts)


def _moment(session: Session) -> datetime | None:
    """When a session began: with its first event, or when it was made if it has none."""
    for name in ("oldest_event", "created_at"):
        if session.HasField(name):
            moment: datetime = getattr(session, name).ToDatetime(tzinfo=UTC)
            return moment
    return None
