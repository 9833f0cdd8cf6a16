# SPDX-License-Identifier: MIT
"""Number formats of a program, and what one of its model sections is made from.

Formats: data Q14, estimator Q20, each table the finest format that its entries, and the
proof, allow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mesor.errors import ProgramError
from mesor.program.design import Design, Splitting
from mesor.program.problem import Problem

Integers = npt.NDArray[np.int64]

DATA_BITS = 14
ESTIMATE_BITS = 20
COEFFICIENT_BITS = 28  # of model and gains: entries below 8
FREE_BITS = 25
SCORE_BITS = 16  # of a model's score, in bits of likelihood
INT32_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Formats:
    """What the compiler may choose for the solver: table formats, caps, residual limits."""

    factor_shift: int
    pull_shift: int
    response_shift: int
    move_max: float  # clamp of unprojected moves, full rates
    caps: Integers  # (3N,) Q14
    settled_bits: int
    iterations_max: int
    weight_shift: int  # of the outputs' weights in the exact finish
    burst: int = 5  # iterations between two tries to finish
    guesses_max: int = 6  # active sets of one try


@dataclass(frozen=True, slots=True)
class Section:
    """One model of the patient, planned with: its problem, design, and formats."""

    problem: Problem
    design: Design
    splitting: Splitting
    formats: Formats


def ratio(factor: float, largest: int, name: str, shift_max: int = 24) -> tuple[int, int]:
    """Return gain, shift with gain / 2**shift near `factor` and largest * gain < 2**30."""
    room = (1 << 30) / largest
    shift = min(shift_max, math.floor(math.log2(room / factor)))
    gain = math.floor(factor * 2.0**shift) if shift >= 0 else 0
    if gain < 1 << 8:
        raise ProgramError(
            f"{name} leaves {gain} levels for scaling it into the pump's integers, "
            "and 256 are the least: make it smaller."
        )
    return gain, shift
