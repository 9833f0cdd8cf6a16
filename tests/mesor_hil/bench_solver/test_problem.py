# SPDX-License-Identifier: MIT
"""The benchmark's problem, its states and its reference, each against something outside them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from mesor_hil.bench_solver.problem import Problem, State, make_problem
from mesor_hil.bench_solver.reference import Answer, Reference
from mesor_hil.bench_solver.states import (
    LOOP_STEPS,
    Purpose,
    closed_loop_states,
    random_states,
)


def _levels_by_integration(state: State, moves: np.ndarray) -> np.ndarray:
    """Return the central level after each step, from the two-compartment mass balance in mg."""
    amounts = np.array([state.central * 300.0, state.peripheral * 350.0])  # 10 mg/L times L
    levels = []
    for move in moves:

        def balance(_t: float, held: np.ndarray, rate: float = 1000.0 * move) -> list[float]:
            exchange = 5.0 * held[0] / 30.0 - 5.0 * held[1] / 35.0
            return [rate - 4.5 * held[0] / 30.0 - exchange, exchange]

        amounts = solve_ivp(balance, (0, 5 / 60), amounts, rtol=1e-10, atol=1e-10).y[:, -1]
        levels.append(amounts[0] / 300.0 + state.disturbance)
    return np.array(levels)


def test_the_problem_foresees_what_the_mass_balance_gives() -> None:
    """A wrong discretisation would make every error in the table meaningless."""
    problem = make_problem(10)
    moves = np.random.default_rng(1).uniform(0, 1, 10)
    state = State(1.3, 0.7, -0.2, 1.8, 0.4)
    foreseen = problem.free @ (1.3, 0.7) - 0.2 + problem.response @ moves
    assert foreseen == pytest.approx(_levels_by_integration(state, moves), abs=1e-8)


def test_the_quadratic_program_is_the_stated_cost() -> None:
    """Differences of the objective must be those of the cost in the words of the definition."""
    problem = make_problem(10)
    state = State(1.3, 0.7, -0.2, 1.8, 0.4)
    vectors = problem.vectors(state)

    def objective(point: np.ndarray) -> float:
        return float(point @ problem.cost @ point / 2 + vectors.linear @ point)

    def stated(point: np.ndarray) -> float:
        moves, slacks = point[:10], point[10:]
        off_target = _levels_by_integration(state, moves) - state.target
        changes = np.diff(moves, prepend=state.move_before)
        return float(off_target @ off_target + 0.1 * changes @ changes + 20 * slacks @ slacks)

    random = np.random.default_rng(2)
    first, second = random.uniform(0, 1, 20), random.uniform(0, 1, 20)
    expected = stated(first) - stated(second)
    assert objective(first) - objective(second) == pytest.approx(expected, abs=1e-6)


def _residuals(problem: Problem, state: State, answer: Answer) -> dict[str, float]:
    """Return how far each Karush-Kuhn-Tucker condition is from holding."""
    vectors = problem.vectors(state)
    rows = problem.rows @ answer.point
    above = np.maximum(answer.multipliers, 0) * (vectors.upper - rows)
    below = np.maximum(-answer.multipliers, 0) * (rows - vectors.lower)
    gradient = problem.cost @ answer.point + vectors.linear
    return {
        "stationary": float(np.abs(gradient + problem.rows.T @ answer.multipliers).max()),
        "feasible": float(np.maximum(rows - vectors.upper, vectors.lower - rows).max()),
        "complementary": float(max(np.abs(above).max(), np.abs(below).max())),
    }


@pytest.mark.parametrize("horizon", [10, 20, 40])
def test_the_reference_satisfies_the_optimality_conditions(horizon: int) -> None:
    """The answer that all are judged by must be one, at every horizon of the table."""
    problem = make_problem(horizon)
    reference = Reference(problem)
    for state in random_states(20, 3, Purpose.REPORT):
        residuals = _residuals(problem, state, reference.solve(state))
        assert max(residuals.values()) < 1e-6, (state, residuals)


def test_the_same_seed_gives_the_same_states() -> None:
    """Anyone can then repeat the table."""
    problem = make_problem(10)
    assert random_states(50, 5, Purpose.REPORT) == random_states(50, 5, Purpose.REPORT)
    first, second = (closed_loop_states(problem, 35, 5, Purpose.REPORT) for _ in range(2))
    assert first == second
    assert [len(loop) for loop in first] == [LOOP_STEPS, 5]


def test_no_state_is_both_tuned_on_and_reported() -> None:
    """Tuning on what is reported would flatter whoever was tuned longest."""
    problem = make_problem(10)
    tuning, report = (
        {
            *random_states(200, 5, purpose),
            *(state for loop in closed_loop_states(problem, 60, 5, purpose) for state in loop),
        }
        for purpose in Purpose
    )
    assert len(tuning) == len(report) == 260
    assert not tuning & report


def test_more_random_states_begin_with_the_fewer() -> None:
    """So a slow solver can be timed on the first of the states that a quick one is given."""
    assert random_states(200, 5, Purpose.REPORT)[:20] == random_states(20, 5, Purpose.REPORT)


def test_a_closed_loop_reaches_its_target_against_the_wrong_model() -> None:
    """A loop that stays at a limit would make warm starts look better than they are."""
    loops = closed_loop_states(make_problem(20), 4 * LOOP_STEPS, 7, Purpose.REPORT)
    for loop in loops:
        last = loop[-1]
        assert last.central + last.disturbance == pytest.approx(last.target, abs=0.1)
