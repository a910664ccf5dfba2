"""Random lists on a real cloud, walked in each of the ways that clients page, while sessions come and go.

Each walk is the loop of a client: what it asks for, what of the answer it
reads, and when it stops. Whatever happens meanwhile, it must see every session
that stays exactly once, and no other one twice.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import Connection

from moonsense.cloud import auth
from moonsense.cloud.auth import TokenKind
from moonsense.cloud.catalog import sessions
from moonsense.cloud.embed import EmbeddedCloud
from moonsense.cloud.settings import Settings
from moonsense.cloud.store import Store
from moonsense.contract.ids import new_id
from moonsense.models import Session

LISTS = 40 if os.environ.get("MOONSENSE_TORTURE") else 3
"""Random lists that each way walks through, at rest and changing."""

JANUARY = 1_672_531_200_000_000  # 2023-01-01, in microseconds
STEPS = (0, 0, 1, 999, 1_000, 1_001, 500_000, 999_999, 1_000_000)
"""Microseconds from one session to the next: many share a moment, a millisecond or a second."""

Ask = Callable[..., Any]
Walk = Callable[[Ask], Iterator[list[Any]]]


# The loops. ``ask`` sends a query and gives the answer's items, its pagination and the next link.


def by_total_pages(ask: Ask) -> Iterator[list[Any]]:
    """0.5.0: sessions and chunks."""
    page = 1
    while True:
        items, numbers, _ = ask(page=page)
        yield items
        if not items or numbers["current_page"] >= numbers["total_pages"]:
            return
        page = numbers["current_page"] + 1


def by_next_page(ask: Ask) -> Iterator[list[Any]]:
    """0.13.1: sessions and chunks."""
    page = 1
    while True:
        items, numbers, _ = ask(page=page)
        yield items
        if not items or numbers.get("next_page", 0) <= 0:
            return
        page = numbers["current_page"] + 1


def by_next_page_later_on(ask: Ask) -> Iterator[list[Any]]:
    """By number, but the first page is asked for without one."""
    items, numbers, _ = ask()
    yield items
    while items and numbers.get("next_page", 0) > 0:
        items, numbers, _ = ask(page=numbers["next_page"])
        yield items


def by_time(written: Callable[[datetime], str]) -> Walk:
    """By the last item's time, as long as another page is promised."""

    def walk(ask: Ask) -> Iterator[list[Any]]:
        until: dict[str, str] = {}
        while True:
            items, numbers, _ = ask(**until)
            yield items
            if not items or numbers.get("next_page", 0) <= 0:
                return
            until = {"filter[max_created_at]": written(datetime.fromisoformat(items[-1]["created_at"]))}

    return walk


def by_link(ask: Ask) -> Iterator[list[Any]]:
    """Ours."""
    items, _, link = ask(page=1)
    while True:
        yield items
        if not link:
            return
        items, _, link = ask(link)


def _python(last: datetime) -> str:
    return (last - timedelta(microseconds=1)).isoformat(timespec="microseconds")


def _javascript(last: datetime) -> str:
    return last.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _go(last: datetime) -> str:
    return last.isoformat(timespec="seconds").replace("+00:00", "Z")


WALKS: dict[str, tuple[str, Walk]] = {
    "0.5.0, by total_pages": ("sessions", by_total_pages),
    "0.13.1, by next_page": ("sessions", by_next_page),
    "by next_page, the first unsaid": ("sessions", by_next_page_later_on),
    "0.13.1, journeys by microseconds": ("journeys", by_time(_python)),
    "JavaScript, by milliseconds": ("sessions", by_time(_javascript)),
    "JavaScript, journeys by milliseconds": ("journeys", by_time(_javascript)),
    "Go, by seconds": ("sessions", by_time(_go)),
    "Go, journeys by seconds": ("journeys", by_time(_go)),
    "ours, by Link": ("sessions", by_link),
    "ours, journeys by Link": ("journeys", by_link),
}


@pytest.fixture(scope="module")
def store_and_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, str]]:
    """A cloud's address, and a second store on its folder: through it sessions have the times they need."""
    folder = tmp_path_factory.mktemp("paging") / "data"
    with (
        EmbeddedCloud(folder, in_process=True) as cloud,
        closing(Store.open(Settings.of(data_dir=folder), serving=False)) as store,
    ):
        yield store, cloud.url


