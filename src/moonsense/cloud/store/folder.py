"""A data folder, open: how the parts of the store read and write it.

Reads run in a small pool of threads, each on a connection that cannot write;
every write goes through the one writer.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from google.protobuf.message import Message
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from moonsense.cloud.catalog import answers, chunks, log, sessions
from moonsense.cloud.catalog.answers import Once
from moonsense.cloud.catalog.engine import connect
from moonsense.cloud.catalog.log import LogRow
from moonsense.cloud.catalog.migrate import migrate
from moonsense.cloud.catalog.sessions import SessionRef
from moonsense.cloud.catalog.writer import Writer
from moonsense.cloud.lock import FolderLock
from moonsense.cloud.objects import Objects
from moonsense.cloud.renderer import Renderer
from moonsense.cloud.renditions import render
from moonsense.cloud.sealer import Sealer, SealRules
from moonsense.cloud.settings import Settings
from moonsense.cloud.webhooks.outbox import Outbox
from moonsense.cloud.webhooks.worker import Worker
from moonsense.contract.problems import Problem

T = TypeVar("T")
M = TypeVar("M", bound=Message)

_READERS = 4
_KNOWN_SESSIONS = 20_000


def now_micros() -> int:
    """The cloud's clock, in microseconds since 1970."""
    return time.time_ns() // 1000


class Folder:
    """The catalog and the objects of a data folder, with the threads that write them."""

    def __init__(self, settings: Settings, *, serving: bool, clock: Callable[[], int] = now_micros) -> None:
        """Open it; ``serving`` takes its lock, seals what is in the log, and delivers webhooks.

        ``clock`` is that of webhooks, in microseconds since 1970.
        """
        self.settings = settings
        self.clock = clock
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        self._lock = FolderLock(settings.data_dir) if serving else None
        path = settings.data_dir / "catalog.db"
        if not path.exists():
            path.touch(0o600)  # it holds the secrets that webhooks are signed with
        self._write_engine = connect(path, writing=True)
        migrate(self._write_engine)
        self._read_engine = connect(path, writing=False)
        self.objects = Objects(settings.data_dir / "objects", settings.objects_url)
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="moonsense-reader")
        self._known: OrderedDict[str, SessionRef] = OrderedDict()
        self.closed = False
        self.outbox = Outbox(clock)
        self.writer = Writer(
            self._write_engine,
            capacity=settings.ingest_queue_bundles,
            appended=self._received,
            committed=self.outbox.committed,
        )
        self.read_now(self.outbox.load)
        self.renderer = Renderer() if settings.sealer_process else None
        self.sealer = Sealer(
            self._read_engine,
            self.writer,
            self.objects,
            SealRules(settings.seal_bundles, settings.seal_bytes, settings.seal_age_seconds),
            self.renderer.render if self.renderer else render,
            self.outbox.chunk_persisted,
        )
        self.webhooks = Worker(self, self.objects, self.outbox, settings, clock)

        if serving:
            self.sealer.start()
            self.webhooks.start()

    def _received(self, rows: list[LogRow]) -> None:
        self.sealer.received(rows)

    def close(self) -> None:
        """Finish what is under way and let go of the folder. Idempotent."""
        if self.closed:
            return
        self.closed = True
        self.sealer.close()
        self.webhooks.close()
        if self.renderer:
            self.renderer.close()
        self.writer.close()
        self._readers.shutdown(wait=True)
        self._read_engine.dispose()
        self._write_engine.dispose()
        if self._lock:
            self._lock.release()

    async def read(self, query: Callable[[Connection], T]) -> T:
        """What a query gives."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self.read_now, query)

    def read_now(self, query: Callable[[Connection], T]) -> T:
        """What a query gives, in the calling thread."""
        with self._read_engine.connect() as connection:
            return query(connection)

    async def session(self, project_id: str, session_id: str) -> SessionRef:
        """A session of a project, remembered: every recorded bundle asks for its own."""
        known = self._known.get(session_id)
        if known is None:
            known = await self.read(lambda connection: sessions.find(connection, session_id))
            if known is not None:
                self._known[session_id] = known
                if len(self._known) > _KNOWN_SESSIONS:
                    self._known.popitem(last=False)
        return of_project(known, project_id)

    def known_session(self, project_id: str, session_id: str) -> SessionRef | None:
        """A session of a project when it is remembered."""
        known = self._known.get(session_id)
        return known if known is not None and known.project_id == project_id else None

    def forget_session(self, session_id: str) -> None:
        """Look a session up anew next time: it was deleted."""
        self._known.pop(session_id, None)

    async def write(self, job: Callable[[Connection], T]) -> T:
        """What a job gives, after the commit."""
        return await self.writer.do(job)

    async def write_once(
        self, asked: Once | None, message_type: type[M], job: Callable[[Connection], M]
    ) -> M:
        """What a job gives, done once for all requests of one idempotency key."""
        return await self.writer.do(
            lambda connection: answers.once(connection, asked, message_type, job, now_micros())
        )

    def write_now(self, job: Callable[[Connection], T]) -> T:
        """What a job gives, after the commit; for a thread that is not an event loop's."""
        return self.writer.do_now(job)

    def ready(self) -> str:
        """Empty when the catalog can be read and written, else why not."""
        if self.closed:
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
            "bundles_received_total": self.writer.rows,
            "commits_total": self.writer.commits,
            "bundles_waiting": self.writer.waiting,
            "chunks_sealed_total": self.sealer.sealed,
            "sealer_failures_total": self.sealer.failures,
            **self.webhooks.numbers(),
        }


def there(found: T | None, what: str, param: str) -> T:
    """What was found; Problem 404 when nothing was."""
    if found is None:
        raise Problem(404, f"there is no such {what} in this project", param)
    return found


def of_project(ref: SessionRef | None, project_id: str) -> SessionRef:
    """The session when it is the project's; another project's is as good as none."""
    return there(ref if ref is not None and ref.project_id == project_id else None, "session", "session_id")
