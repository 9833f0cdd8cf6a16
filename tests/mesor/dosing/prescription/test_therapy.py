# SPDX-License-Identifier: MIT
"""The therapy file of every drug that a pump can give, as far as a certified program."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from mesor.dosing.library import drug_names, load_drug
from mesor.dosing.patient_file import PatientFile, covariates
from mesor.dosing.prescription import Order, Prescription, prescribe
from mesor.dosing.prescription.running import read_running
from mesor.dosing.prescription.therapy import likeliest, therapy_text, write_therapy
from mesor.dosing.rhythm import FLUOROURACIL_LEVEL
from mesor.errors import DosingError
from mesor.input_tables import read_table
from mesor.program import compile_program
from mesor.program.therapy_file import TherapyFile, load_therapy
from pump.spec import limits

PATIENT = """
[patient]
sex = "male"
age_years = 50
weight_kg = 75
height_cm = 175
[kidneys]
creatinine_umol_l = 80
[composition]
albumin_g_l = 40
"""
# What a drug is dosed by decides the kind: PMC8354945, Table 1, and the labels.
KINDS = {
    "amikacin": "pulse",
    "cefazolin": "time_above",
    "cefepime": "time_above",
    "ciprofloxacin": "area",
    "fluorouracil": "area",
    "gentamicin": "pulse",
    "penicillin-g": "time_above",
    "piperacillin": "time_above",
    "propofol": "level",
    "remifentanil": "level",
    "tacrolimus": "level",
    "tobramycin": "pulse",
    "vancomycin": "area",
}
_SAMPLES = 100


def prescribed(drug: str, target: float | None = None) -> Prescription:
    """Return the prescription of a drug for one adult."""
    patient = covariates(read_table(PatientFile, PATIENT, "the patient"))
    return prescribe(Order(patient=patient, drug=load_drug(drug), target=target))


def therapy_of(drug: str, folder: Path, target: float | None = None) -> TherapyFile:
    """Return the therapy that is written for a drug, read back."""
    write_therapy(prescribed(drug, target), folder / "t.toml", None)
    return load_therapy(folder / "t.toml")


def test_every_drug_of_the_library_has_a_therapy_or_says_why_not() -> None:
    """A drug that is added must be decided about."""
    assert set(drug_names()) == {*KINDS, "clopidogrel"}


@pytest.mark.parametrize(("drug", "kind"), KINDS.items())
def test_a_prescription_becomes_a_program_of_its_own_kind(
    drug: str, kind: str, tmp_path: Path
) -> None:
    """From covariates to what the pump accepts, without a person's hand."""
    therapy = therapy_of(drug, tmp_path)
    assert therapy.therapy.kind == kind
    program = compile_program(therapy.problem(), _SAMPLES)
    assert 0 < len(program.bytes) <= 4 * limits.PROGRAM_WORDS_MAX


def test_clopidogrel_is_refused_with_a_sentence(tmp_path: Path) -> None:
    """It is swallowed, and dosed by what platelets do."""
    with pytest.raises(DosingError, match="is dosed by its response"):
        write_therapy(prescribed("clopidogrel"), tmp_path / "t.toml", None)
    assert not (tmp_path / "t.toml").exists()


def test_a_pulse_has_the_peak_over_the_mic_and_the_trough_of_the_tables(tmp_path: Path) -> None:
    """Gentamicin: 8 to 10 times an MIC of 2 mg/L, trough at most 1 mg/L (PMC8354945)."""
    therapy = therapy_of("gentamicin", tmp_path).therapy
    assert (therapy.window_low_mg_l, therapy.window_high_mg_l) == (16, 20)
    assert (therapy.target_mg_l, therapy.trough_max_mg_l) == (18, 1)


def test_a_peak_that_is_asked_for_is_the_pulse_s_target(tmp_path: Path) -> None:
    """--target is in units of the MIC, 2 mg/L."""
    therapy = therapy_of("gentamicin", tmp_path, target=12.0).therapy
    assert therapy.target_mg_l == 24


