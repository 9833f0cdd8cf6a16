# SPDX-License-Identifier: MIT
"""Every kind of drug and target that ships is solved as OSQP solves it, degenerate data included.

The certificate compares random states; these demands are the ones that a random state never is:
on the edge of a band, at both ends of the clip, ragged, and infeasible but for the soft bounds.
"""

from __future__ import annotations

from array import array

import numpy as np
import numpy.typing as npt
import pytest

from mesor.program import compile_program
from mesor.program.exact_plan import ExactPlan
from mesor.program.reference import ReferenceSolver
from mesor_hil.scenarios import load_scenario
from pump.core.solver import Solver
from pump.core.workspace import Workspace
from pump.spec import program as layout

Integers = npt.NDArray[np.int64]
ONE = 1 << 14
FORMS = ("cefepime_time_above", "fluorouracil_area", "gentamicin_pulse", "propofol_level")
ERROR_MAX = 5e-4  # of the first move, in full rates


def degenerate(words: Integers) -> tuple[Integers, Integers]:
    """Return demands (S, N) and moves before (S,), every one of them with every move."""
    n, most = int(words[layout.AT_HORIZON]), int(words[layout.AT_DEMAND_MAX])
    low, high = int(words[layout.AT_BAND_LOW]), int(words[layout.AT_BAND_HIGH])
    ticks = np.arange(n)
    demands = [
        np.full(n, level) for level in (0, 1, -1, most, -most, -low, -high, -low - 1, 1 - high)
    ]
    demands += [
        np.where(ticks % 2, most, -most),  # no plan can follow it
        np.where(ticks < n // 2, most, -most),
        np.where(ticks == n - 1, most, 0),
        np.where(ticks == 0, -most, most),
        most * (2 * ticks - n + 1) // (n - 1),
    ]
    moves = (0, 1, int(words[layout.AT_CHANGE_MAX]), ONE // 2, ONE - 1, ONE)
    return np.repeat(demands, len(moves), axis=0), np.tile(moves, len(demands))


@pytest.mark.parametrize("form", FORMS)
def test_degenerate_demands_are_answered_as_osqp_answers_them(form: str) -> None:
    """All solved, and the pump's own code gives the very answers that were compared."""
    made = compile_program(load_scenario(form).problem(), samples=100)
    demand, before = degenerate(made.words)
    plan = ExactPlan(made.words)
    outcome = plan.solve(plan.fresh(len(demand)), demand, before)
    assert outcome.solved.all()
    expected = ReferenceSolver(made.design, made.words).first_moves(demand, before)
    assert np.abs(outcome.moves[:, 0] / ONE - expected).max() < ERROR_MAX
    words = array("i", made.bytes)
    for index in range(0, len(demand), 7):
        solver = Solver(words, 0, Workspace(words[layout.AT_HORIZON]))
        solver.work.demand[:] = array("i", demand[index].tolist())
        solver.solve(int(before[index]))
        moves = array("i", [0] * solver.horizon)
        solver.plan(moves)
        assert moves.tolist() == outcome.moves[index].tolist()
