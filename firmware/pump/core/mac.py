# SPDX-License-Identifier: MIT
"""Message authentication codes: who sealed this, in 32 bytes.

HMAC (RFC 2104) on the SHA-256 that MicroPython brings (FIPS 180-4), for the session and for
the program's seal.  Allocates: not for the tick.
"""

import hashlib

from pump.compat import const, micropython, ptr8

_BLOCK_BYTES = const(64)  # of SHA-256


class Hmac:
    """HMAC-SHA256, under a key of any length, of what comes piece by piece."""

    def __init__(self, key):
        if len(key) > _BLOCK_BYTES:
            key = hashlib.sha256(key).digest()
        key = bytes(key) + bytes(_BLOCK_BYTES - len(key))
        self._inner = hashlib.sha256(bytes([byte ^ 0x36 for byte in key]))
        self._outer = hashlib.sha256(bytes([byte ^ 0x5C for byte in key]))

    def add(self, piece) -> None:
        """Take in the next bytes."""
        self._inner.update(piece)

    def end(self) -> bytes:
        """Return the 32 bytes; once, for MicroPython's hashes end with it."""
        self._outer.update(self._inner.digest())
        return self._outer.digest()


def hmac_sha256(key, message) -> bytes:
    """Return HMAC-SHA256 of `message`, 32 bytes, under a key of any length."""
    mac = Hmac(key)
    mac.add(message)
    return mac.end()


@micropython.viper
def difference(left: ptr8, left_at: int, right: ptr8, count: int) -> int:
    """Return 0 when left[left_at:left_at + count] is right[:count].

    Every byte is looked at, so that the time taken does not tell how many were right.
    """
    bits = 0
    for i in range(count):
        bits |= left[left_at + i] ^ right[i]
    return bits
