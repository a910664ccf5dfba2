"""Bundles over HTTP: recorded in every form, read back in every form, and nothing half."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import tarfile
from collections.abc import Callable, Iterator

import httpx2
import pytest
import zstandard
from google.protobuf import json_format
from support.tenants import PROTOBUF, Tenant, bundle, indexes

from moonsense.cloud.embed import EmbeddedCloud
from moonsense.codec.frames import FrameParser
from moonsense.codec.ndjson import NdjsonParser
from moonsense.contract import headers, media
from moonsense.models import BundleCreateRequest, BundleCreateResponse, SealedBundle


def read_frames(answer: httpx2.Response) -> list[SealedBundle]:
    parser = FrameParser(SealedBundle)
    return [*parser.feed(answer.content), *parser.close()]


def read_ndjson(content: bytes) -> list[SealedBundle]:
    parser = NdjsonParser(SealedBundle)
    return [*parser.feed(content), *parser.close()]


def read_member(answer: httpx2.Response) -> tuple[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(answer.content), mode="r:gz") as archive:
        (member,) = archive.getmembers()
        assert member.isreg()
        content = archive.extractfile(member)
        assert content is not None
        return member.name, content.read()


def request_of(session_id: str, *numbers: int) -> BundleCreateRequest:
    return BundleCreateRequest(session_id=session_id, bundles=[bundle(number) for number in numbers])


def read(tenant: Tenant, session_id: str, accept: str = media.FRAMES) -> httpx2.Response:
    return tenant.reader.get(f"/v2/sessions/{session_id}/bundles", headers={"Accept": accept})


FORMS: dict[str, Callable[[BundleCreateRequest], tuple[bytes, dict[str, str]]]] = {
    "json": lambda request: (json_format.MessageToJson(request).encode(), {"Content-Type": media.JSON}),
    "json-snake-case": lambda request: (
        json_format.MessageToJson(request, preserving_proto_field_name=True).encode(),
        {"Content-Type": "Application/JSON; charset=utf-8"},
    ),
    "json-unsaid": lambda request: (json_format.MessageToJson(request).encode(), {}),
    "protobuf": lambda request: (request.SerializeToString(), {"Content-Type": media.PROTOBUF}),
    "gzip": lambda request: (
        gzip.compress(request.SerializeToString()),
        {"Content-Type": media.PROTOBUF, "Content-Encoding": "gzip"},
    ),
    "zstd": lambda request: (
        zstandard.compress(request.SerializeToString()),
        {"Content-Type": media.PROTOBUF, "Content-Encoding": "zstd"},
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_bundles_are_recorded_in_every_form(tenant: Tenant, form: str) -> None:
    session_id = tenant.open_session()
    content, said = FORMS[form](request_of(session_id, 1, 2, 3))

    answer = tenant.recorder.post("/v2/bundles", content=content, headers=said)

    assert answer.status_code == 200, answer.text
    assert answer.json() == {"success_count": 3}
    found = read_frames(read(tenant, session_id))
    assert [sealed.bundle for sealed in found] == [bundle(1), bundle(2), bundle(3)]


def test_a_body_in_pieces_is_recorded(tenant: Tenant) -> None:
    session_id = tenant.open_session()
    content = request_of(session_id, 1, 2).SerializeToString()

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(content), 7):
            yield content[start : start + 7]

    answer = tenant.recorder.post("/v2/bundles", content=pieces(), headers=PROTOBUF)

    assert BundleCreateResponse.FromString(answer.content).success_count == 2
    assert indexes(read_frames(read(tenant, session_id))) == [1, 2]


def test_a_large_body_is_recorded(tenant: Tenant) -> None:
    session_id = tenant.open_session()
    request = request_of(session_id, 1)
    for number in range(5_000):
        request.bundles[0].accelerometer_data.add(determined_at=number, x=1, y=2, z=3)

    assert tenant.send(session_id, request.bundles).status_code == 200
    assert [sealed.bundle for sealed in read_frames(read(tenant, session_id))] == list(request.bundles)


def test_who_sent_a_bundle_is_sealed_with_it(tenant: Tenant) -> None:
    session_id = tenant.record(1, journey_id="the journey")

    (sealed,) = read_frames(read(tenant, session_id))

    assert sealed.session_id == session_id
    assert sealed.app_id == tenant.app_id
    assert sealed.journey_id == "the journey"
    assert sealed.remote_ip == "127.0.0.1"
    assert sealed.server_time_millis > 1_600_000_000_000


def test_the_session_must_be_named(tenant: Tenant) -> None:
    answer = tenant.recorder.post("/v2/bundles", content=b"{}")

    assert (answer.status_code, answer.json()["param"]) == (422, "session_id")


@pytest.mark.parametrize("whose", ["nobody", "another project"])
def test_a_session_of_no_one_here_is_404(tenant: Tenant, other: Tenant, whose: str) -> None:
    session_id = other.record(1) if whose == "another project" else "a" * 22

    assert tenant.send(session_id, [bundle(1)]).status_code == 404
    for accept in (media.TAR_GZ, media.FRAMES, media.NDJSON):
        assert read(tenant, session_id, accept).status_code == 404


def test_a_body_beyond_the_limit_is_413_and_nothing_is_stored(tenant: Tenant) -> None:
    session_id = tenant.record(1)
    large = request_of(session_id, *range(2, 60))
    large.bundles[0].custom_events.add(event_name="x" * (1 << 20))

    for form, made in FORMS.items():
        content, said = made(large)
        answer = tenant.recorder.post("/v2/bundles", content=content, headers=said)
        assert (answer.status_code, answer.json()["type"]) == (413, "too_large_error"), form

    def pieces() -> Iterator[bytes]:
        yield large.SerializeToString()

    assert tenant.recorder.post("/v2/bundles", content=pieces(), headers=PROTOBUF).status_code == 413
    assert indexes(read_frames(read(tenant, session_id))) == [1]


def test_a_bad_bundle_among_good_ones_stores_none(tenant: Tenant) -> None:
    session_id = tenant.open_session()
    body = json.loads(json_format.MessageToJson(request_of(session_id, 1, 2, 3)))
    body["bundles"][2]["index"] = "x"

    answer = tenant.recorder.post("/v2/bundles", json=body)

    assert (answer.status_code, answer.json()["param"]) == (400, "bundles[2].index")
    assert indexes(read_frames(read(tenant, session_id))) == []


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": media.PROTOBUF, "Content-Encoding": "br"}, 415),
        ({"Content-Type": media.PROTOBUF, "Content-Encoding": "gzip"}, 400),
        ({"Content-Type": media.JSON}, 400),
    ],
)
def test_a_body_that_is_not_what_it_says_is_refused(
    tenant: Tenant, said: dict[str, str], status: int
) -> None:
    session_id = tenant.open_session()

    answer = tenant.recorder.post(
        "/v2/bundles", content=request_of(session_id, 1).SerializeToString(), headers=said
    )

    assert answer.status_code == status
    assert indexes(read_frames(read(tenant, session_id))) == []


def test_a_bundle_sent_twice_is_stored_once(tenant: Tenant) -> None:
    session_id = tenant.record(7)

    answer = tenant.send(session_id, [bundle(index) for index in range(1, 8)])

    assert BundleCreateResponse.FromString(answer.content).success_count == 7
    assert indexes(read_frames(read(tenant, session_id))) == list(range(1, 8))


@pytest.mark.parametrize("bundles", [1, 5, 12])
def test_all_forms_of_a_session_say_the_same(tenant: Tenant, bundles: int) -> None:
    session_id = tenant.record(bundles)

    framed = read(tenant, session_id, media.FRAMES)
    lines = read(tenant, session_id, media.NDJSON)
    archive = read(tenant, session_id, "*/*")

    for answer, media_type in ((framed, media.FRAMES), (lines, media.NDJSON), (archive, media.TAR_GZ)):
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == media_type
        assert answer.headers[headers.BUNDLE_COUNT] == str(bundles)
        assert "Content-Encoding" not in answer.headers
    assert int(framed.headers["Content-Length"]) == len(framed.content)
    assert int(lines.headers["Content-Length"]) == len(lines.content)
    name, member = read_member(archive)
    assert name == f"{session_id}.json"
    assert member == lines.content
    assert member.endswith(b"\n")
    assert b"\n\n" not in member
    assert read_ndjson(member) == read_frames(framed)
    assert indexes(read_frames(framed)) == list(range(1, bundles + 1))


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", media.TAR_GZ),
        (media.JSON, media.TAR_GZ),
        (media.PROTOBUF, media.TAR_GZ),
        ("text/html", media.TAR_GZ),
        (f"{media.PROTOBUF}, {media.FRAMES};q=0.5", media.FRAMES),
        (f"{media.FRAMES};q=0.1, {media.NDJSON}", media.NDJSON),
    ],
)
def test_the_form_is_chosen_by_what_is_accepted(tenant: Tenant, accept: str, media_type: str) -> None:
    answer = read(tenant, tenant.record(1), accept)

    assert answer.headers["Content-Type"] == media_type


def test_a_session_without_bundles_is_an_empty_one(tenant: Tenant) -> None:
    session_id = tenant.open_session()

    assert read_member(read(tenant, session_id, media.JSON)) == (f"{session_id}.json", b"")
    for accept in (media.FRAMES, media.NDJSON):
        answer = read(tenant, session_id, accept)
        assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (200, b"", "0")


def test_a_session_without_bundles_is_404_to_who_asks_for_protobuf(tenant: Tenant) -> None:
    answer = read(tenant, tenant.open_session(), media.PROTOBUF)

    assert (answer.status_code, answer.json()["param"]) == (404, "session_id")


@pytest.mark.parametrize("accept", [media.TAR_GZ, media.FRAMES, media.NDJSON])
def test_head_counts_the_bundles_without_sending_them(tenant: Tenant, accept: str) -> None:
    session_id = tenant.record(7)

    answer = tenant.reader.head(f"/v2/sessions/{session_id}/bundles", headers={"Accept": accept})

    assert answer.status_code == 200
    assert answer.headers[headers.BUNDLE_COUNT] == "7"
    assert answer.content == b""


def test_many_recorders_at_once_lose_nothing(tenant: Tenant, running: EmbeddedCloud) -> None:
    session_id = tenant.open_session()

    async def record() -> list[int]:
        said = {**PROTOBUF, "Authorization": tenant.recorder.headers["Authorization"]}
        async with httpx2.AsyncClient(base_url=running.url, headers=said) as client:
            answers = await asyncio.gather(
                *(
                    client.post("/v2/bundles", content=request_of(session_id, number).SerializeToString())
                    for number in range(1, 201)
                )
            )
        return [answer.status_code for answer in answers]

    assert asyncio.run(record()) == [200] * 200
    assert sorted(indexes(read_frames(read(tenant, session_id)))) == list(range(1, 201))
