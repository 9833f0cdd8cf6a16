# SPDX-License-Identifier: MIT
"""The therapeutic window and index, and how probable a type A reaction is under a regimen.

Type A: dose-dependent, from the drug's own action.  Pure; mg/L.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mesor.dosing.dynamics.course import positive
from mesor.dosing.dynamics.effects import SigmoidEmax
from mesor.dosing.kinetics.model import FloatArray
from mesor.errors import DosingError


@dataclass(frozen=True, slots=True)
class TherapeuticWindow:
    """Between too little and too much, mg/L, both ends included."""

    low_mg_l: float
    high_mg_l: float

    def __post_init__(self) -> None:
        """Raise DosingError unless 0 < low < high."""
        positive("the window", low_mg_l=self.low_mg_l, high_mg_l=self.high_mg_l)
        if self.low_mg_l >= self.high_mg_l:
            raise DosingError(
                f"the window is {self.low_mg_l:g} to {self.high_mg_l:g} mg/L; low must be less."
            )

    def share_inside(self, times_h: npt.ArrayLike, conc_mg_l: npt.ArrayLike) -> float:
        """Return the share of the sampled time inside, levels joined by straight lines."""
        times = np.asarray(times_h, dtype=np.float64)
        conc = np.asarray(conc_mg_l, dtype=np.float64)
        if times.shape != conc.shape or len(times) < 2 or np.any(np.diff(times) <= 0.0):
            raise DosingError("a level for each of at least two ascending times is needed.")
        low, high = np.minimum(conc[:-1], conc[1:]), np.maximum(conc[:-1], conc[1:])
        inside = np.minimum(high, self.high_mg_l) - np.maximum(low, self.low_mg_l)
        flat = (low >= self.low_mg_l) & (high <= self.high_mg_l)
        rise = np.where(high > low, high - low, 1.0)
        share = np.where(flat, 1.0, np.clip(inside / rise, 0.0, 1.0))
        return float(np.sum(share * np.diff(times)) / (times[-1] - times[0]))


@dataclass(frozen=True, slots=True)
class TherapeuticIndex:
    """Median toxic over median effective dose or concentration, in one unit."""

    toxic_50: float
    effective_50: float

    def __post_init__(self) -> None:
        """Raise DosingError unless both are positive."""
        positive("the index", toxic_50=self.toxic_50, effective_50=self.effective_50)

    @property
    def value(self) -> float:
        """Return TD50 / ED50."""
        return self.toxic_50 / self.effective_50


def toxicity_probability(exposures_mg_l: npt.ArrayLike, response: SigmoidEmax | float) -> float:
    """Return the probability of a type A reaction over patients' exposures, (patients,).

    response: the share of patients who react at an exposure (a curve from 0 to at most
    1), or the one limit above which toxicity is reckoned.
    """
    exposures = np.asarray(exposures_mg_l, dtype=np.float64)
    if exposures.size == 0 or not np.all(np.isfinite(exposures) & (exposures >= 0.0)):
        raise DosingError("exposures must be at least one, finite and at least 0 mg/L.")
    if isinstance(response, SigmoidEmax):
        if response.baseline < 0.0 or not 0.0 <= response.baseline + response.effect_max <= 1.0:
            raise DosingError("a probability of toxicity must stay within 0 and 1.")
        return float(np.mean(response.effect(exposures)))
    return float(np.mean(exposures > response))


def toxicity_over_window(courses_mg_l: Sequence[FloatArray], window: TherapeuticWindow) -> float:
    """Return the share of patients whose level exceeds the window at any sampled time."""
    return toxicity_probability([float(np.max(c)) for c in courses_mg_l], window.high_mg_l)
