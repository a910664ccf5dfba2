"""Redirects: followed for reads, and never with the token to another host."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

if TYPE_CHECKING:
    from moonsense.client._core.answers import Head
    from moonsense.client._core.requests import Request

MOST = 5
"""Redirects of one request: more are a circle."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_DEFAULT_PORTS = {"http": 80, "https": 443}


def next_hop(request: Request, head: Head) -> Request | None:
    """The request that an answer redirects to, or None when it is not to be followed.

    Only reads are followed: sending a body somewhere else is for the caller to
    decide. From https nothing goes on to plain http.
    """
    location = head.get("Location")
    if head.status not in _REDIRECTS or request.method != "GET" or not location:
        return None
    try:
        target = urljoin(request.url, location)
        here, there = _origin(request.url), _origin(target)
    except ValueError:
        return None
    if there[0] not in _DEFAULT_PORTS or not there[1] or (here[0] == "https" and there[0] == "http"):
        return None
    target = target.partition("#")[0]
    return request.with_url(target) if here == there else request.elsewhere(target)


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or _DEFAULT_PORTS.get(parts.scheme)
