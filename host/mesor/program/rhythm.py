# SPDX-License-Identifier: MIT
"""The tables of the day that a program carries: clearance and target by the clock.

Half-hourly knots of the cosine, between which the pump goes straight: that is too low by
up to a (pi / 48)^2 / 2 at the top, 0.06 % of the mean for an amplitude a of 30 %.
"""

from __future__ import annotations

import numpy as np

from mesor.dosing.rhythm import Rhythm
from mesor.program.formats import DATA_BITS, Integers, Section, ratio
from mesor.program.problem import Problem
from pump.spec import program as layout


def day_tables(problem: Problem) -> Integers:
    """Return the shares of clearance and target at every knot, Q14; nothing without a rhythm."""
    if problem.clearance_rhythm is None and problem.target_rhythm is None:
        return np.zeros(0, dtype=np.int64)
    return np.concatenate([_knots(problem.clearance_rhythm), _knots(problem.target_rhythm)])


def _knots(rhythm: Rhythm | None) -> Integers:
    """Return the shares beyond the mean over one day, the first once more at its end."""
    shares = np.zeros(layout.KNOTS + 1, dtype=np.int64)
    if rhythm is not None:
        for knot in range(layout.KNOTS):
            share = rhythm.factor_at(knot * layout.KNOT_S / 3600.0) - 1.0
            shares[knot] = round(share * 2.0**DATA_BITS)
        shares[-1] = shares[0]
    return shares


def clearance_scale(section: Section) -> tuple[int, int]:
    """Return gain and shift: the moves that hold a unit of the level; none without a rhythm."""
    problem = section.problem
    if problem.clearance_rhythm is None:
        return 0, 0
    unit_mg_h = problem.model.clearance_l_h * section.design.conc_unit_mg_l
    moves = unit_mg_h / problem.rate_full_mg_h
    return ratio(moves, layout.RHYTHM_LEVEL_MAX, "clearance_l_h")
