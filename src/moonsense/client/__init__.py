"""The client: reads sessions out of a Moonsense Cloud and records into one.

``Client`` is for threads, ``AsyncClient`` the same for asyncio. What few programs
need, as one of the two, is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from moonsense.client._core.options import Timeout, Wire
from moonsense.client._core.ordering import Order
from moonsense.client._core.raw import RawResponse
from moonsense.client._sync.client import Client
from moonsense.models.data_plane_v2_sdk_pb2 import Session

if TYPE_CHECKING:
    from moonsense.client._async.client import AsyncClient as AsyncClient
    from moonsense.client._core.check import SessionReport as SessionReport


def _session_html(session: Session) -> str:
    from moonsense.display import html  # noqa: PLC0415 (only notebooks need it)

    return html.session(session)


# What a notebook shows of a session: generated classes take no methods in another way.
Session._repr_html_ = _session_html  # type: ignore[attr-defined]

__all__ = ["AsyncClient", "Client", "Order", "RawResponse", "SessionReport", "Timeout", "Wire"]


_LOADED_WHEN_USED = {
    "AsyncClient": "moonsense.client._async.client",
    "SessionReport": "moonsense.client._core.check",
}


def __getattr__(name: str) -> object:
    if name not in _LOADED_WHEN_USED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_LOADED_WHEN_USED[name]), name)
    globals()[name] = value
    return value