def test_a_free_level_above_the_mic_is_a_total_level(tmp_path: Path) -> None:
    """Cefepime is bound to 20 %: free 8 mg/L is 10 mg/L in total, always."""
    therapy = therapy_of("cefepime", tmp_path).therapy
    assert therapy.threshold_mg_l == pytest.approx(10, rel=0.01)
    assert therapy.share_percent == 100


def test_an_area_is_the_middle_of_its_window(tmp_path: Path) -> None:
    """Fluorouracil: 20 to 30 mg h/L over 46 h; vancomycin: 400 to 600 mg h/L a day."""
    course = therapy_of("fluorouracil", tmp_path).therapy
    assert (course.area_mg_h_l, course.chase_h, course.interval_h) == (25, 46, None)
    daily = therapy_of("vancomycin", tmp_path).therapy
    assert (daily.area_mg_h_l, daily.chase_h, daily.interval_h) == (500, 24, 24)


@pytest.mark.parametrize("drug", ["vancomycin", "piperacillin", "propofol"])
def test_little_is_cleared_in_a_tick(drug: str, tmp_path: Path) -> None:
    """Propofol leaves its window in a minute: three ticks must pass before it is 15 % off."""
    therapy = therapy_of(drug, tmp_path)
    tick_h = therapy.therapy.tick_s / 3600.0
    cleared = therapy.model.clearance_l_h / therapy.model.volume_central_l * tick_h
    assert cleared <= 0.06
    longer = {300: 600, 120: 300, 10: 20}[therapy.therapy.tick_s]
    assert longer == 600 or cleared * longer / therapy.therapy.tick_s > 0.06


def test_a_plan_reaches_as_far_as_a_fast_drug_falls(tmp_path: Path) -> None:
    """5-FU is gone within the horizon: a shorter reach held it at 40 % of its target."""
    fast, slow = (therapy_of(drug, tmp_path).problem() for drug in ("fluorouracil", "vancomycin"))
    left = math.exp(-fast.model.clearance_l_h / fast.model.volume_central_l * 20 * fast.tick_h)
    assert fast.therapy.demand_max_fraction >= 2.0 * (1.0 - left)
    assert slow.therapy.demand_max_fraction == 0.375


def test_the_estimator_s_walk_is_a_share_of_the_target(tmp_path: Path) -> None:
    """Tacrolimus is held at 0.0075 mg/L: a walk in mg/L would drown every reading's noise."""
    for drug in ("tacrolimus", "piperacillin"):
        asked = therapy_of(drug, tmp_path).problem()
        walk = asked.estimator.state_walk_mg_l / asked.therapy.target_mg_l
        assert walk == pytest.approx(0.015)


def test_a_fast_drug_s_disturbance_may_wander_faster(tmp_path: Path) -> None:
    """By the share of the level that is cleared in a tick, from a fiftieth on."""
    slow, fast = (therapy_of(drug, tmp_path).problem() for drug in ("vancomycin", "remifentanil"))
    cleared = fast.model.clearance_l_h / fast.model.volume_central_l * fast.tick_h
    ratio = fast.estimator.disturbance_walk_sd / slow.estimator.disturbance_walk_sd
    assert ratio == pytest.approx(50.0 * (1.0 - math.exp(-cleared)))
    assert ratio > 2.0


def test_the_day_s_dose_allows_for_the_clearances_that_are_believed_possible(
    tmp_path: Path,
) -> None:
    """Goti 2018, CV 39.8 %: 97.5 % of patients clear at most exp(1.96 sqrt(ln(1 + CV^2)))."""
    therapy = therapy_of("vancomycin", tmp_path)
    model, asked = therapy.model, therapy.therapy
    assert model.volume_peripheral_l is not None
    volume_l = model.volume_central_l + model.volume_peripheral_l
    steady_mg = 24.0 * model.clearance_l_h * asked.target_mg_l
    share = (asked.dose_day_max_mg - volume_l * asked.window_high_mg_l) / steady_mg
    assert share == pytest.approx(math.exp(1.96 * math.sqrt(math.log1p(0.398**2))), rel=0.01)


