"""The few things that waiting needs, once for asyncio and once for threads.

The names differ by ``async_`` only: that is how the sync client is generated.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from moonsense.errors import MoonsenseError

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future

    import httpcore2

    from moonsense.client._async.pool import AsyncSender
    from moonsense.client._sync.pool import Sender

P = ParamSpec("P")
T = TypeVar("T")


async def async_sleep(seconds: float) -> None:
    """Let so much time pass."""
    import asyncio  # noqa: PLC0415 (programs with threads need not load it)

    await asyncio.sleep(seconds)


def sleep(seconds: float) -> None:
    """Let so much time pass."""
    time.sleep(seconds)


async def async_run(function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """Call what blocks, such as work on files, beside the event loop."""
    import asyncio  # noqa: PLC0415

    return await asyncio.to_thread(function, *args, **options)


def run(function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """Call what blocks."""
    return function(*args, **options)


def async_close_when_dropped(owner: object, sender: AsyncSender) -> Callable[[], object]:
    """Nothing: closing needs the event loop, so an AsyncClient must be closed by its user."""
    return lambda: None


def close_when_dropped(owner: object, sender: Sender) -> Callable[[], object]:
    """Close the connections of a client that nobody holds any more: the published ones had no close.

    What is returned leaves them as they are.
    """
    return weakref.finalize(owner, sender.close).detach


class AsyncHome:
    """The event loop that a connection was made in, which is the only one that can use it."""

    def __init__(self) -> None:
        import asyncio  # noqa: PLC0415

        self._asyncio = asyncio
        self._loop = asyncio.get_running_loop()

    @property
    def is_here(self) -> bool:
        """Whether it runs this code."""
        return self._asyncio.get_running_loop() is self._loop

    @property
    def is_gone(self) -> bool:
        """Whether nothing will run in it any more."""
        return self._loop.is_closed()


class Home:
    """A thread may use what another has made."""

    is_here = True
    is_gone = False


def async_has_unread(stream: httpcore2.AsyncNetworkStream) -> bool:
    """Whether TLS holds what the server sent and nobody has read, or knows that it sends no more."""
    tls = stream.get_extra_info("ssl_object")
    if tls is None:
        return False
    import ssl  # noqa: PLC0415 (it is there: the object is its own)

    try:
        tls.read(1)
    except ssl.SSLWantReadError:
        return False
    except ssl.SSLError:
        return True
    return True


def has_unread(stream: httpcore2.NetworkStream) -> bool:
    """Nothing: what nobody has read is in the socket still, where it is seen."""
    return False


def async_shielded() -> AbstractContextManager[object]:
    """Within it, nothing is cancelled."""
    import anyio  # noqa: PLC0415 (the HTTP library's own)

    return anyio.CancelScope(shield=True)


def shielded() -> AbstractContextManager[object]:
    """Nothing: a thread is not cancelled."""
    return nullcontext()


@contextmanager
def async_blocking(client: Any) -> Iterator[Any]:
    """An AsyncClient for threads beside its event loop; it does nothing more once this is left."""
    import asyncio  # noqa: PLC0415

    blocking = _Blocking(client, asyncio.get_running_loop())
    try:
        yield blocking
    finally:
        blocking.end()


def blocking(client: Any) -> AbstractContextManager[Any]:
    """The client, which is for threads already."""
    return nullcontext(client)


class _Blocking:
    """Calls of an AsyncClient, each waited for in the thread that makes it."""

    def __init__(self, client: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._client = client
        self._loop = loop
        self._lock = threading.Lock()
        self._ended = False
        self._waiting: set[Future[Any]] = set()

    def end(self) -> None:
        """Give up what is waited for; the threads that wait see it as cancelled."""
        with self._lock:
            self._ended = True
            waiting = list(self._waiting)
        for future in waiting:
            future.cancel()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call = getattr(self._client, name)

        def waited(*args: Any, **options: Any) -> Any:
            result = call(*args, **options)
            return self._items(result) if hasattr(result, "__anext__") else self._wait(result)

        return waited

    def _items(self, items: Any) -> Iterator[Any]:
        end = object()
        while (item := self._wait(anext(items, end))) is not end:
            yield item

    def _wait(self, awaitable: Awaitable[T]) -> T:
        import asyncio  # noqa: PLC0415

        async def wait() -> T:
            return await awaitable

        with self._lock:
            if self._ended:
                raise MoonsenseError("the call was given up")
            future = asyncio.run_coroutine_threadsafe(wait(), self._loop)
            self._waiting.add(future)
        try:
            return future.result()
        finally:
            with self._lock:
                self._waiting.discard(future)
