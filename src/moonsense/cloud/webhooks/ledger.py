"""What came of tries, written to the catalog: as many at once as there are since the last time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import NamedTuple

from sqlalchemy import Connection

from moonsense.cloud.catalog import deliveries, endpoints
from moonsense.cloud.catalog.deliveries import Result
from moonsense.cloud.records import Catalog
from moonsense.cloud.webhooks.outbox import Outbox
from moonsense.cloud.webhooks.retries import Answer, Rules, given_up

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0


class Tried(NamedTuple):
    """A try that ended.

    Attributes:
        endpoint_key: whose delivery it was.
        ended_at: microseconds since 1970.
        written: called when the catalog has it.
    """

    endpoint_key: int
    answer: Answer
    result: Result
    ended_at: int
    written: Callable[[int], None]


class Ledger:
    """Writes down tries while ``run`` runs. For one event loop.

    A delivery whose try is not written when the process dies is tried again
    after the next start, under the same id.
    """

    def __init__(self, catalog: Catalog, outbox: Outbox, rules: Rules) -> None:
        self._catalog = catalog
        self._outbox = outbox
        self._rules = rules
        self._entries: list[Tried] = []
        self._change = asyncio.Event()
        self._closing = False
        self.tries = 0
        self.failures = 0

    def add(self, tried: Tried) -> None:
        """Take in a try."""
        self.tries += 1
        self.failures += not tried.answer.taken
        self._entries.append(tried)
        self._change.set()

    async def run(self) -> None:
        """Write what comes in, until ``close``."""
        while self._entries or not self._closing:
            await self._change.wait()
            self._change.clear()
            while self._entries:
                try:
                    await self._flush()
                except Exception:
                    if self._closing:
                        logger.exception("tries could not be written; they will be repeated")
                        return
                    logger.exception("tries could not be written; again in %.0f s", _RETRY_SECONDS)
                    await asyncio.sleep(_RETRY_SECONDS)

    def close(self) -> None:
        """Let ``run`` return when it has written what there is."""
        self._closing = True
        self._change.set()

    async def _flush(self) -> None:
        entries, self._entries = self._entries, []
        try:
            await self._catalog.write(lambda connection: self._write(connection, entries))
        except Exception:
            self._entries = entries + self._entries
            raise
        for tried in entries:
            tried.written(tried.result.key)

    def _write(self, connection: Connection, entries: list[Tried]) -> None:
        """In the writer's thread."""
        deliveries.record(connection, [tried.result for tried in entries])
        by_endpoint: dict[int, list[Tried]] = {}
        for tried in entries:
            by_endpoint.setdefault(tried.endpoint_key, []).append(tried)
        off = [key for key, tries in by_endpoint.items() if self._judge(connection, key, tries)]
        if off:
            self._outbox.load(connection)

    def _judge(self, connection: Connection, key: int, tries: Iterable[Tried]) -> bool:
        """Keep since when an endpoint fails; whether it is switched off now."""
        for tried in _turns(tries):
            if tried.answer.taken:
                endpoints.succeeded(connection, key)
                continue
            since = endpoints.failing(connection, key, tried.ended_at)
            notice = since is not None and given_up(tried.answer, since, tried.ended_at, self._rules)
            if notice and endpoints.switch_off(connection, key, *notice, tried.ended_at):
                logger.warning("webhook endpoint %d: %s", key, notice.title)
                return True
        return False


def _turns(tries: Iterable[Tried]) -> Iterable[Tried]:
    """Of tries in a row that say the same of an endpoint the first and the last."""
    row: list[Tried] = []
    for tried in tries:
        if row and row[0].answer.taken == tried.answer.taken:
            row[1:] = [tried]
        else:
            yield from row
            row = [tried]
    yield from row
