"""How a handler is called: in the thread that works, or on an event loop."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future
from typing import Any, cast

from moonsense.errors import ConfigurationError, MoonsenseError
from moonsense.models.bundle_v2_pb2 import SealedBundle
from moonsense.models.data_plane_v2_pb2 import Chunk
from moonsense.models.data_plane_v2_sdk_pb2 import Session

Handler = Callable[..., object] | Callable[..., Awaitable[object]]
"""``handler(session, chunk, bundles)``, or with a ``transaction`` besides; a function or a coroutine one."""

_TRANSACTION = "transaction"


class Call:
    """A handler, and what it asks for.

    Args:
        handler: the user's.
        transactional: whether there is a transaction to give.
        loop: where coroutines run; without it on a loop of a thread of its own.
    """

    def __init__(
        self, handler: Handler, *, transactional: bool, loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        self._handler = handler
        self._loop = loop
        self._thread: threading.Thread | None = None
        self._running: set[Future[Any]] = set()
        self._is_async = inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(
            getattr(handler, "__call__", None)  # noqa: B004 (the method of an object that is called)
        )
        parameter = inspect.signature(handler).parameters.get(_TRANSACTION)
        self.wants_transaction = parameter is not None
        if self.wants_transaction and self._is_async:
            raise ConfigurationError(
                "a coroutine function cannot write in the checkpoint's transaction: its connection blocks, "
                "and two handlers on one event loop would wait for each other; use a plain function"
            )
        if self.wants_transaction and not transactional:
            raise ConfigurationError(
                "these checkpoints have no transaction for the handler: use SqliteCheckpoints or "
                "PostgresCheckpoints, or a handler without the parameter 'transaction'"
            )

    def start(self) -> None:
        """Have a loop where one is needed."""
        if self._is_async and self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=self._loop.run_forever, name="moonsense-consumer-loop", daemon=True
            )
            self._thread.start()

    def __call__(self, session: Session, chunk: Chunk, bundles: list[SealedBundle], connection: Any) -> None:
        """Call the handler and wait for its end; what it raises is raised."""
        extra = {_TRANSACTION: connection} if self.wants_transaction else {}
        result = self._handler(session, chunk, bundles, **extra)
        if not self._is_async:
            return
        assert self._loop is not None
        coroutine = cast("Any", result)
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        self._running.add(future)
        try:
            future.result()
        except CancelledError:
            raise MoonsenseError("the handler was cancelled") from None
        finally:
            self._running.discard(future)

    def abandon(self) -> None:
        """Cancel what runs on the loop."""
        for future in list(self._running):
            future.cancel()

    def close(self) -> None:
        """End the loop that was made."""
        if self._thread is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
            self._loop = self._thread = None
