# SPDX-License-Identifier: MIT
"""Careless patient files, levels and doses: refused or told, never dosed by in silence."""

from __future__ import annotations

import math

import pytest

from mesor.dosing.kinetics import Dose
from mesor.dosing.levels import Level
from mesor.dosing.library import drug_names, load_drug
from mesor.dosing.patient_file import read_patient
from mesor.dosing.prescription import Order, Prescription, prescribe
from mesor.dosing.prescription.labels import covariate_value
from mesor.dosing.prescription.therapy import therapy_text
from mesor.errors import DosingError

BODY = '[patient]\nsex = "male"\nage_years = 62\nweight_kg = 78\nheight_cm = 175\n'
KIDNEYS = "[kidneys]\ncreatinine_mg_dl = 1.1\n"
VANCOMYCIN = (Dose(0.0, 1500.0, 1.5), Dose(12.0, 1000.0, 1.0), Dose(24.0, 1000.0, 1.0))


def prescribed(
    drug: str,
    more: str = "",
    doses: tuple[Dose, ...] = (),
    levels: tuple[Level, ...] = (),
    model: str | None = None,
) -> Prescription:
    """Return the prescription for one man."""
    patient = read_patient(BODY + KIDNEYS + more, "p.toml")
    return prescribe(Order(patient, load_drug(drug), model, None, None, doses, levels))


@pytest.mark.parametrize(
    ("drug", "doses", "conc"),
    [
        ("tacrolimus", (Dose(0.0, 2.0, 24.0), Dose(24.0, 2.0, 24.0)), 8.2),  # 8.2 ug/L
        ("vancomycin", VANCOMYCIN, 14_000.0),  # ng/mL
        ("vancomycin", tuple(Dose(d.time_h, d.amount_mg / 1000.0) for d in VANCOMYCIN), 14.0),  # g
        ("fluorouracil", (Dose(0.0, 4800.0, 46.0),), 550.0),  # ng/mL
    ],
)
def test_a_level_in_another_unit_is_refused(
    drug: str, doses: tuple[Dose, ...], conc: float
) -> None:
    """A thousandfold is no patient; fitted, it would be an absurd clearance and its dose."""
    with pytest.raises(DosingError, match="is not explained by the doses") as caught:
        prescribed(drug, doses=doses, levels=(Level(23.0, conc),))
    assert "conc_ug_l or conc_ng_ml" in str(caught.value)


def test_a_level_that_hardly_any_patient_has_is_told() -> None:
    """Infusions of 60 h where 60 min were meant: none reaches 28 mg/L by 26 h."""
    found = prescribed(
        "vancomycin",
        doses=tuple(Dose(d.time_h, d.amount_mg, 60.0) for d in VANCOMYCIN),
        levels=(Level(26.0, 28.0),),
    )
    warnings = " ".join(found.warnings)
    assert "28 mg/L at 26 h is hardly explained by the doses" in warnings
    assert "lasts until 60 h, and the next begins at 12 h; check duration_h" in warnings


def test_plausible_levels_are_not_complained_of() -> None:
    """A trough of 14 and a peak of 28 mg/L after 1 g: the usual patient."""
    found = prescribed(
        "vancomycin", doses=VANCOMYCIN, levels=(Level(23.0, 14.0), Level(26.0, 28.0))
    )
    assert not any("explained" in text or "far from" in text for text in found.warnings)


def test_entries_at_one_time_are_told() -> None:
    """A line copied twice doubles a dose."""
    found = prescribed(
        "vancomycin",
        doses=(VANCOMYCIN[0], *VANCOMYCIN),
        levels=(Level(23.0, 14.0), Level(23.0, 22.0)),
    )
    warnings = " ".join(found.warnings)
    assert "two doses of 1500 mg begin at 0 h" in warnings
    assert "two levels are of 23 h, 14 and 22 mg/L" in warnings


def test_an_oral_dose_in_a_model_by_vein_is_one_sentence() -> None:
    """The reader knows the model, not its parameters."""
    with pytest.raises(DosingError, match="Goti 2018 is of doses by vein only"):
        prescribed("vancomycin", doses=(Dose(0.0, 125.0, 0.0, "oral"),), levels=(Level(5.0, 1.0),))


def test_dialysis_is_never_passed_over() -> None:
    """A creatinine says little of clearance on dialysis; only Goti 2018 has it in the model."""
    patient = read_patient(BODY + KIDNEYS + "dialysis = true\n", "p.toml")
    for drug in ("gentamicin", "cefepime", "piperacillin", "penicillin-g", "vancomycin"):
        warnings = " ".join(load_drug(drug).model().individual(patient).warnings)
        assert ("the patient is on dialysis and" in warnings) is (drug != "vancomycin")


