"""What listens for ``moonsense webhooks listen``: verifies, shows, and forwards what a cloud sends."""

from __future__ import annotations

import contextlib
import http
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx2

from moonsense.contract import limits
from moonsense.errors import DecodeError, SignatureError
from moonsense.models.data_plane_v2_pb2 import WebhookPayload
from moonsense.webhooks import Answer, parse, verify

__all__ = ["Arrival", "Listener", "outcome"]

# Shorter than a cloud waits, so that it gets our answer and not its own silence.
_FORWARD_SECONDS = 12.0

_SECRET_SECONDS = 10.0

# What belongs to one connection, or is made anew for the next (RFC 9110, 7.6.1).
_OF_THE_CONNECTION = frozenset(
    ("connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding")
)


@dataclass(frozen=True)
class Arrival:
    """A delivery that came.

    Attributes:
        message_id: the delivery's id.
        timestamp: when this try was signed, in epoch seconds.
        payload: what it tells.
        repeat: whether it was here before.
        status: what the application answered, 0 when it did not; None when nothing is forwarded.
        seconds: how long the application took.
        problem: why there was no answer.
    """

    message_id: str
    timestamp: int
    payload: WebhookPayload
    repeat: bool
    status: int | None = None
    seconds: float = 0.0
    problem: str = ""

    @property
    def taken(self) -> bool:
        """Whether the cloud need not send it again."""
        return self.status is None or 200 <= self.status < 300


class Listener:
    """Answers as the application behind it does, so that the cloud sends again what that one failed at.

    Attributes:
        refused: whether the application did not take the last delivery.
        unreachable: whether that was because nothing answered at its address.
    """

    max_body_bytes = 4 * limits.MAX_BODY_BYTES  # whatever a cloud may send is to be seen

    def __init__(self, forward_to: str | None, show: Callable[[Arrival], None]) -> None:
        """Set up.

        Args:
            forward_to: the application's URL, or None.
            show: called with each delivery, one at a time.
        """
        self._forward_to = forward_to
        self._show = show
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self._secrets: Sequence[str] = ()
        self._ready = threading.Event()
        # A redirect is an answer to show, not to follow.
        self._client = httpx2.Client(timeout=_FORWARD_SECONDS, trust_env=False) if forward_to else None
        self.refused = self.unreachable = False

    def use(self, secrets: Sequence[str]) -> None:
        """Begin to answer; what came before has waited."""
        self._secrets = secrets
        self._ready.set()

    def handle(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Answer one delivery."""
        if not self._ready.wait(_SECRET_SECONDS):
            return Answer(503, "not ready yet")
        try:
            verified = verify(body, headers, self._secrets)
            payload = parse(body, headers.get("content-type", ""))
        except SignatureError as error:
            return Answer(401, str(error))
        except DecodeError as error:
            return Answer(400, str(error))
        status, seconds, problem = self._forward(body, headers)
        with self._lock:
            arrival = Arrival(
                message_id=verified.message_id or "",
                timestamp=verified.timestamp or 0,
                payload=payload,
                repeat=verified.message_id in self._seen,
                status=status,
                seconds=seconds,
                problem=problem,
            )
            self._seen.add(arrival.message_id)
            self.refused, self.unreachable = not arrival.taken, status == 0
            self._show(arrival)
        if arrival.taken:
            return Answer(200, "shown" if status is None else f"the application answered {status}")
        # Not the application's own status: a 410 would switch the endpoint off.
        return Answer(502, problem or f"the application answered {status}")

    def _forward(self, body: bytes, headers: Mapping[str, str]) -> tuple[int | None, float, str]:
        """Send a delivery on as it came; the status, how long it took, and why there is none."""
        if self._client is None or self._forward_to is None:
            return None, 0.0, ""
        kept = {name: value for name, value in headers.items() if name.lower() not in _OF_THE_CONNECTION}
        begun = time.monotonic()
        status, problem = 0, ""
        try:
            status = self._client.post(self._forward_to, content=body, headers=kept).status_code
        except httpx2.TimeoutException:
            problem = f"no answer within {_FORWARD_SECONDS:g} seconds"
        except httpx2.HTTPError as error:
            problem = str(error) or type(error).__name__
        return status, time.monotonic() - begun, problem

    def came_back(self) -> bool:
        """Whether the application was away and listens again."""
        if not self.unreachable or self._forward_to is None:
            return False
        parts = urlsplit(self._forward_to)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        with contextlib.suppress(OSError), socket.create_connection((parts.hostname, port), timeout=1.0):
            self.unreachable = False
        return not self.unreachable

    def close(self) -> None:
        """Let go of the connections to the application."""
        if self._client is not None:
            self._client.close()


def outcome(arrival: Arrival) -> str:
    """What came of forwarding, in a few words."""
    if arrival.status is None:
        return ""
    if not arrival.status:
        return arrival.problem
    try:
        phrase = http.HTTPStatus(arrival.status).phrase
    except ValueError:
        phrase = ""
    return f"{arrival.status} {phrase}".rstrip() + f" in {1000 * arrival.seconds:.0f} ms"
