"""What the JavaScript and the Go client send, replayed as plain HTTP on region hosts.

The JavaScript client speaks protobuf both ways, names no page size and pages by
milliseconds; where it reads bundles it gets the archive. The Go client speaks
JSON, sends ``per_page=0`` and pages by whole seconds; it drops a last line
without a newline. Both know regions by their hosts only. How each pages is
walked through in ``test_paging``.
"""

from __future__ import annotations

import io
import struct
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import orjson
import pytest
from google.protobuf import json_format
from google.protobuf.message import Message

from moonsense.client import Client
from moonsense.cloud.embed import EmbeddedCloud
from moonsense.contract import limits, media
from moonsense.contract.ids import new_id
from moonsense.contract.routes import BY_NAME, Route
from moonsense.models import Bundle, Card, SealedBundle, Session, SessionLabel
from moonsense.models.data_plane_v2_pb2 import (
    JourneyFeaturesResponse,
    JourneyListResponse,
    SessionFeaturesResponse,
    SessionListResponse,
    SignalsResponse,
)
from moonsense.models.data_plane_v2_sdk_pb2 import SessionLabelCreateRequest
from moonsense.models.journey_feedback_pb2 import JourneyFeedback

DOMAIN = "example.test"
REGION = "us-central1.gcp"
BUNDLES = 5

# The service has these; the others of the table are this project's.
SERVICE = {
    *("list_regions", "locate_region", "whoami", "list_sessions", "describe_session", "delete_session"),
    *("update_session_labels", "list_chunks", "read_chunk", "read_session", "download_packets"),
    *("list_session_features", "list_session_signals", "list_journeys", "describe_journey"),
    *("list_journey_features", "get_journey_feedback", "add_journey_feedback"),
    *("list_cards", "create_card", "delete_card", "list_labels", "top_labels"),
}


@dataclass(frozen=True)
class Language:
    """How a client speaks.

    Attributes:
        accept: its ``Accept``; "" sends none.
        sends: the ``Content-Type`` of its bodies.
        page: what it says of the size of pages.
    """

    name: str
    accept: str
    sends: str
    page: dict[str, Any] = field(default_factory=dict)

    def body(self, message: Message) -> bytes:
        """A message as it is sent."""
        if self.sends == media.PROTOBUF:
            return message.SerializeToString()
        # Names in camelCase, as both languages' JSON has them.
        return json_format.MessageToJson(message).encode()

    def parsed(self, answer: httpx2.Response, response: type[Message]) -> Message:
        """An answer as it is read: in JSON, fields that are not in the schema are an error."""
        assert answer.headers["Content-Type"] == (self.accept or media.JSON)
        if self.accept == media.PROTOBUF:
            return response.FromString(answer.content)
        return json_format.Parse(answer.content, response(), ignore_unknown_fields=False)


JAVASCRIPT = Language("JavaScript", media.PROTOBUF, media.PROTOBUF)
GO = Language("Go", "", media.JSON, {"per_page": 0})
LANGUAGES = pytest.mark.parametrize("language", [JAVASCRIPT, GO], ids=lambda language: language.name)


@pytest.fixture(scope="module")
def regional(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCloud]:
    """A cloud that is reached by the hosts of its one region."""
    folder = tmp_path_factory.mktemp("regional") / "data"
    with EmbeddedCloud(folder, domain=DOMAIN, region=REGION, seal_bundles=2, in_process=True) as cloud:
        yield cloud


@dataclass(frozen=True)
class Recorded:
    """What there is to ask for."""

    session: Session
    empty: Session
    chunks: list[str]


