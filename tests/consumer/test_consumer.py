"""A consumer on a real cloud: every chunk, in order, as often as it must be."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from moonsense.client import Client
from moonsense.cloud.embed import EmbeddedCloud
from moonsense.consumer import Checkpoints, Consumer, FileCheckpoints, SqliteCheckpoints
from moonsense.errors import AuthenticationError, CheckpointError, ConfigurationError, ConnectionFailed
from moonsense.models import Chunk, SealedBundle, Session, SessionLabel, SessionMetadata

Eventually = Callable[..., Any]


class Seen:
    """A handler that notes what it gets; some chunks it fails with."""

    def __init__(self, failing: Callable[[Session, Chunk, list[SealedBundle]], bool] | None = None) -> None:
        self.calls: list[tuple[str, str, list[int]]] = []
        self._failing = failing

    def __call__(self, session: Session, chunk: Chunk, bundles: list[SealedBundle]) -> None:
        indexes = [sealed.bundle.index for sealed in bundles]
        assert {sealed.session_id for sealed in bundles} == {session.session_id}
        self.calls.append((session.session_id, chunk.chunk_id, indexes))
        if self._failing is not None and self._failing(session, chunk, bundles):
            raise ValueError(f"not {indexes}")

    def of(self, session_id: str) -> list[int]:
        return [index for at, _, indexes in self.calls if at == session_id for index in indexes]

    @property
    def most(self) -> int:
        """How often the chunk was seen that was seen most."""
        return max(Counter(chunk for _, chunk, _ in self.calls).values())


@pytest.fixture
def checkpoints(tmp_path: Path) -> Iterator[SqliteCheckpoints]:
    with SqliteCheckpoints(tmp_path / "checkpoints.db") as store:
        yield store


@pytest.fixture
def make(reading: Client, checkpoints: SqliteCheckpoints, recording) -> Callable[..., Consumer]:
    """Makes consumers of the test's own sessions."""

    def make(**options: Any) -> Consumer:
        defaults = {
            "checkpoints": checkpoints,
            "start": "beginning",
            "client_session_group_id": recording.group,
            "poll": 0.05,
            "backoff": 0.01,
        }
        return Consumer(reading, **{**defaults, **options})

    return make


@contextmanager
def running(consumer: Consumer, handler: Any) -> Iterator[None]:
    """Run a consumer in a thread, and stop it in the end; what it raised is raised."""
    errors: list[BaseException] = []

    def work() -> None:
        try:
            consumer.run(handler)
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        consumer.stop()
        thread.join(30)
    assert not thread.is_alive()
    if errors:
        raise errors[0]


def everything(count: int) -> list[int]:
    return list(range(1, count + 1))


def test_every_chunk_comes_once_and_in_order(make, recording, open_store) -> None:
    sessions = [recording.session(count) for count in (5, 12, 23, 5, 0)]
    consumer, seen = make(checkpoints=open_store()), Seen()
    result = consumer.run(seen, once=True)
    assert (result.done, result.failed, result.dead) == (10, 0, 0)
    for session in sessions:
        assert seen.of(session) == everything(recording.sent[session])
    assert seen.most == 1
    status = consumer.status()
    assert (status.processed, status.lag_chunks, status.lag_seconds, status.sessions) == (10, 0, 0.0, 5)
    assert consumer.run(seen, once=True).done == 0


def test_a_growing_session_is_followed_to_its_silent_end(make, recording, eventually: Eventually) -> None:
    seen = Seen()
    session = recording.open()
    with running(make(), seen):
        for count in (5, 5, 3, 10):
            recording.send(session, count)
        # The last three are in a chunk only once the cloud thinks the session silent; no bundle is final.
        eventually(lambda: seen.of(session) == everything(23))
        late = recording.session(5)
        recording.send(session, 2, final=True)
        eventually(lambda: seen.of(session) == everything(25))
        eventually(lambda: seen.of(late) == everything(5))
    assert seen.most == 1


def test_sessions_that_are_done_are_not_asked_again(make, recording, reading: Client, monkeypatch) -> None:
    sessions = {recording.session(5) for _ in range(4)}
    asked: list[str] = []
    plain = reading.list_chunks
    monkeypatch.setattr(reading, "list_chunks", lambda of, **how: asked.append(of) or plain(of, **how))
    seen = Seen()
    with running(make(poll=0.01, sweep=0.01), seen):
        wait_until(lambda: len(seen.calls) == 4)
        listed: list[str] = []
        plain_list = reading.list_sessions
        monkeypatch.setattr(
            reading, "list_sessions", lambda **options: listed.append("") or plain_list(**options)
        )
        wait_until(lambda: len(listed) > 5)
        before = len(asked)
        wait_until(lambda: len(listed) > 15)
        assert len(asked) == before
    assert set(asked) == sessions


