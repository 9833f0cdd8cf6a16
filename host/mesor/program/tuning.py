# SPDX-License-Identifier: MIT
"""Short closed loops in the pump's own integers, to choose rho and for the certificate.

A loop is what the pump will live through: noisy readings, the Kalman filter, a
model that misses some of the patient, and each QP warm-started from the last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mesor.program.design import Design
from mesor.program.exact import ExactSolver, Integers, Outcome
from mesor.program.exact_plan import ExactPlan
from mesor.program.formats import DATA_BITS
from mesor.program.problem import Problem
from mesor.program.sampling import demand_of

ONE = 1 << DATA_BITS

# Takes demand (S, N) and last moves (S,) of the next tick of S loops, both Q14.
Solve = Callable[[Integers, Integers], Outcome]


@dataclass(frozen=True, slots=True)
class WarmRun:
    """Warm-started QPs of closed loops: T ticks of S loops each."""

    demand: Integers  # (T, S, N) Q14
    move_before: Integers  # (T, S) Q14
    moves: Integers  # (T, S) first moves, Q14
    iterations: Integers  # (T, S)
    guesses: Integers  # (T, S)
    solved: npt.NDArray[np.bool_]  # (T, S)


def iterations_alone(words: Integers, loops: int) -> Solve:
    """Return the solver of `loops` loops that iterates to the end and never tries to finish."""
    solver = ExactSolver(words)
    return lambda demand, move: solver.solve(demand, move)[0]


def pumps(words: Integers, loops: int, model: int = 0) -> Solve:
    """Return the solvers of `loops` pumps, one each, that plan with that model."""
    plan = ExactPlan(words, model)
    kept = plan.fresh(loops)
    return lambda demand, move: plan.solve(kept, demand, move)


def warm_run(
    problem: Problem, controller: Design, solve_next: Solve, loops: int, ticks: int, seed: int
) -> WarmRun:
    """Run `loops` closed loops of `ticks` ticks from an empty patient."""
    random = np.random.default_rng(seed)
    patient = np.zeros((loops, len(controller.transition)))
    patient[:, -1] = random.normal(0.0, problem.estimator.disturbance_start_sd / 2.0, loops)
    estimate = np.zeros_like(patient)
    move = np.zeros(loops, dtype=np.int64)
    low, high = problem.targets_mg_l
    target = np.linspace(low, high, loops)
    history: list[tuple[npt.NDArray[Any], ...]] = []
    for tick in range(ticks):
        noise = problem.estimator.sensor_cv * random.standard_normal(loops)
        gain = controller.gains[min(tick, len(controller.gains) - 1)]
        innovation = patient[:, 0] * (1.0 + noise) - estimate[:, 0]
        estimate = estimate + np.outer(innovation, gain)
        demand = demand_of(problem, controller, estimate, target)
        outcome = solve_next(demand, move)
        first = outcome.moves[:, 0]
        history.append((demand, move, first, outcome.iterations, outcome.guesses, outcome.solved))
        move = first
        given = np.outer(move / ONE, controller.input)
        patient = patient @ controller.transition.T + given
        estimate = estimate @ controller.transition.T + given
    return WarmRun(*(np.stack(column) for column in zip(*history, strict=True)))
