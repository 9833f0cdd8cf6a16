# SPDX-License-Identifier: MIT
"""Lets in what a holder of the pump's key has just said; STOP and looking need no key.

Whatever can move the motor or change a limit passes here first.  Each session's keys come
from the pump's own key and a nonce that the pump made for it; a counter under the tag only
rises, so what is sent again, late or out of order is refused, and a whole session recorded
earlier is worth nothing.  Runs before the tick, where the heap is open.
"""

import hashlib

from pump.compat import const, micropython, ptr8
from pump.core.mac import difference, hmac_sha256
from pump.spec import messages, reasons

AGAIN = const(255)  # the last command once more: answered alike, not carried out; never sent

_HEAD = messages.HEADER_BYTES
_COUNTER_END = messages.EPOCHS << 16
_READING_BYTES = _HEAD + 4 * messages.READING_WORDS + messages.EPOCH_BYTES
_SIGNED = (
    messages.PROGRAM_BEGIN, messages.PROGRAM_CHUNK, messages.PROGRAM_END,
    messages.START, messages.MAINTENANCE, messages.ACKNOWLEDGE, messages.SILENCE,
    messages.CONFIRM, messages.BOX_CLEAR,
    messages.TAKE_OVER,
)  # fmt: skip


@micropython.viper
def _counter(frame: ptr8, signed: int) -> int:
    """Return the counter of a frame whose epoch ends at `signed`."""
    return frame[signed - 1] << 24 | frame[signed - 2] << 16 | frame[3] << 8 | frame[2]


@micropython.viper
def _copy(source: ptr8, count: int, out: ptr8, at: int):
    """Write source[:count] to out[at:at + count]."""
    for i in range(count):
        out[at + i] = source[i]


class Session:
    """What one host may say until the next HELLO."""

    def __init__(self, device_key):
        """device_key: messages.KEY_BYTES, or none: then nothing that needs a key is let in."""
        self.nonce = bytes(messages.NONCE_BYTES)
        self.length = 0  # of the last frame that was let in, without epoch and tag
        self.last_result = reasons.RESULT_OK
        self._device_key = device_key
        self.challenge = bytes(messages.CHALLENGE_BYTES)
        self._command_key = None
        self._hashed = None  # the reading key, and room for a reading
        self._counter = 0  # of the last message that was let in
        self._last = -1  # kind of the last command that was carried out
        self._last_counter = 0
        self._is_open = False

    def open(self, frame, length: int, nonce) -> int:
        """Begin a session for the host that sent this HELLO; the same HELLO again changes nothing.

        nonce: NONCE_BYTES that the pump has never used before.
        """
        if length != _HEAD + messages.CHALLENGE_BYTES:
            return reasons.RESULT_BAD_LENGTH
        challenge = bytes(frame[_HEAD : _HEAD + messages.CHALLENGE_BYTES])
        if challenge != self.challenge or not self._is_open:
            self.challenge = challenge
            self.nonce = nonce
            self._is_open = True
            self._counter = 0
            self._last = -1
            if self._device_key:
                seed = nonce + challenge
                self._command_key = hmac_sha256(self._device_key, messages.COMMAND_LABEL + seed)
                key = hmac_sha256(self._device_key, messages.READING_LABEL + seed)
                hashed = bytearray(messages.READING_KEY_BYTES + _READING_BYTES)
                hashed[: messages.READING_KEY_BYTES] = key[: messages.READING_KEY_BYTES]
                self._hashed = hashed
        return reasons.RESULT_OK

    @micropython.native
    def admit_reading(self, frame, length: int) -> int:
        """Return RESULT_OK for a reading to be used, or why it is refused.

        Its tag is SHA-256(key | frame), all in one block: its length is fixed, so that
        nothing can be appended to what was hashed.
        """
        if frame[1] != messages.PROTOCOL_VERSION:
            return reasons.RESULT_WRONG_PROTOCOL
        if length != _READING_BYTES + messages.READING_TAG_BYTES:
            return reasons.RESULT_BAD_LENGTH
        if self._hashed is None:
            return reasons.RESULT_NO_SESSION
        _copy(frame, _READING_BYTES, self._hashed, messages.READING_KEY_BYTES)
        digest = hashlib.sha256(self._hashed).digest()
        if difference(frame, _READING_BYTES, digest, messages.READING_TAG_BYTES):
            return reasons.RESULT_NOT_AUTHENTIC
        counter = _counter(frame, _READING_BYTES)
        if not self._counter < counter < _COUNTER_END:
            return reasons.RESULT_REPLAYED
        self._counter = counter
        self.length = _READING_BYTES - messages.EPOCH_BYTES
        return reasons.RESULT_OK

    def admit_command(self, frame, length: int) -> int:
        """Return RESULT_OK for a command to be carried out, AGAIN, or why it is refused."""
        kind = frame[0]
        self.length = length
        if frame[1] != messages.PROTOCOL_VERSION:
            return reasons.RESULT_WRONG_PROTOCOL
        if kind not in _SIGNED:
            known = kind in messages.KEYLESS
            return reasons.RESULT_OK if known else reasons.RESULT_UNKNOWN_MESSAGE
        if not self._device_key:
            # A pump without a key cannot dose, and MAINTENANCE is how it gets one.
            is_harmless = kind == messages.MAINTENANCE
            return reasons.RESULT_OK if is_harmless else reasons.RESULT_NO_KEY
        if self._command_key is None:
            return reasons.RESULT_NO_SESSION
        return self._check(frame, length - messages.TAG_BYTES)

    def _check(self, frame, signed: int) -> int:
        """Check tag and counter of a command whose tag begins at `signed`."""
        if signed < _HEAD + messages.EPOCH_BYTES:
            return reasons.RESULT_NOT_AUTHENTIC
        tag = hmac_sha256(self._command_key, memoryview(frame)[:signed])
        if difference(frame, signed, tag, messages.TAG_BYTES):
            return reasons.RESULT_NOT_AUTHENTIC
        counter = _counter(frame, signed)
        if frame[0] == self._last and counter == self._last_counter:
            return AGAIN
        if not self._counter < counter < _COUNTER_END:
            return reasons.RESULT_REPLAYED
        self._counter = counter
        self.length = signed - messages.EPOCH_BYTES
        return reasons.RESULT_OK

    def remember(self, frame, result: int) -> None:
        """Keep the result of a command, for the host that did not hear it."""
        self.last_result = result
        self._last = frame[0]
        self._last_counter = self._counter
