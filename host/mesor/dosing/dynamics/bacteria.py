# SPDX-License-Identifier: MIT
"""Bacteria under an antibiotic: growth to a ceiling, killing, resistance, after-effect.

Growth minus sigmoid kill as in Regoes et al., Antimicrob Agents Chemother 2004;48:3670, for
two subpopulations under one ceiling.  The post-antibiotic effect is a delay of the drug's
action by a first-order effect site of its own.  Pure; CFU/mL as log10, mg/L, h.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mesor.dosing.dynamics.course import Profile, follow, not_negative, positive
from mesor.dosing.kinetics.model import FloatArray
from mesor.errors import DosingError


@dataclass(frozen=True, slots=True)
class Strain:
    """One subpopulation: net growth without drug, greatest net kill, MIC, steepness."""

    start_log10_cfu_ml: float
    growth_per_h: float
    kill_max_per_h: float
    mic_mg_l: float
    hill: float = 1.0

    def __post_init__(self) -> None:
        """Raise DosingError for rates that are not positive."""
        positive(
            "a strain",
            growth_per_h=self.growth_per_h,
            kill_max_per_h=self.kill_max_per_h,
            mic_mg_l=self.mic_mg_l,
            hill=self.hill,
        )
        if not math.isfinite(self.start_log10_cfu_ml):
            raise DosingError("a strain's start_log10_cfu_ml must be finite.")

    def killing_per_h(self, conc_mg_l: float) -> float:
        """Return the kill that meets growth exactly at the MIC and tends to growth + kill_max."""
        power = (max(conc_mg_l, 0.0) / self.mic_mg_l) ** self.hill
        span = self.growth_per_h + self.kill_max_per_h
        return float(span * power / (power + self.kill_max_per_h / self.growth_per_h))


@dataclass(frozen=True, slots=True)
class Infection:
    """Strains that share one ceiling; after_effect_h is the drug action's mean delay, or 0."""

    strains: tuple[Strain, ...]
    ceiling_log10_cfu_ml: float = 9.0
    after_effect_h: float = 0.0

    def __post_init__(self) -> None:
        """Raise DosingError without a strain, above the ceiling, for a negative delay."""
        not_negative("an infection", after_effect_h=self.after_effect_h)
        starts = [strain.start_log10_cfu_ml for strain in self.strains]
        if not starts or max(starts) > self.ceiling_log10_cfu_ml:
            raise DosingError(
                f"an infection's strains start at {starts} log10 CFU/mL; at least one is needed, "
                f"none above {self.ceiling_log10_cfu_ml:g}."
            )

    def course(
        self, profile: Profile, times_h: npt.ArrayLike, corners_h: Sequence[float] = ()
    ) -> FloatArray:
        """Return log10 CFU/mL of each strain at ascending times, shape (n, strains).

        profile: free concentration.  Counts are followed as logarithms, so that a strain
        all but eradicated keeps its accuracy.
        """
        ceiling, delay_h = self.ceiling_log10_cfu_ml, self.after_effect_h

        def slope(state: FloatArray, conc_mg_l: float) -> FloatArray:
            acting = float(state[-1]) if delay_h > 0.0 else conc_mg_l
            room = 1.0 - float(np.sum(10.0 ** (state[:-1] - ceiling)))
            net = [s.growth_per_h * room - s.killing_per_h(acting) for s in self.strains]
            arriving = (conc_mg_l - state[-1]) / delay_h if delay_h > 0.0 else 0.0
            return np.array([*(np.array(net) / math.log(10.0)), arriving])

        starts = [strain.start_log10_cfu_ml for strain in self.strains]
        return follow(slope, [*starts, 0.0], profile, times_h, corners_h)[:, :-1]
