# SPDX-License-Identifier: MIT
"""The problem in the two forms in which a general solver can be given it.

Minimise v'Pv/2 + q'v over lower <= Av <= upper.  Condensed: v is moves and slacks, as in
problem.py.  Sparse: the levels are variables too, tied together by the model as equalities.
In both, moves come first, and q and the bounds are linear in the state, with few terms each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Final

import numpy as np

from mesor_hil.bench_solver.problem import (
    BAND,
    CHANGE_MAX,
    CHANGE_WEIGHT,
    SLACK_WEIGHT,
    FloatArray,
    Problem,
    State,
    Vectors,
)

_REST: Final = State(0.0, 0.0, 0.0, 0.0, 0.0)
STATE_SIZE: Final = len(astuple(_REST))


@dataclass(frozen=True, slots=True)
class QuadraticProgram:
    """P and A, the vectors at the state that is all zero, and what a unit of each entry adds."""

    cost: FloatArray  # P, (v, v)
    rows: FloatArray  # A, (m, v)
    lower: FloatArray  # (m,)
    upper: FloatArray  # (m,)
    linear_by_state: FloatArray  # (v, 5); q is zero at the zero state
    bounds_by_state: FloatArray  # (m, 5); both bounds move alike


def condensed(problem: Problem) -> QuadraticProgram:
    """Return the form with the levels eliminated."""
    return _linearised(problem.cost, problem.rows, problem.vectors)


def sparse(problem: Problem) -> QuadraticProgram:
    """Return the form with variables moves (n), levels (n, 2), slacks (n)."""
    n = problem.horizon
    one, none = np.eye(n), np.zeros((n, n))
    central = np.kron(one, [1.0, 0.0])  # (n, 2 n) picks the central level of each step
    difference = problem.difference
    cost = np.zeros((4 * n, 4 * n))
    cost[:n, :n] = 2 * CHANGE_WEIGHT * difference.T @ difference
    cost[n : 3 * n, n : 3 * n] = 2 * central.T @ central
    cost[3 * n :, 3 * n :] = 2 * SLACK_WEIGHT * one
    steps = np.eye(2 * n) - np.kron(np.eye(n, k=-1), problem.transition)
    doses = -np.kron(one, problem.dose[:, None])
    rows = np.block(
        [
            [one, np.zeros((n, 2 * n)), none],
            [difference, np.zeros((n, 2 * n)), none],
            [none, central, -one],
            [doses, steps, np.zeros((2 * n, n))],
        ]
    )

    def vectors(state: State) -> Vectors:
        before, start = np.zeros(n), np.zeros(2 * n)
        before[0] = state.move_before
        start[:2] = problem.transition @ (state.central, state.peripheral)
        off_target = np.full(n, state.disturbance - state.target)
        low, high = (state.target + edge - state.disturbance for edge in BAND)
        pull = -2 * CHANGE_WEIGHT * difference.T @ before
        return Vectors(
            np.concatenate([pull, 2 * central.T @ off_target, np.zeros(n)]),
            np.concatenate([np.zeros(n), before - CHANGE_MAX, np.full(n, low), start]),
            np.concatenate([np.ones(n), before + CHANGE_MAX, np.full(n, high), start]),
        )

    return _linearised(cost, rows, vectors)


def _linearised(
    cost: FloatArray, rows: FloatArray, vectors: Callable[[State], Vectors]
) -> QuadraticProgram:
    """Return the program whose vectors are those that `vectors` gives at any state."""
    rest = vectors(_REST)
    moved = [vectors(State(*unit)) for unit in np.eye(STATE_SIZE).tolist()]
    return QuadraticProgram(
        cost=cost,
        rows=rows,
        lower=rest.lower,
        upper=rest.upper,
        linear_by_state=np.column_stack([unit.linear - rest.linear for unit in moved]),
        bounds_by_state=np.column_stack([unit.lower - rest.lower for unit in moved]),
    )
