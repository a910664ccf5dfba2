"""Checkpoints in a PostgreSQL database, for consumers on many machines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from moonsense.consumer._pool import Pool
from moonsense.consumer._sql import Run, SqlCheckpoints, rendered
from moonsense.errors import CheckpointError, MissingExtraError

if TYPE_CHECKING:
    import psycopg

_NOW = "(extract(epoch from clock_timestamp()) * 1000000)::bigint"

_SETUP_LOCK = 7_366_270_912_040
"""Held while tables are made: "if not exists" is no protection from another who makes them."""


class PostgresCheckpoints(SqlCheckpoints):
    """Checkpoints in a PostgreSQL database. Needs the extra ``postgres``.

    A handler that has a parameter ``transaction`` gets a ``psycopg.Connection``
    inside the transaction that commits the checkpoint.

    Leases go by the server's clock, so those of the machines need not agree.
    """

    def __init__(self, conninfo: str, *, create: bool = True) -> None:
        """Connect, and make the tables when they are not there.

        Args:
            conninfo: where the database is, as libpq takes it: ``postgresql://host/name``
                or ``host=... dbname=...``; its own variables such as ``PGPASSWORD`` count.
            create: whether to make the tables.

        Raises:
            MissingExtraError: psycopg is not installed.
            CheckpointError: there is no connection, or there are no tables.
        """
        self._conninfo = conninfo
        try:
            _driver().conninfo.conninfo_to_dict(conninfo)
        except _driver().ProgrammingError:
            # Without its words: they may repeat a password.
            raise CheckpointError(
                "the address of the checkpoints is none of PostgreSQL: postgresql://USER@HOST/NAME"
            ) from None
        self._pool = Pool(self, self._connect, _shut, _usable)
        with self._mapped(), self._pool.lend() as connection:
            if not create:
                row = connection.execute("SELECT to_regclass('moonsense_consumer_schema')").fetchone()
                if row is None or row[0] is None:
                    raise CheckpointError(f"there are no checkpoints in {self!r}")
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (_SETUP_LOCK,))
                self._create(_runner(connection))

    def __repr__(self) -> str:
        known = _driver().conninfo.conninfo_to_dict(self._conninfo)
        place = " ".join(f"{name}={known[name]}" for name in ("host", "port", "dbname") if known.get(name))
        return f"<{type(self).__name__} {place or 'of the environment'}>"

    @contextmanager
    def _writing(self) -> Iterator[Run]:
        with self._mapped(), self._pool.lend() as connection, connection.transaction():
            yield _runner(connection)

    @contextmanager
    def _reading(self) -> Iterator[Run]:
        with self._mapped(), self._pool.lend() as connection:
            yield _runner(connection)

    @contextmanager
    def _open(self) -> Iterator[tuple[Any, Run]]:
        """The errors of the handler's own statements are the handler's; all others are mapped."""
        with self._lend() as connection:
            transaction = connection.transaction()
            with self._mapped():
                transaction.__enter__()
            try:
                yield connection, self._joining(connection)
            except BaseException as error:
                # Without a connection there is nothing to undo: it is the server that undoes.
                transaction.__exit__(type(error), error, error.__traceback__)
                if connection.broken:
                    raise CheckpointError(f"the connection to {self!r} broke: {error}") from error
                raise
            with self._mapped(keep=_driver().IntegrityError):
                transaction.__exit__(None, None, None)

    @contextmanager
    def _lend(self) -> Iterator[psycopg.Connection]:
        """A connection for a handler: only what goes wrong in getting it is mapped."""
        lent = self._pool.lend()
        with self._mapped():
            connection = lent.__enter__()
        try:
            yield connection
        finally:
            lent.__exit__(None, None, None)

    def _joining(self, connection: psycopg.Connection) -> Run:
        run = _runner(connection)

        def mapped(statement: str, **values: object) -> Any:
            with self._mapped():
                return run(statement, **values)

        return mapped

    def _connect(self) -> psycopg.Connection:
        connection: psycopg.Connection = _driver().connect(self._conninfo, autocommit=True)
        return connection

    @contextmanager
    def _mapped(self, keep: type[Exception] | tuple[()] = ()) -> Iterator[None]:
        try:
            yield
        except keep:
            raise
        except _driver().Error as error:
            raise CheckpointError(f"the checkpoints of {self!r} cannot be used: {error}") from error


def _driver() -> Any:
    """psycopg, which is loaded when it is needed."""
    try:
        import psycopg  # noqa: PLC0415 (an extra)
    except ImportError as error:
        raise MissingExtraError("checkpoints in PostgreSQL", "postgres") from error
    return psycopg


def _shut(connection: psycopg.Connection) -> None:
    connection.close()


def _usable(connection: psycopg.Connection) -> bool:
    return not connection.closed


def _runner(connection: psycopg.Connection) -> Run:
    def run(statement: str, **values: object) -> Any:
        return connection.execute(_for_psycopg(statement).encode(), values)

    return run


@cache
def _for_psycopg(statement: str) -> str:
    """A statement with psycopg's parameters in place of ``:named`` ones, and what is PostgreSQL's own."""
    named = re.sub(r"(?<![:\w]):(\w+)", r"%(\1)s", statement)
    return rendered(named, now=_NOW, blob="BYTEA", skip_locked="FOR UPDATE SKIP LOCKED")
