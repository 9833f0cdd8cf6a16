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
    coded = bytearray()
    for run in bytes(source[:count]).split(b"\0"):
        begin = 0
        while len(run) - begin >= _BLOCK_BYTES - 1:
            coded.append(_BLOCK_BYTES)
            coded += run[begin : begin + _BLOCK_BYTES - 1]
            begin += _BLOCK_BYTES - 1
        coded.append(len(run) - begin + 1)
        coded += run[begin:]
    coded.append(0)
    out[: len(coded)] = coded
    return len(coded)


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
        block = source[i:end]
        if 0 in block:
            return -1
        out[at : at + len(block)] = block
        at += len(block)
        i = end
        if code != _BLOCK_BYTES and i < count:
            if at == room:
                return -1
            out[at] = 0
            at += 1
    return at if count else -1
