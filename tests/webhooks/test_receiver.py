"""A receiver calls its handlers once a delivery, tells the cloud how it went, and remembers."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import hmac
import logging
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import pytest
from support.deliveries import SECRET, body_of, give, signed

from moonsense.contract import environment
from moonsense.errors import ConfigurationError
from moonsense.models.data_plane_v2_pb2 import CHUNK_PERSISTED, WebhookPayload
from moonsense.webhooks import Answer, WebhookReceiver, new_secret

Make = Callable[..., WebhookReceiver]


@pytest.fixture(params=["threads", "asyncio"])
def give_either(request: pytest.FixtureRequest) -> Callable[..., Answer]:
    """Give a delivery to a receiver, from a thread or from an event loop."""
    if request.param == "threads":
        return give

    def give_async(receiver: WebhookReceiver, body: bytes, message_id: str | None = None) -> Answer:
        return asyncio.run(receiver.handle_async(body, signed(body, message_id)))

    return give_async


def test_handlers_are_called_by_event(receiver: WebhookReceiver, give_either) -> None:
    seen: list[tuple[str, WebhookPayload]] = []

    @receiver.on("CHUNK_PERSISTED")
    def chunk(payload: WebhookPayload) -> None:
        seen.append(("chunk", payload))

    @receiver.on("CHUNK_PERSISTED", "SESSION_CREATED")
    async def both(payload: WebhookPayload) -> None:
        await asyncio.sleep(0)
        seen.append(("both", payload))

    class Every:
        async def __call__(self, payload: WebhookPayload) -> None:
            seen.append(("every", payload))

    receiver.on()(Every())
    receiver.on("SESSION_INACTIVE")(
        functools.partial(lambda name, payload: seen.append((name, payload)), "p")
    )
    assert give_either(receiver, body_of("CHUNK_PERSISTED", "1")) == Answer(200, "handled")
    assert [name for name, _ in seen] == ["chunk", "both", "every"]
    assert seen[0][1] == WebhookPayload(app_id="a", session_id="1", event_type=CHUNK_PERSISTED)
    seen.clear()
    for event in ("SESSION_CREATED", "SESSION_INACTIVE", "BUNDLE_RECEIVED", "SOMETHING_NEW"):
        assert give_either(receiver, body_of(event)).status == 200
    assert [name for name, _ in seen] == ["both", "every", "p", "every", "every", "every"]


def test_an_event_that_nobody_handles_is_taken(receiver: WebhookReceiver) -> None:
    assert give(receiver, body_of()) == Answer(200, "nobody handles CHUNK_PERSISTED")


def test_a_form(receiver: WebhookReceiver) -> None:
    seen = []
    receiver.on("CHUNK_PERSISTED")(seen.append)
    body = urlencode({"payload": body_of()}).encode()
    headers = signed(body) | {"Content-Type": "application/x-www-form-urlencoded"}
    assert receiver.handle(body, headers).status == 200
    assert len(seen) == 1


@pytest.mark.parametrize("transaction", [False, True])
def test_a_repeat_calls_nobody(make: Make, give_either, transaction: bool) -> None:
    seen: list[object] = []
    for _ in range(2):  # the second as after a restart
        receiver = make()
        receiver.on("CHUNK_PERSISTED", transaction=transaction)(lambda *given: seen.append(given[0]))
        assert give_either(receiver, body_of(), "msg_a").status == 200
        assert give_either(receiver, body_of(), "msg_a") == Answer(200, "it was handled before")
        receiver.close()
    assert len(seen) == 1
    assert give_either(receiver, body_of(), "msg_b") == Answer(200, "handled")
    assert len(seen) == 2


def test_it_is_remembered_for_seven_days(make: Make) -> None:
    now = [0.0]
    receiver = make(clock=lambda: now[0], tolerance=float("inf"))
    seen: list[WebhookPayload] = []
    receiver.on()(seen.append)
    day = 24 * 3600
    for days, handled in ((0, 1), (6.9, 1), (7.1, 2), (14, 2), (14.2, 3)):
        now[0] = days * day
        assert give(receiver, body_of(), "msg_a").status == 200
        assert len(seen) == handled, days


def test_what_is_old_is_thrown_away(make: Make, tmp_path: Path) -> None:
    now = [0.0]
    receiver = make(clock=lambda: now[0], tolerance=float("inf"))
    receiver.on()(lambda _: None)
    for number in range(5):
        give(receiver, body_of(), f"msg_{number}")
    now[0] = 8 * 24 * 3600
    give(receiver, body_of(), "msg_new")
    with sqlite3.connect(tmp_path / "webhooks.db") as connection:
        kept = connection.execute("SELECT message_id FROM moonsense_webhook").fetchall()
    connection.close()
    assert kept == [("msg_new",)]


def test_a_handler_that_raises_is_called_again(
    receiver: WebhookReceiver, give_either, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[str] = []

    @receiver.on("CHUNK_PERSISTED")
    def first(_: WebhookPayload) -> None:
        calls.append("first")

    @receiver.on("CHUNK_PERSISTED")
    async def second(_: WebhookPayload) -> None:
        calls.append("second")
        if calls.count("second") < 3:
            raise [StopIteration, KeyError][calls.count("second") - 1]("not yet: secret")

    with caplog.at_level(logging.ERROR, "moonsense.webhooks"):
        for _ in range(2):
            assert give_either(receiver, body_of(), "msg_a") == Answer(500, "a handler failed")
    assert "CHUNK_PERSISTED msg_a of session s was not handled" in caplog.text
    assert "not yet" in caplog.text, "with its traceback"
    assert give_either(receiver, body_of(), "msg_a") == Answer(200, "handled")
    assert calls == ["first", "second"] * 3


def test_a_sync_handler_may_raise_anything_of_its_own(receiver: WebhookReceiver, give_either) -> None:
    @receiver.on()
    def stop(_: WebhookPayload) -> None:
        raise StopIteration

    assert give_either(receiver, body_of()).status == 500


def test_the_mark_and_the_effect_are_one_transaction(
    receiver: WebhookReceiver, give_either, tmp_path: Path
) -> None:
    fail = [True]

    @receiver.on("CHUNK_PERSISTED", transaction=True)
    def count(payload: WebhookPayload, connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE IF NOT EXISTS chunks (session_id TEXT)")
        connection.execute("INSERT INTO chunks VALUES (?)", (payload.session_id,))

    @receiver.on("CHUNK_PERSISTED", transaction=True)
    def maybe(_: WebhookPayload, connection: sqlite3.Connection) -> None:
        assert connection.execute("SELECT count(*) FROM chunks").fetchone() == (1,)
        if fail[0]:
            raise OSError("disk")

    other = sqlite3.connect(tmp_path / "webhooks.db")
    assert give_either(receiver, body_of(), "msg_a").status == 500
    assert other.execute("SELECT count(*) FROM moonsense_webhook").fetchone() == (0,)
    assert other.execute("SELECT name FROM sqlite_master WHERE name = 'chunks'").fetchall() == []
    fail[0] = False
    for _ in range(3):
        assert give_either(receiver, body_of(), "msg_a").status == 200
    assert other.execute("SELECT * FROM chunks").fetchall() == [("s",)]
    other.close()


@pytest.mark.parametrize("end", ["commit", "rollback", "executescript"])
def test_a_handler_that_ends_the_transaction_is_told_so(
    receiver: WebhookReceiver, end: str, caplog: pytest.LogCaptureFixture
) -> None:
    @receiver.on("CHUNK_PERSISTED", transaction=True)
    def count(_: WebhookPayload, connection: sqlite3.Connection) -> None:
        getattr(connection, end)(*(["SELECT 1"] if end == "executescript" else []))

    assert give(receiver, body_of(), "msg_a").status == 500
    assert "count ended the transaction" in caplog.text
    assert give(receiver, body_of(), "msg_a").status == 500, "it was not marked"


def test_an_async_handler_has_no_transaction(receiver: WebhookReceiver) -> None:
    async def handler(*_: object) -> None: ...

    with pytest.raises(TypeError, match="async"):
        receiver.on("CHUNK_PERSISTED", transaction=True)(handler)
    receiver.on("SESSION_CREATED", transaction=True)(lambda *_: asyncio.sleep(0))
    with pytest.warns(RuntimeWarning, match="never awaited"):
        assert give(receiver, body_of("SESSION_CREATED")).status == 500


def test_an_event_that_is_none_is_a_mistake(receiver: WebhookReceiver) -> None:
    for name in ("CHUNK_PERSISTD", "UNKNOWN"):
        with pytest.raises(ValueError, match="SESSION_CREATED, BUNDLE_RECEIVED"):
            receiver.on(name)


def test_one_delivery_from_two_sides_at_once(make: Make) -> None:
    """As when the cloud gave up waiting for the first, and another process gets the second."""
    begun, go_on = threading.Event(), threading.Event()
    calls: list[str] = []
    slow, other = make(), make()

    @slow.on()
    def work(_: WebhookPayload) -> None:
        calls.append("slow")
        begun.set()
        assert go_on.wait(30)

    other.on()(lambda _: calls.append("other"))
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(give(slow, body_of(), "msg_a")))
    thread.start()
    assert begun.wait(30)
    for receiver in (slow, other):
        busy = give(receiver, body_of(), "msg_a")
        assert (busy.status, busy.text) == (503, "it is being handled")
        assert 50 <= int(busy.headers["Retry-After"]) <= 60
    assert give(other, body_of(), "msg_b").status == 200, "others go on"
    go_on.set()
    thread.join(30)
    assert answers == [Answer(200, "handled")]
    assert give(other, body_of(), "msg_a") == Answer(200, "it was handled before")
    assert calls == ["slow", "other"]


def test_one_delivery_from_many_threads_in_a_transaction(make: Make, tmp_path: Path) -> None:
    receivers = [make() for _ in range(4)]
    for receiver in receivers:

        @receiver.on(transaction=True)
        def count(_: WebhookPayload, connection: sqlite3.Connection) -> None:
            connection.execute("CREATE TABLE IF NOT EXISTS effects (n INTEGER)")
            connection.execute("INSERT INTO effects VALUES (1)")

    answers: list[Answer] = []

    def several(receiver: WebhookReceiver) -> None:
        answers.extend(give(receiver, body_of(), f"msg_{number}") for number in range(10))

    threads = [threading.Thread(target=several, args=(receiver,)) for receiver in receivers for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert {answer.status for answer in answers} == {200}
    assert sum(answer.text == "handled" for answer in answers) == 10
    with sqlite3.connect(tmp_path / "webhooks.db") as connection:
        assert connection.execute("SELECT sum(n) FROM effects").fetchone() == (10,)
    connection.close()


def test_whose_process_was_killed_is_anybodys_after_the_lease(make: Make) -> None:
    now = [1_000.0]
    options = {"clock": lambda: now[0], "tolerance": float("inf")}
    killed, other = make(**options), make(**options)

    @killed.on()
    def die(_: WebhookPayload) -> None:
        raise SystemExit

    seen: list[WebhookPayload] = []
    other.on()(seen.append)
    with pytest.raises(SystemExit):
        give(killed, body_of(), "msg_a")
    assert give(other, body_of(), "msg_a") == Answer(503, "it is being handled", {"Retry-After": "60"})
    now[0] += 61
    assert give(other, body_of(), "msg_a").status == 200
    assert len(seen) == 1


def test_who_overran_the_lease_leaves_it_to_the_other(make: Make) -> None:
    now = [1_000.0]
    options = {"clock": lambda: now[0], "tolerance": float("inf")}
    slow, other = make(**options), make(**options)
    order: list[str] = []

    @other.on()
    def second(_: WebhookPayload) -> None:
        order.append("second")

    @slow.on()
    def first(_: WebhookPayload) -> None:
        order.append("first")
        now[0] += 61
        assert give(other, body_of(), "msg_a").status == 200

    slow.on(transaction=True)(lambda *_: order.append("inside"))
    assert give(slow, body_of(), "msg_a") == Answer(200, "it was handled before")
    assert order == ["first", "second"]


def test_a_delivery_without_an_id_is_handled_each_time(tmp_path: Path) -> None:
    """The service's own signature names none, and two chunks of a session have the same body."""
    receiver = WebhookReceiver(tmp_path / "webhooks.db", "a secret of the service")
    seen: list[object] = []
    receiver.on("CHUNK_PERSISTED")(seen.append)
    receiver.on("CHUNK_PERSISTED", transaction=True)(lambda *given: seen.append(given))
    digest = hmac.new(b"a secret of the service", body_of(), hashlib.sha256).hexdigest()
    for _ in range(2):
        assert receiver.handle(body_of(), {"X-Moonsense-Signature-256": digest}).status == 200
    assert len(seen) == 4
    receiver.close()


