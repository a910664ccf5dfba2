"""Sessions, labels, cards and tokens in the store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from support.stores import bundle, make_principal, read_back, record

from moonsense.cloud.catalog import sessions
from moonsense.cloud.catalog.engine import connect
from moonsense.cloud.catalog.migrate import migrate
from moonsense.cloud.catalog.tables import metadata
from moonsense.cloud.records import Place, Principal, SessionFilters
from moonsense.cloud.store import Store
from moonsense.contract.paging import Key
from moonsense.contract.problems import Problem
from moonsense.errors import ConfigurationError
from moonsense.models import Card, Session, SessionLabel


def problem(awaitable: object) -> int:
    """The status of the Problem that a coroutine raises."""
    with pytest.raises(Problem) as caught:
        asyncio.run(awaitable)  # type: ignore[arg-type]
    return caught.value.status


def test_migrations_make_the_tables(store: Store) -> None:
    """What the migrations made is what the code believes, column by column and index by index."""
    engine = connect(store.folder.settings.data_dir / "catalog.db", writing=True)
    migrate(engine)  # again: nothing to do
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_a_folder_has_one_server(open_store: Callable[..., Store]) -> None:
    first = open_store()
    with pytest.raises(ConfigurationError, match="another process serves the data folder"):
        open_store()
    beside = open_store(serving=False)  # a command, such as an import
    assert beside.access.projects() == []
    first.close()
    open_store()


def test_a_session_without_metadata_and_config_has_none(store: Store, who: Principal) -> None:
    made = asyncio.run(store.sessions.create(who, Session()))
    assert not made.HasField("metadata")
    assert not made.HasField("config")


def test_a_commit_is_synced_and_readers_cannot_write(store: Store) -> None:
    def pragmas(connection: Connection) -> dict[str, object]:
        names = ("synchronous", "journal_mode", "foreign_keys", "query_only")
        return {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names}

    full = 2
    always = {"synchronous": full, "journal_mode": "wal", "foreign_keys": 1}
    assert store.folder.write_now(pragmas) == always | {"query_only": 0}
    assert store.folder.read_now(pragmas) == always | {"query_only": 1}


def test_a_session_as_it_was_opened(store: Store, who: Principal) -> None:
    wanted = Session(
        session_id="abcABC234",
        journey_id="a-journey",
        client_session_group_id="group",
        labels=[SessionLabel(name="b"), SessionLabel(name="a"), SessionLabel(name="b")],
    )
    wanted.metadata.platform = wanted.metadata.WEB
    wanted.metadata.model = "Übergröße"
    wanted.config.sensor_sampling_rate = 25
    wanted.counters["pointer"].total = 7  # not the recorder's to say
    made = asyncio.run(store.sessions.create(who, wanted))
    assert (made.session_id, made.app_id) == ("abcABC234", who.app_id)
    assert (made.metadata, made.config) == (wanted.metadata, wanted.config)
    assert [label.name for label in made.labels] == ["b", "a"]
    assert not made.counters
    assert made.created_at.nanos > 0
    assert asyncio.run(store.sessions.describe(who.project_id, "abcABC234", full=True)) == made
    assert asyncio.run(store.sessions.create(who, wanted)) == made, "asking once more gives what is there"


def test_another_project_sees_nothing(store: Store, who: Principal) -> None:
    stranger = make_principal(store)
    session = asyncio.run(store.sessions.create(who, Session()))
    asyncio.run(record(store, who, session, bundle(1)))
    card = asyncio.run(store.cards.create(who.project_id, Card(session_id=session.session_id, title="t")))
    project, id_ = stranger.project_id, session.session_id
    assert problem(store.sessions.describe(project, id_, full=False)) == 404
    assert problem(store.sessions.delete(project, id_)) == 404
    assert problem(store.labels.replace(project, id_, ["x"])) == 404
    assert problem(store.bundles.chunks(project, id_, offset=0, limit=1)) == 404
    assert problem(store.bundles.open(project, id_, "application/x-ndjson")) == 404
    assert problem(store.cards.page(project, id_, offset=0, limit=1)) == 404
    assert problem(store.cards.create(project, Card(session_id=id_))) == 404
    assert problem(store.cards.delete(project, card.card_id)) == 404
    assert problem(record(store, stranger, session, bundle(2))) == 404
    assert problem(store.sessions.create(stranger, Session(session_id=id_))) == 409
    assert asyncio.run(store.labels.all(project)) == []
    page = asyncio.run(store.sessions.page(project, SessionFilters(), Place(9)))
    assert (page.items, page.total) == ([], 0)
    assert len(asyncio.run(read_back(store, who.project_id, id_))) == 1


def test_counters_and_bounds_are_right_before_and_after_sealing(store: Store, who: Principal) -> None:
    async def run() -> None:
        session = await store.sessions.create(who, Session())
        for index in range(1, 8):
            await record(store, who, session, bundle(index, items=index))
            described = await store.sessions.describe(who.project_id, session.session_id, full=True)
            totals = {name: counter.total for name, counter in described.counters.items()}
            assert totals == {"bundle": index, "accelerometer": sum(range(index + 1))}
            assert sum(b.value for b in described.counters["bundle"].buckets) == index
            assert described.oldest_event.ToMilliseconds() == 1_700_000_001_000
            assert described.newest_event.ToMilliseconds() == 1_700_000_000_000 + index * 1000 + index - 1
            minimal = await store.sessions.describe(who.project_id, session.session_id, full=False)
            assert not minimal.counters["bundle"].buckets

    asyncio.run(run())


def test_listing_by_filters_and_places(store: Store, who: Principal) -> None:
    async def run() -> None:
        made = []
        for number in range(7):
            wanted = Session(journey_id=f"j{number % 2}", client_session_group_id=f"g{number % 3}")
            wanted.metadata.platform = number % 4
            wanted.labels.extend(SessionLabel(name=name) for name in ("all", f"l{number % 2}"))
            made.append(await store.sessions.create(who, wanted))
        made.reverse()

        async def ids(filters: SessionFilters, **place: object) -> list[str]:
            where = Place(**{"limit": 100} | place)  # type: ignore[arg-type]
            page = await store.sessions.page(who.project_id, filters, where)
            assert len(page.items) <= where.limit
            return [session.session_id for session in page.items]

        def those(holds: Callable[[Session], bool]) -> list[str]:
            return [session.session_id for session in made if holds(session)]

        everything = [session.session_id for session in made]
        assert await ids(SessionFilters()) == everything
        assert await ids(SessionFilters(labels=("l0", "none"))) == those(lambda s: s.labels[1].name == "l0")
        assert await ids(SessionFilters(labels=("l0", "all"))) == everything
        assert await ids(SessionFilters(platforms=("iOS", "WEB"))) == those(
            lambda s: s.metadata.platform in (1, 3)
        )
        assert await ids(SessionFilters(journey_id="j1")) == those(lambda s: s.journey_id == "j1")
        assert await ids(SessionFilters(client_session_group_id="g2")) == those(
            lambda s: s.client_session_group_id == "g2"
        )
        third = made[2].created_at.ToMicroseconds()
        assert await ids(SessionFilters(since_micros=third)) == everything[:3]
        assert await ids(SessionFilters(before_micros=third)) == everything[3:]
        assert await ids(SessionFilters(), offset=2, limit=3) == everything[2:5]
        assert await ids(SessionFilters(), after=Key(third, everything[2]), limit=2) == everything[3:5]
        page = await store.sessions.page(who.project_id, SessionFilters(), Place(3))
        assert (page.total, page.more, page.last) == (7, True, Key(third, everything[2]))

    asyncio.run(run())


def test_a_page_goes_on_to_the_end_of_its_second(store: Store, who: Principal) -> None:
    times = [10_999_999, 10_500_000, 10_500_000, 10_000_000, 9_999_999, 9_000_001]
    for number, moment in enumerate(times):
        session = Session(session_id=f"s{number}")
        store.folder.write_now(
            lambda c, s=session, m=moment: sessions.create(c, who.project_id, who.app_id, s, m)
        )

    def page(limit: int, before: int | None = None) -> tuple[list[str], bool]:
        filters = SessionFilters(before_micros=before)
        found = asyncio.run(store.sessions.page(who.project_id, filters, Place(limit, whole_second=True)))
        return [session.session_id for session in found.items], found.more

    assert page(1) == (["s0", "s2", "s1", "s3"], True)
    assert page(5) == (["s0", "s2", "s1", "s3", "s4", "s5"], False)
    assert page(1, before=10_000_000) == (["s4", "s5"], False)


def test_labels_are_replaced_and_counted(store: Store, who: Principal) -> None:
    async def run() -> None:
        first = await store.sessions.create(who, Session())
        second = await store.sessions.create(who, Session())
        await store.labels.replace(who.project_id, first.session_id, ["fraud", "bot"])
        await store.labels.replace(who.project_id, second.session_id, ["fraud"])
        before = await store.sessions.describe(who.project_id, first.session_id, full=False)
        await store.labels.replace(who.project_id, first.session_id, ["new", "fraud"])
        after = await store.sessions.describe(who.project_id, first.session_id, full=False)
        assert [label.name for label in after.labels] == ["new", "fraud"]
        assert after.labels[1] == before.labels[0], "a label that stays keeps its id and time"
        assert [(top.name, top.sessions_count) for top in await store.labels.top(who.project_id)] == [
            ("fraud", 2),
            ("new", 1),
        ]
        names = [label.name for label in await store.labels.all(who.project_id)]
        assert names == ["bot", "fraud", "new"]

    asyncio.run(run())


def test_cards_newest_first(store: Store, who: Principal) -> None:
    async def run() -> None:
        session = await store.sessions.create(who, Session())
        made = [
            await store.cards.create(who.project_id, Card(session_id=session.session_id, title=f"t{n}"))
            for n in range(3)
        ]
        page = await store.cards.page(who.project_id, session.session_id, offset=0, limit=2)
        assert page.items == [made[2], made[1]]
        assert (page.total, page.more) == (3, True)
        await store.cards.delete(who.project_id, made[2].card_id)
        page = await store.cards.page(who.project_id, session.session_id, offset=0, limit=9)
        assert page.items == [made[1], made[0]]
        with pytest.raises(Problem, match="no such card"):
            await store.cards.delete(who.project_id, made[2].card_id)

    asyncio.run(run())


def test_a_revoked_token_is_nobody(store: Store) -> None:
    project_id = store.access.create_project("p")
    app_id = store.access.create_app(project_id, "a")
    credential = store.access.add_token(
        project_id=project_id, app_id=app_id, scopes="q", digest=b"d" * 32, hint="wxyz"
    )
    assert asyncio.run(store.access.token(b"d" * 32)) == Principal(project_id, app_id, credential, "q")
    assert store.access.revoke_token(credential)
    assert not store.access.revoke_token(credential)
    assert asyncio.run(store.access.token(b"d" * 32)) is None
    assert [record.revoked_at is None for record in store.access.tokens()] == [False]
