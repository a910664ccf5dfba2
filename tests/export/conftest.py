"""A folder of recordings to export."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.export_recordings import write_session

from moonsense.models.bundle_v2_pb2 import Bundle
from moonsense.simulator import checkout_person, walking_phone


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days with three sessions each, of phones and of pages."""
    root = tmp_path_factory.mktemp("recordings")
    event = {
        "determined_at": 1_772_366_400_000,
        "event_name": "paid",
        "properties": {"amount": "7", "note": 'a "b",\nc'},
    }
    by_hand = Bundle(index=99, custom_events=[event])
    by_hand.features["speed"].double_list.value.append(1.5)
    for day in range(2):
        write_session(root, walking_phone(day, 2.0, rate=10), day=day, more=[by_hand])
        for seed in range(2):
            write_session(root, checkout_person(10 * day + seed), day=day)
    return root


@pytest.fixture
def recordings(written: Path, tmp_path: Path) -> Path:
    """A copy of them, for this test alone."""
    return Path(shutil.copytree(written, tmp_path / "recordings"))
