# SPDX-License-Identifier: MIT
"""Tells one story: a host, a crude patient, a sensor, a line, and what goes wrong.

Times are device seconds from the story's beginning.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from mesor.link.client import identity_of
from mesor.link.frames import Frame, FrameCoder
from mesor.link.keys import SessionKeys
from mesor.program import Program
from mesor_hil.faults import PIN_STOP_S
from mesor_hil.soak.stage import Stage, TwinStage
from mesor_hil.soak.story import TICKS, Mishap, story
from mesor_hil.soak.witness import Life, Standstill, Witness
from mesor_hil.targets.board_faults import BOARD_FAULTS, PinFault
from mesor_hil.targets.ram_flash import PowerCut
from mesor_hil.targets.test_keys import TEST_KEYS
from pump.spec import alarms, journal, limits, messages, reasons
from pump.spec import program as layout
from pump.spec import record as at

_FACTOR = 300
_STEP_S = 0.25  # how finely edges are watched, beside the moments by which the motor must stand
_CHALLENGE = bytes(messages.CHALLENGE_BYTES)
_SILENCES = ("host_crash", "sensor_silent")
_DELIVERING = (reasons.STATE_RUNNING, reasons.STATE_FALLBACK)
_AT_MOMENTS = (
    "new_host",
    "takeover",
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
_LOST_STEPS = 7
_BOOT_S = 1.5  # from power to the first command
# Device ticks from one to the next at most: a host that takes up the beat again may push the
# next one back by all but an early call's quarter (pump.core.schedule), and it may come late.
_TICKS_APART_MAX = 2.0 - 1.0 / limits.EARLY_DIVISOR + 1.0 / limits.LATE_DIVISOR
_DRIFT = 0.004  # of the host's clock: a quarter of a tick within a story, and back

Event = tuple[float, Callable[[], None]]


class Soak:
    """One story; `run` it once, and hold `witness` against the invariants."""

    def __init__(self, program: Program, stage: Stage | None = None) -> None:
        """Switch a pump on; `stage` is the twin's where none is given."""
        self._words = program.words
        self._content = program.bytes
        self._tick_s = int(program.words[layout.AT_TICK_S]) / _FACTOR
        self._stage: Stage = stage or TwinStage()
        tick_max = int(program.words[layout.AT_STEPS_TICK_MAX])
        slack = math.ceil(tick_max * self._stage.batch_slack_s / self._tick_s)
        self.witness = Witness(batches=self._stage.batches, batch_slack=slack)
        self.mishaps: tuple[Mishap, ...] = ()
        self._level_ug_l, self._edges_before = 2_000.0, 0
        self._broken_s: dict[str, float] = {}  # when each input began to show a fault
        self._held_back = b""  # a reading that the line has not let through yet
        self._start_s = 0.0
        self._state = reasons.STATE_IDLE  # as the pump told it last
        self._coder, self._sequence, self._answered = FrameCoder(), 0, -1
        self._first_day_s = 0
        self._ticks_told = 0
        self._worn_page: int | None = None  # of the log
        self._session: SessionKeys | None = None
        self._has_program = self._is_watched = False
        self._starts_from_flash = False  # after a power cut, where the pump has its program
        self._kept: bool | None = None  # whether a power cut must leave the program; None: may
        self._held: int | None = None  # checksum of the program that the pump told last
        self._result = reasons.RESULT_OK  # of the command that was answered last

    def send_program(self) -> None:
        """Say hello and send the program: the same in every story, so once may do for many."""
        self._command(messages.HELLO, _CHALLENGE)
        if self._state in (reasons.STATE_IDLE, reasons.STATE_READY):
            self._kept = None
        self._command(messages.PROGRAM_BEGIN, struct.pack("<I", len(self._content) // 4))
        for offset in range(0, len(self._content), messages.CHUNK_BYTES_MAX):
            chunk = self._content[offset : offset + messages.CHUNK_BYTES_MAX]
            self._command(messages.PROGRAM_CHUNK, struct.pack("<I", offset) + chunk)
        seal = TEST_KEYS.seal_program(self._content)
        answered = self._command(messages.PROGRAM_END, self._content[-4:] + seal)
        if answered and self._result == reasons.RESULT_OK and self._state == reasons.STATE_READY:
            self._kept = True
        self._has_program = True

    def run(self, seed: int) -> Witness:
        """Let the therapy of that seed run to its end; return what was seen."""
        self.mishaps = story(seed, self._tick_s)
        self._starts_from_flash = seed % 2 == 1
        self._draw = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(4,)))
        # Every third patient is so large that only the caps end what the planner asks for.
        self._ug_l_per_step = _UG_L_PER_STEP / (10.0 if seed % 3 == 0 else 1.0)
        if not self._has_program:
            self.send_program()
        self._first_day_s = 7919 * seed % limits.DAY_S  # midnight comes in every tenth story
        self._begun_s = self._stage.now_s
        self._start()
        events = [*self._happenings(), *self._readings()]
        for at_s, happen in sorted(events, key=lambda event: event[0]):
            try:
                self._pass_until(self._begun_s + at_s)
                happen()
            except PowerCut:
                self._restart()
        self._end_life()
        self.witness.log = self._stage.log()
        return self.witness

    # The host.

    def _start(self) -> None:
        """Start the therapy, and the watchdog with it."""
        self._is_watched = True
        now_s = self._stage.now_s
        for standstill in self.witness.standstills:
            standstill.end_s = min(standstill.end_s, now_s)
        self._start_s = now_s
        day_s = int(self._first_day_s + (now_s - self._begun_s) * _FACTOR) % limits.DAY_S
        self.witness.lives.append(Life(now_s, self._stage.edges(), day_s))
        self._command(messages.START, struct.pack("<II", _FACTOR, day_s))

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
        edges = self._stage.edges()
        self._level_ug_l = _KEPT * self._level_ug_l + self._ug_l_per_step * (
            edges - self._edges_before
        )
        self._edges_before = edges
        conc = self._level_ug_l * (1.0 + float(self._draw.normal(0.0, 0.03)))
        # Of this life: after a restart ticks are counted anew.
        tick = max(0, round((self._begun_s + due_s - self._start_s) / self._tick_s))
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
        write = self._stage.write
        if self._active("line_noise", due_s):
            write(self._draw.bytes(200))
        if self._active("line_reordered", due_s):
            coded, self._held_back = self._held_back, coded
        if self._active("line_flipped", due_s) and coded:
            spoilt = bytearray(coded)
            spoilt[int(self._draw.integers(len(coded)))] ^= 1 << int(self._draw.integers(8))
            coded = bytes(spoilt)
        if self._active("line_lossy", due_s) and coded:
            at = int(self._draw.integers(len(coded)))
            coded = coded[:at] + coded[at + 1 + int(self._draw.integers(8)) :]
        write(coded)
        if self._active("line_repeated", due_s):
            write(coded)

    def _command(self, kind: int, body: bytes = b"") -> bool:
        """Send one command; return whether its answer came within what one may take."""
        stage, ticks, worn = self._stage, self._ticks_told, self._worn_page_comes()
        stage.write(self._coded(kind, body))
        self._watch()
        until_s = stage.now_s + stage.answer_time_s()
        while self._answered != self._sequence and stage.now_s < until_s:
            stage.advance(until_s)
            self._watch()
        if worn and ticks == self._ticks_told and not self._worn_page_comes():
            # The order's own page met it: that order is not kept, and every tick will be.
            stands = self.witness.standstills
            stands[:] = [entry for entry in stands if entry.alarm != reasons.FAULT_LOG]
        return self._answered == self._sequence

    def _worn_page_comes(self) -> bool:
        """Say whether a page that will not hold has yet to be written."""
        return self._worn_page is not None and self._stage.next_page() <= self._worn_page

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
        self._stage.set_fault(fault, True)
        self._broken_s[kind] = self._stage.now_s
        until_tick_s = 0.0 if isinstance(fault, PinFault) else _TICKS_APART_MAX * self._tick_s
        within_s = PIN_STOP_S + until_tick_s
        self._must_stand(within_s, kind, fault.alarm)

    def _mend(self, kind: str, lasts_s: float) -> None:
        """End a fault, though not before it has lasted that long: a clock may have jumped."""
        if kind not in self._broken_s:
            return  # the power went in the moment in which it was to begin
        self._pass_until(self._broken_s[kind] + lasts_s)
        self._stage.set_fault(BOARD_FAULTS[kind], False)

    def _must_stand(self, within_s: float, cause: str, alarm: int) -> None:
        """Note by when a motor that may turn must stand."""
        if self._delivers() and self.witness.stopped_by_host_s is None:
            begin_s = self._stage.now_s + within_s
            self.witness.standstills.append(Standstill(begin_s, cause, alarm))

    def _delivers(self) -> bool:
        """Say whether the motor may turn, by what the pump told last."""
        return self._state in _DELIVERING

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

    def _takeover(self) -> None:
        """Let the host send its program anew and have it take over, where a therapy runs."""
        if self.witness.stopped_by_host_s is None:
            self.send_program()
            kept, self._kept = self._kept, None
            answered = self._command(messages.TAKE_OVER, self._content[-4:])
            if answered and self._result == reasons.RESULT_OK:
                self._kept = False
            elif answered and self._result != reasons.RESULT_NO_LOG:
                self._kept = kept

    def _stop_command(self) -> None:
        """Let the host stop the therapy; nothing may move after that."""
        if self._kept is False:
            self._kept = None  # the pump keeps anew what it has run
        self._command(messages.STOP)
        if self.witness.stopped_by_host_s is None:
            self.witness.stopped_by_host_s = self._stage.now_s
        standstill = Standstill(self._stage.now_s + 1e-3, "stop_command", 0)
        self.witness.standstills.append(standstill)

    def _clock_jump(self) -> None:
        """Let time go by without the firmware running, some ticks at most."""
        seconds = float(self._draw.uniform(0.1, 3.0)) * self._tick_s
        self._postponed(partial(self._stage.stand_still_for, seconds))

    def _firmware_hangs(self) -> None:
        """Let the firmware hang; beyond the watchdog's time it starts afresh."""
        hang_s = float(self._draw.uniform(0.2, 3.0)) * limits.WATCHDOG_MS / 1000.0
        self._postponed(partial(self._stage.hang, hang_s, self._is_watched))

    def _postponed(self, stand_still: Callable[[], None]) -> None:
        """Let the firmware stand still; what it must find is found that much later."""
        began_s = self._stage.now_s
        try:
            stand_still()
        finally:
            for standstill in self.witness.standstills:
                if standstill.begin_s > began_s:
                    standstill.begin_s += self._stage.now_s - began_s
        self._watch()

    def _lost_steps(self) -> None:
        """Let the motor stall for a few steps of its batch."""
        if self._delivers():
            self.witness.lives[-1].lost_steps += self._stage.lose_steps(_LOST_STEPS)

    def _memory_error(self) -> None:
        """Let the next plan run out of memory."""
        self._stage.exhaust_memory()

    def _flash_worn(self) -> None:
        """Let the next pages of the log not hold: one or two are passed over, three stop it."""
        count = int(self._draw.integers(1, journal.WORN_MAX + 1))
        first = self._stage.wear_flash(count)
        if first is not None and count == journal.WORN_MAX:
            self._worn_page = first
            self.witness.lives[-1].flash_worn = True
            within_s = PIN_STOP_S + _TICKS_APART_MAX * self._tick_s
            self._must_stand(within_s, "flash_worn", reasons.FAULT_LOG)

    def _power_cut(self) -> None:
        """Take the power away between two passes of the loop."""
        raise PowerCut

    def _power_cut_in_write(self) -> None:
        """Let the power go within one of the next two pages of the log."""
        self._stage.cut_in_write(int(self._draw.integers(2 * journal.PAGE_BYTES)))

    # Power.

    def _end_life(self) -> None:
        """Note what the motor has done by the end of a life."""
        self._stage.power_off()
        self._watch()
        self.witness.lives[-1].edges_after = self._stage.edges()

    def _restart(self) -> None:
        """Be without power for a while, then be switched on, and started again by a person."""
        self._end_life()
        standstills, now_s = self.witness.standstills, self._stage.now_s
        standstills[:] = [entry for entry in standstills if entry.begin_s <= now_s]
        standstills.append(Standstill(now_s + 1e-3, "no_power", 0))
        self._stage.power_on(float(self._draw.uniform(0.5, 9.0)))
        self._session, self._state, self._worn_page = None, reasons.STATE_IDLE, None
        self._coder, self._is_watched = FrameCoder(), False
        self._pass_until(self._stage.now_s + _BOOT_S)
        self._held = None
        self._command(messages.HELLO, _CHALLENGE)
        self._judge_held()
        if self.witness.stopped_by_host_s is None:
            if self._held is None or not self._starts_from_flash:
                self.send_program()
            self._start()

    def _judge_held(self) -> None:
        """Hold what the pump has after a power cut against what it must have, or must not."""
        mine = int.from_bytes(self._content[-4:], "little")
        if self._held not in (None, mine):
            self.witness.restored_wrongly.append(f"program {self._held:08x}, which nobody sent")
        elif self._kept is True and self._held is None and not self._self_test_failed():
            self.witness.restored_wrongly.append("none, though one had been kept")
        elif self._kept is False and self._held is not None:
            self.witness.restored_wrongly.append("the program before the one that took over")

    def _self_test_failed(self) -> bool:
        """Say whether the pump told so, as it does where the driver's fault outlasts a restart."""
        return bool(self.witness.told and self.witness.told[-1][1] >> alarms.SELF_TEST & 1)

    def _active(self, kind: str, now_s: float) -> bool:
        """Say whether a mishap of that kind is going on."""
        return any(m.kind == kind and m.at_s <= now_s < m.at_s + m.lasts_s for m in self.mishaps)

    def _pass_until(self, until_s: float) -> None:
        """Let time pass, watching the motor."""
        stage = self._stage
        while stage.now_s < until_s - 1e-6:
            next_s = min(until_s, stage.now_s + _STEP_S)
            for standstill in self.witness.standstills:
                if stage.now_s < standstill.begin_s < next_s:
                    next_s = standstill.begin_s
            stage.advance(next_s)
            self._watch()

    def _watch(self) -> None:
        """Write down what the motor did and what the pump said."""
        witness, stage = self.witness, self._stage
        for frame in self._coder.decode(stage.read()):
            if frame.kind == messages.TELEMETRY:
                words = list(struct.unpack(f"<{len(frame.body) // 4}i", frame.body))
                witness.lives[-1].records.append(words)
                self._state = words[at.STATE]
                self._ticks_told += 1
                stage.told()
            elif frame.kind == messages.ACK:
                self._answered = int.from_bytes(frame.body[:2], "little")
                self._result, self._state = frame.body[2], frame.body[3]
            elif frame.kind == messages.HELD:
                self._held = int.from_bytes(frame.body[:4], "little")
            elif frame.kind == messages.IDENTITY and self._session is None:
                self._session = SessionKeys(TEST_KEYS, identity_of(frame).nonce, _CHALLENGE)
            elif frame.kind == messages.ALARMS:
                present = int.from_bytes(frame.body[:4], "little")
                witness.told.append((stage.now_s, present))
        # Lost steps were pulsed too: the count that must stand still is the driver's.
        lost = sum(life.lost_steps for life in witness.lives)
        witness.edges.append((stage.now_s, stage.edges() + lost))