def test_only_what_is_new_of_a_long_session_is_listed(make, recording, reading: Client, monkeypatch) -> None:
    session = recording.session(15, final=False)
    lists: list[tuple[int, int]] = []
    plain = reading.list_chunks

    def list_chunks(session_id: str, *, skip: int = 0) -> list[Chunk]:
        chunks = list(plain(session_id, skip=skip))
        lists.append((skip, len(chunks)))
        return chunks

    monkeypatch.setattr(reading, "list_chunks", list_chunks)
    seen = Seen()
    with running(make(), seen):
        for count in (15, 20, 25):
            recording.send(session, count - recording.sent[session])
            wait_until(lambda count=count: seen.of(session) == everything(count))
    wanted = [(skip, count) for skip, count in lists if count > 1]
    assert wanted == [(0, 3), (2, 2), (3, 2)]


def test_a_dead_letter_before_what_is_new_is_tried_anew(make, recording, checkpoints) -> None:
    session = recording.session(15, final=False)
    broken = True
    seen = Seen(lambda _session, _chunk, bundles: broken and bundles[0].bundle.index == 6)
    with running(make(tries=1), seen):
        wait_until(lambda: seen.of(session) == everything(15))
        recording.send(session, 5)
        wait_until(lambda: seen.of(session) == everything(20))
        broken = False
        wait_until(lambda: len(checkpoints.retry("default")) == 1)
        wait_until(lambda: seen.of(session) == [*everything(20), 6, 7, 8, 9, 10])


def test_a_cloud_that_lists_chunks_in_another_order_hides_none(
    make, recording, reading: Client, monkeypatch
) -> None:
    session = recording.session(15, final=False)
    plain = reading.list_chunks

    def newest_first(session_id: str, *, skip: int = 0) -> list[Chunk]:
        return list(plain(session_id))[::-1][skip:]

    monkeypatch.setattr(reading, "list_chunks", newest_first)
    seen = Seen()
    with running(make(), seen):
        for count in (15, 20, 30):
            recording.send(session, count - recording.sent[session])
            wait_until(lambda count=count: sorted(seen.of(session)) == everything(count))


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_it_begins_now(make, recording, reading: Client, eventually: Eventually) -> None:
    old = recording.session(5)
    open_ = recording.open()
    recording.send(open_, 5)
    eventually(lambda: recording.chunks(open_))
    chunks = [chunk for session in (old, open_) for chunk in reading.list_chunks(session)]

    def cloud_time() -> datetime:
        return parsedate_to_datetime(reading.with_raw_response.whoami().headers["date"])

    # "now" is the second that the cloud tells.
    eventually(lambda: cloud_time() > max(chunk.created_at.ToDatetime(UTC) for chunk in chunks))
    consumer, seen = make(start="now"), Seen()
    assert consumer.run(seen, once=True).done == 0
    recording.send(open_, 7, final=True)
    new = recording.session(5)
    eventually(lambda: len(recording.chunks(open_)) == 3)
    # The start is the first one's, also for a process that comes later.
    assert make(start="now").run(seen, once=True).done == 3
    assert (seen.of(old), seen.of(open_), seen.of(new)) == ([], list(range(6, 13)), everything(5))
    with pytest.raises(ConfigurationError, match="began with start='now'"):
        make(start="beginning").run(seen, once=True)


def test_it_begins_at_a_time(make, recording, reading: Client) -> None:
    session = recording.session(15)
    made = [chunk.created_at.ToDatetime(UTC) for chunk in reading.list_chunks(session)]
    for number, moment in enumerate(made):
        seen = Seen()
        make(name=f"from {number}", start=moment).run(seen, once=True)
        assert seen.of(session) == everything(15)[5 * number :]
    seen = Seen()
    naive = (made[-1] + timedelta(microseconds=1)).replace(tzinfo=None)
    make(name="after", start=naive).run(seen, once=True)
    assert seen.calls == []


