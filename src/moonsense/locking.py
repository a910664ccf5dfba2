"""A file that one process holds. The system lets go of it when the process ends, however it does."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO

__all__ = ["hold"]


def hold(path: Path) -> IO[bytes]:
    """A file, made when it is not there, that is this process's own until it is closed.

    Raises OSError when another one has it.
    """
    file: IO[bytes] = path.open("ab")
    try:
        _lock(file)
    except OSError:
        file.close()
        raise
    return file


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
