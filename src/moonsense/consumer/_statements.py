"""The SQL of the stores: one dialect that SQLite and PostgreSQL both speak.

Parameters are ``:named``. What differs stands in braces: ``{now}``, the
store's clock in microseconds since 1970, ``{blob}`` and ``{skip_locked}``.
"""

from __future__ import annotations

# ruff: noqa: S608 (statements are put together of constants)

VERSION = 1
"""Of the tables."""

TABLES = (
    """CREATE TABLE IF NOT EXISTS moonsense_consumer_schema (version BIGINT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS moonsense_consumer (
        consumer TEXT PRIMARY KEY,
        start TEXT NOT NULL,
        begun_at BIGINT
    )""",
    # due_at is when to ask for chunks; null when as many bundles are done as
    # the session has. total is -1 where the cloud does not count.
    """CREATE TABLE IF NOT EXISTS moonsense_consumer_session (
        consumer TEXT NOT NULL,
        session_id TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        document {blob} NOT NULL,
        total BIGINT NOT NULL,
        processed BIGINT NOT NULL,
        pending BIGINT NOT NULL,
        oldest_pending BIGINT,
        grew_at BIGINT NOT NULL,
        due_at BIGINT,
        owner TEXT,
        leased_until BIGINT,
        fence BIGINT NOT NULL,
        PRIMARY KEY (consumer, session_id)
    )""",
    """CREATE INDEX IF NOT EXISTS moonsense_consumer_session_due
        ON moonsense_consumer_session (consumer, due_at)""",
    # Few rows: those that are worked on, and those with a backlog.
    """CREATE INDEX IF NOT EXISTS moonsense_consumer_session_leased
        ON moonsense_consumer_session (owner) WHERE owner IS NOT NULL""",
    """CREATE INDEX IF NOT EXISTS moonsense_consumer_session_pending
        ON moonsense_consumer_session (consumer) WHERE pending > 0""",
    """CREATE TABLE IF NOT EXISTS moonsense_consumer_chunk (
        consumer TEXT NOT NULL,
        session_id TEXT NOT NULL,
        chunk_id TEXT NOT NULL,
        state TEXT NOT NULL,
        bundles BIGINT NOT NULL,
        attempts BIGINT NOT NULL,
        retry_at BIGINT NOT NULL,
        PRIMARY KEY (consumer, session_id, chunk_id)
    )""",
    """CREATE TABLE IF NOT EXISTS moonsense_consumer_dead_letter (
        consumer TEXT NOT NULL,
        session_id TEXT NOT NULL,
        chunk_id TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        failed_at BIGINT NOT NULL,
        attempts BIGINT NOT NULL,
        error TEXT NOT NULL,
        traceback TEXT NOT NULL,
        PRIMARY KEY (consumer, chunk_id)
    )""",
)

READ_VERSION = "SELECT version FROM moonsense_consumer_schema"
WRITE_VERSION = "INSERT INTO moonsense_consumer_schema (version) VALUES (:version)"

BEGIN = """INSERT INTO moonsense_consumer (consumer, start, begun_at)
    VALUES (:consumer, :start, :begun_at) ON CONFLICT (consumer) DO NOTHING"""
READ_START = "SELECT start, begun_at FROM moonsense_consumer WHERE consumer = :consumer"

# A session that grew keeps its time if it has one that is not far: its chunk
# may take a while, and each of its bundles must not be a question.
FOUND = """INSERT INTO moonsense_consumer_session AS known
    (consumer, session_id, created_at, document, total, processed, pending, grew_at, due_at, fence)
    VALUES (:consumer, :session_id, :created_at, :document, :total,
        (SELECT COALESCE(SUM(bundles), 0) FROM moonsense_consumer_chunk
            WHERE consumer = :consumer AND session_id = :session_id AND state <> 'failed'),
        0, {now}, {now}, 0)
    ON CONFLICT (consumer, session_id) DO UPDATE SET
        document = excluded.document, total = excluded.total, grew_at = {now},
        due_at = CASE
            WHEN known.due_at IS NULL AND excluded.total = known.processed THEN NULL
            WHEN known.due_at IS NULL OR known.due_at > {now} + :soon THEN {now}
            ELSE known.due_at
        END
    WHERE known.total <> excluded.total"""
WAKE = """UPDATE moonsense_consumer_session SET due_at = {now}
    WHERE consumer = :consumer AND session_id = :session_id"""
WAKE_ALL = """UPDATE moonsense_consumer_session SET due_at = {now}
    WHERE consumer = :consumer AND due_at > {now}"""

# What a worker that asks for another session still holds is one that it could not give back.
LET_GO = """UPDATE moonsense_consumer_session SET owner = NULL, leased_until = NULL
    WHERE owner IS NOT NULL AND owner = :owner"""
TAKE = """UPDATE moonsense_consumer_session
    SET owner = :owner, leased_until = {now} + :lease, fence = fence + 1
    WHERE consumer = :consumer AND session_id = (
        SELECT session_id FROM moonsense_consumer_session
        WHERE consumer = :consumer AND due_at <= {now} AND (leased_until IS NULL OR leased_until < {now})
        ORDER BY due_at LIMIT 1 {skip_locked}
    )
    RETURNING session_id, fence, due_at, {now} - grew_at, document, pending"""

