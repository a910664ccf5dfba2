# Made from src/moonsense/client/_async/features.py by scripts/generate_sync.py: do not edit.
"""Calls about features and signals: what was computed from sessions."""

from __future__ import annotations

from moonsense.client._sync.base import Base
from moonsense.models.data_plane_v2_pb2 import (
    JourneyFeaturesResponse,
    SessionFeaturesResponse,
    SignalsResponse,
)


class FeatureCalls(Base):
    """Features and signals.

    Features are by name, in three groups: ``client_sdk``, ``cloud_network`` and
    ``cloud_behavioral``. ``region`` is where the session or journey is kept; it
    is asked for, once, when it is not given.
    """

    def list_session_features(self, session_id: str, region: str | None = None) -> SessionFeaturesResponse:
        """The features of a session. Raises NotFoundError when there is no such session."""
        return self._call(
            "list_session_features",
            SessionFeaturesResponse,
            session=session_id if region is None else "",
            region=region,
            ids={"session_id": session_id},
        )

    def set_session_features(
        self, session_id: str, features: SessionFeaturesResponse
    ) -> SessionFeaturesResponse:
        """Give a session features; one of the same group and name is overwritten, others stay.

        Returns:
            All features of the session.
        """
        return self._call(
            "set_session_features",
            SessionFeaturesResponse,
            session=session_id,
            body=features,
            ids={"session_id": session_id},
        )

    def list_session_signals(self, session_id: str, region: str | None = None) -> SignalsResponse:
        """The signals of a session. Raises NotFoundError when there is no such session."""
        return self._call(
            "list_session_signals",
            SignalsResponse,
            session=session_id if region is None else "",
            region=region,
            ids={"session_id": session_id},
        )

    def set_session_signals(self, session_id: str, signals: SignalsResponse) -> SignalsResponse:
        """Set the signals of a session.

        Returns:
            The signals as the cloud has them.
        """
        return self._call(
            "set_session_signals",
            SignalsResponse,
            session=session_id,
            body=signals,
            ids={"session_id": session_id},
        )

    def list_journey_features(self, journey_id: str, region: str | None = None) -> JourneyFeaturesResponse:
        """The features of a journey. Raises NotFoundError when there is no such journey."""
        return self._call(
            "list_journey_features",
            JourneyFeaturesResponse,
            journey=journey_id if region is None else "",
            region=region,
            ids={"journey_id": journey_id},
        )

    def set_journey_features(
        self, journey_id: str, features: JourneyFeaturesResponse
    ) -> JourneyFeaturesResponse:
        """Give a journey features; one of the same group and name is overwritten, others stay.

        Returns:
            All features of the journey.
        """
        return self._call(
            "set_journey_features",
            JourneyFeaturesResponse,
            journey=journey_id,
            body=features,
            ids={"journey_id": journey_id},
        )
