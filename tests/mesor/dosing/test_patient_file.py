# SPDX-License-Identifier: MIT
"""PATIENT.toml: what is read, what is listed as assumed, one sentence for every mistake."""

from __future__ import annotations

import pytest

from mesor.dosing.patient_file import read_patient
from mesor.errors import ScenarioError

BODY = '[patient]\nsex = "female"\nage_years = 62\nweight_kg = 71.5\nheight_cm = 165\n'


def test_a_full_file_is_read_and_nothing_is_assumed() -> None:
    """Units may stand in the key or in the value."""
    patient = read_patient(
        BODY.replace("weight_kg = 71.5", 'weight = "71500 g"')
        + "[kidneys]\ncreatinine_umol_l = 88.4\ncystatin_c_mg_l = 0.9\n"
        + "[composition]\nalbumin_g_l = 28\nhematocrit_percent = 33\nexcess_fluid_l = 4\n"
        + '[genes]\ncyp3a5 = "*1/*3"\ndpyd = "Reference/HapB3"\n',
        "p.toml",
    )
    assert patient.weight_kg == 71.5 and patient.creatinine_mg_dl == pytest.approx(1.0)
    assert patient.albumin_g_l == 28 and patient.assumed == ()
    assert [found.gene for found in patient.phenotypes] == ["CYP3A5", "DPYD"]


def test_what_is_missing_is_listed_as_assumed_and_no_kidney_or_gene_is_filled_in() -> None:
    """Nothing is imputed silently."""
    patient = read_patient(BODY, "p.toml")
    listed = {figure.name: (figure.value, figure.unit) for figure in patient.assumed}
    assert listed == {
        "albumin": (40.0, "g/L"),
        "hematocrit": (45.0, "%"),
        "excess fluid": (0.0, "L"),
    }
    assert patient.creatinine_mg_dl is None and patient.phenotypes == ()


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        (
            "albumin_g_l = 3.5",
            "p.toml: [composition] albumin_g_l is 3.5 g/L; it must be 5 to 70 g/L. It was "
            "probably in g/dL: write 35 g/L.",
        ),
        (
            "hematocrit_percent = 0.34",
            "p.toml: [composition] hematocrit_percent is 0.34 %; it must be 5 to 75 %. It was "
            "probably in L/L: write 34 %.",
        ),
        (
            "albumin_g_l = 400",
            "p.toml: composition.albumin_g_l is 400 g/L; it must be a number, at least 5.0 and at "
            "most 70.0 g/L.",
        ),
    ],
)
def test_blood_in_another_unit_is_refused_by_it(written: str, sentence: str) -> None:
    """An albumin of 3.5 g/dL is the usual one in half of the world."""
    with pytest.raises(ScenarioError) as caught:
        read_patient(f"{BODY}[composition]\n{written}\n", "p.toml")
    assert str(caught.value) == sentence


@pytest.mark.parametrize("value", ["nan", "-3", "true", "[1]", '""', "inf"])
def test_a_covariate_of_one_model_is_a_number_or_a_word(value: str) -> None:
    """In one sentence, whatever was written."""
    with pytest.raises(ScenarioError, match=r"days is .*; it must be a number, 0 to 1e"):
        read_patient(f"{BODY}[covariates]\ndays = {value}\n", "p.toml")


def test_a_newborns_gestation_is_read_and_held_to_what_can_live() -> None:
    """Models of postmenstrual age want it; in days or taken for an age it is refused."""
    newborn = BODY.replace("62", "0.01").replace("71.5", "1.1").replace("165", "36")
    assert read_patient(newborn + "gestation_weeks = 28\n", "p.toml").gestation_weeks == 28.0
    assert read_patient(newborn, "p.toml").gestation_weeks is None
    with pytest.raises(ScenarioError, match=r"gestation_weeks is 280 weeks; .* at most 44\.0"):
        read_patient(newborn + "gestation_weeks = 280\n", "p.toml")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            BODY.replace("71.5", "700"),
            "p.toml: patient.weight_kg is 700 kg; it must be a number, at least 0.3 and at "
            "most 650.0 kg.",
        ),
        (
            BODY.replace("62", "162"),
            "p.toml: patient.age_years is 162 years; it must be a number, at least 0.0 and at "
            "most 125.0 years.",
        ),
        (
            BODY.replace("weight_kg", "wieght_kg"),
            "p.toml: patient.wieght_kg is not a known key; the nearest one is weight_kg.",
        ),
        (
            BODY.replace("height_cm = 165", "height_cm = 65"),
            "p.toml: [patient] weight_kg 71.5 and height_cm 65 make a body mass index of "
            "169.2 kg/m2; it must be 6 to 150 kg/m2.",
        ),
        (
            BODY.replace("female", "f"),
            "p.toml: patient.sex is 'f'; it must be one of male, female.",
        ),
        (
            BODY + "[kidneys]\ncreatinine_mg_dl = 88.4\n",
            "p.toml: [kidneys] creatinine is 88.4 mg/dL; at 62 years it must be 0.3 to 25 mg/dL. "
            "It was probably measured in umol/L: write 88.4 umol/L.",
        ),
        (
            BODY + "[kidneys]\ncreatinine_umol_l = 1.1\n",
            "p.toml: [kidneys] creatinine is 1.1 umol/L; at 62 years it must be 26.5 to 2210 "
            "umol/L. It was probably measured in mg/dL: write 1.1 mg/dL.",
        ),
        (
            BODY.replace("62", "0.5") + "[kidneys]\ncreatinine_mg_dl = 22\n",
            "p.toml: [kidneys] creatinine is 22 mg/dL; at 0.5 years it must be 0.1 to 8.8 mg/dL. "
            "It was probably measured in umol/L: write 22 umol/L.",
        ),
        (
            BODY + "[kidneys]\ncreatinine_umol_l = 90\ncreatinine_mg_dl = 1\n",
            "p.toml: [kidneys] creatinine_mg_dl and creatinine_umol_l state the same quantity; "
            "keep one.",
        ),
        (
            BODY + "[composition]\nalbumin_g_l = 0.4\n",
            "p.toml: composition.albumin_g_l is 0.4 g/L; it must be a number, at least 5.0 and "
            "at most 70.0 g/L.",
        ),
        (
            BODY + '[genes]\ncyp2c19 = "*1/*2B"\n',
            "p.toml: [genes] CYP2C19 *2B is not a known allele; the nearest one is *2. Known "
            "are those of: CPIC allele functionality table, as in PharmCAT, seen in November "
            "2026.",
        ),
        (
            BODY + '[genes]\ncyp2c9 = "*1/*2"\n',
            "p.toml: genes.cyp2c9 is not a known key; the nearest one is cyp2c19.",
        ),
        ("", "p.toml: the section [patient] is missing."),
    ],
)
def test_an_impossible_patient_is_refused_in_one_sentence(text: str, sentence: str) -> None:
    """What was got, what is allowed, the unit, what to do."""
    with pytest.raises(ScenarioError) as caught:
        read_patient(text, "p.toml")
    assert str(caught.value) == sentence


@pytest.mark.parametrize("written", ["1.1 mg/dL", "11 mg/L", "97.24 umol/L"])
def test_a_quantity_of_two_units_is_read_in_either(written: str) -> None:
    """1 mg/dL of creatinine is 88.4 umol/L; the text carries its unit."""
    patient = read_patient(f'{BODY}[kidneys]\ncreatinine = "{written}"\n', "p.toml")
    assert patient.creatinine_mg_dl == pytest.approx(1.1)
