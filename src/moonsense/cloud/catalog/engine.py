"""Connections to the catalog: which SQLite, and with which promises."""

from __future__ import annotations

import logging
from pathlib import Path
from types import ModuleType
from typing import Any

import sqlalchemy
from sqlalchemy import Engine, event

try:
    from pysqlite3 import dbapi2
except ImportError:
    from sqlite3 import dbapi2

log = logging.getLogger(__name__)

# Before it, two processes that reset the write-ahead log at one moment could lose committed pages.
_SOUND_SQLITE = (3, 51, 3)

_BUSY_SECONDS = 30


def sqlite_module() -> ModuleType:
    """The SQLite binding: pysqlite3 where its wheel exists, else the standard library's."""
    if dbapi2.sqlite_version_info < _SOUND_SQLITE:
        log.warning(
            "SQLite %s can lose committed data when its write-ahead log is reset (fixed in %s); "
            "install the package pysqlite3, or a Python built with a newer SQLite",
            dbapi2.sqlite_version,
            ".".join(map(str, _SOUND_SQLITE)),
        )
    module: ModuleType = dbapi2
    return module


def connect(path: Path, *, writing: bool) -> Engine:
    """An engine on the catalog file.

    Writing connections take the write lock when a transaction begins, so that
    none fails in the middle for having read first; a commit returns when the
    disk has it (``synchronous=FULL``). Reading ones cannot write.
    """
    engine = sqlalchemy.create_engine(
        f"sqlite+pysqlite:///{path}",
        module=sqlite_module(),
        connect_args={"check_same_thread": False, "timeout": _BUSY_SECONDS, "cached_statements": 256},
        pool_size=1 if writing else 8,
        max_overflow=0,
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        # The binding must not begin transactions by itself: we say which kind.
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "temp_store=MEMORY",
            "cache_size=-32768",
            "journal_size_limit=67108864",
            # 32 MB of log between checkpoints: each costs two syncs of its own.
            "wal_autocheckpoint=8000",
            f"query_only={'OFF' if writing else 'ON'}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: sqlalchemy.Connection) -> None:
        # Past SQLAlchemy's own execution, which takes longer than the statement.
        cursor = connection.connection.cursor()
        cursor.execute("BEGIN IMMEDIATE" if writing else "BEGIN")
        cursor.close()

    return engine
