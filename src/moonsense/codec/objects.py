"""Lines of NDJSON looked at without being read, as a download needs it: by ``_objects.c``.

It is built where the package is installed, or comes with it. Where there was no
compiler it is missing, and a reader has to look.
"""

from __future__ import annotations

try:
    from moonsense.codec import _objects
except ImportError:
    _objects = None  # type: ignore[assignment]  # as it is for mypy

__all__ = ["can_count", "count_objects"]

can_count = _objects is not None
"""Whether the compiled part is there."""


def count_objects(lines: bytes) -> int | None:
    """How many lines there are, when each is one JSON object and ends with a newline.

    Returns:
        None when that is not so, or cannot be told without a reader. Then one has to look.
    """
    return _objects.count(lines) if can_count else None
