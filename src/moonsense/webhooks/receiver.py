"""A receiver of webhooks: verifies, drops repeats, and calls your handlers."""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
import os
import sqlite3
import time
import uuid
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from moonsense.contract import environment, limits
from moonsense.errors import ConfigurationError, DecodeError, SignatureError
from moonsense.models.data_plane_v2_pb2 import WebhookEventTypes, WebhookPayload
from moonsense.webhooks import handled
from moonsense.webhooks.answers import Answer
from moonsense.webhooks.asgi import ASGIApp
from moonsense.webhooks.payload import parse
from moonsense.webhooks.server import WebhookServer
from moonsense.webhooks.signatures import TOLERANCE, Verified, check_secrets, verify
from moonsense.webhooks.wsgi import WSGIApp

__all__ = ["WebhookReceiver"]

logger = logging.getLogger("moonsense.webhooks")

Handler = Callable[[WebhookPayload], "Awaitable[object] | object"]
TransactionHandler = Callable[[WebhookPayload, sqlite3.Connection], object]
H = TypeVar("H", bound=Callable[..., Any])

# Above this, reading a body takes longer than going to another thread for it.
_READ_AT_ONCE = 64 * 1024

EVENTS = tuple(name for name, number in WebhookEventTypes.items() if number)


# A step of what is to be done for a delivery: the shell around calls it, or
# awaits it, and sends the outcome back. So threads and asyncio share the rest.
Steps = Generator[Callable[[], Any], Any, Answer]


