# SPDX-License-Identifier: MIT
"""Looks for the states from which a cold solve takes longest: samples, then a search around them.

The pump's own integers, a block of states at a time (mesor.program.exact_plan).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mesor.program.design import Design
from mesor.program.exact import Integers
from mesor.program.exact_plan import ExactPlan
from mesor.program.problem import Problem
from mesor.program.sampling import Samples, States, nearby_states, posed, sample_states

BLOCK = 5_000  # states at once: what the caches hold
RADII = (0.1, 0.03, 0.01, 0.003, 0.001)  # of the search, in shares of the range
WORST_SHARE = 500  # one in so many states is searched around
COPIES = 10


@dataclass(frozen=True, slots=True)
class ColdAnswers:
    """Answers of cold solves (S,); the sampled states come first, then the searched ones."""

    posed: Samples
    first_moves: Integers  # Q14
    iterations: Integers
    guesses: Integers
    solved: npt.NDArray[np.bool_]


def cold_answers(
    problem: Problem, controller: Design, words: Integers, model: int, samples: int, seed: int
) -> ColdAnswers:
    """Solve `samples` sampled states, and those near the worst ones, ever nearer."""
    plan = ExactPlan(words, model)
    states = sample_states(controller, samples, seed)
    found = [_solve(plan, problem, controller, states)]
    count = max(1, samples // WORST_SHARE)
    for step, radius in enumerate(RADII):
        states = _worst(states, found[-1], count)
        states = nearby_states(states, COPIES, radius, seed + 1 + step)
        found.append(_solve(plan, problem, controller, states))
    return _joined(found)


def _worst(states: States, answers: ColdAnswers, count: int) -> States:
    """Return the states with the most guesses, unsolved ones first."""
    order = np.lexsort((-answers.guesses, answers.solved))
    return states.at(order[:count])


def _solve(plan: ExactPlan, problem: Problem, controller: Design, states: States) -> ColdAnswers:
    """Solve these states, each from nothing."""
    samples = posed(problem, controller, states)
    blocks = []
    for begin in range(0, len(states.last), BLOCK):
        demand = samples.demand[begin : begin + BLOCK]
        last = samples.move_before[begin : begin + BLOCK]
        outcome = plan.solve(plan.fresh(len(last)), demand, last)
        blocks.append(
            ColdAnswers(
                Samples(demand, last),
                outcome.moves[:, 0],
                outcome.iterations,
                outcome.guesses,
                outcome.solved,
            )
        )
    return _joined(blocks)


def _joined(parts: list[ColdAnswers]) -> ColdAnswers:
    """Return the answers of all parts, in their order."""
    return ColdAnswers(
        Samples(
            np.concatenate([part.posed.demand for part in parts]),
            np.concatenate([part.posed.move_before for part in parts]),
        ),
        np.concatenate([part.first_moves for part in parts]),
        np.concatenate([part.iterations for part in parts]),
        np.concatenate([part.guesses for part in parts]),
        np.concatenate([part.solved for part in parts]),
    )
