"""What ``MOONSENSE_LOG`` asks for: log lines on standard error, without any code."""

from __future__ import annotations

import logging
import os
from functools import cache

from moonsense.errors import ConfigurationError

VARIABLE = "MOONSENSE_LOG"

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING}


@cache
def set_up() -> None:
    """Send the log of ``moonsense`` to standard error when the variable says so; once in a process.

    Raises ConfigurationError when it names no level.
    """
    name = os.environ.get(VARIABLE, "").strip().lower()
    if not name:
        return
    if name not in _LEVELS:
        raise ConfigurationError(f"{VARIABLE} must be one of {', '.join(_LEVELS)}, not {name!r}")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("moonsense")
    logger.addHandler(handler)
    logger.setLevel(_LEVELS[name])
