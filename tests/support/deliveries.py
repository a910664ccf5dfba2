"""Deliveries as a cloud signs them."""

from __future__ import annotations

import itertools
import time

from moonsense.webhooks import Answer, WebhookReceiver, sign

SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="  # the same in every process

_numbers = itertools.count(1)


def body_of(event: str = "CHUNK_PERSISTED", session: str = "s") -> bytes:
    return b'{"session_id": "%s", "app_id": "a", "event_type": "%s"}' % (session.encode(), event.encode())


def signed(body: bytes, message_id: str | None = None, *, secret: str = SECRET) -> dict[str, str]:
    """The headers of a delivery; of a new one without an id."""
    return {
        "Content-Type": "application/json",
        **sign(
            body,
            message_id=message_id or f"msg_{next(_numbers)}",
            timestamp=int(time.time()),
            secrets=[secret],
        ),
    }


def give(receiver: WebhookReceiver, body: bytes, message_id: str | None = None) -> Answer:
    return receiver.handle(body, signed(body, message_id))
