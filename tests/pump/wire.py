# SPDX-License-Identifier: MIT
"""The host's side of the wire, written apart from the firmware's so that each checks the other.

COBS after Cheshire & Baker (1999) in whole blocks, CRC-32 from zlib, HMAC and SHA-256 from
Python's own library.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
import zlib
from dataclasses import dataclass

PROTOCOL = 4
KEYS = bytes(range(64))  # of the fake board: device key, seal key
CHALLENGE = b"a bench."
READING = 0x10


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
    """Return a READING frame that nobody has signed yet."""
    return frame(READING, struct.pack("<4I", index, time_s, conc_ug_l, quality))


def seal(program: bytes) -> bytes:
    """Return the seal of a program."""
    return hmac.digest(KEYS[32:], program, "sha256")


class Signer:
    """A host that holds the key, in a session of its own."""

    def __init__(self, nonce: bytes, challenge: bytes = CHALLENGE, key: bytes = KEYS[:32]) -> None:
        self._command = hmac.digest(key, b"mesor command 1\0" + nonce + challenge, "sha256")
        reading = hmac.digest(key, b"mesor reading 1\0" + nonce + challenge, "sha256")
        self._reading = reading[:24]
        self.sequence = 0

    def frame(self, kind: int, body: bytes = b"", sequence: int | None = None) -> bytes:
        """Return a signed frame with the next sequence number, or with that one."""
        if sequence is None:
            self.sequence += 1
        else:
            self.sequence = sequence
        epoch = struct.pack("<H", self.sequence >> 16)
        plain = struct.pack("<BBH", kind, PROTOCOL, self.sequence & 0xFFFF) + body + epoch
        if kind == READING:
            tag = hashlib.sha256(self._reading + plain).digest()[:8]
        else:
            tag = hmac.digest(self._command, plain, "sha256")[:16]
        return frame(kind, body + epoch + tag, self.sequence & 0xFFFF)

    def sign_readings(self, stream: bytes) -> bytes:
        """Return `stream` with each unsigned READING in it signed, as the next in order."""
        pieces = stream.split(b"\0")
        for i, coded in enumerate(pieces[:-1]):
            if coded and coded == cobs(uncobs(coded)):
                plain = uncobs(coded)
                if plain[:1] == bytes([READING]) and len(plain) == 24 and plain[1] == PROTOCOL:
                    pieces[i] = self.frame(READING, plain[4:-4])[:-1]
        return b"\0".join(pieces)


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
