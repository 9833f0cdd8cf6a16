# SPDX-License-Identifier: MIT
"""Draws the states on which a program's error and iterations are stated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mesor.program.design import Design
from mesor.program.exact import Integers
from mesor.program.fixed import DATA_BITS
from mesor.program.problem import Problem

Floats = npt.NDArray[np.float64]
ONE = 1 << DATA_BITS


@dataclass(frozen=True, slots=True)
class Samples:
    """Sampled QPs: demand (S, N) and last moves (S,), both Q14."""

    demand: Integers
    move_before: Integers


def sample_demands(problem: Problem, controller: Design, count: int, seed: int) -> Samples:
    """Draw states over the stated range and return the QPs that they pose.

    Compartments 0..1.6 targets, disturbance within half a full rate, last move
    0, 1 or anything between.
    """
    random = np.random.default_rng(seed)
    states = len(controller.transition)
    state = random.uniform(0.0, 3.2, (count, states))
    state[:, -1] = random.uniform(-0.5, 0.5, count)
    draw = random.random(count)
    last = np.where(draw < 0.3, 0.0, np.where(draw < 0.45, 1.0, random.random(count)))
    return Samples(
        demand_of(problem, controller, state),
        np.round(last * ONE).astype(np.int64),
    )


def demand_of(problem: Problem, controller: Design, state: Floats) -> Integers:
    """Return target minus free response, clipped as the pump clips it, Q14."""
    unit = controller.conc_unit_mg_l
    target = problem.therapy.target_mg_l / unit
    most = problem.therapy.demand_max_fraction * target
    demand = np.clip(target - state @ controller.free.T, -most, most)
    rounded: Integers = np.round(demand * ONE).astype(np.int64)
    return rounded
