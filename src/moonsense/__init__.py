"""Read recorded behaviour and sensor sessions out of a Moonsense Cloud, or be such a cloud.

``Client`` and ``AsyncClient`` are loaded when they are first used, so that
``import moonsense`` stays quick and loads no HTTP client.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from moonsense.contract.platforms import Platform

if TYPE_CHECKING:
    from moonsense.client import AsyncClient as AsyncClient
    from moonsense.client import Client as Client

    __version__: str

__all__ = ["AsyncClient", "Client", "Platform", "__version__"]


def __getattr__(name: str) -> object:
    if name in ("Client", "AsyncClient"):
        value = getattr(import_module("moonsense.client"), name)
    elif name == "__version__":
        value = import_module("moonsense._version").version()
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value
