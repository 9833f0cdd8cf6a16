# SPDX-License-Identifier: MIT
"""The QP of one tick: bit by bit the certified one, and near OSQP's answer in float64."""

from __future__ import annotations

from array import array
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from mesor.program import Problem, Program, compile_program
from mesor.program.exact import ExactSolver, by_group
from mesor.program.exact_plan import ExactPlan
from mesor.program.reference import ReferenceSolver
from pump.core.solver import Solver
from pump.core.workspace import Workspace
from pump.spec import program as layout

Integers = npt.NDArray[np.int64]
ONE = 1 << 14
ERROR_MEDIAN, ERROR_MAX = 2e-4, 5e-4  # of the first move, in full rates


def solver_of(words: array[int]) -> Solver:
    """Return the pump's solver on the program's words."""
    return Solver(words, 0, Workspace(words[layout.AT_HORIZON]))


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
        solver.work.demand[i] = value


def moves_of(solver: Solver) -> list[int]:
    """Return all planned moves."""
    moves = array("i", [0] * solver.horizon)
    solver.plan(moves)
    return moves.tolist()


@pytest.fixture
def iterating(words: array[int]) -> array[int]:
    """Return the program with its exact finish switched off."""
    words[layout.SCALAR_WORDS + layout.IN_GUESSES_MAX] = 0
    return words


def test_it_iterates_as_the_compilers_solver_bit_by_bit(
    program: Program, iterating: array[int]
) -> None:
    """Caps are measured, and bounds proved, on ExactSolver: its rows must be the pump's."""
    words = iterating
    demand, last = demands(words, 150, 11)
    plan = ExactPlan(np.array(words, dtype=np.int64))
    outcome = plan.solve(plan.fresh(len(demand)), demand, last)
    solver = solver_of(words)  # what it found before must not show
    for s in range(len(demand)):
        set_demand(solver, demand[s])
        solver.work.finished = False
        solver.solve(int(last[s]))
        assert moves_of(solver) == outcome.moves[s].tolist()
        assert (solver.iterations, solver.solved) == (outcome.iterations[s], outcome.solved[s])


def test_what_rows_carry_and_a_burst_leaves_is_the_compilers_bit_by_bit(
    program: Program, iterating: array[int]
) -> None:
    """The inside of 40 bursts of three iterations."""
    words = iterating
    words[layout.AT_ITERATIONS_MAX] = 3
    demand, last = demands(words, 40, 12)
    exact = ExactSolver(program.words)
    state = exact.start(len(demand))
    exact.iterate(state, exact.posed(demand, last), 3)
    for s in range(len(demand)):
        solver = solver_of(words)
        set_demand(solver, demand[s])
        solver.solve(int(last[s]))
        assert by_group(np.array(solver.work.carries)).tolist() == state.carries[s].tolist()
        assert solver.work.tilde_moves.tolist() == state.moves[s].tolist()
        assert solver.work.tilde_outputs.tolist() == state.outputs[s].tolist()


def test_with_its_finish_it_is_the_certified_solver_bit_by_bit(
    program: Program, words: array[int]
) -> None:
    """Certificates speak of ExactPlan: plans, iterations and verdicts must be the pump's."""
    demand, last = demands(words, 120, 17)
    plan, solvers = ExactPlan(program.words), [solver_of(words) for _ in range(6)]
    pumps = plan.fresh(len(solvers))
    for tick in range(0, len(demand), len(solvers)):
        some = slice(tick, tick + len(solvers))
        outcome = plan.solve(pumps, demand[some], last[some])
        for s, solver in enumerate(solvers):
            set_demand(solver, demand[some][s])
            solver.solve(int(last[some][s]))
            assert moves_of(solver) == outcome.moves[s].tolist()
            assert solver.iterations == outcome.iterations[s]
            assert solver.solved == outcome.solved[s]


@pytest.mark.parametrize(
    ("horizon", "change", "soft"), [(8, 400.0, 5.0), (12, 40.0, 5.0), (39, 400.0, 20.0)]
)
def test_other_programs_are_solved_as_certified_too(
    problem: Problem, horizon: int, change: float, soft: float
) -> None:
    """Small and large, slow and stiff: every path of search and descent is met."""
    therapy = replace(
        problem.therapy, horizon=horizon, rate_change_max_mg_h=change, soft_weight=soft
    )
    program = compile_program(replace(problem, therapy=therapy), samples=100)
    words = array("i", program.bytes)
    demand, last = demands(words, 60, horizon)
    plan = ExactPlan(program.words)
    outcome = plan.solve(plan.fresh(len(demand)), demand, last)
    for s in range(len(demand)):
        solver = solver_of(words)
        set_demand(solver, demand[s])
        solver.solve(int(last[s]))
        assert (moves_of(solver), solver.iterations) == (
            outcome.moves[s].tolist(),
            outcome.iterations[s],
        )


def test_its_answer_is_osqps_within_the_certified_error(
    problem: Problem, program: Program, words: array[int]
) -> None:
    """Cold, and from tick to tick of unrelated demands: the worst warm start there is."""
    demand, last = demands(words, 200, 13)
    reference = ReferenceSolver(program.design, program.words).first_moves(demand, last)
    cold, warm, going = [], [], solver_of(words)
    for s in range(len(demand)):
        for solver, errors in ((solver_of(words), cold), (going, warm)):
            set_demand(solver, demand[s])
            solver.solve(int(last[s]))
            assert solver.solved
            errors.append(abs(moves_of(solver)[0] / ONE - float(reference[s])))
    assert max(*cold, *warm) <= ERROR_MAX
    assert np.median(cold) <= ERROR_MEDIAN
    assert np.median(warm) <= ERROR_MEDIAN


def test_planned_moves_lie_in_bounds_and_keep_the_rate_of_change(words: array[int]) -> None:
    """Exactly, in every plan that is called solved: the pump's shift of it relies on that."""
    demand, last = demands(words, 150, 14)
    change = words[layout.AT_CHANGE_MAX]
    solver = solver_of(words)
    for s in range(len(demand)):
        set_demand(solver, demand[s])
        solver.solve(int(last[s]))
        moves = moves_of(solver)
        assert min(moves) >= 0
        assert max(moves) <= ONE
        if solver.solved:
            changes = np.diff([int(last[s]), *moves])
            assert np.abs(changes).max() <= change


@pytest.mark.parametrize("cap", [1, 2, 3])
def test_hitting_the_cap_is_said_and_leaves_bounded_moves(iterating: array[int], cap: int) -> None:
    """The planner must know that this is no answer."""
    words = iterating
    words[layout.AT_ITERATIONS_MAX] = cap
    solver = solver_of(words)
    set_demand(solver, np.full(solver.horizon, words[layout.AT_DEMAND_MAX]))
    solver.solve(0)
    assert not solver.solved
    assert solver.iterations == cap
    assert all(0 <= move <= ONE for move in moves_of(solver))


@pytest.mark.parametrize("guesses", [0, 4])
def test_it_solves_the_same_with_a_slower_cap(words: array[int], guesses: int) -> None:
    """Metamorphic: a cap beyond the iterations needed changes no bit."""
    words[layout.SCALAR_WORDS + layout.IN_GUESSES_MAX] = guesses
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
    timed.work.now_us = lambda: next(ticks)
    demand, last = demands(words, 20, 16)
    for s in range(len(demand)):
        for solver in (timed, untimed):
            set_demand(solver, demand[s])
            solver.solve(int(last[s]))
        assert moves_of(timed) == moves_of(untimed)
        assert timed.solve_us == 12