def test_what_is_given_and_not_used_is_told() -> None:
    """Cystatin C, oedema and a measured clearance that the model does not take."""
    more = "cystatin_c_mg_l = 1.4\nmeasured_clearance_ml_min = 40\n"
    found = prescribed("vancomycin", more + "[composition]\nexcess_fluid_l = 4\n")
    warnings = " ".join(found.warnings)
    for said in ("cystatin C 1.4 mg/L", "excess fluid of 4 L", "measured clearance of 40 mL/min"):
        assert f"{said} is not in the dose" in warnings
    measured = prescribed("amikacin", "measured_clearance_ml_min = 40\n")
    assert not any("not in the dose" in text for text in measured.warnings)


def test_without_any_enzyme_there_is_no_dose_in_any_model() -> None:
    """CPIC: no fluorouracil at an activity of 0, also by a model that leaves DPYD out."""
    for model in ("Arshad 2020", "Yamada 2025"):
        with pytest.raises(DosingError, match="leaves no activity, so no dose of fluorouracil"):
            prescribed("fluorouracil", '[genes]\ndpyd = "*2A/*13"\n', model=model)


@pytest.mark.parametrize(
    ("drug", "model", "gene"),
    [
        ("fluorouracil", "Yamada 2025", 'dpyd = "*1/*2A"'),
        ("tacrolimus", "Antignac 2007", 'cyp3a5 = "*1/*3"'),
    ],
)
def test_a_gene_that_the_model_leaves_out_is_told(drug: str, model: str, gene: str) -> None:
    """Else the genotype in the file would seem to be in the dose."""
    found = prescribed(drug, f"[genes]\n{gene}\n", model=model)
    assert any(f"{model} does not reckon with it" in text for text in found.warnings)


def test_a_dose_above_the_window_is_not_called_sure_of_its_target() -> None:
    """With half the enzyme the standard dose has an area of 37 mg h/L; 20 to 30 are wanted."""
    found = prescribed("fluorouracil", '[genes]\ndpyd = "*1/*2A"\n')
    fixed = found.column("fixed dose")
    assert fixed is not None and fixed.expected.course_auc_mg_h_l is not None
    assert fixed.expected.course_auc_mg_h_l == pytest.approx(4673.0 / (0.5 * 248.4), rel=2e-3)
    assert fixed.expected.exceeds_target is not None and fixed.expected.exceeds_target > 0.8


def test_what_only_one_model_wants_stands_under_covariates() -> None:
    """Eleveld 2018: opiates lower the clearance by exp(-0.00286 age), 62 years here."""
    without = prescribed("propofol")
    found = prescribed("propofol", '[covariates]\nopiates = "yes"\n')
    lower = [
        each.fits[0].person.individual.parameters["clearance_l_min"] for each in (found, without)
    ]
    assert lower[0] / lower[1] == pytest.approx(math.exp(-0.00286 * 62))
    assert any("opiates no" in text for text in without.assumed)
    assert not any("opiates" in text for text in found.assumed)
    assert covariate_value(found.order.patient, found.figures, "opiates") == "yes"


@pytest.mark.parametrize(
    ("covariates", "sentence"),
    [
        ('azole = "yes"', r"\[covariates\] azole is no covariate of Eleveld 2018, which takes"),
        ("age_years = 40", r"\[covariates\] age_years is no covariate of Eleveld 2018"),
        ('opiates = "perhaps"', "opiates is 'perhaps'; it must be one of no, yes"),
        ("opiates = 1", "opiates is 1; it must be one of no, yes"),
    ],
)
def test_other_covariates_are_held_to_what_the_model_knows(covariates: str, sentence: str) -> None:
    """A misspelt one would be the reference patient's in silence."""
    with pytest.raises(DosingError, match=sentence):
        prescribed("propofol", f"[covariates]\n{covariates}\n")


def test_a_dose_far_from_the_labels_is_told() -> None:
    """Penicillin G just above an MIC of 0.12 mg/L is a hundredth of what endocarditis gets."""
    found = prescribed("penicillin-g")
    usual, least = found.column("fixed dose"), found.column("a priori")
    assert usual is not None and least is not None
    assert usual.regimen.daily_mg == 10_800.0 and least.regimen.daily_mg < 200.0
    assert any("of the fixed dose's 10,800 mg; check" in text for text in found.warnings)
    assert not any("of the fixed dose's" in text for text in prescribed("vancomycin").warnings)


