# SPDX-License-Identifier: MIT
"""The twin: the pump's own sources in CPython, on a board made of integers.

Fast and exact for decisions.  It does not model the chip: computing takes no
time, bytes are never lost, and the motor steps perfectly evenly.
"""

from __future__ import annotations

import hashlib
import platform
from array import array

from mesor.link.keys import PumpKeys
from mesor_hil.targets import healthy
from mesor_hil.targets.board_faults import BoardFault, PinFault
from mesor_hil.targets.ram_flash import BOXES, SLOT, RamFlash
from mesor_hil.targets.test_keys import TEST_KEYS
from pump.app import App
from pump.core.alarms import SOUND
from pump.spec import limits, messages
from pump.spec import record as at

_US_WRAP = 1 << 30


def _done(batch: tuple[int, int, int], time_us: int) -> int:
    """Return the steps that a batch (start_us, window_us, step_count) has done by now."""
    start_us, window_us, step_count = batch
    if time_us >= start_us + window_us:
        return step_count
    return step_count * (time_us - start_us) // window_us


class TwinBoard:
    """Has the methods of pump.board.pico.PicoBoard; time is what the bench says it is."""

    def __init__(self, flash: RamFlash | None = None, slot: RamFlash | None = None) -> None:
        """flash, slot: those of a board that was powered before, with its log and program."""
        self.flash = flash or RamFlash()
        self.box_flash = RamFlash(BOXES)
        self.slot_flash = slot or RamFlash(SLOT)
        self.time_us = 0
        self.inbox = bytearray()
        self.outbox = bytearray()
        self.raised = 0  # pins that show a fault, pump.spec.reasons.FLAG_*
        self.adc = dict(healthy.RAW)
        self.feed_credit_ms = 0
        self.nonces = 0
        self.shown = 0  # buzzer and lights, bits of pump.core.alarms
        self.sounds = 0  # how often the buzzer began
        self.broken = 0  # what the board's self-test finds, bits of pump.core.self_test
        self._edges_before = 0  # of the batches that are over
        self._batch = (0, 0, 0)  # start_us, window_us, step_count
        self._back_before, self._back_reported = 0, 0
        self._back_batch = (0, 0, 0)
        self._reported = 0  # edges that the App has been told of

    def now_ms(self) -> int:
        """Return wrapping device milliseconds."""
        return self.time_us // 1000 % _US_WRAP

    def now_us(self) -> int:
        """Return wrapping device microseconds."""
        return self.time_us % _US_WRAP

    def was_hung(self) -> bool:
        """Return that the twin never hangs."""
        return False

    def identity(self) -> bytes:
        """Return eight bytes that no chip has."""
        return b"twin\0\0\0\0"

    def keys(self) -> bytes:
        """Return the bench's keys."""
        return TEST_KEYS.content

    def nonce(self) -> bytes:
        """Return bytes that come once in this board's life, and in every board's alike."""
        self.nonces += 1
        return hashlib.sha256(b"twin %d" % self.nonces).digest()[: messages.NONCE_BYTES]

    def read(self, buffer: bytearray) -> int:
        """Fill `buffer` with what has arrived; return how many bytes that is."""
        count = min(len(buffer), len(self.inbox))
        buffer[:count] = self.inbox[:count]
        del self.inbox[:count]
        return count

    def write(self, buffer: bytearray, count: int) -> None:
        """Send buffer[:count] to the host."""
        self.outbox += buffer[:count]

    def start_steps(self, step_count: int, window_us: int) -> None:
        """Start a batch of evenly spaced steps, as the PIO does."""
        self.abort_steps()
        self._batch = (self.time_us, window_us, step_count)

    def abort_steps(self) -> None:
        """Stop the motor at once."""
        self._edges_before += self._batch_edges()
        self._batch = (self.time_us, 0, 0)
        self._back_before = self.edges_back()
        self._back_batch = (self.time_us, 0, 0)

    def start_back(self, step_count: int, window_us: int) -> None:
        """Turn the motor back by a batch of evenly spaced steps."""
        self.abort_steps()
        self._back_batch = (self.time_us, window_us, step_count)

    def steps_back(self) -> int:
        """Return the backward steps made since the call before."""
        back = self.edges_back()
        self._back_reported, before = back, self._back_reported
        return back - before

    def edges_back(self) -> int:
        """Return the backward steps since the beginning."""
        return self._back_before + _done(self._back_batch, self.time_us)

    def pressure_raw(self) -> int:
        """Return what the line's sensor shows."""
        return int(self.adc[at.PRESSURE_RAW])

    def edges(self) -> int:
        """Return the steps done since the beginning."""
        return self._edges_before + self._batch_edges()

    def _batch_edges(self) -> int:
        """Return the steps that the present batch has done by now."""
        return _done(self._batch, self.time_us)

    def show(self, bits: int) -> None:
        """Keep what buzzer and lights show."""
        self.sounds += bits & ~self.shown & SOUND
        self.shown = bits

    def self_test(self) -> int:
        """Return what a test has broken."""
        return self.broken

    def known_answers(self) -> None:
        """Return none: the twin is what answers are computed with."""

    def flags(self) -> int:
        """Return the pins that show a fault."""
        return self.raised

    def read_inputs(self, record: array[int]) -> None:
        """Write the board's sensors and the step count into the record's inputs."""
        record[at.BOARD_FLAGS] = self.raised
        for word, value in self.adc.items():
            record[word] = value
        edges = self.edges()
        record[at.STEPS_DONE] = edges - self._reported
        self._reported = edges

    def note_tick(self, record: array[int], received_us: int) -> None:
        """Write what the tick cost: nothing, here."""
        record[at.TICK_US] = (self.now_us() - received_us) % _US_WRAP
        record[at.HEAP_FREE] = 0

    def collect_garbage(self) -> None:
        """Do nothing: the twin's memory is not the chip's."""

    def start_watchdog(self) -> None:
        """Do nothing: the twin cannot hang."""

    def grant_feeds(self, credit_ms: int) -> None:
        """Remember the credit, for tests."""
        self.feed_credit_ms = credit_ms

    def feed_on_credit(self) -> None:
        """Do nothing: the twin cannot hang."""


