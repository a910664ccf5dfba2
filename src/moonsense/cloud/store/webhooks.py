"""Webhooks: endpoints, their secrets, and what became of what was sent to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from moonsense.cloud.catalog import deliveries, endpoints, sessions, tokens
from moonsense.cloud.catalog.answers import Once
from moonsense.cloud.records import DeliveryFilters, Page, Place, Principal
from moonsense.cloud.store.folder import Folder, of_project, there
from moonsense.cloud.webhooks import addresses
from moonsense.cloud.webhooks.outbox import payload_of
from moonsense.cloud.webhooks.payloads import sample
from moonsense.contract import limits, schemas
from moonsense.contract.ids import is_id, new_id
from moonsense.contract.problems import Problem
from moonsense.models.data_plane_v2_pb2 import WebhookEventTypes, WebhookPayload
from moonsense.models.webhooks_v2_pb2 import (
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEndpointSecret,
    WebhookResendRequest,
    WebhookResendResponse,
    WebhookTestRequest,
)
from moonsense.webhooks import new_secret

T = TypeVar("T")

_MOST_IDS = 1_000

_OVERLAP_SECONDS = 24 * 3600
_LONGEST_OVERLAP_SECONDS = 30 * 24 * 3600


class Webhooks:
    """The webhooks of all projects."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._allowed = folder.settings.webhook_networks

    async def page(self, project_id: str, *, offset: int, limit: int) -> Page[WebhookEndpoint]:
        """A part of a project's endpoints, oldest first."""
        return await self._folder.read(
            lambda connection: endpoints.page(connection, project_id, offset=offset, limit=limit)
        )

    async def describe(self, project_id: str, endpoint_id: str) -> WebhookEndpoint:
        """An endpoint."""
        found = await self._folder.read(
            lambda connection: endpoints.describe(connection, project_id, endpoint_id)
        )
        return there(found, "endpoint", "endpoint_id")

    async def create(
        self, project_id: str, wanted: WebhookEndpoint, asked: Once | None = None
    ) -> WebhookEndpointSecret:
        """Make an endpoint; its id, time and secret are made here."""
        self._check(wanted)

        def create(connection: Connection) -> WebhookEndpointSecret:
            _check_app(connection, project_id, wanted.app_id)
            if endpoints.count(connection, project_id) >= limits.MAX_WEBHOOK_ENDPOINTS:
                raise Problem(409, f"a project has {limits.MAX_WEBHOOK_ENDPOINTS} endpoints at most")
            made = WebhookEndpoint()
            made.CopyFrom(wanted)
            made.endpoint_id = new_id()
            secret = new_secret()
            endpoint = endpoints.create(connection, project_id, made, secret, self._folder.clock())
            return WebhookEndpointSecret(endpoint=endpoint, secret=secret)

        return await self._folder.write_once(asked, WebhookEndpointSecret, self._noticed(create))

    async def replace(
        self, project_id: str, endpoint_id: str, wanted: WebhookEndpoint, asked: Once | None = None
    ) -> WebhookEndpoint:
        """Set all that an endpoint's owner sets. What waits for one that is switched on is sent."""
        self._check(wanted)

        def replace(connection: Connection) -> WebhookEndpoint:
            _check_app(connection, project_id, wanted.app_id)
            found = endpoints.replace(connection, project_id, endpoint_id, wanted)
            return there(found, "endpoint", "endpoint_id")

        return await self._folder.write_once(asked, WebhookEndpoint, self._noticed(replace))

    async def delete(self, project_id: str, endpoint_id: str) -> None:
        """Delete an endpoint with its secrets and deliveries."""
        found = await self._folder.write(
            self._noticed(lambda connection: endpoints.remove(connection, project_id, endpoint_id))
        )
        there(found or None, "endpoint", "endpoint_id")

    async def rotate(
        self, project_id: str, endpoint_id: str, overlap_seconds: int, asked: Once | None = None
    ) -> WebhookEndpointSecret:
        """Give an endpoint a new secret; the one before signs too for a while."""
        seconds = min(max(0, overlap_seconds or _OVERLAP_SECONDS), _LONGEST_OVERLAP_SECONDS)

        def rotate(connection: Connection) -> WebhookEndpointSecret:
            secret, now = new_secret(), self._folder.clock()
            found = endpoints.rotate(
                connection, project_id, endpoint_id, secret, now + seconds * 1_000_000, now
            )
            return WebhookEndpointSecret(endpoint=there(found, "endpoint", "endpoint_id"), secret=secret)

        return await self._folder.write_once(asked, WebhookEndpointSecret, rotate)

    async def test(
        self, who: Principal, endpoint_id: str, wanted: WebhookTestRequest, asked: Once | None = None
    ) -> WebhookDelivery:
        """Send an endpoint an event that nothing happened for."""
        if wanted.session_id and not is_id(wanted.session_id):
            raise Problem(422, "session_id is none", "session_id")
        event = wanted.event_type or WebhookEventTypes.SESSION_CREATED

        def test(connection: Connection) -> WebhookDelivery:
            endpoint = endpoints.describe(connection, who.project_id, endpoint_id)
            key = endpoints.find(connection, who.project_id, endpoint_id)
            if endpoint is None or key is None:
                raise Problem(404, "there is no such endpoint in this project", "endpoint_id")
            if endpoint.disabled:
                raise Problem(409, "the endpoint is off; switch it on first", "disabled")
            payload = self._payload(connection, who, endpoint, event, wanted.session_id)
            delivery_id = self._folder.outbox.record_for(
                connection, key, who.project_id, payload, self._folder.clock()
            )
            return there(
                deliveries.describe(connection, who.project_id, delivery_id), "delivery", "delivery_id"
            )

        return await self._folder.write_once(asked, WebhookDelivery, test)

    def _payload(
        self,
        connection: Connection,
        who: Principal,
        endpoint: WebhookEndpoint,
        event: WebhookEventTypes.ValueType,
        session_id: str,
    ) -> WebhookPayload:
        if not session_id:
            return sample(event, who.project_id, endpoint.app_id or who.app_id, new_id())
        ref = of_project(sessions.find(connection, session_id), who.project_id)
        payload = sample(event, who.project_id, ref.app_id, session_id)
        payload.MergeFrom(payload_of(connection, ref.key, event))
        return payload

    async def deliveries(
        self, project_id: str, filters: DeliveryFilters, place: Place
    ) -> Page[WebhookDelivery]:
        """A part of a project's deliveries, newest first."""
        return await self._folder.read(
            lambda connection: deliveries.page(connection, project_id, filters, place)
        )

    async def delivery(self, project_id: str, delivery_id: str) -> WebhookDelivery:
        """A delivery with its tries."""
        found = await self._folder.read(
            lambda connection: deliveries.describe(connection, project_id, delivery_id)
        )
        return there(found, "delivery", "delivery_id")

    async def resend(
        self, project_id: str, wanted: WebhookResendRequest, asked: Once | None = None
    ) -> WebhookResendResponse:
        """Send deliveries again, with a schedule that begins anew. Ids that are given must all be there."""
        if not wanted.ListFields():
            return WebhookResendResponse()
        ids = tuple(dict.fromkeys(wanted.delivery_ids))
        if len(ids) > _MOST_IDS:
            raise Problem(422, f"{_MOST_IDS} deliveries at most can be named at once", "delivery_ids")
        filters = DeliveryFilters(
            endpoint_id=wanted.endpoint_id or None,
            since_micros=wanted.since.ToMicroseconds() if wanted.HasField("since") else None,
            before_micros=wanted.until.ToMicroseconds() if wanted.HasField("until") else None,
            delivery_ids=ids,
            failed=wanted.failed,
        )

        def resend(connection: Connection) -> WebhookResendResponse:
            if filters.endpoint_id:
                there(endpoints.find(connection, project_id, filters.endpoint_id), "endpoint", "endpoint_id")
            if ids and deliveries.count(connection, project_id, DeliveryFilters(delivery_ids=ids)) < len(ids):
                raise Problem(404, "not all of these deliveries are there", "delivery_ids")
            count, keys = deliveries.resend(connection, project_id, filters, self._folder.clock())
            self._folder.outbox.touch(keys)
            return WebhookResendResponse(count=count)

        return await self._folder.write_once(asked, WebhookResendResponse, resend)

    def _check(self, wanted: WebhookEndpoint) -> None:
        """Raise Problem 422 for what no endpoint can have."""
        try:
            addresses.check_url(wanted.url, self._allowed)
        except ValueError as error:
            raise Problem(422, f"the url cannot be: {error}", "url") from None
        if wanted.schema_version not in ("", *schemas.VERSIONS):
            raise Problem(422, f"schema_version is one of {', '.join(schemas.VERSIONS)}", "schema_version")
        most = limits.MAX_WEBHOOK_DESCRIPTION
        if len(wanted.description) > most:
            raise Problem(422, f"a description has {most} characters at most", "description")

    def _noticed(self, change: Callable[[Connection], T]) -> Callable[[Connection], T]:
        """A change of endpoints that the outbox learns with it, whoever still waits for the answer."""

        def job(connection: Connection) -> T:
            changed = change(connection)
            self._folder.outbox.load(connection)
            return changed

        return job


def _check_app(connection: Connection, project_id: str, app_id: str) -> None:
    if app_id and app_id not in (known for known, _ in tokens.apps(connection, project_id)):
        raise Problem(422, "there is no such app in this project", "app_id")