class WebhookReceiver:
    """Receives webhooks, to be mounted in a web application or served on its own.

    A delivery is handled at least once, and as a rule exactly once: its id is
    kept for seven days when it was handled, and a repeat answers 200 without
    calling anybody. A handler with ``transaction=True`` gets the connection
    that the id is kept by, so that what it writes there is written exactly
    once. A handler that raises makes the answer a 500, and the cloud tries
    again later; then all handlers of the event are called again.

    Deliveries without an id, which have the service's own signature alone, are
    handled each time that they come.

    Handlers run in the thread of the request; under ASGI in a thread of their
    own, async ones on the event loop.

    Mount ``asgi`` or ``wsgi``, call ``serve``, or give ``handle`` what came.
    """

    def __init__(
        self,
        store: str | os.PathLike[str],
        secrets: str | Sequence[str] | None = None,
        *,
        tolerance: float = TOLERANCE,
        max_body_bytes: int = limits.MAX_BODY_BYTES,
        lease: float = handled.LEASE_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Set up a receiver; nothing is opened before the first delivery.

        Args:
            store: the SQLite file of what was handled, made when it is not there; it may be
                one that your program keeps its data in, and several processes may share it.
                ``":memory:"`` remembers until the process ends.
            secrets: what the endpoint's deliveries are signed with; several while they change.
                Without them ``MOONSENSE_WEBHOOK_SECRET`` is taken, which may hold several with
                spaces between.
            tolerance: seconds that a delivery's time may be off, to either side.
            max_body_bytes: a larger body is refused with 413, before it is read.
            lease: seconds that a handler may take before another process may call it for the
                same delivery, too.
            clock: the time, in epoch seconds.

        Raises:
            ConfigurationError: there is no secret, or one cannot be.
        """
        if secrets is None:
            secrets = os.environ.get(environment.WEBHOOK_SECRET, "").split()
            if not secrets:
                raise ConfigurationError(
                    f"there is no webhook secret: pass one, or set {environment.WEBHOOK_SECRET}; "
                    "moonsense webhooks endpoints create shows it"
                )
        self._secrets = check_secrets(secrets)
        self._tolerance = tolerance
        self._clock = clock
        self._handled = handled.Handled(store, clock, lease)
        self._plain: dict[str, list[Handler]] = {}
        self._inside: dict[str, list[TransactionHandler]] = {}
        self.max_body_bytes = max_body_bytes

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._handled!r})"

    def on(self, *events: str, transaction: bool = False) -> Callable[[H], H]:
        """Make a function the handler of events; all of one event's handlers are called, in order.

        Args:
            events: ``SESSION_CREATED``, ``BUNDLE_RECEIVED``, ``CHUNK_PERSISTED``,
                ``SESSION_INACTIVE``; without any, every event, also those to come.
            transaction: call it as ``handler(payload, connection)``, after the others, inside
                the transaction of ``store`` that marks the delivery as handled. It must not
                end that transaction, nor be async, nor take long: others wait for it.

        Raises:
            ValueError: there is no such event.
            TypeError: an async function, with ``transaction``.
        """
        for event in events:
            if event not in EVENTS:
                raise ValueError(f"there is no event {event!r}; there are {', '.join(EVENTS)}")

        def add(handler: H) -> H:
            if transaction and _is_async(handler):
                raise TypeError(
                    "a handler in a transaction cannot be async: others would wait while it waits"
                )
            handlers: dict[str, list[Any]] = self._inside if transaction else self._plain
            for event in events or ("",):
                handlers.setdefault(event, []).append(handler)
            return handler

        return add

    @property
    def asgi(self) -> ASGIApp:
        """An ASGI application, to be mounted or served."""
        return ASGIApp(self)

    @property
    def wsgi(self) -> WSGIApp:
        """A WSGI application, to be mounted or served."""
        return WSGIApp(self)

    def server(self, host: str = "127.0.0.1", port: int = 0) -> WebhookServer:
        """A server of the standard library's, for a ``with`` block: it listens inside.

        Args:
            host: the address to listen on.
            port: 0 takes a free one; ``url`` of the server says which.
        """
        return WebhookServer(self, host, port)

    def serve(self, host: str = "127.0.0.1", port: int = 8091) -> None:
        """Listen until Ctrl-C. What has begun is finished."""
        with self.server(host, port) as server:
            logger.info("listening on %s", server.url)
            server.wait()

    def handle(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Handle one delivery; for frameworks that speak neither WSGI nor ASGI.

        Never raises for what came or for what a handler did: the answer says it,
        and the log under ``moonsense.webhooks`` says why.

        Args:
            body: as it came, before anything has parsed it.
            headers: of the request; names in any case.

        Raises:
            TypeError: the body is text.
        """
        return _drive(self._steps(body, headers))

    async def handle_async(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """The same on an event loop; what is not async runs in a thread."""
        return await _drive_async(self._steps(body, headers))

    def close(self) -> None:
        """Close the store. It is opened again by the next delivery."""
        self._handled.close()

    def _steps(self, body: bytes, headers: Mapping[str, str]) -> Steps:
        read = partial(self._read, body, headers)
        try:
            verified, payload = read() if len(body) < _READ_AT_ONCE else (yield read)
        except SignatureError as error:
            logger.warning("refused a webhook: %s", error)
            return Answer(401, str(error))
        except DecodeError as error:
            logger.error("a webhook that is signed well cannot be read: %s", error)
            return Answer(400, str(error))
        event = WebhookEventTypes.Name(payload.event_type)
        plain = [*self._plain.get(event, ()), *self._plain.get("", ())]
        inside = [*self._inside.get(event, ()), *self._inside.get("", ())]
        if not plain and not inside:
            return Answer(200, f"nobody handles {event}")
        message_id, owner = verified.message_id, uuid.uuid4().hex
        named = f"{event} {message_id or 'without an id'} of session {payload.session_id}"
        leased: str | None = None
        try:
            if plain and message_id is not None:
                if not (yield partial(self._handled.lease, message_id, owner)):
                    return _REPEATED
                leased = message_id
            for handler in plain:
                yield partial(handler, payload)
            bound = [_bound(handler, payload) for handler in inside]
            done = yield partial(self._handled.finish, message_id, owner, bound)
        except handled.Busy as busy:
            return Answer(503, "it is being handled", {"Retry-After": str(math.ceil(busy.seconds))})
        except Exception:
            logger.exception("%s was not handled", named)
            if leased is not None:
                yield partial(self._release, leased, owner)
            return Answer(500, "a handler failed")
        return Answer(200, "handled") if done else _REPEATED

    def _read(self, body: bytes, headers: Mapping[str, str]) -> tuple[Verified, WebhookPayload]:
        verified = verify(body, headers, self._secrets, tolerance=self._tolerance, now=self._clock())
        return verified, parse(body, _content_type(headers))

    def _release(self, message_id: str, owner: str) -> None:
        try:
            self._handled.release(message_id, owner)
        except sqlite3.Error as error:
            logger.warning("%s is ours until its lease ends: %s", message_id, error)


_REPEATED = Answer(200, "it was handled before")


def _content_type(headers: Mapping[str, str]) -> str:
    return next((value for name, value in headers.items() if name.lower() == "content-type"), "")


def _bound(handler: TransactionHandler, payload: WebhookPayload) -> Callable[[sqlite3.Connection], object]:
    def call(connection: sqlite3.Connection) -> None:
        if inspect.isawaitable(handler(payload, connection)):
            raise TypeError("a handler in a transaction cannot be async")

    call.__qualname__ = getattr(handler, "__qualname__", repr(handler))
    return call


def _is_async(function: object) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004
    )


def _drive(steps: Steps) -> Answer:
    """Do the steps in this thread; async handlers each on an event loop of its own."""
    try:
        step = next(steps)
        while True:
            try:
                outcome = step()
                if inspect.isawaitable(outcome):
                    outcome = asyncio.run(_await(outcome))
            except Exception as error:  # noqa: BLE001 - the steps decide what becomes of it
                step = steps.throw(error)
            else:
                step = steps.send(outcome)
    except StopIteration as stop:
        answer: Answer = stop.value
        return answer


async def _drive_async(steps: Steps) -> Answer:
    """Do the steps from the event loop: what is async here, the rest in a thread."""
    try:
        step = next(steps)
        while True:
            try:
                is_async = _is_async(step.func if isinstance(step, partial) else step)
                outcome = step() if is_async else await asyncio.to_thread(_call, step)
                if inspect.isawaitable(outcome):
                    outcome = await outcome
            except Exception as error:  # noqa: BLE001 - the steps decide what becomes of it
                step = steps.throw(error)
            else:
                step = steps.send(outcome)
    except StopIteration as stop:
        answer: Answer = stop.value
        return answer


def _call(step: Callable[[], Any]) -> Any:
    try:
        return step()
    except StopIteration as error:  # a future never hands this one on
        raise RuntimeError("a handler raised StopIteration") from error


async def _await(awaitable: Awaitable[Any]) -> Any:
    return await awaitable
