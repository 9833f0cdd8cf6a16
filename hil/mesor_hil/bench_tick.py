# SPDX-License-Identifier: MIT
"""`mesor bench tick`: what each stage of the control tick costs on the emulated Pico.

A scenario runs as `mesor run` runs it, on the firmware as it is shipped, with a stopwatch round
each stage (bench_tick_main.py) in every other tick; the ticks between give the whole, untouched.
Times are the chip's own microseconds at 125 MHz, memory without wait states.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources

import numpy as np
import numpy.typing as npt

from mesor.errors import MesorError
from mesor.firmware import fold_script
from mesor.link import PumpClient
from mesor.program import compile_program
from mesor_hil.scenarios import DEFAULT_SCENARIO, draw_patient, load_scenario, make_sensor
from mesor_hil.session import Session
from mesor_hil.targets.emulator import EmulatorTarget

HOURS = 6.0  # of the scenario: loading, and a settled level
SOLVE = "... of that the QP"
BETWEEN = "between the stages"
WHOLE = "whole tick"

_PLAN = "plan"
_SAMPLES = 500  # of the program's certificate, which is not looked at
_PRINT_LIMIT_S = 5.0
_CHALLENGE = b"stopwatc"


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the tick over the ticks that were timed."""

    name: str
    median_us: float
    mean_us: float
    max_us: float


def bench_tick(
    say: Callable[[str], None], hours: float = HOURS, name: str = DEFAULT_SCENARIO
) -> list[Stage]:
    """Return the stages in the order in which a tick goes through them, then the whole.

    What lies between the stages is the mean of the whole less those of the stages.
    """
    scenario = load_scenario(name).model_copy(update={"duration_h": hours})
    program = compile_program(scenario.problem(), _SAMPLES)
    script = (resources.files("mesor_hil") / "bench_tick_main.py").read_bytes()
    target = EmulatorTarget(say, main=fold_script(script))
    client = PumpClient(target, keys_of=target.keys_of, challenge=_CHALLENGE)
    client.hello()
    client.upload(program.bytes)
    patient = draw_patient(scenario, scenario.seed)
    sensor = make_sensor(scenario, scenario.seed)
    say("Running the scenario with the stopwatches")
    Session(scenario, target, client, patient, sensor).run()
    client.make_way()
    return _stages(_printed(target))


def _printed(target: EmulatorTarget) -> list[list[str]]:
    """Return the lines that the board prints before END, cut at their tabs."""
    output = b""
    until_s = target.now_s + _PRINT_LIMIT_S
    while b"END" not in output:
        if target.now_s >= until_s:
            text = output.decode(errors="replace").strip().splitlines() or ["nothing"]
            raise MesorError(f"The stopwatches did not report; the board said: {text[-1]}")
        target.advance(until_s)
        output += target.read()
    lines = output.decode(errors="replace").splitlines()
    return [line.split("\t") for line in lines if "\t" in line]


def _stages(lines: list[list[str]]) -> list[Stage]:
    """Return the stages from a line for each: its name and what it took in each tick."""
    ticks_us = {name: np.array(us, dtype=float) for name, *us in lines}
    whole_us, solve_us = ticks_us.pop("whole"), ticks_us.pop("solve")
    between_us = whole_us.mean() - sum(us.mean() for us in ticks_us.values())
    stages = [_stage(name, us) for name, us in ticks_us.items()]
    stages.insert(list(ticks_us).index(_PLAN) + 1, _stage(SOLVE, solve_us))
    stages.append(Stage(BETWEEN, between_us, between_us, between_us))
    return [*stages, _stage(WHOLE, whole_us)]


def _stage(name: str, us: npt.NDArray[np.float64]) -> Stage:
    """Return what a stage took."""
    return Stage(name, float(np.median(us)), float(us.mean()), float(us.max()))
