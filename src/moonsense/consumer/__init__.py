"""The consumer: every chunk of every session is processed, exactly as often as it must be.

    checkpoints = SqliteCheckpoints("steps.db")
    Consumer(client, checkpoints=checkpoints, start="beginning").run(handler)

It finds chunks by lists and, where it has a receiver, is woken by webhooks.
"""

from __future__ import annotations

from moonsense.consumer._consumer import Consumer, Result
from moonsense.consumer._file import FileCheckpoints
from moonsense.consumer._location import open_checkpoints
from moonsense.consumer._postgres import PostgresCheckpoints
from moonsense.consumer._sqlite import SqliteCheckpoints
from moonsense.consumer.checkpoints import Checkpoints, ConsumerStatus, DeadLetter

__all__ = [
    "Checkpoints",
    "Consumer",
    "ConsumerStatus",
    "DeadLetter",
    "FileCheckpoints",
    "PostgresCheckpoints",
    "Result",
    "SqliteCheckpoints",
    "open_checkpoints",
]
