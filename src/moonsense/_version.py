"""The version of this package, as it was installed."""

from __future__ import annotations

from functools import cache
from importlib import metadata


@cache
def version() -> str:
    """The installed version; ``0+unknown`` when run from a folder that was never installed."""
    try:
        return metadata.version("moonsense")
    except metadata.PackageNotFoundError:
        return "0+unknown"
