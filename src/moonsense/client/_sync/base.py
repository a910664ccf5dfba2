# Made from src/moonsense/client/_async/base.py by scripts/generate_sync.py: do not edit.
"""What all calls of a client share: how it is made and closed, how a call is sent."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from google.protobuf.message import Message

from moonsense.client._core.answers import Answer
from moonsense.client._core.arguments import checked_limit, checked_skip
from moonsense.client._core.deadlines import Deadline
from moonsense.client._core.memory import Memory, checked_region
from moonsense.client._core.options import (
    UNSET,
    EventHooks,
    Network,
    Timeout,
    Unset,
    Wire,
    checked_deadline,
    checked_headers,
    checked_wire,
)
from moonsense.client._core.paging import PER_PAGE, NumberPager, Pager
from moonsense.client._core.recipes import Recipe
from moonsense.client._core.requests import RequestBuilder
from moonsense.client._core.retries import RetryPolicy
from moonsense.client._logs import set_up as set_up_log
from moonsense.client._sync.listing import Listing
from moonsense.contract import environment
from moonsense.models.data_plane_v2_pb2 import JourneyDetailResponse
from moonsense.models.data_plane_v2_sdk_pb2 import Session

if TYPE_CHECKING:
    import os
    import ssl

    import httpx2

M = TypeVar("M", bound=Message)
T = TypeVar("T")

_SESSIONS_REMEMBERED = 10_000
_CHUNKS_REMEMBERED = 10_000


class Base:
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
        deadline: float | Unset | None = UNSET,
        backoff: float = 0.5,
        wire: Wire = "auto",
        headers: Mapping[str, str] | None = None,
        user_agent: str = "",
        proxy: str | None = None,
        verify: bool | str | os.PathLike[str] | ssl.SSLContext = True,
        cert: str | tuple[str, str] | tuple[str, str, str] | None = None,
        event_hooks: EventHooks | None = None,
        transport: httpx2.BaseTransport | None = None,
        max_connections: int = 100,
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
            deadline: seconds for a whole call with all its attempts and pauses, for
                each page of a list, and for all that a reader or a download reads,
                what is done between its bundles included. Without it 300 s for
                calls that are answered by one message, and none for data of any
                size; None is none at all.
            backoff: seconds before the second attempt, at most; each later pause
                may be twice as long, and chance decides.
            wire: ``auto`` takes protobuf where the cloud offers it, ``json`` only JSON.
            headers: to send besides the client's own, to the cloud's hosts only.
            user_agent: words to put behind the client's own in ``User-Agent``.
            proxy: the address of an HTTP or SOCKS proxy; without it the proxy that
                the environment names (``HTTPS_PROXY``, ``NO_PROXY`` ...).
            verify: a file or folder of certificates to trust in place of the
                system's, an ``SSLContext``, or False to trust anyone.
            cert: the client's certificate: a PEM file with its key, or certificate
                file, key file and, for a locked key, its password.
            event_hooks: lists of functions by ``request`` and ``response``, called
                with the HTTP library's own objects, which hold the token.
            transport: the HTTP library's transport to use in place of connections.
            max_connections: at the same time.

        Raises:
            ConfigurationError: there is no token, or a value cannot be.
        """
        # With the HTTP library: it takes as long to load as all the rest, so an import alone leaves it.
        from moonsense.client._sync.pool import Pool  # noqa: PLC0415
        from moonsense.client._sync.transport import Transport  # noqa: PLC0415

        set_up_log()
        address = environment.resolve(secret_token, root_domain, protocol, default_region)
        self.tries = tries
        self._address = address
        self._wire = checked_wire(wire)
        self._builder = RequestBuilder(address, wire, checked_headers(headers), user_agent)
        self._recipe = Recipe(
            token_given=bool(secret_token),
            options={
                "root_domain": address.root_domain,
                "protocol": address.protocol,
                "default_region": address.default_region,
                "tries": tries,
                "timeout": timeout,
                "deadline": deadline,
                "backoff": backoff,
                "wire": wire,
                "headers": headers,
                "user_agent": user_agent,
                "proxy": proxy,
                "verify": verify,
                "cert": cert,
                "event_hooks": event_hooks,
                "transport": transport,
                "max_connections": max_connections,
            },
        )
        self._transport = Transport(
            Pool(Network(proxy, verify, cert, event_hooks, transport, max_connections)),
            address.token,
            RetryPolicy(tries=tries, backoff=backoff),
            Timeout.of(timeout),
            checked_deadline(deadline),
        )
        self._regions = Memory(_SESSIONS_REMEMBERED)
        self._journey_regions = Memory(_SESSIONS_REMEMBERED)
        self._digests = Memory(_CHUNKS_REMEMBERED)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._address.data_plane()}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return self._recipe.reduce(type(self))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections, those of copies too. Closing twice is nothing; calls after it raise."""
        self._transport.close()

    def with_options(
        self,
        *,
        timeout: float | Timeout | Unset | None = UNSET,
        deadline: float | Unset | None = UNSET,
        tries: int | Unset = UNSET,
        backoff: float | Unset = UNSET,
    ) -> Self:
        """The same client with other times, for one call or many; what is not given stays.

        It shares connections and memory with this one; closing one closes both.

        Args:
            timeout, deadline, tries, backoff: as for a new client.

        Raises:
            ConfigurationError: a value cannot be.
        """
        given = {"timeout": timeout, "deadline": deadline, "tries": tries, "backoff": backoff}
        recipe = self._recipe.changed({name: value for name, value in given.items() if value is not UNSET})
        options = recipe.options
        policy = RetryPolicy(tries=options["tries"], backoff=options["backoff"])
        transport = self._transport.with_options(
            policy=policy,
            timeout=Timeout.of(options["timeout"]),
            deadline=checked_deadline(options["deadline"]),
        )
        return self._copy(_transport=transport, _recipe=recipe, tries=policy.tries)

    def _noting(self, note: Callable[[Answer], None]) -> Self:
        """The same client, which calls ``note`` with each answer that succeeds."""
        return self._copy(_transport=self._transport.with_options(note=note))

    def _copy(self, **changes: object) -> Self:
        """This client with some attributes changed."""
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__, **changes)
        return other

    def _call(
        self,
        name: str,
        response: type[M],
        *,
        session: str = "",
        journey: str = "",
        region: str | None = None,
        query: Mapping[str, object] | None = None,
        body: Message | None = None,
        ids: Mapping[str, str] | None = None,
    ) -> M:
        """Send the route of a name and read its message.

        With ``session`` or ``journey`` it goes to the region of that one, asked
        for within the same deadline.
        """
        deadline = self._transport.deadline()
        if session:
            region = self._region_of(session, deadline)
        elif journey:
            region = self._region_of_journey(journey, deadline)
        request = self._builder.build(name, region=region, query=query, body=body, ids=ids)
        return (self._transport.send(request, deadline)).message(response)

    def _list(
        self,
        name: str,
        page: type[Message],
        items: Callable[[Any], Iterable[T]],
        identity: Callable[[T], str],
        *,
        session: str = "",
        query: Mapping[str, object] | None = None,
        ids: Mapping[str, str] | None = None,
        limit: int | None = None,
        skip: int = 0,
        per_page: int = PER_PAGE,
        pager: type[Pager[Any]] = NumberPager,
        seen: Callable[[T], object] | None = None,
    ) -> Listing[T]:
        """A list of the route of a name; ``seen`` is called with each item."""
        left = checked_limit(limit)
        skip = checked_skip(skip)
        per_page = max(1, min(per_page, PER_PAGE, PER_PAGE if left is None else left))

        def pages() -> Generator[list[T]]:
            nonlocal left
            if left == 0:
                return
            region = self._region_of(session) if session else None
            number, unwanted = skip // per_page + 1, skip % per_page
            numbers = {"per_page": per_page, **pager.FIRST, **({"page": number} if skip else {})}
            first = self._builder.build(name, region=region, query={**(query or {}), **numbers}, ids=ids)
            walk = pager(first, page, items, identity, per_page, number)
            while walk.request is not None and left != 0:
                found = walk.feed(self._transport.send(walk.request))[unwanted:][:left]
                unwanted = 0
                if left is not None:
                    left -= len(found)
                if seen:
                    for item in found:
                        seen(item)
                if found:
                    yield found

        return Listing(pages())

    def _remember(self, session: Session) -> Session:
        """Keep the region of a session that a cloud of several regions described."""
        if session.session_id and self._address.default_region:
            self._regions.put(session.session_id, checked_region(session.region_id))
        return session

    def _region_of(self, session_id: str, deadline: Deadline | None = None) -> str | None:
        """The region that holds a session's data, asked for once; None is the default one.

        On a cloud of one host (no default region) everything is there.
        """
        if self._address.default_region == "":
            return None
        region = self._regions.get(session_id)
        if region is None:
            region = checked_region((self._describe(session_id, deadline=deadline)).region_id)
            self._regions.put(session_id, region)
        return region or None

    def _region_of_journey(self, journey_id: str, deadline: Deadline) -> str | None:
        """The region that holds what was computed of a journey, asked for once."""
        if self._address.default_region == "":
            return None
        region = self._journey_regions.get(journey_id)
        if region is None:
            detail = self._describe_journey(journey_id, deadline)
            region = checked_region(detail.journey.primary_region_id)
            self._journey_regions.put(journey_id, region)
        return region or None

    def _describe_journey(self, journey_id: str, deadline: Deadline | None = None) -> JourneyDetailResponse:
        request = self._builder.build("describe_journey", ids={"journey_id": journey_id})
        return (self._transport.send(request, deadline)).message(JourneyDetailResponse)

    def _describe(self, session_id: str, view: str = "minimal", deadline: Deadline | None = None) -> Session:
        request = self._builder.build(
            "describe_session", query={"view": view}, ids={"session_id": session_id}
        )
        return (self._transport.send(request, deadline)).message(Session)
