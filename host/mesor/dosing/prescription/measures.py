# SPDX-License-Identifier: MIT
"""The patient's body and kidneys by every usual measure, whichever of them the model takes.

A prescriber compares them: in obesity, frailty or with cystatin C they part.  Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from mesor.dosing.body import (
    adjusted_body_weight,
    body_mass_index,
    body_surface_area_du_bois,
    body_surface_area_mosteller,
    fat_free_mass,
    ideal_body_weight,
    lean_body_weight,
)
from mesor.dosing.figures import ADULT_AGE_YEARS, Figure
from mesor.dosing.kidneys import (
    WeightKind,
    absolute_rate,
    ckd_epi_creatinine,
    ckd_epi_creatinine_cystatin,
    cockcroft_gault,
    cockcroft_gault_weight,
)
from mesor.dosing.patient_file import PatientCovariates
from mesor.errors import DosingError

_WEIGHTS: tuple[WeightKind, ...] = ("actual", "ideal", "adjusted")


def measures(patient: PatientCovariates) -> tuple[Figure, ...]:
    """Return the measures that hold for this patient; the kidneys' are for adults only."""
    kg, cm, sex = patient.weight_kg, patient.height_cm, patient.sex
    found = [
        body_mass_index(kg, cm),
        _noted(body_surface_area_mosteller(kg, cm), "Mosteller"),
        _noted(body_surface_area_du_bois(kg, cm), "Du Bois"),
        *_possible(partial(ideal_body_weight, cm, sex)),
        *_possible(partial(adjusted_body_weight, kg, cm, sex)),
        lean_body_weight(kg, cm, sex),
        fat_free_mass(kg, cm, sex, patient.age_years),
    ]
    if patient.creatinine_mg_dl is not None and patient.age_years >= ADULT_AGE_YEARS.low:
        found += _kidneys(patient, patient.creatinine_mg_dl)
    return tuple(found)


def _kidneys(patient: PatientCovariates, creatinine_mg_dl: float) -> list[Figure]:
    """Return creatinine clearance on each weight, and filtration, indexed and absolute."""
    age, sex = patient.age_years, patient.sex
    size = (patient.weight_kg, patient.height_cm, sex)

    def clearance(kind: WeightKind) -> Figure:
        return cockcroft_gault(age, sex, creatinine_mg_dl, cockcroft_gault_weight(kind, *size))

    found = [figure for kind in _WEIGHTS for figure in _possible(partial(clearance, kind))]
    rates = [ckd_epi_creatinine(age, sex, creatinine_mg_dl)]
    cystatin = patient.cystatin_c_mg_l
    if cystatin is not None:
        rates.append(ckd_epi_creatinine_cystatin(age, sex, creatinine_mg_dl, cystatin))
    surface_m2 = body_surface_area_mosteller(patient.weight_kg, patient.height_cm).value
    for rate in rates:
        absolute = _possible(partial(absolute_rate, rate.value, surface_m2))
        found += [rate, *(_noted(each, f"{rate.note}, in absolute terms") for each in absolute)]
    return found


def _noted(figure: Figure, note: str) -> Figure:
    """Return a figure with a note."""
    return Figure(figure.name, figure.value, figure.unit, figure.source, note)


def _possible(measure: Callable[[], Figure]) -> list[Figure]:
    """Return a measure, or none where its equation does not hold."""
    try:
        return [measure()]
    except DosingError:
        return []