def test_a_target_of_total_drug_is_not_asked_of_unbound_levels() -> None:
    """Abdulla 2020 took total x 0.7 for unbound: 125 to 250 over an MIC of 0.5 are 44 to 88."""
    found = prescribed("ciprofloxacin", model="Abdulla 2020")
    assert found.aim is not None
    assert (found.aim.low, found.aim.high) == pytest.approx((125 * 0.35, 250 * 0.35))
    both = prescribed("ciprofloxacin", model="average")
    assert [fit.person.published.name for fit in both.fits] == ["Guo 2022"]
    assert any("Abdulla 2020 is of unbound levels" in text for text in both.warnings)


@pytest.mark.parametrize("drug", drug_names())
def test_a_covariate_that_was_worked_out_is_not_called_assumed(drug: str) -> None:
    """The table's third column is what a prescriber checks first."""
    more = "[composition]\nalbumin_g_l = 38\nhematocrit_percent = 33\n"
    patient = read_patient(BODY + KIDNEYS + more, "p.toml")
    for published in load_drug(drug).models:
        found = published.individual(patient)
        for effect in found.effects:
            shown = covariate_value(patient, found.figures, effect.covariate)
            said = any(text.startswith(effect.covariate) for text in found.assumed)
            assert (shown == "assumed") is said, (published.name, effect.covariate)


def test_a_target_beyond_the_librarys_is_told() -> None:
    """Ten times the highest of remifentanil is a slip of the unit; no level limits it."""
    patient = read_patient(BODY, "p.toml")
    usual = prescribe(Order(patient, load_drug("remifentanil"), target=0.004))
    assert not [line for line in usual.warnings if "target asked for" in line]
    tenfold = prescribe(Order(patient, load_drug("remifentanil"), target=0.04))
    assert [line for line in tenfold.warnings if "0.04, is outside the library's" in line]


def test_a_rate_by_the_kilogram_is_a_limit_of_the_patient() -> None:
    """2 ug/kg/min is 9.36 mg/h in 78 kg; an infusion that wants more is refused."""
    patient = read_patient(BODY, "p.toml")
    with pytest.raises(DosingError, match=r"at most 9\.36 mg/h"):
        prescribe(Order(patient, load_drug("remifentanil"), target=0.2))


def test_a_label_dose_that_is_too_fast_for_its_weight_is_told() -> None:
    """15 mg/kg of 180 kg over 1.5 h is 1,800 mg/h; vancomycin is given at 1 g/h at most."""
    heavy = read_patient(BODY.replace("78", "180") + KIDNEYS, "p.toml")
    warnings = " ".join(prescribe(Order(heavy, load_drug("vancomycin"))).warnings)
    assert "2,700 mg over 1.5 h is 1,800 mg/h, above the limit of 1,000 mg/h" in warnings
    assert "give it slower" not in " ".join(prescribed("vancomycin").warnings)


def test_a_model_of_oral_doses_gives_no_regimen_by_vein() -> None:
    """Of tacrolimus by mouth a fifth arrives: its apparent clearance is five times too high."""
    found = prescribed("tacrolimus", model="Andrews 2019")
    assert found.columns == ()
    assert any("no regimen by vein" in line for line in found.warnings)
    with pytest.raises(DosingError, match="a pump would overdose by it"):
        therapy_text(found, None)
    assert prescribed("tacrolimus").columns


def test_an_adults_clearance_is_no_dose_of_a_newborn() -> None:
    """By Terret's 21 adults 4 kg would be given ten times the label's fluorouracil."""
    text = '[patient]\nsex = "male"\nage_years = 0.1\nweight_kg = 4\nheight_cm = 54\n'
    newborn = read_patient(text + '[genes]\ndpyd = "*1/*1"\n', "p.toml")
    order = Order(newborn, load_drug("fluorouracil"), "Terret 2000")
    with pytest.raises(DosingError, match=r"age_years 0\.1 is outside 18 .*no dose follows"):
        prescribe(order)


def test_a_measured_clearance_that_is_not_taken_stands_beside_what_is() -> None:
    """Four times less than Cockcroft-Gault: whoever measured it must know how to dose by it."""
    both = prescribed("piperacillin", "measured_clearance_ml_min = 20\n")
    (line,) = [line for line in both.warnings if "measured clearance of 20 mL/min" in line]
    assert "takes 76.8 mL/min, by creatinine; leave that out" in line
    alone = read_patient(BODY + "[kidneys]\nmeasured_clearance_ml_min = 20\n", "p.toml")
    found = prescribe(Order(alone, load_drug("piperacillin")))
    assert any("the measured clearance stands in for it" in line for line in found.warnings)
