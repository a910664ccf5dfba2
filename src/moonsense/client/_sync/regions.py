# Made from src/moonsense/client/_async/regions.py by scripts/generate_sync.py: do not edit.
"""Calls about the cloud itself: its regions and the token."""

from __future__ import annotations

from moonsense.client._sync.base import Base
from moonsense.models.common_v2_pb2 import TokenSelfResponse
from moonsense.models.control_plane_v2_pb2 import DataRegionsListResponse, DataRegionsLocateResponse


class RegionCalls(Base):
    """Regions and token."""

    def list_regions(self) -> DataRegionsListResponse:
        """The regions of the cloud; the token is not shown for it."""
        return self._call("list_regions", DataRegionsListResponse)

    def locate_region(self) -> DataRegionsLocateResponse:
        """The addresses to record to from here; the token is not shown for it."""
        return self._call("locate_region", DataRegionsLocateResponse)

    def whoami(self) -> TokenSelfResponse:
        """The token's project, app and scopes. Raises AuthenticationError when it is not known."""
        return self._call("whoami", TokenSelfResponse)
