"""Where a download is written to: a file that appears whole or not at all, or what its caller looks after."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self


class Sink(Protocol):
    """What takes bytes as they come: an open file, or whatever counts or passes them on."""

    def write(self, data: bytes, /) -> object: ...


Target = str | os.PathLike[str] | Sink
"""A file by its name, to be there whole or not at all, or a sink."""


def opened(target: Target) -> WholeFile | OpenSink:
    """What to write a download to; in a ``with`` block, with a ``commit`` at the end."""
    return WholeFile(target) if isinstance(target, (str, os.PathLike)) else OpenSink(target)


class OpenSink:
    """A sink of the caller's, who looks after it: on a failure it has what came before."""

    def __init__(self, sink: Sink) -> None:
        self.write = sink.write

    def commit(self) -> None:
        """Nothing: what it means that all is there, the caller knows."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing: the caller closes it."""


class WholeFile:
    """Writes beside the target and takes its place when it is whole.

    The target is untouched until ``commit``; without one the partial file is
    removed at the end. What is no regular file, such as ``/dev/stdout``, is
    written to directly.
    """

    def __init__(self, target: str | os.PathLike[str]) -> None:
        # A link stays a link: the file that it points to is replaced.
        self._target = Path(os.path.realpath(target))
        if self._target.is_dir():
            raise IsADirectoryError(f"{self._target} is a folder")
        self._direct = self._target.exists() and not self._target.is_file()
        if self._direct:
            self._path = self._target
            self._file = self._path.open("wb")
        else:
            self._path = self._target.with_name(f".{self._target.name}.{secrets.token_hex(6)}.partial")
            self._file = self._path.open("xb")

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self._file.write(data)

    def commit(self) -> None:
        """Make what was written durable and put it in the target's place."""
        self._file.flush()
        if not self._direct:
            os.fsync(self._file.fileno())
        self._file.close()
        if not self._direct:
            self._path.replace(self._target)
            _sync_folder(self._target.parent)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if not self._direct:
            self._path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make the renaming durable too. Windows cannot open folders, and needs it not."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
