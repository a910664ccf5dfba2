"""The way of recorded bundles past the application: taken when all is known, and no other."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.tenants import PROTOBUF, Tenant, bundle

from moonsense.client import Client
from moonsense.cloud.auth import Authenticator
from moonsense.cloud.embed import EmbeddedCloud
from moonsense.cloud.protocol import Protocol
from moonsense.cloud.records import Principal
from moonsense.cloud.store.bundles import Bundles
from moonsense.codec import json
from moonsense.contract import media
from moonsense.contract.problems import Problem
from moonsense.models import BundleCreateRequest, BundleCreateResponse, Session

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


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The URLs of the requests that were parsed, from now on."""
    urls: list[bytes] = []
    on_headers_complete = Protocol.on_headers_complete

    def note(self: Protocol) -> None:
        urls.append(self.url)
        on_headers_complete(self)

    monkeypatch.setattr(Protocol, "on_headers_complete", note)
    return urls


@pytest.mark.usefixtures("only_directly")
@pytest.mark.parametrize("wire", [media.PROTOBUF, media.JSON])
def test_a_head_that_comes_again_is_not_parsed_again(
    tenant: Tenant, session_id: str, parsed: list[bytes], connection: socket.socket, wire: str
) -> None:
    # Indexes of one to four digits: bodies of different lengths.
    for index in (2, 30, 400, 5000):
        connection.sendall(request(tenant, session_id, index, wire=wire))
        assert [status for status, _, _ in answers(connection, 1)] == [200]
    assert parsed == [b"/v2/bundles"]
    assert recorded(tenant, session_id) == 5


def test_it_may_come_in_two_pieces_cut_anywhere(
    tenant: Tenant, session_id: str, parsed: list[bytes], connection: socket.socket
) -> None:
    first = request(tenant, session_id, 2)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(first)
    assert answers(connection, 1)[0][0] == 200
    cuts = range(1, len(first), 7)
    for index, cut in enumerate(cuts, 3):
        again = request(tenant, session_id, index)
        connection.sendall(again[:cut])
        # Another request was answered meanwhile, so what was sent is there by now.
        tenant.reader.get(f"/v2/sessions/{session_id}")
        connection.sendall(again[cut:])
        assert [status for status, _, _ in answers(connection, 1)] == [200]
    assert recorded(tenant, session_id) == len(cuts) + 2
    # One cut in its head is parsed again, one behind it is not.
    body = len(BundleCreateRequest(session_id=session_id, bundles=[bundle(9)]).SerializeToString())
    assert parsed.count(b"/v2/bundles") <= 2 + sum(cut < len(first) - body for cut in cuts)


def test_whatever_else_comes_on_the_connection_is_parsed(
    tenant: Tenant, session_id: str, connection: socket.socket
) -> None:
    good = [request(tenant, session_id, index) for index in range(2, 8)]
    other = b"GET /v2/nothing HTTP/1.1\r\nHost: x\r\n\r\n"
    connection.sendall(good[0])
    assert answers(connection, 1)[0][0] == 200
    connection.sendall(good[1] + good[2])  # without waiting for an answer
    assert [status for status, _, _ in answers(connection, 2)] == [200, 200]
    connection.sendall(good[3])
    connection.sendall(other + good[4])
    assert [status for status, _, _ in answers(connection, 3)] == [200, 404, 200]
    connection.sendall(other)
    assert answers(connection, 1)[0][0] == 404
    connection.sendall(good[5])
    assert answers(connection, 1)[0][0] == 200
    connection.sendall(good[5][:-3] + b"\xff\xff\xff")
    assert answers(connection, 1)[0][0] == 400
    assert recorded(tenant, session_id) == 7


def test_a_token_is_asked_for_though_the_head_is_known(
    tenant: Tenant, session_id: str, connection: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection.sendall(request(tenant, session_id, 2))
    assert answers(connection, 1)[0][0] == 200
    monkeypatch.setattr(Authenticator, "remembered", lambda _self, _key: None)

    async def nobody(_self: Authenticator, _authorization: str) -> Principal:
        raise Problem(401, "the token is not known, or was revoked")

    monkeypatch.setattr(Authenticator, "principal", nobody)
    connection.sendall(request(tenant, session_id, 3))
    assert answers(connection, 1)[0][0] == 401


def test_half_of_one_leaves_nothing(tenant: Tenant, session_id: str, connection: socket.socket) -> None:
    whole = request(tenant, session_id, 2)
    connection.sendall(whole)
    assert answers(connection, 1)[0][0] == 200
    connection.sendall(request(tenant, session_id, 3)[:-4])
    connection.shutdown(socket.SHUT_WR)
    assert connection.recv(1) == b""
    assert recorded(tenant, session_id) == 2


@pytest.mark.parametrize("known", [False, True], ids=["a new head", "a known head"])
@pytest.mark.parametrize("sent", [0, 30, -4], ids=["nothing", "half a head", "half a body"])
def test_a_connection_that_falls_silent_is_given_up(tmp_path: Path, sent: int, known: bool) -> None:
    with EmbeddedCloud(tmp_path, in_process=True, stall_seconds=1, keep_alive_seconds=1) as cloud:
        session_id = create(cloud)
        host, _, port = cloud.root_domain.partition(":")
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            head = {"token": cloud.public_token}
            whole = plain(session_id, 1, **head)
            if known:
                for _ in range(2):  # a token is known from the second on
                    connection.sendall(whole)
                    assert answers(connection, 1)[0][0] == 200
            connection.sendall(plain(session_id, 2, **head)[:sent])
            if sent:
                ((status, text, _),) = answers(connection, 1)
                assert (status, b"connection: close" in text) == (408, True)
            assert connection.recv(1) == b""


def test_a_slow_request_that_goes_on_is_taken(tmp_path: Path) -> None:
    with EmbeddedCloud(tmp_path, in_process=True, stall_seconds=1.5) as cloud:
        session_id = create(cloud)
        host, _, port = cloud.root_domain.partition(":")
        whole = plain(session_id, 1, cloud.public_token)
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            began = time.monotonic()
            for start in range(0, len(whole), len(whole) // 8):
                connection.sendall(whole[start : start + len(whole) // 8])
                threading.Event().wait(0.2)
            assert time.monotonic() - began > 1.5
            assert answers(connection, 1)[0][0] == 200


def create(cloud: EmbeddedCloud) -> str:
    """A new session's id."""
    with Client(cloud.public_token, cloud.root_domain, "http", "") as client:
        return client.create_session(Session()).session_id


def plain(session_id: str, index: int, token: str) -> bytes:
    """A request of one bundle, whole."""
    body = BundleCreateRequest(session_id=session_id, bundles=[bundle(index)]).SerializeToString()
    head = (
        f"POST /v2/bundles HTTP/1.1\r\nHost: x\r\nContent-Type: {media.PROTOBUF}\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
