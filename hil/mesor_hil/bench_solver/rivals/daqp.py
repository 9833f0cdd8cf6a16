# SPDX-License-Identifier: MIT
"""DAQP, a dual active-set solver in C, on its least-distance form of the problem.

Arnström, Bemporad and Axehill, IEEE Trans. Automat. Contr. 67:4362, 2022.  With H = R'R and
M = A / R, min |u|^2 over M u <= b + M v, v = f / R; DAQP softens rows itself, so it carries no
slack variables.  All of it but a shift of the bounds is done here, in float64.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from mesor_hil.bench_solver.problem import SLACK_WEIGHT, Problem
from mesor_hil.bench_solver.rivals.c_module import Rival, c_constants, c_table
from mesor_hil.bench_solver.rivals.quadratic import condensed

_SOURCES: Final = ("daqp.c", "auxiliary.c", "factorization.c")
_SETTING: Final = "its own defaults; looser tolerances changed no iteration of 4,000 tuning states"


def daqp_rival(problem: Problem, package: Path) -> Rival:
    """Return DAQP for `problem`; package: the unpacked source package."""
    top = package / "csrc"
    return Rival(
        name="DAQP",
        setting=_SETTING,
        glue="daqp_glue.c",
        sources=tuple(top / "src" / name for name in _SOURCES),
        include=(top / "include",),
        tables=_tables(problem),
        options=("-DDAQP_SINGLE_PRECISION",),
    )


def _tables(problem: Problem) -> str:
    """Return tables.h."""
    n = problem.horizon
    factor = cholesky(problem.cost[:n, :n])  # upper
    inverse = solve_triangular(factor, np.eye(n))
    rows = problem.rows[:, :n] @ inverse  # (3 n, n); the first n are those of the inverse
    scaling = 1 / np.linalg.norm(rows, axis=1)
    rows *= scaling[:, None]
    program = condensed(problem)
    shifted = inverse.T @ program.linear_by_state[:n]  # (n, 5)
    softness = np.full(3 * n, 1 / (2 * SLACK_WEIGHT))
    return c_constants({"HORIZON": n}) + "".join(
        (
            c_table("inverse_factor_table", rows[:n][np.triu_indices(n)]),
            c_table("rows_table", rows[n:]),
            c_table("scaling_table", scaling),
            c_table("softness_table", softness),
            c_table("upper_table", scaling * program.upper),
            c_table("lower_table", scaling * program.lower),
            c_table("shift_table", scaling[:, None] * program.bounds_by_state + rows @ shifted),
            c_table("linear_table", shifted),
        )
    )