def test_what_is_refused(receiver: WebhookReceiver, caplog: pytest.LogCaptureFixture) -> None:
    receiver.on()(lambda _: pytest.fail("called"))
    body = body_of()
    assert receiver.handle(body, {}) == Answer(401, "there is no signature")
    assert receiver.handle(body + b" ", signed(body)).status == 401
    assert receiver.handle(body, signed(body, secret=new_secret())).status == 401
    assert give(receiver, b"[]").status == 400
    assert receiver.handle(body, signed(body) | {"Content-Type": "text/xml"}).status == 400
    assert SECRET not in caplog.text
    with pytest.raises(TypeError, match="bytes"):
        receiver.handle(body.decode(), signed(body))  # type: ignore[arg-type]


def test_the_secret_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match=r"MOONSENSE_WEBHOOK_SECRET; moonsense webhooks endpoints"):
        WebhookReceiver(tmp_path / "webhooks.db")
    monkeypatch.setenv(environment.WEBHOOK_SECRET, f"{new_secret()} {SECRET}")
    receiver = WebhookReceiver(tmp_path / "webhooks.db")
    assert give(receiver, body_of()).status == 200
    assert SECRET not in repr(receiver)
    for secrets in ("", [], ["whsec_!"]):
        with pytest.raises(ConfigurationError):
            WebhookReceiver(tmp_path / "webhooks.db", secrets)
    assert not (tmp_path / "webhooks.db").exists(), "nothing was opened yet"


