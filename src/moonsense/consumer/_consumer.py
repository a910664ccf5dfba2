"""The consumer: processes the chunks of a project's sessions, each as often as it must be."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Protocol

from moonsense.consumer._finder import Finder, Wakes
from moonsense.consumer._handlers import Call, Handler
from moonsense.consumer._rules import Selection, start_text
from moonsense.consumer._work import Orders, Run
from moonsense.consumer._worker import Worker
from moonsense.consumer.checkpoints import Checkpoints, ConsumerStatus
from moonsense.contract import times
from moonsense.contract.ids import new_id
from moonsense.errors import CheckpointError, ConfigurationError

if TYPE_CHECKING:
    from moonsense.client import Client
    from moonsense.contract.platforms import Platform

logger = logging.getLogger("moonsense.consumer")

WAKING = ("SESSION_CREATED", "CHUNK_PERSISTED", "SESSION_INACTIVE")
"""The events after which a session may have a chunk."""

_FIRST_LOG_SECONDS, _LOG_SECONDS = 5.0, 60.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Receiver(Protocol):
    """What tells of events: ``on(names)`` gives a decorator for a handler of their payloads."""

    def on(self, *events: Any) -> Callable[[Callable[[Any], None]], object]: ...


@dataclass(frozen=True)
class Result:
    """What one run did: chunks that are done, tries that failed, and chunks that were given up."""

    done: int
    failed: int
    dead: int


class Consumer:
    """Calls a handler for every chunk of every session, and remembers which are done.

    ``handler(session, chunk, bundles)`` gets the ``Session`` as it was listed,
    the ``Chunk`` and a list of its ``SealedBundle`` messages, whole and
    checked. When it returns, the chunk is done; when it raises, the chunk is
    tried again, and given up after ``tries``: it becomes a dead letter, and the
    session goes on behind it.

    A chunk is handled at least once. A handler with a fourth parameter,
    ``transaction``, gets the database connection in whose transaction the
    checkpoint is committed: what it writes there is there exactly once.

    The chunks of a session come in order, one after the other, also when
    several processes share the checkpoints; those of several sessions at the
    same time, each in a thread.
    """

    def __init__(
        self,
        client: Client,
        *,
        checkpoints: Checkpoints,
        start: str | datetime,
        name: str = "default",
        labels: Iterable[str] | None = None,
        platforms: Iterable[Platform | str] | None = None,
        journey_id: str | None = None,
        client_session_group_id: str | None = None,
        receiver: Receiver | None = None,
        parallel: int = 4,
        tries: int = 5,
        backoff: float = 1.0,
        poll: float = 10.0,
        window: float = 86_400.0,
        sweep: float = 3_600.0,
        lease: float = 30.0,
    ) -> None:
        """Make a consumer; nothing is asked for yet.

        Args:
            client: of the cloud. It stays the caller's to close.
            checkpoints: where it is kept what is done. Processes that give the
                same store and name share the work.
            start: ``beginning`` for every chunk there is, ``now`` for those
                that are made from now on, or the time from which on. It counts
                when the consumer is first run; later runs go on from there.
            name: which consumer of the store this is: each has its own checkpoints.
            labels, platforms, journey_id, client_session_group_id: which
                sessions, as for ``Client.list_sessions``.
            receiver: a ``WebhookReceiver`` that wakes it, so that a chunk is
                processed as soon as it is there. Without it, or when a webhook
                is lost, lists find the chunk.
            parallel: sessions at the same time. As many chunks are in memory.
            tries: how often a chunk is tried before it is given up.
            backoff: seconds before the second try; each later pause is twice as
                long, up to five minutes. The tries of a chunk outlive the process.
            poll: seconds between two lists of the newest sessions.
            window: seconds before the newest session within which a list at
                every poll looks for more data.
            sweep: seconds between two lists of all sessions, which find what
                grew behind the window.
            lease: seconds after which another process takes over the session
                of one that died or stands still.

        Raises:
            ConfigurationError: a value cannot be.
        """
        numbers = {"parallel": parallel, "tries": tries, "poll": poll, "sweep": sweep, "lease": lease}
        for what, value in numbers.items():
            if not value > 0:
                raise ConfigurationError(f"{what} must be above 0, not {value}")
        if backoff < 0 or window < 0:
            raise ConfigurationError("backoff and window must be at least 0 seconds")
        if not name:
            raise ConfigurationError("a consumer needs a name")
        self._start = start_text(start)
        self._from = times.to_micros(start) if isinstance(start, datetime) else None
        self._parallel = parallel
        self._orders = Orders(
            client=client,
            checkpoints=checkpoints,
            name=name,
            selection=Selection.of(labels, platforms, journey_id, client_session_group_id),
            tries=tries,
            backoff=backoff,
            poll=poll,
            window=window,
            sweep=sweep,
            lease=lease,
        )
        self._wakes = Wakes()
        self._run: Run | None = None
        self._began = self._stopped = False
        self._lock = threading.Lock()
        if receiver is not None:
            receiver.on(*WAKING)(lambda payload: self.wake(payload.session_id))

    def __repr__(self) -> str:
        return f"<Consumer {self._orders.name!r} of {self._orders.client!r}>"

    def wake(self, session_id: str) -> None:
        """Have a session looked at soon. It may be any, as often as you like, from any thread."""
        self._wakes.add(session_id)

    def status(self) -> ConsumerStatus:
        """How far it is, with the processes that share its checkpoints.

        Raises CheckpointError before its first run.
        """
        for status in self._orders.checkpoints.status(self._orders.name):
            return status
        raise CheckpointError(f"the consumer {self._orders.name!r} was never run on these checkpoints")

    def stop(self, *, abandon: bool = False) -> None:
        """End the run once the chunks under way are done. It may be called from any thread.

        Before the first run, that one ends at once: it may be about to begin in another thread.

        Args:
            abandon: do not wait for them: what their handlers do is not committed.
        """
        with self._lock:
            run = self._run
            self._stopped = not self._began
        if run is not None and abandon:
            run.abandon()
        elif run is not None:
            run.stop()

    def run(self, handler: Handler, *, once: bool = False) -> Result:
        """Process chunks until ``stop``, SIGINT or SIGTERM; a second signal abandons what is under way.

        Args:
            handler: a function, or a coroutine function, which runs on an event
                loop in a thread of its own.
            once: return when all that is there was processed. Chunks that fail
                are tried as often as they may be, and an unreachable cloud is an error.

        Raises:
            ConfigurationError: the handler asks for a transaction that the
                checkpoints have not, or the consumer was begun with another ``start``.
            AuthenticationError, PermissionDeniedError: the token does not do.
            RequestError, DataError, CheckpointError: with ``once``, cloud or store failed.
        """
        return self._run_with(Call(handler, transactional=self._orders.checkpoints.transactional), Run(once))

    async def run_async(self, handler: Handler, *, once: bool = False) -> Result:
        """The same beside an event loop, on which a coroutine function runs; cancelling it stops it.

        Signals are left to the program.

        Args:
            handler: as for ``run``.
            once: as for ``run``.

        Raises:
            ConfigurationError, RequestError, CheckpointError: as ``run``.
        """
        loop = asyncio.get_running_loop()
        call = Call(handler, transactional=self._orders.checkpoints.transactional, loop=loop)
        run = Run(once)
        running = asyncio.ensure_future(asyncio.to_thread(self._run_with, call, run))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            run.stop()
            await running
            raise

    def _run_with(self, call: Call, run: Run) -> Result:
        with self._lock:
            if self._run is not None:
                raise ConfigurationError("the consumer runs already")
            self._began = True
            if self._stopped:
                self._stopped = False
                return Result(0, 0, 0)
            self._run = run
        try:
            with _signals(run):
                run.begun_at = self._begin()
                if run.once:
                    self._orders.checkpoints.wake(self._orders.name)
                self._work(run, call)
        finally:
            with self._lock:
                self._run = None
        if run.error is not None:
            raise run.error
        return Result(run.done, run.failed, run.dead)

    def _begin(self) -> int | None:
        """From when on chunks are processed; the first start decides it for all later ones."""
        moment = self._cloud_now() if self._start == "now" else self._from
        return self._orders.checkpoints.begin(self._orders.name, self._start, moment)

    def _cloud_now(self) -> int:
        """The time by the cloud's clock, which chunks are dated by: the whole second that has begun."""
        date = self._orders.client.with_raw_response.whoami().headers.get("date", "")
        try:
            return times.to_micros(parsedate_to_datetime(date))
        except ValueError:
            return times.to_micros(datetime.now().astimezone())

    def _work(self, run: Run, call: Call) -> None:
        """Start the threads and look after them to their end."""
        owner = f"{socket.gethostname()}:{os.getpid()}:{new_id()[:8]}"
        workers = [Worker(self._orders, run, call, f"{owner}:{number}") for number in range(self._parallel)]
        crew = _Crew(run, [worker.work for worker in workers], ended=run.over.set)
        finder = threading.Event()
        finding = _Crew(run, [Finder(self._orders, run, self._wakes).work], ended=finder.set)
        beat = threading.Thread(
            target=self._keep_leases, args=(run, workers), name="moonsense-consumer-leases", daemon=True
        )
        call.start()
        self._wakes.run = run
        try:
            beat.start()
            crew.start("moonsense-consumer")
            finding.start("moonsense-consumer-finder")
            logger.info("consumer %s begins: %d sessions at the same time", self._orders.name, self._parallel)
            pause = _FIRST_LOG_SECONDS
            while not run.over.wait(pause):
                self._log_lag(run)
                pause = _LOG_SECONDS
        finally:
            self._wakes.run = None
            run.stop()
            if run.abandoned.is_set():
                call.abandon()
            else:
                finder.wait()
                beat.join()
            call.close()
        self._log_lag(run)

    def _keep_leases(self, run: Run, workers: list[Worker]) -> None:
        """Prolong the leases of all that work, until none does."""
        while not run.over.wait(self._orders.lease / 3):
            owners = [worker.owner for worker in workers if worker.busy]
            try:
                self._orders.checkpoints.renew(owners, self._orders.lease)
            except CheckpointError as error:
                if self._orders.checkpoints.closed:
                    return  # whoever works finds out, and ends the run
                # They run out, and what is done under them is not committed if others take over.
                logger.warning("leases could not be prolonged: %s", error)

    def _log_lag(self, run: Run) -> None:
        try:
            status = self.status()
        except CheckpointError as error:
            logger.warning("how far the consumer is cannot be said: %s", error)
            return
        logger.info(
            "consumer %s: %d chunks behind, the oldest for %.1f s, %d sessions to look at, "
            "%d dead letters; this run: %d chunks done, %d tries failed",
            status.name,
            status.lag_chunks,
            status.lag_seconds,
            status.waiting,
            status.dead,
            run.done,
            run.failed,
        )


