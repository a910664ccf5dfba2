"""All deliveries of a cloud, in one event loop: a lane an endpoint, and what is done now and then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from uvicorn.loops.auto import auto_loop_factory as loop_factory

from moonsense.cloud.catalog import deliveries
from moonsense.cloud.objects import Objects
from moonsense.cloud.records import Catalog
from moonsense.cloud.settings import Settings
from moonsense.cloud.webhooks.bundles import Bundles
from moonsense.cloud.webhooks.lanes import Lane
from moonsense.cloud.webhooks.ledger import Ledger
from moonsense.cloud.webhooks.outbox import SILENT_AT_ONCE, Outbox
from moonsense.cloud.webhooks.retries import Rules
from moonsense.cloud.webhooks.sender import Sender

__all__ = ["Dispatch", "loop_factory"]

logger = logging.getLogger(__name__)

_GRACE_SECONDS = 5.0
"""How long tries under way may go on when the cloud stops; those that do not end are repeated."""

_PURGE_SECONDS = 3600.0
_RETRY_SECONDS = 5.0

_MICROS = 1_000_000


class Dispatch:
    """Delivers to the endpoints that it is told of, between ``start`` and ``stop``."""

    def __init__(
        self, catalog: Catalog, objects: Objects, outbox: Outbox, settings: Settings, clock: Callable[[], int]
    ) -> None:
        self._catalog = catalog
        self._outbox = outbox
        self._clock = clock
        self._rules = Rules.of(settings)
        self._inactive_seconds = settings.session_inactive_seconds
        self._sender = Sender(settings.webhook_networks, settings.webhook_timeout_seconds)
        self._bundles = Bundles(catalog, objects)
        self._lanes: dict[int, Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._writing: asyncio.Task[None] | None = None
        self.ledger = Ledger(catalog, outbox, self._rules)

    def start(self) -> None:
        """Begin with what is done now and then. In a running event loop."""
        self._writing = asyncio.create_task(self.ledger.run())
        # Often enough that a silence is told of when it has lasted a twentieth too long.
        watching = min(5.0, max(0.05, self._inactive_seconds / 20))
        self._tasks = {
            asyncio.create_task(_again(self._tell_silences, watching)),
            asyncio.create_task(_again(self._purge, _PURGE_SECONDS)),
        }

    def wake(self, keys: Iterable[int]) -> None:
        """Look at endpoints, by their keys: something may be due."""
        for key in keys:
            lane = self._lanes.get(key) or self._open(key)
            lane.wake()

    def _open(self, key: int) -> Lane:
        lane = self._lanes[key] = Lane(
            key, self._catalog, self._sender, self._bundles, self.ledger, self._rules, self._clock
        )
        task = asyncio.create_task(lane.run())
        self._tasks.add(task)
        task.add_done_callback(lambda task: self._ended(key, lane, task))
        return lane

    def _ended(self, key: int, lane: Lane, task: asyncio.Task[None]) -> None:
        """Forget the lane of an endpoint that is gone or off; it gets another when it is on again."""
        if task.cancelled():
            return  # its tries are still waited for
        if error := task.exception():
            logger.error("deliveries to an endpoint stopped", exc_info=error)
        self._tasks.discard(task)
        del self._lanes[key]
        if lane.woken:
            self.wake([key])

    @property
    def lanes(self) -> int:
        """How many endpoints are looked after."""
        return len(self._lanes)

    async def stop(self) -> None:
        """Begin nothing more, let what is under way end for a while, and write it down."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        tries = [each for lane in self._lanes.values() for each in lane.under_way]
        if tries:
            _, unfinished = await asyncio.wait(tries, timeout=_GRACE_SECONDS)
            for each in unfinished:
                each.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
        self.ledger.close()
        if self._writing is not None:
            await self._writing
        for lane in self._lanes.values():
            await lane.aclose()
        self._sender.close()

    async def _tell_silences(self) -> None:
        """Tell of sessions that fell silent."""
        if not self._outbox.watches:
            return
        since = self._clock() - int(self._inactive_seconds * _MICROS)
        told = SILENT_AT_ONCE
        while told == SILENT_AT_ONCE and await self._catalog.read(
            lambda connection: self._outbox.any_silent(connection, since)
        ):
            told = await self._catalog.write(lambda connection: self._outbox.silences(connection, since))

    async def _purge(self) -> None:
        """Delete what was kept long enough."""
        before = self._clock() - deliveries.KEPT_MICROS
        while await self._catalog.write(lambda connection: deliveries.purge(connection, before)):
            continue


async def _again(job: Callable[[], Coroutine[Any, Any, None]], seconds: float) -> None:
    """Do a job every so many seconds, whatever came of it the last time."""
    while True:
        try:
            await job()
        except Exception:
            logger.exception("it is tried again in a while")
            await asyncio.sleep(_RETRY_SECONDS)
        await asyncio.sleep(seconds)