@pytest.fixture(scope="module")
def recorded(regional: EmbeddedCloud, eventually: Callable[..., Any]) -> Recorded:
    """A session of everything, and one of nothing."""
    where = (regional.root_domain, "http", "")
    capture = (
        struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + struct.pack("<IIII", 1, 2, 3, 3) + b"syn"
    )
    with Client(regional.public_token, *where) as recorder, Client(regional.secret_token, *where) as client:
        labels = [SessionLabel(name="replayed")]
        session = recorder.create_session(Session(journey_id=new_id(), labels=labels))
        bundles = [Bundle(index=index, is_final_bundle=index == BUNDLES) for index in range(1, BUNDLES + 1)]
        recorder.send_bundles(session.session_id, bundles)
        recorder.upload_pcap_data(session.session_id, capture)
        given = {"cloud_behavioral": {"speed": {"double_list": {"value": [1.5]}}}}
        client.set_session_features(session.session_id, SessionFeaturesResponse(**given))
        client.set_journey_features(session.journey_id, JourneyFeaturesResponse(**given))
        client.set_session_signals(session.session_id, SignalsResponse(os={"predicted_os_family": "iOS"}))
        client.add_journey_feedback(session.journey_id, {"fraud_feedback": {"is_fraud": True}})
        client.create_card(session.session_id, "T", "D")

        def sealed() -> list[str]:
            chunks = [chunk.chunk_id for chunk in client.list_chunks(session.session_id)]
            return chunks if len(chunks) == 3 else []

        return Recorded(session, recorder.create_session(Session()), eventually(sealed))


@dataclass(frozen=True)
class Replay:
    """Sends requests as a client of a language does."""

    language: Language
    http: httpx2.Client
    made: set[str] = field(default_factory=set)

    def send(
        self, name: str, body: Message | None = None, query: dict[str, Any] | None = None, **ids: str
    ) -> httpx2.Response:
        """Send the route of a name, to the host that serves it."""
        self.made.add(name)
        route: Route = BY_NAME[name]
        host = f"api.{DOMAIN}" if route.control else f"{REGION}.data-api.{DOMAIN}"
        headers = {"Host": host}
        if self.language.accept:
            headers["Accept"] = self.language.accept
        if body is not None:
            headers["Content-Type"] = self.language.sends
        paged = self.language.page if any(param.name == "per_page" for param in route.params) else {}
        return self.http.request(
            route.method,
            route.fill(**ids),
            params={**paged, **(query or {})},
            headers=headers,
            content=None if body is None else self.language.body(body),
        )

    def call(self, name: str, **options: Any) -> Any:
        """The message that a route answers."""
        answer = self.send(name, **options)
        assert answer.status_code == 200, answer.text
        response = BY_NAME[name].response
        assert response is not None
        return self.language.parsed(answer, response)


@pytest.fixture
def replay(regional: EmbeddedCloud) -> Iterator[Callable[[Language], Replay]]:
    """A client of a language on the cloud."""
    with httpx2.Client(
        base_url=regional.url, headers={"Authorization": f"Bearer {regional.secret_token}"}
    ) as http:
        del http.headers["Accept"]
        yield lambda language: Replay(language, http)


