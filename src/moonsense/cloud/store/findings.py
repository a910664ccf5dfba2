"""Features and signals: what was found out about sessions and journeys, stored as it was given."""

from __future__ import annotations

from sqlalchemy import Connection

from moonsense.cloud.catalog import journeys, log, sessions, values
from moonsense.cloud.catalog.answers import Once
from moonsense.cloud.catalog.values import Kind
from moonsense.cloud.contents import contents
from moonsense.cloud.store.folder import Folder, of_project, there
from moonsense.models.data_plane_v2_pb2 import (
    JourneyFeaturesResponse,
    SessionFeaturesResponse,
    SignalsResponse,
)


class Findings:
    """The features and signals of all projects.

    Setting features merges: a name given again is overwritten, others stay.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    async def session_features(self, project_id: str, session_id: str) -> SessionFeaturesResponse:
        """The features of a session."""

        def read(connection: Connection) -> SessionFeaturesResponse:
            key = _session(connection, project_id, session_id)
            found = values.of_session(connection, key, Kind.FEATURES, SessionFeaturesResponse)
            # What the recording app found out comes in bundles; the sealer keeps it.
            waiting = contents(row.payload for row in log.read(connection, key))
            for name, feature in waiting.features.items():
                found.client_sdk[name].CopyFrom(feature)
            return found

        found = await self._folder.read(read)
        found.session_id = session_id
        return found

    async def set_session_features(
        self, project_id: str, session_id: str, given: SessionFeaturesResponse, asked: Once | None = None
    ) -> SessionFeaturesResponse:
        """Add features to a session; gives all it has now."""

        def write(connection: Connection) -> SessionFeaturesResponse:
            key = _session(connection, project_id, session_id)
            present = values.of_session(connection, key, Kind.FEATURES, SessionFeaturesResponse)
            present.MergeFrom(given)
            present.session_id = session_id
            values.set_of_session(connection, key, Kind.FEATURES, present)
            return present

        return await self._folder.write_once(asked, SessionFeaturesResponse, write)

    async def journey_features(self, project_id: str, journey_id: str) -> JourneyFeaturesResponse:
        """The features of a journey."""

        def read(connection: Connection) -> JourneyFeaturesResponse:
            key = _journey(connection, project_id, journey_id)
            return values.of_journey(connection, key, Kind.FEATURES, JourneyFeaturesResponse)

        found = await self._folder.read(read)
        found.journey_id = journey_id
        return found

    async def set_journey_features(
        self, project_id: str, journey_id: str, given: JourneyFeaturesResponse, asked: Once | None = None
    ) -> JourneyFeaturesResponse:
        """Add features to a journey; gives all it has now."""

        def write(connection: Connection) -> JourneyFeaturesResponse:
            key = _journey(connection, project_id, journey_id)
            present = values.of_journey(connection, key, Kind.FEATURES, JourneyFeaturesResponse)
            present.MergeFrom(given)
            present.journey_id = journey_id
            values.set_of_journey(connection, key, Kind.FEATURES, present)
            return present

        return await self._folder.write_once(asked, JourneyFeaturesResponse, write)

    async def signals(self, project_id: str, session_id: str) -> SignalsResponse:
        """The signals of a session."""

        def read(connection: Connection) -> SignalsResponse:
            key = _session(connection, project_id, session_id)
            return values.of_session(connection, key, Kind.SIGNALS, SignalsResponse)

        return await self._folder.read(read)

    async def set_signals(
        self, project_id: str, session_id: str, given: SignalsResponse, asked: Once | None = None
    ) -> SignalsResponse:
        """Set the signals of a session in place of those it has."""

        def write(connection: Connection) -> SignalsResponse:
            key = _session(connection, project_id, session_id)
            values.set_of_session(connection, key, Kind.SIGNALS, given)
            return given

        return await self._folder.write_once(asked, SignalsResponse, write)


def _session(connection: Connection, project_id: str, session_id: str) -> int:
    return of_project(sessions.find(connection, session_id), project_id).key


def _journey(connection: Connection, project_id: str, journey_id: str) -> int:
    return there(journeys.find(connection, project_id, journey_id), "journey", "journey_id")
