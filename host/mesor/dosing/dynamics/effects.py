# SPDX-License-Identifier: MIT
"""Effects that follow the concentration at once: Emax and sigmoid Emax, and their inverse.

Fed with kinetics.effect_site_mg_l they lag behind plasma by ke0.  Pure; mg/L.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mesor.dosing.dynamics.course import positive
from mesor.dosing.kinetics.model import FloatArray
from mesor.errors import DosingError


@dataclass(frozen=True, slots=True)
class SigmoidEmax:
    """baseline + effect_max C^hill / (EC50^hill + C^hill); hill 1 is the plain Emax model.

    effect_max may be negative, for a drug that lowers what is measured (Hill 1910).
    """

    effect_max: float
    ec50_mg_l: float
    hill: float = 1.0
    baseline: float = 0.0

    def __post_init__(self) -> None:
        """Raise DosingError for what is no curve."""
        positive("the effect", ec50_mg_l=self.ec50_mg_l, hill=self.hill)
        if not (math.isfinite(self.baseline) and math.isfinite(self.effect_max)):
            raise DosingError("the effect's baseline and effect_max must be finite.")

    def effect(self, conc_mg_l: npt.ArrayLike) -> FloatArray:
        """Return the effect at concentrations, same shape; DosingError for negative ones."""
        conc = np.asarray(conc_mg_l, dtype=np.float64)
        if not np.all(np.isfinite(conc) & (conc >= 0.0)):
            raise DosingError("a concentration is negative or not finite; it must be >= 0 mg/L.")
        # Relative to EC50, a steep curve does not overflow before its share is one.
        with np.errstate(divide="ignore", over="ignore"):
            share = 1.0 / (1.0 + (self.ec50_mg_l / conc) ** self.hill)
        return self.baseline + self.effect_max * share

    def conc_mg_l(self, effect: float) -> float:
        """Return the concentration that has an effect; DosingError where none has."""
        share = (effect - self.baseline) / self.effect_max if self.effect_max else math.nan
        if not 0.0 <= share < 1.0:
            raise DosingError(
                f"the effect shall be {effect:g}; it can be from {self.baseline:g} up to but not "
                f"{self.baseline + self.effect_max:g}."
            )
        return float(self.ec50_mg_l * (share / (1.0 - share)) ** (1.0 / self.hill))
