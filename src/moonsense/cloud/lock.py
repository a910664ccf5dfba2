"""One server a data folder.

Two would each remember which bundles are sealed, and store one twice that was
sent to both. The system lets go of the lock when the process ends, however it
does.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO

from moonsense.errors import ConfigurationError


class FolderLock:
    """The right to serve a folder. Raises ConfigurationError when another process has it."""

    def __init__(self, folder: Path) -> None:
        self._file: IO[bytes] = (folder / "serving.lock").open("ab")
        try:
            _lock(self._file)
        except OSError:
            self._file.close()
            raise ConfigurationError(
                f"another process serves the data folder {folder}; stop it first, or choose another folder"
            ) from None

    def release(self) -> None:
        """Let another process serve the folder. Idempotent."""
        self._file.close()


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