def test_sessions_are_selected_in_lists_and_when_woken(make, recording, eventually: Eventually) -> None:
    phone = {"metadata": SessionMetadata(platform=SessionMetadata.iOS)}
    wanted = recording.session(5, labels=[SessionLabel(name="walk")], **phone)
    others = [
        recording.session(5, labels=[SessionLabel(name="walk")]),
        recording.session(5, labels=[SessionLabel(name="run")], **phone),
    ]
    seen = Seen()
    consumer = make(labels="walk", platforms=["ios"], poll=3600.0)
    with running(consumer, seen):
        eventually(lambda: seen.of(wanted) == everything(5))
        late = recording.session(5, labels=[SessionLabel(name="walk")], **phone)
        for session in (*others, "nothing", late):
            consumer.wake(session)
        eventually(lambda: seen.of(late) == everything(5))
    assert {session for session, _, _ in seen.calls} == {wanted, late}


def test_a_sweep_finds_what_grows_behind_the_window(make, recording, eventually: Eventually) -> None:
    old = recording.session(5, final=False)
    newest = recording.session(5)
    seen = Seen()
    with running(make(window=0.0, sweep=0.3), seen):
        eventually(lambda: len(seen.calls) == 2)
        recording.send(old, 5)
        eventually(lambda: seen.of(old) == everything(10))
    assert seen.of(newest) == everything(5)


def test_a_failing_chunk_is_tried_and_given_up(
    make, recording, checkpoints, caplog: pytest.LogCaptureFixture
) -> None:
    session = recording.session(15)
    bad = recording.chunks(session)[1]
    broken = True
    consumer, seen = make(tries=3), Seen(lambda _s, chunk, _b: broken and chunk.chunk_id == bad)
    with caplog.at_level(logging.WARNING, "moonsense.consumer"):
        result = consumer.run(seen, once=True)
    assert (result.done, result.failed, result.dead) == (2, 3, 1)
    # In order, the failing one as often as it may, and on behind it.
    assert seen.of(session) == [*everything(10), *range(6, 11), *range(6, 11), *range(11, 16)]
    (letter,) = checkpoints.dead_letters("default")
    assert (letter.session_id, letter.chunk_id, letter.attempts) == (session, bad, 3)
    assert letter.error == "ValueError: not [6, 7, 8, 9, 10]"
    assert "in __call__" in letter.traceback
    assert letter.created_at <= letter.failed_at
    (report,) = (record for record in caplog.records if record.levelno == logging.ERROR)
    assert bad in report.message
    assert session in report.message
    assert report.exc_info is not None
    assert consumer.status().dead == 1

    broken = False
    assert consumer.run(seen, once=True).done == 0, "it is not forgotten, and not tried by itself"
    assert checkpoints.retry("default") == [bad]
    assert consumer.run(seen, once=True).done == 1
    assert seen.calls[-1] == (session, bad, list(range(6, 11)))
    assert consumer.status().dead == 0


def test_tries_outlive_the_process(make, recording, checkpoints) -> None:
    recording.session(5)
    seen = Seen(lambda *_: True)
    consumer = make(tries=4, backoff=3600)
    for _ in range(2):
        with running(consumer, seen):
            wait_until(lambda: bool(seen.calls) and consumer.status().lag_chunks == 1)
    assert len(seen.calls) == 1, "the pause before the next try holds over a restart, too"
    result = make(tries=2, backoff=0.0)
    checkpoints.skip("default", [seen.calls[0][1]])
    assert result.run(seen, once=True).done == 0
    assert result.status().lag_chunks == 0


def test_what_is_damaged_becomes_a_dead_letter(make, recording, reading, checkpoints, monkeypatch) -> None:
    from moonsense.errors import IntegrityError

    session = recording.session(5)

    def damaged(*_: str) -> Iterator[SealedBundle]:
        raise IntegrityError("the md5 differs")
        yield

    monkeypatch.setattr(reading, "read_chunk", damaged)
    assert make(tries=2).run(Seen(), once=True).dead == 1
    (letter,) = checkpoints.dead_letters()
    assert (letter.session_id, letter.error) == (
        session,
        "moonsense.errors.IntegrityError: the md5 differs",
    )


