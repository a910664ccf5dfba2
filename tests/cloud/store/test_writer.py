"""The writer: groups, isolates failures, keeps its promise on close."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine.interfaces import DBAPICursor
from support.stores import bundle, make_principal, record, until

from moonsense.cloud.catalog import writer
from moonsense.cloud.catalog.log import LogRow, SealedIndexes, append
from moonsense.cloud.records import Principal
from moonsense.cloud.store import Store
from moonsense.contract.problems import Problem
from moonsense.models import BundleCreateRequest, Session


def test_what_waits_is_committed_together(open_store: Callable[..., Store]) -> None:
    """While the writer is held up, requests gather; then one commit takes them all."""
    store = open_store(serving=False)
    who = make_principal(store)

    async def run() -> int:
        session = await store.sessions.create(who, Session())
        entered, go_on = threading.Event(), threading.Event()

        def hold(_connection: Connection) -> None:
            entered.set()
            go_on.wait(10)

        held = asyncio.create_task(asyncio.to_thread(store.folder.write_now, hold))
        await asyncio.to_thread(entered.wait, 10)
        before = store.numbers()["commits_total"]
        sends = [asyncio.create_task(record(store, who, session, bundle(i))) for i in range(1, 41)]
        await until(lambda: store.numbers()["bundles_waiting"] == 40)
        go_on.set()
        await asyncio.gather(held, *sends)
        return int(store.numbers()["commits_total"] - before)

    assert asyncio.run(run()) == 2  # the one that was held up, and one for all forty


def test_a_failing_job_undoes_itself_alone(store: Store) -> None:
    def insert_then_fail(connection: Connection) -> None:
        connection.execute(text("INSERT INTO project VALUES ('bad', 'bad', 0)"))
        raise ValueError("no")

    def insert(connection: Connection) -> None:
        connection.execute(text("INSERT INTO project VALUES ('good', 'good', 0)"))

    with ThreadPoolExecutor(2) as pool:
        bad, good = (
            pool.submit(store.folder.write_now, insert_then_fail),
            pool.submit(store.folder.write_now, insert),
        )
        with pytest.raises(ValueError, match="no"):
            bad.result(10)
        good.result(10)
    assert [project_id for project_id, _ in store.access.projects()] == ["good"]


def test_too_much_waiting_is_refused_not_lost(open_store: Callable[..., Store]) -> None:
    store = open_store(ingest_queue_bundles=3)
    who = make_principal(store)

    async def run() -> None:
        session = await store.sessions.create(who, Session())
        with pytest.raises(Problem) as caught:
            await record(store, who, session, *(bundle(i) for i in range(1, 5)))
        assert caught.value.status == 503
        assert caught.value.retry_after == 1
        await record(store, who, session, *(bundle(i) for i in range(1, 4)))
        described = await store.sessions.describe(who.project_id, session.session_id, full=False)
        assert described.counters["bundle"].total == 3

    asyncio.run(run())


def test_bundles_for_a_session_deleted_meanwhile_fail_alone(store: Store, who: Principal) -> None:
    """The store still believes in the session; the database does not."""

    async def run() -> None:
        gone = await store.sessions.create(who, Session())
        stays = await store.sessions.create(who, Session())
        await record(store, who, gone, bundle(1))
        store.folder.write_now(
            lambda c: c.execute(text("DELETE FROM session WHERE session_id = :s"), {"s": gone.session_id})
        )
        request = BundleCreateRequest(session_id=gone.session_id, bundles=[bundle(2)])
        results = await asyncio.gather(
            store.bundles.add(who, request, remote_ip=""),
            record(store, who, stays, bundle(1)),
            return_exceptions=True,
        )
        assert isinstance(results[0], Problem)
        assert results[0].status == 404
        assert results[1] is None

    asyncio.run(run())


def test_one_statement_stores_as_a_transaction_does(
    store: Store, who: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bundles of sessions that are known take the short way: repeats, deleted sessions and all."""

    def checked(
        connection: Connection, cursor: DBAPICursor, rows: Sequence[LogRow], sealed: SealedIndexes
    ) -> list[LogRow]:
        assert not (rows and connection.in_transaction()), "they went into a transaction"
        return append(connection, cursor, rows, sealed)

    async def run() -> None:
        one, other, gone = [await store.sessions.create(who, Session()) for _ in range(3)]
        for each in (one, other, gone):
            await record(store, who, each, bundle(1), bundle(0))
        with monkeypatch.context() as patch:
            patch.setattr(writer, "append", checked)
            await record(store, who, one, bundle(1), bundle(2), bundle(2), bundle(0))
        store.folder.write_now(
            lambda c: c.execute(text("DELETE FROM session WHERE session_id = :s"), {"s": gone.session_id})
        )
        results = await asyncio.gather(
            record(store, who, one, bundle(3)),
            record(store, who, gone, bundle(2)),
            record(store, who, other, bundle(2)),
            return_exceptions=True,
        )
        assert [getattr(result, "status", result) for result in results] == [None, 404, None]
        for each, expected in ((one, 5), (other, 3)):
            described = await store.sessions.describe(who.project_id, each.session_id, full=False)
            assert described.counters["bundle"].total == expected

    asyncio.run(run())


def test_close_twice_and_use_after_close(store: Store, who: Principal) -> None:
    store.close()
    store.close()
    with pytest.raises(Problem, match="stopping"):
        store.access.create_project("late")
    assert store.ready() == "the cloud is stopping"
