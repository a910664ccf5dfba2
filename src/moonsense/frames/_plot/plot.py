"""The call that draws a session."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from typing import TYPE_CHECKING

from moonsense.errors import MissingExtraError
from moonsense.frames._sources import Between
from moonsense.models.data_plane_v2_sdk_pb2 import Session

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot"]


def plot(
    source: object,
    sensors: str | Iterable[str] | None = None,
    *,
    session: str | Session | None = None,
    between: Between = (None, None),
    title: str | None = None,
) -> Figure:
    """A picture of one session: readings, keys and events over the clock, the pointer's way, the track.

    Readings are lines over the wall clock (UTC) with their units, broken where
    there is a gap: more than five times the usual distance. Of long ones the
    first, lowest, highest and last reading of each of 2,000 parts are drawn, so
    that no peak is lost. Keys are bars from press to release, as high as they
    were held in milliseconds. All else that happened is ticks. The pointer's way
    is drawn in logical pixels as on the screen, its colour the speed and clicks
    rings on it; the track in metres from its first place, in one scale.

    Args:
        source: as for ``read``: a client, a path, bytes, a binary file, bundles;
            or tables that ``read``, ``align``'s parts or ``resample`` gave, one or
            several by name.
        sensors: one or several, in this order; of tables their names. Without it
            all that the session has. Of a sensor that was not recorded the picture
            says so.
        session: which one, by id or as a message, where the source has several.
        between: only what was at the first time or later and before the second, as
            for ``read``.
        title: above all, instead of the session's id, platform, start and length.

    Returns:
        A figure of matplotlib, made without pyplot and without a display;
        ``savefig`` writes it and a notebook shows it.

    Raises:
        MissingExtraError: the extra ``plot`` is not installed.
        ValueError: there is no such sensor or session, more than one session, or
            a table lacks a column that its picture needs.
        What ``read`` raises of a source.
    """
    if find_spec("matplotlib") is None:
        raise MissingExtraError("frames.plot", "plot")
    from moonsense.frames._plot.picture import picture_of  # noqa: PLC0415 (the extra plot, and slow to load)
    from moonsense.frames._plot.subject import subject_of  # noqa: PLC0415

    names = [sensors] if isinstance(sensors, str) else sensors
    return picture_of(subject_of(source, names, session, between), title)
