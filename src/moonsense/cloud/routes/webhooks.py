"""Webhooks: endpoints and deliveries."""

from __future__ import annotations

from starlette.responses import Response

from moonsense.cloud.listing import (
    Listing,
    delivery_filters,
    next_link,
    page_number,
    page_size,
    pagination,
)
from moonsense.cloud.requests import Request
from moonsense.cloud.responses import message_response
from moonsense.cloud.settings import Settings
from moonsense.cloud.store import Store
from moonsense.models.webhooks_v2_pb2 import (
    WebhookDeliveryListResponse,
    WebhookEndpoint,
    WebhookEndpointDeleteResponse,
    WebhookEndpointListResponse,
    WebhookResendRequest,
    WebhookSecretRotateRequest,
    WebhookTestRequest,
)


class Webhooks:
    """The routes of webhooks."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._webhooks = store.webhooks
        self._deliveries = Listing(settings.page_pin_seconds, delivery_filters)

    async def list(self, request: Request) -> Response:
        """GET /v2/webhooks/endpoints"""
        query = request.query()
        per_page, number = page_size(query), page_number(query)
        page = await self._webhooks.page(
            request.who.project_id, offset=(number - 1) * per_page, limit=per_page
        )
        numbers = pagination(number, per_page, page.total, more=page.more)
        answer = WebhookEndpointListResponse(endpoints=page.items, pagination=numbers)
        return message_response(request, answer, next_link(request, number + 1) if page.more else None)

    async def create(self, request: Request) -> Response:
        """POST /v2/webhooks/endpoints"""
        wanted = await request.message(WebhookEndpoint)
        made = await self._webhooks.create(request.who.project_id, wanted, request.asked())
        return message_response(request, made)

    async def describe(self, request: Request) -> Response:
        """GET /v2/webhooks/endpoints/{endpoint_id}"""
        found = await self._webhooks.describe(request.who.project_id, request.ids["endpoint_id"])
        return message_response(request, found)

    async def update(self, request: Request) -> Response:
        """POST /v2/webhooks/endpoints/{endpoint_id}"""
        wanted = await request.message(WebhookEndpoint)
        changed = await self._webhooks.replace(
            request.who.project_id, request.ids["endpoint_id"], wanted, request.asked()
        )
        return message_response(request, changed)

    async def delete(self, request: Request) -> Response:
        """DELETE /v2/webhooks/endpoints/{endpoint_id}"""
        endpoint_id = request.ids["endpoint_id"]
        await self._webhooks.delete(request.who.project_id, endpoint_id)
        return message_response(request, WebhookEndpointDeleteResponse(endpoint_id=endpoint_id))

    async def rotate(self, request: Request) -> Response:
        """POST /v2/webhooks/endpoints/{endpoint_id}/secret"""
        wanted = await request.message(WebhookSecretRotateRequest)
        rotated = await self._webhooks.rotate(
            request.who.project_id, request.ids["endpoint_id"], wanted.overlap_seconds, request.asked()
        )
        return message_response(request, rotated)

    async def test(self, request: Request) -> Response:
        """POST /v2/webhooks/endpoints/{endpoint_id}/test"""
        wanted = await request.message(WebhookTestRequest)
        made = await self._webhooks.test(request.who, request.ids["endpoint_id"], wanted, request.asked())
        return message_response(request, made)

    async def list_deliveries(self, request: Request) -> Response:
        """GET /v2/webhooks/deliveries"""
        asked = self._deliveries.of(request)
        page = await self._webhooks.deliveries(request.who.project_id, asked.filters, asked.place)
        numbers, link = self._deliveries.answer(request, asked, page)
        answer = WebhookDeliveryListResponse(deliveries=page.items, pagination=numbers)
        return message_response(request, answer, link)

    async def describe_delivery(self, request: Request) -> Response:
        """GET /v2/webhooks/deliveries/{delivery_id}"""
        found = await self._webhooks.delivery(request.who.project_id, request.ids["delivery_id"])
        return message_response(request, found)

    async def resend(self, request: Request) -> Response:
        """POST /v2/webhooks/redelivery"""
        wanted = await request.message(WebhookResendRequest)
        again = await self._webhooks.resend(request.who.project_id, wanted, request.asked())
        return message_response(request, again)