def test_the_effect_is_there_exactly_once(make, recording, checkpoints, tmp_path: Path) -> None:
    for count in (23, 8, 15):
        recording.session(count)
    calls = 0

    def handler(session: Session, chunk: Chunk, bundles: list, transaction: sqlite3.Connection) -> None:
        nonlocal calls
        calls += 1
        transaction.execute("CREATE TABLE IF NOT EXISTS sink (session, bundle)")
        with transaction:  # the idiom of scripts, which commits nothing here
            transaction.executemany(
                "INSERT INTO sink VALUES (?, ?)",
                [(session.session_id, sealed.bundle.index) for sealed in bundles],
            )
        if calls % 3 == 0:
            raise OSError("after the effect")

    result = make().run(handler, once=True)
    assert (result.done, result.dead) == (10, 0)
    assert result.failed >= 3
    with sqlite3.connect(tmp_path / "checkpoints.db") as sink:
        rows = sink.execute("SELECT session, bundle FROM sink").fetchall()
    sink.close()
    assert sorted(rows) == sorted((s, i) for s, count in recording.sent.items() for i in everything(count))


def test_a_handler_cannot_end_the_transaction(make, recording, checkpoints) -> None:
    recording.session(5)
    for end in ("commit", "rollback", "close"):

        def handler(s: Any, c: Any, b: Any, transaction: Any, end: str = end) -> None:
            getattr(transaction, end)()

        assert make(name=end, tries=1).run(handler, once=True).dead == 1

    def by_statement(s: Any, c: Any, b: Any, transaction: Any) -> None:
        transaction.execute("COMMIT")

    assert make(name="statement", tries=1).run(by_statement, once=True).dead == 1
    assert all("ProgrammingError" in letter.error for letter in checkpoints.dead_letters())


def test_handlers_that_cannot_be_are_refused(make, tmp_path: Path) -> None:
    async def asynchronous(s: Any, c: Any, b: Any, transaction: Any) -> None: ...

    def plain(s: Any, c: Any, b: Any, transaction: Any) -> None: ...

    with pytest.raises(ConfigurationError, match="coroutine"):
        make().run(asynchronous)
    with FileCheckpoints(tmp_path / "c.jsonl") as file, pytest.raises(ConfigurationError, match="Sqlite"):
        make(checkpoints=file).run(plain)


