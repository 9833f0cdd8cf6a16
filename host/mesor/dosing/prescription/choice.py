# SPDX-License-Identifier: MIT
"""Finds the dose: how it is given, the amount that reaches the aim, and the next one.

A window is aimed at in its middle, for the likeliest patient.  Where the target is open
above, the amount is the least that reaches it in nine of ten patients who are believed
possible, since the likeliest alone would leave half of them below.  Pure; mg, h.
"""

from __future__ import annotations

import math
from dataclasses import replace

from mesor.dosing.kinetics import Dose, KineticModel, steady_rate_mg_h
from mesor.dosing.levels import Advice, Posterior, Target, advise
from mesor.dosing.library import FixedRegimen, Limit
from mesor.dosing.prescription.aim import Aim
from mesor.dosing.prescription.belief import Belief
from mesor.dosing.prescription.labels import number
from mesor.dosing.prescription.regimen import Regimen, Shape, applying, exceeded, profile
from mesor.errors import DosingError

ATTAINMENT = 0.9  # the usual criterion of a probability of target attainment
CONTINUOUS = Shape(24.0, 24.0)
_INTERVALS_H = (6.0, 8.0, 12.0, 18.0, 24.0, 36.0, 48.0, 72.0)
_DURATION_STEP_H = 0.25
_ROUNDS = 20


def usual_shape(fixed: FixedRegimen | None, aim: Aim, saturable: bool) -> Shape:
    """Return how the drug is given: as the fixed dose is, unless a level is to be held."""
    if fixed is not None and aim.quantity == "course_auc" and fixed.duration_h > 0.0:
        return Shape(fixed.duration_h, None)
    if fixed is None or fixed.interval_h is None or aim.quantity == "level":
        return CONTINUOUS
    if saturable and fixed.route == "iv":
        return CONTINUOUS
    duration_h = min(fixed.duration_h, fixed.interval_h)
    return Shape(duration_h, fixed.interval_h, "oral" if fixed.route == "oral" else "iv")


def choose(believed: Belief, aim: Aim, shape: Shape, limits: tuple[Limit, ...]) -> Regimen:
    """Return the regimen that reaches the aim, begun from a usual shape.

    For a peak the interval is the shortest that keeps every limit; an infusion is made
    longer until its rate is allowed.  Raises DosingError where no rate reaches the aim.
    """
    if aim.quantity != "peak" or shape.interval_h is None:
        return _slow_enough(believed, aim, shape, limits)
    for interval_h in [each for each in _INTERVALS_H if each > shape.duration_h]:
        tried = _slow_enough(believed, aim, replace(shape, interval_h=interval_h), limits)
        if not any(_exceeds(believed, tried, limit) for limit in applying(limits, tried.shape)):
            return tried
    raise DosingError(
        f"no interval up to {_INTERVALS_H[-1]:g} h keeps {_said(limits)} once {aim.says} is "
        "reached; take another drug or another target."
    )


def amount_mg(believed: Belief, aim: Aim, shape: Shape) -> float:
    """Return the amount that reaches the aim in this shape."""
    if any(model.disposition.saturable for model in believed.likeliest):
        return _saturable_amount_mg(believed, aim, shape)

    def of_one_mg(model: KineticModel) -> float:
        return max(profile(model, Regimen(1.0, shape)).value(aim), 1e-300)

    if aim.aimed is not None:
        return aim.aimed / believed.mean(of_one_mg)
    assert aim.low is not None, "an aim has at least one end"
    low = aim.low
    return believed.quantile(lambda model: low / of_one_mg(model), ATTAINMENT)


def _saturable_amount_mg(believed: Belief, aim: Aim, shape: Shape) -> float:
    """Return the amount of an infusion that holds the level behind the aim."""
    per_level = {"auc24": 24.0, "course_auc": shape.duration_h}.get(aim.quantity, 1.0)

    def needed_mg_h(model: KineticModel, value: float) -> float:
        return steady_rate_mg_h(model.disposition, value / per_level)

    aimed, low = aim.aimed, aim.low
    if aimed is not None:
        rate_mg_h = believed.mean(lambda model: needed_mg_h(model, aimed))
    else:
        assert low is not None, "an aim has at least one end"
        rate_mg_h = believed.quantile(lambda model: needed_mg_h(model, low), ATTAINMENT)
    return rate_mg_h * shape.duration_h


def _slow_enough(believed: Belief, aim: Aim, shape: Shape, limits: tuple[Limit, ...]) -> Regimen:
    """Return the regimen with its infusion as long as the allowed rate asks."""
    most_mg_h = min(
        (limit.most for limit in limits if limit.quantity == "rate" and limit.unit == "mg/h"),
        default=math.inf,
    )
    for _ in range(_ROUNDS):
        found = Regimen(amount_mg(believed, aim, shape), shape)
        if shape.route == "oral" or found.rate_mg_h <= most_mg_h * (1.0 + 1e-9):
            return found
        steps = math.ceil(found.amount_mg / most_mg_h / _DURATION_STEP_H - 1e-9)
        longer_h = steps * _DURATION_STEP_H
        if shape.continuous or shape.interval_h is None or longer_h > shape.interval_h:
            break
        shape = replace(shape, duration_h=longer_h)
    raise DosingError(
        f"{aim.says} needs {number(found.rate_mg_h)} mg/h; at most {most_mg_h:g} mg/h may be "
        "infused, so no rate reaches it: take another target or another drug."
    )


def _exceeds(believed: Belief, regimen: Regimen, limit: Limit) -> bool:
    """Say whether the likeliest patient is above a limit (any model's, if several)."""
    return any(exceeded(profile(model, regimen), limit) for model in believed.likeliest)


def _said(limits: tuple[Limit, ...]) -> str:
    """Return limits in words."""
    return ", ".join(f"{item.quantity} at most {item.most:g} {item.unit}" for item in limits)


def next_dose(fits: tuple[Posterior, ...], regimen: Regimen, aim: Aim, at_h: float) -> Advice:
    """Return the dose at a time that reaches the aim within its own interval.

    What is left of the doses before counts.  Only of one model, of linear kinetics, and of
    aims at a peak, an area or a trough; DosingError says which of them is not so, or that
    enough is left already.
    """
    interval_h, value = regimen.shape.interval_h, aim.aimed or aim.low
    if len(fits) > 1 or interval_h is None or value is None or regimen.shape.continuous:
        raise DosingError("no next dose is advised for a course, an infusion or several models.")
    if fits[0].kinetics_now.disposition.saturable:
        raise DosingError("no next dose is advised for saturable elimination.")
    match aim.quantity:
        case "auc24":
            target = Target("auc", value * interval_h / 24.0, interval_h)
        case "peak":
            target = Target("end", value, interval_h)
        case "trough":
            target = Target("trough", value, interval_h)
        case "held" if aim.share >= 1.0:
            target = Target("trough", value, interval_h)
            return advise(fits[0], _shape_at(regimen, at_h), target, attainment=ATTAINMENT)
        case _:
            raise DosingError(f"no next dose is advised to reach {aim.says}.")
    return advise(fits[0], _shape_at(regimen, at_h), target)


def _shape_at(regimen: Regimen, at_h: float) -> Dose:
    """Return the regimen's dose at a time, its amount still open."""
    return regimen.shape.dose(0.0, at_h)
