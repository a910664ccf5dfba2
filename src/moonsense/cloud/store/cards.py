"""Cards on sessions."""

from __future__ import annotations

from sqlalchemy import Connection

from moonsense.cloud.catalog import cards, sessions
from moonsense.cloud.catalog.answers import Once
from moonsense.cloud.records import Page
from moonsense.cloud.store.folder import Folder, now_micros, of_project, there
from moonsense.contract.ids import new_id
from moonsense.models.data_plane_v2_pb2 import Card


class Cards:
    """The cards of all sessions."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    async def page(self, project_id: str, session_id: str, *, offset: int, limit: int) -> Page[Card]:
        """A part of a session's cards, newest first."""

        def page(connection: Connection) -> Page[Card]:
            ref = of_project(sessions.find(connection, session_id), project_id)
            return cards.page(connection, ref.key, session_id, offset=offset, limit=limit)

        return await self._folder.read(page)

    async def create(self, project_id: str, card: Card, asked: Once | None = None) -> Card:
        """Put a card on a session; its id and time are made here."""

        def create(connection: Connection) -> Card:
            ref = of_project(sessions.find(connection, card.session_id), project_id)
            made = Card()
            made.CopyFrom(card)
            made.card_id = new_id()
            now = now_micros()
            made.created_at.FromMicroseconds(now)
            cards.create(connection, ref.key, made, now)
            return made

        return await self._folder.write_once(asked, Card, create)

    async def delete(self, project_id: str, card_id: str) -> None:
        """Delete a card."""
        found = await self._folder.write(lambda connection: cards.remove(connection, project_id, card_id))
        there(found or None, "card", "card_id")
