"""Lists over many pages: every item once, and an end whatever the cloud answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pytest
from support.wire import Received, Reply, WireServer, connect, reply

from moonsense.client import AsyncClient
from moonsense.contract import times
from moonsense.errors import IntegrityError, ServerError

pytestmark = pytest.mark.anyio


class Cloud:
    """A list by page numbers, newest first, that may change between two pages."""

    def __init__(self, count: int, per_page: int = 100) -> None:
        self.ids = [f"s{n:04}" for n in range(count, 0, -1)]
        self.per_page = per_page
        self.between: Callable[[Cloud, int], None] = lambda cloud, page: None
        self.edit: Callable[[dict[str, Any], int], None] = lambda numbers, page: None

    def __call__(self, request: Received) -> Reply:
        query = dict(request.query)
        page = int(query["page"])
        self.between(self, page)
        start = (page - 1) * self.per_page
        total_pages = max(1, -(-len(self.ids) // self.per_page))
        numbers = {
            "current_page": page,
            "per_page": self.per_page,
            "next_page": page + 1 if page < total_pages else 0,
            "total_pages": total_pages,
            "total_count": len(self.ids),
        }
        self.edit(numbers, page)
        return reply(
            {
                "sessions": [{"session_id": name} for name in self.ids[start : start + self.per_page]],
                "pagination": numbers,
            }
        )


async def listed(cloud: Callable[[Received], Reply]) -> list[str]:
    with WireServer(cloud) as server:
        async with connect(AsyncClient, server) as client:
            return [session.session_id async for session in client.list_sessions()]


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250, 300])
async def test_every_page_is_read(count: int) -> None:
    cloud = Cloud(count)
    assert await listed(cloud) == cloud.ids


async def test_a_cloud_that_gives_fewer_a_page_than_asked_for() -> None:
    cloud = Cloud(60, per_page=7)
    assert await listed(cloud) == cloud.ids


@pytest.mark.parametrize("limit", [None, 5, 120])
@pytest.mark.parametrize("skip", [0, 1, 99, 100, 101, 249, 250, 251, 400])
async def test_what_is_left_out_is_not_asked_for(skip: int, limit: int | None) -> None:
    chunks = [f"c{number:04}" for number in range(250)]

    def answer(request: Received) -> Reply:
        query = dict(request.query)
        size, page = int(query["per_page"]), int(query["page"])
        more = page * size < len(chunks)
        return reply(
            {
                "chunks": [{"chunk_id": name} for name in chunks[(page - 1) * size : page * size]],
                "pagination": {"current_page": page, "per_page": size, "next_page": page + 1 if more else 0},
            }
        )

    with WireServer(answer) as server:
        async with connect(AsyncClient, server) as client:
            found = [chunk.chunk_id async for chunk in client.list_chunks("s", skip=skip, limit=limit)]
            with pytest.raises(ValueError, match="skip must not be below 0"):
                client.list_chunks("s", skip=-1)
        assert found == chunks[skip:][:limit]
        assert len(server.requests) <= len(found) // min(100, limit or 100) + 2


@pytest.mark.parametrize("arriving", [1, 30, 100, 250])
async def test_what_arrives_meanwhile_brings_no_repeats_and_hides_nothing(arriving: int) -> None:
    cloud = Cloud(250)
    before = list(cloud.ids)

    def arrive(cloud: Cloud, page: int) -> None:
        if page == 2 and len(cloud.ids) == 250:
            cloud.ids = [f"new{n}" for n in range(arriving)] + cloud.ids

    cloud.between = arrive
    ids = await listed(cloud)
    assert len(ids) == len(set(ids))
    assert [name for name in ids if name in before] == before


@pytest.mark.parametrize("left", ["total_pages", "next_page", "current_page", "total_pages current_page"])
async def test_numbers_that_are_left_out(left: str) -> None:
    cloud = Cloud(250)

    def edit(numbers: dict[str, Any], page: int) -> None:
        for name in left.split():
            del numbers[name]

    cloud.edit = edit
    assert await listed(cloud) == cloud.ids


async def test_a_cloud_that_says_nothing_of_its_pages() -> None:
    cloud = Cloud(250)
    cloud.edit = lambda numbers, page: numbers.clear()
    assert await listed(cloud) == cloud.ids


@pytest.mark.parametrize("numbers", [{}, {"current_page": 1}, {"next_page": 2, "total_pages": 9**9}])
async def test_a_cloud_that_always_gives_the_first_page(numbers: dict[str, int]) -> None:
    cloud = Cloud(250)

    def answer(request: Received) -> Reply:
        page = {"sessions": [{"session_id": name} for name in cloud.ids[:100]]}
        return reply({**page, "pagination": numbers} if numbers else page)

    assert await listed(answer) == cloud.ids[:100]


async def test_a_list_that_goes_in_circles_is_an_error() -> None:
    def answer(request: Received) -> Reply:
        page = int(dict(request.query)["page"])
        return reply(
            {
                "sessions": [{"session_id": "s"}],
                "pagination": {"current_page": page, "next_page": page + 1, "total_pages": page + 1},
            }
        )

    with pytest.raises(IntegrityError, match="the list repeats itself"):
        await listed(answer)


def by_link(pages: dict[str, tuple[list[str], str]]) -> Callable[[Received], Reply]:
    """A list by cursors: from the cursor to its ids and the next ``Link``."""

    def answer(request: Received) -> Reply:
        ids, link = pages[dict(request.query).get("cursor", "")]
        body = {
            "sessions": [{"session_id": name} for name in ids],
            "pagination": {"current_page": 1, "next_page": 2, "total_pages": 5},
        }
        return reply(body, **({"Link": link} if link else {}))

    return answer


async def test_the_link_is_followed_and_the_numbers_are_not() -> None:
    pages = {
        "": (["a", "b"], '</v2/sessions?cursor=k1&per_page=100>; rel="next"'),
        "k1": (["c"], '<http://elsewhere.test/v2/sessions?cursor=k2>; title="x, y"; rel="prev next"'),
        "k2": (["d"], ""),
    }
    with WireServer(by_link(pages)) as server:
        async with connect(AsyncClient, server) as client:
            assert [s.session_id async for s in client.list_sessions(labels=["l"])] == ["a", "b", "c", "d"]
    # The host of a link is not asked: the token would go there.
    assert [request.target for request in server.requests] == [
        "/v2/sessions?per_page=100&page=1&filter%5Blabels%5D%5B%5D=l",
        "/v2/sessions?cursor=k1&per_page=100",
        "/v2/sessions?cursor=k2",
    ]


async def test_links_that_lead_back_end() -> None:
    pages = {
        "": (["a"], '</v2/sessions?cursor=k1>; rel="next"'),
        "k1": (["b"], '</v2/sessions?cursor=k2>; rel="next"'),
        "k2": (["c"], '</v2/sessions?cursor=k1>; rel="next"'),
    }
    assert await listed(by_link(pages)) == ["a", "b", "c"]


@pytest.mark.parametrize("link", ['<x>; rel="prev"', "garbage", "<", '<x>; rel="nextish"', "<x>"])
async def test_other_links_do_not_matter(link: str) -> None:
    cloud = Cloud(250)

    def answer(request: Received) -> Reply:
        plain = cloud(request).data
        return Reply(plain.replace(b"\r\n", b"\r\nLink: " + link.encode() + b"\r\n", 1))

    assert await listed(answer) == cloud.ids


async def test_pages_are_asked_for_as_they_are_taken() -> None:
    with WireServer(Cloud(250)) as server:
        async with connect(AsyncClient, server) as client:
            sessions = client.list_sessions()
            assert server.requests == []
            for _ in range(100):
                await anext(sessions)
            assert len(server.requests) == 1
            await anext(sessions)
            assert len(server.requests) == 2


async def test_an_error_on_a_later_page_is_raised_there() -> None:
    cloud = Cloud(250)

    def answer(request: Received) -> Reply:
        return cloud(request) if dict(request.query)["page"] == "1" else reply({}, 501)

    with WireServer(answer) as server:
        async with connect(AsyncClient, server) as client:
            sessions = client.list_sessions()
            ids = [(await anext(sessions)).session_id for _ in range(100)]
            assert ids == list(islice(cloud.ids, 100))
            with pytest.raises(ServerError):
                await anext(sessions)


async def test_chunks_are_listed_too() -> None:
    def answer(request: Received) -> Reply:
        page = int(dict(request.query)["page"])
        chunks = [{"chunk_id": f"c{page}-{n}"} for n in range(2)]
        return reply({"chunks": chunks, "pagination": {"current_page": page, "total_pages": 3}})

    with WireServer(answer) as server:
        async with connect(AsyncClient, server) as client:
            chunks = [chunk.chunk_id async for chunk in client.list_chunks("s")]
    assert chunks == ["c1-0", "c1-1", "c2-0", "c2-1", "c3-0", "c3-1"]
    assert server.requests[0].target == "/v2/sessions/s/chunks?per_page=100&page=1"


@pytest.mark.parametrize(("count", "asked"), [(1, [1]), (100, [1]), (101, [1, 2]), (400, [1, 2, 3])])
async def test_what_comes_next_can_be_seen_without_taking_it(count: int, asked: list[int]) -> None:
    cloud = Cloud(250)
    with WireServer(cloud) as server:
        async with connect(AsyncClient, server) as client:
            found = client.list_sessions()
            for _ in range(2):
                seen = await found.peek(count)
                assert [session.session_id for session in seen] == cloud.ids[:count]
                assert [int(dict(request.query)["page"]) for request in server.requests] == asked
            assert [session.session_id async for session in found] == cloud.ids
            assert await found.peek() == []


async def test_a_fault_that_was_seen_is_met_again_by_who_takes_the_items() -> None:
    cloud = Cloud(150)

    def answer(request: Received) -> Reply:
        return cloud(request) if dict(request.query)["page"] == "1" else reply({}, 501)

    with WireServer(answer) as server:
        async with connect(AsyncClient, server) as client:
            found = client.list_sessions()
            with pytest.raises(ServerError):
                await found.peek(101)
            ids = [(await anext(found)).session_id for _ in range(100)]
            assert ids == cloud.ids[:100]
            with pytest.raises(ServerError):
                await anext(found)


async def test_pages_are_the_clouds() -> None:
    with WireServer(Cloud(250)) as server:
        async with connect(AsyncClient, server) as client:
            pages = [len(page) async for page in client.list_sessions().pages()]
    assert pages == [100, 100, 50]


async def test_pages_are_what_is_left() -> None:
    cloud = Cloud(250)
    with WireServer(cloud) as server:
        async with connect(AsyncClient, server) as client:
            sessions = client.list_sessions()
            first = await anext(sessions)
            pages = [page async for page in sessions.pages()]
            assert [item async for item in sessions] == []
    ids = [session.session_id for page in pages for session in page]
    assert [first.session_id, *ids] == cloud.ids
    assert [len(page) for page in pages] == [99, 100, 50]


@pytest.mark.parametrize(
    ("limit", "asked"), [(0, []), (1, [1]), (100, [100]), (101, [100, 100]), (999, [100] * 3)]
)
async def test_a_limit_asks_for_no_more_than_it_needs(limit: int, asked: list[int]) -> None:
    cloud = Cloud(250)
    with WireServer(cloud) as server:
        async with connect(AsyncClient, server) as client:
            sessions = [session.session_id async for session in client.list_sessions(limit=limit)]
    assert sessions == cloud.ids[:limit]
    assert [int(dict(request.query)["per_page"]) for request in server.requests] == asked


async def test_a_limit_below_nothing() -> None:
    with WireServer(Cloud(1)) as server:
        async with connect(AsyncClient, server) as client:
            with pytest.raises(ValueError, match="limit"):
                client.list_sessions(limit=-1)


async def test_a_list_that_is_closed_asks_for_nothing_more() -> None:
    with WireServer(Cloud(250)) as server:
        async with connect(AsyncClient, server) as client:
            sessions = client.list_sessions()
            await anext(sessions)
            await sessions.aclose()
            assert [session async for session in sessions] == []
            with pytest.raises(KeyError):
                await client.list_sessions().athrow(KeyError("mine"))
    assert len(server.requests) == 1


@pytest.mark.parametrize("length", [1_000, 1_700])
async def test_a_circle_longer_than_what_is_remembered_is_an_error(
    monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    monkeypatch.setattr("moonsense.client._core.paging._REMEMBERED", 300)

    def answer(request: Received) -> Reply:
        page = int(dict(request.query)["page"])
        names = [f"s{n % length}" for n in range((page - 1) * 100, page * 100)]
        return reply(
            {
                "sessions": [{"session_id": name} for name in names],
                "pagination": {"current_page": page, "next_page": page + 1, "total_pages": page + 1},
            }
        )

    with pytest.raises(IntegrityError, match="the list repeats itself"):
        await listed(answer)


class Journeys:
    """A list by time: newest first, those created at or before ``filter[max_created_at]``."""

    def __init__(self, micros: list[int], *, exclusive: bool = False, deaf: bool = False) -> None:
        self.journeys = [(f"j{n}", value) for n, value in enumerate(sorted(micros, reverse=True))]
        self.exclusive = exclusive
        self.deaf = deaf

    def __call__(self, request: Received) -> Reply:
        query = dict(request.query)
        until = times.to_micros(times.parse(query.get("filter[max_created_at]", "2999-01-01T00:00:00Z"))[0])
        found = [
            item
            for item in self.journeys
            if self.deaf or item[1] < until or (item[1] == until and not self.exclusive)
        ]
        page = found[: int(query["per_page"])]
        return reply(
            {
                "journeys": [
                    {"journey_id": name, "created_at": times.write(times.from_micros(value))}
                    for name, value in page
                ],
                "pagination": {"current_page": 1, "next_page": 2 if len(page) < len(found) else 0},
            }
        )


@pytest.mark.parametrize("per_page", [2, 3, 50, 1000])
async def test_journeys_go_on_by_time_and_no_tie_is_lost(per_page: int) -> None:
    start = times.to_micros(datetime(2026, 1, 1, tzinfo=UTC))
    cloud = Journeys([start + n // 2 for n in range(120)])
    with WireServer(cloud) as server:
        async with connect(AsyncClient, server) as client:
            found = [journey.journey_id async for journey in client.list_journeys(per_page)]
    assert found == [name for name, _ in cloud.journeys]


async def test_journeys_where_no_two_have_one_time() -> None:
    start = times.to_micros(datetime(2026, 1, 1, tzinfo=UTC))
    cloud = Journeys([start + n for n in range(7)])
    for per_page in (1, 2, 7):
        with WireServer(cloud) as server:
            async with connect(AsyncClient, server) as client:
                found = [journey.journey_id async for journey in client.list_journeys(per_page)]
        assert found == [name for name, _ in cloud.journeys]


async def test_a_cloud_that_does_not_hear_the_time_is_an_error() -> None:
    with WireServer(Journeys(list(range(10)), deaf=True)) as server:
        async with connect(AsyncClient, server) as client:
            with pytest.raises(IntegrityError, match="the list repeats itself"):
                _ = [journey async for journey in client.list_journeys(5)]
