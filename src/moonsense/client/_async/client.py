"""The client itself: all its calls together."""

from __future__ import annotations

from moonsense.client._async.bulk import AsyncBulkCalls
from moonsense.client._async.cards import AsyncCardCalls
from moonsense.client._async.checks import AsyncCheckCalls
from moonsense.client._async.features import AsyncFeatureCalls
from moonsense.client._async.journeys import AsyncJourneyCalls
from moonsense.client._async.packets import AsyncPacketCalls
from moonsense.client._async.raw import AsyncRawCalls
from moonsense.client._async.recording import AsyncRecordingCalls
from moonsense.client._async.regions import AsyncRegionCalls
from moonsense.client._async.sessions import AsyncSessionCalls
from moonsense.client._async.webhooks import AsyncWebhookCalls


class AsyncClient(
    AsyncSessionCalls,
    AsyncJourneyCalls,
    AsyncCheckCalls,
    AsyncPacketCalls,
    AsyncBulkCalls,
    AsyncFeatureCalls,
    AsyncCardCalls,
    AsyncRecordingCalls,
    AsyncRegionCalls,
    AsyncWebhookCalls,
):
    """A client of a Moonsense Cloud.

    One client may be used by many tasks or threads at once; they share its
    connections. Lists and readers work while they are taken: nothing is asked
    for before the first item is.

    Every error is a ``moonsense.errors.MoonsenseError``, which is a
    RuntimeError; wrong arguments are TypeErrors and ValueErrors.
    """

    @property
    def with_raw_response(self) -> AsyncRawCalls:
        """The same calls, each giving the answer's status, headers and body beside its message."""
        return AsyncRawCalls(self)
