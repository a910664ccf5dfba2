"""Slots: so many at a time, in the order of those who wait, and none lost."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from moonsense.client._slots import AsyncSlots, Slots


def test_threads_come_in_the_order_in_which_they_wait(eventually: Callable[..., Any]) -> None:
    slots = Slots(1)
    came: list[int] = []

    def wait(number: int) -> None:
        assert slots.take(10)
        came.append(number)
        slots.give()

    assert slots.take(0)
    with ThreadPoolExecutor(5) as pool:
        for number in range(5):
            pool.submit(wait, number)
            eventually(lambda: len(slots._waiting) == number + 1)  # noqa: B023 (called at once)
        slots.give()
        # The slot is another's already: whoever gives back does not take it again before who waits.
        assert not slots.take(0) or came == [0, 1, 2, 3, 4]
    assert came == [0, 1, 2, 3, 4]


def test_a_slot_given_back_is_not_taken_before_who_waits() -> None:
    slots = Slots(1)
    assert slots.take(0)
    turn = threading.Lock()
    turn.acquire()
    slots._waiting.append(turn)
    slots.give()
    assert not slots.take(0)
    assert turn.acquire(timeout=0)


def test_threads_that_wait_in_vain_leave_the_queue() -> None:
    slots = Slots(2)
    assert slots.take(None)
    assert slots.take(1e300)
    assert not slots.take(0.01)
    assert not slots._waiting
    slots.give()
    assert slots.take(0)


@pytest.mark.parametrize("count", [1, 3])
def test_none_is_lost_among_threads(count: int) -> None:
    slots = Slots(count)
    busy = 0
    lock = threading.Lock()

    def work(seed: int) -> None:
        nonlocal busy
        chance = random.Random(seed)
        for _ in range(200):
            if slots.take(chance.choice([0, 0.0001, 10])):
                with lock:
                    busy += 1
                    assert busy <= count
                    busy -= 1
                slots.give()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert slots._free == count
    assert not slots._waiting


def test_tasks_come_in_the_order_in_which_they_wait() -> None:
    async def go() -> None:
        slots = AsyncSlots(1)
        came: list[int] = []

        async def wait(number: int) -> None:
            assert await slots.take(10)
            came.append(number)
            slots.give()

        assert await slots.take(0)
        async with asyncio.TaskGroup() as tasks:
            for number in range(5):
                tasks.create_task(wait(number))
            await asyncio.sleep(0)
            slots.give()
            assert not await slots.take(0)
        assert came == [0, 1, 2, 3, 4]

    asyncio.run(go())


@pytest.mark.parametrize("seed", range(20))
def test_none_is_lost_when_tasks_are_cancelled(seed: int) -> None:
    async def go() -> None:
        slots = AsyncSlots(2)
        chance = random.Random(seed)
        busy = 0

        async def work() -> None:
            nonlocal busy
            if await slots.take(chance.choice([None, 0, 0.001])):
                busy += 1
                assert busy <= 2
                try:
                    await asyncio.sleep(0)
                finally:
                    busy -= 1
                    slots.give()

        tasks = [asyncio.create_task(work()) for _ in range(30)]
        for _ in range(40):
            await asyncio.sleep(0)
            chance.choice(tasks).cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert slots._free == 2
        assert not slots._waiting

    asyncio.run(go())


def test_one_event_loop_after_the_other_waits() -> None:
    slots = AsyncSlots(1)

    async def work() -> None:
        assert await slots.take(10)
        await asyncio.sleep(0)
        slots.give()

    async def some() -> None:
        await asyncio.gather(*(work() for _ in range(3)))

    for _ in range(3):
        asyncio.run(some())
    assert slots._free == 1


def test_who_waits_in_a_loop_that_is_gone_gets_nothing() -> None:
    slots = AsyncSlots(1)

    async def wait() -> None:
        assert await slots.take(0)
        asyncio.get_running_loop().create_task(slots.take(None))
        await asyncio.sleep(0)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(wait())
    (left,) = asyncio.all_tasks(loop)
    loop.close()
    slots.give()
    assert asyncio.run(slots.take(0))
    left._log_destroy_pending = False  # type: ignore[attr-defined]
