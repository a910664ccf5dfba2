"""Receivers with a store in the test's folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.deliveries import SECRET

from moonsense.webhooks import WebhookReceiver


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[WebhookReceiver]:
    receiver = WebhookReceiver(tmp_path / "webhooks.db", SECRET)
    yield receiver
    receiver.close()


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., WebhookReceiver]]:
    """Makes receivers on one store, as several processes would have them."""
    made: list[WebhookReceiver] = []

    def make(**options: object) -> WebhookReceiver:
        made.append(WebhookReceiver(tmp_path / "webhooks.db", SECRET, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()
