"""Journeys, and what is reported about them."""

from __future__ import annotations

from sqlalchemy import Connection

from moonsense.cloud.catalog import journeys, values
from moonsense.cloud.catalog.answers import Once
from moonsense.cloud.catalog.values import Kind
from moonsense.cloud.records import Page, Place, SessionFilters
from moonsense.cloud.store.folder import Folder, now_micros, there
from moonsense.contract.ids import new_id
from moonsense.models.data_plane_v2_pb2 import Journey, JourneyDetailResponse
from moonsense.models.journey_feedback_pb2 import ChargebackFeedback, FraudFeedback, JourneyFeedback


class Journeys:
    """The journeys of all projects."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    async def page(self, project_id: str, filters: SessionFilters, place: Place) -> Page[Journey]:
        """A part of a project's journeys, newest first."""
        return await self._folder.read(
            lambda connection: journeys.page(connection, project_id, filters, place)
        )

    async def describe(self, project_id: str, journey_id: str) -> JourneyDetailResponse:
        """A journey with its sessions, newest first."""
        found = await self._folder.read(
            lambda connection: journeys.describe(connection, project_id, journey_id)
        )
        journey, members = there(found, "journey", "journey_id")
        return JourneyDetailResponse(journey=journey, sessions=members)

    async def feedback(self, project_id: str, journey_id: str) -> JourneyFeedback:
        """What was reported about a journey."""
        return await self._folder.read(
            lambda connection: _feedback(connection, _key(connection, project_id, journey_id), journey_id)
        )

    async def add_feedback(
        self, project_id: str, journey_id: str, reported: JourneyFeedback, asked: Once | None = None
    ) -> JourneyFeedback:
        """Report something: a type given again is overwritten, others stay. Gives all there is now."""

        def add(connection: Connection) -> JourneyFeedback:
            key = _key(connection, project_id, journey_id)
            present = _feedback(connection, key, journey_id)
            if reported.HasField("fraud_feedback"):
                present.fraud_feedback.CopyFrom(reported.fraud_feedback)
                _complete(present.fraud_feedback)
            if reported.HasField("chargeback_feedback"):
                present.chargeback_feedback.CopyFrom(reported.chargeback_feedback)
                _complete(present.chargeback_feedback)
            values.set_of_journey(connection, key, Kind.FEEDBACK, present)
            return present

        return await self._folder.write_once(asked, JourneyFeedback, add)


def _key(connection: Connection, project_id: str, journey_id: str) -> int:
    return there(journeys.find(connection, project_id, journey_id), "journey", "journey_id")


def _feedback(connection: Connection, key: int, journey_id: str) -> JourneyFeedback:
    feedback = values.of_journey(connection, key, Kind.FEEDBACK, JourneyFeedback)
    feedback.journey_id = journey_id
    return feedback


def _complete(feedback: FraudFeedback | ChargebackFeedback) -> None:
    """Give a report the id and the time that it did not bring."""
    if not feedback.feedback_id:
        feedback.feedback_id = new_id()
    if not feedback.HasField("reported_at"):
        feedback.reported_at.FromMicroseconds(now_micros())
