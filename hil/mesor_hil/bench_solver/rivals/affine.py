# SPDX-License-Identifier: MIT
"""How the quadratic program moves with the state: linearly, as every rival's glue exploits."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np

from mesor_hil.bench_solver.problem import FloatArray, Problem, State

_REST = State(0.0, 0.0, 0.0, 0.0, 0.0)


def bounds_at_zero(problem: Problem) -> tuple[FloatArray, FloatArray]:
    """Return lower and upper bounds, each (3 n,), at the state that is all zero."""
    vectors = problem.vectors(_REST)
    return vectors.lower, vectors.upper


def change_by_state(problem: Problem) -> tuple[FloatArray, FloatArray]:
    """Return what one unit of each of the state's five numbers adds to q and to both bounds.

    Shapes (2 n, 5) and (3 n, 5); q is zero at the zero state, and both bounds move alike.
    """
    rest = problem.vectors(_REST)
    moved = [problem.vectors(State(*unit)) for unit in np.eye(len(astuple(_REST))).tolist()]
    linear = np.column_stack([vectors.linear - rest.linear for vectors in moved])
    bounds = np.column_stack([vectors.lower - rest.lower for vectors in moved])
    return linear, bounds
