"""Checkpoints by where they are, in one word: for commands and settings."""

from __future__ import annotations

from moonsense.consumer._file import FileCheckpoints
from moonsense.consumer._postgres import PostgresCheckpoints
from moonsense.consumer._sqlite import SqliteCheckpoints
from moonsense.consumer.checkpoints import Checkpoints


def open_checkpoints(location: str, *, create: bool = True, readonly: bool = False) -> Checkpoints:
    """The store at a place: ``postgresql://…``, a file that ends with ``.jsonl``, or else a SQLite file.

    Args:
        location: the place.
        create: whether to make it when it is not there.
        readonly: only look.

    Raises:
        CheckpointError: it cannot be opened.
        MissingExtraError: it needs an extra that is not installed.
    """
    create = create and not readonly
    if location.startswith(("postgresql://", "postgres://")):
        return PostgresCheckpoints(location, create=create)
    if location.endswith(".jsonl"):
        return FileCheckpoints(location, create=create, readonly=readonly)
    return SqliteCheckpoints(location, create=create)
