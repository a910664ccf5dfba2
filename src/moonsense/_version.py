"""The version of this package, as it was installed."""

from __future__ import annotations

from functools import cache


@cache
def version() -> str:
    """The installed version; ``0+unknown`` when run from a folder that was never installed."""
    from importlib import metadata  # noqa: PLC0415 (a while to load, and few ask)

    try:
        return metadata.version("moonsense")
    except metadata.PackageNotFoundError:
        return "0+unknown"
