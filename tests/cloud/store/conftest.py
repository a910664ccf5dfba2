"""A store on a temporary folder, without a server before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.stores import make_principal

from moonsense.cloud.records import Principal
from moonsense.cloud.settings import Settings
from moonsense.cloud.store import Store


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Chunks of five bundles, made in this process, so that tests are short; by age only after a minute."""
    return Settings(data_dir=tmp_path / "data", seal_bundles=5, seal_age_seconds=60, sealer_process=False)


@pytest.fixture
def open_store(settings: Settings) -> Iterator[Callable[..., Store]]:
    """Opens stores on the same folder; all are closed at the end."""
    opened: list[Store] = []

    def open_(*, serving: bool = True, **changes: object) -> Store:
        store = Store.open(settings.model_copy(update=changes), serving=serving)
        opened.append(store)
        return store

    yield open_
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[..., Store]) -> Store:
    return open_store()


@pytest.fixture
def who(store: Store) -> Principal:
    return make_principal(store)
