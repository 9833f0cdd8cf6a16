# SPDX-License-Identifier: MIT
"""Indirect responses: the drug acts on the making or the losing of what is measured.

The four types of Dayneka, Garg & Jusko, J Pharmacokinet Biopharm 1993;21:457.
Pure; mg/L, h, the response in its own unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from mesor.dosing.dynamics.course import Profile, follow, not_negative, positive
from mesor.dosing.kinetics.model import FloatArray
from mesor.errors import DosingError

Mechanism = Literal["inhibits_input", "inhibits_loss", "stimulates_input", "stimulates_loss"]
_MECHANISMS = ("inhibits_input", "inhibits_loss", "stimulates_input", "stimulates_loss")


@dataclass(frozen=True, slots=True)
class Turnover:
    """dR/dt = kin (1 +- S) - kout R or kin - kout (1 +- S) R, S = max_share C / (C50 + C).

    Types I to IV in the order of Mechanism; an inhibitor's max_share is at most 1.
    """

    mechanism: Mechanism
    input_per_h: float
    loss_per_h: float
    max_share: float
    conc_50_mg_l: float

    def __post_init__(self) -> None:
        """Raise DosingError for an unknown mechanism and rates that cannot be."""
        positive(
            "the turnover",
            input_per_h=self.input_per_h,
            loss_per_h=self.loss_per_h,
            conc_50_mg_l=self.conc_50_mg_l,
        )
        not_negative("the turnover", max_share=self.max_share)
        if self.mechanism not in _MECHANISMS:
            raise DosingError(
                f"the mechanism is {self.mechanism!r}; it must be one of {', '.join(_MECHANISMS)}."
            )
        if self.mechanism.startswith("inhibits") and self.max_share > 1.0:
            raise DosingError(
                f"an inhibitor's max_share is {self.max_share:g}; it must be at most 1."
            )

    @property
    def baseline(self) -> float:
        """Return the response without drug: kin / kout."""
        return self.input_per_h / self.loss_per_h

    def _rates(self, conc_mg_l: float) -> tuple[float, float]:
        """Return kin and kout under a concentration."""
        share = self.max_share * conc_mg_l / (self.conc_50_mg_l + conc_mg_l)
        factor = 1.0 - share if self.mechanism.startswith("inhibits") else 1.0 + share
        if self.mechanism.endswith("input"):
            return self.input_per_h * factor, self.loss_per_h
        return self.input_per_h, self.loss_per_h * factor

    def course(
        self, profile: Profile, times_h: npt.ArrayLike, corners_h: Sequence[float] = ()
    ) -> FloatArray:
        """Return the response at ascending times, (n,), from its baseline at time 0."""

        def slope(state: FloatArray, conc_mg_l: float) -> FloatArray:
            made, lost = self._rates(conc_mg_l)
            return np.array([made - lost * state[0]])

        return follow(slope, [self.baseline], profile, times_h, corners_h)[:, 0]
