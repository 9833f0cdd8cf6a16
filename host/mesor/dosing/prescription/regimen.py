# SPDX-License-Identifier: MIT
"""A regimen and what it reaches at steady state: peak, trough, area, level held, chances.

Levels are linear in the dose, so each patient and shape is followed once, for 1 mg, and
scaled.  Saturable elimination is followed for one continuous infusion, in closed form.
Pure; mg, mg/L, mg h/L, h.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq

from mesor.dosing.kinetics import (
    Dose,
    KineticModel,
    auc_infinite_mg_h_l,
    auc_mg_h_l,
    conc_mg_l,
    steady_conc_mg_l,
)
from mesor.dosing.kinetics.doses import Route
from mesor.dosing.kinetics.exponentials import modes
from mesor.dosing.kinetics.model import FloatArray
from mesor.dosing.library import Limit
from mesor.dosing.prescription.aim import Aim
from mesor.dosing.prescription.belief import Belief
from mesor.errors import DosingError

_GRID = 257
_DAY_H = 24.0
_BLOOD_LIMITS = ("trough", "peak", "auc24", "level")
_COURSE_LIMITS = ("peak", "auc", "level")


@dataclass(frozen=True, slots=True)
class Shape:
    """How a dose is given: over how long and how often; interval_h None: one course."""

    duration_h: float
    interval_h: float | None
    route: Route = "iv"

    @property
    def continuous(self) -> bool:
        """Say whether the infusion never stops."""
        return self.interval_h is not None and self.duration_h >= self.interval_h

    def dose(self, amount_mg: float, time_h: float = 0.0) -> Dose:
        """Return one such dose."""
        return Dose(time_h, amount_mg, self.duration_h, self.route)


@dataclass(frozen=True, slots=True)
class Regimen:
    """An amount in its shape."""

    amount_mg: float
    shape: Shape

    @property
    def rate_mg_h(self) -> float:
        """Return the rate while it runs; infinite for a bolus, and 0 by mouth."""
        if self.shape.route == "oral":
            return 0.0
        return self.amount_mg / self.shape.duration_h if self.shape.duration_h else math.inf

    @property
    def daily_mg(self) -> float:
        """Return the dose of 24 h; of a course, the most of one day."""
        if self.shape.interval_h is None:
            return self.amount_mg * min(1.0, _DAY_H / max(self.shape.duration_h, 1e-9))
        return self.amount_mg * _DAY_H / self.shape.interval_h


@dataclass(frozen=True, slots=True)
class Profile:
    """What a dose makes of one patient at steady state.

    levels_mg_l: over the interval, (n,), straight between them; at_share: where each stands
    in the interval, 0 to 1, (n,).
    """

    peak_mg_l: float
    trough_mg_l: float
    auc24_mg_h_l: float
    course_auc_mg_h_l: float
    levels_mg_l: FloatArray
    at_share: FloatArray

    def held_mg_l(self, share: float) -> float:
        """Return the level exceeded for a share of the interval."""
        low, high = float(self.levels_mg_l.min()), float(self.levels_mg_l.max())
        if share >= 1.0 or not high > low:
            return low
        return float(brentq(lambda level: self.share_above(level) - share, low, high))

    def share_above(self, level_mg_l: float) -> float:
        """Return the share of the interval above a level."""
        first, second = self.levels_mg_l[:-1], self.levels_mg_l[1:]
        low, high = np.minimum(first, second), np.maximum(first, second)
        rise = np.where(high > low, high - low, 1.0)
        above = np.where(high > low, (high - level_mg_l) / rise, high > level_mg_l)
        return float(np.sum(np.clip(above, 0.0, 1.0) * np.diff(self.at_share)))

    def value(self, aim: Aim) -> float:
        """Return the quantity that an aim is about."""
        match aim.quantity:
            case "auc24":
                return self.auc24_mg_h_l
            case "course_auc":
                return self.course_auc_mg_h_l
            case "peak":
                return self.peak_mg_l
            case "trough":
                return self.trough_mg_l
            case _:
                return self.held_mg_l(aim.share)

    def scaled(self, factor: float) -> Profile:
        """Return the profile of another amount, for linear kinetics."""
        return Profile(
            factor * self.peak_mg_l,
            factor * self.trough_mg_l,
            factor * self.auc24_mg_h_l,
            factor * self.course_auc_mg_h_l,
            factor * self.levels_mg_l,
            self.at_share,
        )


def profile(model: KineticModel, regimen: Regimen) -> Profile:
    """Return what a regimen makes of a patient; DosingError where it is never balanced."""
    if model.disposition.saturable:
        return _saturable(model, regimen)
    return _of_one_mg(model, regimen.shape).scaled(regimen.amount_mg)


@lru_cache(maxsize=8192)
def _of_one_mg(model: KineticModel, shape: Shape) -> Profile:
    """Return the profile of 1 mg; the peak is at the end of an infusion, by mouth on the grid."""
    if shape.interval_h is None:
        dose = shape.dose(1.0)
        times = np.linspace(0.0, max(dose.end_h, 1e-6), _GRID)
        levels = conc_mg_l(model, [dose], times)
        whole = auc_infinite_mg_h_l(model, [dose])
        peak, last = float(levels.max()), float(levels[-1])
        return Profile(peak, last, math.nan, whole, levels, times / times[-1])
    interval_h = shape.interval_h
    duration_h = min(shape.duration_h, interval_h)
    # The next dose itself is never in it; the end of the infusion, the peak, always is.
    times = np.union1d(np.linspace(0.0, interval_h, _GRID), duration_h)
    if shape.route == "oral":
        settled = Dose(0.0, 1.0, 0.0, "oral", interval_h)
        levels = conc_mg_l(model, [settled], times)
        area = auc_mg_h_l(model, [settled], 0.0, interval_h)
    else:
        levels = _settled_mg_l(model, duration_h, interval_h, times)
        area = 1.0 / model.disposition.clearance_l_h
    return Profile(
        peak_mg_l=float(levels.max()),
        trough_mg_l=float(levels.min()),
        auc24_mg_h_l=area * _DAY_H / interval_h,
        course_auc_mg_h_l=area,
        levels_mg_l=levels,
        at_share=times / interval_h,
    )


def _settled_mg_l(
    model: KineticModel, duration_h: float, interval_h: float, times_h: FloatArray
) -> FloatArray:
    """Return the levels of 1 mg by vein, repeated for ever, at times within the interval.

    The past doses are a geometric series in each mode, so that hundreds of draws can be
    followed in a tenth of a second.
    """
    found = modes(model.disposition)
    rates, shares = found.rates_per_h[:, None], found.coefficients_per_l[:, None]
    left = -np.expm1(-rates * interval_h)
    if duration_h == 0.0:
        return np.asarray(np.sum(shares * np.exp(-rates * times_h) / left, axis=0))
    scale = shares / (rates * duration_h)
    ended = -np.expm1(-rates * duration_h)
    after = np.maximum(times_h - duration_h, 0.0)
    running = -np.expm1(-rates * np.minimum(times_h, duration_h))
    before = ended * np.exp(-rates * (times_h + interval_h - duration_h)) / left
    return np.asarray(np.sum(scale * (running * np.exp(-rates * after) + before), axis=0))


def _saturable(model: KineticModel, regimen: Regimen) -> Profile:
    """Return the settled level of an infusion, and its area over the course."""
    shape = regimen.shape
    if shape.duration_h == 0.0 or not (shape.continuous or shape.interval_h is None):
        raise DosingError(
            f"{regimen.amount_mg:g} mg over {shape.duration_h:g} h meets saturable elimination; "
            "only a continuous infusion is followed there."
        )
    level = steady_conc_mg_l(model.disposition, regimen.rate_mg_h)
    levels = np.full(_GRID, level)
    area = level * shape.duration_h
    return Profile(level, level, level * _DAY_H, area, levels, np.linspace(0.0, 1.0, _GRID))


@dataclass(frozen=True, slots=True)
class Expected:
    """What a regimen is expected to reach, in the likeliest patient and over the draws.

    free_share: of the interval with free drug above the MIC.  reaches_target: share of the
    draws at or above the target's low end; exceeds_target: above its high end.  None where
    there is none.
    """

    peak_mg_l: float
    trough_mg_l: float
    auc24_mg_h_l: float | None
    course_auc_mg_h_l: float | None
    free_share: float | None
    reaches_target: float | None
    exceeds_target: float | None
    exceeds_limit: float | None


def applying(limits: tuple[Limit, ...], shape: Shape) -> tuple[Limit, ...]:
    """Return the limits that a level or area can exceed in this shape.

    A continuous infusion has no trough: where an area is limited too, that one judges it.
    """
    known = _COURSE_LIMITS if shape.interval_h is None else _BLOOD_LIMITS
    found = tuple(limit for limit in limits if limit.quantity in known)
    if shape.continuous and any(limit.quantity == "auc24" for limit in found):
        return tuple(limit for limit in found if limit.quantity != "trough")
    return found


def exceeded(found: Profile, limit: Limit) -> bool:
    """Say whether a profile is above a limit."""
    values = {
        "trough": found.trough_mg_l,
        "peak": found.peak_mg_l,
        "level": found.peak_mg_l,
        "auc24": found.auc24_mg_h_l,
        "auc": found.course_auc_mg_h_l,
    }
    return values[limit.quantity] > limit.most


def expect(
    regimen: Regimen,
    believed: Belief,
    aim: Aim | None,
    limits: tuple[Limit, ...],
    free_above_mg_l: float | None,
) -> Expected:
    """Return what a regimen reaches.  free_above_mg_l: the total level at the MIC, if any."""

    def mean(name: str) -> float:
        return believed.mean(lambda model: float(getattr(profile(model, regimen), name)))

    judged = applying(limits, regimen.shape)
    course = regimen.shape.interval_h is None
    free = None
    if free_above_mg_l is not None and not course:
        free = believed.mean(lambda m: profile(m, regimen).share_above(free_above_mg_l))
    return Expected(
        peak_mg_l=mean("peak_mg_l"),
        trough_mg_l=mean("trough_mg_l"),
        auc24_mg_h_l=None if course else mean("auc24_mg_h_l"),
        course_auc_mg_h_l=mean("course_auc_mg_h_l") if course else None,
        free_share=free,
        reaches_target=None if aim is None else believed.share(lambda m: _fits(m, regimen, aim)),
        exceeds_target=None
        if aim is None or aim.high is None
        else believed.share(lambda m: _above(m, regimen, aim)),
        exceeds_limit=believed.share(
            lambda m: any(exceeded(profile(m, regimen), limit) for limit in judged)
        )
        if judged
        else None,
    )


def _above(model: KineticModel, regimen: Regimen, aim: Aim) -> bool:
    """Say whether a regimen exceeds the aim's window; always, where nothing balances."""
    assert aim.high is not None, "only a window is exceeded"
    try:
        return profile(model, regimen).value(aim) > aim.high * (1.0 + 1e-9)
    except DosingError:
        return True


def _fits(model: KineticModel, regimen: Regimen, aim: Aim) -> bool:
    """Say whether a regimen reaches the aim in one patient; never, where nothing balances."""
    try:
        return aim.reached(profile(model, regimen).value(aim))
    except DosingError:
        return False