def test_a_store_that_cannot_be_written_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "webhooks.db").mkdir()
    receiver = WebhookReceiver(tmp_path / "webhooks.db", SECRET)
    receiver.on()(lambda _: pytest.fail("called"))
    assert give(receiver, body_of()).status == 500


def test_opening_and_closing_leaves_nothing_open(receiver: WebhookReceiver) -> None:
    receiver.on()(lambda _: None)
    handles = Path("/proc/self/fd")
    for _ in range(50):
        assert give(receiver, body_of()).text == "handled"
        receiver.close()
        receiver.close()
    if handles.exists():
        assert not [fd for fd in handles.iterdir() if fd.exists() and "webhooks.db" in str(fd.resolve())]


FORKING = """
import os, sys
from support.deliveries import SECRET, body_of, give
from moonsense.webhooks import WebhookReceiver

receiver = WebhookReceiver(sys.argv[1], SECRET)
receiver.on(transaction=True)(lambda *_: None)
assert give(receiver, body_of(), "msg_parent").text == "handled"
child = os.fork()
if child == 0:
    assert give(receiver, body_of(), "msg_parent").text == "it was handled before"
    assert give(receiver, body_of(), "msg_child").text == "handled"
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert give(receiver, body_of(), "msg_child").text == "it was handled before"
assert give(receiver, body_of(), "msg_later").text == "handled"
receiver.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_after_a_fork_each_process_has_its_own_connection(tmp_path: Path) -> None:
    """As under a WSGI server that loads the application before it forks."""
    support = Path(__file__).resolve().parent.parent
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", FORKING, tmp_path / "webhooks.db"],
        env={"PYTHONPATH": str(support)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
