"""Looking into pictures: their panels, and sessions to draw."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

from matplotlib.axes import Axes
from matplotlib.dates import num2date
from matplotlib.figure import Figure

from moonsense.models import Bundle, KeyPress, Pointer

START = 1_770_000_000_000
"""2026-02-02 02:40:00 UTC, in milliseconds."""


def panel(figure: Figure, title: str) -> Axes:
    """The panel of a name."""
    (found,) = (ax for ax in figure.axes if ax.get_title(loc="left") == title)
    return found


def titles(figure: Figure) -> list[str]:
    """The names of the panels from the top."""
    return [title for ax in figure.axes if (title := ax.get_title(loc="left"))]


def texts(figure: Figure) -> str:
    """All that is written inside panels and below the figure."""
    written = [text.get_text() for ax in figure.axes for text in ax.texts]
    return "\n".join([*written, figure.get_supxlabel()])


def legend_of(ax: Axes) -> list[str]:
    """The entries of a panel's legend."""
    legend = ax.get_legend()
    return [] if legend is None else [text.get_text() for text in legend.get_texts()]


def rendered(figure: Figure, kind: str = "png") -> bytes:
    """The picture as a file: warnings, which are errors in tests, come up while it is drawn."""
    file = io.BytesIO()
    figure.savefig(file, format=kind)
    return file.getvalue()


def ticks(ax: Axes) -> list[str]:
    """The labels of a time axis, as they are drawn."""
    ax.figure.canvas.draw()
    return [tick.get_text() for tick in ax.get_xticklabels()]


def moments(days: Iterable[float]) -> list[float]:
    """Places on a time axis as milliseconds after ``START``."""
    return [round(num2date(day).timestamp() * 1000 - START, 3) for day in days]


def bundle(**times: Any) -> Bundle:
    """A bundle of ``START``."""
    one = Bundle(index=1, **times)
    one.client_time.wall_time_millis = START
    return one


def key(at: int, down: bool, masked: int = 0, *, special: str = "", shift: bool = False) -> KeyPress:
    """A key going down or up, so many milliseconds after ``START``."""
    return KeyPress(
        determined_at=START + at,
        type=KeyPress.KEY_DOWN if down else KeyPress.KEY_UP,
        masked_key=masked,
        special_key=special,
        shift_key=shift,
    )


def pointer(at: int, x: float, y: float, **fields: Any) -> Pointer:
    """A pointer at a place, so many milliseconds after ``START``; a mouse unless it is said."""
    fields = {"type": Pointer.MOUSE, "viewport_boundary_status": Pointer.IN_VIEWPORT, **fields}
    return Pointer(determined_at=START + at, position={"dx": x, "dy": y}, **fields)
