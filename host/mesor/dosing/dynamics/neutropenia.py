# SPDX-License-Identifier: MIT
"""Neutrophils under a cytotoxic drug: proliferation, three transits, circulation, feedback.

Friberg et al., J Clin Oncol 2002;20:4713.  The deep late nadir decides when the next cycle
may come.  Pure; 1e9 cells/L, mg/L, h.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mesor.dosing.dynamics.course import Profile, follow, not_negative, positive
from mesor.dosing.kinetics.model import FloatArray

_TRANSITS = 3


@dataclass(frozen=True, slots=True)
class Neutropenia:
    """Baseline count, mean transit time, feedback exponent, drug effect per mg/L.

    dP/dt = ktr P ((1 - slope C) (baseline/N)^feedback - 1), ktr = 4 / mean transit time.
    """

    baseline_1e9_l: float
    mean_transit_h: float
    feedback: float
    slope_l_mg: float

    def __post_init__(self) -> None:
        """Raise DosingError for parameters that cannot be."""
        positive(
            "neutropenia",
            baseline_1e9_l=self.baseline_1e9_l,
            mean_transit_h=self.mean_transit_h,
        )
        not_negative("neutropenia", feedback=self.feedback, slope_l_mg=self.slope_l_mg)

    def course(
        self, profile: Profile, times_h: npt.ArrayLike, corners_h: Sequence[float] = ()
    ) -> FloatArray:
        """Return the circulating count at ascending times, (n,), 1e9/L."""
        ktr = (_TRANSITS + 1) / self.mean_transit_h

        def slope(state: FloatArray, conc_mg_l: float) -> FloatArray:
            # An integrator's trial step may reach below zero, where the power has no value.
            ratio = self.baseline_1e9_l / max(float(state[-1]), 1e-12)
            inflow = (1.0 - self.slope_l_mg * conc_mg_l) * ratio**self.feedback * state[0]
            feeding = np.concatenate([[inflow], state[:-1]])
            return np.asarray(ktr * (feeding - state), dtype=np.float64)

        start = np.full(_TRANSITS + 2, self.baseline_1e9_l)
        return follow(slope, start, profile, times_h, corners_h)[:, -1]
