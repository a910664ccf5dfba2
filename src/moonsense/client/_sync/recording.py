# Made from src/moonsense/client/_async/recording.py by scripts/generate_sync.py: do not edit.
"""Calls that record."""

from __future__ import annotations

from collections.abc import Iterable

from moonsense.client._sync.base import Base
from moonsense.models.bundle_v2_pb2 import Bundle
from moonsense.models.data_plane_v2_sdk_pb2 import BundleCreateRequest, BundleCreateResponse


class RecordingCalls(Base):
    """Bundles to be recorded."""

    def send_bundles(
        self,
        session_id: str,
        bundles: Iterable[Bundle],
        *,
        install_id: str = "",
        client_user_id: str = "",
    ) -> BundleCreateResponse:
        """Record bundles into a session; they are durable when this returns.

        Bundles with an ``index`` above 0 may be sent again: they are stored once.
        ``moonsense.recorder.Recorder`` numbers, batches and retries.

        Args:
            session_id: as ``create_session`` returned it.
            install_id: names the installation of the recording app.
            client_user_id: names the user in the recording app's own words.

        Raises:
            TooLargeError: the request is larger than the cloud takes; send fewer at once.
            UnprocessableError: a bundle breaks a rule; ``param`` names the field.
        """
        body = BundleCreateRequest(
            session_id=session_id, bundles=bundles, install_id=install_id, client_user_id=client_user_id
        )
        # A token that only records cannot describe the session: without the
        # region of an earlier answer the default one is where it was created.
        region = self._regions.get(session_id) or None
        return self._call("create_bundles", BundleCreateResponse, region=region, body=body)
