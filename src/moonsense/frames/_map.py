"""One function over many sessions, on one machine or many."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

__all__ = ["map_sessions"]

S = TypeVar("S")
T = TypeVar("T")


def map_sessions(
    fn: Callable[[S], T], sessions: Iterable[S], *, executor: Executor | None = None, ahead: int = 128
) -> Iterator[T]:
    """What a function gives for each session, in the order of the sessions.

    Args:
        fn: takes one session, in whatever form they are given: an id, a ``Session``,
            a path. For an executor with processes it must be one that can be
            pickled, as module-level functions are; it reads the session itself,
            with a client or by path.
        sessions: taken as results are; a long list is not held.
        executor: whatever has the interface of ``concurrent.futures``: its own
            pools, Dask's ``Client.get_executor()``. Without one all is done here.
        ahead: how many sessions are handed out before the first result is waited for.

    Raises:
        What ``fn`` raises, at the place of its session; those that were not begun
        are cancelled then.
    """
    if executor is None:
        yield from map(fn, sessions)
        return
    waiting: deque[Future[T]] = deque()
    try:
        for session in sessions:
            waiting.append(executor.submit(fn, session))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
