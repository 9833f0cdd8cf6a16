# SPDX-License-Identifier: MIT
"""Runs one story on the twin.  Times are device seconds from its beginning."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from mesor.link.client import identity_of
from mesor.link.frames import Frame, FrameCoder
from mesor.link.keys import SessionKeys
from mesor.program import Program
from mesor_hil.faults import PIN_STOP_S
from mesor_hil.soak.story import TICKS, story
from mesor_hil.soak.witness import Life, Standstill, Witness
from mesor_hil.targets.board_faults import BOARD_FAULTS, PinFault
from mesor_hil.targets.ram_flash import PowerCut
from mesor_hil.targets.test_keys import TEST_KEYS
from mesor_hil.targets.twin import TwinTarget
from pump.spec import journal, limits, messages, reasons
from pump.spec import program as layout

_FACTOR = 300
_STEP_S = 0.05  # how finely edges are watched
_CHALLENGE = bytes(messages.CHALLENGE_BYTES)
_SILENCES = ("host_crash", "sensor_silent")
_AT_MOMENTS = (
    "new_host",
    "stop_command",
    "clock_jump",
    "firmware_hangs",
    "lost_steps",
    "memory_error",
    "flash_worn",
    "power_cut",
    "power_cut_in_write",
)
_KEPT = 0.985  # of the crude patient's level in a tick
_UG_L_PER_STEP = 0.16
_PROGRAM_US = 700  # of a page of flash
# Device ticks from one to the next at most: a host that takes up the beat again may push the
# next one back by all but an early call's quarter (pump.core.schedule), and it may come late.
_TICKS_APART_MAX = 2.0 - 1.0 / limits.EARLY_DIVISOR + 1.0 / limits.LATE_DIVISOR
_DRIFT = 0.004  # of the host's clock: a quarter of a tick within a story, and back

Event = tuple[float, Callable[[], None]]


class Soak:
    """One story; `run` it once, and hold `witness` against the invariants."""

    def __init__(self, program: Program, seed: int) -> None:
        self._words = program.words
        self._content = program.bytes
        self._tick_s = int(program.words[layout.AT_TICK_S]) / _FACTOR
        self.mishaps = story(seed, self._tick_s)
        self._draw = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(4,)))
        self.witness = Witness()
        self._edges_before_boot = 0
        self._level_ug_l, self._edges_before = 2_000.0, 0
        # Every third patient is so large that only the caps end what the planner asks for.
        self._ug_l_per_step = _UG_L_PER_STEP / (10.0 if seed % 3 == 0 else 1.0)
        self._broken_s: dict[str, float] = {}  # when each input began to show a fault
        self._held_back = b""  # a reading that the line has not let through yet
        self._start_s = 0.0
        self._coder, self._sequence = FrameCoder(), 0
        self._session: SessionKeys | None = None
        self.target = self._powered_on(TwinTarget())

    def run(self) -> Witness:
        """Let the therapy run to its end; return what was seen."""
        self._begin_therapy()
        events = [*self._happenings(), *self._readings()]
        for at_s, happen in sorted(events, key=lambda event: event[0]):
            try:
                self._pass_until(at_s)
                happen()
            except PowerCut:
                self._restart()
        self._end_life()
        self.witness.log = bytes(self.target.board.flash.content)
        return self.witness

    # The host.

    def _begin_therapy(self) -> None:
        """Say hello, send the program, start it."""
        self._command(messages.HELLO, _CHALLENGE)
        self._command(messages.PROGRAM_BEGIN, struct.pack("<I", len(self._content) // 4))
        for offset in range(0, len(self._content), messages.CHUNK_BYTES_MAX):
            chunk = self._content[offset : offset + messages.CHUNK_BYTES_MAX]
            self._command(messages.PROGRAM_CHUNK, struct.pack("<I", offset) + chunk)
        seal = TEST_KEYS.seal_program(self._content)
        self._command(messages.PROGRAM_END, self._content[-4:] + seal)
        for standstill in self.witness.standstills:
            standstill.end_s = min(standstill.end_s, self.target.now_s)
        self._start_s = self.target.now_s
        self.witness.lives.append(Life(self._start_s, self._edges()))
        self._command(messages.START, struct.pack("<I", _FACTOR))

    def _readings(self) -> Iterator[Event]:
        """Yield the readings of the therapy as it was meant to run."""
        for tick in range(TICKS):
            due_s = tick * self._tick_s
            if self._active("host_clock_drifts", due_s):
                due_s += _DRIFT * (tick % 20) * self._tick_s
            yield due_s, partial(self._send_reading, tick * self._tick_s)
        yield TICKS * self._tick_s, lambda: None

    def _send_reading(self, due_s: float) -> None:
        """Move the crude patient on, and send what sensor and line make of its level."""
        edges = self._edges()
        self._level_ug_l = _KEPT * self._level_ug_l + self._ug_l_per_step * (
            edges - self._edges_before
        )
        self._edges_before = edges
        conc = self._level_ug_l * (1.0 + float(self._draw.normal(0.0, 0.03)))
        # Of this life: after a restart ticks are counted anew.
        tick = max(0, round((due_s - self._start_s) / self._tick_s))
        time_s = tick * int(self._words[layout.AT_TICK_S])
        if self._active("sensor_stuck", due_s):
            conc = 7_777.0
        if self._active("sensor_jump", due_s) and tick % 2:
            conc += 60_000.0
        if self._active("sensor_future", due_s):
            time_s += 90_000
        if any(self._active(kind, due_s) for kind in _SILENCES):
            return
        body = struct.pack("<4I", tick, time_s, max(0, round(conc)), 100)
        self._through_line(self._coded(messages.READING, body), due_s)
        self._watch()

    def _through_line(self, coded: bytes, due_s: float) -> None:
        """Write a frame as the line passes it on now."""
        if self._active("line_noise", due_s):
            self.target.write(self._draw.bytes(200))
        if self._active("line_reordered", due_s):
            coded, self._held_back = self._held_back, coded
        if self._active("line_flipped", due_s) and coded:
            spoilt = bytearray(coded)
            spoilt[int(self._draw.integers(len(coded)))] ^= 1 << int(self._draw.integers(8))
            coded = bytes(spoilt)
        if self._active("line_lossy", due_s) and coded:
            at = int(self._draw.integers(len(coded)))
            coded = coded[:at] + coded[at + 1 + int(self._draw.integers(8)) :]
        self.target.write(coded)
        if self._active("line_repeated", due_s):
            self.target.write(coded)

    def _command(self, kind: int, body: bytes = b"") -> None:
        """Send one command."""
        self.target.write(self._coded(kind, body))
        self._watch()

    def _coded(self, kind: int, body: bytes) -> bytes:
        """Return the bytes of a frame."""
        self._sequence = (self._sequence + 1) & 0xFFFF
        frame = Frame(kind, messages.PROTOCOL_VERSION, self._sequence, body)
        if self._session is not None and kind not in messages.KEYLESS:
            frame = Frame.of(self._session.sign(frame.content))
        return self._coder.encode(frame)

    # What happens to the pump.

    def _happenings(self) -> Iterator[Event]:
        """Yield what is done to the pump, and when."""
        for mishap in self.mishaps:
            if mishap.kind in BOARD_FAULTS:
                lasts_s = max(mishap.lasts_s, 2.4 * self._tick_s)
                yield mishap.at_s, partial(self._break, mishap.kind)
                yield mishap.at_s + lasts_s, partial(self._mend, mishap.kind, lasts_s)
            elif mishap.kind in _AT_MOMENTS:
                yield mishap.at_s, getattr(self, f"_{mishap.kind}")

    def _break(self, kind: str) -> None:
        """Let an input of the board show a fault, and note by when the motor must stand."""
        fault = BOARD_FAULTS[kind]
        self.target.set_fault(fault, True)
        self._broken_s[kind] = self.target.now_s
        until_tick_s = 0.0 if isinstance(fault, PinFault) else _TICKS_APART_MAX * self._tick_s
        within_s = PIN_STOP_S + until_tick_s
        self._must_stand(within_s, kind, fault.alarm)

    def _mend(self, kind: str, lasts_s: float) -> None:
        """End a fault, though not before it has lasted that long: a clock may have jumped."""
        if kind not in self._broken_s:
            return  # the power went in the moment in which it was to begin
        self._pass_until(self._broken_s[kind] + lasts_s)
        self.target.set_fault(BOARD_FAULTS[kind], False)

    def _must_stand(self, within_s: float, cause: str, alarm: int) -> None:
        """Note by when a motor that may turn must stand."""
        if self.target.app.supervisor.delivers() and self.witness.stopped_by_host_s is None:
            begin_s = self.target.now_s + within_s
            self.witness.standstills.append(Standstill(begin_s, cause, alarm))

    def _new_host(self) -> None:
        """Let a host say HELLO, and ask for what a running or faulted pump must refuse."""
        for kind, body in (
            (messages.HELLO, _CHALLENGE),
            (messages.PROGRAM_BEGIN, b"\x09\0\0\0"),
            (messages.MAINTENANCE, b""),
            (messages.ACKNOWLEDGE, b"\x1d\0\0\0"),
        ):
            if self.witness.stopped_by_host_s is None:
                self._command(kind, body)

    def _stop_command(self) -> None:
        """Let the host stop the therapy; nothing may move after that."""
        self._command(messages.STOP)
        if self.witness.stopped_by_host_s is None:
            self.witness.stopped_by_host_s = self.target.now_s
        standstill = Standstill(self.target.now_s + 1e-3, "stop_command", 0)
        self.witness.standstills.append(standstill)

    def _clock_jump(self) -> None:
        """Let time go by without the firmware running, some ticks at most."""
        self._stand_still_for(float(self._draw.uniform(0.1, 3.0)) * self._tick_s)

    def _firmware_hangs(self) -> None:
        """Let the firmware hang; beyond the watchdog's time it starts afresh."""
        hang_s = float(self._draw.uniform(0.2, 3.0)) * limits.WATCHDOG_MS / 1000.0
        watched = self.target.app.therapy.controller is not None
        if watched and hang_s * 1000.0 > limits.WATCHDOG_MS:
            self._stand_still_for(limits.WATCHDOG_MS / 1000.0)
            raise PowerCut
        self._stand_still_for(hang_s)

    def _stand_still_for(self, seconds: float) -> None:
        """Let time go by for the motor alone; what must be found is found that much later."""
        began_s = self.target.now_s
        self.target.board.time_us += round(seconds * 1e6)
        for standstill in self.witness.standstills:
            if standstill.begin_s > began_s:
                standstill.begin_s += seconds
        self._watch()

    def _lost_steps(self) -> None:
        """Let the motor stall for a few steps of its batch."""
        board = self.target.board
        if self.target.app.supervisor.delivers() and board.edges() - board._reported > 20:
            board._edges_before -= 7
            self.witness.lives[-1].lost_steps += 7

    def _memory_error(self) -> None:
        """Let the next plan run out of memory."""
        controller = self.target.app.therapy.controller

        def exhausted(*_: Any) -> int:
            raise MemoryError

        if controller is not None:
            controller._next_move = exhausted

    def _flash_worn(self) -> None:
        """Let the next page of the log not hold what is written to it."""
        flash = self.target.board.flash
        place = self.target.app.journal.sequence % flash.pages
        begin = place * journal.PAGE_BYTES
        flash.content[begin : begin + journal.PAGE_BYTES] = bytes(journal.PAGE_BYTES)
        self.witness.lives[-1].flash_worn = True
        within_s = PIN_STOP_S + _TICKS_APART_MAX * self._tick_s
        self._must_stand(within_s, "flash_worn", reasons.FAULT_INTERNAL)

    def _power_cut(self) -> None:
        """Take the power away between two passes of the loop."""
        raise PowerCut

    def _power_cut_in_write(self) -> None:
        """Let the power go within one of the next two pages of the log."""
        self.target.board.flash.cut_after = int(self._draw.integers(2 * journal.PAGE_BYTES))

    # Power.

    def _powered_on(self, target: TwinTarget) -> TwinTarget:
        """Watch what the motor of a target is set to do, and let its flash take its time."""
        board = target.board
        start_steps, program = board.start_steps, board.flash.program

        def watched(step_count: int, window_us: int) -> None:
            self.witness.batches.append((board.time_us / 1e6, step_count))
            start_steps(step_count, window_us)

        def programmed(page: int, content: bytes) -> None:
            board.time_us += _PROGRAM_US
            program(page, content)

        board.start_steps = watched  # type: ignore[method-assign]
        board.flash.program = programmed  # type: ignore[method-assign]
        return target

    def _end_life(self) -> None:
        """Note what the motor has done by the end of a life."""
        self.target.board.abort_steps()
        self._watch()
        self.witness.lives[-1].edges_after = self._edges()

    def _restart(self) -> None:
        """Be without power for a while, then be switched on, and started again by a person."""
        self._end_life()
        dead, standstills = self.target.board, self.witness.standstills
        now_s = self.target.now_s
        standstills[:] = [entry for entry in standstills if entry.begin_s <= now_s]
        standstills.append(Standstill(now_s + 1e-3, "no_power", 0))
        self._edges_before_boot += dead.edges()
        dead.flash.cut_after = None
        del dead.flash.program  # the dead board's clock no longer counts
        self.target = self._powered_on(TwinTarget(dead.flash))
        board = self.target.board
        board.time_us = dead.time_us + round(float(self._draw.uniform(0.5, 9.0)) * 1e6)
        board.raised, board.adc = dead.raised, dead.adc
        self._session = None
        self._pass_until(self.target.now_s + 1.5)
        if self.witness.stopped_by_host_s is None:
            self._begin_therapy()

    def _active(self, kind: str, now_s: float) -> bool:
        """Say whether a mishap of that kind is going on."""
        return any(m.kind == kind and m.at_s <= now_s < m.at_s + m.lasts_s for m in self.mishaps)

    def _pass_until(self, until_s: float) -> None:
        """Let time pass, watching the motor."""
        target = self.target
        while target.now_s < until_s - 1e-6:
            target.advance(min(until_s, target.now_s + _STEP_S))
            self._watch()

    def _edges(self) -> int:
        """Return the steps of the motor since the story began."""
        return self._edges_before_boot + self.target.board.edges()

    def _watch(self) -> None:
        """Write down what the motor did and what the pump said."""
        witness, target = self.witness, self.target
        for frame in self._coder.decode(target.read()):
            if frame.kind == messages.TELEMETRY:
                words = struct.unpack(f"<{len(frame.body) // 4}i", frame.body)
                witness.lives[-1].records.append(list(words))
            elif frame.kind == messages.IDENTITY and self._session is None:
                self._session = SessionKeys(TEST_KEYS, identity_of(frame).nonce, _CHALLENGE)
            elif frame.kind == messages.ALARMS:
                present = int.from_bytes(frame.body[:4], "little")
                witness.told.append((target.now_s, present))
        # Lost steps were pulsed too: the count that must stand still is the driver's.
        lost = sum(life.lost_steps for life in witness.lives)
        witness.edges.append((target.now_s, self._edges() + lost))
