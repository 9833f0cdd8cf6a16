# SPDX-License-Identifier: MIT
"""What is odd in what was given and measured: wrong units, double entries, unused values.

A level in ug/L read as mg/L, or an infusion of minutes read as hours, fits some patient;
so the levels are held against what the doses explain in nearly all of them.  mg, mg/L, h.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from mesor.dosing.kinetics import Dose
from mesor.dosing.levels import Level, Posterior
from mesor.dosing.library.formulas import target_line
from mesor.dosing.prescription.fits import ModelFit, Order
from mesor.errors import DosingError

_SHARE = 0.99  # of the patients whom the model believes possible
_DRAWS, _DRAWS_INTEGRATED = 100, 16
_REFUSED_TIMES = 20.0  # beyond their range; a slip of the unit is a thousand, or a hundred
_WARNED_BELOW = 3.0
_WARNED_DEVIATIONS = 3.0
_SEED = 1


def history_warnings(order: Order) -> list[str]:
    """Return what was perhaps entered twice, or lasts longer than was meant."""
    said = []
    for first, second in pairwise(order.levels):
        if first.time_h == second.time_h:
            said.append(
                f"two levels are of {first.time_h:g} h, {first.conc_mg_l:g} and "
                f"{second.conc_mg_l:g} mg/L; both count, so check that they are two samples."
            )
    for earlier, later in pairwise(order.doses):
        if (earlier.time_h, earlier.amount_mg) == (later.time_h, later.amount_mg):
            said.append(
                f"two doses of {later.amount_mg:g} mg begin at {later.time_h:g} h; both count, so "
                "check that one is not written twice."
            )
    return said + _overlaps(order.doses)


def _overlaps(doses: Sequence[Dose]) -> list[str]:
    """Return the first infusion that still runs when a later one begins."""
    for earlier, later in pairwise(doses):
        if earlier.time_h < later.time_h < earlier.end_h:
            return [
                f"the infusion from {earlier.time_h:g} h lasts until {earlier.end_h:g} h, and the "
                f"next begins at {later.time_h:g} h; check duration_h, which is in hours."
            ]
    return []


def level_warnings(levels: Sequence[Level], fitted: Sequence[ModelFit]) -> list[str]:
    """Return the levels that the doses hardly explain, before the fit and after it.

    Raises DosingError for one that is far beyond nearly every patient of every model.
    """
    if not levels:
        return []
    said = []
    bands = [_band(fit.before, levels) for fit in fitted]
    lows = np.min([band[0] for band in bands], axis=0)
    highs = np.max([band[1] for band in bands], axis=0)
    for level, low, high in zip(levels, lows.tolist(), highs.tolist(), strict=True):
        warning = _judged(level, low, high, fitted)
        if warning:
            said.append(warning)
    if not said:
        said += [text for fit in fitted for text in _misfits(fit, levels)]
    return said


def _band(before: Posterior, levels: Sequence[Level]) -> np.ndarray:
    """Return low and high of the true level in nearly all patients, (2, levels)."""
    saturable = before.kinetics.disposition.saturable
    count = _DRAWS_INTEGRATED if saturable else _DRAWS
    return before.band_mg_l([level.time_h for level in levels], _SHARE, count, _SEED)


def _judged(level: Level, low: float, high: float, fitted: Sequence[ModelFit]) -> str:
    """Return what is to be said of one level, or nothing; DosingError where it cannot be."""
    conc, errors = level.conc_mg_l, [fit.before.population.residual for fit in fitted]
    fixed = max(error.additive_mg_l for error in errors)
    noise = max(float(error.deviation_mg_l(np.array([high]))[0]) for error in errors)
    names = " and ".join(fit.person.published.name for fit in fitted)
    explained = f"{low:.3g} to {high:.3g} mg/L in {100 * _SHARE:g} % of the patients of {names}"
    what = f"the level of {conc:g} mg/L at {level.time_h:g} h"
    too_high = not level.below_limit and conc > high + _WARNED_DEVIATIONS * noise
    if level.below_limit:
        what = f"the level below {conc:g} mg/L at {level.time_h:g} h"
    elif too_high and conc > _REFUSED_TIMES * high:
        raise DosingError(
            f"{what} is not explained by the doses, {explained}; check times and doses (mg) and "
            "its unit: a level in ug/L or ng/mL goes into a column conc_ug_l or conc_ng_ml."
        )
    elif conc < low / _REFUSED_TIMES and low > _WARNED_DEVIATIONS * fixed:
        raise DosingError(
            f"{what} is not explained by the doses, {explained}; check that it is in mg/L and the "
            "doses in mg."
        )
    if too_high or conc < low / _WARNED_BELOW:
        return f"{what} is hardly explained by the doses, {explained}; check time, unit and doses."
    return ""


def _misfits(fit: ModelFit, levels: Sequence[Level]) -> list[str]:
    """Return the measured levels that even the fitted patient misses."""
    if fit.after is None:
        return []
    seen = [level for level in levels if not level.below_limit]
    if not seen:
        return []
    expected = fit.after.conc_mg_l([level.time_h for level in seen])
    deviations = fit.after.population.residual.deviation_mg_l(expected)
    return [
        f"the level of {level.conc_mg_l:g} mg/L at {level.time_h:g} h is far from the "
        f"{value:.3g} mg/L of the fitted patient ({fit.person.published.name}); check time, unit "
        "and doses."
        for level, value, deviation in zip(seen, expected, deviations, strict=True)
        if abs(level.conc_mg_l - value) > _WARNED_DEVIATIONS * deviation
    ]


def target_warnings(order: Order) -> list[str]:
    """Return that a target was asked for which the library's source does not cover."""
    target, asked = order.drug.target, order.target
    low, high = target.low or 0.0, target.high or math.inf
    if asked is None or low <= asked <= high:
        return []
    return [
        f"the target asked for, {asked:g}, is outside the library's {target_line(target)}: its "
        "source says nothing of it."
    ]


def unused_values(order: Order, fitted: Sequence[ModelFit]) -> list[str]:
    """Return what the patient's file has and no number of the dose reckons with."""
    patient, said = order.patient, []
    names = " and ".join(fit.person.published.name for fit in fitted)
    if patient.excess_fluid_l > 0.0:
        said.append(
            f"excess fluid of {patient.excess_fluid_l:g} L is not in the dose: {names} has no "
            "oedema.  A drug that stays in water then fills more of it, and needs more at first."
        )
    if patient.cystatin_c_mg_l is not None:
        said.append(
            f"cystatin C {patient.cystatin_c_mg_l:g} mg/L is not in the dose: {names} was made on "
            "creatinine.  What both give together stands under body and kidneys."
        )
    measured = patient.measured_clearance_ml_min
    if measured is not None and not any(_takes(fit) for fit in fitted):
        instead = _estimated_clearance(fitted)
        said.append(
            f"the measured clearance of {measured:g} mL/min is not in the dose: {names} takes "
            + (
                f"{instead}, by creatinine; leave that out, and the measured one is taken."
                if instead
                else "the kidneys otherwise."
            )
        )
    return said


def _estimated_clearance(fitted: Sequence[ModelFit]) -> str:
    """Return the creatinine clearance that is dosed by, if one is."""
    for fit in fitted:
        for figure in fit.person.individual.figures:
            if figure.name == "creatinine clearance":
                return f"{figure.value:.3g} {figure.unit}"
    return ""


def _takes(fit: ModelFit) -> bool:
    """Say whether a model's figures have the measured clearance in them."""
    return any("measured" in figure.note for figure in fit.person.individual.figures)
