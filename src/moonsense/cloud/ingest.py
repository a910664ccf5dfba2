"""From a request's bundles to rows of the log: checked, counted and sealed with who sent them."""

from __future__ import annotations

import time
from functools import lru_cache

import orjson

from moonsense.cloud.catalog.log import LogRow
from moonsense.cloud.catalog.sessions import SessionRef
from moonsense.cloud.records import Principal
from moonsense.codec.frames import frame
from moonsense.contract.counters import count_items
from moonsense.contract.problems import Problem
from moonsense.models.bundle_v2_pb2 import SealedBundle
from moonsense.models.data_plane_v2_sdk_pb2 import BundleCreateRequest

# The key of SealedBundle.bundle (field 1, length-delimited) on the wire.
_BUNDLE_FIELD = b"\x0a"


@lru_cache(maxsize=4096)
def _sender(
    session: SessionRef, who: Principal, session_id: str, install_id: str, client_user_id: str, remote_ip: str
) -> bytes:
    """What is the same in every bundle of a recorder."""
    return SealedBundle(
        app_id=session.app_id,
        credential_id=who.credential_id,
        session_id=session_id,
        user_id=who.user_id,
        install_id=install_id,
        client_user_id=client_user_id,
        remote_ip=remote_ip,
        journey_id=session.journey_id,
    ).SerializeToString()


@lru_cache(maxsize=8)
def _received_at(millis: int) -> bytes:
    """What is the same in every bundle of a millisecond."""
    return SealedBundle(server_time_millis=millis).SerializeToString()


def rows_of(
    request: BundleCreateRequest, session: SessionRef, who: Principal, *, remote_ip: str, max_items: int
) -> list[LogRow]:
    """The rows to store for a request. Raises Problem 422 for a bundle with too many items.

    A payload is a SealedBundle message. Its two parts are serialized apart and
    joined, which on the wire is the same message: the bundle is not copied
    into another message, and the rest is written once a request.
    """
    now = time.time_ns() // 1000
    envelope = _received_at(now // 1000) + _sender(
        session, who, request.session_id, request.install_id, request.client_user_id, remote_ip
    )
    rows = []
    for position, bundle in enumerate(request.bundles):
        counts = count_items(bundle)
        items = sum(counts.values())
        index = bundle.index
        if items > max_items:
            raise Problem(
                422, f"a bundle may hold {max_items} items, this one has {items}", f"bundles[{position}]"
            )
        rows.append(
            LogRow(
                session.key,
                index if index > 0 else None,
                now,
                orjson.dumps(counts),
                bundle.is_final_bundle,
                b"".join((_BUNDLE_FIELD, frame(bundle.SerializeToString()), envelope)),
            )
        )
    return rows
