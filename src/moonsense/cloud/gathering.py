"""A transport that sends an answer in one packet."""

from __future__ import annotations

import asyncio
from typing import Any

# From here on a copy costs more than a packet.
_LARGE = 64 * 1024


class Gathering(asyncio.Transport):
    """A transport that sends what is written in one turn of the event loop at once.

    An answer is written in two parts, its head and its body. Sent apart they
    are two system calls here, and two packets that wake the other side twice:
    for small answers a sixth of all the time they take.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._held: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send data, with what else is written before the loop's next turn."""
        if len(data) >= _LARGE:
            self._send()
            self._transport.write(data)
            return
        if not self._held:
            self._loop.call_soon(self._send)
        self._held.append(bytes(data))

    def _send(self) -> None:
        if self._held:
            held, self._held = self._held, []
            self._transport.write(held[0] if len(held) == 1 else b"".join(held))

    def close(self) -> None:
        """Send what is held, then close."""
        self._send()
        self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._held.clear()
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether it is closed or about to be."""
        return self._transport.is_closing()

    def is_reading(self) -> bool:
        """Whether data are taken in."""
        return self._transport.is_reading()

    def pause_reading(self) -> None:
        """Take no more data in."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take data in again."""
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What is known of the connection."""
        return self._transport.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the connection to another protocol."""
        self._transport.set_protocol(protocol)
