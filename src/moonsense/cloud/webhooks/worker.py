"""The thread that delivers webhooks, with an event loop of its own.

It begins with the first endpoint, so that a cloud without any has neither the
thread nor the HTTP library. What it is doing is nowhere but in the catalog: a
cloud that was killed goes on after its next start where the outbox was.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from moonsense.cloud.objects import Objects
from moonsense.cloud.records import Catalog
from moonsense.cloud.settings import Settings
from moonsense.cloud.webhooks.outbox import Outbox

if TYPE_CHECKING:
    from moonsense.cloud.webhooks.dispatch import Dispatch

logger = logging.getLogger(__name__)


class Worker:
    """Delivers what is in the outbox. ``start`` it once; ``close`` is idempotent.

    Args:
        catalog: reads and writes, from any event loop.
        clock: microseconds since 1970; by it deliveries are due, signed and kept.
    """

    def __init__(
        self, catalog: Catalog, objects: Objects, outbox: Outbox, settings: Settings, clock: Callable[[], int]
    ) -> None:
        self._catalog = catalog
        self._objects = objects
        self._outbox = outbox
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._woken: set[int] = set()
        # Those of the thread, once it has its loop.
        self._notify: Callable[[], object] = lambda: None
        self._dispatch: Dispatch | None = None

    def start(self) -> None:
        """Take up what the outbox holds, and go."""
        self._outbox.woken = self.wake
        self._outbox.committed()

    def wake(self, keys: Iterable[int]) -> None:
        """Something may be due to endpoints, by their keys. From any thread."""
        with self._lock:
            if self._closing:
                return
            self._woken.update(keys)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="moonsense-webhooks", daemon=True)
                self._thread.start()
            self._notify()

    def close(self) -> None:
        """Let tries under way end for a few seconds, write them down, and stop."""
        with self._lock:
            self._closing = True
            self._notify()
        if self._thread is not None:
            self._thread.join()

    @property
    def running(self) -> bool:
        """Whether there is a thread."""
        return self._thread is not None

    def numbers(self) -> dict[str, float]:
        """What was done, for metrics."""
        ledger = self._dispatch.ledger if self._dispatch else None
        return {
            "webhook_tries_total": ledger.tries if ledger else 0,
            "webhook_failures_total": ledger.failures if ledger else 0,
            "webhook_endpoints_served": self._dispatch.lanes if self._dispatch else 0,
        }

    def _run(self) -> None:
        # Here, and in a thread: the server's loop and the HTTP library take a while to load.
        from moonsense.cloud.webhooks.dispatch import Dispatch, loop_factory  # noqa: PLC0415

        try:
            with asyncio.Runner(loop_factory=loop_factory()) as runner:
                where = (self._catalog, self._objects, self._outbox, self._settings, self._clock)
                runner.run(self._serve(Dispatch(*where)))
        except Exception:
            logger.exception("the thread that delivers webhooks failed; they wait for a restart")
        finally:
            with self._lock:
                self._notify = lambda: None

    async def _serve(self, dispatch: Dispatch) -> None:
        dispatch.start()
        change, loop = asyncio.Event(), asyncio.get_running_loop()
        with self._lock:
            self._dispatch = dispatch
            self._notify = lambda: loop.call_soon_threadsafe(change.set)
        try:
            while True:
                change.clear()
                with self._lock:
                    woken, self._woken = self._woken, set()
                    if self._closing:
                        return
                dispatch.wake(woken)
                await change.wait()
        finally:
            await dispatch.stop()
