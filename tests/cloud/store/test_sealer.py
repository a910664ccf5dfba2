"""The sealer: when it seals, and that a failure at any step loses and repeats nothing."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from support.stores import bundle, make_principal, read_back, record, until

from moonsense.cloud.catalog import chunks, sessions
from moonsense.cloud.objects import Objects
from moonsense.cloud.records import Principal
from moonsense.cloud.store import Store
from moonsense.contract.problems import Problem
from moonsense.models import Session


def chunks_of(store: Store) -> int:
    return int(store.numbers()["chunks"])


async def check_chunks(store: Store, who: Principal, session_id: str) -> None:
    """Every visible chunk has both objects, of the size and md5 that the catalog says."""
    page = await store.bundles.chunks(who.project_id, session_id, offset=0, limit=100)
    for listed in page.items:
        chunk = await store.bundles.open_chunk(who.project_id, session_id, listed.chunk_id)
        packed = b"".join([piece async for piece in chunk.ndjson_gz])
        assert len(packed) == chunk.ndjson_gz.size
        text = gzip.decompress(packed)
        assert hashlib.md5(text).hexdigest() == listed.md5 == chunk.md5
        assert (text.count(b"\n"), text[-1:]) == (chunk.bundles, b"\n")
        framed = b"".join([piece async for piece in chunk.frames])
        assert len(framed) == chunk.frames.size


@pytest.mark.parametrize(
    ("changes", "sent"),
    [
        ({"seal_bundles": 5}, [bundle(i) for i in range(1, 6)]),
        ({"seal_bytes": 300, "seal_bundles": 99}, [bundle(i) for i in range(1, 9)]),
        ({"seal_age_seconds": 0.05, "seal_bundles": 99}, [bundle(1)]),
        ({"seal_bundles": 99}, [bundle(1), bundle(2, final=True)]),
    ],
    ids=["count", "size", "age", "end"],
)
def test_a_chunk_is_made(
    open_store: Callable[..., Store], changes: dict[str, object], sent: list[object]
) -> None:
    store = open_store(**changes)
    who = make_principal(store)

    async def run() -> None:
        session = await store.sessions.create(who, Session())
        await record(store, who, session, *sent)
        await until(lambda: chunks_of(store) > 0)
        back = await read_back(store, who.project_id, session.session_id)
        assert [sealed.bundle for sealed in back] == sent
        await check_chunks(store, who, session.session_id)

    asyncio.run(run())


def test_nothing_is_due(store: Store, who: Principal) -> None:
    """Four of five bundles, young, not final: they stay in the log and are read from there."""

    async def run() -> None:
        session = await store.sessions.create(who, Session())
        full = await store.sessions.create(who, Session())
        await record(store, who, session, *(bundle(i) for i in range(1, 5)))
        await record(store, who, full, *(bundle(i) for i in range(1, 6)))
        await until(lambda: chunks_of(store) == 1)
        page = await store.bundles.chunks(who.project_id, session.session_id, offset=0, limit=10)
        assert (page.items, page.total) == ([], 0)
        assert len(await read_back(store, who.project_id, session.session_id)) == 4

    asyncio.run(run())


def test_many_bundles_at_once_become_chunks_of_the_size_set(store: Store, who: Principal) -> None:
    async def run() -> None:
        session = await store.sessions.create(who, Session())
        await record(store, who, session, *(bundle(i) for i in range(1, 23)))
        await until(lambda: chunks_of(store) == 4)
        page = await store.bundles.chunks(who.project_id, session.session_id, offset=1, limit=2)
        assert (len(page.items), page.total, page.more) == (2, 4, True)
        back = await read_back(store, who.project_id, session.session_id)
        assert [sealed.bundle.index for sealed in back] == list(range(1, 23))
        await check_chunks(store, who, session.session_id)

    asyncio.run(run())


def test_a_bundle_sent_again_is_stored_once(store: Store, who: Principal) -> None:
    """Before it is sealed and after; index 0 says nothing and is always kept."""

    async def run() -> None:
        session = await store.sessions.create(who, Session())
        await record(store, who, session, bundle(1), bundle(2))
        await record(store, who, session, bundle(2), bundle(3))
        await record(store, who, session, bundle(4), bundle(5))
        await until(lambda: chunks_of(store) == 1)
        await record(store, who, session, bundle(1), bundle(5), bundle(6))
        await record(store, who, session, bundle(0), bundle(0))
        back = await read_back(store, who.project_id, session.session_id)
        assert [sealed.bundle.index for sealed in back] == [1, 2, 3, 4, 5, 6, 0, 0]

    asyncio.run(run())


STEPS: list[tuple[type | object, str]] = [
    (chunks, "announce"),
    (Objects, "put"),
    (sessions, "fold"),
    (chunks, "adopt"),
    (chunks, "add"),
]


@pytest.mark.parametrize(("owner", "name"), STEPS, ids=[name for _, name in STEPS])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_failure_at_any_step_loses_and_repeats_nothing(
    open_store: Callable[..., Store],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    owner: object,
    name: str,
    when: str,
) -> None:
    """The step fails; the store is closed as by a crash and opened again."""
    real = getattr(owner, name)

    def fails(*args: object, **kwargs: object) -> object:
        if when == "after":
            real(*args, **kwargs)
        raise OSError("no room on the disk")

    store = open_store()
    who = make_principal(store)

    async def record_and_fail() -> str:
        session = await store.sessions.create(who, Session())
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, fails)
            await record(store, who, session, *(bundle(i) for i in range(1, 6)))
            await until(lambda: store.numbers()["sealer_failures_total"] > 0)
            assert chunks_of(store) == 0
            assert len(await read_back(store, who.project_id, session.session_id)) == 5
            store.close()
        return session.session_id

    session_id = asyncio.run(record_and_fail())
    again = open_store()

    async def check() -> None:
        await until(lambda: chunks_of(again) == 1)
        back = await read_back(again, who.project_id, session_id)
        assert [sealed.bundle.index for sealed in back] == [1, 2, 3, 4, 5]
        described = await again.sessions.describe(who.project_id, session_id, full=True)
        assert described.counters["bundle"].total == 5
        assert sum(bucket.value for bucket in described.counters["bundle"].buckets) == 5
        assert described.counters["accelerometer"].total == 10
        await check_chunks(again, who, session_id)

    asyncio.run(check())


def test_objects_of_a_failed_attempt_and_of_deleted_sessions_are_swept(
    open_store: Callable[..., Store], settings: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store()
    who = make_principal(store)

    def objects() -> list[str]:
        # Not Path.rglob, which fails when a folder it is about to look into is just being removed.
        return [name for _, _, names in os.walk(tmp_path / "data" / "objects") for name in names]

    async def run() -> None:
        session = await store.sessions.create(who, Session())
        await record(store, who, session, *(bundle(i) for i in range(1, 6)))
        await until(lambda: chunks_of(store) == 1)
        assert len(objects()) == 2
        await store.sessions.delete(who.project_id, session.session_id)
        with pytest.raises(Problem) as caught:
            await store.sessions.describe(who.project_id, session.session_id, full=False)
        assert caught.value.status == 404

    asyncio.run(run())
    store.close()
    again = open_store()  # sweeps when it starts
    asyncio.run(until(lambda: not objects()))
    assert chunks_of(again) == 0
