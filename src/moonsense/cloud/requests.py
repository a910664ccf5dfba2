"""A request as a route's handler sees it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar
from urllib.parse import parse_qsl

from google.protobuf.message import Message
from starlette.types import Receive, Scope

from moonsense.cloud import uploads
from moonsense.cloud.catalog.answers import Once
from moonsense.cloud.records import Principal
from moonsense.contract import headers, hosts, limits, media
from moonsense.contract.ids import is_id
from moonsense.contract.problems import Problem
from moonsense.contract.routes import Route, Value

M = TypeVar("M", bound=Message)

ANONYMOUS = Principal(project_id="", app_id="", credential_id="", scopes="")
"""Who a request to an open route is from."""

# Below these sizes a thread costs more than the work; above, others would wait for it.
_THREAD_BYTES = 64 * 1024
_THREAD_PACKED_BYTES = 4 * 1024

_LONGEST_KEY = 255

_choose = lru_cache(maxsize=1024)(media.choose)


@dataclass(slots=True)
class Request:
    """One request to one route.

    Attributes:
        route: the row of the contract's table.
        ids: the path's placeholders, unquoted; each can be an identifier.
        headers: by lower-case name; repeated ones are joined by a comma.
        who: the token's owner, ``ANONYMOUS`` on open routes.
    """

    route: Route
    ids: dict[str, str]
    headers: dict[bytes, bytes]
    who: Principal
    scope: Scope
    receive: Receive
    _digest: bytes = b""

    def asked(self) -> Once | None:
        """What an ``Idempotency-Key`` makes of this request, once its body was read; None without one.

        Raises a Problem of status 422 for a key that is none.
        """
        key = self.header(b"idempotency-key")
        if not key:
            return None
        if len(key) > _LONGEST_KEY or not key.isprintable():
            raise Problem(
                422,
                f"an Idempotency-Key is up to {_LONGEST_KEY} printable characters",
                headers.IDEMPOTENCY_KEY,
            )
        return Once(self.who.credential_id, key, self._digest)

    def header(self, name: bytes) -> str:
        """A header's value; empty when it is absent."""
        value = self.headers.get(name)
        return "" if value is None else value.decode("latin-1")

    def query(self) -> dict[str, Value | list[Value]]:
        """The query's parameters by their names in the contract. Raises a Problem of status 422."""
        return self.route.read_query(self.query_pairs())

    def query_pairs(self) -> list[tuple[str, str]]:
        """The query as it was sent. Raises a Problem of status 400 when it is not UTF-8."""
        text = self.scope["query_string"].decode("latin-1")
        try:
            return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=1000)
        except ValueError:
            raise Problem(400, "the query is not UTF-8, or has more than 1000 parameters") from None

    def chosen(self) -> str:
        """The media type to answer with: of those that the route has, by ``Accept``."""
        return _choose(self.header(b"accept"), self.route.produces)

    def accepts(self, media_type: str) -> bool:
        """Whether ``Accept`` names a media type itself."""
        return media_type in media.accepted(self.header(b"accept"))

    def accepts_gzip(self) -> bool:
        """Whether the answer may be gzip: yes, unless there is an ``Accept-Encoding`` without it."""
        if b"accept-encoding" not in self.headers:
            return True
        # The header has the form of Accept: names with qualities.
        accepted = media.accepted(self.header(b"accept-encoding"))
        return bool({"gzip", "x-gzip", "*"}.intersection(accepted))

    async def message(self, message_type: type[M], limit: int = limits.MAX_SMALL_BODY_BYTES) -> M:
        """The body's message, checked by the schema's rules and the route's needs.

        Raises Problems of status 400, 413, 415 and 422, and ClientDisconnect.
        """
        content_type = media.base_type(self.header(b"content-type")) or media.JSON
        body, encoding = await self._body(content_type, uploads.MESSAGE_TYPES, limit)
        if len(body) > (_THREAD_PACKED_BYTES if encoding else _THREAD_BYTES):
            message = await asyncio.to_thread(
                uploads.read_message, body, content_type, encoding, limit, message_type
            )
        else:
            message = uploads.read_message(body, content_type, encoding, limit, message_type)
        for name in self.route.needs:
            if not getattr(message, name):
                raise Problem(422, f"{name} is missing", param=name)
        return message

    async def content(self, content_types: tuple[str, ...], limit: int) -> bytes:
        """The body's bytes, unpacked. Raises Problems of status 400, 413 and 415, and ClientDisconnect."""
        content_type = media.base_type(self.header(b"content-type")) or content_types[0]
        body, encoding = await self._body(content_type, content_types, limit)
        return await asyncio.to_thread(uploads.unpack, body, encoding, limit)

    async def _body(self, content_type: str, content_types: tuple[str, ...], limit: int) -> tuple[bytes, str]:
        """The body as it was sent, and its encoding."""
        encoding = self.header(b"content-encoding").strip().lower()
        uploads.check_types(content_type, encoding, content_types)
        declared = self.headers.get(b"content-length")
        if declared is not None and int(declared) > limit:
            raise uploads.too_large(limit)
        body = await uploads.receive_body(self.receive, limit)
        if b"idempotency-key" in self.headers:
            about = "\0".join((self.route.name, *self.ids.values(), content_type, encoding))
            self._digest = hashlib.sha256(about.encode() + b"\0" + body).digest()
        return body, encoding

    @property
    def remote_ip(self) -> str:
        """The address of the sender, as far as the server knows it."""
        client = self.scope.get("client")
        return client[0] if client else ""

    @property
    def host(self) -> str:
        """The host, with its port, that the request named, or else the one it came to."""
        named = self.header(b"host")
        if named:
            return named
        server = self.scope.get("server")
        return f"{server[0]}:{server[1]}" if server else "localhost"

    def region(self, domain: str) -> str:
        """The region that the request's host names; empty on a bare host."""
        return hosts.region_of_host(self.host, domain) if domain else ""


def join_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Headers by name, repeated ones joined as RFC 9110 (5.3) has it."""
    joined: dict[bytes, bytes] = {}
    for name, value in headers:
        joined[name] = joined[name] + b", " + value if name in joined else value
    return joined


def check_ids(ids: dict[str, str]) -> None:
    """Raise a Problem of status 404 for a path's placeholder that can be no identifier.

    A journey's id is the recording app's own text, so it may be anything.
    """
    for name, value in ids.items():
        if name != "journey_id" and not is_id(value):
            raise Problem(404, f"there is no such {name.removesuffix('_id')} in this project", name)
