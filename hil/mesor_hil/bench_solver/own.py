# SPDX-License-Identifier: MIT
"""Our own solver on the benchmark's problem: the firmware as it ships, and a program for it.

The board's file own_solver.py calls the firmware's public solver; the host compiles the program
as for any therapy and adds the table that turns a state into the tick's demand.
"""

from __future__ import annotations

from importlib import resources
from typing import Final

import numpy as np

from mesor.firmware import build_firmware, fold_script
from mesor.program import (
    ControlModel,
    PumpGeometry,
    SafetyLimits,
    Therapy,
    compile_program,
)
from mesor.program import Problem as TherapyProblem
from mesor_hil.bench_solver import problem as bench

OWN_SETTING: Final = "as compiled: rho and formats chosen on the compiler's own states"
TABLE_BITS: Final = 24
_TARGET_MG_L: Final = 2 * bench.LEVEL_UNIT_MG_L  # the pump counts levels in half targets
_STEPS_A_TICK: Final = 10_000
_REACH_TARGETS: Final = 1.5  # a state is at most this far from its target
_SAMPLES: Final = 2_000


def own_files(problem: bench.Problem) -> dict[str, bytes]:
    """Return what our solver needs on the board's file system to be timed on `problem`."""
    program = compile_program(therapy_problem(problem.horizon), _SAMPLES)
    board = resources.files("mesor_hil.bench_solver") / "own_solver.py"
    return build_firmware() | {
        "solver.py": fold_script(board.read_bytes()),
        "program.bin": program.bytes,
        "demand.bin": _demand_table(problem).astype("<i4").tobytes(),
    }


def therapy_problem(horizon: int) -> TherapyProblem:
    """Return the benchmark's problem as a therapy: its model, weights, window and limits."""
    low, high = (_TARGET_MG_L + edge * bench.LEVEL_UNIT_MG_L for edge in bench.BAND)
    mg_a_step = bench.FULL_RATE_MG_H * bench.STEP_H / (_STEPS_A_TICK * (1 + 1e-12))
    return TherapyProblem(
        model=ControlModel(
            clearance_l_h=bench.CLEARANCE_L_H,
            volume_central_l=bench.CENTRAL_VOLUME_L,
            clearance_intercompartmental_l_h=bench.EXCHANGE_L_H,
            volume_peripheral_l=bench.PERIPHERAL_VOLUME_L,
        ),
        therapy=Therapy(
            target_mg_l=_TARGET_MG_L,
            window_low_mg_l=low,
            window_high_mg_l=high,
            rate_max_mg_h=bench.FULL_RATE_MG_H,
            rate_change_max_mg_h=bench.CHANGE_MAX * bench.FULL_RATE_MG_H,
            tick_s=round(bench.STEP_H * 3600),
            horizon=horizon,
            change_weight=bench.CHANGE_WEIGHT,
            soft_weight=bench.SLACK_WEIGHT,
            demand_max_fraction=_REACH_TARGETS,
        ),
        safety=SafetyLimits(dose_hour_max_mg=1000.0, dose_day_max_mg=24_000.0),
        pump=PumpGeometry(microstep_nl=1.0, drug_mg_ml=mg_a_step * 1e6),
    )


def _demand_table(problem: bench.Problem) -> bench.FloatArray:
    """Return the table (N, 4) that turns central, peripheral, disturbance, target into demand."""
    ones = np.ones(problem.horizon)
    table = np.column_stack([-problem.free, -ones, ones])
    return np.asarray(np.round(table * 2.0**TABLE_BITS))
