"""Calls about the cloud itself: its regions and the token."""

from __future__ import annotations

from moonsense.client._async.base import AsyncBase
from moonsense.models.common_v2_pb2 import TokenSelfResponse
from moonsense.models.control_plane_v2_pb2 import DataRegionsListResponse, DataRegionsLocateResponse


class AsyncRegionCalls(AsyncBase):
    """Regions and token."""

    async def list_regions(self) -> DataRegionsListResponse:
        """The regions of the cloud; the token is not shown for it."""
        return await self._call("list_regions", DataRegionsListResponse)

    async def locate_region(self) -> DataRegionsLocateResponse:
        """The addresses to record to from here; the token is not shown for it."""
        return await self._call("locate_region", DataRegionsLocateResponse)

    async def whoami(self) -> TokenSelfResponse:
        """The token's project, app and scopes. Raises AuthenticationError when it is not known."""
        return await self._call("whoami", TokenSelfResponse)
