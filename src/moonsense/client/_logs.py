"""What ``MOONSENSE_LOG`` asks for: log lines on standard error, without any code.

And what no log may show: the HTTP library below writes whole heads of answers
at DEBUG, and in a redirect's address may be a signature that is as good as a
token. (Of requests it writes no headers.)
"""

from __future__ import annotations

import logging
import os
import re
from functools import cache

from moonsense.errors import ConfigurationError

VARIABLE = "MOONSENSE_LOG"

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING}

_WITH_HEADS = ("httpcore2.http11", "httpcore2.http2", "httpcore2.proxy")
_LOCATION = re.compile(r"""(\(b(['"])(?:content-)?location\2, b(['"])[^?]*?)\?.*?(\3\))""", re.IGNORECASE)
"""An address among the headers as Python writes them: names and values in pairs of bytes."""


def _without_queries(record: logging.LogRecord) -> bool:
    """Takes the queries of addresses out of a record."""
    message = record.getMessage()
    if "ocation" in message or "OCATION" in message:
        record.msg, record.args = _LOCATION.sub(r"\1\4", message), ()
    return True


@cache
def set_up() -> None:
    """Send the log of ``moonsense`` to standard error when the variable says so; once in a process.

    Raises ConfigurationError when it names no level.
    """
    for logged in _WITH_HEADS:
        logging.getLogger(logged).addFilter(_without_queries)
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
