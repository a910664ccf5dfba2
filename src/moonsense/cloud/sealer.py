"""Turns the log into chunks: a session's bundles by count, size, age, or at its end.

The order of steps is what makes a crash harmless at any point:

1. the objects' keys go into the garbage list, due in an hour;
2. the objects are written and synced;
3. one transaction takes the keys out of the garbage, adds the chunk, folds its
   counters into the session and takes its bundles out of the log.

A crash before 3 leaves the bundles in the log, to be sealed again, and objects
that are garbage. Nobody sees a chunk before all of it is stored.
"""

from __future__ import annotations

import functools
import heapq
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from moonsense.cloud.catalog import chunks, log, sessions, values
from moonsense.cloud.catalog.log import LogRow, Ranges, Unsealed
from moonsense.cloud.catalog.writer import Writer
from moonsense.cloud.objects import Objects, chunk_keys
from moonsense.cloud.renditions import Rendered
from moonsense.contract.ids import new_id

logger = logging.getLogger(__name__)

# No write of an object takes this long; what is still unadopted then never will be.
_ANNOUNCED_MICROS = 3600 * 1_000_000
_SWEEP_SECONDS = 60.0
_RETRY_SECONDS = 5.0

# In place of a session's key (they begin at 1).
_SWEEP = 0


@dataclass(frozen=True)
class SealRules:
    """When a session's bundles become a chunk; also the most a chunk holds."""

    bundles: int
    size: int
    age_seconds: float


@dataclass
class _Pending:
    """What a session has in the log, and from when on it is to be sealed (monotonic seconds)."""

    due: float
    bundles: int = 0
    size: int = 0


