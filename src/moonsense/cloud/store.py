"""All that is durable in a cloud: the catalog, the objects, and the threads that keep them.

The rooms above call this one only. Reads run in a small pool of threads, each
on a connection that cannot write; every write goes through the one writer.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from moonsense.cloud import bodies
from moonsense.cloud.catalog import cards, chunks, labels, log, sessions, tokens
from moonsense.cloud.catalog.engine import connect
from moonsense.cloud.catalog.migrate import migrate
from moonsense.cloud.catalog.sessions import SessionRef
from moonsense.cloud.catalog.writer import Writer
from moonsense.cloud.ingest import rows_of
from moonsense.cloud.objects import Objects
from moonsense.cloud.records import (
    Page,
    Place,
    Principal,
    SessionFilters,
    Snapshot,
    StoredChunk,
    TokenRecord,
)
from moonsense.cloud.renderer import Renderer
from moonsense.cloud.renditions import render
from moonsense.cloud.sealer import Sealer, SealRules
from moonsense.cloud.settings import Settings
from moonsense.contract.ids import is_id, new_id
from moonsense.contract.paging import MICROS_PER_SECOND, Key
from moonsense.contract.problems import Problem
from moonsense.models.data_plane_v2_pb2 import Card, Chunk, LabelWithStats
from moonsense.models.data_plane_v2_sdk_pb2 import (
    BundleCreateRequest,
    BundleCreateResponse,
    Session,
    SessionLabel,
)

T = TypeVar("T")

_READERS = 4
_KNOWN_SESSIONS = 20_000

# Larger requests are counted in a thread: 100 kB of sensor data take about a millisecond.
_LARGE_REQUEST_BYTES = 256 * 1024


def now_micros() -> int:
    """The cloud's clock, in microseconds since 1970."""
    return time.time_ns() // 1000


