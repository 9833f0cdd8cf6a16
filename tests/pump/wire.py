# SPDX-License-Identifier: MIT
"""The host's side of the wire, written apart from the firmware's so that each checks the other.

COBS after Cheshire & Baker (1999) in whole blocks, CRC-32 from zlib.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

PROTOCOL = 1


def cobs(plain: bytes) -> bytes:
    """Return `plain` stuffed, without the closing zero."""
    coded = bytearray()
    for run in plain.split(b"\0"):
        while len(run) >= 254:
            coded += b"\xff" + run[:254]
            run = run[254:]
        coded += bytes([len(run) + 1]) + run
    return bytes(coded)


def uncobs(coded: bytes) -> bytes:
    """Return what `coded`, closing zero left off, was made of; it must be well formed."""
    plain, at = bytearray(), 0
    while at < len(coded):
        code = coded[at]
        plain += coded[at + 1 : at + code]
        at += code
        if code < 255 and at < len(coded):
            plain.append(0)
    return bytes(plain)


def frame(kind: int, body: bytes = b"", sequence: int = 0, version: int = PROTOCOL) -> bytes:
    """Return a whole frame with its closing zero."""
    plain = struct.pack("<BBH", kind, version, sequence) + body
    return cobs(plain + struct.pack("<I", zlib.crc32(plain))) + b"\0"


def reading(index: int, time_s: int, conc_ug_l: int, quality: int = 100) -> bytes:
    """Return a READING frame."""
    return frame(0x10, struct.pack("<4I", index, time_s, conc_ug_l, quality))


@dataclass(frozen=True, slots=True)
class Received:
    """One frame from the pump, its checksum checked."""

    kind: int
    version: int
    sequence: int
    body: bytes

    @property
    def words(self) -> list[int]:
        """Return the body as int32 words."""
        return list(struct.unpack(f"<{len(self.body) // 4}i", self.body))


def frames(stream: bytes) -> list[Received]:
    """Return the frames of what the pump wrote; a single wrong byte fails the test."""
    assert stream == b"" or stream.endswith(b"\0")
    received = []
    for coded in stream.split(b"\0")[:-1]:
        plain = uncobs(coded)
        assert struct.unpack("<I", plain[-4:])[0] == zlib.crc32(plain[:-4])
        received.append(Received(*struct.unpack("<BBH", plain[:4]), plain[4:-4]))
    return received
