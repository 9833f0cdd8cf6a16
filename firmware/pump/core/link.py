# SPDX-License-Identifier: MIT
"""The pump's end of the line: whole frames in, frames out.

Joins reader and writer of frames to the board's bytes, and numbers what is sent.  What a frame
means is for core.commands.  Nothing is allocated after construction.
"""

from pump.compat import micropython
from pump.core.framing import FrameReader, FrameWriter
from pump.spec import limits, messages


class Link:
    """Frames over `board.read` and `board.write`."""

    def __init__(self, board):
        self._board = board
        self.reader = FrameReader(messages.FRAME_BYTES_MAX)
        self.frame = self.reader.frame  # of the last `next_frame`: header and body
        self._writer = FrameWriter(messages.FRAME_BYTES_MAX)
        self.body = self._writer.body  # to be filled before `send`
        self._received = bytearray(64)
        self._count = 0  # bytes of it
        self._at = 0  # the next of them to be looked at
        self._reads = 0  # left in this pass
        self._sequence = 0

    @micropython.native
    def begin_pass(self) -> None:
        """Allow a pass of the loop's reads: a flood waits for the next pass."""
        self._reads = limits.READS_MAX

    @micropython.native
    def next_frame(self) -> int:
        """Return the length of the next frame that has arrived, 0 when that was all."""
        reader = self.reader
        while True:
            while self._at < self._count:
                self._at = reader.feed(self._received, self._at, self._count)
                if reader.length:
                    return reader.length
            if not self._reads:
                return 0
            if not self._receive():
                return 0

    @micropython.native
    def _receive(self) -> int:
        """Take in what has arrived, as far as there is room; return how many bytes that is."""
        self._at = 0
        self._count = self._board.read(self._received)
        # With room left over that was all, and asking again would take time.
        self._reads = self._reads - 1 if self._count == len(self._received) else 0
        return self._count

    @micropython.native
    def send(self, kind: int, body_bytes: int) -> None:
        """Send the frame whose body is in place."""
        writer = self._writer
        count = writer.finish(kind, messages.PROTOCOL_VERSION, self._sequence, body_bytes)
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._board.write(writer.coded, count)
