# Made from src/moonsense/client/_async/webhooks.py by scripts/generate_sync.py: do not edit.
"""Calls about webhooks: where they go, and what became of each. Our own cloud has them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from moonsense.client._core.arguments import checked_ids
from moonsense.client._sync.base import Base
from moonsense.client._sync.listing import Listing
from moonsense.contract import times
from moonsense.models.data_plane_v2_pb2 import WebhookEventTypes
from moonsense.models.webhooks_v2_pb2 import (
    WebhookDelivery,
    WebhookDeliveryListResponse,
    WebhookEndpoint,
    WebhookEndpointListResponse,
    WebhookEndpointSecret,
    WebhookResendRequest,
    WebhookResendResponse,
    WebhookSecretRotateRequest,
    WebhookTestRequest,
)


class WebhookCalls(Base):
    """Webhooks, the sender's side; ``moonsense.webhooks`` is the receiver's."""

    def create_webhook_endpoint(self, endpoint: WebhookEndpoint) -> WebhookEndpointSecret:
        """Make an endpoint that events are sent to.

        Args:
            endpoint: its ``url``, and whatever else of it is not to be the default.

        Returns:
            The endpoint with its id, and its secret, which is not shown again.

        Raises:
            UnprocessableError: it cannot be; ``param`` names the field.
        """
        return self._call("create_webhook_endpoint", WebhookEndpointSecret, body=endpoint)

    def list_webhook_endpoints(self) -> list[WebhookEndpoint]:
        """All endpoints of the project, oldest first."""
        endpoints = self._list(
            "list_webhook_endpoints",
            WebhookEndpointListResponse,
            lambda page: page.endpoints,
            lambda endpoint: endpoint.endpoint_id,
        )
        return list(endpoints)

    def describe_webhook_endpoint(self, endpoint_id: str) -> WebhookEndpoint:
        """One endpoint. Raises NotFoundError when there is no such one."""
        return self._call("describe_webhook_endpoint", WebhookEndpoint, ids={"endpoint_id": endpoint_id})

    def update_webhook_endpoint(self, endpoint: WebhookEndpoint) -> WebhookEndpoint:
        """Change the endpoint of this ``endpoint_id``: all that can be set of it is replaced.

        Take it from ``describe_webhook_endpoint``, change it, and give it here.

        Returns:
            The endpoint as the cloud has it.
        """
        return self._call(
            "update_webhook_endpoint",
            WebhookEndpoint,
            body=endpoint,
            ids={"endpoint_id": endpoint.endpoint_id},
        )

    def delete_webhook_endpoint(self, endpoint_id: str) -> None:
        """Delete an endpoint, with what waits for it and what was sent to it."""
        ids = {"endpoint_id": endpoint_id}
        self._transport.delete(self._builder.build("delete_webhook_endpoint", ids=ids))

    def rotate_webhook_secret(
        self, endpoint_id: str, *, overlap: timedelta | None = None
    ) -> WebhookEndpointSecret:
        """Give an endpoint a new secret.

        Args:
            overlap: for how long the one before signs too; a day without it, to the second.

        Returns:
            The endpoint, and the secret, which is not shown again.
        """
        # On the wire 0 is the default, and what is below is no time at all.
        seconds = 0 if overlap is None else int(overlap.total_seconds()) or -1
        return self._call(
            "rotate_webhook_secret",
            WebhookEndpointSecret,
            body=WebhookSecretRotateRequest(overlap_seconds=seconds),
            ids={"endpoint_id": endpoint_id},
        )

    def test_webhook_endpoint(
        self, endpoint_id: str, event: str = "SESSION_CREATED", *, session_id: str = ""
    ) -> WebhookDelivery:
        """Send an endpoint an event that nothing happened for, whether it wants that event or not.

        Args:
            event: the event's name.
            session_id: the session that it is to be about; without it one that is not there.

        Returns:
            The delivery, under way: ``describe_webhook_delivery`` says how it went.

        Raises:
            ValueError: there is no such event.
            ConflictError: the endpoint is off.
        """
        body = WebhookTestRequest(event_type=WebhookEventTypes.Value(event), session_id=session_id)
        return self._call(
            "test_webhook_endpoint", WebhookDelivery, body=body, ids={"endpoint_id": endpoint_id}
        )

    def list_webhook_deliveries(
        self,
        endpoint_id: str | None = None,
        *,
        session_id: str | None = None,
        event: str | None = None,
        state: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> Listing[WebhookDelivery]:
        """What was sent, or waits to be, newest first; the cloud keeps it for 30 days.

        Args:
            endpoint_id: to this endpoint.
            session_id: about this session.
            event: of this event, by its name.
            state: ``WAITING``, ``DELIVERED`` or ``FAILED``.
            since: of events at this time or later; a naive time is UTC.
            until: of events at this time or before; a naive time is UTC.
            limit: at most so many.
        """
        return self._list(
            "list_webhook_deliveries",
            WebhookDeliveryListResponse,
            lambda page: page.deliveries,
            lambda delivery: delivery.delivery_id,
            query={
                "endpoint_id": endpoint_id,
                "session_id": session_id,
                "event": event,
                "state": state,
                "since": since,
                "until": until,
            },
            limit=limit,
        )

    def describe_webhook_delivery(self, delivery_id: str) -> WebhookDelivery:
        """One delivery with every try. Raises NotFoundError when there is no such one."""
        return self._call("describe_webhook_delivery", WebhookDelivery, ids={"delivery_id": delivery_id})

    def resend_webhook_deliveries(
        self,
        delivery_ids: Iterable[str] = (),
        *,
        endpoint_id: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        failed: bool = False,
    ) -> int:
        """Send deliveries again under their ids. What is given narrows the choice.

        Args:
            delivery_ids: these; all of them must be there.
            endpoint_id: to this endpoint.
            since: of events at this time or later; a naive time is UTC.
            until: of events before this time; a naive time is UTC.
            failed: only those that were given up, or whose last try failed.

        Returns:
            How many.

        Raises:
            ValueError: nothing is given.
            NotFoundError: one of the ids, or the endpoint, is not there.
        """
        body = WebhookResendRequest(
            delivery_ids=checked_ids(delivery_ids), endpoint_id=endpoint_id, failed=failed
        )
        if not body.ListFields() and since is None and until is None:
            raise ValueError("say which deliveries: their ids, an endpoint, a time, or failed")
        if since is not None:
            body.since.FromMicroseconds(times.to_micros(since))
        if until is not None:
            body.until.FromMicroseconds(times.to_micros(until))
        return (self._call("resend_webhook_deliveries", WebhookResendResponse, body=body)).count
