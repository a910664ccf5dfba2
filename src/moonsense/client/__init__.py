"""The client: reads sessions out of a Moonsense Cloud and records into one.

``Client`` is for threads, ``AsyncClient`` the same for asyncio.
"""

from __future__ import annotations

from moonsense.client._async.client import AsyncClient
from moonsense.client._core.options import Timeout, Wire
from moonsense.client._sync.client import Client

__all__ = ["AsyncClient", "Client", "Timeout", "Wire"]
