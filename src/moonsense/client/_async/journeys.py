"""Calls about journeys: what a person did across several sessions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from moonsense.client._async.base import AsyncBase
from moonsense.client._async.listing import AsyncListing
from moonsense.client._core.arguments import feedback_message, platforms_filter
from moonsense.client._core.paging import TimePager
from moonsense.models.data_plane_v2_pb2 import Journey, JourneyDetailResponse, JourneyListResponse
from moonsense.models.journey_feedback_pb2 import JourneyFeedback

if TYPE_CHECKING:
    from moonsense.contract.platforms import Platform


class AsyncJourneyCalls(AsyncBase):
    """Journeys and the feedback about them."""

    def list_journeys(
        self,
        journeys_per_page: int = 50,
        platforms: Iterable[Platform | str] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        *,
        limit: int | None = None,
    ) -> AsyncListing[Journey]:
        """The project's journeys, newest first, asked for page by page as they are taken.

        Args:
            journeys_per_page: how many to ask for at once, up to 100.
            platforms: journeys with sessions of any of these platforms.
            since: created at this time or later; a naive time is UTC.
            until: created at this time or before; a naive time is UTC.
            limit: at most so many.
        """
        return self._list(
            "list_journeys",
            JourneyListResponse,
            lambda page: page.journeys,
            lambda journey: journey.journey_id,
            query={"platforms": platforms_filter(platforms), "since": since, "until": until},
            limit=limit,
            per_page=journeys_per_page,
            pager=TimePager,
        )

    async def describe_journey(self, journey_id: str) -> JourneyDetailResponse:
        """One journey with its sessions.

        Raises:
            NotFoundError: the token's project has no such journey.
        """
        return await self._describe_journey(journey_id)

    async def get_journey_feedback(self, journey_id: str) -> JourneyFeedback:
        """What was reported about a journey; a kind that was not is absent."""
        return await self._call("get_journey_feedback", JourneyFeedback, ids={"journey_id": journey_id})

    async def add_journey_feedback(
        self, journey_id: str, feedback: JourneyFeedback | Mapping[str, Any]
    ) -> JourneyFeedback:
        """Report about a journey. A kind of feedback given again is overwritten, others stay.

        Args:
            feedback: the message, or a mapping of its fields such as
                ``{"fraud_feedback": {"is_fraud": True}}``; times are ``datetime``s or RFC 3339.

        Returns:
            All feedback of the journey.

        Raises:
            TypeError, ValueError: the mapping is no feedback.
        """
        body = feedback_message(feedback)
        return await self._call(
            "add_journey_feedback", JourneyFeedback, body=body, ids={"journey_id": journey_id}
        )
