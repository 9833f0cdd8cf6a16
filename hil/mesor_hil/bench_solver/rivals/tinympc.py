# SPDX-License-Identifier: MIT
"""TinyMPC, ADMM with a Riccati recursion in C++ and Eigen, in float32.

Nguyen, Schoedel, Alavilli, Plancher and Manchester, ICRA 2024.  It bounds single states and
inputs only and its weights are diagonal, so the rate, and the level less its slack, become
states, and the change and the slack inputs.  Its terminal weight is that of an infinite
horizon, which the reference has not: its answers are those of a slightly different problem.
Gains are computed as its set-up does, but with rho added once and not twice, and the reference
scaled so that it is tracked without bias; both only help it.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from mesor_hil.bench_solver.problem import (
    BAND,
    CHANGE_MAX,
    CHANGE_WEIGHT,
    CLEARANCE_L_H,
    FULL_RATE_MG_H,
    LEVEL_UNIT_MG_L,
    SLACK_WEIGHT,
    FloatArray,
    Problem,
)
from mesor_hil.bench_solver.rivals.c_module import Rival, c_constants, c_table

_ITERATIONS_MAX: Final = 1000
_RICCATI_STEPS: Final = 5000
_STATES: Final = {"RATE": 2, "SOFTENED": 3, "STATES": 4}  # after central and peripheral level
_INPUTS: Final = {"CHANGE": 0, "INPUTS": 2}  # then the slack
_STREAMED: Final = re.compile(r"#include <iostream>|std::cout.*?;", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Settings:
    """What was chosen on the tuning states.

    Of rho 0.03 to 3 and tolerances 1e-2, 3e-3, 1e-3 none errs as little as is asked of OSQP: its
    error grows with rho and its speed too.  Taken: the quickest within 5e-2 at most.
    """

    rho: float
    tolerance: float
    check_every: int


CHOSEN: Final = Settings(rho=0.1, tolerance=1e-2, check_every=5)


def tinympc_rival(
    problem: Problem, package: Path, folder: Path, settings: Settings = CHOSEN
) -> Rival:
    """Return TinyMPC for `problem`; package: its unpacked sources, folder: for a float32 copy."""
    code = package / "src" / "tinympc" / "codegen" / "codegen_src"
    _copy_in_float32(code / "tinympc", folder)
    return Rival(
        name="TinyMPC",
        setting=(
            f"rho {settings.rho:g}, tolerances {settings.tolerance:g}, checked every "
            f"{settings.check_every}; the quickest of 15 settings within 5e-2 at most"
        ),
        glue="tinympc_glue.cpp",
        sources=(folder / "admm.cpp",),
        include=(folder, code / "include" / "Eigen"),
        tables=_tables(problem, settings),
        options=("-fno-exceptions", "-fno-rtti", "-std=gnu++17"),
        heap_bytes=4096 + 512 * problem.horizon,
    )


def _copy_in_float32(sources: Path, folder: Path) -> None:
    """Copy the sources with float for double, and without printing, which would need 200 kB."""
    shutil.copytree(sources, folder)
    types = folder / "types.hpp"
    types.write_text(
        types.read_text().replace("typedef double tinytype", "typedef float tinytype")
    )
    iteration = folder / "admm.cpp"
    iteration.write_text(_STREAMED.sub("", iteration.read_text()))


def _tables(problem: Problem, settings: Settings) -> str:
    """Return tables.h."""
    transition, inputs = _model(problem)
    weights = np.array([2.0, 0.0, 0.0, 0.0]), np.array([2 * CHANGE_WEIGHT, 2 * SLACK_WEIGHT])
    state_cost, input_cost = (np.diag(weight + settings.rho) for weight in weights)
    terminal, gain = _riccati(transition, inputs, state_cost, input_cost)
    inverse = np.linalg.inv(input_cost + inputs.T @ terminal @ inputs)
    rate_a_level = CLEARANCE_L_H * LEVEL_UNIT_MG_L / FULL_RATE_MG_H
    steady = np.array([1.0, 1.0, rate_a_level, 1.0])  # at level 1
    at_end = _solved(terminal, (terminal - settings.rho * np.eye(4)) @ steady)
    constants = {
        "HORIZON": problem.horizon,
        "RHO": settings.rho,
        "TOLERANCE": settings.tolerance,
        "CHECK_EVERY": settings.check_every,
        "ITERATIONS_MAX": _ITERATIONS_MAX,
        "CHANGE_MAX": CHANGE_MAX,
        "BAND_LOW": BAND[0],
        "BAND_HIGH": BAND[1],
    }
    return c_constants({**constants, **_STATES, **_INPUTS}) + "".join(
        (
            c_table("gain_table", gain),
            c_table("terminal_table", terminal),
            c_table("input_inverse_table", inverse),
            c_table("closed_loop_table", (transition - inputs @ gain).T),
            c_table("transition_table", transition),
            c_table("input_table", inputs),
            c_table("state_weight_table", weights[0][:, None]),
            c_table("input_weight_table", weights[1][:, None]),
            c_table("reference_table", np.column_stack([steady, at_end])),
        )
    )


def _model(problem: Problem) -> tuple[FloatArray, FloatArray]:
    """Return transition (4, 4) and input (4, 2) of the state with rate and softened level."""
    transition, inputs = np.zeros((4, 4)), np.zeros((4, 2))
    transition[:2, :2], transition[:2, 2], transition[2, 2] = problem.transition, problem.dose, 1
    inputs[:2, 0], inputs[2, 0] = problem.dose, 1
    transition[3], inputs[3] = transition[0], (inputs[0, 0], -1)
    return transition, inputs


def _riccati(
    transition: FloatArray, inputs: FloatArray, state_cost: FloatArray, input_cost: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return cost to go and gain of the infinite horizon, by the recursion that TinyMPC uses."""
    to_go = state_cost
    for _ in range(_RICCATI_STEPS):
        weighted = inputs.T @ to_go
        gain = _solved(input_cost + weighted @ inputs, weighted @ transition)
        to_go = state_cost + transition.T @ to_go @ (transition - inputs @ gain)
    return to_go, gain


def _solved(matrix: FloatArray, right: FloatArray) -> FloatArray:
    """Return the solution of matrix @ x = right."""
    return np.asarray(np.linalg.solve(matrix, right), dtype=np.float64)
