"""Each call: what it sends, and what it makes of the answer."""

from __future__ import annotations

import io
import json
import tarfile
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from support.wire import TOKEN, Received, Reply, WireServer, connect, reply

from moonsense.client import AsyncClient
from moonsense.contract.platforms import Platform
from moonsense.errors import ConnectionFailed, NotFoundError
from moonsense.models.bundle_v2_pb2 import Bundle
from moonsense.models.data_plane_v2_pb2 import (
    Card,
    JourneyFeaturesResponse,
    SessionFeaturesResponse,
    SignalsResponse,
)
from moonsense.models.data_plane_v2_sdk_pb2 import (
    BundleCreateRequest,
    BundleCreateResponse,
    Session,
    SessionMetadata,
)
from moonsense.models.journey_feedback_pb2 import JourneyFeedback

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


def three_pages_of_cards(request: Received) -> Reply:
    page = int(dict(request.query)["page"])
    return reply(
        {
            "cards": [{"card_id": f"c{page}"}],
            "pagination": {"current_page": page, "total_pages": 3, "next_page": (page + 1) % 4},
        }
    )


async def test_list_cards_reads_every_page() -> None:
    with WireServer(three_pages_of_cards) as server:
        async with connect(AsyncClient, server) as client:
            cards = await client.list_cards("s")
            assert len(await client.list_cards("s", limit=2)) == 2
    assert [card.card_id for card in cards] == ["c1", "c2", "c3"]
    assert cards[-1].card_id == "c3"  # users of the published clients index it
    assert server.requests[0].query[0] == ("session_id", "s")


async def test_cards_are_asked_for_as_they_are_taken() -> None:
    with WireServer(three_pages_of_cards) as server:
        async with connect(AsyncClient, server) as client:
            cards = client.iter_cards("s")
            assert server.requests == []
            assert (await anext(cards)).card_id == "c1"
            assert len(server.requests) == 1
            pages = [[card.card_id for card in page] async for page in cards.pages()]
            limited = [card.card_id async for card in client.iter_cards("s", limit=2)]
    assert pages == [["c2"], ["c3"]]
    assert limited == ["c1", "c2"]


async def test_journeys() -> None:
    answers = [
        reply({"journeys": [{"journey_id": "j"}]}),
        reply({"journey": {"journey_id": "j"}, "sessions": [{"session_id": "s"}]}),
        reply({"journey_id": "j", "fraud_feedback": {"is_fraud": True}}),
    ]
    with WireServer(answers) as server:
        async with connect(AsyncClient, server) as client:
            journeys = client.list_journeys(
                20,
                [Platform.iOS, "web"],
                since=datetime(2026, 1, 1, tzinfo=UTC),
                until=datetime(2026, 1, 2, tzinfo=UTC),
            )
            assert [journey.journey_id async for journey in journeys] == ["j"]
            assert (await client.describe_journey("j")).sessions[0].session_id == "s"
            assert (await client.get_journey_feedback("j")).fraud_feedback.is_fraud
    listed, *others = server.requests
    assert sorted(listed.query) == [
        ("filter[max_created_at]", "2026-01-02T00:00:00.000000+00:00"),
        ("filter[min_created_at]", "2026-01-01T00:00:00.000000+00:00"),
        ("filter[platforms][]", "WEB"),
        ("filter[platforms][]", "iOS"),
        ("per_page", "20"),
    ]
    assert [request.target for request in others] == ["/v2/journeys/j", "/v2/journeys/j/feedback"]


@pytest.mark.parametrize(
    "feedback",
    [
        JourneyFeedback(fraud_feedback={"is_fraud": True, "reported_at": {"seconds": 1}}),
        {"fraud_feedback": {"is_fraud": True, "reported_at": "1970-01-01T00:00:01Z"}},
        {"fraudFeedback": {"isFraud": True, "reportedAt": datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)}},
    ],
)
async def test_feedback_is_a_message_or_a_mapping(feedback: object) -> None:
    with WireServer(reply({"journey_id": "j"})) as server:
        async with connect(AsyncClient, server) as client:
            assert (await client.add_journey_feedback("j", feedback)).journey_id == "j"
    request = only(server)
    assert request.method + request.target == "POST/v2/journeys/j/feedback"
    assert json.loads(request.body) == {
        "fraud_feedback": {"is_fraud": True, "reported_at": "1970-01-01T00:00:01Z"}
    }


async def test_feedback_may_be_empty_and_must_be_feedback() -> None:
    with WireServer(reply({})) as server:
        async with connect(AsyncClient, server) as client:
            await client.add_journey_feedback("j", JourneyFeedback())
            await client.add_journey_feedback("j", {})
            for wrong in (
                {"fraud": 1},
                {"fraud_feedback": {"is_fraud": "maybe"}},
                {"fraud_feedback": object()},
            ):
                with pytest.raises(ValueError, match="this is no feedback"):
                    await client.add_journey_feedback("j", wrong)
            with pytest.raises(TypeError, match="not str"):
                await client.add_journey_feedback("j", "fraud")
    assert [json.loads(request.body) for request in server.requests] == [{}, {}]


