"""Making principals and bundles for tests that talk to a store directly."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable

from moonsense.cloud.records import Principal
from moonsense.cloud.store import Store
from moonsense.codec.frames import FrameParser
from moonsense.codec.ndjson import NdjsonParser
from moonsense.contract import media
from moonsense.contract.ids import new_id
from moonsense.models import Bundle, BundleCreateRequest, SealedBundle, Session


def make_principal(store: Store) -> Principal:
    """A project with an app and a token that may do everything."""
    project_id = store.access.create_project("a project")
    app_id = store.access.create_app(project_id, "an app")
    digest = hashlib.sha256(new_id().encode()).digest()
    credential_id = store.access.add_token(
        project_id=project_id, app_id=app_id, scopes="qct", digest=digest, hint="abcd"
    )
    return Principal(project_id, app_id, credential_id, "qct")


def bundle(index: int, *, items: int = 2, final: bool = False) -> Bundle:
    """A bundle with accelerometer readings, one a second of the epoch."""
    made = Bundle(index=index, is_final_bundle=final)
    made.client_time.wall_time_millis = 1_700_000_000_000 + index * 1000
    for item in range(items):
        made.accelerometer_data.add(determined_at=1_700_000_000_000 + index * 1000 + item, x=index, y=item)
    return made


async def record(store: Store, who: Principal, session: Session, *bundles: Bundle) -> None:
    """Send bundles in one request."""
    request = BundleCreateRequest(session_id=session.session_id, bundles=bundles)
    answer = await store.bundles.add(who, request, remote_ip="127.0.0.1")
    assert (answer.success_count, answer.error_count) == (len(bundles), 0)


async def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    """Return as soon as something holds; fail when it does not within the time."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - what changes is in another thread and tells nobody
            await asyncio.sleep(0.002)


async def read_back(store: Store, project_id: str, session_id: str) -> list[SealedBundle]:
    """All bundles of a session, by their frames, checked against the NDJSON of the same moment."""
    parser = FrameParser(SealedBundle)
    snapshot = await store.bundles.open(project_id, session_id, media.FRAMES)
    data = b"".join([piece async for piece in snapshot.body])
    assert len(data) == snapshot.body.size
    framed = [*parser.feed(data), *parser.close()]
    assert len(framed) == snapshot.bundles
    snapshot = await store.bundles.open(project_id, session_id, media.NDJSON)
    text = b"".join([piece async for piece in snapshot.body])
    assert len(text) == snapshot.body.size
    lines = NdjsonParser(SealedBundle)
    assert [*lines.feed(text), *lines.close()] == framed
    return framed
