"""Handlers for consumers in processes of their own: ``moonsense consumer run support.handlers:…``."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

SINK = "CREATE TABLE IF NOT EXISTS sink (session TEXT, chunk TEXT, bundles TEXT, pid INTEGER)"


def into_sink(session: Any, chunk: Any, bundles: list[Any], transaction: Any) -> None:
    """Writes the indexes of a chunk's bundles in the transaction of the checkpoint."""
    indexes = ",".join(str(sealed.bundle.index) for sealed in bundles)
    transaction.execute(SINK)
    mark = "?" if "sqlite" in type(transaction).__mro__[1].__module__ else "%s"
    transaction.execute(
        f"INSERT INTO sink VALUES ({mark}, {mark}, {mark}, {mark})",
        (session.session_id, chunk.chunk_id, indexes, os.getpid()),
    )


def held(session: Any, chunk: Any, bundles: list[Any], transaction: Any) -> None:
    """The same, but says that it began and waits for a file before it writes."""
    folder = Path(os.environ["HELD"])
    folder.joinpath(f"begun-{os.getpid()}").touch()
    while not folder.joinpath(f"go-{os.getpid()}").exists():
        time.sleep(0.01)
    into_sink(session, chunk, bundles, transaction)
