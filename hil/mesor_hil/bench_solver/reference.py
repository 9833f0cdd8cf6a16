# SPDX-License-Identifier: MIT
"""The answer that every solver of the benchmark is judged by: OSQP in float64 at 1e-8."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import osqp
from scipy.sparse import csc_matrix, triu

from mesor.errors import MesorError
from mesor_hil.bench_solver.problem import FloatArray, Problem, State

TOLERANCE: Final = 1e-8
_ITERATIONS_MAX: Final = 200_000


@dataclass(frozen=True, slots=True)
class Answer:
    """An optimum: moves and slacks, and the multiplier of each row."""

    point: FloatArray  # (2 n,)
    multipliers: FloatArray  # (3 n,)

    @property
    def first_move(self) -> float:
        """The move that the pump would make, in full rates, 0 to 1."""
        return float(np.clip(self.point[0], 0.0, 1.0))


class Reference:
    """OSQP set up once for a problem, then asked state by state."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        vectors = problem.vectors(State(0.0, 0.0, 0.0, 0.0, 0.0))
        self._osqp: Any = osqp.OSQP()
        self._osqp.setup(
            triu(csc_matrix(problem.cost), format="csc"),
            vectors.linear,
            csc_matrix(problem.rows),
            vectors.lower,
            vectors.upper,
            eps_abs=TOLERANCE,
            eps_rel=TOLERANCE,
            max_iter=_ITERATIONS_MAX,
            polishing=False,
            verbose=False,
        )

    def solve(self, state: State) -> Answer:
        """Return the optimum at `state`.  Raises MesorError if OSQP does not reach 1e-8."""
        vectors = self._problem.vectors(state)
        self._osqp.update(q=vectors.linear, l=vectors.lower, u=vectors.upper)
        result = self._osqp.solve(raise_error=False)
        if result.info.status != "solved":
            raise MesorError(
                f"The reference ended '{result.info.status}' at {state}, so there is nothing to "
                f"judge a solver by: leave this state out."
            )
        return Answer(np.array(result.x), np.array(result.y))
