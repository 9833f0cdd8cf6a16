# SPDX-License-Identifier: MIT
"""Writes the therapy that `mesor compile` takes: what the pump chases, and its limits of dose.

The controller's model is the patient's own, linear at the target.  mg/L, mg/h, mg/mL.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from mesor.dosing.kinetics import KineticModel, steady_rate_mg_h
from mesor.dosing.prescription.belief import DRAWS, belief
from mesor.dosing.prescription.chase import LONGER, Chase, chase_of
from mesor.dosing.prescription.prescription import Prescription
from mesor.dosing.prescription.running import Running
from mesor.errors import DosingError, MesorError
from mesor.input_tables import read_table
from mesor.program.course import Kind
from mesor.program.problem import ControlModel
from mesor.program.reach import level_after_infusion_mg_l
from mesor.program.therapy_file import TherapyFile

_FULL_ML_H = 12.0  # full rate of the usual syringe: a tick of 5 min is then 14,000 microsteps
_LOADING_H = 1.0  # the central volume is filled to target in about this
_STANDARD_MG_ML = (
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    20,
    40,
    50,
    100,
)
_PULSE_TICK_S = 120  # a pulse of half an hour is fifteen ticks
_TICKS_S = (300, 120, 60, 30, 20, 10)
# In a tick the body clears at most this share of the central volume, so that a clearance that
# halves is seen before the level is 15 % off.
_CLEARED_SHARE = 0.06
_AREA_TICK_S = 60  # no shorter: an area forgives what a level does in a minute
# The day's dose covers this share of the patients believed possible, and at least so many times
# the likeliest one's: a hard cap that a patient's own clearance reaches is no safety.
_DAY_COVERS, _DAY_SHARE_LEAST = 0.975, 1.5
_BANK_LEAST, _BANK_MOST = 1.5, 4.0  # times the clearance
_NINETY_PERCENT = 1.645  # standard normal deviate
_SEED = 1
_HEADROOM = 1.6  # of a pulse: for volumes that much larger than the likeliest


def write_therapy(
    found: Prescription, path: Path, syringe_mg_ml: float | None, bank: bool = False
) -> tuple[str, ...]:
    """Write the therapy file, and return what must be told of it; errors as therapy_text's."""
    text, notes = therapy_text(found, syringe_mg_ml, bank)
    path.write_text(text, encoding="utf-8")
    return notes


def therapy_text(
    found: Prescription,
    syringe_mg_ml: float | None,
    bank: bool = False,
    running: Running | None = None,
) -> tuple[str, tuple[str, ...]]:
    """Return the therapy file, read as the compiler reads it, and what must be told of it.

    bank: with models of other clearances, as far apart as the patients believed possible;
    running: a therapy that this one is to take over, whose syringe, pump and beat it keeps.
    Raises DosingError where the pump cannot hold the aim.
    """
    apparent = [fit for fit in found.fits if fit.person.published.section.route == "oral"]
    if apparent and found.order.drug.target.index != "response":
        raise DosingError(
            f"{apparent[0].person.published.name} is of oral doses, whose clearance is apparent: "
            "a pump would overdose by it; take a model of doses by vein."
        )
    if running is not None and syringe_mg_ml is None:
        syringe_mg_ml = running.conc_mg_ml
    table = _table(found, syringe_mg_ml)
    if found.order.drug.target.index == "effect_site_level":
        ke0_per_h = likeliest(found).ke0_per_h
        table["model"] |= _rounded({"ke0_per_h": ke0_per_h})
        table["therapy"]["target_site"] = "effect_site"
    if bank:
        table["bank"] = _bank_table(found)
    notes = _notes(found, table["drug"]["conc_mg_ml"])
    if running is not None:
        notes += running.keep(table)
    comments = [
        "Written by mesor prescribe.  Research software, not a medical device.",
        *notes,
        *(f"Assumed: {line}" for line in found.assumed),
        *(f"Warning: {line}" for line in found.warnings),
    ]
    text = "".join(f"# {' '.join(line.split())}\n" for line in comments) + tomli_w.dumps(table)
    try:
        read_table(TherapyFile, text, "the therapy").problem()
    except MesorError as error:
        raise DosingError(f"no therapy can be made of this prescription: {error}") from None
    return text, notes


def therapy_file(found: Prescription, syringe_mg_ml: float | None = None) -> TherapyFile:
    """Return the therapy as the compiler reads it, its level that of plasma, for the bench.

    Raises DosingError or ScenarioError where the pump cannot hold the aim.
    """
    return read_table(TherapyFile, tomli_w.dumps(_table(found, syringe_mg_ml)), "the therapy")


def _notes(found: Prescription, conc_mg_ml: float) -> tuple[str, ...]:
    """Return what whoever sets the pump up has to know."""
    own = likeliest(found).disposition
    notes = [f"Prepare the syringe at {conc_mg_ml:g} mg/mL."]
    if found.fits and found.fits[0].person.unbound:
        notes.append("Levels here are of unbound drug: the sensor must read unbound drug.")
    if own.saturable:
        notes.append("The controller's model is linear; its clearance is that at the target.")
    if found.order.drug.target.index == "effect_site_level":
        notes.append("The pump holds the level at the effect site; plasma leads it there.")
    return tuple(notes)


