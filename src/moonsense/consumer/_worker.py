"""Works on sessions: takes one, asks for its chunks, and hands each to the handler."""

from __future__ import annotations

import logging
import traceback
from types import TracebackType

from moonsense.consumer import _rules as rules
from moonsense.consumer._finder import LASTING
from moonsense.consumer._handlers import Call
from moonsense.consumer._work import Orders, Run
from moonsense.consumer.checkpoints import MICROS, ChunkRecord, Failure, Lease, Outcome, State
from moonsense.errors import (
    CheckpointError,
    DecodeError,
    IncompleteError,
    IntegrityError,
    LeaseLostError,
    NotFoundError,
    RequestError,
)
from moonsense.models.bundle_v2_pb2 import SealedBundle
from moonsense.models.data_plane_v2_pb2 import Chunk
from moonsense.models.data_plane_v2_sdk_pb2 import Session

logger = logging.getLogger("moonsense.consumer")

_LONGEST_TROUBLE = 30.0
"""Seconds to leave a cloud or a store alone that fails again and again."""

_LONGEST_WAIT = 30.0
"""Seconds until the store is asked for work again: another process may have put some there."""


class _AbandonedError(Exception):
    """The run was given up; nothing is committed."""


class Worker:
    """A thread that works on one session after the other."""

    def __init__(self, orders: Orders, run: Run, call: Call, owner: str) -> None:
        self.owner = owner
        self.busy = False
        """Whether it holds a lease, which is to be prolonged."""
        self._orders = orders
        self._store = orders.checkpoints
        self._run = run
        self._call = call
        self._troubles = 0

    def work(self) -> None:
        """Work until the run stops; with ``once``, until there is nothing left."""
        while not self._run.stopping.is_set():
            seen = self._run.version
            try:
                self.busy = True
                lease = self._store.take(self._orders.name, self.owner, self._orders.lease)
                if lease is not None:
                    self._turn(lease)
                    self._troubles = 0
                    continue
                self.busy = False
                wait = self._idle()
                if wait is None:
                    self._run.changed()  # the others may have nothing to wait for either
                    return
                self._run.wait(seen, wait)
            except LASTING:
                raise
            except LeaseLostError as error:
                logger.warning("%s; its chunk is processed there", error)
            except (RequestError, IncompleteError, CheckpointError) as error:
                if self._run.once or self._store.closed:
                    raise
                self._trouble(error)
            except _AbandonedError:
                return
            finally:
                self.busy = False

    def _idle(self) -> float | None:
        """Seconds to wait for work, or None when there will be none."""
        if self._run.once and self._run.listed.is_set():
            (status,) = self._store.status(self._orders.name)
            # What another process works on is its own; what failed here is tried again.
            if not (status.lag_chunks or status.waiting > status.working):
                return None
        due = self._store.next_due(self._orders.name)
        # Another process may make something due, with a retry, at any time.
        longest = min(self._orders.poll, _LONGEST_WAIT)
        return longest if due is None else min(due, longest)

    def _trouble(self, error: Exception) -> None:
        self._troubles += 1
        pause = min(_LONGEST_TROUBLE, rules.backoff(self._troubles, self._orders.backoff))
        logger.warning("%s; going on in %.1f s", error, pause)
        self._run.stopping.wait(pause)

    def _turn(self, lease: Lease) -> None:
        """Process what a session has, and give it back. Raises what is wrong with cloud or store."""
        pause, settle, quiet = self._orders.poll, False, lease.quiet
        try:
            progress, pause, settle = self._process(lease)
            quiet = 0 if progress else quiet
            if settle:
                pause = rules.ask_again(quiet, self._orders.poll)
        except NotFoundError:
            logger.info("session %s was deleted", lease.session_id)
            self._store.forget(lease)
            return
        except LeaseLostError:
            raise
        except BaseException:
            self._store.release(lease, pause, settle=False)
            raise
        self._store.release(lease, pause, settle=settle)

    def _process(self, lease: Lease) -> tuple[bool, float, bool]:
        """Process the chunks of a session in order.

        Returns whether there was one, the seconds until the next is to be
        tried, and whether all that were listed are done with.
        """
        session = Session.FromString(lease.document)
        known = self._store.chunks(lease)
        before, listed = self._list(lease.session_id, known)
        waiting = [chunk for chunk in listed if self._is_wanted(chunk, known)]
        if waiting or lease.pending:  # chunks may have been skipped, or be listed no more
            self._store.asked(lease, rules.backlog(waiting))
        for number, chunk in enumerate(waiting):
            if self._run.stopping.is_set():
                return number > 0, 0.0, False
            pause = self._attempt(lease, session, waiting[number:], known.get(chunk.chunk_id))
            if pause is not None:
                return True, pause, False
        if listed:
            self._run.finished.note(lease.session_id, before + len(listed), listed[-1].chunk_id)
        return bool(waiting), 0.0, True

    def _list(self, session_id: str, known: dict[str, ChunkRecord]) -> tuple[int, list[Chunk]]:
        """A session's chunks, and how many there are before them that are done with.

        Those that this run found to be done with are left out of the list, so
        that a session of thousands costs one question as long as it grows. The
        last of them is listed again: where it is another, as on a cloud that
        orders its chunks otherwise, or where one of them is to be tried anew,
        all are listed.
        """
        if finished := self._run.finished.of(session_id):
            count, last = finished
            listed = list(self._orders.client.list_chunks(session_id, skip=count - 1))
            there = {chunk.chunk_id for chunk in listed}
            failed = {chunk_id for chunk_id, record in known.items() if record.state is State.FAILED}
            if listed and listed[0].chunk_id == last and failed <= there - {last}:
                return count, listed[1:]
        return 0, list(self._orders.client.list_chunks(session_id))

    def _is_wanted(self, chunk: Chunk, known: dict[str, ChunkRecord]) -> bool:
        record = known.get(chunk.chunk_id)
        if record is not None:
            return record.state is State.FAILED
        return rules.is_new(chunk, self._run.begun_at)

    def _attempt(
        self, lease: Lease, session: Session, waiting: list[Chunk], record: ChunkRecord | None
    ) -> float | None:
        """Try the first of the chunks that wait; seconds to wait when it has to be tried again."""
        chunk, attempt = waiting[0], record.attempts + 1 if record else 1
        if record is not None and record.wait > 0:
            return record.wait / MICROS
        try:
            bundles = list(self._orders.client.read_chunk(lease.session_id, chunk.chunk_id))
        except (NotFoundError, IntegrityError, DecodeError) as error:
            # It is there, and will hardly become another.
            return self._failed(lease, waiting, attempt, 0, error)
        try:
            self._handle(lease, session, waiting, bundles)
        except (CheckpointError, _AbandonedError):
            raise
        except Exception as error:  # noqa: BLE001 (what a handler raises is kept with the chunk)
            return self._failed(lease, waiting, attempt, len(bundles), error)
        self._run.count(done=1)
        return None

    def _handle(
        self, lease: Lease, session: Session, waiting: list[Chunk], bundles: list[SealedBundle]
    ) -> None:
        """Call the handler with the first of the chunks that wait, and commit that it is done."""
        chunk = waiting[0]
        done = Outcome(chunk.chunk_id, rules.created(chunk), len(bundles), rules.backlog(waiting[1:]))
        with self._store.transaction(lease) as transaction:
            self._go_on()
            self._call(session, chunk, bundles, transaction.connection)
            self._go_on()
            transaction.done(done)

    def _go_on(self) -> None:
        """Raises _AbandonedError once the run is given up."""
        if self._run.abandoned.is_set():
            raise _AbandonedError

    def _failed(
        self, lease: Lease, waiting: list[Chunk], attempt: int, bundles: int, error: Exception
    ) -> float | None:
        """Note a try that failed; seconds until the next, None when the chunk is given up."""
        self._go_on()
        chunk = waiting[0]
        dead = attempt >= self._orders.tries
        pause = None if dead else rules.backoff(attempt, self._orders.backoff)
        line = " ".join("".join(traceback.format_exception_only(error)).split())
        trace = _from_the_handler(error.__traceback__)
        self._store.failed(
            lease,
            Failure(
                chunk_id=chunk.chunk_id,
                created_at=rules.created(chunk),
                bundles=bundles,
                attempts=attempt,
                pause=None if pause is None else round(pause * MICROS),
                error=line,
                trace="".join(traceback.format_exception(type(error), error, trace)),
                left=rules.backlog(waiting[1:] if dead else waiting),
            ),
        )
        self._run.count(failed=1, dead=int(dead))
        what = f"chunk {chunk.chunk_id} of session {lease.session_id}"
        if pause is None:
            logger.error("%s was given up at try %d", what, attempt, exc_info=(type(error), error, trace))
        else:
            logger.warning("%s failed, try %d; again in %.1f s: %s", what, attempt, pause, line)
        return pause


def _from_the_handler(trace: TracebackType | None) -> TracebackType | None:
    """A traceback without our own frames before the handler's."""
    inner = trace
    while inner is not None and inner.tb_frame.f_globals.get("__name__", "").startswith(__package__):
        inner = inner.tb_next
    return inner or trace
