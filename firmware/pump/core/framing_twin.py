# SPDX-License-Identifier: MIT
"""CRC-32 and COBS in Python: what core/framing_thumb.py means, byte for byte.

COBS: Cheshire & Baker, IEEE/ACM ToN 7(2), 1999.  CRC-32: IEEE 802.3, reflected.
"""

import zlib

from pump.compat import ptr8

_BLOCK_BYTES = 255  # a code byte and 254 others: the largest block
_WHOLE = 0x2144DF1C  # CRC-32 of bytes that end with their own, and of no others


def append_crc(_table, source, count: int) -> int:
    """Write behind the first `count` bytes of any buffer their CRC-32; return 0."""
    octets = ptr8(source)
    octets[count : count + 4] = zlib.crc32(octets[:count]).to_bytes(4, "little")
    return 0


def has_crc(_table, source, count: int) -> int:
    """Return 1 when the first `count` bytes end with the CRC-32 of those before, else 0."""
    return 1 if zlib.crc32(ptr8(source)[:count]) == _WHOLE else 0


def encode(source, count: int, out) -> int:
    """COBS-encode source[:count] into `out`, zero byte last; return the bytes written.

    `out` needs count + count // 254 + 2 bytes.
    """
    coded = bytearray(b"\0%b\0" % bytes(source[:count]))
    begin, next_zero = 0, coded.index
    while begin < len(coded) - 1:
        end = next_zero(0, begin + 1)
        if end - begin >= _BLOCK_BYTES:
            end = begin + _BLOCK_BYTES
            coded.insert(end, 0)
        coded[begin] = end - begin
        begin = end
    out[: len(coded)] = coded
    return len(coded)


def decode(source, count: int, out, room: int) -> int:
    """Decode source[:count], zero byte left off, into `out`; return the length.

    Returns -1 for what no encoder writes: a zero inside, a block that runs past
    the end, nothing at all, or more than `room` bytes.
    """
    plain = bytearray(source[:count])
    if not plain or 0 in plain:
        return -1
    begin, of_no_zero = 0, [0]
    while begin < count:
        code = plain[begin]
        plain[begin] = 0
        begin += code
        if code == _BLOCK_BYTES:
            of_no_zero.append(begin)
    for code_at in reversed(of_no_zero):
        del plain[code_at : code_at + 1]
    if begin != count or len(plain) > room:
        return -1
    out[: len(plain)] = plain
    return len(plain)
