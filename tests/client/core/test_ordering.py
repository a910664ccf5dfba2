"""Bundles by index, in memory and through a temporary file."""

from __future__ import annotations

import random

import pytest

from moonsense.client._core import ordering
from moonsense.client._core.ordering import Sorter
from moonsense.models.bundle_v2_pb2 import Bundle, SealedBundle


def sealed(index: int, note: str = "") -> SealedBundle:
    bundle = Bundle(index=index, custom_events=[{"event_name": note}] if note else [])
    return SealedBundle(session_id="s", bundle=bundle)


def in_order(bundles: list[SealedBundle]) -> list[SealedBundle]:
    with Sorter() as sorter:
        for start in range(0, len(bundles), 3):
            sorter.add(bundles[start : start + 3])
        found: list[SealedBundle] = []
        while batch := sorter.take():
            found += batch
    return found


@pytest.mark.parametrize("in_memory", [1, 16 * 1024 * 1024])
def test_any_order_becomes_that_of_the_index(in_memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordering, "_IN_MEMORY", in_memory)
    bundles = [sealed(index, "x" * (index % 7)) for index in range(1, 1_001)]
    mixed = random.Random(1).sample(bundles, len(bundles))
    assert in_order(mixed) == bundles


def test_bundles_without_an_index_come_first_as_received() -> None:
    bundles = [sealed(2), sealed(0, "a"), sealed(1), sealed(0, "b"), sealed(0, "a")]
    assert in_order(bundles) == [bundles[1], bundles[3], bundles[4], bundles[2], bundles[0]]


def test_a_repeat_comes_once_and_what_differs_is_kept() -> None:
    again = SealedBundle(session_id="s", bundle=Bundle(index=1), server_time_millis=5)
    bundles = [sealed(2), sealed(1), again, sealed(2, "other"), sealed(2), sealed(2, "other"), sealed(3)]
    assert in_order(bundles) == [bundles[1], bundles[0], bundles[3], bundles[6]]


def test_nothing_is_nothing() -> None:
    assert in_order([]) == []
