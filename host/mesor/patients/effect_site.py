# SPDX-License-Identifier: MIT
"""Levels at the effect site that follow a course of levels in plasma.

dCe/dt = ke0 (C - Ce): Sheiner et al., Clin Pharmacol Ther 25:358, 1979.  Pure; mg/L, h.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def effect_site_course_mg_l(
    time_h: Sequence[float], plasma_mg_l: Sequence[float], ke0_per_h: float
) -> list[float]:
    """Return the levels at those times, from 0 on; exact where plasma runs straight between."""
    levels = [0.0]
    for i in range(1, len(time_h)):
        step_h = time_h[i] - time_h[i - 1]
        left = math.exp(-ke0_per_h * step_h)
        slope = (plasma_mg_l[i] - plasma_mg_l[i - 1]) / step_h
        lag = (1.0 - left) / ke0_per_h
        rise = plasma_mg_l[i - 1] * (1.0 - left) + slope * (step_h - lag)
        levels.append(levels[-1] * left + rise)
    return levels
