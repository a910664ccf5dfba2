"""Delivering to one endpoint, and nothing that goes on at another one matters to it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import Connection

from moonsense.cloud.catalog import deliveries, endpoints
from moonsense.cloud.catalog.deliveries import Due, Result
from moonsense.cloud.records import Catalog
from moonsense.cloud.webhooks import payloads
from moonsense.cloud.webhooks.bundles import BundleGoneError, Bundles
from moonsense.cloud.webhooks.ledger import Ledger, Tried
from moonsense.cloud.webhooks.retries import Answer, Rules, judge
from moonsense.cloud.webhooks.sender import USER_AGENT, Line, Sender
from moonsense.models.data_plane_v2_pb2 import WebhookPayload
from moonsense.models.webhooks_v2_pb2 import WebhookDelivery, WebhookEndpoint, WebhookTry
from moonsense.webhooks import sign

logger = logging.getLogger(__name__)

_AT_ONCE = 8
"""Tries at one time while they succeed. After one that failed it is one, until one succeeds."""

_BATCH = 64
"""Deliveries read from the catalog at once."""

_LONGEST_WAIT = 60.0
"""Seconds after which a lane looks again whatever it believes, for clocks that were set."""

_MICROS = 1_000_000


class Found(NamedTuple):
    """What the catalog has for an endpoint: itself, what signs for it, what is due, and when the next is."""

    endpoint: WebhookEndpoint
    secrets: list[str]
    due: list[Due]
    next_due: int | None


class Lane:
    """Tries the deliveries of an endpoint when they are due, while ``run`` runs."""

    def __init__(
        self,
        key: int,
        catalog: Catalog,
        sender: Sender,
        bundles: Bundles,
        ledger: Ledger,
        rules: Rules,
        clock: Callable[[], int],
    ) -> None:
        self._key = key
        self._catalog = catalog
        self._sender = sender
        self._bundles = bundles
        self._ledger = ledger
        self._rules = rules
        self._clock = clock
        self._change = asyncio.Event()
        self._line: Line | None = None
        self._ready: deque[Due] = deque()
        # Deliveries that were read and whose try is not written down yet.
        self._taken: set[int] = set()
        self._tries: set[asyncio.Task[None]] = set()
        self._healthy = True
        self._hold_until = 0

    def wake(self) -> None:
        """Look again whether anything is due."""
        self._change.set()

    @property
    def woken(self) -> bool:
        """Whether it has still to look again."""
        return self._change.is_set()

    async def run(self) -> None:
        """Deliver, until the endpoint is gone or off, or it is cancelled; tries under way go on then."""
        found: Found | None = None
        while True:
            self._change.clear()
            if self._clock() < self._hold_until:
                await self._wait(self._hold_until)
                continue
            if self._room > 0 and not self._ready:
                try:
                    found = await self._look()
                except Exception:
                    logger.exception("deliveries could not be read; again in a while")
                else:
                    if found is None and not self._taken and await self._at_rest():
                        return
            if found is not None:
                await self._begin(found)
            await self._wait(found.next_due if found is not None and self._room > 0 else None)
            if not (self._change.is_set() or self._tries):
                await self.aclose()  # nobody needed its connections for a while

    @property
    def _room(self) -> int:
        """How many tries may begin.

        After one that failed, the next begins when that is written down: it may
        have switched the endpoint off.
        """
        if self._healthy:
            return _AT_ONCE - len(self._tries)
        return 1 - (len(self._taken) - len(self._ready))

    async def _look(self) -> Found | None:
        """Read what is due; None when the endpoint is gone or off."""
        taken = set(self._taken)
        now, most = self._clock(), _BATCH if self._healthy else 1
        found = await self._catalog.read(
            lambda connection: _find(connection, self._key, now, most + len(taken))
        )
        if found is None:
            return None
        # Before and after: what was written down meanwhile is not due any more.
        new = [each for each in found.due if each.key not in taken and each.key not in self._taken]
        self._ready.extend(new[:most])
        self._taken.update(each.key for each in self._ready)
        return found

    async def _begin(self, found: Found) -> None:
        """Start as many tries as there is room for."""
        if self._line is not None and self._line.url != found.endpoint.url:
            if self._tries:
                return  # to where it was; each wakes this when it ends
            await self.aclose()
        if self._line is None:
            self._line = self._sender.line(found.endpoint.url)
        for _ in range(min(self._room, len(self._ready))):
            task = asyncio.create_task(self._try(self._ready.popleft(), found, self._line))
            self._tries.add(task)
            task.add_done_callback(self._tries.discard)
            task.add_done_callback(lambda _task: self.wake())

    async def _at_rest(self) -> bool:
        """Let go of connections; whether there is no reason to look again."""
        if self._change.is_set():
            return False
        await self.aclose()
        return not self._change.is_set()

    async def _wait(self, until: int | None) -> None:
        seconds = _LONGEST_WAIT
        if until is not None:
            seconds = min(seconds, max(0.0, (until - self._clock()) / _MICROS))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._change.wait()

    async def _try(self, due: Due, found: Found, line: Line) -> None:
        started_at = self._clock()
        headers: dict[str, str] = {}
        try:
            body, content_type = await self._body(due, found.endpoint)
            signed = sign(
                body,
                message_id=due.delivery_id,
                timestamp=started_at // _MICROS,
                secrets=found.secrets,
            )
            headers = {"Content-Type": content_type, "User-Agent": USER_AGENT, **signed}
            answer = await line.send(body, headers)
        except BundleGoneError as error:
            answer = Answer(error=str(error))
        except Exception:
            logger.exception("delivery %s could not be made", due.delivery_id)
            answer = Answer(error="the cloud could not make it; its log has why")
        self._ended(due, answer, headers, started_at)

    async def _body(self, due: Due, endpoint: WebhookEndpoint) -> tuple[bytes, str]:
        payload = WebhookPayload.FromString(due.payload)
        if not endpoint.thin:
            bundle = await self._bundles.of(due)
            if bundle is not None:
                payload.bundle.CopyFrom(bundle)
        return payloads.body(payload, endpoint)

    def _ended(self, due: Due, answer: Answer, headers: dict[str, str], started_at: int) -> None:
        now, tries = self._clock(), due.tries + 1
        verdict = judge(answer, tries, now, self._rules, random.random())  # noqa: S311 - spreads, hides nothing
        self._healthy = answer.taken
        if not self._healthy:
            self._taken.difference_update(each.key for each in self._ready)
            self._ready.clear()
        self._hold_until = max(self._hold_until, verdict.hold_until)
        attempt = WebhookTry(
            duration_micros=int(answer.seconds * _MICROS),
            request_headers=headers,
            status=answer.status,
            response_start=answer.start,
            error=answer.error,
        )
        attempt.started_at.FromMicroseconds(started_at)
        over = verdict.state != WebhookDelivery.WAITING
        result = Result(
            key=due.key,
            state=verdict.state,
            tries=tries,
            due_at=verdict.due_at,
            finished_at=now if over else None,
            outcome=answer.outcome,
            attempt=attempt,
        )
        self._ledger.add(Tried(self._key, answer, result, now, self._written))

    def _written(self, delivery_key: int) -> None:
        self._taken.discard(delivery_key)
        self.wake()

    @property
    def under_way(self) -> set[asyncio.Task[None]]:
        """Tries that have begun and not ended."""
        return set(self._tries)

    async def aclose(self) -> None:
        """Let go of its connections."""
        if self._line is not None:
            line, self._line = self._line, None
            await line.aclose()


def _find(connection: Connection, key: int, now: int, limit: int) -> Found | None:
    endpoint = endpoints.by_key(connection, key)
    if endpoint is None or endpoint.disabled:
        return None
    return Found(
        endpoint,
        endpoints.secrets(connection, key, now),
        deliveries.due(connection, key, now, limit),
        deliveries.next_due(connection, key, now),
    )
