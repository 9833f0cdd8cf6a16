# SPDX-License-Identifier: MIT
"""Kidney function as the published models want it, absolute in mL/min or indexed.

A creatinine in the wrong unit is off by 88.4 and an indexed rate taken as absolute by
the patient's surface; both are dosing errors, so units are checked and named.  Pure.
"""

from __future__ import annotations

import math
from typing import Literal

from mesor.dosing.body import adjusted_body_weight, ideal_body_weight, lean_body_weight
from mesor.dosing.figures import (
    ADULT_AGE_YEARS,
    AGE_YEARS,
    CYSTATIN_C_MG_L,
    WEIGHT_KG,
    Figure,
    Range,
    Sex,
    check_sex,
)
from mesor.errors import DosingError

CreatinineUnit = Literal["mg/dL", "umol/L"]
WeightKind = Literal["actual", "ideal", "adjusted", "lean"]

UMOL_L_PER_MG_DL = 88.4
CREATININE_MG_DL = Range("creatinine", 0.1, 25.0, "mg/dL")  # of any age
# (younger than, years; least and most, mg/dL).  Each most is at most 88 times its least,
# so that no number is a creatinine in both units, and a slip of the unit is always seen.
# Healthy means fall from 55 umol/L on day 1 to 20 from the second to the seventh month
# (Boer et al., Pediatr Nephrol 2010;25:2107); sick preterm infants reach 135 umol/L
# (Finney et al., Arch Dis Child 2000;82:71).  Kidney failure is allowed up to what a
# body of that age was ever likely to hold, 780 umol/L in an infant.  The ends are ours.
_CREATININE_BY_AGE = (
    (2.0, 0.1, 8.8),
    (12.0, 0.15, 13.2),
    (ADULT_AGE_YEARS.low, 0.2, 17.6),
    (math.inf, 0.3, 25.0),
)
SURFACE_M2 = Range("body surface area", 0.05, 4.0, "m2")
CLEARANCE_ML_MIN = Range("creatinine clearance", 0.0, 400.0, "mL/min")  # absolute
_RATE_ML_MIN = Range("glomerular filtration rate", 0.0, 400.0, "mL/min/1.73 m2")
_INDEX_M2 = 1.73
_CKD_EPI = "CKD-EPI 2021: Inker et al., NEJM 2021;385:1737"


def creatinine_range(age_years: float) -> Range:
    """Return what serum creatinine can be at an age, mg/dL, kidney failure included."""
    AGE_YEARS.check(age_years)
    low, high = next(ends for below, *ends in _CREATININE_BY_AGE if age_years < below)
    return Range("creatinine", low, high, "mg/dL")


def creatinine(value: float, unit: CreatinineUnit, age_years: float) -> Figure:
    """Return serum creatinine in mg/dL; 1 mg/dL is 88.4 umol/L.

    Raises DosingError for a value that nobody of this age has, naming the unit it was
    probably measured in.  The rule is one, in mg/dL, whichever unit was written.
    """
    if unit not in ("mg/dL", "umol/L"):
        raise DosingError(f"creatinine is in {unit!r}; its unit must be mg/dL or umol/L.")
    allowed = creatinine_range(age_years)
    per_mg_dl, other, per_other = 1.0, "umol/L", UMOL_L_PER_MG_DL
    if unit == "umol/L":
        per_mg_dl, other, per_other = UMOL_L_PER_MG_DL, "mg/dL", 1.0
    if not (math.isfinite(value) and allowed.low <= value / per_mg_dl <= allowed.high):
        low, high = allowed.low * per_mg_dl, allowed.high * per_mg_dl
        sentence = (
            f"creatinine is {value:g} {unit}; at {age_years:g} years it must be {low:.3g} to "
            f"{high:.4g} {unit}."
        )
        if allowed.low <= value / per_other <= allowed.high:
            sentence += f" It was probably measured in {other}: write {value:g} {other}."
        raise DosingError(sentence)
    source = "molar mass 113.1 g/mol: 88.4 umol/L"
    return Figure("creatinine", value / per_mg_dl, "mg/dL", source)


