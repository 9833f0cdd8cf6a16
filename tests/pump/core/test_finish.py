# SPDX-License-Identifier: MIT
"""The exact finish: what it accepts is optimal, degenerate or not, judged by OSQP and by KKT."""

from __future__ import annotations

from array import array

import numpy as np
import numpy.typing as npt
import pytest

from mesor.program import Program
from mesor.program.reference import ReferenceSolver
from pump.core.finish import Finish
from pump.core.workspace import Workspace
from pump.spec import program as layout

Floats = npt.NDArray[np.float64]
ONE = 1 << 14


def finish_of(words: array[int], demand: array[int]) -> Finish:
    """Return a finish that guesses that nothing is active, with its plan at rest."""
    work = Workspace(words[layout.AT_HORIZON])
    work.demand = demand
    return Finish(words, 0, work, array("i"))


def demand_of(random: np.random.Generator, words: array[int]) -> array[int]:
    """Return a demand (N,) at some level, sloped, with the two words that follow it."""
    n, most = words[layout.AT_HORIZON], words[layout.AT_DEMAND_MAX]
    level = random.uniform(-1.2, 1.2) * most + random.normal(0.0, 0.3 * most) * np.linspace(
        0, 1, n
    )
    return array("i", [*np.clip(level, -most, most).astype(int).tolist(), 0, ONE])


# Where chains of full changes end exactly on a bound, rows are redundant.
@pytest.mark.parametrize("change", [ONE // 2, ONE // 4, ONE // 16, ONE])
@pytest.mark.parametrize("before", [0, ONE // 4, ONE // 2, ONE])
def test_plans_accepted_where_rows_are_redundant_are_osqps(
    program: Program, words: array[int], change: int, before: int
) -> None:
    """Rank-poor active sets are no rarity: a move of zero may rise by a quarter, four times."""
    words[layout.AT_CHANGE_MAX] = change
    altered = program.words.copy()
    altered[layout.AT_CHANGE_MAX] = change
    reference = ReferenceSolver(program.design, altered)
    random = np.random.default_rng(change + before)
    plan, accepted = array("i", [0] * words[layout.AT_HORIZON]), 0
    words[layout.SCALAR_WORDS + layout.IN_GUESSES_MAX] = 16
    for _ in range(10):
        demand = demand_of(random, words)
        finish = finish_of(words, demand)
        if finish.run(before):
            finish.plan(plan, before)
            column = np.array([demand[:-2].tolist()])
            expected = reference.first_moves(column, np.array([before]))[0]
            assert abs(plan[0] / ONE - expected) < 5e-4
            assert min(plan) >= 0
            assert max(plan) <= ONE
            assert np.abs(np.diff([before, *plan])).max() <= change
            accepted += 1
    assert accepted > 0
