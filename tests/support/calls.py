"""Every call of the client by its name, with arguments that mean nothing."""

from __future__ import annotations

from collections.abc import Callable, Generator
from datetime import date
from pathlib import Path

from moonsense.client import Client
from moonsense.models.bundle_v2_pb2 import Bundle
from moonsense.models.data_plane_v2_pb2 import (
    JourneyFeaturesResponse,
    SessionFeaturesResponse,
    SignalsResponse,
)
from moonsense.models.data_plane_v2_sdk_pb2 import Session
from moonsense.models.webhooks_v2_pb2 import WebhookEndpoint

NO_CALLS = {"close", "with_options"}
"""What else the client has, and asks the cloud for nothing."""


ALL = "all"
"""The folder for a download of all sessions, which keeps its own account of what it did."""


def taken(found: object) -> object:
    """The result of a call, all of it when it comes by and by."""
    return list(found) if isinstance(found, Generator) else found


CALLS: dict[str, Callable[[Client, Path], object]] = {
    "whoami": lambda client, _: client.whoami(),
    "list_regions": lambda client, _: client.list_regions(),
    "locate_region": lambda client, _: client.locate_region(),
    "list_sessions": lambda client, _: client.list_sessions(),
    "create_session": lambda client, _: client.create_session(Session(session_id="s")),
    "describe_session": lambda client, _: client.describe_session("s"),
    "delete_session": lambda client, _: client.delete_session("s"),
    "update_session_labels": lambda client, _: client.update_session_labels("s", ["l"]),
    "add_session_labels": lambda client, _: client.add_session_labels("s", ["l"]),
    "remove_session_labels": lambda client, _: client.remove_session_labels("s", ["l"]),
    "list_chunks": lambda client, _: client.list_chunks("s"),
    "read_chunk": lambda client, _: client.read_chunk("s", "c"),
    "read_chunks": lambda client, _: client.read_chunks("s"),
    "read_session": lambda client, _: client.read_session("s"),
    "read_session by index": lambda client, _: client.read_session("s", order="index"),
    "check_session": lambda client, _: client.check_session("s"),
    "download_session": lambda client, folder: client.download_session("s", folder / "s.json"),
    "download_pcap_data": lambda client, folder: client.download_pcap_data("s", folder / "s.pcap"),
    "download_all_sessions": lambda client, folder: client.download_all_sessions(
        folder / ALL, date(2026, 1, 2), date(2026, 1, 1), None, False, None
    ),
    "upload_pcap_data": lambda client, _: client.upload_pcap_data("s", b"packets"),
    "send_bundles": lambda client, _: client.send_bundles("s", [Bundle(index=1)]),
    "list_cards": lambda client, _: client.list_cards("s"),
    "iter_cards": lambda client, _: client.iter_cards("s"),
    "create_card": lambda client, _: client.create_card("s", "T", "D"),
    "delete_card": lambda client, _: client.delete_card("c"),
    "list_labels": lambda client, _: client.list_labels(),
    "top_labels": lambda client, _: client.top_labels(),
    "list_journeys": lambda client, _: client.list_journeys(),
    "describe_journey": lambda client, _: client.describe_journey("j"),
    "get_journey_feedback": lambda client, _: client.get_journey_feedback("j"),
    "add_journey_feedback": lambda client, _: client.add_journey_feedback("j", {}),
    "list_session_features": lambda client, _: client.list_session_features("s"),
    "set_session_features": lambda client, _: client.set_session_features("s", SessionFeaturesResponse()),
    "list_session_signals": lambda client, _: client.list_session_signals("s"),
    "set_session_signals": lambda client, _: client.set_session_signals("s", SignalsResponse()),
    "list_journey_features": lambda client, _: client.list_journey_features("j"),
    "set_journey_features": lambda client, _: client.set_journey_features("j", JourneyFeaturesResponse()),
    "create_webhook_endpoint": lambda client, _: client.create_webhook_endpoint(WebhookEndpoint()),
    "list_webhook_endpoints": lambda client, _: client.list_webhook_endpoints(),
    "describe_webhook_endpoint": lambda client, _: client.describe_webhook_endpoint("e"),
    "update_webhook_endpoint": lambda client, _: client.update_webhook_endpoint(
        WebhookEndpoint(endpoint_id="e")
    ),
    "delete_webhook_endpoint": lambda client, _: client.delete_webhook_endpoint("e"),
    "rotate_webhook_secret": lambda client, _: client.rotate_webhook_secret("e"),
    "test_webhook_endpoint": lambda client, _: client.test_webhook_endpoint("e"),
    "list_webhook_deliveries": lambda client, _: client.list_webhook_deliveries(),
    "describe_webhook_delivery": lambda client, _: client.describe_webhook_delivery("d"),
    "resend_webhook_deliveries": lambda client, _: client.resend_webhook_deliveries(["d"]),
}
