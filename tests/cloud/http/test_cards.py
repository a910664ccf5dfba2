"""Cards over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from support.tenants import Tenant

from moonsense.contract import limits


def listed(tenant: Tenant, session_id: str, **params: Any) -> list[str]:
    answer = tenant.reader.get("/v2/cards", params={"session_id": session_id, **params})
    assert answer.status_code == 200, answer.text
    return [card["title"] for card in answer.json().get("cards", [])]


def create(tenant: Tenant, session_id: str, title: str, **fields: Any) -> dict[str, Any]:
    wanted = {"session_id": session_id, "title": title, "description": "", "source_type": "API", **fields}
    answer = tenant.reader.post("/v2/cards", json=wanted)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_cards_are_put_on_a_session_and_listed_newest_first(tenant: Tenant) -> None:
    session_id = tenant.open_session()

    made = [create(tenant, session_id, title, description="why") for title in ("one", "two", "three")]

    assert listed(tenant, session_id) == ["three", "two", "one"]
    assert len({card["card_id"] for card in made}) == 3
    assert made[0]["source_type"] == "API"
    assert made[0]["description"] == "why"
    assert made[0]["created_at"]


def test_pages_and_links_give_every_card_once(tenant: Tenant) -> None:
    session_id = tenant.open_session()
    for number in range(5):
        create(tenant, session_id, str(number))

    seen: list[str] = []
    path = f"/v2/cards?session_id={session_id}&per_page=2"
    while path:
        answer = tenant.reader.get(path)
        seen += [card["title"] for card in answer.json()["cards"]]
        path = answer.links.get("next", {}).get("url", "")

    assert seen == ["4", "3", "2", "1", "0"]
    assert listed(tenant, session_id, per_page=2, page=3) == ["0"]


def test_a_deleted_card_is_gone(tenant: Tenant, other: Tenant) -> None:
    session_id = tenant.open_session()
    card = create(tenant, session_id, "one")
    path = f"/v2/cards/{card['card_id']}"

    assert other.reader.delete(path).status_code == 404
    assert tenant.reader.delete(path).json() == {"card_id": card["card_id"]}
    assert tenant.reader.delete(path).status_code == 404
    assert listed(tenant, session_id) == []


def test_another_project_s_session_takes_no_card(tenant: Tenant, other: Tenant) -> None:
    session_id = tenant.open_session()

    answer = other.reader.post("/v2/cards", json={"session_id": session_id, "title": "x"})

    assert answer.status_code == 404
    assert other.reader.get("/v2/cards", params={"session_id": session_id}).status_code == 404


@pytest.mark.parametrize(
    ("wanted", "param"),
    [
        ({"title": "x"}, "session_id"),
        ({"session_id": "a" * 22, "description": "x" * (limits.MAX_CARD_BYTES + 1)}, "description"),
    ],
)
def test_a_bad_card_is_422(tenant: Tenant, wanted: dict[str, str], param: str) -> None:
    answer = tenant.reader.post("/v2/cards", json=wanted)

    assert (answer.status_code, answer.json()["param"]) == (422, param)


def test_a_list_needs_its_session(tenant: Tenant) -> None:
    answer = tenant.reader.get("/v2/cards")

    assert (answer.status_code, answer.json()["param"]) == (422, "session_id")