@LANGUAGES
def test_every_call_of_the_service(
    replay: Callable[[Language], Replay], recorded: Recorded, regional: EmbeddedCloud, language: Language
) -> None:
    client = replay(language)
    session, journey = recorded.session.session_id, recorded.session.journey_id
    of_session, of_journey = {"session_id": session}, {"journey_id": journey}

    (region,) = client.call("list_regions").regions
    assert region.region == REGION
    assert client.call("locate_region").primary_url == region.url
    assert client.call("whoami").project_id == regional.project_id

    assert session in {one.session_id for one in client.call("list_sessions").sessions}
    filters = {"filter[labels][]": "replayed", "filter[platforms][]": "WEB"}
    assert list(client.call("list_sessions", query=filters).sessions) == []
    for view in ("minimal", "full"):
        described = client.call("describe_session", query={"view": view}, **of_session)
        assert described.region_id == REGION
        assert described.counters["bundle"].total == BUNDLES

    listed = client.call("list_chunks", **of_session)
    assert [chunk.chunk_id for chunk in listed.chunks] == recorded.chunks
    for place, chunk in enumerate(recorded.chunks):
        answer = client.send("read_chunk", chunk_id=chunk, **of_session)
        lines = answer.content.splitlines(keepends=True)
        assert all(line.endswith(b"\n") for line in lines)
        read = [json_format.Parse(line, SealedBundle()).bundle.index for line in lines]
        assert read == list(range(1, BUNDLES + 1))[2 * place : 2 * place + 2]

    assert packed_lines(client.send("read_session", **of_session)) == list(range(1, BUNDLES + 1))
    (packets,) = members(client.send("download_packets", **of_session))
    assert packets.endswith(b"syn")

    speed = client.call("list_session_features", **of_session).cloud_behavioral["speed"]
    assert list(speed.double_list.value) == [1.5]
    assert client.call("list_session_signals", **of_session).os.predicted_os_family == "iOS"

    assert journey in {one.journey_id for one in client.call("list_journeys").journeys}
    described = client.call("describe_journey", **of_journey)
    assert [one.session_id for one in described.sessions] == [session]
    assert described.journey.primary_region_id == REGION
    assert "speed" in client.call("list_journey_features", **of_journey).cloud_behavioral
    feedback = JourneyFeedback()
    feedback.chargeback_feedback.is_chargeback = True
    client.call("add_journey_feedback", body=feedback, **of_journey)
    found = client.call("get_journey_feedback", **of_journey)
    assert found.fraud_feedback.is_fraud
    assert found.chargeback_feedback.is_chargeback

    card = Card(session_id=session, title=language.name, description="D", source_type="API")
    made = client.call("create_card", body=card)
    assert made.card_id in {one.card_id for one in client.call("list_cards", query=of_session).cards}
    assert client.call("delete_card", card_id=made.card_id).card_id == made.card_id

    labels = SessionLabelCreateRequest(labels=[SessionLabel(name="replayed"), SessionLabel(name="ü")])
    answer = client.send("update_session_labels", body=labels, **of_session)
    assert answer.status_code == 200
    # In protobuf the service answers nothing to labels.
    assert (answer.content == b"") == (language.sends == media.PROTOBUF)
    assert {"replayed", "ü"} <= {label.name for label in client.call("list_labels").labels}
    assert client.call("top_labels").labels[0].sessions_count == 1

    doomed = client_of(regional).create_session(Session()).session_id
    assert client.call("delete_session", session_id=doomed).session_id == doomed
    assert client.made == SERVICE


def client_of(regional: EmbeddedCloud) -> Client:
    """A client that records."""
    return Client(regional.public_token, regional.root_domain, "http", "")


def members(answer: httpx2.Response) -> list[bytes]:
    """The files of an answer that is a tar.gz."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == media.TAR_GZ
    assert "Content-Encoding" not in answer.headers
    found = []
    with tarfile.open(fileobj=io.BytesIO(answer.content), mode="r:gz") as archive:
        for member in archive:
            file = archive.extractfile(member)
            assert file is not None
            found.append(file.read())
    return found


def packed_lines(answer: httpx2.Response) -> list[int]:
    """The indexes of the bundles in a session's archive; every line, the last too, has its end."""
    (text,) = members(answer)
    assert text.endswith(b"\n")
    assert b"\n\n" not in text
    return [orjson.loads(line)["bundle"]["index"] for line in text.splitlines()]


def test_a_session_without_bundles(replay: Callable[[Language], Replay], recorded: Recorded) -> None:
    """JavaScript spins on an empty archive, so it gets none; Go reads one."""
    empty = recorded.empty.session_id
    assert replay(JAVASCRIPT).send("read_session", session_id=empty).status_code == 404
    assert members(replay(GO).send("read_session", session_id=empty)) == [b""]


@LANGUAGES
def test_an_error_is_json_in_every_language(replay: Callable[[Language], Replay], language: Language) -> None:
    answer = replay(language).send("describe_session", session_id="none")
    assert answer.status_code == 404
    assert {"type", "message"} <= set(answer.json())


@LANGUAGES
def test_a_page_of_unsaid_size_has_25_items(
    replay: Callable[[Language], Replay], regional: EmbeddedCloud, language: Language
) -> None:
    with client_of(regional) as recorder:
        for _ in range(limits.DEFAULT_PER_PAGE + 1):
            recorder.create_session(Session(journey_id=new_id()))
    client = replay(language)
    sessions: SessionListResponse = client.call("list_sessions", query={"page": 1})
    journeys: JourneyListResponse = client.call("list_journeys", query={"page": 1})
    assert len(sessions.sessions) == len(journeys.journeys) == limits.DEFAULT_PER_PAGE
    assert sessions.pagination.next_page == journeys.pagination.next_page == 2