def cockcroft_gault_weight(
    kind: WeightKind, weight_kg: float, height_cm: float, sex: Sex
) -> Figure:
    """Return the weight that Cockcroft-Gault is to use, kg, by its kind."""
    if kind == "actual":
        return Figure("actual body weight", WEIGHT_KG.check(weight_kg), "kg", "measured")
    if kind == "ideal":
        return ideal_body_weight(height_cm, sex)
    if kind == "adjusted":
        return adjusted_body_weight(weight_kg, height_cm, sex)
    if kind == "lean":
        return lean_body_weight(weight_kg, height_cm, sex)
    raise DosingError(f"weight kind is {kind!r}; it must be actual, ideal, adjusted or lean.")


def cockcroft_gault(age_years: float, sex: Sex, creatinine_mg_dl: float, weight: Figure) -> Figure:
    """Return creatinine clearance in absolute mL/min: (140 - age) kg / (72 mg/dL).

    Times 0.85 if female; adults.  Cockcroft & Gault, Nephron 1976;16:31.  The note says
    which weight went in.  Raises DosingError outside the ranges.
    """
    ADULT_AGE_YEARS.check(age_years)
    CREATININE_MG_DL.check(creatinine_mg_dl)
    WEIGHT_KG.check(weight.value)
    check_sex(sex)
    rate = (140.0 - age_years) * weight.value / (72.0 * creatinine_mg_dl)
    rate_ml_min = rate if sex == "male" else 0.85 * rate
    source = "Cockcroft & Gault, Nephron 1976;16:31"
    return Figure("creatinine clearance", rate_ml_min, "mL/min", source, f"on {weight.name}")


def ckd_epi_creatinine(age_years: float, sex: Sex, creatinine_mg_dl: float) -> Figure:
    """Return eGFR from creatinine, mL/min/1.73 m2; adults.  CKD-EPI 2021, race-free."""
    ratio = CREATININE_MG_DL.check(creatinine_mg_dl) / _kappa(sex)
    alpha = -0.302 if sex == "male" else -0.241
    shape = min(ratio, 1.0) ** alpha * max(ratio, 1.0) ** -1.200
    rate = 142.0 * shape * 0.9938 ** ADULT_AGE_YEARS.check(age_years)
    return _indexed(rate * (1.0 if sex == "male" else 1.012), "creatinine")


def ckd_epi_creatinine_cystatin(
    age_years: float, sex: Sex, creatinine_mg_dl: float, cystatin_c_mg_l: float
) -> Figure:
    """Return eGFR from creatinine and cystatin C, mL/min/1.73 m2; adults.  CKD-EPI 2021."""
    ratio = CREATININE_MG_DL.check(creatinine_mg_dl) / _kappa(sex)
    alpha = -0.144 if sex == "male" else -0.219
    shape = min(ratio, 1.0) ** alpha * max(ratio, 1.0) ** -0.544
    cystatin = CYSTATIN_C_MG_L.check(cystatin_c_mg_l) / 0.8
    shape *= min(cystatin, 1.0) ** -0.323 * max(cystatin, 1.0) ** -0.778
    rate = 135.0 * shape * 0.9961 ** ADULT_AGE_YEARS.check(age_years)
    return _indexed(rate * (1.0 if sex == "male" else 0.963), "creatinine and cystatin C")


def absolute_rate(indexed_ml_min: float, surface_m2: float) -> Figure:
    """Return what this patient's kidneys filter, mL/min: the indexed rate times m2 / 1.73."""
    rate = _RATE_ML_MIN.check(indexed_ml_min) * SURFACE_M2.check(surface_m2) / _INDEX_M2
    return Figure("glomerular filtration rate", rate, "mL/min", "indexed rate x m2 / 1.73")


def indexed_rate(absolute_ml_min: float, surface_m2: float) -> Figure:
    """Return the rate of a patient of 1.73 m2, mL/min/1.73 m2: the inverse of the above."""
    rate = absolute_ml_min * _INDEX_M2 / SURFACE_M2.check(surface_m2)
    return _indexed(_RATE_ML_MIN.check(rate), "absolute rate")


def _kappa(sex: Sex) -> float:
    """Return the creatinine, mg/dL, at which the CKD-EPI curves of 2021 break."""
    check_sex(sex)
    return 0.9 if sex == "male" else 0.7


def _indexed(rate: float, marker: str) -> Figure:
    """Return an indexed rate; marker says what it was estimated from."""
    return Figure("eGFR", rate, "mL/min/1.73 m2", _CKD_EPI, f"from {marker}")
