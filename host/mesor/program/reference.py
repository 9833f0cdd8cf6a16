# SPDX-License-Identifier: MIT
"""The same QPs by OSQP in float64: what the pump's integers are held against."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import osqp
from scipy import sparse

from mesor.program.design import Design
from mesor.program.exact import Integers
from mesor.program.formats import DATA_BITS
from pump.spec import program as layout

Floats = npt.NDArray[np.float64]
ONE = 1 << DATA_BITS
TOLERANCE = 1e-7  # of OSQP's residuals, absolute and relative


class ReferenceSolver:
    """OSQP set up once for a program; slacks are variables: v = [moves (N), slacks (N)]."""

    def __init__(self, controller: Design, words: Integers) -> None:
        n = len(controller.response)
        zero, eye = np.zeros((n, n)), np.eye(n)
        slack_cost = 2.0 * controller.soft_weight * sparse.eye(n)
        cost = sparse.block_diag([sparse.csc_matrix(controller.hessian), slack_cost], "csc")
        rows = np.block([[eye, zero], [controller.difference, zero], [controller.counted, -eye]])
        self._controller, self._n = controller, n
        self._change = int(words[layout.AT_CHANGE_MAX]) / ONE
        self._band = (int(words[layout.AT_BAND_LOW]) / ONE, int(words[layout.AT_BAND_HIGH]) / ONE)
        self._solver = osqp.OSQP()
        self._solver.setup(
            cost,
            np.zeros(2 * n),
            sparse.csc_matrix(rows),
            np.full(3 * n, -1.0),
            np.full(3 * n, 1.0),
            verbose=False,
            eps_abs=TOLERANCE,
            eps_rel=TOLERANCE,
            max_iter=100_000,
        )

    def first_moves(self, demand: Integers, move_before: Integers) -> Floats:
        """Return the first moves (S,) for demand (S, N) and move_before (S,), both Q14."""
        pairs = zip(demand / ONE, move_before / ONE, strict=True)
        moves = np.array([self._first_move(row, last) for row, last in pairs])
        clipped: Floats = np.clip(moves, 0.0, 1.0)
        return clipped

    def _first_move(self, demand: Floats, last: float) -> float:
        """Return the first move of one QP."""
        n, controller = self._n, self._controller
        linear = -2.0 * controller.counted.T @ demand
        linear[0] -= 2.0 * controller.change_weight * last
        centre = np.zeros(n)
        centre[0] = last
        self._solver.update(
            q=np.concatenate([linear, np.zeros(n)]),
            l=np.concatenate([np.zeros(n), centre - self._change, demand + self._band[0]]),
            u=np.concatenate([np.ones(n), centre + self._change, demand + self._band[1]]),
        )
        return float(self._solver.solve(raise_error=False).x[0])
