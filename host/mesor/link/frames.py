# SPDX-License-Identifier: MIT
"""Frames as the host sees them; coded and decoded by the pump's own framing."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from pump.core.framing import FrameReader, FrameWriter
from pump.spec import messages

_DELIMITER = b"\0"


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded frame, checksum verified and left off."""

    kind: int
    version: int
    sequence: int
    body: bytes

    @property
    def content(self) -> bytes:
        """Return header and body, as logs keep them."""
        return struct.pack("<BBH", self.kind, self.version, self.sequence) + self.body

    @classmethod
    def of(cls, content: bytes) -> Frame:
        """Return the frame with this header and body."""
        kind, version, sequence = struct.unpack_from("<BBH", content)
        return cls(kind, version, sequence, content[messages.HEADER_BYTES :])


class FrameCoder:
    """Codes frames for the wire and finds frames in what comes back."""

    def __init__(self) -> None:
        self._reader = FrameReader(messages.FRAME_BYTES_MAX)
        self._writer = FrameWriter(messages.FRAME_BYTES_MAX)

    @property
    def dropped(self) -> int:
        """Return how many damaged frames were dropped so far."""
        return int(self._reader.dropped)

    def encode(self, frame: Frame) -> bytes:
        """Return the bytes for the wire, delimiter included.

        All but readings begin with a delimiter too: what noise has left on the line shall
        not swallow a STOP.
        """
        self._writer.body[: len(frame.body)] = frame.body
        count = self._writer.finish(frame.kind, frame.version, frame.sequence, len(frame.body))
        coded = bytes(self._writer.coded[:count])
        return coded if frame.kind == messages.READING else _DELIMITER + coded

    def decode(self, received: bytes) -> Iterator[Frame]:
        """Yield the frames that `received` completes."""
        at = 0
        while at < len(received):
            at = self._reader.feed(received, at, len(received))
            if self._reader.length:
                yield Frame.of(bytes(self._reader.frame[: self._reader.length]))
