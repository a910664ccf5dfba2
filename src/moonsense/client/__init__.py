"""The client: reads sessions out of a Moonsense Cloud and records into one.

``Client`` is for threads, ``AsyncClient`` the same for asyncio. The latter is
loaded when it is first used: most programs need one of the two.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from moonsense.client._core.check import SessionReport
from moonsense.client._core.options import Timeout, Wire
from moonsense.client._core.ordering import Order
from moonsense.client._core.raw import RawResponse
from moonsense.client._sync.client import Client
from moonsense.display import html
from moonsense.models.data_plane_v2_sdk_pb2 import Session

if TYPE_CHECKING:
    from moonsense.client._async.client import AsyncClient as AsyncClient

# What a notebook shows of a session: generated classes take no methods in another way.
Session._repr_html_ = html.session  # type: ignore[attr-defined]

__all__ = ["AsyncClient", "Client", "Order", "RawResponse", "SessionReport", "Timeout", "Wire"]


def __getattr__(name: str) -> object:
    if name != "AsyncClient":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = import_module("moonsense.client._async.client").AsyncClient
    globals()[name] = value
    return value
