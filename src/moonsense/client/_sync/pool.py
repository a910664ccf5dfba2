# Made from src/moonsense/client/_async/pool.py by scripts/generate_sync.py: do not edit.
"""The connections that a client and its copies share."""

from __future__ import annotations

import httpx2

from moonsense.client._concurrency import close_when_dropped
from moonsense.client._core.options import Network
from moonsense.client._forks import renew_after_fork
from moonsense.client._sync.backends import hold_to_deadline
from moonsense.client._tls import tls_context
from moonsense.errors import MoonsenseError


class Pool:
    """The HTTP library's client, made anew in the child of a fork."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._context = tls_context(network)
        self._parents: list[httpx2.Client] = []
        self._http = self._new()
        renew_after_fork(self)

    @property
    def http(self) -> httpx2.Client:
        """The library's client. Raises MoonsenseError when it is closed."""
        if self._http.is_closed:
            raise MoonsenseError("the client is closed")
        return self._http

    def close(self) -> None:
        """Close the connections; a second time is nothing."""
        self._http.close()

    def renew(self) -> None:
        """Leave the parent's connections to the parent; they are kept here only so that nobody ends them."""
        if not self._http.is_closed:
            self._parents.append(self._http)
            self._http = self._new()

    def _new(self) -> httpx2.Client:
        network = self._network
        limits = httpx2.Limits(
            max_connections=network.max_connections,
            max_keepalive_connections=network.max_connections,
            # Below the 5 s after which common servers close an idle connection: one
            # that is being closed from there fails the next request on it.
            keepalive_expiry=4.0,
        )
        http = httpx2.Client(
            verify=self._context,
            limits=limits,
            follow_redirects=False,
            proxy=network.proxy,
            transport=network.transport,
            event_hooks={name: list(hooks) for name, hooks in (network.event_hooks or {}).items()},
        )
        hold_to_deadline(http)
        close_when_dropped(self, http)
        return http
