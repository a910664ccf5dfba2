"""Calls about cards: notes that people and programs put on a session."""

from __future__ import annotations

from moonsense.client._async.base import AsyncBase
from moonsense.client._async.listing import AsyncListing
from moonsense.models.data_plane_v2_pb2 import Card, CardListResponse


class AsyncCardCalls(AsyncBase):
    """Cards."""

    def iter_cards(self, session_id: str, *, limit: int | None = None) -> AsyncListing[Card]:
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

    async def list_cards(self, session_id: str, *, limit: int | None = None) -> list[Card]:
        """All cards of a session at once, newest first, or at most ``limit``; ``iter_cards`` takes fewer."""
        return [card async for card in self.iter_cards(session_id, limit=limit)]

    async def create_card(
        self, session_id: str, title: str, description: str, source_type: str = "API"
    ) -> Card:
        """Put a card on a session.

        A cloud knows a request that is sent again by its ``Idempotency-Key``. The
        service at moonsense.cloud is not known to: there a card whose answer was
        lost is not sent again, which could make two of it.

        Returns:
            The card as the cloud has it, with its ``card_id`` and ``created_at``.
        """
        card = Card(session_id=session_id, title=title, description=description, source_type=source_type)
        return await self._call("create_card", Card, session=session_id, body=card)

    async def delete_card(self, card_id: str) -> None:
        """Delete a card. Cards have no region of their own: the client's default one is asked."""
        await self._transport.delete(self._builder.build("delete_card", ids={"card_id": card_id}))
