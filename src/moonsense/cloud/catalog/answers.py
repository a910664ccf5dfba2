"""Answers to requests with an Idempotency-Key: the same request again gets the same answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from google.protobuf.message import Message
from sqlalchemy import Connection, delete, insert, select

from moonsense.cloud.catalog.tables import answer
from moonsense.contract.problems import Problem

M = TypeVar("M", bound=Message)

KEPT_MICROS = 24 * 3600 * 1_000_000
"""How long an answer is remembered: longer than any client retries."""


class Once(NamedTuple):
    """Who asks, under which key, and the digest of what is asked (route, ids and body)."""

    credential_id: str
    key: str
    digest: bytes


def once(
    connection: Connection,
    asked: Once | None,
    message_type: type[M],
    job: Callable[[Connection], M],
    now: int,
) -> M:
    """What a job gives, done once for all requests of one key.

    The answer is stored in the transaction of what was done, so neither is
    without the other. Raises Problem 422 when the key was used for something
    else.
    """
    if asked is None:
        return job(connection)
    connection.execute(delete(answer).where(answer.c.created_at < now - KEPT_MICROS))
    known = connection.execute(
        select(answer.c.digest, answer.c.document).where(
            answer.c.credential_id == asked.credential_id, answer.c.idempotency_key == asked.key
        )
    ).one_or_none()
    if known is not None:
        if known.digest != asked.digest:
            raise Problem(422, "this Idempotency-Key was used for another request", "Idempotency-Key")
        return message_type.FromString(known.document)
    message = job(connection)
    connection.execute(
        insert(answer).values(
            credential_id=asked.credential_id,
            idempotency_key=asked.key,
            digest=asked.digest,
            document=message.SerializeToString(),
            created_at=now,
        )
    )
    return message
