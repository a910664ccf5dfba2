"""The paging rules: every client sees each item once, however it pages and whatever happens meanwhile.

``Listing`` is the rules as a cloud applies them, over a plain list. The
clients are the loops of the published ones, and of ours.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonsense.contract import limits, paging, times
from moonsense.contract.paging import Key, PageNumbers

START = 1_672_531_200_000_000  # 2023-01-01, in microseconds


@dataclass
class Answer:
    """One page as a client gets it."""

    items: list[Key]
    numbers: PageNumbers
    cursor: str


@dataclass
class Listing:
    """A list that answers by the rules; each can be switched off, to show that it is needed."""

    items: list[Key]
    extends: bool = True
    pinned: bool = True
    upper_bound: Callable[[int, int], int] = paging.upper_bound
    pins: dict[int, Key] = field(default_factory=dict)

    def page(
        self, per_page: int, page: int | None = None, until: str | None = None, cursor: str = ""
    ) -> Answer:
        found = sorted(self.items, reverse=True)
        if until is not None:
            moment, digits = times.parse(until)
            bound = self.upper_bound(times.to_micros(moment), digits)
            found = [item for item in found if item.micros < bound]
        number = page or 1
        if cursor:
            start = _behind(found, Key.from_cursor(cursor))
        elif page is None or page == 1:
            start = 0
        elif self.pinned and page in self.pins:
            start = _behind(found, self.pins[page])
        else:
            start = (page - 1) * per_page
        end = start + per_page
        if page is None and not cursor and self.extends:
            while 0 < end < len(found) and paging.same_second(found[end - 1].micros, found[end].micros):
                end += 1
        items = found[start:end]
        more = end < len(found)
        if items:
            self.pins[number + 1] = items[-1]
        numbers = paging.number_pages(number, per_page, len(self.items), more=more)
        return Answer(items, numbers, items[-1].cursor() if more else "")


def _behind(found: list[Key], place: Key) -> int:
    return next((index for index, item in enumerate(found) if item < place), len(found))


Client = Callable[[Listing, int], Iterator[list[Key]]]


def by_total_pages(listing: Listing, per_page: int) -> Iterator[list[Key]]:
    """The published 0.5.0."""
    page = 1
    while True:
        answer = listing.page(per_page, page=page)
        yield answer.items
        if not answer.items or answer.numbers.current_page >= answer.numbers.total_pages:
            return
        page = answer.numbers.current_page + 1


def by_next_page(listing: Listing, per_page: int) -> Iterator[list[Key]]:
    """The published 0.13.1, for sessions."""
    page = 1
    while True:
        answer = listing.page(per_page, page=page)
        yield answer.items
        if not answer.items or not answer.numbers.next_page:
            return
        page = answer.numbers.current_page + 1


def _by_time(write: Callable[[int], str]) -> Client:
    def walk(listing: Listing, per_page: int) -> Iterator[list[Key]]:
        until = None
        while True:
            answer = listing.page(per_page, until=until)
            yield answer.items
            if not answer.items or not answer.numbers.next_page:
                return
            until = write(answer.items[-1].micros)

    return walk


def _python_time(micros: int) -> str:
    return (times.from_micros(micros) - timedelta(microseconds=1)).isoformat()


def _javascript_time(micros: int) -> str:
    return times.from_micros(micros).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _go_time(micros: int) -> str:
    return times.from_micros(micros).strftime("%Y-%m-%dT%H:%M:%SZ")


def by_link(listing: Listing, per_page: int) -> Iterator[list[Key]]:
    """Ours."""
    answer = listing.page(per_page)
    yield answer.items
    while answer.cursor:
        answer = listing.page(per_page, cursor=answer.cursor)
        yield answer.items


CLIENTS: dict[str, Client] = {
    "0.5.0, by total_pages": by_total_pages,
    "0.13.1, by next_page": by_next_page,
    "0.13.1 journeys, by microseconds": _by_time(_python_time),
    "JavaScript, by milliseconds": _by_time(_javascript_time),
    "Go, by seconds": _by_time(_go_time),
    "ours, by Link": by_link,
}


def walk(
    client: Client, listing: Listing, per_page: int, meanwhile: Callable[[], None] = lambda: None
) -> Counter[Key]:
    """How often a client sees each item, with something happening after every page."""
    seen: Counter[Key] = Counter()
    most = 2 * len(listing.items) + 10
    for pages, items in enumerate(client(listing, per_page)):
        assert pages <= most, "the walk does not end"
        seen.update(items)
        meanwhile()
    return seen


# Few distinct moments, so that many items share a second, a millisecond or all.
micros = st.one_of(
    st.integers(0, 3).map(lambda s: s * 1_000_000),
    st.integers(0, 4_000).map(lambda ms: ms * 1_000),
    st.integers(0, 4_000_000),
    st.sampled_from([0, 1, 999, 1_000, 999_999, 1_000_000, 1_000_001, 1_000_999]),
)
keys = st.builds(lambda m, i: Key(START + m, f"id{i}"), micros, st.integers(0, 10**6))
lists = st.lists(keys, unique_by=lambda key: key.id, max_size=40)


@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS.keys())
@given(items=lists, per_page=st.integers(1, 8))
def test_each_item_is_seen_once(client: Client, items: list[Key], per_page: int) -> None:
    assert walk(client, Listing(items), per_page) == Counter(items)


@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS.keys())
@given(items=lists, per_page=st.integers(1, 8), seed=st.integers(0, 2**32))
def test_and_while_items_come_and_go(client: Client, items: list[Key], per_page: int, seed: int) -> None:
    choose = random.Random(seed)
    listing = Listing(list(items))
    stayed = set(items)
    left = 60  # what comes must end, or so need not a walk

    def meanwhile() -> None:
        nonlocal left
        for _ in range(choose.randrange(4)):
            if listing.items and choose.random() < 0.4:
                gone = listing.items.pop(choose.randrange(len(listing.items)))
                stayed.discard(gone)
            elif left:
                left -= 1
                newest = max((item.micros for item in listing.items), default=START)
                step = choose.choice([0, 0, 1, 999, 1_000, 1_000_000])
                listing.items.append(Key(newest + step, f"new{choose.randrange(10**6)}-{left}"))

    seen = walk(client, listing, per_page, meanwhile)
    assert all(seen[item] == 1 for item in stayed)
    assert set(seen.values()) <= {1}


def _always_before(micros: int, digits: int) -> int:
    return micros


def _always_at_or_before(micros: int, digits: int) -> int:
    return micros + 1


@pytest.mark.parametrize(
    ("rule", "failing"),
    [
        (
            {"extends": False},
            {"JavaScript, by milliseconds", "Go, by seconds", "0.13.1 journeys, by microseconds"},
        ),
        ({"upper_bound": _always_before}, {"0.13.1 journeys, by microseconds"}),
        ({"upper_bound": _always_at_or_before}, {"JavaScript, by milliseconds", "Go, by seconds"}),
    ],
    ids=["no whole seconds", "always before", "always at or before"],
)
def test_no_other_rule_serves_all_clients(rule: dict[str, object], failing: set[str]) -> None:
    """The same walks find what each simpler rule loses, repeats or never ends."""
    choose = random.Random(1)
    wrong = set()
    for _ in range(150):
        size = choose.randrange(1, 12)
        items = [
            Key(
                START + choose.choice([0, 1, 1_000_000, 999_999, 2_000_000, choose.randrange(3_000_000)]),
                f"id{n}",
            )
            for n in range(size)
        ]
        for name, client in CLIENTS.items():
            try:
                right = walk(client, Listing(list(items), **rule), choose.randrange(1, 4)) == Counter(items)
            except AssertionError:
                right = False
            if not right:
                wrong.add(name)
    assert wrong == failing


@pytest.mark.parametrize("client", [by_total_pages, by_next_page])
def test_pages_found_by_counting_shift_when_items_come(client: Client) -> None:
    def steady(*, pinned: bool) -> bool:
        listing = Listing([Key(START + n, f"id{n}") for n in range(10)], pinned=pinned)
        first = list(listing.items)

        def arrive() -> None:
            if len(listing.items) < 15:
                listing.items.append(Key(START + len(listing.items), f"id{len(listing.items)}"))

        seen = walk(client, listing, 3, arrive)
        return all(seen[item] == 1 for item in first)

    assert steady(pinned=True)
    assert not steady(pinned=False)


@given(st.integers(1, 50), st.integers(1, 100), st.integers(0, 5_000), st.booleans())
def test_the_numbers_of_a_page_agree(page: int, per_page: int, total: int, more: bool) -> None:
    numbers = paging.number_pages(page, per_page, total, more=more)
    assert (numbers.current_page, numbers.per_page, numbers.total_count) == (page, per_page, total)
    assert numbers.previous_page == page - 1
    assert numbers.next_page == (page + 1 if more else 0)
    assert (numbers.current_page < numbers.total_pages) == more


@pytest.mark.parametrize(
    ("asked", "given_"),
    [(None, 25), (0, 25), (-3, 25), (1, 1), (25, 25), (100, 100), (101, 100), (10**9, 100)],
)
def test_items_a_page(asked: int | None, given_: int) -> None:
    assert paging.clamp_per_page(asked) == given_
    assert 1 <= given_ <= limits.MAX_PER_PAGE


@given(keys)
def test_a_cursor_is_opaque_safe_in_a_url_and_comes_back(key: Key) -> None:
    cursor = key.cursor()
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert key.id not in cursor
    assert Key.from_cursor(cursor) == key


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "!!!!",
        "ü",
        "MTIz",  # no id
        Key(1, "").cursor(),
        Key(1, "a/b").cursor(),
        Key(10**18, "a").cursor(),  # more than a database holds
        Key(1, "a").cursor() + "=",
        Key(1, "a").cursor() + "AAAA",
        "X19fXy5h",  # "____.a"
    ],
)
def test_a_cursor_that_is_not_ours_is_refused(cursor: str) -> None:
    with pytest.raises(ValueError, match="not one that this cloud gave out"):
        Key.from_cursor(cursor)


@given(st.text(max_size=30))
def test_any_text_is_a_cursor_or_refused(text: str) -> None:
    try:
        key = Key.from_cursor(text)
    except ValueError:
        return
    assert key.cursor() == text
