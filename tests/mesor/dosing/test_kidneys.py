# SPDX-License-Identifier: MIT
"""Kidney function: published examples, the units that are confused, the way to absolute."""

from __future__ import annotations

from itertools import pairwise

import pytest

from mesor.dosing.body import body_surface_area_mosteller
from mesor.dosing.figures import Figure
from mesor.dosing.kidneys import (
    KIDNEY_MEASURES,
    absolute_rate,
    ckd_epi_creatinine,
    ckd_epi_creatinine_cystatin,
    cockcroft_gault,
    cockcroft_gault_weight,
    creatinine,
    indexed_rate,
)
from mesor.errors import DosingError


def weighing(kg: float) -> Figure:
    """Return an actual body weight."""
    return cockcroft_gault_weight("actual", kg, 170, "male")


@pytest.mark.parametrize(
    ("age_years", "sex", "mg_dl", "weight_kg", "printed"),
    [
        (70, "male", 1.0, 75, "72.9"),  # a worked example for clinicians
        (40, "male", 1.0, 80, "111"),  # clinPK's tests, this and the two below
        (40, "male", 0.2, 80, "556"),
        (40, "male", 3.0, 80, "37"),
    ],
)
def test_cockcroft_gault_is_what_other_tools_print(
    age_years: float, sex: str, mg_dl: float, weight_kg: float, printed: str
) -> None:
    """To all digits printed."""
    rate = cockcroft_gault(age_years, sex, mg_dl, weighing(weight_kg))
    digits = len(printed.partition(".")[2])
    assert f"{rate.value:.{digits}f}" == printed
    assert rate.unit == "mL/min"


def test_the_weight_in_cockcroft_gault_is_chosen_and_said() -> None:
    """For 150 kg at 180 cm clinPK prints 131 (50 years, adjusted) and 104 (40, ideal)."""
    adjusted = cockcroft_gault_weight("adjusted", 150, 180, "male")
    assert round(cockcroft_gault(50, "male", 1.0, adjusted).value) == 131
    ideal = cockcroft_gault_weight("ideal", 150, 180, "male")
    rate = cockcroft_gault(40, "male", 1.0, ideal)
    assert round(rate.value) == 104 and rate.note == "on ideal body weight"


def test_ckd_epi_2021_is_what_the_kidney_foundation_prints() -> None:
    """kidney.org: a man of 55 years with 1.2 mg/dL has 71 mL/min/1.73 m2."""
    rate = ckd_epi_creatinine(55, "male", 1.2)
    assert round(rate.value) == 71 and rate.unit == "mL/min/1.73 m2"


def test_ckd_epi_at_its_break_is_its_leading_figure_aged() -> None:
    """Where both ratios are one, only the constant, age and sex are left: closed form."""
    assert ckd_epi_creatinine(50, "male", 0.9).value == pytest.approx(142 * 0.9938**50)
    assert ckd_epi_creatinine(50, "female", 0.7).value == pytest.approx(142 * 0.9938**50 * 1.012)
    both = ckd_epi_creatinine_cystatin(50, "female", 0.7, 0.8)
    assert both.value == pytest.approx(135 * 0.9961**50 * 0.963)


def test_more_creatinine_or_cystatin_or_age_is_always_less_function() -> None:
    """Also across the breaks of the curves; a page in the wild has an exponent's sign lost."""
    levels = [0.3, 0.6, 0.7, 0.8, 0.9, 1.0, 2.0, 8.0]
    for sex in ("male", "female"):
        by_level = [ckd_epi_creatinine(50, sex, mg_dl).value for mg_dl in levels]
        by_both = [ckd_epi_creatinine_cystatin(50, sex, mg_dl, 1.0).value for mg_dl in levels]
        by_cystatin = [ckd_epi_creatinine_cystatin(50, sex, 1.0, mg_l).value for mg_l in levels]
        by_age = [ckd_epi_creatinine(age, sex, 1.0).value for age in (18, 40, 60, 90)]
        for rates in (by_level, by_both, by_cystatin, by_age):
            assert all(later < earlier for earlier, later in pairwise(rates))


def test_a_large_patient_filters_more_than_the_indexed_rate_says() -> None:
    """De-indexing multiplies by the surface; a stored page divides, and doses the wrong way."""
    large_m2 = body_surface_area_mosteller(120, 190).value
    assert absolute_rate(80, large_m2).value == pytest.approx(80 * large_m2 / 1.73)
    assert absolute_rate(80, large_m2).value > 80 > absolute_rate(80, 1.4).value
    assert absolute_rate(80, 1.73).value == pytest.approx(80)
    assert indexed_rate(absolute_rate(80, 1.4).value, 1.4).value == pytest.approx(80)


def test_both_units_of_creatinine_are_one_quantity() -> None:
    """88.4 umol/L is 1 mg/dL."""
    assert creatinine(88.4, "umol/L").value == pytest.approx(creatinine(1.0, "mg/dL").value)


@pytest.mark.parametrize(
    ("value", "unit", "sentence"),
    [
        (
            88.4,
            "mg/dL",
            "creatinine is 88.4 mg/dL; it must be 0.1 to 25 mg/dL. It was probably measured "
            "in umol/L: write 88.4 umol/L.",
        ),
        (
            1.2,
            "umol/L",
            "creatinine is 1.2 umol/L; it must be 9 to 2210 umol/L. It was probably measured "
            "in mg/dL: write 1.2 mg/dL.",
        ),
        (0.0, "mg/dL", "creatinine is 0 mg/dL; it must be 0.1 to 25 mg/dL."),
        (5000.0, "umol/L", "creatinine is 5000 umol/L; it must be 9 to 2210 umol/L."),
        (1.0, "mmol/L", "creatinine is in 'mmol/L'; its unit must be mg/dL or umol/L."),
    ],
)
def test_a_creatinine_in_the_wrong_unit_is_refused_by_name(
    value: float, unit: str, sentence: str
) -> None:
    """Off by 88.4 the dose would be too."""
    with pytest.raises(DosingError) as caught:
        creatinine(value, unit)
    assert str(caught.value) == sentence


def test_children_are_refused_by_the_equations_for_adults() -> None:
    """Both were built on adults only."""
    for age_years in (17.9, 126.0):
        with pytest.raises(DosingError, match="it must be 18 to 125 years"):
            ckd_epi_creatinine(age_years, "male", 1.0)
        with pytest.raises(DosingError, match="it must be 18 to 125 years"):
            cockcroft_gault(age_years, "male", 1.0, weighing(70))


def test_each_model_asks_for_one_measure() -> None:
    """A model named twice would leave the choice to the order of a list."""
    models = [measure.model for measure in KIDNEY_MEASURES]
    assert len(models) == len(set(models))
