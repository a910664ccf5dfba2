"""Deliveries to real receivers: events, bodies, and what becomes of tries that fail."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Callable
from typing import Any

import pytest
from support.stores import bundle, record
from support.wire import Reply, WireServer, reply

from moonsense.models import Session, SessionLabel
from moonsense.models.data_plane_v2_pb2 import WebhookEventTypes, WebhookPayload
from moonsense.models.webhooks_v2_pb2 import WebhookDelivery, WebhookResendRequest
from moonsense.webhooks import parse, verify

Eventually = Callable[..., Any]

DAY = 86_400
FORGOTTEN = 31 * DAY


def payloads(server: WireServer) -> list[WebhookPayload]:
    return [parse(got.body, got.headers["content-type"]) for got in server.requests]


def events(server: WireServer) -> list[str]:
    """Names of the events that arrived, sorted: deliveries run side by side."""
    return sorted(WebhookEventTypes.Name(each.event_type) for each in payloads(server))


def settled(sending: Any, eventually: Eventually, **filters: Any) -> list[WebhookDelivery]:
    """Every delivery, once none is waiting any more."""

    def none_waits() -> list[WebhookDelivery]:
        found = sending.deliveries(**filters)
        return found if found and all(each.state != each.WAITING for each in found) else []

    return eventually(none_waits)


def tried(sending: Any, eventually: Eventually, delivery_id: str, tries: int = 1) -> WebhookDelivery:
    """A delivery once it was tried so often."""

    def enough() -> WebhookDelivery | None:
        found = sending.delivery(delivery_id)
        return found if len(found.attempts) >= tries else None

    return eventually(enough)


def test_every_event_is_told_and_signed(sending: Any, eventually: Eventually) -> None:
    with WireServer(reply()) as server:
        _, secret = sending.endpoint(f"{server.url}/hook?a=b")
        labels = [SessionLabel(name="one"), SessionLabel(name="two")]
        session = asyncio.run(
            sending.store.sessions.create(sending.who, Session(labels=labels, journey_id="j"))
        )
        asyncio.run(record(sending.store, sending.who, session, *(bundle(index) for index in range(1, 6))))
        eventually(lambda: len(server.requests) == 7)
        sending.forward(2.1)
        eventually(lambda: len(server.requests) == 8)

        assert events(server) == [
            *["BUNDLE_RECEIVED"] * 5, "CHUNK_PERSISTED", "SESSION_CREATED", "SESSION_INACTIVE"
        ]  # fmt: skip
        for got in server.requests:
            assert (got.method, got.target) == ("POST", "/hook?a=b")
            assert verify(got.body, got.headers, secret, now=sending.clock.now / 1e6, tolerance=400)
        for payload in payloads(server):
            assert payload.session_id == session.session_id
            assert payload.project_id == sending.who.project_id
            assert payload.app_id == sending.who.app_id
            assert payload.journey_id == "j"
            assert list(payload.session_labels) == ["one", "two"]
        bundles = [each.bundle for each in payloads(server) if each.HasField("bundle")]
        assert sorted(each.bundle.index for each in bundles) == [1, 2, 3, 4, 5]
        assert all(each.server_time_millis and each.bundle.accelerometer_data for each in bundles)

        found = settled(sending, eventually)
        assert {each.state for each in found} == {WebhookDelivery.DELIVERED}
        assert {each.delivery_id for each in found} == {got.headers["webhook-id"] for got in server.requests}


def test_an_endpoint_hears_what_it_wants_and_no_more(sending: Any, eventually: Eventually) -> None:
    other_app = sending.store.access.create_app(sending.who.project_id, "another app")
    with WireServer(reply()) as wanted, WireServer(reply()) as other, WireServer(reply()) as off:
        sending.endpoint(wanted.url, events=["CHUNK_PERSISTED"])
        sending.endpoint(other.url, app_id=other_app)
        sending.endpoint(off.url, disabled=True)
        session = asyncio.run(sending.store.sessions.create(sending.who, Session()))
        asyncio.run(record(sending.store, sending.who, session, bundle(1, final=True)))
        eventually(lambda: len(wanted.requests) == 1)
        assert events(wanted) == ["CHUNK_PERSISTED"]
        assert [each.event_type for each in sending.deliveries()] == [WebhookEventTypes.CHUNK_PERSISTED]
        assert (other.requests, off.requests) == ([], [])


def test_thin_bundles_are_ids_only(sending: Any, eventually: Eventually) -> None:
    with WireServer(reply()) as server:
        sending.endpoint(server.url, events=["BUNDLE_RECEIVED"], thin=True)
        session = asyncio.run(sending.store.sessions.create(sending.who, Session()))
        asyncio.run(record(sending.store, sending.who, session, bundle(1), bundle(0)))
        eventually(lambda: len(server.requests) == 2)
        assert not any(each.HasField("bundle") for each in payloads(server))


def test_a_bundle_that_is_sent_again_is_told_of_once(sending: Any, eventually: Eventually) -> None:
    with WireServer(reply()) as server:
        sending.endpoint(server.url, events=["BUNDLE_RECEIVED"])
        session = asyncio.run(sending.store.sessions.create(sending.who, Session()))
        for _ in range(3):
            asyncio.run(record(sending.store, sending.who, session, bundle(1), bundle(2)))
        asyncio.run(record(sending.store, sending.who, session, bundle(3)))
        eventually(lambda: len(server.requests) == 3)
        assert sorted(each.bundle_index for each in settled(sending, eventually)) == [1, 2, 3]


def test_a_bundle_is_found_after_it_was_sealed(sending: Any, eventually: Eventually) -> None:
    """The outbox does not copy it; one without an index could not be found again, and is kept."""
    busy = itertools.count()
    with WireServer(lambda _got: reply(status=500 if next(busy) < 6 else 200)) as server:
        sending.endpoint(server.url, events=["BUNDLE_RECEIVED"])
        session = asyncio.run(sending.store.sessions.create(sending.who, Session()))
        made = [bundle(index) for index in (0, 3, 1, 2, 4)]
        asyncio.run(record(sending.store, sending.who, session, *made, bundle(6, final=True)))
        eventually(lambda: sending.store.folder.sealer.sealed >= 2)
        eventually(lambda: all(each.tries == 1 for each in sending.deliveries()))
        sending.forward(6)
        settled(sending, eventually)
        delivered = [each.bundle.bundle for each in payloads(server)[6:]]
        assert sorted(each.index for each in delivered) == [0, 1, 2, 3, 4, 6]
        assert all(len(each.accelerometer_data) == 2 for each in delivered)


def test_a_delivery_is_tried_ten_times_and_then_given_up(sending: Any, eventually: Eventually) -> None:
    pauses = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
    with WireServer(reply(b"no", status=500)) as server:
        endpoint_id, secret = sending.endpoint(server.url)
        delivery_id = sending.send(endpoint_id)
        for number, pause in enumerate(pauses, start=1):
            waiting = tried(sending, eventually, delivery_id, number)
            due = waiting.next_try_at.ToMicroseconds() - sending.clock.now
            assert pause <= due / 1e6 <= pause * 1.1
            assert (waiting.state, waiting.tries, waiting.outcome) == (waiting.WAITING, number, "500")
            sending.forward(due / 1e6 - 1)
            assert len(server.requests) == number
            sending.forward(1.001)
        over = tried(sending, eventually, delivery_id, 10)
        assert (over.state, over.tries) == (over.FAILED, 10)
        assert not over.HasField("next_try_at")
        sending.forward(DAY)
        assert {got.headers["webhook-id"] for got in server.requests} == {delivery_id}
        stamps = [int(got.headers["webhook-timestamp"]) for got in server.requests]
        assert stamps == sorted(set(stamps))
        assert verify(server.requests[0].body, server.requests[0].headers, secret, now=stamps[0])
        assert over.attempts[0].response_start == b"no"


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_is_success(sending: Any, eventually: Eventually, status: int) -> None:
    with WireServer(reply(status=status)) as server:
        endpoint_id, _ = sending.endpoint(server.url)
        assert tried(sending, eventually, sending.send(endpoint_id)).state == WebhookDelivery.DELIVERED


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308, 400, 401, 404, 500, 502])
def test_anything_else_is_not_and_no_redirect_is_followed(
    sending: Any, eventually: Eventually, status: int
) -> None:
    with WireServer(reply()) as elsewhere, WireServer(reply(status=status, location=elsewhere.url)) as server:
        endpoint_id, _ = sending.endpoint(server.url)
        found = tried(sending, eventually, sending.send(endpoint_id))
        assert (found.state, found.attempts[0].status) == (found.WAITING, status)
        assert elsewhere.requests == []


@pytest.mark.parametrize(
    "answer",
    [
        Reply(b"", hang=True),
        Reply(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", hang=True),
        Reply(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000, drip=0.02),
    ],
)
def test_a_try_ends_at_its_deadline(
    open_sending: Callable[..., Any], eventually: Eventually, answer: Reply
) -> None:
    sending = open_sending(webhook_timeout_seconds=0.3)
    with WireServer(answer) as server:
        endpoint_id, _ = sending.endpoint(server.url)
        found = tried(sending, eventually, sending.send(endpoint_id))
        assert found.outcome == "no whole answer within 0.3 s"
        # The event loop counts whole milliseconds, from when its turn began.
        assert found.attempts[0].duration_micros >= 290_000


@pytest.mark.parametrize(
    "answer",
    [Reply(b"", close=True), Reply(b"SSH-2.0-x\r\n", close=True), reply(b"x" * 50).cut(60)],
)
def test_what_is_no_whole_answer_is_a_failure(sending: Any, eventually: Eventually, answer: Reply) -> None:
    with WireServer(answer) as server:
        endpoint_id, _ = sending.endpoint(server.url)
        found = tried(sending, eventually, sending.send(endpoint_id))
        assert (found.state, found.attempts[0].status) == (found.WAITING, 0)
        assert found.attempts[0].error


def test_of_an_endless_answer_little_is_read(sending: Any, eventually: Eventually) -> None:
    endless = reply(b"x" * 50_000_000)
    with WireServer(endless) as server:
        endpoint_id, _ = sending.endpoint(server.url)
        found = tried(sending, eventually, sending.send(endpoint_id))
        assert found.state == found.DELIVERED
        assert found.attempts[0].response_start == b"x" * 1024


def test_nobody_listens(sending: Any, eventually: Eventually) -> None:
    with WireServer(reply()) as server:
        url = server.url
    endpoint_id, _ = sending.endpoint(url)
    found = tried(sending, eventually, sending.send(endpoint_id))
    assert found.state == found.WAITING
    assert found.outcome == "no connection: connection refused"
    assert sending.describe(endpoint_id).failing_since.ToMicroseconds() == sending.clock.now


def test_410_switches_off_and_what_waits_is_kept(sending: Any, eventually: Eventually) -> None:
    answers = iter([reply(status=410)])
    with WireServer(lambda _got: next(answers, reply())) as server:
        endpoint_id, _ = sending.endpoint(server.url)
        first = sending.send(endpoint_id)
        endpoint = eventually(lambda: (found := sending.describe(endpoint_id)).disabled and found)
        assert "410" in endpoint.notices[0].title
        assert sending.delivery(first).state == WebhookDelivery.WAITING
        asyncio.run(sending.store.sessions.create(sending.who, Session()))
        assert len(sending.deliveries()) == 1  # nothing more is kept for it
        sending.forward(DAY)
        assert len(server.requests) == 1

        endpoint = sending.change(endpoint_id, disabled=False)
        assert not endpoint.HasField("failing_since")
        assert settled(sending, eventually)[0].delivery_id == first
        assert len(sending.describe(endpoint_id).notices) == 1


def test_five_days_of_failures_switch_off(sending: Any, eventually: Eventually) -> None:
    with WireServer(reply(status=503)) as server:
        endpoint_id, _ = sending.endpoint(server.url)
        for day in range(5):
            tried(sending, eventually, sending.send(endpoint_id))
            assert not sending.describe(endpoint_id).disabled, day
            sending.forward(DAY)
        last = sending.send(endpoint_id)
        endpoint = eventually(lambda: (found := sending.describe(endpoint_id)).disabled and found)
        assert "5 days" in endpoint.notices[0].title
        assert "503" in endpoint.notices[0].description
        assert sending.delivery(last).state == WebhookDelivery.WAITING


def test_a_success_begins_a_new_count(sending: Any, eventually: Eventually) -> None:
    answers = iter([reply(status=500), reply(status=200), reply(status=500)])
    with WireServer(lambda _got: next(answers)) as server:
        endpoint_id, _ = sending.endpoint(server.url)
        since = []
        for _ in range(3):
            tried(sending, eventually, sending.send(endpoint_id, event=2))
            since.append(sending.describe(endpoint_id).failing_since.ToMicroseconds())
            sending.clock.now += 1_000_000  # not far enough for what failed to be due
        assert since[0] == sending.clock.now - 3_000_000
        assert since[1] == 0
        assert since[2] == sending.clock.now - 1_000_000


def test_an_endpoint_that_asks_to_wait_is_left_alone(sending: Any, eventually: Eventually) -> None:
    answers = iter([reply(status=429, retry_after="100")])
    with WireServer(lambda _got: next(answers, reply())) as server:
        endpoint_id, _ = sending.endpoint(server.url)
        first = sending.send(endpoint_id)
        tried(sending, eventually, first)
        second = sending.send(endpoint_id)
        sending.forward(99)
        assert sending.delivery(second).tries == 0
        sending.forward(1.001)
        assert tried(sending, eventually, second).state == WebhookDelivery.DELIVERED
        assert tried(sending, eventually, first, 2).state == WebhookDelivery.DELIVERED
        assert len(server.requests) == 3


def test_a_black_hole_keeps_nobody_waiting(sending: Any, eventually: Eventually) -> None:
    with WireServer(Reply(b"", hang=True)) as hole, WireServer(reply()) as healthy:
        dead = [sending.endpoint(f"{hole.url}/{number}")[0] for number in range(10)]
        alive, _ = sending.endpoint(healthy.url, events=["SESSION_INACTIVE"])
        for _ in range(3):
            for endpoint_id in dead:
                sending.send(endpoint_id)
        for number in range(20):
            tried(sending, eventually, sending.send(alive))
            assert len(healthy.requests) == number + 1


def test_what_failed_is_sent_again_when_asked(sending: Any, eventually: Eventually) -> None:
    def resend(**fields: Any) -> int:
        wanted = WebhookResendRequest(**fields)
        return asyncio.run(sending.store.webhooks.resend(sending.who.project_id, wanted)).count

    down = [True]
    with WireServer(lambda _got: reply(status=500 if down[0] else 200)) as server:
        endpoint_id, _ = sending.endpoint(server.url)
        failed = sending.send(endpoint_id)
        tried(sending, eventually, failed)
        down[0] = False
        taken = sending.send(endpoint_id)
        tried(sending, eventually, taken)

        assert resend() == 0
        assert resend(failed=True, endpoint_id=endpoint_id) == 1
        assert tried(sending, eventually, failed, 2).state == WebhookDelivery.DELIVERED
        assert resend(failed=True) == 0
        assert resend(delivery_ids=[taken, failed]) == 2
        eventually(lambda: len(server.requests) == 5)
        ids = [got.headers["webhook-id"] for got in server.requests]
        assert (ids.count(taken), ids.count(failed)) == (2, 3)


def test_two_secrets_sign_while_one_is_rotated(sending: Any, eventually: Eventually) -> None:
    with WireServer(reply()) as server:
        endpoint_id, before = sending.endpoint(server.url)
        rotated = asyncio.run(sending.store.webhooks.rotate(sending.who.project_id, endpoint_id, 60))
        tried(sending, eventually, sending.send(endpoint_id))
        sending.clock.now += 61_000_000
        tried(sending, eventually, sending.send(endpoint_id))
        both, new = server.requests
        for got, secrets in ((both, [before, rotated.secret]), (new, [rotated.secret])):
            assert len(got.headers["webhook-signature"].split()) == len(secrets)
            for secret in secrets:
                verify(got.body, got.headers, secret, now=int(got.headers["webhook-timestamp"]))


def test_no_secret_is_in_a_try_or_the_log(
    sending: Any, eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    with WireServer(reply(status=410)) as server:
        endpoint_id, secret = sending.endpoint(server.url)
        found = tried(sending, eventually, sending.send(endpoint_id))
        assert set(found.attempts[0].request_headers) == {
            "Content-Type", "User-Agent", "X-Moonsense-Signature-256",
            "webhook-id", "webhook-timestamp", "webhook-signature",
        }  # fmt: skip
        for text in (str(found), str(sending.describe(endpoint_id)), caplog.text):
            assert secret not in text
            assert secret.removeprefix("whsec_") not in text


def test_what_waits_is_delivered_after_a_restart_under_its_id(
    open_sending: Callable[..., Any], eventually: Eventually
) -> None:
    sending = open_sending()
    down = [True]
    with WireServer(lambda _got: reply(status=500 if down[0] else 200)) as server:
        endpoint_id, _ = sending.endpoint(server.url)
        delivery_id = sending.send(endpoint_id)
        tried(sending, eventually, delivery_id)
        sending.store.close()
        down[0] = False
        sending = open_sending()
        sending.forward(6)
        settled(sending, eventually)
        assert [got.headers["webhook-id"] for got in server.requests] == [delivery_id] * 2


def test_deliveries_go_with_their_session_and_their_endpoint(sending: Any, eventually: Eventually) -> None:
    with WireServer(reply(status=500)) as server:
        endpoint_id, _ = sending.endpoint(server.url)
        session = asyncio.run(sending.store.sessions.create(sending.who, Session()))
        asyncio.run(record(sending.store, sending.who, session, bundle(1)))
        assert len(sending.deliveries()) == 2
        asyncio.run(sending.store.sessions.delete(sending.who.project_id, session.session_id))
        assert sending.deliveries() == []
        sending.send(endpoint_id)
        asyncio.run(sending.store.webhooks.delete(sending.who.project_id, endpoint_id))
        assert sending.deliveries() == []


def test_after_a_month_they_are_forgotten(open_sending: Callable[..., Any], eventually: Eventually) -> None:
    sending = open_sending()
    with WireServer(reply()) as server:
        endpoint_id, _ = sending.endpoint(server.url)
        tried(sending, eventually, sending.send(endpoint_id))
        sending.clock.now += FORGOTTEN * 1_000_000
        late = sending.send(endpoint_id)
        sending.store.close()
        sending = open_sending()
        eventually(lambda: [each.delivery_id for each in sending.deliveries()] == [late])


def test_a_session_falls_silent_once_a_silence(sending: Any, eventually: Eventually) -> None:
    with WireServer(reply()) as server:
        sending.endpoint(server.url, events=["SESSION_INACTIVE"])
        session = asyncio.run(sending.store.sessions.create(sending.who, Session()))
        sending.forward(1.5)
        asyncio.run(record(sending.store, sending.who, session, bundle(1)))
        sending.forward(1.5)  # 3 s after it was opened, 1.5 s after its bundle
        asyncio.run(record(sending.store, sending.who, session, bundle(2)))
        assert server.requests == []
        sending.forward(2.1)
        eventually(lambda: len(server.requests) == 1)
        sending.forward(1000)
        asyncio.run(record(sending.store, sending.who, session, bundle(3)))
        assert len(server.requests) == 1
        sending.forward(2.1)
        eventually(lambda: len(server.requests) == 2)
        assert payloads(server)[1].session_id == session.session_id


def test_a_cloud_without_endpoints_has_no_thread_for_them(sending: Any) -> None:
    asyncio.run(sending.store.sessions.create(sending.who, Session()))
    assert not sending.store.folder.webhooks.running


def test_endpoints_that_are_gone_or_off_leave_nothing_behind(sending: Any, eventually: Eventually) -> None:
    """Whoever listens now and then makes an endpoint each time."""

    def served() -> int:
        return sending.store.folder.webhooks.numbers()["webhook_endpoints_served"]

    with WireServer(reply()) as server:
        kept, _ = sending.endpoint(server.url)
        for _ in range(5):
            endpoint_id, _ = sending.endpoint(server.url)
            assert tried(sending, eventually, sending.send(endpoint_id)).state == WebhookDelivery.DELIVERED
            asyncio.run(sending.store.webhooks.delete(sending.who.project_id, endpoint_id))
            sending.forward(1)
            eventually(lambda: served() == 1)
        sending.change(kept, disabled=True)
        sending.forward(1)
        eventually(lambda: served() == 0)
        sending.change(kept, disabled=False)
        assert tried(sending, eventually, sending.send(kept)).state == WebhookDelivery.DELIVERED
        assert len(server.requests) == 6


@pytest.fixture
def refused(open_sending: Callable[..., Any]) -> Any:
    """A cloud whose webhooks go nowhere but to one network that nobody has."""
    return open_sending(webhook_allowed_networks=("127.99.0.0/16",))


@pytest.mark.parametrize(
    ("addresses", "reason"),
    [
        (["127.0.0.1"], "127.0.0.1 is loopback"),
        (["10.0.0.1", "::1"], "10.0.0.1 is private, ::1 is loopback"),
        (["8.8.8.8"], "8.8.8.8 is for https only"),
    ],
)
def test_the_address_that_a_name_stands_for_is_checked(
    refused: Any,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
    addresses: list[str],
    reason: str,
) -> None:
    with WireServer(reply()) as server:
        port = int(server.root_domain.rpartition(":")[2])
        _resolve_to(monkeypatch, addresses)
        endpoint_id, _ = refused.endpoint(f"http://hooks.example.org:{port}/")
        found = tried(refused, eventually, refused.send(endpoint_id))
        assert reason in found.outcome
        assert server.requests == []


def test_a_name_is_resolved_once_and_only_what_was_checked_is_connected_to(
    sending: Any, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused addresses beside an allowed one are passed over; a second look would find only those."""
    with WireServer(reply()) as server:
        port = int(server.root_domain.rpartition(":")[2])
        looks = _resolve_to(monkeypatch, ["10.0.0.1", "127.0.0.1"], then=["10.0.0.1"])
        endpoint_id, _ = sending.endpoint(f"http://hooks.example.org:{port}/")
        assert tried(sending, eventually, sending.send(endpoint_id)).state == WebhookDelivery.DELIVERED
        assert looks == ["hooks.example.org"]
        assert server.requests[0].headers["host"] == f"hooks.example.org:{port}"


def _resolve_to(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str], then: list[str] | None = None
) -> list[str]:
    """Let names stand for addresses; gives the names that were looked up."""
    looks: list[str] = []

    def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        looks.append(host)
        found = addresses if len(looks) == 1 or then is None else then
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr("moonsense.cloud.webhooks.sender.getaddrinfo", getaddrinfo)
    return looks


def test_proxies_of_the_environment_are_not_used(
    sending: Any, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    with WireServer(reply(status=500)) as proxy, WireServer(reply()) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        endpoint_id, _ = sending.endpoint(server.url)
        assert tried(sending, eventually, sending.send(endpoint_id)).state == WebhookDelivery.DELIVERED
        assert proxy.requests == []
