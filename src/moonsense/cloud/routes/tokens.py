"""Tokens."""

from __future__ import annotations

from starlette.responses import Response

from moonsense.cloud.requests import Request
from moonsense.cloud.responses import message_response
from moonsense.models.common_v2_pb2 import TokenSelfResponse


async def whoami(request: Request) -> Response:
    """GET /v2/tokens/self"""
    who = request.who
    return message_response(
        request,
        TokenSelfResponse(
            app_id=who.app_id,
            project_id=who.project_id,
            scopes=who.scopes,
            user_id=who.user_id,
            credential_id=who.credential_id,
        ),
    )
