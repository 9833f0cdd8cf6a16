# SPDX-License-Identifier: MIT
"""CRC-32 and COBS in Python: what core/framing_thumb.py means, byte for byte.

COBS: Cheshire & Baker, IEEE/ACM ToN 7(2), 1999.  CRC-32: IEEE 802.3, reflected.
"""

from pump.compat import ptr8

_BLOCK_BYTES = 255  # a code byte and 254 others: the largest block
_RESIDUE = 0xDEBB20E3  # is left of bytes that end with their own CRC-32, and of no others


def append_crc(table, source, count: int) -> int:
    """Write behind the first `count` bytes of any buffer their CRC-32; return 0."""
    octets = ptr8(source)
    crc = _remainder(table, octets, count) ^ 0xFFFFFFFF
    for i in range(4):
        octets[count + i] = (crc >> 8 * i) & 255
    return 0


def has_crc(table, source, count: int) -> int:
    """Return 1 when the first `count` bytes end with the CRC-32 of those before, else 0."""
    return 1 if _remainder(table, ptr8(source), count) == _RESIDUE else 0


def _remainder(table, octets, count: int) -> int:
    """Return what a table of CRC-32 leaves of some bytes, not inverted."""
    crc = 0xFFFFFFFF
    for i in range(count):
        crc = (crc >> 8) ^ table[(crc ^ octets[i]) & 255]
    return crc


def encode(source, count: int, out) -> int:
    """COBS-encode source[:count] into `out`, zero byte last; return the bytes written.

    `out` needs count + count // 254 + 2 bytes.
    """
    code_at = 0
    at = 1
    for i in range(count):
        byte = source[i]
        if byte:
            out[at] = byte
            at += 1
        if not byte or at - code_at == _BLOCK_BYTES:
            out[code_at] = at - code_at
            code_at = at
            at += 1
    out[code_at] = at - code_at
    out[at] = 0
    return at + 1


def decode(source, count: int, out, room: int) -> int:
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
            if source[i] == 0:
                return -1
            out[at] = source[i]
            at += 1
            i += 1
        if code != _BLOCK_BYTES and i < count:
            if at == room:
                return -1
            out[at] = 0
            at += 1
    return at if count else -1
