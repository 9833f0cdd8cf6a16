# SPDX-License-Identifier: MIT
"""Words and figures of a prescription as a person reads them; terminal and JSON share them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mesor.dosing.figures import Figure
from mesor.dosing.genes.phenotype import ScoreRange
from mesor.dosing.patient_file import PatientCovariates
from mesor.quantities import split_key

_NAMED = {
    "egfr_ml_min_1_73m2": ("eGFR", "mL/min/1.73 m2"),
    "egfr_mdrd_ml_min_1_73m2": ("eGFR", "mL/min/1.73 m2"),
    "egfr_ckd_epi_2009_ml_min_1_73m2": ("eGFR", "mL/min/1.73 m2"),
    "body_surface_area_du_bois_m2": ("body surface area", "m2"),
    "lean_body_mass_james_kg": ("lean body mass", "kg"),
    "pao2_fio2_mmhg": ("PaO2/FiO2", "mmHg"),
    "body_mass_index_kg_m2": ("body mass index", "kg/m2"),
    "body_surface_area_m2": ("body surface area", "m2"),
    "creatinine_clearance_ml_min": ("creatinine clearance", "mL/min"),
    "vmax_mg_h": ("Vmax", "mg/h"),
    "km_mg_l": ("Km", "mg/L"),
    "bioavailability": ("F (by mouth)", ""),
    "clearance": ("CL by clock", ""),
    "clearance_l_h": ("CL", "L/h"),
    "clearance_l_min": ("CL", "L/min"),
    "volume_central_l": ("V1", "L"),
    "clearance_intercompartmental_l_h": ("Q2", "L/h"),
    "clearance_intercompartmental_l_min": ("Q2", "L/min"),
    "volume_peripheral_l": ("V2", "L"),
    "clearance_intercompartmental_2_l_h": ("Q3", "L/h"),
    "clearance_intercompartmental_2_l_min": ("Q3", "L/min"),
    "volume_peripheral_2_l": ("V3", "L"),
}


def label(key: str) -> tuple[str, str]:
    """Return a parameter's or covariate's name in words, and its unit ('' without one)."""
    if key in _NAMED:
        return _NAMED[key]
    for suffix, unit in (("_per_h", "1/h"), ("_per_min", "1/min"), ("_l_min", "L/min")):
        if key.endswith(suffix):
            return key.removesuffix(suffix).replace("_", " "), unit
    name, measure = split_key(key)
    return name.replace("_", " "), measure.symbol


def limit_name(quantity: str) -> str:
    """Return what a limit is on, in words."""
    return quantity.replace("auc", "AUC").replace("_", " ")


def number(value: float) -> str:
    """Return a figure to three digits, and whole from a hundred on."""
    if not math.isfinite(value):
        return "bolus" if value > 0.0 else "-"
    return f"{value:,.0f}" if abs(value) >= 100.0 else f"{value:.3g}"


def percent(share: float | None) -> str:
    """Return a share in percent."""
    return "-" if share is None else f"{100.0 * share:.0f} %"


def activity(score: ScoreRange | None) -> str:
    """Return a sum of activity, or its range; of a gene that goes by pairs there is none."""
    if score is None:
        return "-"
    if score.low == score.high:
        return f"{score.low:g}"
    return (
        f"{score.low:g} or more" if math.isinf(score.high) else f"{score.low:g} to {score.high:g}"
    )


def chance(share: float | None) -> str:
    """Return a probability in percent; draws never make it certain."""
    if share is not None and share < 0.005:
        return "<1 %"
    if share is not None and share >= 0.995:
        return ">99 %"
    return percent(share)


def covariate_value(patient: PatientCovariates, figures: Sequence[Figure], covariate: str) -> str:
    """Return what the patient has of a covariate, as its figure was derived."""
    if covariate in patient.others:
        value = patient.others[covariate]
        return value if isinstance(value, str) else number(value)
    if covariate == "sex":
        return patient.sex
    if covariate == "dialysis":
        return "yes" if patient.dialysis else "no"
    name, unit = label(covariate)
    figure = next((f for f in figures if f.name.casefold() == name.casefold()), None)
    if figure is None and covariate == "albumin_g_l":
        return f"{number(patient.albumin_g_l)} g/L"
    if figure is None:
        return "" if covariate.startswith("clock") else "assumed"
    return figure_value(figure, unit)


def figure_value(figure: Figure, unit: str = "") -> str:
    """Return a figure's value with unit and note; of a gene only the note, its call."""
    if figure.unit == "factor":
        return figure.note
    shown = f"{number(figure.value)} {figure.unit or unit}".rstrip()
    return f"{shown}, {figure.note}" if figure.note else shown


class Sources:
    """Numbers sources in the order in which they are cited."""

    def __init__(self) -> None:
        self._found: dict[str, int] = {}

    def cite(self, source: str) -> str:
        """Return a source's number in brackets."""
        return f"[{self._found.setdefault(source, len(self._found) + 1)}]"

    def lines(self) -> list[str]:
        """Return every source cited, with its number."""
        return [f"[{number}] {text}" for text, number in self._found.items()]
