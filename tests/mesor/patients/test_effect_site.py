# SPDX-License-Identifier: MIT
"""The effect site behind plasma, against scipy's integration of its equation."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from mesor.patients.effect_site import effect_site_course_mg_l


def test_it_follows_a_course_that_runs_straight_between_its_times() -> None:
    """An adaptive integrator on the same broken line."""
    time_h = [0.0, 0.05, 0.1, 0.3, 1.0]
    plasma = [0.0, 6.0, 4.0, 3.5, 3.0]

    def slope(now_h: float, level: np.ndarray) -> list[float]:
        return [15.6 * (float(np.interp(now_h, time_h, plasma)) - float(level[0]))]

    level = np.zeros(1)
    expected = [0.0]
    for begin_h, end_h in pairwise(time_h):
        level = solve_ivp(slope, (begin_h, end_h), level, rtol=1e-10, atol=1e-12).y[:, -1]
        expected.append(float(level[0]))
    assert effect_site_course_mg_l(time_h, plasma, 15.6) == pytest.approx(expected, rel=1e-7)
