# SPDX-License-Identifier: MIT
"""The host's side of the protocol: commands that are repeated until acknowledged.

A command carries a sequence number; the pump answers a repeated one without
carrying it out twice.  Readings are not acknowledged: telemetry answers them.
All that can move the motor is signed with the pump's key (link/keys.py).
"""

from __future__ import annotations

import secrets
import struct
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from mesor.errors import LinkError, RefusedError
from mesor.link.frames import Frame, FrameCoder
from mesor.link.keys import PumpKeys, SessionKeys
from mesor.link.pipe import Pipe
from mesor.record.fields import is_record
from mesor.soft_limits import NUMBERS, SoftLimit
from pump.spec import journal, messages, reasons

Direction = Literal["to_pump", "from_pump"]
OnFrame = Callable[[Direction, float, Frame], None]
KeysOf = Callable[[str], PumpKeys | None]  # board id: its keys, None where there are none

ACK_TIMEOUT_S = 0.5
TRIES = 5
_WAITS_MAX = 120  # for the pause after a tick: a tick of 10 min may come a minute late
_ERASED_PAGE = b"\xff" * journal.PAGE_BYTES
_CHALLENGE = slice(12, 12 + messages.CHALLENGE_BYTES)  # of IDENTITY: whom it answers
_NONCE = slice(_CHALLENGE.stop, _CHALLENGE.stop + messages.NONCE_BYTES)
_RESULT_TEXT = {
    reasons.RESULT_UNKNOWN_MESSAGE: "does not know this command",
    reasons.RESULT_BAD_LENGTH: "got a command of the wrong length",
    reasons.RESULT_WRONG_STATE: "cannot do this in its present state; stop the therapy first",
    reasons.RESULT_PROGRAM_TOO_LARGE: "has no room for a program of this size",
    reasons.RESULT_PROGRAM_GAP: "misses a part of the program",
    reasons.RESULT_PROGRAM_CHECKSUM: "found the program's checksum wrong; compile it again",
    reasons.RESULT_PROGRAM_LAYOUT: "does not know this program layout; "
    "compile it with the version of the firmware",
    reasons.RESULT_OUT_OF_RANGE: "found a value out of its range",
    reasons.RESULT_TIME_OF_DAY: "was started at a time that no day has; 0 to 86,399 s are allowed",
    reasons.RESULT_WRONG_PROTOCOL: "speaks another protocol version; flash the matching firmware",
    reasons.RESULT_NO_KEY: "has no key yet and so takes no orders; flash it with `mesor flash`",
    reasons.RESULT_NO_SESSION: "was restarted, or another host has spoken to it; connect again",
    reasons.RESULT_NOT_AUTHENTIC: "does not hold the key that this was signed with, or what "
    "came was not what was sent; use the host that flashed the pump, or wipe and flash it",
    reasons.RESULT_REPLAYED: "has had this message before, or a later one; connect again",
    reasons.RESULT_NOT_CONFIRMED: "has a program that plans beyond a soft limit; a person "
    "must confirm that limit for this patient, with START",
    reasons.RESULT_NO_LOG: "cannot keep the account of a therapy: its log has no erased page, or "
    "this board has no room for one",
    reasons.RESULT_OTHER_DRUG: "gives another drug, or another amount of it in a microstep; "
    "stop the therapy, change the syringe and start the new program",
    reasons.RESULT_OTHER_TICK: "runs a program with another tick or horizon, which no other can "
    "take over; compile the new one with tick_s and horizon of the running one",
    reasons.RESULT_OTHER_MODEL: "runs a model with another number of compartments, or readings of "
    "another unit (whole ng/L below a target of 0.1 mg/L), which the new program cannot go on "
    "from; compile it with the same",
    reasons.RESULT_OTHER_COURSE: "runs a therapy of another kind (level, pulse, time above, "
    "area); stop it and start the new one",
    reasons.RESULT_TICK_DUE: "had no time for this order in any pause between two ticks; send it "
    "again",
    reasons.RESULT_NO_ROOM: "has no memory for this program beside the one that runs; stop the "
    "therapy first, or compile a smaller one (horizon, gain_count)",
    reasons.RESULT_PROGRAM_SEAL: "found the program's seal wrong: it was changed after it was "
    "sealed, or sealed for another pump; compile it again on the host that flashed this pump",
}


