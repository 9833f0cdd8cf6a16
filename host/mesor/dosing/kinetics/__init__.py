# SPDX-License-Identifier: MIT
"""What the body does to the drug: concentrations after any doses, and their exposure."""

from mesor.dosing.kinetics.doses import Dose, repeated
from mesor.dosing.kinetics.exposure import (
    IntervalExposure,
    Point,
    auc_infinite_mg_h_l,
    half_lives_h,
    interval_exposure,
    mean_residence_time_h,
    peak_and_trough,
    steady_conc_mg_l,
    steady_rate_mg_h,
    time_above_h,
    volume_steady_state_l,
)
from mesor.dosing.kinetics.linear import auc_mg_h_l, conc_mg_l, effect_site_mg_l
from mesor.dosing.kinetics.model import Absorption, KineticModel, disposition
from mesor.dosing.kinetics.nonlinear import Course, simulate

__all__ = [
    "Absorption",
    "Course",
    "Dose",
    "IntervalExposure",
    "KineticModel",
    "Point",
    "auc_infinite_mg_h_l",
    "auc_mg_h_l",
    "conc_mg_l",
    "disposition",
    "effect_site_mg_l",
    "half_lives_h",
    "interval_exposure",
    "mean_residence_time_h",
    "peak_and_trough",
    "repeated",
    "simulate",
    "steady_conc_mg_l",
    "steady_rate_mg_h",
    "time_above_h",
    "volume_steady_state_l",
]
