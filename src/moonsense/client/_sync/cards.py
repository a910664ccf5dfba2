# Made from src/moonsense/client/_async/cards.py by scripts/generate_sync.py: do not edit.
"""Calls about cards: notes that people and programs put on a session."""

from __future__ import annotations

from moonsense.client._sync.base import Base
from moonsense.client._sync.listing import Listing
from moonsense.models.data_plane_v2_pb2 import Card, CardListResponse


class CardCalls(Base):
    """Cards."""

    def iter_cards(self, session_id: str, *, limit: int | None = None) -> Listing[Card]:
        """A session's cards, newest first, asked for page by page as they are taken; at most ``limit``."""
        return self._list(
            "list_cards",
            CardListResponse,
            lambda page: page.cards,
            lambda card: card.card_id,
            session=session_id,
            query={"session_id": session_id},
            limit=limit,
        )

    def list_cards(self, session_id: str, *, limit: int | None = None) -> list[Card]:
        """All cards of a session at once, newest first, or at most ``limit``; ``iter_cards`` takes fewer."""
        return list(self.iter_cards(session_id, limit=limit))

    def create_card(self, session_id: str, title: str, description: str, source_type: str = "API") -> Card:
        """Put a card on a session.

        A cloud knows a request that is sent again by its ``Idempotency-Key``. The
        service at moonsense.cloud is not known to: there a card whose answer was
        lost is not sent again, which could make two of it.

        Returns:
            The card as the cloud has it, with its ``card_id`` and ``created_at``.
        """
        card = Card(session_id=session_id, title=title, description=description, source_type=source_type)
        return self._call("create_card", Card, session=session_id, body=card)

    def delete_card(self, card_id: str) -> None:
        """Delete a card. Cards have no region of their own: the client's default one is asked."""
        self._transport.delete(self._builder.build("delete_card", ids={"card_id": card_id}))
