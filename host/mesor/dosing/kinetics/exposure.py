# SPDX-License-Identifier: MIT
"""Exposure: areas, peaks, troughs, half-lives, residence time and steady state.

Regimens are judged by these.  Pure; mg, L, mg/L, mg h/L, h.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy.optimize import brentq, minimize_scalar

from mesor.dosing.kinetics.doses import Dose
from mesor.dosing.kinetics.exponentials import modes
from mesor.dosing.kinetics.linear import auc_mg_h_l, conc_mg_l
from mesor.dosing.kinetics.model import FloatArray, KineticModel, checked_times
from mesor.errors import DosingError
from mesor.patients.patient import PatientParameters

_SCAN_POINTS = 200


@dataclass(frozen=True, slots=True)
class Point:
    """A concentration and when it is there."""

    time_h: float
    conc_mg_l: float


@dataclass(frozen=True, slots=True)
class IntervalExposure:
    """One dosing interval at steady state; tmax counts from its dose."""

    conc_max_mg_l: float
    time_max_h: float
    conc_min_mg_l: float
    conc_mean_mg_l: float
    auc_mg_h_l: float


def half_lives_h(parameters: PatientParameters) -> tuple[float, ...]:
    """Return the half-life of each phase, shortest (distribution) first, terminal last."""
    rates = modes(parameters).rates_per_h
    return tuple(math.log(2.0) / float(rate) for rate in rates[::-1])


def volume_steady_state_l(parameters: PatientParameters) -> float:
    """Return Vss: the sum of the volumes of a mammillary model, L."""
    return parameters.volume_central_l + sum(volume for _, volume in parameters.peripheries)


def mean_residence_time_h(model: KineticModel, dose: Dose) -> float:
    """Return the mean time that the drug stays: Vss / CL, and what the way in adds.

    Half of an infusion's duration; for an oral dose lag, mean transit and 1 / ka (the
    mean residence and absorption time together).
    """
    own = model.disposition
    stay_h = volume_steady_state_l(own) / _linear_clearance_l_h(own)
    if dose.route == "iv":
        return stay_h + dose.duration_h / 2.0
    way = model.way_in()
    return stay_h + way.lag_h + way.mean_transit_h + 1.0 / way.ka_per_h


def auc_infinite_mg_h_l(model: KineticModel, doses: Sequence[Dose]) -> float:
    """Return the whole area that single doses leave: F dose / CL, summed.

    Raises DosingError for settled doses, whose past has no end.
    """
    clearance_l_h = _linear_clearance_l_h(model.disposition)
    if any(dose.steady_interval_h > 0.0 for dose in doses):
        raise DosingError(
            "the area to infinity of a dose at steady state has no value; ask for its interval."
        )
    return (
        sum(
            dose.amount_mg * (model.way_in().bioavailability if dose.route == "oral" else 1.0)
            for dose in doses
        )
        / clearance_l_h
    )


def steady_rate_mg_h(parameters: PatientParameters, conc_mg_l: float) -> float:
    """Return the infusion rate that holds a concentration: CL C + Vmax C / (Km + C)."""
    conc = float(checked_conc_mg_l(conc_mg_l))
    rate_mg_h = parameters.clearance_l_h * conc
    if parameters.saturable:
        rate_mg_h += parameters.vmax_mg_h * conc / (parameters.km_mg_l + conc)
    return rate_mg_h


def steady_conc_mg_l(parameters: PatientParameters, rate_mg_h: float) -> float:
    """Return the concentration where an infusion settles: rate / CL when linear.

    Raises DosingError for a rate that saturated elimination never balances.
    """
    if not (math.isfinite(rate_mg_h) and rate_mg_h >= 0.0):
        raise DosingError(f"the rate is {rate_mg_h} mg/h; it must be finite and at least 0 mg/h.")
    if not parameters.saturable:
        return rate_mg_h / parameters.clearance_l_h
    clearance, vmax, km = parameters.clearance_l_h, parameters.vmax_mg_h, parameters.km_mg_l
    if clearance == 0.0:
        if rate_mg_h >= vmax:
            raise DosingError(
                f"the rate is {rate_mg_h:g} mg/h and elimination at most {vmax:g} mg/h: the level "
                "never settles; infuse less."
            )
        return rate_mg_h * km / (vmax - rate_mg_h)
    # CL C^2 + (CL Km + Vmax - R) C - R Km = 0, in the form that does not cancel.
    half = 0.5 * (clearance * km + vmax - rate_mg_h)
    root = math.hypot(half, math.sqrt(clearance * km * rate_mg_h))
    return km * rate_mg_h / (half + root) if half > 0.0 else (root - half) / clearance


def peak_and_trough(
    profile: Callable[[FloatArray], FloatArray],
    start_h: float,
    end_h: float,
    corners_h: Sequence[float] = (),
) -> tuple[Point, Point]:
    """Return the highest and the lowest point of profile from start_h to end_h.

    profile: concentrations at times, both (n,).  corners_h: where it jumps or bends (doses,
    ends of infusions); each is looked at from both sides.
    """
    start, end = (float(time) for time in checked_times([start_h, end_h]))
    if end <= start:
        raise DosingError(f"the window runs from {start:g} to {end:g} h; the end must be later.")
    edges = np.unique([start, *(c for c in corners_h if start < c < end), end])
    # Cosine spacing looks closest just after and just before each corner.
    share = 0.5 - 0.5 * np.cos(np.linspace(0.0, np.pi, _SCAN_POINTS))
    best = {1.0: Point(start, math.inf), -1.0: Point(start, math.inf)}
    for low, high in pairwise(edges):
        last = high if high == end else np.nextafter(high, low)
        times = np.minimum(low + (high - low) * share, last)
        levels = profile(times)
        for sign, so_far in best.items():
            found = _refined(profile, times, levels, sign)
            if sign * found.conc_mg_l < sign * so_far.conc_mg_l or math.isinf(so_far.conc_mg_l):
                best[sign] = found
    return best[-1.0], best[1.0]


def _refined(
    profile: Callable[[FloatArray], FloatArray], times: FloatArray, levels: FloatArray, sign: float
) -> Point:
    """Return the least of sign times the profile about its least scanned point."""
    at = int(np.argmin(sign * levels))
    scanned = Point(float(times[at]), float(levels[at]))
    if at in (0, len(times) - 1):
        return scanned
    found = minimize_scalar(
        lambda time: sign * float(profile(np.array([time]))[0]),
        bounds=(float(times[at - 1]), float(times[at + 1])),
        method="bounded",
        options={"xatol": 1e-9 * max(1.0, float(times[at]))},
    )
    refined = Point(float(found.x), sign * float(found.fun))
    return refined if sign * refined.conc_mg_l < sign * scanned.conc_mg_l else scanned


def interval_exposure(model: KineticModel, dose: Dose, interval_h: float) -> IntervalExposure:
    """Return peak, trough, mean and area of a dose repeated every interval_h for ever.

    Before an oral dose's lag is over the level still falls, so the trough may come after
    the dose.  Raises DosingError for an interval shorter than the dose.
    """
    if not (math.isfinite(interval_h) and interval_h > 0.0):
        raise DosingError(f"the interval is {interval_h} h; it must be more than 0 h.")
    settled = replace(dose, time_h=0.0, steady_interval_h=interval_h)
    lag_h = model.way_in().lag_h % interval_h if dose.route == "oral" else 0.0
    peak, trough = peak_and_trough(
        lambda times: conc_mg_l(model, [settled], times),
        0.0,
        interval_h,
        (dose.duration_h, lag_h),
    )
    area = auc_mg_h_l(model, [settled], 0.0, interval_h)
    return IntervalExposure(peak.conc_mg_l, peak.time_h, trough.conc_mg_l, area / interval_h, area)


def time_above_h(
    profile: Callable[[FloatArray], FloatArray],
    threshold_mg_l: float,
    start_h: float,
    end_h: float,
    corners_h: Sequence[float] = (),
) -> float:
    """Return for how many hours of the window profile is above a threshold.

    Crossings are found to 1e-10 h between 200 scanned points of each smooth piece.
    """

    def excess(time_h: float) -> float:
        return float(profile(np.array([time_h]))[0]) - threshold_mg_l

    edges = np.unique([start_h, *(c for c in corners_h if start_h < c < end_h), end_h])
    total_h = 0.0
    for low, high in pairwise(edges):
        times = np.linspace(low, np.nextafter(high, low), _SCAN_POINTS)
        above = profile(times) > threshold_mg_l
        total_h += float(np.sum(np.diff(times)[above[:-1] & above[1:]]))
        for index in np.flatnonzero(above[:-1] != above[1:]):
            first, second = float(times[index]), float(times[index + 1])
            crossing = brentq(excess, first, second, xtol=1e-10)
            total_h += crossing - first if above[index] else second - crossing
    return total_h


def checked_conc_mg_l(conc_mg_l: float) -> float:
    """Return a concentration; DosingError unless it is finite and at least 0 mg/L."""
    if not (math.isfinite(conc_mg_l) and conc_mg_l >= 0.0):
        raise DosingError(f"a concentration is {conc_mg_l} mg/L; it must be at least 0 mg/L.")
    return conc_mg_l


def _linear_clearance_l_h(parameters: PatientParameters) -> float:
    """Return the clearance; DosingError where it depends on the level."""
    if parameters.saturable:
        raise DosingError(
            f"vmax_mg_h is {parameters.vmax_mg_h:g} mg/h: with saturable elimination this depends "
            "on the dose; use kinetics.simulate."
        )
    return parameters.clearance_l_h
