"""Recordings of the on-disk layout, made for tests."""

from __future__ import annotations

from pathlib import Path

from google.protobuf import json_format
from support.stores import bundle

from moonsense.models import SealedBundle, Session, SessionLabel


def write_recording(
    root: Path, session_id: str, middle: str = "", *, bundles: int = 7
) -> tuple[Session, str]:
    """A recording with bundles out of order, as the service's own downloads have them."""
    session = Session(session_id=session_id, app_id="appAPP", region_id="us-central1.gcp")
    session.created_at.FromJsonString("2022-08-04T18:20:04.419039Z")
    session.labels.append(SessionLabel(label_id=f"label-of-{session_id}", name="registration"))
    session.metadata.platform = session.metadata.WEB
    sealed = [
        SealedBundle(
            bundle=bundle(index),
            session_id=session_id,
            app_id="appAPP",
            server_time_millis=1_659_637_204_000_123 + index,
        )
        for index in [2, 1, *range(3, bundles + 1)]
    ]
    session.counters["bundle"].total = bundles
    session.counters["bundle"].buckets.add(start_time=1_659_637_200_000, value=bundles)
    session.counters["accelerometer"].total = 2 * bundles
    session.counters["packet"].total = 3
    folder = root / "2022-08-04" / middle / session_id
    folder.mkdir(parents=True)
    text = "".join(
        json_format.MessageToJson(one, preserving_proto_field_name=True, indent=None) + "\n" for one in sealed
    )
    (folder / "metadata.json").write_text(json_format.MessageToJson(session))
    (folder / "raw_sealed_bundles.json").write_text(text)
    return session, text