class TwinTarget:
    """The twin as a target; its time jumps from event to event."""

    name = "twin"
    times_a_chip = False

    def __init__(self, flash: RamFlash | None = None, slot: RamFlash | None = None) -> None:
        """flash, slot: those of a twin before this one, with its log and its program."""
        self.board = TwinBoard(flash, slot)
        self.app = App(self.board)

    @property
    def now_s(self) -> float:
        """Return virtual device seconds."""
        return self.board.time_us / 1e6

    def write(self, content: bytes) -> None:
        """Hand `content` to the pump, which takes it at once."""
        self.board.inbox += content
        while self.board.inbox:
            self.app.poll()

    def read(self) -> bytes:
        """Return what the pump has sent."""
        sent = bytes(self.board.outbox)
        self.board.outbox.clear()
        return sent

    def advance(self, until_s: float) -> None:
        """Let time pass until `until_s` or until the pump has sent something."""
        until_us = round(until_s * 1e6)
        if until_us / 1e6 < until_s:  # a time between two microseconds must be passed too
            until_us += 1
        while self.board.time_us < until_us and not self.board.outbox:
            wait_ms = self.app.wait_ms()
            self.board.time_us = min(until_us, self.board.time_us + max(1, wait_ms) * 1000)
            self.app.poll()

    def set_fault(self, fault: BoardFault, present: bool) -> None:
        """Make an input show `fault`, or no more."""
        board = self.board
        if isinstance(fault, PinFault):
            board.raised = board.raised | fault.flag if present else board.raised & ~fault.flag
        else:
            board.adc[fault.word] = fault.raw if present else healthy.RAW[fault.word]

    def step_edges(self) -> int:
        """Return the steps of the modelled motor."""
        return self.board.edges()

    def step_edges_back(self) -> int:
        """Return the backward steps of the modelled motor."""
        return self.board.edges_back()

    def identity(self) -> dict[str, str]:
        """Return the interpreter that runs the pump's sources."""
        return {"python": platform.python_version(), "clock": f"1..{limits.CLOCK_FACTOR_MAX}"}

    def keys_of(self, _board_id: str) -> PumpKeys:
        """Return the bench's keys."""
        return TEST_KEYS

    def close(self) -> None:
        """Nothing to let go of."""