@dataclass(frozen=True, slots=True)
class Identity:
    """Who answered."""

    board_id: str
    program_words_max: int
    nonce: bytes  # of this session
    firmware_version: str
    protocol_version: int


@dataclass(frozen=True, slots=True)
class Held:
    """The program that the pump runs, or would with START."""

    checksum: int  # CRC-32
    is_restored: bool  # found in its flash at power-up; no host has sent it since


class PumpClient:
    """Commands and readings to one pump; telemetry back."""

    def __init__(
        self,
        pipe: Pipe,
        on_frame: OnFrame | None = None,
        keys_of: KeysOf = lambda _board_id: None,
        challenge: bytes | None = None,
    ) -> None:
        """Use `pipe`; `on_frame` sees every frame in both directions with its time.

        challenge: CHALLENGE_BYTES that tell this session from others; random when left out.
        """
        self.pipe = pipe
        self._keys_of = keys_of
        self._keys: PumpKeys | None = None
        self._session: SessionKeys | None = None
        self._on_frame = on_frame
        self._coder = FrameCoder()
        self._challenge = challenge or secrets.token_bytes(messages.CHALLENGE_BYTES)
        # Not from zero: answers to a host before this one may still be on their way.
        self._sequence = int.from_bytes(self._challenge[:2], "little") >> 1
        self._telemetry: deque[npt.NDArray[np.int32]] = deque()
        self._acks: deque[Frame] = deque()
        self._identity: Identity | None = None
        self._log_pages: dict[int, bytes] = {}
        self.held: Held | None = None  # as the pump said after HELLO
        self.heard = False  # any whole frame from a pump

    @property
    def dropped_frames(self) -> int:
        """Return how many damaged frames arrived."""
        return self._coder.dropped

    def hello(self) -> Identity:
        """Ask who is there and open a session; raise LinkError for silence or another firmware."""
        self._identity = self.held = None
        self._command(messages.HELLO, self._challenge)
        identity = self._identity
        if identity is None:
            raise LinkError("The pump acknowledged but did not say who it is; flash it again.")
        if identity.firmware_version != messages.FIRMWARE_VERSION:
            raise LinkError(
                f"The pump runs firmware {identity.firmware_version} and this host needs "
                f"{messages.FIRMWARE_VERSION}; flash it with `mesor flash`."
            )
        self._keys = self._keys_of(identity.board_id)
        if self._keys is not None and self._session is None:
            self._session = SessionKeys(self._keys, identity.nonce, self._challenge)
        return identity

    def upload(self, program: bytes) -> None:
        """Seal a program and send it; raise RefusedError where the pump does not take it."""
        keys = self._keys or PumpKeys(b"", b"")  # without keys the first command says so
        self._command(messages.PROGRAM_BEGIN, struct.pack("<I", len(program) // 4))
        for offset in range(0, len(program), messages.CHUNK_BYTES_MAX):
            chunk = program[offset : offset + messages.CHUNK_BYTES_MAX]
            self._command(messages.PROGRAM_CHUNK, struct.pack("<I", offset) + chunk)
        self._command(messages.PROGRAM_END, program[-4:] + keys.seal_program(program))

    def start(self, clock_factor: int, day_s: int, confirmed: Iterable[SoftLimit] = ()) -> None:
        """Begin the therapy; clock_factor 1 is real time.

        day_s: seconds since midnight of the patient's local clock, 0..86399, at the first tick;
        confirmed: soft limits that a person lifts for this therapy.
        """
        bits = sum(1 << NUMBERS[limit] for limit in set(confirmed))
        self._command(messages.START, struct.pack("<III", clock_factor, day_s, bits))

    def confirm(self, limit: SoftLimit) -> None:
        """Say that a person lifts this soft limit until the therapy ends."""
        self._command(messages.CONFIRM, struct.pack("<I", NUMBERS[limit]))

    def take_over(self, program: bytes) -> None:
        """Let a program that was uploaded beside the running one decide from the next tick on.

        Raises RefusedError, and the running one goes on, where the pump refuses it.
        """
        self._command(messages.TAKE_OVER, program[-4:])

    def stop(self) -> None:
        """Stop the motor and end the therapy."""
        self._command(messages.STOP, b"")

    def acknowledge(self, alarm: int) -> None:
        """Say that a person has seen this alarm; the latched fault's own number ends it."""
        self._command(messages.ACKNOWLEDGE, struct.pack("<I", alarm))

    def silence(self, duration_s: int) -> None:
        """Keep the buzzer quiet, for pump.spec.limits.SILENCE_S_MAX at most."""
        self._command(messages.SILENCE, struct.pack("<I", duration_s))

    def make_way(self) -> None:
        """Make the firmware leave for the REPL, so that files can be copied.

        A pump that has no key yet takes this from a host that has none.
        """
        self._command(messages.MAINTENANCE, b"")

    def read_log(self) -> bytes:
        """Return all pages of the device's log; raise LinkError while a therapy runs.

        A sector is filled from its beginning: where nothing is there, nothing is in it.  The
        black boxes follow the ring.
        """
        content = b""
        count = 1
        while len(content) < count * journal.PAGE_BYTES + journal.BOXES_BYTES:
            page = len(content) // journal.PAGE_BYTES
            held, count = self._read_page(page)
            content += held
            if page % journal.SECTOR_PAGES == 0 and held == _ERASED_PAGE:
                content += _ERASED_PAGE * (journal.SECTOR_PAGES - 1)
        return content

    def clear_box(self, box: int, link: bytes) -> None:
        """Let a black box take another fault; `link` shows that its first page was read."""
        proof = link[: messages.BOX_PROOF_BYTES]
        self._command(messages.BOX_CLEAR, struct.pack("<I", box) + proof)

    def _read_page(self, page: int) -> tuple[bytes, int]:
        """Return one page of the log, and how many the ring has."""
        self._log_pages.clear()
        self._command(messages.LOG_READ, struct.pack("<I", page))
        body = self._log_pages.get(page)
        if body is None:
            raise LinkError(f"The pump acknowledged but did not send page {page}; try again.")
        return body[8:], int.from_bytes(body[4:8], "little")

    def send_reading(self, index: int, time_s: int, conc: int, quality: int) -> None:
        """Send one reading, without waiting."""
        body = struct.pack("<IIII", index, time_s, conc, quality)
        self._send(self._signed(messages.READING, body))

    def await_telemetry(self, until_s: float) -> npt.NDArray[np.int32] | None:
        """Return the next tick record, or None when none came until `until_s`."""
        self.receive()
        while not self._telemetry and self.pipe.now_s < until_s:
            self.pipe.advance(until_s)
            self.receive()
        return self._telemetry.popleft() if self._telemetry else None

    def _command(self, kind: int, body: bytes) -> None:
        """Send a command until it is acknowledged; raise LinkError if it never is, or refused."""
        for _ in range(_WAITS_MAX):
            result = self._answered(self._signed(kind, body))
            if result != reasons.RESULT_TICK_DUE:
                break
            self._let_pass(ACK_TIMEOUT_S)  # a tick without its reading comes late
        self._raise_unless_ok(result)

    def _let_pass(self, seconds: float) -> None:
        """Wait, keeping what the pump sends meanwhile."""
        until_s = self.pipe.now_s + seconds
        while self.pipe.now_s < until_s:
            self.pipe.advance(until_s)
            self.receive()

    def _answered(self, frame: Frame) -> int:
        """Return the result of a command, sent until it is acknowledged."""
        for _ in range(TRIES):
            self._send(frame)
            result = self._await_ack(frame.sequence)
            if result is not None:
                return result
        raise LinkError(
            f"The pump did not answer in {TRIES * ACK_TIMEOUT_S:g} s; check that Mesor's firmware "
            "is on the board (`mesor flash`) and that nothing else holds the port."
        )

    def _signed(self, kind: int, body: bytes) -> Frame:
        """Return the next frame, signed unless it needs no key; raise LinkError without one."""
        frame = Frame(kind, messages.PROTOCOL_VERSION, self._next(), body)
        if kind in messages.KEYLESS:
            return frame
        if self._session is not None:
            return Frame.of(self._session.sign(frame.content))
        if kind == messages.MAINTENANCE:
            return frame
        board = self._identity.board_id if self._identity else "not known yet: say hello first"
        raise LinkError(
            f"This host holds no key for the pump (board {board}); use the host that flashed it, "
            "or put the firmware on it from here with `mesor flash`."
        )

    def _await_ack(self, sequence: int) -> int | None:
        """Return the result of the command with this sequence, or None in time."""
        until_s = self.pipe.now_s + ACK_TIMEOUT_S
        while True:
            self.receive()
            while self._acks:
                acked, result, _state = struct.unpack_from("<HBB", self._acks.popleft().body)
                if acked == sequence:
                    return int(result)
            if self.pipe.now_s >= until_s:
                return None
            self.pipe.advance(until_s)

    @staticmethod
    def _raise_unless_ok(result: int) -> None:
        """Raise RefusedError with the pump's reason."""
        if result != reasons.RESULT_OK:
            text = _RESULT_TEXT.get(result, f"refused with result {result}")
            raise RefusedError(f"The pump {text}.")

    def _next(self) -> int:
        """Return the next sequence number, 0..65535."""
        self._sequence = (self._sequence + 1) & 0xFFFF
        return self._sequence

    def _send(self, frame: Frame) -> None:
        """Write one frame to the pipe, and show it to the listener."""
        if self._on_frame is not None:
            self._on_frame("to_pump", self.pipe.now_s, frame)
        self.pipe.write(self._coder.encode(frame))

    def receive(self) -> None:
        """Sort what has arrived: telemetry, acknowledgements, identity."""
        for frame in self._coder.decode(self.pipe.read()):
            self.heard = True
            if self._on_frame is not None:
                self._on_frame("from_pump", self.pipe.now_s, frame)
            if frame.kind == messages.TELEMETRY and is_record(frame.body):
                self._telemetry.append(np.frombuffer(frame.body, dtype="<i4"))
            elif frame.kind == messages.ACK and len(frame.body) >= 4:
                self._acks.append(frame)
            elif frame.kind == messages.LOG_PAGE and len(frame.body) == messages.LOG_PAGE_BYTES:
                self._log_pages[int.from_bytes(frame.body[:4], "little")] = frame.body
            elif frame.kind == messages.HELD and len(frame.body) == messages.HELD_BYTES:
                self.held = Held(int.from_bytes(frame.body[:4], "little"), bool(frame.body[4]))
            elif frame.kind == messages.IDENTITY and frame.body[_CHALLENGE] == self._challenge:
                self._identity = identity_of(frame)


def identity_of(frame: Frame) -> Identity:
    """Return what an IDENTITY frame says."""
    return Identity(
        board_id=frame.body[:8].hex(),
        program_words_max=int.from_bytes(frame.body[8:12], "little"),
        nonce=frame.body[_NONCE],
        firmware_version=frame.body[_NONCE.stop :].decode("ascii", "replace"),
        protocol_version=frame.version,
    )
