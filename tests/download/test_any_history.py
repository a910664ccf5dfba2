"""Whatever happened before, a run that comes to its end leaves what the cloud has."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from support.project import ScriptedProject, line, session_at

from moonsense.codec import json
from moonsense.download import Download, verify
from moonsense.errors import ConnectionFailed
from moonsense.models.data_plane_v2_sdk_pb2 import Session

NOW = datetime.now(UTC)
OVERLAP = timedelta(days=7)


class History(RuleBasedStateMachine):
    """A project that lives, and downloads that are cut off, filtered and broken."""

    def __init__(self) -> None:
        super().__init__()
        self.output = Path(tempfile.mkdtemp())
        self.source = ScriptedProject()

    def teardown(self) -> None:
        shutil.rmtree(self.output)

    @rule(hours=st.integers(0, 7 * 24 - 1), bundles=st.integers(0, 3), journey=st.sampled_from(["", "j"]))
    def record(self, hours: int, bundles: int, journey: str) -> None:
        """A session arrives, late by less than the overlap at most."""
        session = session_at(NOW - timedelta(hours=hours), bundles, journey_id=journey)
        self.source.sessions[session.session_id] = session

    @precondition(lambda self: self.source.sessions)
    @rule(data=st.data())
    def grow(self, data: st.DataObject) -> None:
        """A bundle arrives."""
        self.choose(data).counters["bundle"].total += 1

    @precondition(lambda self: self.source.sessions)
    @rule(data=st.data(), name=st.sampled_from(["a", "b"]))
    def label(self, data: st.DataObject, name: str) -> None:
        """A session gets a label."""
        self.choose(data).labels.add(name=name)

    @precondition(lambda self: self.source.sessions)
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        """A session cannot be downloaded for a while."""
        self.source.broken[self.choose(data).session_id] = ConnectionFailed("no")

    @precondition(lambda self: self.source.sessions)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        """Somebody deletes a session's files."""
        for path in self.output.rglob(self.choose(data).session_id):
            shutil.rmtree(path)

    @rule()
    def lose_the_ledger(self) -> None:
        shutil.rmtree(self.output / ".moonsense", ignore_errors=True)

    @rule(
        days=st.none() | st.integers(0, 8),
        skip=st.none() | st.integers(0, 8),
        labels=st.sampled_from([(), ("a",)]),
        journeys=st.booleans(),
        incremental=st.booleans(),
        stop=st.none() | st.integers(1, 4),
    )
    def run(
        self,
        days: int | None,
        skip: int | None,
        labels: tuple[str, ...],
        journeys: bool,
        incremental: bool,
        stop: int | None,
    ) -> None:
        """A run with some filters, which may be interrupted."""

        def interrupt(progress: Any) -> None:
            if stop and progress.done >= stop:
                raise KeyboardInterrupt

        with contextlib.suppress(KeyboardInterrupt):
            Download(self.source, self.output, parallel=2).run(
                since=None if days is None else NOW - timedelta(days=days),
                skip_days=None if skip is None else [(NOW - timedelta(days=skip)).date()],
                labels=labels,
                with_journey_id=journeys,
                incremental=incremental,
                on_progress=interrupt,
            )

    @rule()
    def run_to_the_end(self) -> None:
        """What the whole is about."""
        self.source.broken.clear()
        report = Download(self.source, self.output, parallel=2).run()
        assert report.ok
        assert verify(self.output).ok
        assert self.on_disk() == {
            name: (
                session.SerializeToString(deterministic=True),
                "".join(line(name, index + 1) for index in range(session.counters["bundle"].total)),
            )
            for name, session in self.source.sessions.items()
        }

    @invariant()
    def nothing_is_half(self) -> None:
        """Whoever reads the folder at any time reads whole sessions."""
        for _metadata, text in self.on_disk().values():
            assert text == "" or text.endswith("\n")

    def choose(self, data: st.DataObject) -> Session:
        return self.source.sessions[data.draw(st.sampled_from(sorted(self.source.sessions)))]

    def on_disk(self) -> dict[str, tuple[bytes, str]]:
        found = {}
        for path in self.output.rglob("metadata.json"):
            assert path.parent.name not in found, "a session is there twice"
            if ".moonsense" not in path.parts:
                session = json.parse(path.read_bytes(), Session)
                text = path.with_name("raw_sealed_bundles.json").read_text()
                found[path.parent.name] = (session.SerializeToString(deterministic=True), text)
        return found


TestHistory = History.TestCase
TestHistory.settings = settings(stateful_step_count=15)
