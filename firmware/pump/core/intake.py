# SPDX-License-Identifier: MIT
"""Takes a program in, piece by piece, and a reading out of its frame.

Pieces may repeat (a lost acknowledgement makes the host repeat) but leave no gap.
"""

from array import array

from pump.compat import const, micropython, ptr8, ptr32
from pump.core import program
from pump.core.mac import Hmac, difference
from pump.spec import limits, messages, reasons
from pump.spec import record as at

_BODY = const(messages.HEADER_BYTES)
_HUGE = const(1 << 29)  # stands for any u32 that a small int cannot hold; out of every range


def u32(frame, index: int) -> int:
    """Return the little-endian u32 at `index`, at most 2**29."""
    if frame[index + 3] > 0x1F:
        return _HUGE
    return frame[index] | frame[index + 1] << 8 | frame[index + 2] << 16 | frame[index + 3] << 24


@micropython.viper
def _write_reading(frame: ptr8, record: ptr32):
    """Write the words of a reading as `u32` gives them."""
    byte = _BODY
    for i in range(messages.READING_WORDS):
        value = frame[byte] | frame[byte + 1] << 8 | frame[byte + 2] << 16
        if frame[byte + 3] > 0x1F:
            value = _HUGE
        else:
            value |= frame[byte + 3] << 24
        record[at.SAMPLE_INDEX + i] = value
        byte += 4


@micropython.native
def write_reading(frame, length: int, record) -> bool:
    """Copy a READING frame into the record's inputs; return False for a wrong length."""
    if length != _BODY + 4 * messages.READING_WORDS:
        return False
    _write_reading(frame, record)
    return True


@micropython.viper
def _copy(words: ptr32, count: int, out):
    """Write words[:count] to `out`, which begins at a multiple of four bytes."""
    out_words = ptr32(out)
    for i in range(count):
        out_words[i] = words[i]


@micropython.native
def copy_words(words, out) -> int:
    """Write int32 `words` to `out`, little-endian; return the bytes written."""
    _copy(words, len(words), out)
    return 4 * len(words)


@micropython.viper
def write_bytes(frame: ptr8, at_byte: int, count: int, words, offset: int):
    """Write frame[at_byte:at_byte + count] to the bytes of `words` from `offset` on."""
    out = ptr8(words)
    for i in range(count):
        out[offset + i] = frame[at_byte + i]


class ProgramIntake:
    """Assembles a program; `words` is None until a whole, sealed and checked one is there."""

    def __init__(self, seal_key):
        self.words = None
        self._seal_key = seal_key
        self._coming = None  # the words of one that is not there yet
        self._count = 0  # bytes of it that are
        self._seal = None  # of these bytes: hashed as they come, for all at once takes too long

    def begin(self, frame, length: int) -> int:
        """Make room for the number of words announced; forget the program before.

        One that runs stays, in its controller's hands.
        """
        if length != _BODY + 4:
            return reasons.RESULT_BAD_LENGTH
        count = u32(frame, _BODY)
        if not 0 < count <= limits.PROGRAM_WORDS_MAX:
            return reasons.RESULT_PROGRAM_TOO_LARGE
        self.words = None
        self._coming = None  # freed first: it may not fit beside the one to come
        try:
            self._coming = array("i", range(count))  # made in place, of no other copy
        except MemoryError:
            return reasons.RESULT_NO_ROOM
        self._count = 0
        self._seal = Hmac(self._seal_key)
        return reasons.RESULT_OK

    def take(self, frame, length: int) -> int:
        """Write what is new of one chunk where it belongs; what is there is never overwritten."""
        size = length - _BODY - 4
        if not 0 < size <= messages.CHUNK_BYTES_MAX:
            return reasons.RESULT_BAD_LENGTH
        if self._coming is None:
            return reasons.RESULT_WRONG_STATE
        offset = u32(frame, _BODY)
        if offset > self._count:
            return reasons.RESULT_PROGRAM_GAP
        if offset + size > 4 * len(self._coming):
            return reasons.RESULT_PROGRAM_TOO_LARGE
        new = offset + size - self._count
        if new > 0:
            begin = _BODY + 4 + size - new
            write_bytes(frame, begin, new, self._coming, self._count)
            self._seal.add(memoryview(frame)[begin : begin + new])
            self._count += new
        return reasons.RESULT_OK

    def end(self, frame, length: int) -> int:
        """Check the whole program and its seal, and keep it if it is right."""
        if length != _BODY + 4 + messages.SEAL_BYTES:
            return reasons.RESULT_BAD_LENGTH
        coming = self._coming
        if coming is None or self._count != 4 * len(coming):
            return reasons.RESULT_PROGRAM_GAP
        checksum = int.from_bytes(frame[_BODY : _BODY + 4], "little")
        if coming[-1] & 0xFFFFFFFF != checksum:
            return reasons.RESULT_PROGRAM_CHECKSUM
        self._coming = None  # its seal can be told only once
        seal = self._seal.end()
        if not self._seal_key or difference(frame, _BODY + 4, seal, messages.SEAL_BYTES):
            return reasons.RESULT_PROGRAM_SEAL
        result = program.check(coming)
        if result == reasons.RESULT_OK:
            self.words = coming
        return result
