"""A store that delivers webhooks, with a clock that tests set, and receivers on sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.stores import make_principal

from moonsense.cloud.records import DeliveryFilters, Place, Principal
from moonsense.cloud.settings import Settings
from moonsense.cloud.store import Store
from moonsense.models.webhooks_v2_pb2 import WebhookDelivery, WebhookEndpoint, WebhookTestRequest

START = 1_750_000_000_000_000


class Clock:
    """Microseconds since 1970, standing still until it is set."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now


class Sending:
    """A store with its webhooks, as one project sees it."""

    def __init__(self, store: Store, clock: Clock, who: Principal) -> None:
        self.store = store
        self.clock = clock
        self.who = who

    def endpoint(self, url: str, **fields: Any) -> tuple[str, str]:
        """A new endpoint; gives its id and its secret."""
        wanted = WebhookEndpoint(url=url, **fields)
        made = asyncio.run(self.store.webhooks.create(self.who.project_id, wanted))
        return made.endpoint.endpoint_id, made.secret

    def describe(self, endpoint_id: str) -> WebhookEndpoint:
        return asyncio.run(self.store.webhooks.describe(self.who.project_id, endpoint_id))

    def change(self, endpoint_id: str, **fields: Any) -> WebhookEndpoint:
        wanted = self.describe(endpoint_id)
        for name, value in fields.items():
            setattr(wanted, name, value)
        return asyncio.run(self.store.webhooks.replace(self.who.project_id, endpoint_id, wanted))

    def send(self, endpoint_id: str, event: int = 1) -> str:
        """An event that nothing happened for; gives the delivery's id."""
        wanted = WebhookTestRequest(event_type=event)
        made = asyncio.run(self.store.webhooks.test(self.who, endpoint_id, wanted))
        return made.delivery_id

    def delivery(self, delivery_id: str) -> WebhookDelivery:
        return asyncio.run(self.store.webhooks.delivery(self.who.project_id, delivery_id))

    def deliveries(self, **filters: Any) -> list[WebhookDelivery]:
        page = self.store.webhooks.deliveries(
            self.who.project_id, DeliveryFilters(**filters), Place(limit=1000)
        )
        return asyncio.run(page).items

    def forward(self, seconds: float) -> None:
        """Set the clock forward, and let everything that is due by then be seen to."""
        self.clock.now += int(seconds * 1e6)
        self.store.folder.webhooks.wake(range(1, 50))  # whatever the keys of the endpoints are


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_sending(tmp_path: Path, clock: Clock) -> Iterator[Callable[..., Sending]]:
    """Opens stores on one folder, whose webhooks may go to loopback; all are closed at the end."""
    opened: list[Store] = []
    known: list[Principal] = []

    def open_(**changes: Any) -> Sending:
        usual = {
            "data_dir": tmp_path / "data",
            "seal_bundles": 5,
            "seal_age_seconds": 60,
            "sealer_process": False,
            "webhook_allowed_networks": ("127.0.0.0/8",),
            "session_inactive_seconds": 2.0,
        }
        store = Store.open(Settings(**(usual | changes)), clock=clock)
        opened.append(store)
        known.append(known[0] if known else make_principal(store))
        return Sending(store, clock, known[0])

    yield open_
    for store in opened:
        store.close()


@pytest.fixture
def sending(open_sending: Callable[..., Sending]) -> Sending:
    return open_sending()
