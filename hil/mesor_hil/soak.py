# SPDX-License-Identifier: MIT
"""Simulation testing: seeded faults at every layer of the twin, invariants over every trace.

One seed is one story: up to four things go wrong at random times in a therapy of some
ticks.  The production firmware runs it on the twin; what the motor did and what the pump
said is then held against invariants that do not ask the firmware's own opinion.
`mesor soak --first SEED --seeds 1` tells the same story again.  Times are device seconds.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from mesor.link.client import identity_of
from mesor.link.frames import Frame, FrameCoder
from mesor.link.keys import SessionKeys
from mesor.program import Program
from mesor_hil.faults import PIN_STOP_S
from mesor_hil.targets.board_faults import BOARD_FAULTS, PinFault
from mesor_hil.targets.test_keys import TEST_KEYS
from mesor_hil.targets.twin import TwinTarget
from pump.core.supervisor import NEXT
from pump.spec import alarms, messages, reasons
from pump.spec import program as layout
from pump.spec import record as at

TICKS = 40
_FACTOR = 300
_STEP_S = 0.05  # how finely edges are watched while something may have to stop
_CHALLENGE = bytes(messages.CHALLENGE_BYTES)
_SILENCES = ("host_crash", "sensor_silent")
_KINDS = (
    *BOARD_FAULTS,
    "host_crash",
    "sensor_silent",
    "sensor_stuck",
    "sensor_jump",
    "sensor_future",
    "line_noise",
    "line_flipped",
    "line_repeated",
    "clock_jump",
    "lost_steps",
    "memory_error",
    "stop_command",
    "new_host",
)


@dataclass(frozen=True, slots=True)
class Mishap:
    """One thing that goes wrong."""

    kind: str
    at_s: float
    lasts_s: float


@dataclass(slots=True)
class Witness:
    """What was seen from outside the pump."""

    records: list[list[int]] = field(default_factory=list)
    told: list[tuple[float, int]] = field(default_factory=list)  # s, alarms present
    edges: list[tuple[float, int]] = field(default_factory=list)  # s, steps so far
    stops: list[tuple[float, str, int]] = field(default_factory=list)  # must stand from s on
    stopped_by_host_s: float | None = None
    lost_steps: int = 0


def story(seed: int, tick_s: float) -> tuple[Mishap, ...]:
    """Return what goes wrong under that seed, in order."""
    draw = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(3,)))
    mishaps = []
    for _ in range(int(draw.integers(1, 5))):
        kind = _KINDS[int(draw.integers(len(_KINDS)))]
        at_s = float(draw.uniform(0.5, TICKS - 4)) * tick_s
        mishaps.append(Mishap(kind, at_s, float(draw.uniform(0.6, 14.0)) * tick_s))
    return tuple(sorted(mishaps, key=lambda mishap: mishap.at_s))


class Soak:
    """Runs one story on a fresh twin."""

    def __init__(self, program: Program, seed: int) -> None:
        self._words = program.words
        self._content = program.bytes
        self._tick_s = int(program.words[layout.AT_TICK_S]) / _FACTOR
        self.mishaps = story(seed, self._tick_s)
        self._draw = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(4,)))
        self.target = TwinTarget()
        self.witness = Witness()
        self._coder, self._sequence = FrameCoder(), 0
        self._session: SessionKeys | None = None
        self._level_ug_l, self._edges_before = 2_000.0, 0
        self._broken_s: dict[str, float] = {}  # when each input began to show a fault

    def run(self) -> Witness:
        """Let the therapy run to its end; return what was seen."""
        self._command(messages.HELLO, _CHALLENGE)
        self._command(messages.PROGRAM_BEGIN, struct.pack("<I", len(self._content) // 4))
        for offset in range(0, len(self._content), messages.CHUNK_BYTES_MAX):
            chunk = self._content[offset : offset + messages.CHUNK_BYTES_MAX]
            self._command(messages.PROGRAM_CHUNK, struct.pack("<I", offset) + chunk)
        seal = TEST_KEYS.seal_program(self._content)
        self._command(messages.PROGRAM_END, self._content[-4:] + seal)
        self._command(messages.START, struct.pack("<I", _FACTOR))
        start_s = self.target.now_s
        happenings = sorted(self._happenings(), key=lambda item: item[0])
        for tick in range(TICKS):
            due_s = start_s + tick * self._tick_s
            while happenings and start_s + happenings[0][0] <= due_s:
                at_s, happen = happenings.pop(0)
                self._pass_until(start_s + at_s)
                happen()
            self._pass_until(due_s)
            self._send_reading(tick, due_s - start_s)
        self._pass_until(start_s + TICKS * self._tick_s)
        return self.witness

    def _happenings(self) -> Iterator[tuple[float, Callable[[], None]]]:
        """Yield when what is done to the pump, from the start of the therapy on."""
        for mishap in self.mishaps:
            kind = mishap.kind
            if kind in BOARD_FAULTS:
                yield mishap.at_s, partial(self._break, kind)
                lasts_s = max(mishap.lasts_s, 2.2 * self._tick_s)
                mend = partial(self._mend, kind, lasts_s)
                yield mishap.at_s + lasts_s, mend
            elif kind in ("clock_jump", "lost_steps", "memory_error", "stop_command", "new_host"):
                yield mishap.at_s, getattr(self, f"_{kind}")

    def _break(self, kind: str) -> None:
        """Let an input of the board show a fault, and note by when the motor must stand."""
        fault = BOARD_FAULTS[kind]
        running = self.target.app.supervisor.delivers() and self._beats()
        self.target.set_fault(fault, True)
        self._broken_s[kind] = self.target.now_s
        stop_s = PIN_STOP_S + (0.0 if isinstance(fault, PinFault) else 1.2 * self._tick_s)
        if running:
            self.witness.stops.append((self.target.now_s + stop_s, kind, fault.alarm))

    def _mend(self, kind: str, lasts_s: float) -> None:
        """End a fault, though not before it has lasted that long: a clock may have jumped."""
        self._pass_until(self._broken_s[kind] + lasts_s)
        self.target.set_fault(BOARD_FAULTS[kind], False)

    def _beats(self) -> bool:
        """Say whether the host has not stopped the therapy."""
        return self.witness.stopped_by_host_s is None

    def _clock_jump(self) -> None:
        """Let time go by without the firmware running, some ticks at most."""
        jump_s = float(self._draw.uniform(0.1, 3.0)) * self._tick_s
        self.target.board.time_us += round(jump_s * 1e6)
        for index, (stop_s, kind, alarm) in enumerate(self.witness.stops):
            if stop_s > self.target.now_s - jump_s:
                self.witness.stops[index] = (stop_s + jump_s, kind, alarm)
        self._watch()

    def _lost_steps(self) -> None:
        """Let the motor stall for a few steps of its batch."""
        board = self.target.board
        if self.target.app.supervisor.delivers() and board.edges() - board._reported > 20:
            board._edges_before -= 7
            self.witness.lost_steps += 7

    def _memory_error(self) -> None:
        """Let the next plan run out of memory."""
        controller = self.target.app.therapy.controller

        def exhausted(*_: Any) -> int:
            raise MemoryError

        if controller is not None:
            controller._next_move = exhausted

    def _stop_command(self) -> None:
        """Let the host stop the therapy; nothing may move after that."""
        self._command(messages.STOP)
        if self._beats():
            self.witness.stopped_by_host_s = self.target.now_s
        self.witness.stops.append((self.target.now_s + 1e-3, "stop_command", 0))

    def _new_host(self) -> None:
        """Let a host say HELLO, and ask for what a running or faulted pump must refuse."""
        for kind, body in (
            (messages.HELLO, _CHALLENGE),
            (messages.PROGRAM_BEGIN, b"\x09\0\0\0"),
            (messages.MAINTENANCE, b""),
            (messages.ACKNOWLEDGE, b"\x1d\0\0\0"),
        ):
            if self._beats():
                self._command(kind, body)

    def _active(self, kind: str, now_s: float) -> bool:
        """Say whether a mishap of that kind is going on."""
        return any(m.kind == kind and m.at_s <= now_s < m.at_s + m.lasts_s for m in self.mishaps)

    def _send_reading(self, tick: int, now_s: float) -> None:
        """Move the crude patient on, and send what sensor and line make of its level."""
        edges = self.target.board.edges()
        self._level_ug_l = 0.985 * self._level_ug_l + 0.16 * (edges - self._edges_before)
        self._edges_before = edges
        conc = self._level_ug_l * (1.0 + float(self._draw.normal(0.0, 0.03)))
        time_s = tick * int(self._words[layout.AT_TICK_S])
        if self._active("sensor_stuck", now_s):
            conc = 7_777.0
        if self._active("sensor_jump", now_s) and tick % 2:
            conc += 60_000.0
        if self._active("sensor_future", now_s):
            time_s += 90_000
        if self._active("line_noise", now_s):
            self.target.write(self._draw.bytes(200))
        if any(self._active(kind, now_s) for kind in _SILENCES):
            return
        body = struct.pack("<4I", tick, time_s, max(0, round(conc)), 100)
        coded = bytearray(self._coded(messages.READING, body))
        if self._active("line_flipped", now_s):
            coded[int(self._draw.integers(len(coded)))] ^= 1 << int(self._draw.integers(8))
        self.target.write(bytes(coded))
        if self._active("line_repeated", now_s):
            self.target.write(bytes(coded))
        self._watch()

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

    def _pass_until(self, until_s: float) -> None:
        """Let time pass, watching the motor."""
        target = self.target
        while target.now_s < until_s - 1e-6:
            target.advance(min(until_s, target.now_s + _STEP_S))
            self._watch()

    def _watch(self) -> None:
        """Write down what the motor did and what the pump said."""
        witness, target = self.witness, self.target
        for frame in self._coder.decode(target.read()):
            if frame.kind == messages.TELEMETRY:
                witness.records.append(
                    list(struct.unpack(f"<{len(frame.body) // 4}i", frame.body))
                )
            elif frame.kind == messages.IDENTITY and self._session is None:
                self._session = SessionKeys(TEST_KEYS, identity_of(frame).nonce, _CHALLENGE)
            elif frame.kind == messages.ALARMS:
                present = int.from_bytes(frame.body[:4], "little")
                witness.told.append((target.now_s, present))
        # Lost steps were pulsed too: the count that must stand still is the driver's.
        witness.edges.append((target.now_s, target.board.edges() + witness.lost_steps))


def violations(program: Program, soak: Soak) -> list[str]:
    """Return a sentence for each invariant that the trace breaks."""
    witness, words = soak.witness, program.words
    records = witness.records
    return [
        *_over_limits(records, words),
        *_ledger(witness, soak.target.board.edges()),
        *_late_stops(witness),
        *_unnamed(witness),
        *_illegal_states(records),
    ]


def _over_limits(records: list[list[int]], words: Any) -> Iterator[str]:
    """Rate, hour and day, summed afresh from the steps that the motor made."""
    ticks: dict[int, int] = {}
    for record in records:
        ticks[record[at.TICK] - 1] = record[at.STEPS_DONE]
    done = [ticks.get(tick, 0) for tick in range(max(ticks, default=0) + 1)]
    for count, most, name in (
        (1, words[layout.AT_STEPS_TICK_MAX], "tick"),
        (int(words[layout.AT_TICKS_HOUR]), words[layout.AT_STEPS_HOUR_MAX], "hour"),
        (int(words[layout.AT_TICKS_DAY]), words[layout.AT_STEPS_DAY_MAX], "day"),
    ):
        worst = max(
            (sum(done[max(0, i - count + 1) : i + 1]) for i in range(len(done))), default=0
        )
        if worst > most:
            yield f"{worst} steps in one {name}; {most} are allowed"
    for record in records:
        if record[at.ON_BOARD] > words[layout.AT_ON_BOARD_MAX]:
            yield f"tick {record[at.TICK]}: {record[at.ON_BOARD]} steps on board"


def _ledger(witness: Witness, edges: int) -> Iterator[str]:
    """Every step that the motor made is accounted for, and each batch in full or not at all."""
    accounted = sum(record[at.STEPS_DONE] for record in witness.records)
    # A therapy's last batch is accounted for by no tick.
    last = witness.records[-1][at.STEPS] if witness.records else 0
    if not -1 <= edges - accounted <= last + 1:
        yield f"the motor made {edges} steps and the records account for {accounted}"
    total = 0
    for record in witness.records:
        total += record[at.STEPS]
        if record[at.STEPS_TOTAL] != total % (1 << 30):
            yield f"tick {record[at.TICK]}: the total is {record[at.STEPS_TOTAL]}, not {total}"
            return


def _late_stops(witness: Witness) -> Iterator[str]:
    """After a stopping cause has had its time, not one step."""
    for stop_s, kind, _ in witness.stops:
        later = [count for time_s, count in witness.edges if time_s >= stop_s]
        if later and later[-1] != later[0]:
            yield f"{kind}: {later[-1] - later[0]} steps after {stop_s:.2f} s"


def _unnamed(witness: Witness) -> Iterator[str]:
    """Each stopping cause is told by its own number, and the fault is latched to the end."""
    for stop_s, kind, alarm in witness.stops:
        ended = witness.stopped_by_host_s
        if not alarm or (ended is not None and ended <= stop_s + 1.5):
            continue
        if not any(present >> alarm & 1 for _, present in witness.told):
            yield f"{kind}: alarm {alarm} was never told"


def _illegal_states(records: list[list[int]]) -> Iterator[str]:
    """States follow one another as the table allows; a standstill gives nothing."""
    before = reasons.STATE_RUNNING
    follow = {(a, b) for ways in NEXT.values() for a, b in ways.items()}
    delivering = (reasons.STATE_RUNNING, reasons.STATE_FALLBACK)
    holding = alarms.with_action(alarms.HOLD)
    stopping = alarms.with_action(alarms.STOP)
    for record in records:
        state, present = record[at.STATE], record[at.ALARMS]
        if state != before and (before, state) not in follow:
            yield f"tick {record[at.TICK]}: state {before} became {state}"
        if state not in delivering and record[at.STEPS]:
            yield f"tick {record[at.TICK]}: {record[at.STEPS]} steps in state {state}"
        if state == reasons.STATE_RUNNING and present & (holding | stopping):
            yield f"tick {record[at.TICK]}: closed loop with alarms {present:#x}"
        before = state
