"""Sessions written as a download would, to be exported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from moonsense.codec import json
from moonsense.contract.ids import new_id
from moonsense.export._lake import Lake
from moonsense.models.bundle_v2_pb2 import Bundle, SealedBundle
from moonsense.simulator import SimulatedSession

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def write_session(
    root: Path,
    simulated: SimulatedSession,
    *,
    day: int = 0,
    session_id: str = "",
    more: Sequence[Bundle] = (),
) -> str:
    """Write a simulated session as a download would; again with the same id it takes the other's place."""
    session = simulated.session
    session.session_id, session.app_id = session_id or new_id(), "app1"
    session.created_at.FromDatetime(NOON + timedelta(days=day))
    sealed = [
        SealedBundle(bundle=bundle, session_id=session.session_id) for bundle in (*simulated.bundles(), *more)
    ]
    session.counters["bundle"].total = len(sealed)
    folder = root / (NOON + timedelta(days=day)).date().isoformat() / session.session_id
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "raw_sealed_bundles.json").write_bytes(b"".join(map(json.write_line, sealed)))
    (folder / "metadata.json").write_bytes(json.write(session, camel=True))
    return session.session_id


@contextmanager
def killed_after(writes: int) -> Iterator[None]:
    """Within it an export is interrupted when it wrote so many files."""
    left = iter(range(writes))
    put = Lake.put

    def killed(self: Lake, path: str, content: bytes) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        put(self, path, content)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Lake, "put", killed)
        yield
