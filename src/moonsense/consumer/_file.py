"""Checkpoints in a text file, for scripts: a line of JSON for everything that must not be forgotten."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import orjson

from moonsense.consumer import _statements as sql
from moonsense.consumer._sql import SqlTransaction
from moonsense.consumer._sqlite import SqliteCheckpoints, check_place
from moonsense.consumer.checkpoints import Failure, Lease, Outcome, State, Transaction
from moonsense.errors import CheckpointError
from moonsense.locking import hold

Line = dict[str, Any]


class FileCheckpoints(SqliteCheckpoints):
    """Checkpoints in one file of JSON lines, which a person can read.

    For scripts: one process at a time, and no transaction for handlers. A
    chunk's line is on the disk before it counts as done. Which sessions there
    are is not kept: a run finds them anew.
    """

    transactional = False

    def __init__(self, path: str | os.PathLike[str], *, create: bool = True, readonly: bool = False) -> None:
        """Open a file, or make it.

        Args:
            path: the file; beside it a ``.lock`` keeps a second process off.
            create: whether to make the file when it is not there.
            readonly: only look: another process may have it.

        Raises:
            CheckpointError: it cannot be opened, another process has it, or it is no such file.
        """
        self._place = Path(path)
        check_place(self._place, create=create and not readonly)
        self._held: IO[bytes] | None = None
        self._journal: IO[bytes] | None = None
        super().__init__(":memory:")
        try:
            if not readonly:
                self._hold()
            lines = list(self._read())
            with self._writing() as run:
                for line in lines:
                    for statement, values in _rows(line):
                        run(statement, **values)
            if not readonly:
                self._rewrite(lines)
        except BaseException as error:
            self.close()
            if isinstance(error, (OSError, KeyError, TypeError)):
                raise self._trouble(error) from error
            raise

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._place}>"

    def close(self) -> None:
        super().close()
        for file in (self._journal, self._held):
            if file is not None:
                file.close()

    def begin(self, consumer: str, start: str, begun_at: int | None) -> int | None:
        begun_at = super().begin(consumer, start, begun_at)
        self._append([{"consumer": consumer, "start": start, "begun_at": begun_at}])
        return begun_at

    @contextmanager
    def transaction(self, lease: Lease) -> Iterator[Transaction]:
        yield _FileTransaction(lambda outcome: self._commit(lease, outcome))

    def _commit(self, lease: Lease, outcome: Outcome) -> None:
        with self._writing() as run:
            SqlTransaction(None, run, lease).done(outcome)
        self._append([_chunk(lease, outcome.chunk_id, State.DONE, outcome.bundles)])

    def failed(self, lease: Lease, failure: Failure) -> None:
        super().failed(lease, failure)
        if failure.pause is not None:
            line = _chunk(lease, failure.chunk_id, State.FAILED, failure.bundles, failure.attempts)
        else:
            line = _chunk(lease, failure.chunk_id, State.DEAD, failure.bundles, failure.attempts)
            (letter,) = (dead for dead in self.dead_letters() if dead.chunk_id == failure.chunk_id)
            line["created_at"] = failure.created_at
            line["failed_at"] = round(letter.failed_at.timestamp() * 1e6)
            line |= {"error": letter.error, "traceback": letter.traceback}
        self._append([line])

    def forget(self, lease: Lease) -> None:
        super().forget(lease)
        self._append([{"consumer": lease.consumer, "session_id": lease.session_id, "forgotten": True}])

    def _move(
        self, consumer: str, chunk_ids: Collection[str] | None, before: Collection[State], after: State
    ) -> list[str]:
        moved = super()._move(consumer, chunk_ids, before, after)
        self._append({"consumer": consumer, "chunk_id": chunk, "state": after.value} for chunk in moved)
        return moved

    def _hold(self) -> None:
        try:
            self._held = hold(self._place.with_name(f"{self._place.name}.lock"))
        except BlockingIOError as error:
            raise CheckpointError(
                f"another process has the checkpoints in {self._place}; stop it first"
            ) from error

    def _read(self) -> Iterable[Line]:
        """What the file amounts to: the last line of each consumer and each chunk."""
        data = self._place.read_bytes() if self._place.exists() else b""
        # A last line without its end was being written when the process died: it was never promised.
        whole, _, _ = data.rpartition(b"\n")
        kept: dict[tuple[str, str], Line] = {}
        for number, text in enumerate(whole.splitlines(), start=1):
            try:
                line = orjson.loads(text)
            except ValueError as error:
                raise CheckpointError(f"{self._place}: line {number}: {error}") from error
            key = (line["consumer"], line.get("chunk_id", ""))
            if line.get("forgotten"):
                of = line["consumer"], line["session_id"]
                kept = {at: old for at, old in kept.items() if (old["consumer"], old.get("session_id")) != of}
            elif line.get("state") in (State.FAILED.value, State.SKIPPED.value) and key in kept:
                kept[key] = {**kept[key], "attempts": 0, **line}
            else:
                kept[key] = line
        return kept.values()

    def _rewrite(self, lines: list[Line]) -> None:
        """Begin the file anew with what counts, and go on writing to it."""
        new = self._place.with_name(f"{self._place.name}.new")
        with new.open("wb") as file:
            file.writelines(orjson.dumps(line) + b"\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._place)
        with suppress(PermissionError):  # Windows opens no folders, and needs it not
            folder = os.open(self._place.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
        self._journal = self._place.open("ab")

    def _append(self, lines: Iterable[Line]) -> None:
        """Have lines on the disk."""
        if self._journal is None:
            raise CheckpointError(f"the checkpoints in {self._place} were opened to look at only")
        try:
            self._journal.write(b"".join(orjson.dumps(line) + b"\n" for line in lines))
            self._journal.flush()
            os.fsync(self._journal.fileno())
        except (OSError, ValueError) as error:
            raise self._trouble(error) from error

    def _trouble(self, error: BaseException) -> CheckpointError:
        return CheckpointError(f"the checkpoints in {self._place} cannot be used: {error}")


class _FileTransaction(Transaction):
    """No transaction: the chunk is done when its line is written."""

    connection = None

    def __init__(self, commit: Callable[[Outcome], None]) -> None:
        self._commit = commit

    def done(self, outcome: Outcome) -> None:
        self._commit(outcome)


def _chunk(lease: Lease, chunk_id: str, state: State, bundles: int, attempts: int = 0) -> Line:
    return {
        "consumer": lease.consumer,
        "session_id": lease.session_id,
        "chunk_id": chunk_id,
        "state": state.value,
        "bundles": bundles,
        "attempts": attempts,
    }


def _rows(line: Line) -> Iterator[tuple[str, Line]]:
    """What puts a line into the tables."""
    place = {"consumer": line["consumer"]}
    if "start" in line:
        yield sql.BEGIN, {**place, "start": line["start"], "begun_at": line["begun_at"]}
        return
    place |= {"session_id": line["session_id"], "chunk_id": line["chunk_id"]}
    state = {name: line[name] for name in ("state", "bundles", "attempts")}
    yield sql.MARK, {**place, **state, "pause": 0}
    if line["state"] == State.DEAD.value:
        names = ("created_at", "failed_at", "attempts", "error", "traceback")
        yield sql.BURY, place | {name: line[name] for name in names}
