"""What was found out or reported about sessions and journeys: one stored message a kind."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import TypeVar

from google.protobuf.message import Message
from sqlalchemy import Column, Connection, Table, delete, insert, select

from moonsense.cloud.catalog.tables import journey_value, session_value
from moonsense.models.data_plane_v2_pb2 import SessionFeaturesResponse
from moonsense.models.feature_pb2 import Feature

M = TypeVar("M", bound=Message)


class Kind(enum.StrEnum):
    """The kinds of stored messages, by their names in the tables."""

    FEATURES = "features"
    SIGNALS = "signals"
    FEEDBACK = "feedback"


def of_session(connection: Connection, key: int, kind: Kind, message_type: type[M]) -> M:
    """What is stored about a session; an empty message when nothing is."""
    return _read(connection, session_value, session_value.c.session_key, key, kind, message_type)


def of_journey(connection: Connection, key: int, kind: Kind, message_type: type[M]) -> M:
    """What is stored about a journey; an empty message when nothing is."""
    return _read(connection, journey_value, journey_value.c.journey_key, key, kind, message_type)


def add_client_features(connection: Connection, key: int, found: Mapping[str, Feature]) -> None:
    """Add features that came inside bundles to what is stored about a session."""
    if not found:
        return
    present = of_session(connection, key, Kind.FEATURES, SessionFeaturesResponse)
    for name, feature in found.items():
        present.client_sdk[name].CopyFrom(feature)
    set_of_session(connection, key, Kind.FEATURES, present)


def set_of_session(connection: Connection, key: int, kind: Kind, message: Message) -> None:
    """Store a message about a session in place of the one that was there."""
    _write(connection, session_value, session_value.c.session_key, key, kind, message)


def set_of_journey(connection: Connection, key: int, kind: Kind, message: Message) -> None:
    """Store a message about a journey in place of the one that was there."""
    _write(connection, journey_value, journey_value.c.journey_key, key, kind, message)


def _read(
    connection: Connection, table: Table, owner: Column[int], key: int, kind: Kind, message_type: type[M]
) -> M:
    query = select(table.c.document).where(owner == key, table.c.kind == kind)
    document = connection.execute(query).scalar_one_or_none()
    return message_type.FromString(document or b"")


def _write(
    connection: Connection, table: Table, owner: Column[int], key: int, kind: Kind, message: Message
) -> None:
    connection.execute(delete(table).where(owner == key, table.c.kind == kind))
    row = {owner.name: key, "kind": kind.value, "document": message.SerializeToString()}
    connection.execute(insert(table).values(row))
