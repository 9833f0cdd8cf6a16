# SPDX-License-Identifier: MIT
"""Frames on the wire: COBS between zero bytes, CRC-32 at the end, without the heap.

The loops over bytes are machine code on a board and Python elsewhere, and mean the same.
COBS: Cheshire & Baker, IEEE/ACM ToN 7(2), 1999.  CRC-32: IEEE 802.3, reflected.
"""

from array import array

from pump.compat import ON_DEVICE, const, micropython, ptr8

if ON_DEVICE:
    from pump.core.framing_thumb import append_crc, decode, encode, has_crc
else:
    from pump.core.framing_twin import append_crc, decode, encode, has_crc

_POLYNOMIAL = const(0xEDB88320)


def _byte_table() -> array:
    """Return CRC-32 of the 256 bytes."""
    table = array("I", bytes(1024))
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ _POLYNOMIAL if value & 1 else value >> 1
        table[byte] = value
    return table


_TABLE = _byte_table()


def crc32(source) -> int:
    """Return CRC-32 of some bytes, 0..2**32 - 1.  Allocates: not for the tick."""
    sealed = bytearray(source) + bytearray(4)
    append_crc(_TABLE, sealed, len(source))
    return int.from_bytes(sealed[-4:], "little")


def ends_with_crc(source, count: int) -> bool:
    """Say whether the first `count` bytes of any buffer end with the CRC-32 of those before."""
    return has_crc(_TABLE, source, count) == 1


@micropython.viper
def _collect(source: ptr8, at: int, count: int, out: ptr8, out_at: int, room: int) -> int:
    """Copy source[at:count] up to its first zero byte to out[out_at:room], no farther.

    Return where that zero is, or count.
    """
    shift = out_at - at
    while at < count and source[at] != 0:
        if at + shift < room:
            out[at + shift] = source[at]
        at += 1
    return at


class FrameReader:
    """Cuts a byte stream into checked frames; anything else is dropped and counted.

    After `feed` has set `length`, `frame[:length]` holds type, version, sequence
    and body until the next call.
    """

    def __init__(self, frame_bytes_max: int):
        self.frame = bytearray(frame_bytes_max)
        self.length = 0
        self.dropped = 0
        self._room = frame_bytes_max
        self._coded = bytearray(frame_bytes_max + frame_bytes_max // 254 + 2)
        self._coded_room = len(self._coded)
        self._count = 0  # coded bytes of the frame so far; beyond the room they are not kept

    @micropython.native
    def feed(self, source, at: int, count: int) -> int:
        """Take source[at:count] up to the end of a frame; return where the next call goes on.

        `length` is then that of the frame which this completed, or 0.
        """
        collected = self._count
        end = _collect(source, at, count, self._coded, collected, self._coded_room)
        # What did not fit was only counted: `_finish` sees by the count that it is too much.
        if collected <= self._coded_room:
            self._count = collected + end - at
        if end == count:
            self.length = 0
            return count
        self.length = self._finish()
        return end + 1

    @micropython.native
    def _finish(self) -> int:
        """Return the length of the frame that has been collected; 0 for a damaged one."""
        count = self._count
        self._count = 0
        if count == 0:
            return 0
        length = -1
        if count <= self._coded_room:
            length = decode(self._coded, count, self.frame, self._room)
        if length >= 8:
            if has_crc(_TABLE, self.frame, length):
                return length - 4
        self.dropped += 1
        return 0


class FrameWriter:
    """Builds frames in place: fill `body`, then `finish`; `coded[:result]` goes on the wire."""

    def __init__(self, frame_bytes_max: int):
        self._plain = bytearray(frame_bytes_max)
        self.body = memoryview(self._plain)[4:]
        self.coded = bytearray(frame_bytes_max + frame_bytes_max // 254 + 2)

    @micropython.native
    def finish(self, kind: int, version: int, sequence: int, body_bytes: int) -> int:
        """Seal a frame whose body is in place; return how many bytes of `coded` to send."""
        plain = self._plain
        plain[0] = kind
        plain[1] = version
        plain[2] = sequence & 255
        plain[3] = (sequence >> 8) & 255
        count = body_bytes + 4
        append_crc(_TABLE, plain, count)
        return encode(plain, count + 4, self.coded)
