# SPDX-License-Identifier: MIT
"""What to change in a therapy whose numbers do not fit the pump's integers.

The mildest change of each input is sought that would fit, by trying: how a bound depends
on the inputs is not simple, and a wrong hint would cost more than the trial.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mesor.errors import ProgramError
from mesor.program.problem import Problem

# Inputs that scale some signal, and the shares of them that are tried, the mildest first.
_INPUTS = (
    ("therapy", "soft_weight"),
    ("therapy", "change_weight"),
    ("therapy", "demand_max_fraction"),
    ("therapy", "horizon"),
    ("therapy", "rate_max_mg_h"),
    ("safety", "conc_max_mg_l"),
    ("estimator", "gain_count"),
)
_SHARES = (0.8, 0.5, 0.2, 0.1, 0.01, 0.001)


def with_advice(
    failure: ProgramError, problem: Problem, compile_formats: Callable[[Problem], object]
) -> ProgramError:
    """Return `failure` with each single change that would make `problem` fit."""
    found = []
    for part, name in _INPUTS:
        value = getattr(getattr(problem, part), name)
        for share in _SHARES:
            less = type(value)(value * share)
            if _fits(problem, part, name, less, compile_formats):
                found.append(f"{name} {less:g} instead of {value:g}")
                break
    reason = str(failure).rstrip(".")
    if not found:
        return ProgramError(f"{reason}; no smaller value of a single input would fit.")
    return ProgramError(f"{reason}; it would fit with {' or '.join(found)}.")


def _fits(
    problem: Problem,
    part: str,
    name: str,
    value: float,
    compile_formats: Callable[[Problem], object],
) -> bool:
    """Say whether the problem with this one value changed can be put into integers."""
    try:
        changed = replace(getattr(problem, part), **{name: value})
        compile_formats(replace(problem, **{part: changed}))
    except ProgramError:
        return False
    return True
