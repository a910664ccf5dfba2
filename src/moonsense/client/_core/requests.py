"""Calls as HTTP requests, built from the contract's table of routes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from moonsense._version import version
from moonsense.codec import json
from moonsense.contract import headers as names
from moonsense.contract import hosts, media
from moonsense.contract.ids import new_id
from moonsense.contract.routes import BY_NAME

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from moonsense.client._core.options import Wire
    from moonsense.contract.environment import Address

_RECORDING = frozenset({"create_session", "create_bundles"})
"""Routes that only our cloud has, so their bodies may be protobuf."""

_SAME_AGAIN = frozenset(
    {
        "create_session",  # has the id that we gave it
        "create_bundles",  # the index says which were sent before
        "update_session_labels",
        "add_session_labels",
        "remove_session_labels",
        "add_journey_feedback",
        "set_session_features",
        "set_session_signals",
        "set_journey_features",
        "update_webhook_endpoint",
    }
)
"""POSTs of which a repeat changes nothing, on any cloud."""

_READS_AS_MESSAGE = f"{media.PROTOBUF}, {media.JSON};q=0.9, */*;q=0.1"


@dataclass(frozen=True)
class Request:
    """A request to be sent. The token is no part of it: whoever sends it adds that.

    Attributes:
        headers: all but ``Authorization`` and what HTTP itself needs.
        authorized: whether the token is to be shown.
        repeatable: whether it may be sent again when it may have arrived already.
        template: the path with the names of its ids in their places.
        private: the user's own headers, which are for the cloud's hosts only.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes = b""
    authorized: bool = True
    repeatable: bool = True
    template: str = ""
    private: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def shown_url(self) -> str:
        """The address without its query, which may hold a signature."""
        return self.url.partition("?")[0]

    @property
    def path(self) -> str:
        """The path of the address."""
        return urlsplit(self.url).path

    @property
    def server(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

    def __str__(self) -> str:
        return f"{self.method} {self.shown_url}"

    def with_url(self, url: str) -> Request:
        """The same request for another address of the same host."""
        return replace(self, url=url)

    def elsewhere(self, url: str) -> Request:
        """The same request to a host that is none of the cloud's: without token and private headers."""
        return replace(self, url=url, authorized=False, private={})


class RequestBuilder:
    """Builds the requests of one client."""

    def __init__(
        self, address: Address, wire: Wire, headers: Mapping[str, str] | None = None, user_agent: str = ""
    ) -> None:
        self._address = address
        self._protobuf = wire != "json"
        self._private = dict(headers or {})
        self._user_agent = f"moonsense-python/{version()} {user_agent}".strip()
        # The published service is not known to honour keys.
        self._keyed = address.root_domain != hosts.DEFAULT_ROOT_DOMAIN

    def build(
        self,
        name: str,
        *,
        region: str | None = None,
        query: Mapping[str, object] | None = None,
        body: Message | None = None,
        content: bytes = b"",
        content_type: str = "",
        accept: str | None = None,
        ids: Mapping[str, str] | None = None,
    ) -> Request:
        """The request of a route's name.

        Args:
            region: of the data plane; None is the client's default.
            query: parameters by the contract's names.
            body: the message to send.
            content, content_type: what to send that is no message.
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
            "User-Agent": self._user_agent,
        }
        if content_type:
            headers["Content-Type"] = content_type
        if body is not None:
            in_protobuf = self._protobuf and name in _RECORDING
            headers["Content-Type"] = media.PROTOBUF if in_protobuf else media.JSON
            content = body.SerializeToString() if in_protobuf else json.write(body)
        if route.idempotent_by_key:
            headers[names.IDEMPOTENCY_KEY] = new_id()
        return Request(
            route.method,
            url,
            headers,
            content,
            authorized=bool(route.scopes),
            repeatable=route.method in ("GET", "DELETE")
            or name in _SAME_AGAIN
            or (self._keyed and route.idempotent_by_key),
            template=route.path,
            private=self._private,
        )
