# SPDX-License-Identifier: MIT
"""Lets each cause befall a copy of a running therapy, and measures what the pump makes of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from importlib import resources

from mesor.errors import MesorError
from mesor.firmware import fold_script
from mesor.program import Problem, Program, compile_program
from mesor_hil.bench_detectors.causes import CAUSES, INNER_CAUSES, Cause
from mesor_hil.bench_detectors.therapy import RunningTherapy
from mesor_hil.forked import forked
from mesor_hil.scenarios import load_scenario
from mesor_hil.soak import with_narrow_caps
from mesor_hil.targets.emulator import EmulatorTarget
from mesor_hil.targets.target import Target
from pump.spec import alarms, reasons
from pump.spec import record as at

_SCENARIO = "vancomycin_two_hours"
_FROM_TICK = 5  # as board_main.py has it
_HEALTHY_TICKS = 4
_AFTER_TICKS = 2
_PATIENCE_TICKS = 60
_SAMPLES = 200  # of the program's certificate, which is not looked at
_STATES: dict[int, int] = {
    alarms.STOP: reasons.STATE_FAULT,
    alarms.HOLD: reasons.STATE_FALLBACK,
    alarms.WARN: reasons.STATE_RUNNING,
}
STATE_NAMES: dict[int, str] = {
    value: name.removeprefix("STATE_").lower()
    for name, value in vars(reasons).items()
    if name.startswith("STATE_")
}
_ACTIONS: dict[int, int] = {number: action for number, _, action in alarms.TABLE}


@dataclass(frozen=True, slots=True)
class Detection:
    """What one cause showed; times in s of the device from its beginning, a tick takes 1 s."""

    text: str
    alarm: int
    within_s: float
    told_s: float
    last_step_s: float | None  # of what stops the motor
    state: int  # in the tick after
    acknowledged: bool

    @property
    def state_name(self) -> str:
        """Return the state's name."""
        return STATE_NAMES[self.state]

    @property
    def failures(self) -> list[str]:
        """Return what is not as docs/safety promises."""
        found = []
        if self.told_s > self.within_s:
            found.append(f"told after {self.told_s:.2f} s, not within {self.within_s:.2f} s")
        if self.last_step_s is not None and self.last_step_s > self.within_s:
            found.append(f"a step {self.last_step_s:.2f} s after it began")
        if self.state != _state_due(self.alarm):
            found.append(f"{self.state_name}, not {STATE_NAMES[_state_due(self.alarm)]}")
        if not self.acknowledged:
            found.append("could not be acknowledged")
        return found


def _state_due(alarm: int) -> int:
    """Return the state that an alarm's action leads to."""
    if alarm == alarms.FALLBACK_OVER:
        return int(reasons.STATE_STOPPED)
    return _STATES[_ACTIONS[alarm]]


def programs() -> dict[str, Program]:
    """Return the scenario's program, one with narrow caps, and one with a soft limit."""
    problem = load_scenario(_SCENARIO).problem()
    narrow = with_narrow_caps(problem)
    hour_mg = narrow.safety.dose_hour_max_mg
    soft = replace(problem, safety=replace(problem.safety, dose_hour_soft_max_mg=hour_mg))
    kinds: dict[str, Problem] = {"standard": problem, "narrow": narrow, "soft": soft}
    return {name: compile_program(kind, _SAMPLES) for name, kind in kinds.items()}


def bench_detectors(say: Callable[[str], None], jobs: int = 1) -> Iterator[Detection]:
    """Yield what each cause showed on the emulated Pico, in no order."""
    kinds = programs()
    say("Booting the emulated Pico")
    booted = EmulatorTarget(say)

    def outer(number: int) -> dict[str, object]:
        cause = CAUSES[number]
        return asdict(detect(booted, kinds[cause.program], cause))

    def inner(number: int) -> dict[str, object]:
        return asdict(detect_inner(kinds["standard"], *INNER_CAUSES[number]))

    say("Letting one cause after the other befall a copy of it")
    for count, deed in ((len(CAUSES), outer), (len(INNER_CAUSES), inner)):
        for _, found in forked(deed, [[number] for number in range(count)], jobs):
            yield Detection(**found)


def detect(target: Target, program: Program, cause: Cause) -> Detection:
    """Let a cause befall a therapy in the middle between two readings."""
    therapy = RunningTherapy(target, program)
    therapy.pass_ticks(_HEALTHY_TICKS)
    if therapy.told and therapy.told[-1][1]:
        raise MesorError(f"Alarms {therapy.told[-1][1]:#x} are present before {cause.text}.")
    began_s = target.now_s
    cause.begin(therapy)
    told_s = _until_told(therapy, cause.alarm, began_s)
    if cause.since is not None:
        began_s = next(time_s for time_s, record in therapy.records if cause.since(record))
    therapy.pass_ticks(_AFTER_TICKS)
    state = therapy.records[-1][1][at.STATE]
    cause.end(therapy)
    within_s = cause.within_s(list(map(int, program.words)))
    return _detection(therapy, cause.text, cause.alarm, within_s, told_s - began_s, began_s, state)


def detect_inner(program: Program, text: str, alarm: int, wrong: str, ticks: int) -> Detection:
    """Boot a pump that itself goes wrong; its first wrong tick tells when it began."""
    script = (resources.files("mesor_hil.bench_detectors") / "board_main.py").read_bytes()
    main = fold_script(f'WRONG = "{wrong}"\n'.encode() + script)
    target = EmulatorTarget(lambda _text: None, main=main)
    therapy = RunningTherapy(target, program)
    told_s = _until_told(therapy, alarm, target.now_s)
    began_s = next(time_s for time_s, record in therapy.records if record[at.TICK] >= _FROM_TICK)
    therapy.pass_ticks(_AFTER_TICKS)
    state = therapy.records[-1][1][at.STATE]
    within_s = ticks + 0.2
    return _detection(therapy, text, alarm, within_s, told_s - began_s, began_s, state)


def _until_told(therapy: RunningTherapy, alarm: int, began_s: float) -> float:
    """Let ticks go by until the alarm is told; return when it was, inf if never."""
    for _ in range(_PATIENCE_TICKS):
        therapy.pass_ticks(1)
        for time_s, present in therapy.told:
            if time_s >= began_s and present >> alarm & 1:
                return time_s
    return math.inf


def _detection(
    therapy: RunningTherapy,
    text: str,
    alarm: int,
    within_s: float,
    told_s: float,
    began_s: float,
    state: int,
) -> Detection:
    """Let a person acknowledge the alarm; return what was seen."""
    stops = _ACTIONS[alarm] == alarms.STOP
    try:
        therapy.client.acknowledge(alarm)
        acknowledged = True
    except MesorError:
        acknowledged = False
    last_step_s = max(0.0, therapy.last_step_s - began_s) if stops else None
    return Detection(text, alarm, within_s, told_s, last_step_s, state, acknowledged)
