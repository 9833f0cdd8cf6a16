# SPDX-License-Identifier: MIT
"""The QP of one tick: bit by bit the certified one, and near OSQP's answer in float64."""

from __future__ import annotations

from array import array

import numpy as np
import numpy.typing as npt
import pytest

from mesor.program import Problem, Program
from mesor.program.exact import ExactSolver, Warm
from mesor.program.reference import ReferenceSolver
from pump.core import blocks
from pump.core.solver import Solver
from pump.spec import program as layout

Integers = npt.NDArray[np.int64]
ONE = 1 << 14


def solver_of(words: array[int]) -> Solver:
    """Return the pump's solver on the program's words."""
    offsets = layout.table_offsets(
        words[layout.AT_HORIZON], words[layout.AT_STATES], words[layout.AT_GAIN_COUNT]
    )
    return Solver(words, *offsets[3:7])


def demands(words: array[int], count: int, seed: int) -> tuple[Integers, Integers]:
    """Return demands (S, N) and last moves (S,): flat, sloped and ragged ones, and the corners."""
    random = np.random.default_rng(seed)
    n, most = words[layout.AT_HORIZON], words[layout.AT_DEMAND_MAX]
    level = random.uniform(-1.2, 1.2, (count, 1))
    slope = random.normal(0.0, 0.4, (count, 1)) * np.linspace(0.0, 1.0, n)
    ragged = random.normal(0.0, 0.3, (count, n)) * (random.random((count, 1)) < 0.3)
    demand = np.clip((level + slope + ragged) * most, -most, most).round().astype(np.int64)
    demand[:4] = np.array([[most], [-most], [0], [1]])
    last = np.where(random.random(count) < 0.3, 0, random.integers(0, ONE + 1, count))
    last[:4] = [0, ONE, 0, ONE]
    return demand, last.astype(np.int64)


def set_demand(solver: Solver, demand: Integers) -> None:
    """Hand one demand to the solver."""
    for i, value in enumerate(demand.tolist()):
        solver.demand[i] = value


def moves_of(solver: Solver) -> list[int]:
    """Return all planned moves."""
    return [solver.move(i) for i in range(solver.horizon)]


def state_of(solver: Solver) -> tuple[Integers, Integers, Integers]:
    """Return z, w (3N,) and relaxed x (N,)."""
    rows = np.array(solver._rows).reshape(-1, blocks.ROW_WORDS)
    return rows[:, blocks.ROW_Z], rows[:, blocks.ROW_W], np.array(solver._relaxed)


def test_cold_it_is_the_certified_solver_bit_by_bit(program: Program, words: array[int]) -> None:
    """The certificate was measured on ExactSolver; it speaks for the pump only if they agree."""
    demand, last = demands(words, 150, 11)
    exact = ExactSolver(program.words)
    outcome = exact.solve(demand, last, exact.cold(len(demand)))
    for s in range(len(demand)):
        solver = solver_of(words)
        set_demand(solver, demand[s])
        solver.solve(int(last[s]))
        assert moves_of(solver) == outcome.moves[s].tolist()
        assert solver.iterations == outcome.iterations[s]
        assert solver.solved == outcome.solved[s]


def test_warm_it_is_the_certified_solver_bit_by_bit(program: Program, words: array[int]) -> None:
    """300 ticks on end, each from the last one's state, its whole inside compared as well."""
    demand, last = demands(words, 300, 12)
    exact, solver = ExactSolver(program.words), solver_of(words)
    warm: Warm = exact.cold(1)
    for s in range(len(demand)):
        set_demand(solver, demand[s])
        solver.solve(int(last[s]))
        outcome = exact.solve(demand[s : s + 1], last[s : s + 1], exact.shifted(warm))
        warm = outcome.warm
        z, w, relaxed = state_of(solver)
        assert z.tolist() == warm.z[0].tolist()
        assert w.tolist() == warm.w[0].tolist()
        assert relaxed.tolist() == warm.relaxed[0].tolist()
        assert (solver.iterations, solver.solved) == (outcome.iterations[0], outcome.solved[0])


def test_its_answer_is_osqps_within_the_certified_error(
    problem: Problem, program: Program, words: array[int]
) -> None:
    """The sampled error of the certificate must hold on states that it did not sample."""
    demand, last = demands(words, 200, 13)
    reference = ReferenceSolver(program.design, program.words).first_moves(demand, last)
    errors = []
    for s in range(len(demand)):
        solver = solver_of(words)
        set_demand(solver, demand[s])
        solver.solve(int(last[s]))
        if solver.solved:
            errors.append(abs(solver.move(0) / ONE - float(reference[s])))
    assert len(errors) > 100
    assert max(errors) <= program.certificate.cold_error.maximum


def test_planned_moves_lie_in_bounds_and_keep_the_rate_of_change(words: array[int]) -> None:
    """Moves are projected, so exact; changes are exact up to the residual that ends the solve."""
    demand, last = demands(words, 150, 14)
    change = words[layout.AT_CHANGE_MAX]
    residual = 1 << words[layout.AT_PRIMAL_BITS]
    solver = solver_of(words)
    for s in range(len(demand)):
        set_demand(solver, demand[s])
        solver.solve(int(last[s]))
        moves = moves_of(solver)
        assert min(moves) >= 0
        assert max(moves) <= ONE
        if solver.solved:
            changes = np.diff([int(last[s]), *moves])
            assert np.abs(changes).max() <= change + 3 * residual


@pytest.mark.parametrize("cap", [1, 2, 3])
def test_hitting_the_cap_is_said_and_leaves_bounded_moves(words: array[int], cap: int) -> None:
    """The planner must know that this is no answer."""
    words[layout.AT_ITERATIONS_MAX] = cap
    solver = solver_of(words)
    set_demand(solver, np.full(solver.horizon, words[layout.AT_DEMAND_MAX]))
    solver.solve(0)
    assert not solver.solved
    assert solver.iterations == cap
    assert all(0 <= move <= ONE for move in moves_of(solver))


def test_it_solves_the_same_with_a_slower_cap(words: array[int]) -> None:
    """Metamorphic: a cap beyond the iterations needed changes no bit."""
    demand, last = demands(words, 30, 15)
    generous = array("i", words)
    generous[layout.AT_ITERATIONS_MAX] *= 4
    first, second = solver_of(words), solver_of(generous)
    for s in range(len(demand)):
        for solver in (first, second):
            set_demand(solver, demand[s])
            solver.solve(int(last[s]))
        if not first.solved:
            break
        assert moves_of(first) == moves_of(second)


def test_the_clock_it_is_given_decides_nothing(words: array[int]) -> None:
    """Time is measured for the log; a wrapping clock must not show in the plan."""
    ticks = iter([(1 << 30) - 5, 7] * 50)
    timed, untimed = solver_of(words), solver_of(words)
    timed.now_us = lambda: next(ticks)
    demand, last = demands(words, 20, 16)
    for s in range(len(demand)):
        for solver in (timed, untimed):
            set_demand(solver, demand[s])
            solver.solve(int(last[s]))
        assert moves_of(timed) == moves_of(untimed)
        assert timed.solve_us == 12
