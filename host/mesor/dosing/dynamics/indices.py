# SPDX-License-Identifier: MIT
"""PK/PD indices of antibiotics at steady state: fT>MIC, AUC24/MIC, Cmax/MIC.

Only free drug kills; the free fraction is the caller's, once (Mouton et al., J Antimicrob
Chemother 2005;55:601, whose names these are).  Pure; mg, mg/L, h.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mesor.dosing.dynamics.course import positive
from mesor.dosing.kinetics import (
    Dose,
    KineticModel,
    conc_mg_l,
    interval_exposure,
    time_above_h,
)
from mesor.errors import DosingError


@dataclass(frozen=True, slots=True)
class Indices:
    """Free time above MIC as a share of the interval; area over 24 h and peak, over MIC."""

    share_above_mic: float
    auc24_over_mic_h: float
    conc_max_over_mic: float


def steady_indices(
    model: KineticModel,
    dose: Dose,
    interval_h: float,
    mic_mg_l: float,
    free_fraction: float = 1.0,
    mic_multiple: float = 1.0,
) -> Indices:
    """Return the indices of dose every interval_h at steady state.

    mic_multiple: fT > k MIC for the share above; the others are over the MIC itself.
    All are of free drug.  Raises DosingError for a MIC of 0 and fractions outside 0..1.
    """
    positive("the index", mic_mg_l=mic_mg_l, mic_multiple=mic_multiple)
    if not 0.0 < free_fraction <= 1.0:
        raise DosingError(f"free fraction is {free_fraction:g}; it must be above 0, at most 1.")
    settled = replace(dose, time_h=0.0, steady_interval_h=interval_h)
    exposure = interval_exposure(model, dose, interval_h)
    lag_h = model.way_in().lag_h % interval_h if dose.route == "oral" else 0.0
    above_h = time_above_h(
        lambda times: conc_mg_l(model, [settled], times),
        mic_multiple * mic_mg_l / free_fraction,
        0.0,
        interval_h,
        (dose.duration_h, lag_h),
    )
    free_over_mic = free_fraction / mic_mg_l
    return Indices(
        above_h / interval_h,
        exposure.auc_mg_h_l * 24.0 / interval_h * free_over_mic,
        exposure.conc_max_mg_l * free_over_mic,
    )