def level_therapy_file(found: Prescription, window: tuple[float, float, float]) -> TherapyFile:
    """Return the therapy that holds this drug at a level, whatever it is dosed by otherwise.

    window: target, low and high, mg/L.
    """
    table = _table(found, None, Chase("level", *window))
    return read_table(TherapyFile, tomli_w.dumps(table), "the therapy")


def _table(
    found: Prescription, syringe_mg_ml: float | None, chase: Chase | None = None
) -> dict[str, Any]:
    """Return the file as a table; chase instead of the drug's own where one is given."""
    model = likeliest(found)
    chase = chase or chase_of(found, model)
    allowed_mg_h = min(
        (limit.most for limit in found.order.drug.limits if limit.quantity == "rate"),
        default=math.inf,
    )
    control = _model_table(model, chase.target_mg_l)
    if chase.kind == "pulse":
        caps = _pulse_caps(chase, control, allowed_mg_h)
    else:
        caps = _holding_caps(chase, model, allowed_mg_h, _demand_share(found))
    caps |= _soft_caps(found, caps)
    conc = _syringe_mg_ml(caps["rate_max_mg_h"]) if syringe_mg_ml is None else syringe_mg_ml
    tick_s = _PULSE_TICK_S if chase.kind == "pulse" else _tick_s(chase.kind, control)
    window = {"target_mg_l": chase.target_mg_l} if chase.kind != "area" else {}
    window |= {"window_low_mg_l": chase.low_mg_l, "window_high_mg_l": chase.high_mg_l}
    therapy = {"kind": chase.kind, **window, **chase.course_keys(), **caps, "tick_s": tick_s}
    return {
        "name": f"{found.order.drug.name}-prescribed",
        "description": _description(found),
        "drug": {"name": found.order.drug.name, "conc_mg_ml": float(conc)},
        "model": _rounded(control) | _rhythm(found),
        "therapy": _rounded(therapy),
    }


def _rhythm(found: Prescription) -> dict[str, Any]:
    """Return the section of a drug's rhythm of clearance, where it has one."""
    if found.order.drug.rhythm is None:
        return {}
    rhythm = found.order.drug.rhythm.clearance_rhythm()
    minutes = round(60.0 * rhythm.peak_h) % (24 * 60)
    return {
        "rhythm": {
            "amplitude_percent": float(f"{100.0 * rhythm.amplitude:.4g}"),
            "acrophase": f"{minutes // 60:02}:{minutes % 60:02}",
        }
    }


def likeliest(found: Prescription) -> KineticModel:
    """Return the kinetics of the model that weighs most."""
    return max(found.fits, key=lambda fit: fit.weight).now.kinetics_now


def _model_table(model: KineticModel, target_mg_l: float) -> dict[str, Any]:
    """Return the controller's model: linear at the target, with every periphery."""
    own = model.disposition
    table: dict[str, Any] = {
        "model": "one_compartment",
        "clearance_l_h": steady_rate_mg_h(own, target_mg_l) / target_mg_l,
        "volume_central_l": own.volume_central_l,
    }
    nearer_first = sorted(own.peripheries, key=lambda pair: pair[1] / pair[0])
    for model_name, number, (flow, volume) in zip(
        ("two_compartment", "three_compartment"), ("", "_2"), nearer_first, strict=False
    ):
        table |= {
            "model": model_name,
            f"clearance_intercompartmental{number}_l_h": flow,
            f"volume_peripheral{number}_l": volume,
        }
    return table


def _bank_table(found: Prescription) -> dict[str, Any]:
    """Return models at both ends of nine tenths of the clearances believed possible.

    No nearer than half as much again: the patient of tomorrow may not be today's.
    """
    fit = max(found.fits, key=lambda each: each.weight)
    draws = fit.now.sampled_kinetics(DRAWS, _SEED)
    target_mg_l = chase_of(found, likeliest(found)).target_mg_l
    rates = [steady_rate_mg_h(each.disposition, target_mg_l) for each in draws]
    spread = float(np.std(np.log(rates)))
    factor = min(_BANK_MOST, max(_BANK_LEAST, math.exp(_NINETY_PERCENT * spread)))
    return _rounded(
        {
            "clearance_factors": [round(1.0 / factor, 3), 1.0, round(factor, 3)],
            "clearance_sd": min(2.0, max(math.log(_BANK_LEAST), spread)),
        }
    )


