"""What is around the items of a bundle: whose it is, its number and its clock."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from moonsense.models.bundle_v2_pb2 import SealedBundle

__all__ = ["Envelope"]

_MILLIS = rb'"(0|-?[1-9]\d{0,17})"'
_LISTS = rb'(?:,"\w+":\[\])*'
"""Lists whose items were taken out."""

# Few choices: each would cost as much as a reading.
_PLAIN = re.compile(
    rb'\{"bundle":\{(?:"\w+":\[\],)?'
    rb'"client_time":\{"wall_time_millis":%(millis)b,"timer_millis":%(millis)b,'
    rb'"timer_realtime_millis":%(millis)b\}%(lists)b'
    rb',"index":([1-9]\d{0,8})(?:,"is_final_bundle":true)?%(lists)b\}'
    rb'(?:,"app_id":"[\w-]*","credential_id":"[\w-]*")?'
    rb',"session_id":"([\w-]*)"(?:,"server_time_millis":"\d{1,18}")?\}\s*'
    % {b"millis": _MILLIS, b"lists": _LISTS}
)


class Envelope(NamedTuple):
    """Whose a bundle is, its number, and the readings of its clock; zero for each that there is none of.

    Attributes:
        session_id: of the session, or "".
        index: its number in the session.
        wall: the wall clock, in epoch milliseconds.
        timer, realtime: its timers, in milliseconds.
    """

    session_id: str
    index: int  # type: ignore[assignment]  # of a tuple, a method of no use here
    wall: int
    timer: int
    realtime: int

    @classmethod
    def of(cls, sealed: SealedBundle, session_id: str = "") -> Envelope:
        """Of a message; with this session, if it says none."""
        bundle = sealed.bundle
        clock = bundle.client_time
        return cls(
            sealed.session_id or session_id,
            bundle.index,
            clock.wall_time_millis,
            clock.timer_millis,
            clock.timer_realtime_millis,
        )

    @classmethod
    def plain(cls, line: bytes, session_id: str = "") -> Envelope | None:
        """Of a line of JSON without items, as the service and this package write it; None for any other."""
        found = _PLAIN.fullmatch(line)
        if found is None:
            return None
        wall, timer, realtime, index, said = found.groups()
        return cls(said.decode() or session_id, int(index), int(wall), int(timer), int(realtime))
