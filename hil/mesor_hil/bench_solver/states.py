# SPDX-License-Identifier: MIT
"""The states that a solver is timed on: random ones (cold) and those of closed loops (warm).

A solver is tuned on one set and reported on another; the purpose is part of the seed, so the two
never share a state.  Closed loops are driven by the reference controller: a solver's own errors
are not fed back, and every solver meets the same states.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np

from mesor_hil.bench_solver.problem import Problem, State
from mesor_hil.bench_solver.reference import Reference

LOOP_STEPS: Final = 30  # two and a half hours, with a new target half-way
_NOISE: Final = 0.01  # 0.1 mg/L, standard deviation
_DISTURBANCE_GAIN: Final = 0.2


class Purpose(IntEnum):
    """What a set of states is for."""

    TUNING = 0
    REPORT = 1


def random_states(count: int, seed: int, purpose: Purpose) -> list[State]:
    """Return independent states, a good part of them outside the band or at a limit."""
    random = np.random.default_rng([seed, purpose, 0])
    return [
        State(
            central=random.uniform(0.0, 3.2),
            peripheral=random.uniform(0.0, 2.0),
            disturbance=random.uniform(-0.3, 0.3),
            target=random.uniform(1.2, 2.4),
            move_before=_random_move(random),
        )
        for _ in range(count)
    ]


def closed_loop_states(
    problem: Problem, count: int, seed: int, purpose: Purpose
) -> list[list[State]]:
    """Return `count` states in closed loops of at most LOOP_STEPS, each started afresh."""
    random = np.random.default_rng([seed, purpose, 1])
    reference = Reference(problem)
    lengths = [min(LOOP_STEPS, count - begun) for begun in range(0, count, LOOP_STEPS)]
    return [_closed_loop(problem, reference, random)[:length] for length in lengths]


def _random_move(random: np.random.Generator) -> float:
    """Return the move before: three in ten at rest, two in ten at the full rate."""
    kind = random.random()
    if kind < 0.3:
        return 0.0
    return 1.0 if kind < 0.5 else random.uniform(0.0, 1.0)


def _closed_loop(
    problem: Problem, reference: Reference, random: np.random.Generator
) -> list[State]:
    """Return the states of one loop on a patient who answers the dose up to 15 % differently."""
    level = np.array([random.uniform(0.0, 2.5), random.uniform(0.0, 1.5)])
    estimate = level.copy()
    sensitivity = random.uniform(0.85, 1.15)
    target = random.uniform(1.4, 2.2)
    disturbance = move = 0.0
    states = []
    for step in range(LOOP_STEPS):
        if step == LOOP_STEPS // 2:
            target = random.uniform(1.3, 2.3)
        reading = level[0] + random.normal(0.0, _NOISE)
        disturbance += _DISTURBANCE_GAIN * (reading - estimate[0] - disturbance)
        state = State(float(estimate[0]), float(estimate[1]), float(disturbance), target, move)
        states.append(state)
        move = reference.solve(state).first_move
        level = problem.transition @ level + problem.dose * move * sensitivity
        estimate = problem.transition @ estimate + problem.dose * move
    return states
