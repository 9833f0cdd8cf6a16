# SPDX-License-Identifier: MIT
"""A therapy on any target, with a crude patient, whose readings and inputs can be spoilt.

Times are device seconds; a tick takes one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from mesor.link import PumpClient
from mesor.link.frames import Frame
from mesor.program import Program
from mesor_hil.targets.board_faults import BoardFault
from mesor_hil.targets.target import Target
from pump.spec import messages
from pump.spec import program as layout
from pump.spec import record as at

TICK_S = 1.0
BEGINS_S = 0.52  # of a cause, after a reading: just after the pump has looked at its pins
_LOOK_S = 0.01  # how finely the motor is watched
_KEPT = 0.985  # of the crude patient's level in a tick
_UG_L_PER_STEP = 0.16


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reading says."""

    index: int
    time_s: int
    conc_ug_l: int
    quality: int


Spoil = Callable[[Reading], Reading | None]


class RunningTherapy:
    """One therapy from START on; what the pump tells and when the motor turns is kept."""

    def __init__(self, target: Target, program: Program) -> None:
        """Send the program, and start it."""
        self.target = target
        self.spoil: Spoil = lambda reading: reading
        self.ug_l_per_step = _UG_L_PER_STEP
        self.told: list[tuple[float, int]] = []  # alarms present, whichever frame told them
        self.records: list[tuple[float, list[int]]] = []
        self.last_step_s = 0.0
        self._tick_s = int(program.words[layout.AT_TICK_S])
        self._level_ug_l, self._steps, self._edges = 2_000.0, 0, target.step_edges() or 0
        self.client = PumpClient(target, self._hear, target.keys_of)
        self.client.hello()
        self.client.upload(program.bytes)
        self.client.start(round(self._tick_s / TICK_S), 0)
        self._begun_s, self._tick = target.now_s, 0

    def pass_ticks(self, count: int) -> None:
        """Send so many readings, each at its time; BEGINS_S after the last it returns."""
        for _ in range(count):
            self.pass_until(self._begun_s + self._tick * TICK_S)
            self._level_ug_l = _KEPT * self._level_ug_l + self.ug_l_per_step * self._steps
            self._steps = 0
            true = Reading(self._tick, self._tick * self._tick_s, round(self._level_ug_l), 100)
            reading = self.spoil(true)
            if reading is not None:
                self.client.send_reading(
                    reading.index, reading.time_s, reading.conc_ug_l, reading.quality
                )
            self._tick += 1
        self.pass_until(self._begun_s + (self._tick - 1) * TICK_S + BEGINS_S)

    def pass_until(self, until_s: float) -> None:
        """Let time pass, watching the motor."""
        while self.target.now_s < until_s:
            self.target.advance(min(until_s, self.target.now_s + _LOOK_S))
            self.client.receive()
            edges = self.target.step_edges() or 0
            if edges != self._edges:
                self.last_step_s = self.target.now_s
                self._steps += edges - self._edges
                self._edges = edges

    def show(self, fault: BoardFault, present: bool = True) -> None:
        """Let an input of the board show a fault, or no more."""
        self.target.set_fault(fault, present)

    def _hear(self, direction: str, now_s: float, frame: Frame) -> None:
        """Keep what the pump tells of alarms and ticks."""
        if direction != "from_pump":
            return
        if frame.kind == messages.TELEMETRY:
            record = list(struct.unpack(f"<{len(frame.body) // 4}i", frame.body))
            self.records.append((now_s, record))
            self.told.append((now_s, record[at.ALARMS]))
        elif frame.kind == messages.ALARMS:
            self.told.append((now_s, int.from_bytes(frame.body[:4], "little")))
