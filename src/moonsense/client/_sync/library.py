# Made from src/moonsense/client/_async/library.py by scripts/generate_sync.py: do not edit.
"""Requests sent by the HTTP library's client: with proxies, hooks or a user's own transport."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

import httpx2

from moonsense.client._core.answers import Head
from moonsense.client._core.options import KEEP_SECONDS, Network
from moonsense.client._sync.backends import hold_to_deadline
from moonsense.client._tls import tls_context
from moonsense.contract import headers as names


class Library:
    """The way for what the library's connections alone cannot do."""

    def __init__(self, network: Network) -> None:
        limits = httpx2.Limits(
            max_connections=network.max_connections,
            max_keepalive_connections=network.max_connections,
            keepalive_expiry=KEEP_SECONDS,
        )
        self._http = httpx2.Client(
            verify=tls_context(network),
            limits=limits,
            follow_redirects=False,
            proxy=network.proxy,
            transport=network.transport,
            event_hooks={name: list(hooks) for name, hooks in (network.event_hooks or {}).items()},
        )
        for transport in (self._http._transport, *self._http._mounts.values()):  # noqa: SLF001
            hold_to_deadline(getattr(transport, "_pool", None))

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._http.is_closed

    def send(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes, timeouts: Mapping[str, Any]
    ) -> LibraryAnswering:
        """Send a request, and give its answer when the head of it is there."""
        request = httpx2.Request(
            method, url, headers=dict(headers), content=content or None, extensions={"timeout": timeouts}
        )
        request.url = _QuietURL(request.url)
        response = self._http.send(request, stream=True)
        return LibraryAnswering(response, headers[names.REQUEST_ID])

    def close(self) -> None:
        """Close the connections; a second time is nothing."""
        self._http.close()


class LibraryAnswering:
    """An answer whose body is still to be read."""

    def __init__(self, response: httpx2.Response, request_id: str) -> None:
        self.head = Head.of(response.status_code, response.headers.raw, request_id)
        self._response = response

    def pieces(self) -> Generator[bytes]:
        """The body as it was sent. One that a user's transport gave whole is read already."""
        if self._response.is_stream_consumed:
            yield self._response.content
            return
        yield from self._response.iter_raw()

    def close(self) -> None:
        """Give the connection back, or close it when the body was not read to its end."""
        self._response.close()


class _QuietURL(httpx2.URL):
    """An address that is written without its query.

    The HTTP library logs addresses, and those of redirects may be signed.
    """

    def __str__(self) -> str:
        return super().__str__().partition("?")[0]