def _holding_caps(
    chase: Chase, model: KineticModel, allowed_mg_h: float, demand_share: float
) -> dict[str, float]:
    """Return the limits of dose for a level held, or an area filled at one.

    demand_share: how many steady days one day may give, beside the body's fill.
    """
    steady_mg_h = steady_rate_mg_h(model.disposition, chase.target_mg_l)
    fill_mg = model.disposition.volume_central_l * chase.target_mg_l
    wanted_mg_h = max(4.0 * steady_mg_h, steady_mg_h + fill_mg / _LOADING_H)
    rate_max_mg_h = min(wanted_mg_h, allowed_mg_h)
    if rate_max_mg_h < steady_mg_h:
        raise DosingError(
            f"{chase.target_mg_l:.4g} mg/L needs {steady_mg_h:.4g} mg/h; at most "
            f"{rate_max_mg_h:g} mg/h may be infused, so no rate reaches it."
        )
    volume_l = model.disposition.volume_central_l + sum(
        volume for _, volume in model.disposition.peripheries
    )
    day_mg = demand_share * 24.0 * steady_mg_h + volume_l * chase.high_mg_l
    return {
        "rate_max_mg_h": rate_max_mg_h,
        "rate_change_max_mg_h": 0.5 * rate_max_mg_h,
        "dose_hour_max_mg": min(rate_max_mg_h, day_mg),
        "dose_day_max_mg": day_mg,
        "fallback_rate_mg_h": 0.75 * steady_mg_h,
    }


def _demand_share(found: Prescription) -> float:
    """Return how many times the likeliest patient's clearance the day's dose must allow."""
    fit = max(found.fits, key=lambda each: each.weight)
    believed = belief([fit.now], [1.0])
    own = _elimination_l_h(likeliest(found))
    most = believed.quantile(lambda model: _elimination_l_h(model) / own, _DAY_COVERS)
    return max(_DAY_SHARE_LEAST, most)


def _elimination_l_h(model: KineticModel) -> float:
    """Return the clearance at low levels, saturable or not."""
    own = model.disposition
    return own.clearance_l_h + (own.vmax_mg_h / own.km_mg_l if own.saturable else 0.0)


def _soft_caps(found: Prescription, caps: dict[str, float]) -> dict[str, float]:
    """Return the library's limits that a person may confirm: of the level and of the day."""
    soft = {}
    for limit in found.order.drug.limits:
        if limit.quantity == "level":
            soft["target_soft_max_mg_l"] = limit.most
        if limit.quantity == "daily_dose":
            soft["dose_day_soft_max_mg"] = min(limit.most, caps["dose_day_max_mg"])
    return soft


def _pulse_caps(chase: Chase, control: dict[str, Any], allowed_mg_h: float) -> dict[str, float]:
    """Return the limits of dose for pulses: what one takes from empty, and head-room."""
    assert chase.chase_h is not None, "a pulse has a time to its peak"
    assert chase.interval_h is not None, "and one to the next"
    own = ControlModel(**{key: value for key, value in control.items() if key != "model"})
    infusion_h = chase.chase_h / LONGER
    rate_mg_h = chase.target_mg_l / level_after_infusion_mg_l(own, 1.0, infusion_h)
    rate_max_mg_h = min(_HEADROOM * rate_mg_h, allowed_mg_h)
    pulse_mg = _HEADROOM * rate_mg_h * infusion_h
    return {
        "rate_max_mg_h": rate_max_mg_h,
        "rate_change_max_mg_h": rate_max_mg_h,
        "dose_hour_max_mg": min(pulse_mg, _HEADROOM * rate_mg_h),
        "dose_day_max_mg": pulse_mg * max(1, math.ceil(24.0 / chase.interval_h)),
        "fallback_rate_mg_h": 0.0,
    }


def _tick_s(kind: Kind, control: dict[str, Any]) -> int:
    """Return the longest tick in which little of the drug is cleared, or the shortest."""
    cleared_per_h = control["clearance_l_h"] / control["volume_central_l"]
    longest_s = 3600.0 * _CLEARED_SHARE / cleared_per_h
    slowest_s = max(longest_s, _AREA_TICK_S) if kind == "area" else longest_s
    return next((tick_s for tick_s in _TICKS_S if tick_s <= slowest_s), _TICKS_S[-1])


def _rounded(table: dict[str, Any]) -> dict[str, Any]:
    """Return a table with its numbers to six digits, as a person can compare them."""
    return {
        key: float(f"{value:.6g}") if isinstance(value, float) else value
        for key, value in table.items()
    }


def _syringe_mg_ml(rate_max_mg_h: float) -> float:
    """Return the standard concentration nearest to the one whose full rate is 12 mL/h."""
    wanted = rate_max_mg_h / _FULL_ML_H
    return min(_STANDARD_MG_ML, key=lambda conc: abs(math.log(conc / wanted)))


def _description(found: Prescription) -> str:
    """Return one line on what the therapy rests on."""
    aim, levels = found.aim, len(found.order.levels)
    models = " and ".join(fit.person.published.name for fit in found.fits)
    known = f"{levels} levels" if levels else "covariates"
    return f"{aim.says if aim else ''}; {models}, from {known}"[:300]