@dataclass
class Project:
    """A project of its own: what is in its list, oldest first, by id."""

    store: Store
    draw: random.Random
    token: str = field(default_factory=lambda: auth.new_token(TokenKind.SECRET), repr=False)
    there: dict[str, str] = field(default_factory=dict)
    newest: int = JANUARY

    def __post_init__(self) -> None:
        self.id = self.store.access.create_project("paging")
        self.app_id = self.store.access.create_app(self.id, "app")
        self.store.access.add_token(
            project_id=self.id,
            app_id=self.app_id,
            scopes="q",
            digest=auth.digest(self.token),
            hint=auth.hint(self.token),
        )

    def arrive(self, number: int) -> None:
        """So many sessions, each of a journey of its own, at or after the newest one."""

        def create(connection: Connection) -> None:
            for _ in range(number):
                self.newest += self.draw.choice(STEPS)
                session = Session(session_id=new_id(), journey_id=new_id())
                self.there[session.session_id] = session.journey_id
                # As the cloud's clock has it: never a whole second.
                moment = self.newest if self.newest % 1_000_000 else self.newest + 1
                sessions.create(connection, self.id, self.app_id, session, moment)

        self.store.folder.write_now(create)

    def vanish(self) -> str:
        """Some session, deleted; gives its id."""
        gone = self.draw.choice(list(self.there))
        self.store.folder.write_now(
            lambda connection: sessions.remove(connection, self.id, gone, self.newest)
        )
        return gone


def asking(http: httpx2.Client, kind: str, per_page: int) -> Ask:
    """Asks for pages of a list: its items, its pagination, and the link to the next."""

    def ask(link: str = "", **params: Any) -> tuple[list[Any], dict[str, int], str]:
        answer = http.get(link) if link else http.get(f"/v2/{kind}", params={"per_page": per_page, **params})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        return body.get(kind, []), body["pagination"], answer.links.get("next", {}).get("url", "")

    return ask


@pytest.mark.parametrize("changing", [False, True], ids=["at rest", "changing"])
@pytest.mark.parametrize("way", WALKS)
@pytest.mark.parametrize("seed", range(LISTS))
def test_each_item_that_stays_is_seen_once(
    store_and_url: tuple[Store, str], way: str, changing: bool, seed: int
) -> None:
    store, url = store_and_url
    kind, walk = WALKS[way]
    draw = random.Random(f"{way} {changing} {seed}")
    project = Project(store, draw)
    project.arrive(draw.randrange(1, 60))
    per_page = draw.choice((1, 2, 3, 7, 20))
    left = 30  # what comes must end, or so need not a walk
    seen: Counter[str] = Counter()
    pages = 0
    with httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {project.token}"}) as http:
        ask = asking(http, kind, per_page)
        lasting = set(project.there)
        for items in walk(ask):
            pages += 1
            assert pages < 200, "the walk does not end"
            seen.update(item["session_id" if kind == "sessions" else "journey_id"] for item in items)
            if changing:
                if left and draw.random() < 0.6:
                    number = draw.randrange(1, 4)
                    project.arrive(number)
                    left -= 1
                if project.there and draw.random() < 0.5:
                    gone = project.vanish()
                    lasting.discard(gone)
                    del project.there[gone]

    wanted = lasting if kind == "sessions" else {project.there[session] for session in lasting}
    assert {name: seen[name] for name in wanted} == dict.fromkeys(wanted, 1)
    assert max(seen.values()) == 1


@pytest.mark.parametrize("walk", [by_total_pages, by_next_page])
@pytest.mark.parametrize("seed", range(LISTS))
def test_two_walks_at_once_by_number_miss_nothing(
    store_and_url: tuple[Store, str], walk: Walk, seed: int
) -> None:
    """The cloud cannot tell them apart, so either may get an item twice: see ``cloud/pins.py``."""
    store, url = store_and_url
    draw = random.Random(f"{walk.__name__} {seed}")
    project = Project(store, draw)
    project.arrive(80)
    lasting = set(project.there)
    with httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {project.token}"}) as http:
        walks = [walk(asking(http, "sessions", 8)) for _ in range(2)]
        seen: list[set[str]] = [set(), set()]
        left = 60
        under_way = [0, 1]
        while under_way:
            one = draw.choice(under_way)
            items = next(walks[one], None)
            if items is None:
                under_way.remove(one)
                continue
            seen[one].update(item["session_id"] for item in items)
            if left and draw.random() < 0.3:
                left -= 1
                project.arrive(1)
            for _ in range(draw.randrange(6)):
                if project.there:
                    gone = project.vanish()
                    lasting.discard(gone)
                    del project.there[gone]
    assert [lasting - each for each in seen] == [set(), set()]
