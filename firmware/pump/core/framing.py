# SPDX-License-Identifier: MIT
"""COBS and CRC-32, byte by byte, without the heap.

One text, two machines: viper compiles these functions on the board and CPython
runs them as they stand, so the wire format has a single definition.
COBS: Cheshire & Baker, IEEE/ACM ToN 7(2), 1999.  CRC-32: IEEE 802.3, reflected.
"""

from array import array

from pump.compat import const, micropython, ptr8, ptr32

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

# CRC-32 of anything that ends with its own CRC-32, and of nothing else.
_RESIDUE = b"\x1c\xdf\x44\x21"


@micropython.viper
def crc32_into(source, count: int, table: ptr32, out: ptr8, at: int):
    """Write CRC-32 of the first `count` bytes of any buffer to out[at:at + 4], little-endian.

    `table` is `_TABLE`; bits are masked after each shift, so that int32 on the
    chip and unbounded ints on CPython hold the same low 32 bits.
    """
    octets = ptr8(source)
    crc = -1
    for i in range(count):
        crc = ((crc >> 8) & 0x00FFFFFF) ^ table[(crc ^ octets[i]) & 255]
    crc = crc ^ -1
    out[at] = crc & 255
    out[at + 1] = (crc >> 8) & 255
    out[at + 2] = (crc >> 16) & 255
    out[at + 3] = (crc >> 24) & 255


def crc32(source, count: int) -> int:
    """Return CRC-32 of the first `count` bytes, 0..2**32 - 1.  Allocates: not for the tick."""
    out = bytearray(4)
    crc32_into(source, count, _TABLE, out, 0)
    return int.from_bytes(out, "little")


@micropython.viper
def encode(source: ptr8, count: int, out: ptr8) -> int:
    """COBS-encode source[:count] into `out`, zero byte last; return the bytes written.

    `out` needs count + count // 254 + 2 bytes.
    """
    code_at = 0
    at = 1
    for i in range(count):
        byte = source[i]
        if byte == 0:
            out[code_at] = at - code_at
            code_at = at
            at += 1
        else:
            out[at] = byte
            at += 1
            if at - code_at == 255:
                out[code_at] = 255
                code_at = at
                at += 1
    out[code_at] = at - code_at
    out[at] = 0
    return at + 1


@micropython.viper
def decode(source: ptr8, count: int, out: ptr8, room: int) -> int:
    """Decode source[:count], zero byte left off, into `out`; return the length.

    Returns -1 for what no encoder writes: a zero inside, a block that runs past
    the end, nothing at all, or more than `room` bytes.
    """
    at = 0
    i = 0
    while i < count:
        code = source[i]
        i += 1
        end = i + code - 1
        if code == 0 or end > count or at + code - 1 > room:
            return -1
        while i < end:
            byte = source[i]
            if byte == 0:
                return -1
            out[at] = byte
            at += 1
            i += 1
        if code != 255 and i < count:
            if at == room:
                return -1
            out[at] = 0
            at += 1
    if count == 0:
        return -1
    return at


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
        self._check = bytearray(4)

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
            crc32_into(self.frame, length, _TABLE, self._check, 0)
            if self._check == _RESIDUE:
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
        crc32_into(plain, count, _TABLE, plain, count)
        return encode(plain, count + 4, self.coded)