class _Crew:
    """Threads that work together; an error that one of them does not expect ends the run.

    Args:
        run: which it is.
        tasks: one a thread.
        ended: called when all have returned.
    """

    def __init__(self, run: Run, tasks: list[Callable[[], None]], ended: Callable[[], None]) -> None:
        self._run = run
        self._tasks = tasks
        self._left = len(tasks)
        self._lock = threading.Lock()
        self._ended = ended

    def start(self, name: str) -> None:
        for number, task in enumerate(self._tasks):
            # An abandoned one may hang in a handler, and must not keep the process.
            threading.Thread(target=self._do, args=(task,), name=f"{name}-{number}", daemon=True).start()

    def _do(self, task: Callable[[], None]) -> None:
        try:
            task()
        except BaseException as error:  # noqa: BLE001 (run raises it)
            self._run.fail(error)
        finally:
            with self._lock:
                self._left -= 1
                last = self._left == 0
            if last:
                self._ended()


@contextmanager
def _signals(run: Run) -> Iterator[None]:
    """Stop at the first signal and abandon at the second; only the main thread can be signalled."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []

    def stop(number: int, _frame: object) -> None:
        received.append(number)
        # In a thread: the one that is interrupted here may hold the very locks.
        threading.Thread(target=obey, args=(number, len(received) > 1), daemon=True).start()

    def obey(number: int, again: bool) -> None:
        what = "what is under way is abandoned" if again else "no other chunk is begun"
        logger.info("%s: %s", signal.Signals(number).name, what)
        if again:
            run.abandon()
        else:
            run.stop()

    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
