"""One server a data folder.

Two would each remember which bundles are sealed, and store one twice that was
sent to both.
"""

from __future__ import annotations

from pathlib import Path

from moonsense.errors import ConfigurationError
from moonsense.locking import hold


class FolderLock:
    """The right to serve a folder. Raises ConfigurationError when another process has it."""

    def __init__(self, folder: Path) -> None:
        try:
            self._file = hold(folder / "serving.lock")
        except OSError:
            raise ConfigurationError(
                f"another process serves the data folder {folder}; stop it first, or choose another folder"
            ) from None

    def release(self) -> None:
        """Let another process serve the folder. Idempotent."""
        self._file.close()
