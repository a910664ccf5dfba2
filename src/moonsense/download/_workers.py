"""Threads that do tasks, and can be left behind at once."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from moonsense.errors import MoonsenseError

T = TypeVar("T")
R = TypeVar("R")

_LOOK_SECONDS = 0.1
"""How long what is done waits to be taken at most.

To wake whoever takes it after each task, and to let both threads run in turn,
took a twentieth of the processor time when tasks are small. When one fails, or
none is left to begin, it is woken at once.
"""


class Workers(Generic[T, R]):
    """A function that runs in several threads, and what came of each task.

    Unlike the standard library's executors they keep no process from ending:
    after Ctrl-C nobody waits for an answer from the network. A thread that is
    left behind ends with the task that it has in hand.
    """

    def __init__(self, function: Callable[[T], R], threads: int) -> None:
        self._function = function
        self._tasks: queue.SimpleQueue[T | None] = queue.SimpleQueue()
        self._results: deque[tuple[T, R | None, BaseException | None]] = deque()
        self._look = threading.Event()
        self._threads: list[threading.Thread] = []
        self._most = threads
        self._ended = False
        self._lock = threading.Lock()
        self.in_hand = 0
        """How many tasks are waiting or being done."""

    def submit(self, task: T) -> None:
        """Have a task done."""
        self.in_hand += 1
        if len(self._threads) < min(self._most, self.in_hand):
            name = f"moonsense-download-{len(self._threads)}"
            self._threads.append(threading.Thread(target=self._work, name=name, daemon=True))
            self._threads[-1].start()
        self._tasks.put(task)

    def result(self, *, wait: bool) -> tuple[T, R | None, BaseException | None] | None:
        """A task that is done, with its result or its error; None when there is none (yet)."""
        while wait and self.in_hand and not self._results:
            self._look.wait(_LOOK_SECONDS)
            self._look.clear()
        if not self._results:
            return None
        self.in_hand -= 1
        return self._results.popleft()

    @contextlib.contextmanager
    def going_on(self) -> Iterator[None]:
        """A moment of a task in which the end waits; MoonsenseError when it has come."""
        with self._lock:
            if self._ended:
                raise MoonsenseError("the download was given up")
            yield

    def end(self) -> None:
        """Take no more tasks, and wait for none; of what goes on, only for ``going_on``."""
        with self._lock:
            self._ended = True
        for _ in self._threads:
            self._tasks.put(None)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None and not self._ended:
            try:
                self._results.append((task, self._function(task), None))
            except BaseException as error:  # noqa: BLE001 (whoever takes the result raises it)
                self._results.append((task, None, error))
                self._look.set()
            if self._tasks.empty():  # there may be more to hand out, or all is done
                self._look.set()
