"""What a delivery says: its body, as its endpoint wants it."""

from __future__ import annotations

from urllib.parse import urlencode

from moonsense.codec import json
from moonsense.contract import media, schemas
from moonsense.models.bundle_v2_pb2 import Bundle, SealedBundle
from moonsense.models.data_plane_v2_pb2 import WebhookEventTypes, WebhookPayload
from moonsense.models.webhooks_v2_pb2 import WebhookEndpoint

# The fields that came after 0.5.0, of every message that is left in a payload
# once they are gone: a receiver of that time stops at a field that it does not
# know. A test holds them against the published 0.5.0.
_LATER_BUNDLE = (
    "permission_events",
    "viewport_size_events",
    "app_life_cycle_events",
    "custom_events",
    "click_data",
    "is_final_bundle",
    "features",
    "input_change_data",
    "form_submit_events",
    "context_menu_events",
    "frame_rate_event",
)


def body(payload: WebhookPayload, endpoint: WebhookEndpoint) -> tuple[bytes, str]:
    """The bytes of a delivery and their media type. The payload may be changed."""
    if endpoint.schema_version == schemas.OLD:
        _make_old(payload)
    text = json.write(payload)
    if endpoint.content_type == WebhookEndpoint.FORM:
        return urlencode({"payload": text}).encode(), media.FORM
    return text, media.JSON


def _make_old(payload: WebhookPayload) -> None:
    """Take out what 0.5.0 does not know."""
    payload.ClearField("journey_id")
    if payload.HasField("bundle"):
        payload.bundle.ClearField("remote_ip")
        payload.bundle.ClearField("journey_id")
        bundle = payload.bundle.bundle
        for name in _LATER_BUNDLE:
            bundle.ClearField(name)  # type: ignore[arg-type]
        for pointer in bundle.pointer_data:
            pointer.ClearField("target")


def sample(
    event: WebhookEventTypes.ValueType, project_id: str, app_id: str, session_id: str
) -> WebhookPayload:
    """A payload of an event that nothing happened for."""
    payload = WebhookPayload(project_id=project_id, app_id=app_id, session_id=session_id, event_type=event)
    if event == WebhookEventTypes.BUNDLE_RECEIVED:
        bundle = Bundle(index=1)
        bundle.accelerometer_data.add(determined_at=1_700_000_000_000, y=1.0)
        payload.bundle.CopyFrom(SealedBundle(app_id=app_id, session_id=session_id, bundle=bundle))
    return payload
