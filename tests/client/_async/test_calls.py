"""Each call: what it sends, and what it makes of the answer."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from support.wire import TOKEN, Received, Reply, WireServer, connect, reply

from moonsense.client import AsyncClient
from moonsense.contract.platforms import Platform
from moonsense.models.bundle_v2_pb2 import Bundle
from moonsense.models.data_plane_v2_pb2 import Card
from moonsense.models.data_plane_v2_sdk_pb2 import (
    BundleCreateRequest,
    BundleCreateResponse,
    Session,
    SessionMetadata,
)

pytestmark = pytest.mark.anyio

PROTOBUF = "application/x-protobuf"


def only(server: WireServer) -> Received:
    (request,) = server.requests
    return request


async def test_list_regions_and_locate_region() -> None:
    answers = [reply({"regions": [{"name": "one"}]}), reply({"primary_url": "http://one"})]
    with WireServer(answers) as server:
        async with connect(AsyncClient, server) as client:
            assert [region.name for region in (await client.list_regions()).regions] == ["one"]
            assert (await client.locate_region()).primary_url == "http://one"
    assert [request.target for request in server.requests] == ["/v2/regions", "/v2/regions/locate"]
    # Open to all, so the token stays at home.
    assert all("authorization" not in request.headers for request in server.requests)


async def test_whoami() -> None:
    with WireServer(reply({"app_id": "a", "scopes": "q"})) as server:
        async with connect(AsyncClient, server) as client:
            assert (await client.whoami()).app_id == "a"
    request = only(server)
    assert request.target == "/v2/tokens/self"
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.headers["user-agent"].startswith("moonsense-python/")
    assert request.headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("wire", "accept"),
    [
        ("auto", "application/x-protobuf, application/json;q=0.9, */*;q=0.1"),
        ("protobuf", "application/x-protobuf, application/json;q=0.9, */*;q=0.1"),
        ("json", "application/json"),
    ],
)
async def test_the_wire_is_what_is_asked_for(wire: str, accept: str) -> None:
    with WireServer(reply({})) as server:
        async with connect(AsyncClient, server, wire=wire) as client:
            await client.whoami()
    assert only(server).headers["accept"] == accept


async def test_an_answer_in_protobuf_is_read_as_such() -> None:
    body = Session(session_id="s", journey_id="j").SerializeToString()
    with WireServer(reply(body, content_type=PROTOBUF)) as server:
        async with connect(AsyncClient, server) as client:
            assert (await client.describe_session("s")).journey_id == "j"


@pytest.mark.parametrize(("minimal", "view"), [(True, "minimal"), (False, "full")])
async def test_describe_session(minimal: bool, view: str) -> None:
    with WireServer(reply({"session_id": "s", "unknown": {"deep": [1]}})) as server:
        async with connect(AsyncClient, server) as client:
            assert (await client.describe_session("s", minimal=minimal)).session_id == "s"
            assert (await client.describe_session("s", minimal)).session_id == "s"
    assert [request.target for request in server.requests] == [f"/v2/sessions/s?view={view}"] * 2


async def test_describe_session_is_minimal_by_default() -> None:
    with WireServer(reply({"session_id": "s"})) as server:
        async with connect(AsyncClient, server) as client:
            await client.describe_session("s")
    assert only(server).query == [("view", "minimal")]


async def test_ids_stay_one_segment_of_the_path() -> None:
    with WireServer(reply({})) as server:
        async with connect(AsyncClient, server) as client:
            await client.describe_session("../journeys?x=1#/ü%2F")
            for bad in ("", ".", ".."):
                with pytest.raises(ValueError, match="session_id"):
                    await client.describe_session(bad)
            with pytest.raises(TypeError, match="session_id must be a string, not NoneType"):
                await client.describe_session(None)
    assert only(server).path == "/v2/sessions/..%2Fjourneys%3Fx%3D1%23%2F%C3%BC%252F"


async def test_list_sessions_sends_its_filters() -> None:
    with WireServer(reply({})) as server:
        async with connect(AsyncClient, server) as client:
            sessions = client.list_sessions(
                ["a b", "c&d"],
                "group",
                journey_id="j",
                platforms=[Platform.iOS, "web"],
                since=datetime(2026, 1, 1, 12),  # noqa: DTZ001 (naive is UTC)
                until=datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=-8))),
            )
            assert [session async for session in sessions] == []
    assert sorted(only(server).query) == [
        ("filter[client_session_group_id]", "group"),
        ("filter[journey_id]", "j"),
        ("filter[labels][]", "a b"),
        ("filter[labels][]", "c&d"),
        ("filter[max_created_at]", "2026-01-02T08:00:00.000000+00:00"),
        ("filter[min_created_at]", "2026-01-01T12:00:00.000000+00:00"),
        ("filter[platforms][]", "WEB"),
        ("filter[platforms][]", "iOS"),
        ("page", "1"),
        ("per_page", "100"),
    ]


async def test_list_sessions_takes_one_string_as_one_label() -> None:
    with WireServer(reply({})) as server:
        async with connect(AsyncClient, server) as client:
            assert [session async for session in client.list_sessions("walk")] == []
    assert ("filter[labels][]", "walk") in only(server).query


async def test_wrong_filters_are_refused_when_given() -> None:
    with WireServer(reply({})) as server:
        async with connect(AsyncClient, server) as client:
            with pytest.raises(TypeError, match="must be a string, not int"):
                client.list_sessions(labels=[1])
            with pytest.raises(TypeError, match="platforms must be a list"):
                client.list_sessions(platforms=Platform.WEB)
            with pytest.raises(NotImplementedError, match="'beos' is no platform"):
                client.list_sessions(platforms=["beos"])
    assert server.requests == []


async def test_create_session_makes_an_id_so_that_it_can_be_repeated() -> None:
    def answer(request: Received) -> Reply:
        return reply(Session.FromString(request.body).SerializeToString(), content_type=PROTOBUF)

    given = Session(metadata=SessionMetadata(model="m"))
    with WireServer(answer) as server:
        async with connect(AsyncClient, server) as client:
            created = await client.create_session(given)
            named = await client.create_session(Session(session_id="mine"))
    assert len(created.session_id) == 22
    assert created.metadata.model == "m"
    assert named.session_id == "mine"
    assert given.session_id == ""
    assert {request.headers["content-type"] for request in server.requests} == {PROTOBUF}
    assert {request.method + request.target for request in server.requests} == {"POST/v2/sessions"}


@pytest.mark.parametrize("wire", ["auto", "json"])
async def test_send_bundles(wire: str) -> None:
    with WireServer(reply({"success_count": 2})) as server:
        async with connect(AsyncClient, server, wire=wire) as client:
            answer = await client.send_bundles(
                "s", [Bundle(index=1), Bundle(index=2)], install_id="i", client_user_id="u"
            )
    assert answer == BundleCreateResponse(success_count=2)
    request = only(server)
    assert request.method + request.target == "POST/v2/bundles"
    if wire == "json":
        assert json.loads(request.body) == {
            "session_id": "s",
            "bundles": [{"index": 1}, {"index": 2}],
            "install_id": "i",
            "client_user_id": "u",
        }
    else:
        assert request.headers["content-type"] == PROTOBUF
        assert BundleCreateRequest.FromString(request.body).bundles[1].index == 2


async def test_update_session_labels_is_json_and_reads_no_answer() -> None:
    with WireServer(reply(b"")) as server:
        async with connect(AsyncClient, server) as client:
            assert await client.update_session_labels("s", ["walk", '{"json": [1]}', "ü"]) is None
    request = only(server)
    assert request.method + request.target == "POST/v2/sessions/s/labels"
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.body) == {
        "labels": [{"name": "walk"}, {"name": '{"json": [1]}'}, {"name": "ü"}]
    }


async def test_one_string_is_not_a_label_a_letter() -> None:
    with WireServer(reply({})) as server:
        async with connect(AsyncClient, server) as client:
            with pytest.raises(TypeError, match=r"\['walk'\]"):
                await client.update_session_labels("s", "walk")
    assert server.requests == []


async def test_labels_of_the_project() -> None:
    answers = [
        reply({"labels": [{"name": "a"}]}),
        reply({"labels": [{"name": "b", "sessions_count": "3"}]}),
    ]
    with WireServer(answers) as server:
        async with connect(AsyncClient, server) as client:
            assert [label.name for label in await client.list_labels()] == ["a"]
            (top,) = await client.top_labels()
    assert (top.name, top.sessions_count) == ("b", 3)
    assert [request.target for request in server.requests] == ["/v2/labels", "/v2/labels/top"]


async def test_create_card_gives_the_card_back() -> None:
    with WireServer(reply({"card_id": "c", "session_id": "s", "title": "T"})) as server:
        async with connect(AsyncClient, server) as client:
            card = await client.create_card("s", "T", "D")
            await client.create_card("s", "T", "D", source_type="OTHER")
    assert card == Card(card_id="c", session_id="s", title="T")
    bodies = [json.loads(request.body) for request in server.requests]
    assert bodies[0] == {"session_id": "s", "title": "T", "description": "D", "source_type": "API"}
    assert bodies[1]["source_type"] == "OTHER"


async def test_list_cards_reads_every_page() -> None:
    def answer(request: Received) -> Reply:
        page = int(dict(request.query)["page"])
        return reply(
            {
                "cards": [{"card_id": f"c{page}"}],
                "pagination": {"current_page": page, "total_pages": 3, "next_page": (page + 1) % 4},
            }
        )

    with WireServer(answer) as server:
        async with connect(AsyncClient, server) as client:
            cards = await client.list_cards("s")
    assert [card.card_id for card in cards] == ["c1", "c2", "c3"]
    assert server.requests[0].query[0] == ("session_id", "s")


async def test_deletions() -> None:
    with WireServer(reply({})) as server:
        async with connect(AsyncClient, server) as client:
            assert await client.delete_session("s") is None
            assert await client.delete_card("c") is None
    assert [request.method + request.target for request in server.requests] == [
        "DELETE/v2/sessions/s",
        "DELETE/v2/cards/c",
    ]


async def test_connections_are_kept_and_closed() -> None:
    with WireServer(reply({})) as server:
        async with connect(AsyncClient, server) as client:
            for _ in range(5):
                await client.whoami()
            assert server.connections == 1
        await client.aclose()
        with pytest.raises(RuntimeError, match="the client is closed"):
            await client.whoami()


async def test_times_of_the_answer_are_messages_as_ever() -> None:
    body = {"sessions": [{"session_id": "s", "created_at": "2026-01-02T03:04:05.123456Z"}]}
    with WireServer(reply(body)) as server:
        async with connect(AsyncClient, server) as client:
            (session,) = [session async for session in client.list_sessions()]
    assert session.created_at.ToDatetime(UTC) == datetime(2026, 1, 2, 3, 4, 5, 123456, UTC)
