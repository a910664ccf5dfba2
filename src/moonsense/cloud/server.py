"""Serves a cloud on a socket, until it is told to stop."""

from __future__ import annotations

import contextlib
import functools
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator

import uvicorn

from moonsense.cloud.app import CloudApp
from moonsense.cloud.protocol import Protocol
from moonsense.cloud.settings import Settings
from moonsense.cloud.store import Store
from moonsense.errors import ConfigurationError

__all__ = ["Server", "serve"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def serve(settings: Settings, on_ready: Callable[[str], None] | None = None) -> None:
    """Serve a data folder until SIGINT or SIGTERM; requests under way are finished first.

    ``on_ready`` is called with the cloud's URL once connections are accepted.
    Raises ConfigurationError when the address cannot be listened on.
    """
    with contextlib.closing(_listen(settings)) as listener:
        store = Store.open(settings)
        try:
            Server(settings, store, listener).run(on_ready)
        finally:
            store.close()


class Server:
    """A store on a socket. ``run`` blocks; ``stop`` may be called from any thread."""

    def __init__(self, settings: Settings, store: Store, listener: socket.socket | None = None) -> None:
        """The socket is bound here, so the address is known from now on."""
        self._socket = listener or _listen(settings)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"{settings.protocol}://{_reachable(settings.host)}:{self.port}"
        self._uvicorn = _Uvicorn(
            uvicorn.Config(
                CloudApp(settings, store),
                http=functools.partial(Protocol, stall_seconds=settings.stall_seconds),  # type: ignore[arg-type]
                ws="none",
                lifespan="off",
                interface="asgi3",
                workers=1,
                log_config=None,
                access_log=False,  # the application has its own
                server_header=False,
                proxy_headers=bool(settings.trusted_proxies),
                forwarded_allow_ips=list(settings.trusted_proxies),
                backlog=settings.backlog,
                timeout_keep_alive=settings.keep_alive_seconds,
                timeout_graceful_shutdown=settings.shutdown_seconds,
                ssl_certfile=settings.tls_cert,
                ssl_keyfile=settings.tls_key,
            )
        )

    def run(self, on_ready: Callable[[str], None] | None = None) -> None:
        """Serve until ``stop``, or until a signal when this is the main thread."""
        self._uvicorn.on_ready = None if on_ready is None else lambda: on_ready(self.url)
        try:
            self._uvicorn.run(sockets=[self._socket])
        finally:
            self._socket.close()

    def stop(self) -> None:
        """Take no more connections, finish what is under way, and return from ``run``."""
        self._uvicorn.should_exit = True


class _Uvicorn(uvicorn.Server):
    """uvicorn, which says when it is ready, and returns on a signal.

    As it comes, it sends itself the signal once more at the end, which would
    end the process before the store is closed.
    """

    on_ready: Callable[[], None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.on_ready is not None and not self.should_exit:
            self.on_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _listen(settings: Settings) -> socket.socket:
    """A socket bound to the address of the settings."""
    where = f"{settings.host}:{settings.port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigurationError(f"cannot listen on {where}: {error.strerror}") from None
    try:
        if sys.platform != "win32":  # there it would share the port with another server
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise ConfigurationError(f"cannot listen on {where}: {error.strerror}") from None
    return listener


def _reachable(host: str) -> str:
    """The host by which a server on this machine is reached."""
    if host in ("", "0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