async def test_features_and_signals() -> None:
    features = {"client_sdk": {"speed": {"double_list": {"value": [1.5]}}}}
    session, journey = SessionFeaturesResponse(session_id="s"), JourneyFeaturesResponse(journey_id="j")
    signals = SignalsResponse(os={"predicted_os_family": "iOS"})
    with WireServer(reply(features)) as server:
        async with connect(AsyncClient, server) as client:
            for found in (
                await client.list_session_features("s"),
                await client.set_session_features("s", session),
                await client.list_journey_features("j"),
                await client.set_journey_features("j", journey),
            ):
                assert found.client_sdk["speed"].double_list.value == [1.5]
            assert (await client.list_session_signals("s")) == SignalsResponse()
            await client.set_session_signals("s", signals)
    assert [request.method + request.target for request in server.requests] == [
        "GET/v2/sessions/s/features",
        "POST/v2/sessions/s/features",
        "GET/v2/journeys/j/features",
        "POST/v2/journeys/j/features",
        "GET/v2/sessions/s/signals",
        "POST/v2/sessions/s/signals",
    ]
    assert json.loads(server.requests[5].body) == {"os": {"predicted_os_family": "iOS"}}


async def test_packets_are_written_to_a_file(tmp_path: Path) -> None:
    target = tmp_path / "packets.pcap"
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as archive:
        member = tarfile.TarInfo("../../etc/packets.pcap")
        member.size = 4
        archive.addfile(member, io.BytesIO(b"pcap"))
    answers = [reply(body.getvalue(), content_type="application/octet-stream"), reply({}, 404)]
    with WireServer(answers) as server:
        async with connect(AsyncClient, server) as client:
            await client.download_pcap_data("s", target)
            with pytest.raises(NotFoundError):
                await client.download_pcap_data("t", str(target))
    assert content(target) == b"pcap"
    assert beside(target) == []
    assert server.requests[0].target == "/v2/sessions/s/network-telemetry/packets"


def content(path: Path) -> bytes:
    return path.read_bytes()


def beside(path: Path) -> list[str]:
    return [other.name for other in path.parent.iterdir() if other != path]


async def test_packets_are_sent_from_a_file_or_memory(tmp_path: Path) -> None:
    source = tmp_path / "capture.pcap"
    written(source, b"pcap")
    with WireServer(reply({"sessionId": "s"})) as server:
        async with connect(AsyncClient, server) as client:
            for given in (source, str(source), b"pcap"):
                assert (await client.upload_pcap_data("s", given)).sessionId == "s"
    assert {(request.body, request.headers["content-type"]) for request in server.requests} == {
        (b"pcap", "application/vnd.tcpdump.pcap")
    }


def written(path: Path, data: bytes) -> None:
    path.write_bytes(data)


async def test_packets_that_may_have_arrived_are_not_sent_again() -> None:
    with WireServer(Reply(b"", close=True)) as server:
        async with connect(AsyncClient, server) as client:
            with pytest.raises(ConnectionFailed):
                await client.upload_pcap_data("s", b"pcap")
    assert len(server.requests) == 1


async def test_single_labels() -> None:
    with WireServer(reply({})) as server:
        async with connect(AsyncClient, server) as client:
            await client.add_session_labels("s", ["a"])
            await client.remove_session_labels("s", ["b"])
            with pytest.raises(TypeError, match=r"\['walk'\]"):
                await client.add_session_labels("s", "walk")
    assert [(request.target, json.loads(request.body)) for request in server.requests] == [
        ("/v2/sessions/s/labels/add", {"labels": [{"name": "a"}]}),
        ("/v2/sessions/s/labels/remove", {"labels": [{"name": "b"}]}),
    ]


@pytest.mark.parametrize("status", [404, 405])
async def test_single_labels_on_a_cloud_that_only_replaces(status: int) -> None:
    labels = ["a", "b"]

    def answer(request: Received) -> Reply:
        if request.path.endswith(("/add", "/remove")):
            return reply({"message": "no such route"}, status)
        if request.method == "POST":
            labels[:] = [label["name"] for label in json.loads(request.body)["labels"]]
        return reply({"session_id": "s", "labels": [{"name": name} for name in labels]})

    with WireServer(answer) as server:
        async with connect(AsyncClient, server) as client:
            await client.add_session_labels("s", ["c", "a"])
            assert labels == ["a", "b", "c"]
            await client.remove_session_labels("s", ["a", "z"])
            assert labels == ["b", "c"]


async def test_single_labels_of_a_session_that_is_not_there() -> None:
    with WireServer(reply({"message": "no"}, 404)) as server:
        async with connect(AsyncClient, server) as client:
            with pytest.raises(NotFoundError):
                await client.add_session_labels("s", ["c"])


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
