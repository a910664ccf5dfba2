"""The way of recorded bundles past the application: taken when all is known, and no other."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from support.tenants import PROTOBUF, Tenant, bundle

from moonsense.cloud.auth import Authenticator
from moonsense.cloud.embed import EmbeddedCloud
from moonsense.cloud.records import Principal
from moonsense.cloud.store.bundles import Bundles
from moonsense.codec import json
from moonsense.contract import media
from moonsense.models import BundleCreateRequest, BundleCreateResponse

ANSWER = re.compile(rb"HTTP/1\.1 (\d+) .*?\r\ncontent-length: (\d+)\r\n.*?\r\n\r\n", re.DOTALL)


@pytest.fixture
def session_id(tenant: Tenant) -> str:
    """A session that the cloud has looked up, for a token that it has looked up."""
    session_id = tenant.open_session()
    assert tenant.send(session_id, [bundle(1)]).status_code == 200
    return session_id


@pytest.fixture
def only_directly(session_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the application can store nothing, and no token is asked for anew."""

    def remembered(self: Authenticator, key: bytes) -> Principal | None:
        known = self._known.get(key)
        return known and known[1]

    monkeypatch.setattr(Authenticator, "remembered", remembered)

    async def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the application was asked")

    monkeypatch.setattr(Bundles, "add", refuse)


@pytest.fixture
def connection(running: EmbeddedCloud) -> Iterator[socket.socket]:
    host, _, port = running.root_domain.partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        yield connection


def recorded(tenant: Tenant, session_id: str) -> int:
    total: int = tenant.reader.get(f"/v2/sessions/{session_id}").json()["counters"]["bundle"]["total"]
    return total


def request(tenant: Tenant, session_id: str, index: int, *headers: str, wire: str = media.PROTOBUF) -> bytes:
    message = BundleCreateRequest(session_id=session_id, bundles=[bundle(index)])
    body = message.SerializeToString() if wire == media.PROTOBUF else json.write(message)
    lines = (
        "POST /v2/bundles HTTP/1.1",
        "Host: x",
        f"Content-Type: {wire}",
        f"Accept: {wire}",
        f"Authorization: {tenant.recorder.headers['Authorization']}",
        f"Content-Length: {len(body)}",
        *headers,
    )
    return "\r\n".join([*lines, "", ""]).encode() + body


def answers(connection: socket.socket, count: int) -> list[tuple[int, bytes, bytes]]:
    """Status, head and body of so many answers on a connection, in the order sent."""
    received = b""
    found: list[tuple[int, bytes, bytes]] = []
    while len(found) < count:
        match = ANSWER.match(received)
        if match is not None and len(received) >= (end := match.end() + int(match[2])):
            found.append((int(match[1]), match[0], received[match.end() : end]))
            received = received[end:]
            continue
        data = connection.recv(65536)
        assert data, f"the cloud closed the connection after {len(found)} answers and {received!r}"
        received += data
    return found


@pytest.mark.usefixtures("only_directly")
@pytest.mark.parametrize("wire", [media.PROTOBUF, media.JSON])
def test_what_is_known_is_stored_without_the_application(
    tenant: Tenant, session_id: str, connection: socket.socket, wire: str
) -> None:
    connection.sendall(request(tenant, session_id, 2, "X-Request-Id: mine", wire=wire))
    ((status, head, body),) = answers(connection, 1)

    assert status == 200
    assert b"x-request-id: mine\r\n" in head
    assert b"\r\ndate: " in head
    parse = BundleCreateResponse.FromString if wire == media.PROTOBUF else None
    answer = parse(body) if parse else json.parse(body, BundleCreateResponse)
    assert answer == BundleCreateResponse(success_count=1)
    assert recorded(tenant, session_id) == 2


@pytest.mark.usefixtures("only_directly")
def test_a_body_may_come_in_pieces_and_requests_without_waiting(
    tenant: Tenant, session_id: str, connection: socket.socket
) -> None:
    sent = b"".join(request(tenant, session_id, index) for index in range(2, 12))
    for start in range(0, len(sent), 77):
        connection.sendall(sent[start : start + 77])

    assert [status for status, _, _ in answers(connection, 10)] == [200] * 10
    assert recorded(tenant, session_id) == 11


@pytest.mark.usefixtures("only_directly")
def test_a_connection_ends_when_the_client_says_so(
    tenant: Tenant, session_id: str, connection: socket.socket
) -> None:
    connection.sendall(request(tenant, session_id, 2, "Connection: close"))

    ((status, head, _),) = answers(connection, 1)
    assert (status, b"connection: close" in head.lower()) == (200, True)
    assert connection.recv(1) == b""


def test_others_are_the_applications(tenant: Tenant, session_id: str, connection: socket.socket) -> None:
    """Each is answered as the application answers it, and the connection lives on."""
    good = request(tenant, session_id, 2)
    other = tenant.open_session()
    sent = [
        (good.replace(b"Bearer ", b"Bearer x"), 401),
        (good.replace(session_id.encode(), b"2" * len(session_id)), 404),
        (good.replace(b"Content-Type: application/x-protobuf", b"Content-Type: text/plain"), 415),
        (good[:-3] + b"\xff\xff\xff", 400),
        (request(tenant, other, 1), 200),
        (request(tenant, session_id, 2, "Content-Encoding: identity"), 200),
        (good, 200),
    ]
    for data, status in sent:
        connection.sendall(data)
        assert [answer[0] for answer in answers(connection, 1)] == [status]
    assert (recorded(tenant, session_id), recorded(tenant, other)) == (2, 1)


def test_a_failing_disk_is_answered_and_logged_as_ever(
    tenant: Tenant, session_id: str, connection: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = Bundles.begin

    def fail(self: Bundles, who: Any, wanted: Any, loop: Any, done: Any, *, remote_ip: str) -> bool:
        return begin(
            self, who, wanted, loop, lambda _, __: done(None, OSError("no room")), remote_ip=remote_ip
        )

    monkeypatch.setattr(Bundles, "begin", fail)
    connection.sendall(request(tenant, session_id, 2))
    ((status, _, body),) = answers(connection, 1)

    assert status == 500
    assert b"no room" not in body


def test_a_deleted_session_is_found_missing(tenant: Tenant, session_id: str) -> None:
    assert tenant.reader.delete(f"/v2/sessions/{session_id}").status_code == 200

    for _ in range(2):
        message = BundleCreateRequest(session_id=session_id, bundles=[bundle(2)])
        answer = tenant.recorder.post("/v2/bundles", content=message.SerializeToString(), headers=PROTOBUF)
        assert answer.status_code == 404
