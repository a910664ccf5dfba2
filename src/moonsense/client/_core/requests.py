"""Calls as HTTP requests, built from the contract's table of routes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from moonsense._version import version
from moonsense.codec import json
from moonsense.contract import media
from moonsense.contract.routes import BY_NAME

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from moonsense.client._core.options import Wire
    from moonsense.contract.environment import Address

USER_AGENT = f"moonsense-python/{version()}"

_RECORDING = frozenset({"create_session", "create_bundles"})
"""Routes that only our cloud has, so their bodies may be protobuf.

Both may be sent twice: a session has the id that we gave it, a bundle its index.
"""

_READS_AS_MESSAGE = f"{media.PROTOBUF}, {media.JSON};q=0.9, */*;q=0.1"


@dataclass(frozen=True)
class Request:
    """A request to be sent. The token is no part of it: whoever sends it adds that.

    Attributes:
        headers: all but ``Authorization`` and what HTTP itself needs.
        authorized: whether the token is to be shown.
        repeatable: whether it may be sent again when it may have arrived already.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes = b""
    authorized: bool = True
    repeatable: bool = True

    @property
    def shown_url(self) -> str:
        """The address without its query, which may hold a signature."""
        return self.url.partition("?")[0]

    @property
    def path(self) -> str:
        """The path of the address."""
        return urlsplit(self.url).path

    def __str__(self) -> str:
        return f"{self.method} {self.shown_url}"

    def with_url(self, url: str, *, authorized: bool) -> Request:
        """The same request elsewhere."""
        return replace(self, url=url, authorized=authorized)


class RequestBuilder:
    """Builds the requests of one client."""

    def __init__(self, address: Address, wire: Wire) -> None:
        self._address = address
        self._protobuf = wire != "json"

    def build(
        self,
        name: str,
        *,
        region: str | None = None,
        query: Mapping[str, object] | None = None,
        body: Message | None = None,
        accept: str | None = None,
        ids: Mapping[str, str] | None = None,
    ) -> Request:
        """The request of a route's name.

        Args:
            region: of the data plane; None is the client's default.
            query: parameters by the contract's names.
            body: the message to send.
            accept: the media types to ask for; a message's without it.
            ids: what goes into the path.
        """
        route = BY_NAME[name]
        ids = ids or {}
        for key, value in ids.items():
            if not isinstance(value, str):
                raise TypeError(f"{key} must be a string, not {type(value).__name__}")
        origin = self._address.control_plane() if route.control else self._address.data_plane(region)
        pairs = route.query(query or {})
        url = origin + route.fill(**ids) + (f"?{urlencode(pairs)}" if pairs else "")
        headers = {
            "Accept": accept or (_READS_AS_MESSAGE if self._protobuf else media.JSON),
            "Accept-Encoding": "gzip",
            "User-Agent": USER_AGENT,
        }
        content = b""
        if body is not None:
            in_protobuf = self._protobuf and name in _RECORDING
            headers["Content-Type"] = media.PROTOBUF if in_protobuf else media.JSON
            content = body.SerializeToString() if in_protobuf else json.write(body)
        return Request(
            route.method,
            url,
            headers,
            content,
            authorized=bool(route.scopes),
            repeatable=route.method in ("GET", "DELETE") or name in _RECORDING,
        )
