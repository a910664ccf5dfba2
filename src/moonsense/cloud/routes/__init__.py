"""The routes: parse, call the store, answer. One file a resource."""

from __future__ import annotations

from moonsense.cloud.routes.bundles import Bundles
from moonsense.cloud.routes.cards import Cards
from moonsense.cloud.routes.chunks import Chunks
from moonsense.cloud.routes.labels import Labels
from moonsense.cloud.routes.regions import Regions
from moonsense.cloud.routes.service import Service
from moonsense.cloud.routes.sessions import Sessions
from moonsense.cloud.routes.tokens import whoami
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
        "healthz": service.healthz,
        "readyz": service.readyz,
        "metrics": service.metrics,
        "openapi": service.openapi,
    }
