"""The routes: parse, call the store, answer. One file a resource."""

from __future__ import annotations

from moonsense.cloud.routes.bundles import Bundles
from moonsense.cloud.routes.cards import Cards
from moonsense.cloud.routes.chunks import Chunks
from moonsense.cloud.routes.findings import Findings
from moonsense.cloud.routes.journeys import Journeys
from moonsense.cloud.routes.labels import Labels
from moonsense.cloud.routes.packets import Packets
from moonsense.cloud.routes.regions import Regions
from moonsense.cloud.routes.service import Service
from moonsense.cloud.routes.sessions import Sessions
from moonsense.cloud.routes.tokens import whoami
from moonsense.cloud.routes.webhooks import Webhooks
from moonsense.cloud.routing import Handler
from moonsense.cloud.settings import Settings
from moonsense.cloud.store import Store
from moonsense.cloud.traffic import Traffic


def handlers(store: Store, settings: Settings, traffic: Traffic) -> dict[str, Handler]:
    """The handler of every route of the contract, by the route's name."""
    regions = Regions(settings)
    sessions = Sessions(store, settings)
    labels = Labels(store)
    chunks = Chunks(store)
    bundles = Bundles(store, settings)
    cards = Cards(store)
    journeys = Journeys(store, settings)
    findings = Findings(store)
    packets = Packets(store, settings)
    webhooks = Webhooks(store, settings)
    service = Service(store, traffic)
    return {
        "list_regions": regions.list,
        "locate_region": regions.locate,
        "whoami": whoami,
        "list_sessions": sessions.list,
        "create_session": sessions.create,
        "describe_session": sessions.describe,
        "delete_session": sessions.delete,
        "update_session_labels": labels.replace,
        "list_chunks": chunks.list,
        "read_chunk": chunks.read,
        "read_session": bundles.read,
        "list_cards": cards.list,
        "create_card": cards.create,
        "delete_card": cards.delete,
        "list_labels": labels.list,
        "top_labels": labels.top,
        "create_bundles": bundles.create,
        "add_session_labels": labels.add,
        "remove_session_labels": labels.remove,
        "list_journeys": journeys.list,
        "describe_journey": journeys.describe,
        "get_journey_feedback": journeys.feedback,
        "add_journey_feedback": journeys.add_feedback,
        "list_journey_features": findings.journey_features,
        "set_journey_features": findings.set_journey_features,
        "list_session_features": findings.session_features,
        "set_session_features": findings.set_session_features,
        "list_session_signals": findings.signals,
        "set_session_signals": findings.set_signals,
        "download_packets": packets.read,
        "upload_packets": packets.upload,
        "list_webhook_endpoints": webhooks.list,
        "create_webhook_endpoint": webhooks.create,
        "describe_webhook_endpoint": webhooks.describe,
        "update_webhook_endpoint": webhooks.update,
        "delete_webhook_endpoint": webhooks.delete,
        "rotate_webhook_secret": webhooks.rotate,
        "test_webhook_endpoint": webhooks.test,
        "list_webhook_deliveries": webhooks.list_deliveries,
        "describe_webhook_delivery": webhooks.describe_delivery,
        "resend_webhook_deliveries": webhooks.resend,
        "healthz": service.healthz,
        "readyz": service.readyz,
        "metrics": service.metrics,
        "openapi": service.openapi,
    }
