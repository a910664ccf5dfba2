"""What recording apps found out themselves, and catalogs of an older version."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy
from alembic import command
from alembic.config import Config
from support.recordings import write_recording
from support.stores import bundle, make_principal, read_back, record, until

from moonsense.cloud.catalog import migrate as migrating
from moonsense.cloud.catalog.engine import connect
from moonsense.cloud.importer import import_tree
from moonsense.cloud.records import Place, Principal, SessionFilters
from moonsense.cloud.settings import Settings
from moonsense.cloud.store import Store
from moonsense.models import Feature, Session, SessionFeaturesResponse


def feature(value: float) -> Feature:
    made = Feature()
    made.double_list.value.append(value)
    return made


def test_features_in_bundles_become_the_session_s(store: Store, who: Principal) -> None:
    """Those of bundles in the log as those of sealed ones; of one name the last counts."""

    async def run() -> None:
        session = await store.sessions.create(who, Session())
        sent = [bundle(index) for index in range(1, 8)]
        sent[0].features["speed"].CopyFrom(feature(1))
        sent[1].features["pressure"].CopyFrom(feature(2))
        await record(store, who, session, *sent[:5])
        await until(lambda: store.numbers()["chunks"] == 1)
        sent[5].features["speed"].CopyFrom(feature(3))
        await record(store, who, session, *sent[5:])
        found = await store.findings.session_features(who.project_id, session.session_id)
        assert dict(found.client_sdk) == {"speed": feature(3), "pressure": feature(2)}
        await record(store, who, session, *(bundle(index) for index in range(8, 11)))
        await until(lambda: store.numbers()["chunks"] == 2)
        assert found == await store.findings.session_features(who.project_id, session.session_id)
        more = SessionFeaturesResponse(cloud_network={"asn": feature(4)})
        all_of_them = await store.findings.set_session_features(who.project_id, session.session_id, more)
        assert set(all_of_them.client_sdk) == {"speed", "pressure"}
        assert set(all_of_them.cloud_network) == {"asn"}

    asyncio.run(run())


def test_a_recording_s_packet_capture_is_imported(store: Store, who: Principal, tmp_path: Path) -> None:
    write_recording(tmp_path / "tree", "captured2345")
    pcap = (
        struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + struct.pack("<IIII", 1, 2, 3, 3) + b"syn"
    )
    (tmp_path / "tree" / "2022-08-04" / "captured2345" / "packets.pcap").write_bytes(pcap)
    assert not import_tree(store, tmp_path / "tree", who.project_id).failed

    async def read() -> bytes:
        body = await store.captures.open(who.project_id, "captured2345")
        assert body is not None
        return b"".join([piece async for piece in body])

    assert asyncio.run(read()) == pcap
    described = asyncio.run(store.sessions.describe(who.project_id, "captured2345", full=False))
    assert described.counters["packet"].total == 1


def test_a_catalog_of_the_first_version_is_brought_up_to_date(
    settings: Settings, open_store: Callable[..., Store]
) -> None:
    settings.data_dir.mkdir()
    engine = connect(settings.data_dir / "catalog.db", writing=True)
    config = Config()
    config.set_main_option("script_location", str(Path(migrating.__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for statement in (
            "INSERT INTO project VALUES ('p', 'p', 0)",
            "INSERT INTO app VALUES ('a', 'p', 'a', 0)",
            *(
                "INSERT INTO session (session_id, project_id, app_id, created_at, platform, journey_id,"
                f" client_session_group_id, document) VALUES ('s{n}', 'p', 'a', {n}, 0, '{journey}', '', x'')"
                for n, journey in enumerate(["", "one", "two", "one"])
            ),
        ):
            connection.execute(sqlalchemy.text(statement))
    engine.dispose()

    store = open_store()

    page = asyncio.run(store.journeys.page("p", SessionFilters(), Place(9)))
    assert [(j.journey_id, j.session_count, j.created_at.ToMicroseconds()) for j in page.items] == [
        ("two", 1, 2),
        ("one", 2, 1),
    ]
    who = make_principal(store)
    session = asyncio.run(store.sessions.create(who, Session()))
    asyncio.run(record(store, who, session, bundle(1)))
    assert len(asyncio.run(read_back(store, who.project_id, session.session_id))) == 1


def test_migrations_go_back_and_forth(settings: Settings) -> None:
    settings.data_dir.mkdir()
    engine = connect(settings.data_dir / "catalog.db", writing=True)
    config = Config()
    config.set_main_option("script_location", str(Path(migrating.__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        for revision in ("head", "base", "head"):
            (command.downgrade if revision == "base" else command.upgrade)(config, revision)
        names = set(sqlalchemy.inspect(connection).get_table_names())
    engine.dispose()
    assert {"session", "journey", "capture"} <= names


@pytest.mark.parametrize("asked", ["features", "signals"])
def test_nothing_found_out_is_an_empty_answer(store: Store, who: Principal, asked: str) -> None:
    session = asyncio.run(store.sessions.create(who, Session()))
    if asked == "features":
        found = asyncio.run(store.findings.session_features(who.project_id, session.session_id))
        assert found == SessionFeaturesResponse(session_id=session.session_id)
    else:
        assert asyncio.run(store.findings.signals(who.project_id, session.session_id)).ByteSize() == 0
