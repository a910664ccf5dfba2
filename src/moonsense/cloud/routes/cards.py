"""Cards."""

from __future__ import annotations

from starlette.responses import Response

from moonsense.cloud.listing import next_link, page_number, page_size, pagination
from moonsense.cloud.requests import Request
from moonsense.cloud.responses import message_response
from moonsense.cloud.store import Store
from moonsense.contract import limits
from moonsense.contract.problems import Problem
from moonsense.models.data_plane_v2_pb2 import Card, CardDeleteResponse, CardListResponse


class Cards:
    """The routes of cards."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def list(self, request: Request) -> Response:
        """GET /v2/cards"""
        query = request.query()
        session_id = str(query["session_id"])
        per_page, number = page_size(query), page_number(query)
        page = await self._store.cards.page(
            request.who.project_id, session_id, offset=(number - 1) * per_page, limit=per_page
        )
        answer = CardListResponse(
            session_id=session_id,
            cards=page.items,
            pagination=pagination(number, per_page, page.total, more=page.more),
        )
        return message_response(request, answer, next_link(request, number + 1) if page.more else None)

    async def create(self, request: Request) -> Response:
        """POST /v2/cards"""
        card = await request.message(Card)
        if len(card.title.encode()) + len(card.description.encode()) > limits.MAX_CARD_BYTES:
            raise Problem(
                422,
                f"title and description may have {limits.MAX_CARD_BYTES} bytes of UTF-8 together",
                param="description",
            )
        made = await self._store.cards.create(request.who.project_id, card, request.asked())
        return message_response(request, made)

    async def delete(self, request: Request) -> Response:
        """DELETE /v2/cards/{card_id}"""
        card_id = request.ids["card_id"]
        await self._store.cards.delete(request.who.project_id, card_id)
        return message_response(request, CardDeleteResponse(card_id=card_id))
