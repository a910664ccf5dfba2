"""Regions: a cloud of one's own has one."""

from __future__ import annotations

from starlette.responses import Response

from moonsense.cloud.requests import Request
from moonsense.cloud.responses import message_response
from moonsense.cloud.settings import Settings
from moonsense.contract import hosts
from moonsense.models.control_plane_v2_pb2 import (
    DataPlaneRegion,
    DataRegionsListResponse,
    DataRegionsLocateResponse,
)


class Regions:
    """The control plane's answers. Addresses are as the request came: its scheme, host and port."""

    def __init__(self, settings: Settings) -> None:
        self._region = settings.region
        self._domain = settings.domain

    async def list(self, request: Request) -> Response:
        """GET /v2/regions"""
        region = DataPlaneRegion(
            name=self._region,
            url=self._url(request),
            region=self._region,
            default_primary=True,
            status="ACTIVE",
        )
        return message_response(request, DataRegionsListResponse(regions=[region]))

    async def locate(self, request: Request) -> Response:
        """GET /v2/regions/locate"""
        return message_response(request, DataRegionsLocateResponse(primary_url=self._url(request)))

    def _url(self, request: Request) -> str:
        """Where the region's data plane is; on a bare host, that host."""
        host, _, port = request.host.rpartition(":")
        if not port.isdecimal():
            host, port = request.host, ""
        region = ""
        if self._domain and f".{host}".lower().endswith(f".{self._domain}".lower()):
            host, region = self._domain, self._region
        return hosts.data_plane(request.scope["scheme"], f"{host}:{port}" if port else host, region)