# A lease that ran out can be taken: its holder is gone, or stands still.
NEXT_DUE = """SELECT
    (SELECT MIN(due_at) FROM moonsense_consumer_session WHERE consumer = :consumer AND owner IS NULL) - {now},
    (SELECT MIN(leased_until) FROM moonsense_consumer_session
        WHERE consumer = :consumer AND owner IS NOT NULL AND due_at IS NOT NULL) - {now}"""

RENEW = """UPDATE moonsense_consumer_session SET leased_until = {now} + :lease
    WHERE owner IS NOT NULL AND owner = :owner"""

CHUNKS = """SELECT chunk_id, state, attempts, retry_at - {now} FROM moonsense_consumer_chunk
    WHERE consumer = :consumer AND session_id = :session_id"""

_MINE = " WHERE consumer = :consumer AND session_id = :session_id AND fence = :fence"

# Each counts its rows: none means that the lease was lost.
ASKED = "UPDATE moonsense_consumer_session SET pending = :pending, oldest_pending = :oldest_pending" + _MINE
ADVANCE = (
    """UPDATE moonsense_consumer_session SET pending = :pending, oldest_pending = :oldest_pending,
        processed = processed + :bundles, grew_at = {now}"""
    + _MINE
)
RELEASE = (
    """UPDATE moonsense_consumer_session SET owner = NULL, leased_until = NULL,
        due_at = CASE
            WHEN due_at IS NULL OR due_at <> :due_at THEN due_at
            WHEN :settle = 1 AND total = processed AND pending = 0 THEN NULL
            ELSE {now} + :pause
        END"""
    + _MINE
)
FORGET = "DELETE FROM moonsense_consumer_session" + _MINE
FORGET_CHUNKS = """DELETE FROM moonsense_consumer_chunk
    WHERE consumer = :consumer AND session_id = :session_id"""
FORGET_DEAD = """DELETE FROM moonsense_consumer_dead_letter
    WHERE consumer = :consumer AND session_id = :session_id"""

# A chunk that is done, given up or left out stays it: that is the last word
# on "exactly once", beside the fence.
MARK = """INSERT INTO moonsense_consumer_chunk AS known
    (consumer, session_id, chunk_id, state, bundles, attempts, retry_at)
    VALUES (:consumer, :session_id, :chunk_id, :state, :bundles, :attempts, {now} + :pause)
    ON CONFLICT (consumer, session_id, chunk_id) DO UPDATE SET state = excluded.state,
        bundles = excluded.bundles, attempts = excluded.attempts, retry_at = excluded.retry_at
    WHERE known.state = 'failed'"""
BURY = """INSERT INTO moonsense_consumer_dead_letter
    (consumer, session_id, chunk_id, created_at, failed_at, attempts, error, traceback)
    VALUES (:consumer, :session_id, :chunk_id, :created_at, COALESCE(:failed_at, {now}),
        :attempts, :error, :traceback)"""

DEAD = """SELECT consumer, session_id, chunk_id, created_at, failed_at, attempts, error, traceback
    FROM moonsense_consumer_dead_letter WHERE :consumer = '' OR consumer = :consumer
    ORDER BY failed_at, chunk_id"""
STUCK = """SELECT session_id, chunk_id, state, bundles FROM moonsense_consumer_chunk
    WHERE consumer = :consumer AND state IN ('dead', 'failed')"""
CHANGE_STATE = """UPDATE moonsense_consumer_chunk SET state = :state, attempts = 0, retry_at = {now}
    WHERE consumer = :consumer AND chunk_id = :chunk_id AND session_id = :session_id AND state = :before"""
EXHUME = """DELETE FROM moonsense_consumer_dead_letter
    WHERE consumer = :consumer AND chunk_id = :chunk_id"""
# Due again, and at a moment that a worker who holds it did not see.
STIR = """UPDATE moonsense_consumer_session
    SET due_at = {now}, processed = processed + :bundles,
        pending = CASE WHEN pending + :chunks > 0 THEN pending + :chunks ELSE 0 END,
        oldest_pending = CASE WHEN pending > 0 THEN oldest_pending ELSE
            (SELECT created_at FROM moonsense_consumer_dead_letter
                WHERE consumer = :consumer AND chunk_id = :chunk_id)
        END
    WHERE consumer = :consumer AND session_id = :session_id"""

# What is far from now waits for nothing but a growth that a list would show.
STATUS = """SELECT consumer, start, begun_at,
    (SELECT COUNT(*) FROM moonsense_consumer_chunk k WHERE k.consumer = c.consumer AND k.state = 'done'),
    (SELECT COUNT(*) FROM moonsense_consumer_session s WHERE s.consumer = c.consumer),
    (SELECT COUNT(*) FROM moonsense_consumer_session s WHERE s.consumer = c.consumer
        AND (s.due_at <= {now} OR s.owner IS NOT NULL)),
    (SELECT COUNT(*) FROM moonsense_consumer_session s WHERE s.consumer = c.consumer
        AND s.owner IS NOT NULL AND s.leased_until >= {now}),
    (SELECT COALESCE(SUM(s.pending), 0) FROM moonsense_consumer_session s
        WHERE s.consumer = c.consumer AND s.pending > 0),
    (SELECT {now} - MIN(s.oldest_pending) FROM moonsense_consumer_session s
        WHERE s.consumer = c.consumer AND s.pending > 0),
    (SELECT COUNT(*) FROM moonsense_consumer_dead_letter d WHERE d.consumer = c.consumer)
    FROM moonsense_consumer c WHERE :consumer = '' OR consumer = :consumer ORDER BY consumer"""
