"""The calls about webhooks, of both clients, against a real cloud."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.wire import WireServer, reply

from moonsense.client import AsyncClient, Client
from moonsense.cloud.embed import EmbeddedCloud
from moonsense.errors import ConflictError, NotFoundError, UnprocessableError
from moonsense.models.webhooks_v2_pb2 import WebhookDelivery, WebhookEndpoint
from moonsense.webhooks import verify


def test_from_the_endpoint_to_the_delivery(client: Client, eventually: Callable[..., Any]) -> None:
    with WireServer(reply()) as server:
        made = client.create_webhook_endpoint(WebhookEndpoint(url=server.url, events=["SESSION_INACTIVE"]))
        endpoint = made.endpoint
        assert endpoint in client.list_webhook_endpoints()
        endpoint.description = "mine"
        changed = client.update_webhook_endpoint(endpoint)
        assert changed == client.describe_webhook_endpoint(endpoint.endpoint_id)
        assert changed.description == "mine"

        started = datetime.now(UTC) - timedelta(seconds=1)
        sent = client.test_webhook_endpoint(endpoint.endpoint_id, "BUNDLE_RECEIVED", session_id="")
        here = {"endpoint_id": endpoint.endpoint_id}
        eventually(lambda: next(client.list_webhook_deliveries(**here, state="DELIVERED"), None))
        (listed,) = client.list_webhook_deliveries(**here, event="BUNDLE_RECEIVED", since=started)
        assert listed.delivery_id == sent.delivery_id
        assert not list(client.list_webhook_deliveries(**here, until=started))
        assert client.describe_webhook_delivery(sent.delivery_id).attempts[0].status == 200
        (got,) = server.requests
        assert verify(got.body, got.headers, made.secret).message_id == sent.delivery_id

        rotated = client.rotate_webhook_secret(endpoint.endpoint_id, overlap=timedelta(0))
        assert client.resend_webhook_deliveries([sent.delivery_id]) == 1
        eventually(lambda: len(server.requests) == 2)
        assert verify(server.requests[1].body, server.requests[1].headers, rotated.secret)

        changed.disabled = True
        client.update_webhook_endpoint(changed)
        with pytest.raises(ConflictError):
            client.test_webhook_endpoint(endpoint.endpoint_id)
        client.delete_webhook_endpoint(endpoint.endpoint_id)
        with pytest.raises(NotFoundError):
            client.describe_webhook_endpoint(endpoint.endpoint_id)


def test_many_deliveries_are_listed_once_each(client: Client) -> None:
    """Over several pages, by the cursor."""
    with WireServer(reply()) as server:
        made = client.create_webhook_endpoint(WebhookEndpoint(url=server.url, events=["SESSION_INACTIVE"]))
        endpoint_id = made.endpoint.endpoint_id
        sent = [client.test_webhook_endpoint(endpoint_id).delivery_id for _ in range(130)]
        listed = [each.delivery_id for each in client.list_webhook_deliveries(endpoint_id)]
        assert listed == sent[::-1]
        assert [each.delivery_id for each in client.list_webhook_deliveries(endpoint_id, limit=3)] == listed[
            :3
        ]
        client.delete_webhook_endpoint(endpoint_id)


def test_wrong_arguments(client: Client) -> None:
    with pytest.raises(ValueError, match="say which deliveries"):
        client.resend_webhook_deliveries()
    with pytest.raises(TypeError, match="not one string"):
        client.resend_webhook_deliveries("msg_1")
    with pytest.raises(ValueError, match="SESSION_LOST"):
        client.test_webhook_endpoint("e", "SESSION_LOST")
    with pytest.raises(UnprocessableError) as caught:
        client.create_webhook_endpoint(WebhookEndpoint(url="https://10.0.0.1/"))
    assert caught.value.param == "url"


def test_with_asyncio(cloud: EmbeddedCloud) -> None:
    async def go() -> None:
        async with AsyncClient(cloud.secret_token, cloud.root_domain, "http", "") as client:
            with WireServer(reply()) as server:
                made = await client.create_webhook_endpoint(
                    WebhookEndpoint(url=server.url, events=["SESSION_INACTIVE"])
                )
                endpoint_id = made.endpoint.endpoint_id
                sent = await client.test_webhook_endpoint(endpoint_id)
                async with asyncio.timeout(20):
                    while sent.state != WebhookDelivery.DELIVERED:
                        sent = await client.describe_webhook_delivery(sent.delivery_id)
                assert [each async for each in client.list_webhook_deliveries(endpoint_id)]
                await client.delete_webhook_endpoint(endpoint_id)

    asyncio.run(go())
