"""The figure: panels over time above each other on one clock, maps below."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from moonsense.frames._plot.events import draw_events
from moonsense.frames._plot.keys import draw_keys
from moonsense.frames._plot.kinds import SERIES, is_event
from moonsense.frames._plot.look import QUIET, SMALL, clock, literal, map_height, nothing, span_of, spoken
from moonsense.frames._plot.pointer import draw_pointer
from moonsense.frames._plot.rows import Rows
from moonsense.frames._plot.series import draw_series, is_still
from moonsense.frames._plot.subject import Subject
from moonsense.frames._plot.track import draw_track
from moonsense.frames._plot.track import extent as track_extent
from moonsense.frames._plot.way import extent as way_extent
from moonsense.frames._plot.way import placed, window_of

_WIDTH = 10.0
_DPI = 120

_SERIES, _STILL, _KEYS, _BAR, _EMPTY = 1.9, 0.8, 1.9, 0.5, 1.6
_EVENT, _EVENTS, _AROUND = 0.24, 0.5, 0.7
"""Heights in inches: of panels, of a bar of colours, of a row of events, and of what is around these."""


class Picture(Figure):
    """A figure that a notebook shows by itself, whether or not pyplot was ever loaded there."""

    def _repr_png_(self) -> tuple[bytes, dict[str, Any]]:
        file = io.BytesIO()
        self.savefig(file, format="png", dpi=2 * _CSS)
        width, height = self.get_size_inches()
        return file.getvalue(), {"width": int(width * _CSS), "height": int(height * _CSS)}


_CSS = 96
"""Pixels of a page in an inch; twice as many are drawn, as screens have them."""


@dataclass(frozen=True)
class Panel:
    """A part of the picture.

    Attributes:
        height: in inches.
        draw: draws it.
        rows: whose times are on its axis; none for a map or for what is empty.
    """

    height: float
    draw: Callable[[Axes], None]
    rows: Sequence[Rows] = ()


def picture_of(subject: Subject, title: str | None) -> Picture:
    """The figure of a session."""
    figure = Picture(dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    drawn = [name for name in subject.names if len(subject.rows[name])]
    empty = [spoken(name) for name in subject.wanted or () if name not in drawn]
    panels = [*_over_time(subject, drawn), *_maps(figure, subject, drawn)]
    remarks = []
    if not panels:
        what = f"nothing was recorded of {', '.join(empty)}" if empty else "nothing was recorded"
        panels = [Panel(_EMPTY, partial(nothing, text=what))]
    elif empty:
        remarks.append(f"Nothing was recorded of {', '.join(empty)}.")
    if unplaced := sum(subject.rows[name].unplaced for name in subject.names):
        remarks.append(f"Not drawn, as nothing says when they were: {unplaced:,} rows.")
    heights = [panel.height for panel in panels]
    figure.set_size_inches(_WIDTH, sum(heights) + _AROUND)
    literal(figure.suptitle(subject.title if title is None else title, x=0.01, ha="left", fontsize=11.5))
    if remarks:
        figure.supxlabel("  ".join(remarks), x=0.01, ha="left", fontsize=SMALL, color=QUIET)
    axes = figure.subplots(len(panels), squeeze=False, height_ratios=heights)[:, 0]
    for ax, panel in zip(axes, panels, strict=True):
        panel.draw(ax)
    on_clock = [ax for ax, panel in zip(axes, panels, strict=True) if panel.rows]
    span = span_of([rows.at for panel in panels for rows in panel.rows])
    if span is not None:
        clock(on_clock, span)
    return figure


def _over_time(subject: Subject, drawn: list[str]) -> Iterator[Panel]:
    """The panels over time: readings, keys, events."""
    for name in drawn:
        rows = subject.rows[name]
        if rows.sensor in SERIES:
            height = _STILL if is_still(rows) else _SERIES
            yield Panel(height, partial(draw_series, name=spoken(name), rows=rows), [rows])
    for name in drawn:
        rows = subject.rows[name]
        if rows.sensor == "key_press":
            yield Panel(_KEYS, partial(draw_keys, name=spoken(name), rows=rows), [rows])
    happened = [name for name in drawn if is_event(subject.rows[name].sensor)]
    if subject.wanted is None:
        # When the pointer moved is to be seen beside all else; where, in a panel of its own.
        happened += [name for name in drawn if subject.rows[name].sensor == "pointer"]
    else:
        happened = [name for name in happened if subject.rows[name].sensor != "click"]
    if happened:
        events = [(spoken(name), subject.rows[name]) for name in happened]
        yield Panel(
            _EVENTS + _EVENT * len(events), partial(draw_events, rows=events), [rows for _, rows in events]
        )


def _maps(figure: Figure, subject: Subject, drawn: list[str]) -> Iterator[Panel]:
    """The panels that show where something was."""
    asked = {subject.rows[name].sensor for name in drawn}
    by_sensor = {rows.sensor: rows for rows in subject.rows.values() if len(rows)}
    if asked & {"pointer", "click"}:
        pointer = placed(by_sensor.get("pointer")) if "pointer" in asked else None
        clicks, window = placed(by_sensor.get("click")), window_of(by_sensor.get("viewport_size"))
        height = map_height(way_extent([pointer, clicks], window)) + _BAR
        yield Panel(height, partial(draw_pointer, figure, pointer=pointer, clicks=clicks, window=window))
    if "location" in asked:
        rows = by_sensor["location"]
        yield Panel(map_height(track_extent(rows)), partial(draw_track, name="location", rows=rows))