def test_a_drugs_rhythm_is_in_the_program_as_it_is_in_the_library(tmp_path: Path) -> None:
    """5-FU: +20 % from trough to peak of the level, its trough at 15:00 (Fleming 2015)."""
    rhythm = therapy_of("fluorouracil", tmp_path).problem().clearance_rhythm
    assert rhythm is not None
    assert rhythm.peak_h == FLUOROURACIL_LEVEL.trough_h == 15.0
    assert (1 + rhythm.amplitude) / (1 - rhythm.amplitude) == pytest.approx(1.20, abs=1e-4)
    assert therapy_of("vancomycin", tmp_path).problem().clearance_rhythm is None


def test_a_drug_of_the_effect_site_is_chased_there_by_all_its_compartments(
    tmp_path: Path,
) -> None:
    """Remifentanil: Minto's and Eleveld's models have three and a ke0."""
    therapy = therapy_of("remifentanil", tmp_path)
    assert therapy.therapy.target_site == "effect_site"
    assert therapy.model.model == "three_compartment"
    own = likeliest(prescribed("remifentanil"))
    assert therapy.model.ke0_per_h == pytest.approx(own.ke0_per_h, rel=1e-5)
    pairs = [
        (therapy.model.clearance_intercompartmental_l_h, therapy.model.volume_peripheral_l),
        (therapy.model.clearance_intercompartmental_2_l_h, therapy.model.volume_peripheral_2_l),
    ]
    expected = np.array(sorted(own.disposition.peripheries))
    np.testing.assert_allclose(np.array(sorted(pairs)), expected, rtol=1e-5)


def test_a_bank_spans_the_clearances_believed_possible(tmp_path: Path) -> None:
    """Nine tenths of them, by draws of the posterior itself."""
    found = prescribed("vancomycin")
    write_therapy(found, tmp_path / "therapy.toml", None, bank=True)
    bank = load_therapy(tmp_path / "therapy.toml").bank
    low, own, high = bank.clearance_factors
    draws = [
        math.log(each.disposition.clearance_l_h)
        for each in found.fits[0].now.sampled_kinetics(4000, 5)
    ]
    spread = float(np.std(draws))
    assert own == 1.0
    assert low * high == pytest.approx(1.0, rel=1e-2)
    assert math.log(high) == pytest.approx(max(math.log(1.5), 1.645 * spread), rel=0.1)


def test_a_therapy_for_a_running_pump_keeps_its_syringe_and_beat(tmp_path: Path) -> None:
    """Else the pump refuses the takeover: its account is in microsteps of the drug that runs."""
    text, _ = therapy_text(prescribed("vancomycin"), 50.0)
    running = tmp_path / "running.toml"
    running.write_text(
        text.replace("tick_s = 300", "tick_s = 120\nhorizon = 15")
        + "[pump]\nsyringe_area_mm2 = 300\n[patient]\nnot = 'looked at'\n"
    )
    new, notes = therapy_text(prescribed("vancomycin"), None, running=read_running(running))
    therapy = read_table(TherapyFile, new, "the therapy")
    assert therapy.drug.conc_mg_ml == 50.0
    assert (therapy.therapy.tick_s, therapy.therapy.horizon) == (120, 15)
    assert therapy.pump.syringe_area_mm2 == 300.0
    assert any("120 s" in note for note in notes)


def test_a_scenario_that_runs_without_a_model_of_its_own_is_read(tmp_path: Path) -> None:
    """Those that ship leave [model] out: the pump then plans with the nominal patient."""
    text, _ = therapy_text(prescribed("vancomycin"), 50.0)
    running = tmp_path / "running.toml"
    running.write_text(text.replace("[model]", "[patient]") + "[sensor]\nnoise_cv = 0.1\n")
    assert read_running(running).therapy.model.model == "two_compartment"


def test_what_no_pump_would_take_over_is_refused_when_it_is_prescribed(tmp_path: Path) -> None:
    """At the desk is sooner than at the pump."""
    running = tmp_path / "running.toml"
    running.write_text(therapy_text(prescribed("gentamicin"), None)[0])
    with pytest.raises(DosingError, match="'gentamicin' and this prescription has 'vancomycin'"):
        therapy_text(prescribed("vancomycin"), None, running=read_running(running))