class Sealer:
    """A thread that seals what is due. ``start`` it once; ``close`` finishes the chunk under way."""

    def __init__(
        self,
        engine: Engine,
        writer: Writer,
        objects: Objects,
        rules: SealRules,
        render: Callable[[Sequence[bytes]], Rendered],
        persisted: Callable[[Connection, str, str], None] = lambda _connection, _project, _session: None,
    ) -> None:
        """``persisted`` is called in the transaction that adds a chunk, with project and session."""
        self._render = render
        self._persisted = persisted
        self._engine = engine
        self._writer = writer
        self._objects = objects
        self._rules = rules
        self._pending: dict[int, _Pending] = {}
        # Sessions by when they are due. An entry whose session has been sealed
        # since, or is due at another time, is skipped when it comes up.
        self._agenda: list[tuple[float, int]] = []
        self._change = threading.Condition()
        self._closing = False
        self._sealed = 0
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name="moonsense-sealer", daemon=True)

    @property
    def sealed(self) -> int:
        """Chunks made so far."""
        return self._sealed

    @property
    def failures(self) -> int:
        """Attempts that failed; each is tried again."""
        return self._failures

    @property
    def unsealed(self) -> int:
        """Bundles that wait in the log, at most (bundles sent twice may count twice)."""
        with self._change:
            return sum(pending.bundles for pending in self._pending.values())

    def start(self) -> None:
        """Take up what the log holds, and go."""
        with self._engine.connect() as connection:
            found = log.unsealed(connection)
        with self._change:
            for unsealed in found:
                self._expect(unsealed)
        self._thread.start()

    def close(self) -> None:
        """Stop after the chunk under way. What is left in the log is sealed after the next start."""
        with self._change:
            self._closing = True
            self._change.notify()
        if self._thread.is_alive():
            self._thread.join()

    def received(self, rows: Iterable[LogRow]) -> None:
        """Count rows that were just committed; called in the writer's thread."""
        sums: dict[int, list[int]] = {}
        for row in rows:
            sum_ = sums.setdefault(row.session_key, [0, 0, row.received_at, 0])
            sum_[0] += 1
            sum_[1] += len(row.payload)
            sum_[3] |= row.final
        with self._change:
            for key, (bundles, size, first_received_at, final) in sums.items():
                self._expect(Unsealed(key, bundles, size, first_received_at, bool(final)))

    def _expect(self, unsealed: Unsealed) -> None:
        """Add bundles to what a session has in the log, and put it on the agenda."""
        key, now = unsealed.session_key, time.monotonic()
        pending = self._pending.get(key)
        if pending is None:
            age = time.time() - unsealed.first_received_at / 1e6
            pending = self._pending[key] = _Pending(due=now + max(0.0, self._rules.age_seconds - age))
            self._enter(pending.due, key)
        pending.bundles += unsealed.bundles
        pending.size += unsealed.size
        full = pending.bundles >= self._rules.bundles or pending.size >= self._rules.size
        if (full or unsealed.final) and pending.due > now:
            pending.due = now
            self._enter(now, key)

    def _enter(self, due: float, key: int) -> None:
        heapq.heappush(self._agenda, (due, key))
        if self._agenda[0][1] == key:
            self._change.notify()

    def _run(self) -> None:
        next_sweep = 0.0
        while (key := self._next(next_sweep)) is not None:
            if key == _SWEEP:
                self._sweep()
                next_sweep = time.monotonic() + _SWEEP_SECONDS
            else:
                self._try(key)

    def _next(self, next_sweep: float) -> int | None:
        """The next session that is due, or a sweep, or None at the end; waits until there is one."""
        with self._change:
            while not self._closing:
                now = time.monotonic()
                if now >= next_sweep:
                    return _SWEEP
                if not self._agenda:
                    self._change.wait(next_sweep - now)
                    continue
                due, key = self._agenda[0]
                pending = self._pending.get(key)
                if pending is None or pending.due != due:
                    heapq.heappop(self._agenda)
                elif due <= now:
                    heapq.heappop(self._agenda)
                    del self._pending[key]
                    return key
                else:
                    self._change.wait(min(due, next_sweep) - now)
            return None

    def _try(self, key: int) -> None:
        try:
            left = self._seal(key)
        except Exception:
            # The bundles are safe in the log; the disk may have room again in a while.
            logger.exception("a chunk could not be sealed; trying again in %.0f s", _RETRY_SECONDS)
            self._failures += 1
            with self._change:
                due = time.monotonic() + _RETRY_SECONDS
                self._pending[key] = _Pending(due)
                self._enter(due, key)
        else:
            if left is not None:
                with self._change:
                    self._expect(left)

    def _seal(self, key: int) -> Unsealed | None:
        """Make one chunk of a session's first bundles; gives what the log still holds of it."""
        with self._engine.connect() as connection:
            owner = sessions.owner(connection, key)
            received = log.read(connection, key, bundles=self._rules.bundles, size=self._rules.size)
        if owner is None or not received:
            return None
        project_id, session_id = owner
        rendered = self._render([row.payload for row in received])
        chunk_id = new_id()
        objects = chunk_keys(project_id, session_id, chunk_id)
        due = time.time_ns() // 1000 + _ANNOUNCED_MICROS
        self._writer.do_now(lambda connection: chunks.announce(connection, objects, due))
        for object_key, data in zip(objects, (rendered.ndjson_gz, rendered.frames), strict=True):
            self._objects.put(object_key, data)

        row = chunk_row(chunk_id, rendered, len(received), time.time_ns() // 1000)

        def commit(connection: Connection) -> bool:
            if not sessions.fold(connection, key, received, rendered.contents):
                return False
            if not chunks.adopt(connection, objects):
                raise RuntimeError("the chunk's objects were swept away while they were written")
            values.add_client_features(connection, key, rendered.contents.features)
            chunks.add(connection, key, row, Ranges(bundle.bundle_index for bundle in received))
            removed = log.remove(connection, key, received[-1].seq)
            if removed != len(received):
                raise RuntimeError(f"the log gave {len(received)} bundles and took back {removed}")
            self._writer.sealed.forget(key)
            self._persisted(connection, project_id, session_id)
            return True

        if not self._writer.do_now(commit):
            # Deleted meanwhile: the objects were announced as garbage and stay it.
            return None
        self._sealed += 1
        with self._engine.connect() as connection:
            rest = log.unsealed(connection, key)
        return rest[0] if rest else None

    def _sweep(self) -> None:
        """Delete objects that nobody refers to."""
        try:
            while True:
                with self._engine.connect() as connection:
                    keys = chunks.due_garbage(connection, time.time_ns() // 1000, 100)
                if not keys:
                    return
                for key in keys:
                    self._objects.delete(key)
                self._writer.do_now(functools.partial(chunks.swept, object_keys=keys))
        except Exception:
            logger.exception("garbage could not be swept; trying again in %.0f s", _SWEEP_SECONDS)
            self._failures += 1


def chunk_row(chunk_id: str, rendered: Rendered, bundles: int, created_at: int) -> chunks.ChunkRow:
    """The catalog's row of a chunk that was rendered."""
    return chunks.ChunkRow(
        chunk_id=chunk_id,
        created_at=created_at,
        md5=rendered.md5,
        bundles=bundles,
        ndjson_size=rendered.ndjson_size,
        ndjson_gz_size=len(rendered.ndjson_gz),
        frames_size=len(rendered.frames),
        ndjson_gz_sha256=rendered.ndjson_gz_sha256,
        frames_sha256=rendered.frames_sha256,
    )
