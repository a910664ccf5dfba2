# Made from src/moonsense/client/_async/client.py by scripts/generate_sync.py: do not edit.
"""The client itself: all its calls together."""

from __future__ import annotations

from moonsense.client._sync.bulk import BulkCalls
from moonsense.client._sync.cards import CardCalls
from moonsense.client._sync.checks import CheckCalls
from moonsense.client._sync.features import FeatureCalls
from moonsense.client._sync.journeys import JourneyCalls
from moonsense.client._sync.packets import PacketCalls
from moonsense.client._sync.raw import RawCalls
from moonsense.client._sync.recording import RecordingCalls
from moonsense.client._sync.regions import RegionCalls
from moonsense.client._sync.sessions import SessionCalls
from moonsense.client._sync.webhooks import WebhookCalls


class Client(
    SessionCalls,
    JourneyCalls,
    CheckCalls,
    PacketCalls,
    BulkCalls,
    FeatureCalls,
    CardCalls,
    RecordingCalls,
    RegionCalls,
    WebhookCalls,
):
    """A client of a Moonsense Cloud.

    One client may be used by many tasks or threads at once; they share its
    connections. Lists and readers work while they are taken: nothing is asked
    for before the first item is.

    Every error is a ``moonsense.errors.MoonsenseError``, which is a
    RuntimeError; wrong arguments are TypeErrors and ValueErrors.
    """

    @property
    def with_raw_response(self) -> RawCalls:
        """The same calls, each giving the answer's status, headers and body beside its message."""
        return RawCalls(self)