@pytest.mark.parametrize(
    "options",
    [{"start": "yesterday"}, {"parallel": 0}, {"tries": 0}, {"poll": 0}, {"backoff": -1}, {"name": ""}],
)
def test_values_that_cannot_be_are_refused(make, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        make(**options)


def test_status_before_the_first_run(make) -> None:
    with pytest.raises(CheckpointError, match="never run"):
        make().status()


def test_sessions_are_worked_on_in_parallel_and_each_in_order(make, recording) -> None:
    sessions = [recording.session(10) for _ in range(4)]
    together = threading.Barrier(3, timeout=20)
    now: Counter[str] = Counter()
    most = 0
    lock = threading.Lock()

    def handler(session: Session, chunk: Chunk, bundles: list[SealedBundle]) -> None:
        nonlocal most
        with lock:
            now[session.session_id] += 1
            assert now[session.session_id] == 1
            most = max(most, now.total())
        if bundles[0].bundle.index == 1 and session.session_id in sessions[:3]:
            together.wait()
        with lock:
            now[session.session_id] -= 1

    assert make(parallel=3, tries=1).run(handler, once=True).done == 8
    assert most == 3


def test_coroutine_handlers_run_on_one_loop(make, recording) -> None:
    sessions = [recording.session(10) for _ in range(3)]
    loops: set[int] = set()
    seen = Seen()

    async def handler(session: Session, chunk: Chunk, bundles: list[SealedBundle]) -> None:
        await asyncio.sleep(0)
        loops.add(id(asyncio.get_running_loop()))
        seen(session, chunk, bundles)

    assert make().run(handler, once=True).done == 6
    assert len(loops) == 1
    assert [seen.of(session) for session in sessions] == [everything(10)] * 3


@pytest.mark.anyio
async def test_it_runs_beside_an_event_loop(make, recording) -> None:
    recording.session(10)
    loop = asyncio.get_running_loop()
    called = asyncio.Event()

    async def handler(session: Session, chunk: Chunk, bundles: list[SealedBundle]) -> None:
        assert asyncio.get_running_loop() is loop
        called.set()

    assert (await make().run_async(handler, once=True)).done == 2
    consumer = make(name="another")
    called.clear()
    running = asyncio.create_task(consumer.run_async(handler))
    await called.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert consumer.status().working == 0


def test_it_stops_between_chunks(make, recording) -> None:
    session = recording.session(20)
    consumer = make()
    seen = Seen(lambda *_: consumer.stop() or False)
    assert consumer.run(seen).done == 1
    assert seen.of(session) == everything(5)
    assert consumer.status().working == 0
    assert make().run(seen, once=True).done == 3
    assert seen.of(session) == everything(20)


def test_a_stop_before_the_run_is_not_lost(make, recording) -> None:
    """The thread that runs it may be slower than the one that stops it."""
    session = recording.session(5)
    consumer, seen = make(), Seen()
    consumer.stop()
    assert consumer.run(seen).done == 0
    consumer.stop()  # one more, after it ended
    assert consumer.run(seen, once=True).done == 1
    assert seen.of(session) == everything(5)


def test_it_ends_when_its_checkpoints_are_closed(make, recording, checkpoints) -> None:
    recording.session(15)
    consumer = make()
    with pytest.raises(CheckpointError, match="is closed"):
        consumer.run(Seen(lambda *_: checkpoints.close() or False))


def test_what_is_abandoned_is_not_committed(make, recording, checkpoints) -> None:
    session = recording.session(5)
    consumer, begun, go = make(), threading.Event(), threading.Event()

    def handler(session: Session, chunk: Chunk, bundles: list, transaction: sqlite3.Connection) -> None:
        transaction.execute("CREATE TABLE sink (chunk)")
        begun.set()
        go.wait(20)

    thread = threading.Thread(target=consumer.run, args=(handler,))
    thread.start()
    assert begun.wait(20)
    consumer.stop(abandon=True)
    thread.join(20)
    assert not thread.is_alive(), "it does not wait for the handler"
    go.set()
    seen = Seen()
    assert make(lease=1.0).run(seen, once=True).done in (0, 1)
    wait_until(lambda: make().run(seen, once=True).done == 0 and bool(seen.calls))
    assert seen.of(session) == everything(5)
    with checkpoints._borrowed() as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'sink'").fetchone()[0] == 0


def test_it_runs_once_at_a_time(make, recording) -> None:
    recording.session(5)
    consumer = make()
    seen = Seen()
    with running(consumer, seen):
        wait_until(lambda: bool(seen.calls))
        with pytest.raises(ConfigurationError, match="runs already"):
            consumer.run(seen)


def test_a_deleted_session_is_forgotten(make, recording, reading: Client) -> None:
    gone, kept = recording.session(12), recording.session(5)
    consumer = make(tries=2)

    def handler(session: Session, chunk: Chunk, bundles: list[SealedBundle]) -> None:
        if session.session_id == gone:
            reading.delete_session(gone)

    result = consumer.run(handler, once=True)
    assert result.dead == 0
    status = consumer.status()
    assert (status.sessions, status.lag_chunks, status.dead) == (1, 0, 0)
    assert kept in recording.sent


def test_a_token_that_is_not_accepted_ends_it(sealing_cloud: EmbeddedCloud, checkpoints: Checkpoints) -> None:
    with (
        Client("moon_sk_wrong", sealing_cloud.root_domain, "http", "") as client,
        pytest.raises(AuthenticationError),
    ):
        Consumer(client, checkpoints=checkpoints, start="beginning").run(Seen())


def test_a_cloud_that_cannot_be_reached(checkpoints: Checkpoints, caplog: pytest.LogCaptureFixture) -> None:
    with Client("token", "127.0.0.1:1", "http", "", tries=1) as client:
        consumer = Consumer(client, checkpoints=checkpoints, start="beginning", poll=0.01)
        with pytest.raises(ConnectionFailed):
            consumer.run(Seen(), once=True)
        with caplog.at_level(logging.WARNING, "moonsense.consumer"), running(consumer, Seen()):
            wait_until(lambda: len(caplog.records) >= 2)


def test_lag_is_told(make, recording, caplog: pytest.LogCaptureFixture) -> None:
    recording.session(15)
    consumer, begun, go = make(), threading.Event(), threading.Event()

    def handler(session: Session, chunk: Chunk, bundles: list[SealedBundle]) -> None:
        begun.set()
        assert go.wait(20)

    with caplog.at_level(logging.INFO, "moonsense.consumer"):
        with running(consumer, handler):
            assert begun.wait(20)
            status = consumer.status()
            assert (status.lag_chunks, status.working) == (3, 1)
            assert status.lag_seconds > 0
            go.set()
            wait_until(lambda: consumer.status().processed == 3)
            assert consumer.status().lag_seconds == 0
        assert any("0 chunks behind, the oldest for 0.0 s" in record.message for record in caplog.records)
