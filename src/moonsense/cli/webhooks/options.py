"""What the commands about webhooks share."""

from __future__ import annotations

import enum
from typing import Annotated

import typer


class Event(enum.StrEnum):
    """The events."""

    SESSION_CREATED = "SESSION_CREATED"
    BUNDLE_RECEIVED = "BUNDLE_RECEIVED"
    CHUNK_PERSISTED = "CHUNK_PERSISTED"
    SESSION_INACTIVE = "SESSION_INACTIVE"


EndpointId = Annotated[str, typer.Argument(metavar="ENDPOINT", help="The endpoint's id.", show_default=False)]
