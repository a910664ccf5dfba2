"""What all calls of a client share: how it is made and closed, how a call is sent."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

from google.protobuf.message import Message

from moonsense.client._async.transport import AsyncTransport
from moonsense.client._core.memory import Memory, checked_region
from moonsense.client._core.options import Timeout, Wire, checked_wire
from moonsense.client._core.paging import PER_PAGE, Pager
from moonsense.client._core.requests import Request, RequestBuilder
from moonsense.client._core.retries import RetryPolicy
from moonsense.contract import environment
from moonsense.models.data_plane_v2_sdk_pb2 import Session

M = TypeVar("M", bound=Message)
T = TypeVar("T")

_SESSIONS_REMEMBERED = 10_000
_CHUNKS_REMEMBERED = 10_000


class AsyncBase:
    """The connections of a client and the cloud that it talks to."""

    def __init__(
        self,
        secret_token: str | None = None,
        root_domain: str | None = None,
        protocol: str | None = None,
        default_region: str | None = None,
        tries: int = 3,
        *,
        timeout: float | Timeout | None = Timeout(),  # noqa: B008 (frozen)
        backoff: float = 0.5,
        wire: Wire = "auto",
    ) -> None:
        """Make a client; nothing is sent yet.

        Args:
            secret_token: the token to show; without it ``MOONSENSE_SECRET_TOKEN``.
            root_domain: the cloud's domain, with a port if it has one; without it
                ``MOONSENSE_ROOT_DOMAIN``, else ``moonsense.cloud``.
            protocol: ``http`` or ``https``; without it ``MOONSENSE_PROTOCOL``, else ``https``.
            default_region: the region to ask; "" for a cloud on one host; without it
                ``MOONSENSE_DEFAULT_REGION``, else ``us-central1.gcp``.
            tries: attempts in total for requests that may be repeated.
            timeout: seconds for every step, a ``Timeout``, or None to wait for ever.
            backoff: seconds before the second attempt; each later pause is twice as long.
            wire: ``auto`` takes protobuf where the cloud offers it, ``json`` only JSON.

        Raises:
            ConfigurationError: there is no token, or a value cannot be.
        """
        address = environment.resolve(secret_token, root_domain, protocol, default_region)
        self.tries = tries
        self._address = address
        self._wire = checked_wire(wire)
        self._builder = RequestBuilder(address, wire)
        self._transport = AsyncTransport(
            address.token, RetryPolicy(tries=tries, backoff=backoff), Timeout.of(timeout)
        )
        self._regions = Memory(_SESSIONS_REMEMBERED)
        self._digests = Memory(_CHUNKS_REMEMBERED)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._address.data_plane()}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections. Closing twice is nothing; calls after it raise MoonsenseError."""
        await self._transport.aclose()

    async def _call(
        self,
        name: str,
        response: type[M],
        *,
        region: str | None = None,
        query: Mapping[str, object] | None = None,
        body: Message | None = None,
        ids: Mapping[str, str] | None = None,
    ) -> M:
        """Send the route of a name and read its message."""
        request = self._builder.build(name, region=region, query=query, body=body, ids=ids)
        return (await self._transport.send(request)).message(response)

    def _first_page(
        self,
        name: str,
        query: Mapping[str, object] | None = None,
        *,
        region: str | None = None,
        ids: Mapping[str, str] | None = None,
    ) -> Request:
        """The request of a list's first page."""
        numbers = {"per_page": PER_PAGE, "page": 1}
        return self._builder.build(name, region=region, query={**(query or {}), **numbers}, ids=ids)

    async def _walk(
        self,
        first: Request,
        page: type[Message],
        items: Callable[[Any], Iterable[T]],
        identity: Callable[[T], str],
    ) -> AsyncGenerator[T]:
        """The items of a list, page after page as they are taken."""
        pager = Pager(first, page, items, identity)
        while pager.request is not None:
            for item in pager.feed(await self._transport.send(pager.request)):
                yield item

    def _remember(self, session: Session) -> Session:
        """Keep the region of a session that a cloud of several regions described."""
        if session.session_id and self._address.default_region:
            self._regions.put(session.session_id, checked_region(session.region_id))
        return session

    async def _region_of(self, session_id: str) -> str | None:
        """The region that holds a session's data, asked for once; None is the default one.

        On a cloud of one host (no default region) everything is there.
        """
        if self._address.default_region == "":
            return None
        region = self._regions.get(session_id)
        if region is None:
            region = checked_region((await self._describe(session_id)).region_id)
            self._regions.put(session_id, region)
        return region or None

    async def _describe(self, session_id: str, view: str = "minimal") -> Session:
        return await self._call(
            "describe_session", Session, query={"view": view}, ids={"session_id": session_id}
        )
