# SPDX-License-Identifier: MIT
"""What the link needs of a transport: bytes both ways, and its own time.

A serial port, the emulated Pico and the twin all are pipes.  Time is the pipe's:
on a port `advance` waits, on an emulated board it makes the board run.
"""

from __future__ import annotations

from typing import Protocol


class Pipe(Protocol):
    """Bytes to and from one pump."""

    @property
    def now_s(self) -> float:
        """Return the pipe's time in seconds since it was opened."""
        ...

    def write(self, content: bytes) -> None:
        """Send `content` to the pump."""
        ...

    def read(self) -> bytes:
        """Return what has arrived, without waiting."""
        ...

    def advance(self, until_s: float) -> None:
        """Let time pass until `until_s`; may return earlier when bytes have arrived."""
        ...

    def close(self) -> None:
        """Let go of the transport."""
        ...
