"""How long keys were held."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from moonsense.frames._plot.rows import Rows

REPEAT = np.timedelta64(1200, "ms")
"""A held key says that it is down again and again, the first time after a second at most.

One that says so later was released meanwhile, unseen: in another window, for instance.
"""

_Key = tuple[str, int]


@dataclass(frozen=True)
class Hold:
    """One press of a key.

    Attributes:
        at: when it was pressed; of one that was only seen released, when that was.
        dwell: how long it was held; None when its press or its release was not seen.
        special: whether it makes no character: Shift, Tab, Backspace.
    """

    at: np.datetime64
    dwell: np.timedelta64 | None
    special: bool


@dataclass
class _Down:
    at: np.datetime64
    last: np.datetime64
    shift: bool


def holds(rows: Rows) -> list[Hold]:
    """Each press of a key with its release, by the time of the press.

    A key that repeats while it is held is pressed once. A character whose Shift
    is released before it goes down as one character and up as another: where one
    character alone is down whose Shift was otherwise, that is it.

    Args:
        rows: of the sensor ``key_press``.
    """
    return sorted(_pairs(rows), key=lambda hold: hold.at)


def _pairs(rows: Rows) -> Iterator[Hold]:
    down: dict[_Key, _Down] = {}
    columns = (rows.texts("type"), rows.texts("special_key"), rows.numbers("masked_key"))
    shifts = rows.numbers("shift_key").astype(bool)
    for at, kind, special, masked, shift in zip(rows.at, *columns, shifts, strict=True):
        key = (special, int(masked))
        if kind == "KEY_DOWN":
            before = down.get(key)
            if before is not None and at - before.last <= REPEAT:
                before.last = at
                continue
            if before is not None:
                yield Hold(before.at, None, bool(special))
            down[key] = _Down(at, at, bool(shift))
        elif kind == "KEY_UP":
            pressed = down.pop(key, None) or _shifted(down, key, bool(shift))
            if pressed is None:
                yield Hold(at, None, bool(special))
            else:
                yield Hold(pressed.at, at - pressed.at, bool(special))
    for (special, _), left in down.items():
        yield Hold(left.at, None, bool(special))


def _shifted(down: dict[_Key, _Down], key: _Key, shift: bool) -> _Down | None:
    """The character that is down as another one, because Shift changed meanwhile."""
    if key[0]:
        return None
    found = [one for one, pressed in down.items() if not one[0] and pressed.shift != shift]
    return down.pop(found[0]) if len(found) == 1 else None
