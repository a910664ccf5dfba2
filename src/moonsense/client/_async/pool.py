"""The connections that a client and its copies share."""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import TYPE_CHECKING

from moonsense.client._concurrency import async_close_when_dropped
from moonsense.client._core.options import Network
from moonsense.client._forks import renew_after_fork
from moonsense.client._tls import tls_context
from moonsense.errors import MoonsenseError

if TYPE_CHECKING:
    from moonsense.client._async.connections import AsyncAnswering, AsyncConnections
    from moonsense.client._async.library import AsyncLibrary, AsyncLibraryAnswering

    AsyncSender = AsyncConnections | AsyncLibrary
    AsyncResponse = AsyncAnswering | AsyncLibraryAnswering

_HAS_PARSER = importlib.util.find_spec("httptools") is not None
"""Whether there is the parser of our own connections, which is made for CPython."""

_SYSTEM_HAS_PROXIES = sys.platform.startswith(("darwin", "win32"))


class AsyncPool:
    """What sends the requests, made anew in the child of a fork."""

    def __init__(self, network: Network) -> None:
        # Read once: when a child of a fork makes its own, the files may be gone.
        self._network = network.with_context(tls_context(network)) if network.has_own_tls else network
        self._parents: list[AsyncSender] = []
        self._sender = self._new()
        renew_after_fork(self)

    @property
    def sender(self) -> AsyncSender:
        """What sends requests. Raises MoonsenseError when it is closed."""
        if self._sender.is_closed:
            raise MoonsenseError("the client is closed")
        return self._sender

    async def aclose(self) -> None:
        """Close the connections; a second time is nothing."""
        await self._sender.aclose()

    def renew(self) -> None:
        """Leave the parent's connections to the parent; they are kept here only so that nobody ends them."""
        if not self._sender.is_closed:
            self._forget()
            self._parents.append(self._sender)
            self._sender = self._new()

    def _new(self) -> AsyncSender:
        sender: AsyncSender
        # Loading the library's client takes as long as a dozen requests: only where it is needed.
        if self._network.needs_library or _proxies_are_set() or not _HAS_PARSER:
            from moonsense.client._async.library import AsyncLibrary  # noqa: PLC0415

            sender = AsyncLibrary(self._network)
        else:
            from moonsense.client._async.connections import AsyncConnections  # noqa: PLC0415

            sender = AsyncConnections(self._network)
        self._forget = async_close_when_dropped(self, sender)
        return sender


def _proxies_are_set() -> bool:
    """Whether the environment, or the system where it has settings for it, names a proxy for anything."""
    if any(name.lower().endswith("_proxy") for name in os.environ):
        return True
    if not _SYSTEM_HAS_PROXIES:
        return False
    from urllib.request import getproxies  # noqa: PLC0415 (a while to load)

    return bool(getproxies())