class Store:
    """Everything a cloud keeps. Open it with ``Store.open``; ``close`` is idempotent."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        path = settings.data_dir / "catalog.db"
        self._write_engine = connect(path, writing=True)
        migrate(self._write_engine)
        self._read_engine = connect(path, writing=False)
        self.objects = Objects(settings.data_dir / "objects", settings.objects_url)
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="moonsense-reader")
        self._sessions: OrderedDict[str, SessionRef] = OrderedDict()
        self._closed = False
        self._writer = Writer(
            self._write_engine,
            capacity=settings.ingest_queue_bundles,
            appended=self._received,
        )
        rules = SealRules(settings.seal_bundles, settings.seal_bytes, settings.seal_age_seconds)
        self._renderer = Renderer() if settings.sealer_process else None
        self._sealer = Sealer(
            self._read_engine,
            self._writer,
            self.objects,
            rules,
            self._renderer.render if self._renderer else render,
        )

    @classmethod
    def open(cls, settings: Settings, *, sealing: bool = True) -> Store:
        """Open a data folder, made when it is missing; what a crash left under way is finished.

        Without ``sealing`` nothing is turned into chunks: for the commands that
        look into a folder which a server may have open.
        """
        store = cls(settings)
        if sealing:
            store._sealer.start()
        return store

    def close(self) -> None:
        """Finish what is under way and let go of the folder."""
        if self._closed:
            return
        self._closed = True
        self._sealer.close()
        if self._renderer:
            self._renderer.close()
        self._writer.close()
        self._readers.shutdown(wait=True)
        self._read_engine.dispose()
        self._write_engine.dispose()

    def _received(self, rows: list[log.LogRow]) -> None:
        self._sealer.received(rows)

    async def _read(self, query: Callable[[Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self.read_now, query)

    def read_now(self, query: Callable[[Connection], T]) -> T:
        """What a query gives, in the calling thread."""
        with self._read_engine.connect() as connection:
            return query(connection)

    def write_now(self, job: Callable[[Connection], T]) -> T:
        """Run a job in the writer's transaction and wait for the commit."""
        return self._writer.do_now(job)

    # Sessions

    async def list_sessions(
        self,
        project_id: str,
        filters: SessionFilters,
        *,
        after: Key | None,
        offset: int,
        limit: int,
        whole_second: bool,
    ) -> Page[Session]:
        """A part of a project's sessions, newest first (see ``catalog.sessions.page``)."""
        place = Place(limit, offset, after, whole_second)
        return await self._read(lambda connection: sessions.page(connection, project_id, filters, place))

    async def create_session(self, who: Principal, session: Session) -> Session:
        """Open a session under the id it brings, or a new one.

        The same id again gives the session that is there: a recorder that lost
        the answer may ask once more.
        """
        wanted = Session()
        wanted.CopyFrom(session)
        if not wanted.session_id:
            wanted.session_id = new_id()
        elif not is_id(wanted.session_id):
            raise Problem(422, "session_id: letters, digits, _ and - only, 64 at most", "session_id")
        # What a session adds up to is ours to say.
        for name in ("counters", "oldest_event", "newest_event", "cdfs", "circle"):
            wanted.ClearField(name)
        wanted.ClearField("labels")
        wanted.labels.extend(SessionLabel(name=label.name) for label in session.labels)

        def create(connection: Connection) -> Session:
            found = sessions.find(connection, wanted.session_id)
            if found is None:
                sessions.create(connection, who.project_id, who.app_id, wanted, _created_now())
            elif (found.project_id, found.app_id) != (who.project_id, who.app_id):
                raise Problem(409, "the session_id is taken", "session_id")
            described = sessions.describe(connection, who.project_id, wanted.session_id, full=False)
            assert described is not None
            return described

        return await self._writer.do(create)

    async def describe_session(self, project_id: str, session_id: str, *, full: bool) -> Session:
        """A session; ``full`` with the counters' buckets."""
        found = await self._read(
            lambda connection: sessions.describe(connection, project_id, session_id, full=full)
        )
        return _there(found, "session", "session_id")

    async def delete_session(self, project_id: str, session_id: str) -> None:
        """Delete a session with its bundles, chunks, labels and cards."""

        def remove(connection: Connection) -> SessionRef | None:
            found = sessions.remove(connection, project_id, session_id, now_micros())
            if found is not None:
                self._writer.sealed.forget(found.key)
            return found

        _there(await self._writer.do(remove), "session", "session_id")
        self._sessions.pop(session_id, None)

    async def replace_labels(self, project_id: str, session_id: str, names: Sequence[str]) -> None:
        """Give a session exactly these labels."""

        def replace(connection: Connection) -> None:
            ref = _of_project(sessions.find(connection, session_id), project_id)
            wanted = [SessionLabel(name=name) for name in names]
            labels.replace(connection, project_id, ref.key, wanted, now_micros())

        await self._writer.do(replace)

    async def list_labels(self, project_id: str) -> list[SessionLabel]:
        """The labels of a project by name."""
        return await self._read(lambda connection: labels.all_labels(connection, project_id))

    async def top_labels(self, project_id: str) -> list[LabelWithStats]:
        """The labels of a project, those with most sessions first."""
        return await self._read(lambda connection: labels.top(connection, project_id))

    # Bundles and chunks

    async def add_bundles(
        self, who: Principal, request: BundleCreateRequest, *, remote_ip: str
    ) -> BundleCreateResponse:
        """Store bundles; returns when the disk has them. All of them are stored, or none."""
        if len(request.bundles) > self.settings.max_bundles_per_request:
            raise Problem(
                413,
                f"a request may hold {self.settings.max_bundles_per_request} bundles, "
                f"this one has {len(request.bundles)}; send them in several",
                "bundles",
            )
        session = await self._session(who.project_id, request.session_id)

        def rows() -> list[log.LogRow]:
            limit = self.settings.max_items_per_bundle
            return rows_of(request, session, who, remote_ip=remote_ip, max_items=limit)

        large = request.ByteSize() > _LARGE_REQUEST_BYTES
        await self._writer.append(await asyncio.to_thread(rows) if large else rows())
        return BundleCreateResponse(success_count=len(request.bundles))

    async def _session(self, project_id: str, session_id: str) -> SessionRef:
        known = self._sessions.get(session_id)
        if known is None:
            known = await self._read(lambda connection: sessions.find(connection, session_id))
            if known is not None:
                self._sessions[session_id] = known
                if len(self._sessions) > _KNOWN_SESSIONS:
                    self._sessions.popitem(last=False)
        return _of_project(known, project_id)

    async def list_chunks(self, project_id: str, session_id: str, *, offset: int, limit: int) -> Page[Chunk]:
        """A part of a session's chunks, oldest first."""

        def page(connection: Connection) -> Page[Chunk]:
            _of_project(sessions.find(connection, session_id), project_id)
            return chunks.page(connection, project_id, session_id, offset=offset, limit=limit)

        return await self._read(page)

    async def open_chunk(self, project_id: str, session_id: str, chunk_id: str) -> StoredChunk:
        """A chunk, to be streamed."""

        def find(connection: Connection) -> chunks.ChunkRow | None:
            ref = _of_project(sessions.find(connection, session_id), project_id)
            return chunks.find(connection, ref.key, chunk_id)

        row = _there(await self._read(find), "chunk", "chunk_id")
        return bodies.stored_chunk(self.objects, project_id, session_id, row)

    async def open_bundles(self, project_id: str, session_id: str, media_type: str) -> Snapshot:
        """Every bundle of a session received so far, as ``media.FRAMES`` or ``media.NDJSON``.

        Chunks and log are read in one transaction, so a bundle that is sealed
        meanwhile is neither missing nor there twice.
        """

        def find(connection: Connection) -> tuple[list[chunks.ChunkRow], list[bytes]]:
            ref = _of_project(sessions.find(connection, session_id), project_id)
            unsealed = [row.payload for row in log.read(connection, ref.key)]
            return chunks.of_session(connection, ref.key), unsealed

        rows, unsealed = await self._read(find)
        stored = [bodies.stored_chunk(self.objects, project_id, session_id, row) for row in rows]
        return await bodies.snapshot(stored, unsealed, media_type)

    # Cards

    async def list_cards(self, project_id: str, session_id: str, *, offset: int, limit: int) -> Page[Card]:
        """A part of a session's cards, newest first."""

        def page(connection: Connection) -> Page[Card]:
            ref = _of_project(sessions.find(connection, session_id), project_id)
            return cards.page(connection, ref.key, session_id, offset=offset, limit=limit)

        return await self._read(page)

    async def create_card(self, project_id: str, card: Card) -> Card:
        """Put a card on a session; its id and time are made here."""
        made = Card()
        made.CopyFrom(card)
        made.card_id = new_id()

        def create(connection: Connection) -> Card:
            ref = _of_project(sessions.find(connection, card.session_id), project_id)
            now = now_micros()
            made.created_at.FromMicroseconds(now)
            cards.create(connection, ref.key, made, now)
            return made

        return await self._writer.do(create)

    async def delete_card(self, project_id: str, card_id: str) -> None:
        """Delete a card."""
        found = await self._writer.do(lambda connection: cards.remove(connection, project_id, card_id))
        _there(found or None, "card", "card_id")

    # Tokens and their owners

    async def token(self, digest: bytes) -> Principal | None:
        """Who a token stands for, by the sha256 of its text; None when unknown or revoked."""
        return await self._read(lambda connection: tokens.find(connection, digest))

    def create_project(self, name: str) -> str:
        """A new project; gives its id."""
        return self.write_now(lambda connection: tokens.create_project(connection, name, now_micros()))

    def create_app(self, project_id: str, name: str) -> str:
        """A new app of a project; gives its id."""
        return self.write_now(
            lambda connection: tokens.create_app(connection, project_id, name, now_micros())
        )

    def projects(self) -> list[tuple[str, str]]:
        """Ids and names of the projects, oldest first."""
        return self.read_now(tokens.projects)

    def apps(self, project_id: str) -> list[tuple[str, str]]:
        """Ids and names of a project's apps, oldest first."""
        return self.read_now(lambda connection: tokens.apps(connection, project_id))

    def add_token(self, *, project_id: str, app_id: str, scopes: str, digest: bytes, hint: str) -> str:
        """Make a token known by its digest; gives its credential id."""
        return self.write_now(
            lambda connection: tokens.add(connection, project_id, app_id, scopes, digest, hint, now_micros())
        )

    def tokens(self) -> list[TokenRecord]:
        """Every token ever made, oldest first."""
        return self.read_now(tokens.all_tokens)

    def revoke_token(self, credential_id: str) -> bool:
        """End a token; False when there is no valid one of that id."""
        return self.write_now(lambda connection: tokens.revoke(connection, credential_id, now_micros()))

    # How it is

    def ready(self) -> str:
        """Empty when the catalog can be read and written, else why not."""
        if self._closed:
            return "the cloud is stopping"
        try:
            self.write_now(lambda _connection: None)
            self.read_now(sessions.count)
        except (SQLAlchemyError, OSError, Problem) as error:
            return f"the catalog does not answer: {type(error).__name__}"
        return ""

    def numbers(self) -> dict[str, float]:
        """What there is and was done, for metrics."""
        counted: Iterable[tuple[str, Callable[[Connection], int]]] = (
            ("sessions", sessions.count),
            ("chunks", chunks.count),
            ("bundles_in_log", log.size),
        )
        numbers: dict[str, float] = {name: self.read_now(count) for name, count in counted}
        return numbers | {
            "bundles_received_total": self._writer.rows,
            "commits_total": self._writer.commits,
            "bundles_waiting": self._writer.waiting,
            "chunks_sealed_total": self._sealer.sealed,
            "sealer_failures_total": self._sealer.failures,
        }


def _created_now() -> int:
    """The moment for a session's ``created_at``; never a whole second.

    JSON leaves an empty fraction out, and there are clients that cannot read a
    time without one.
    """
    now = now_micros()
    return now if now % MICROS_PER_SECOND else now + 1


def _there(found: T | None, what: str, param: str) -> T:
    if found is None:
        raise Problem(404, f"there is no such {what} in this project", param)
    return found


def _of_project(ref: SessionRef | None, project_id: str) -> SessionRef:
    """The session when it is the project's; another project's is as good as none."""
    return _there(ref if ref is not None and ref.project_id == project_id else None, "session", "session_id")
