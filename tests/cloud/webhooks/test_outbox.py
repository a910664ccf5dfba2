"""An event and what it is about: neither is stored without the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import Connection
from support.stores import bundle, record
from support.wire import WireServer, reply

from moonsense.cloud.catalog import deliveries
from moonsense.cloud.catalog.deliveries import Entry
from moonsense.models import Session

Eventually = Callable[..., Any]

ADD = deliveries.add


def test_an_event_that_fails_to_be_recorded_fails_what_it_is_about(
    sending: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One transaction: neither is without the other, and what is asked again is told then."""
    with WireServer(reply()) as server:
        sending.endpoint(server.url, events=["SESSION_CREATED"])
        with monkeypatch.context() as broken:
            broken.setattr(deliveries, "add", _fail)
            with pytest.raises(OSError, match="no room"):
                asyncio.run(sending.store.sessions.create(sending.who, Session(session_id="s")))
        with pytest.raises(Exception, match="no such session"):
            asyncio.run(sending.store.sessions.describe(sending.who.project_id, "s", full=False))


def test_bundles_whose_event_fails_to_be_recorded_are_not_stored(
    sending: Any, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is answered with an error has stored nothing and is told of when it sends again, once;
    whoever was in the same transaction does not notice."""
    store, who = sending.store, sending.who
    failing, other = (asyncio.run(store.sessions.create(who, Session())) for _ in range(2))
    failing_key = asyncio.run(store.folder.session(who.project_id, failing.session_id)).key

    def add(connection: Connection, entries: Sequence[Entry]) -> None:
        ADD(connection, entries)
        if entries[0].session_key == failing_key:
            _fail()

    async def record_both() -> list[BaseException | None]:
        sends = [record(store, who, each, bundle(0), bundle(1)) for each in (failing, other)]
        return await asyncio.gather(*sends, return_exceptions=True)

    def stored() -> list[int]:
        described = (
            asyncio.run(store.sessions.describe(who.project_id, each.session_id, full=False))
            for each in (failing, other)
        )
        return [each.counters["bundle"].total for each in described]

    with WireServer(reply()) as server:
        sending.endpoint(server.url, events=["BUNDLE_RECEIVED"])
        with monkeypatch.context() as broken:
            broken.setattr(deliveries, "add", add)
            failed, fine = asyncio.run(record_both())
        assert isinstance(failed, OSError)
        assert fine is None
        assert stored() == [0, 2]

        asyncio.run(record(store, who, failing, bundle(0), bundle(1)))
        assert stored() == [2, 2]
        eventually(lambda: len(server.requests) == 4)
        told = sorted((each.session_id, each.bundle_index) for each in sending.deliveries())
        assert told == sorted((each.session_id, index) for each in (failing, other) for index in (0, 1))


def _fail(*_: object) -> None:
    raise OSError("no room")
