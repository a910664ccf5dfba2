"""The process that renders chunks."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator

import pytest
from support.stores import bundle, make_principal, read_back, record, until

from moonsense.cloud.renderer import Renderer
from moonsense.cloud.renditions import render
from moonsense.cloud.store import Store
from moonsense.models import SealedBundle, Session


@pytest.fixture
def renderer() -> Iterator[Renderer]:
    renderer = Renderer()
    yield renderer
    renderer.close()
    renderer.close()


def payloads() -> list[bytes]:
    return [SealedBundle(bundle=bundle(index), session_id="s").SerializeToString() for index in range(50)]


def test_the_child_renders_what_this_process_would(renderer: Renderer) -> None:
    assert renderer.render(payloads()) == render(payloads())
    assert renderer.render([]) == render([])


def test_what_cannot_be_rendered_is_an_error_and_the_child_lives_on(renderer: Renderer) -> None:
    assert renderer.render(payloads())
    child = renderer.pid
    with pytest.raises(Exception, match="parsing"):
        renderer.render([b"\xff no message"])
    assert renderer.render(payloads()) == render(payloads())
    assert renderer.pid == child


def test_a_killed_child_is_an_error_once(renderer: Renderer) -> None:
    renderer.render(payloads())
    assert renderer.pid is not None
    os.kill(renderer.pid, signal.SIGKILL)
    with pytest.raises(OSError, match="renders chunks ended"):
        renderer.render(payloads())
    assert renderer.render(payloads()) == render(payloads())


def test_close_ends_the_child(renderer: Renderer) -> None:
    renderer.render(payloads())
    child = renderer.pid
    assert child is not None
    renderer.close()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_chunks_are_made_although_the_child_is_killed(
    open_store: Callable[..., Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moonsense.cloud.sealer._RETRY_SECONDS", 0.05)
    store = open_store(sealer_process=True)
    who = make_principal(store)

    async def run() -> None:
        session = await store.sessions.create(who, Session())
        await record(store, who, session, *(bundle(i) for i in range(1, 6)))
        await until(lambda: store.numbers()["chunks"] == 1)
        assert store.folder.renderer is not None
        assert store.folder.renderer.pid is not None
        os.kill(store.folder.renderer.pid, signal.SIGKILL)
        await record(store, who, session, *(bundle(i) for i in range(6, 11)))
        await until(lambda: store.numbers()["chunks"] == 2)
        assert len(await read_back(store, who.project_id, session.session_id)) == 10

    asyncio.run(run())
