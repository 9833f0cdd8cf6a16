# SPDX-License-Identifier: MIT
"""Draws the states on which a program's error and iterations are stated, and those near them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mesor.program.design import Design
from mesor.program.exact import Integers
from mesor.program.formats import DATA_BITS
from mesor.program.problem import Problem

Floats = npt.NDArray[np.float64]
ONE = 1 << DATA_BITS
LEVEL_MAX = 3.2  # half targets
DISTURBANCE_MAX = 0.5  # full rates


@dataclass(frozen=True, slots=True)
class States:
    """Sampled states: compartments and disturbance (S, n), last moves (S,) in full rates.

    With each comes the target of its tick, of those that the course can ask for: 0 is the
    lowest, 1 the highest.
    """

    state: Floats
    last: Floats
    aim: Floats  # (S,)

    def at(self, index: Integers) -> States:
        """Return those at `index`."""
        return States(self.state[index], self.last[index], self.aim[index])


@dataclass(frozen=True, slots=True)
class Samples:
    """The QPs that states pose: demand (S, N) and last moves (S,), both Q14."""

    demand: Integers
    move_before: Integers


def sample_states(controller: Design, count: int, seed: int) -> States:
    """Draw states over the stated range.

    Compartments 0..1.6 targets, disturbance within half a full rate, last move
    0, 1 or anything between.
    """
    random = np.random.default_rng(seed)
    states = len(controller.transition)
    state = random.uniform(0.0, LEVEL_MAX, (count, states))
    state[:, -1] = random.uniform(-DISTURBANCE_MAX, DISTURBANCE_MAX, count)
    draw = random.random(count)
    last = np.where(draw < 0.3, 0.0, np.where(draw < 0.45, 1.0, random.random(count)))
    return States(state, last, random.random(count))


def nearby_states(states: States, copies: int, radius: float, seed: int) -> States:
    """Return `copies` of each state, moved by up to `radius` of the range, still inside it."""
    random = np.random.default_rng(seed)
    state, last = np.repeat(states.state, copies, axis=0), np.repeat(states.last, copies)
    state = state + random.normal(0.0, radius * LEVEL_MAX, state.shape)
    state[:, :-1] = np.clip(state[:, :-1], 0.0, LEVEL_MAX)
    state[:, -1] = np.clip(state[:, -1], -DISTURBANCE_MAX, DISTURBANCE_MAX)
    last = np.clip(last + random.normal(0.0, radius, last.shape), 0.0, 1.0)
    aim = np.clip(np.repeat(states.aim, copies) + random.normal(0.0, radius, len(last)), 0.0, 1.0)
    return States(state, last, aim)


def posed(problem: Problem, controller: Design, states: States) -> Samples:
    """Return the QPs that these states pose."""
    last: Integers = np.round(states.last * ONE).astype(np.int64)
    low, high = problem.targets_mg_l
    target_mg_l = low + states.aim * (high - low)
    return Samples(demand_of(problem, controller, states.state, target_mg_l), last)


def sample_demands(problem: Problem, controller: Design, count: int, seed: int) -> Samples:
    """Return the QPs of sampled states."""
    return posed(problem, controller, sample_states(controller, count, seed))


def demand_of(
    problem: Problem, controller: Design, state: Floats, target_mg_l: Floats
) -> Integers:
    """Return target (S,) minus free response, clipped as the pump clips it, Q14."""
    unit = controller.conc_unit_mg_l
    most = problem.therapy.demand_max_fraction * problem.therapy.target_mg_l / unit
    demand = np.clip(target_mg_l[:, None] / unit - state @ controller.free.T, -most, most)
    demand[:, controller.output_count :] = 0.0
    rounded: Integers = np.round(demand * ONE).astype(np.int64)
    return rounded
