# SPDX-License-Identifier: MIT
"""A campaign's patients, its three ways of dosing, and how they are counted."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from mesor.dosing.kinetics import Dose
from mesor.dosing.library import load_drug
from mesor.dosing.prescription.aim import Aim
from mesor.errors import DosingError, ScenarioError
from mesor.patients import CompartmentPatient, PatientParameters
from mesor_hil.campaign import load_campaign, shipped_campaigns
from mesor_hil.campaign.arms import (
    Clock,
    Course,
    a_priori,
    closed_loop,
    closed_loop_scenario,
    controlled_rates_mg_h,
    fixed,
    rates_of,
)
from mesor_hil.campaign.judge import judge
from mesor_hil.campaign.people import draw_covariates, draw_kinetics
from mesor_hil.campaign.report import rows, write_result
from mesor_hil.campaign.run import Treated, prescription, treat
from mesor_hil.campaign.summary import share, summarise

VANCOMYCIN = load_campaign("vancomycin_area")
CLOCK = Clock(300, 576)


def test_every_campaign_that_ships_names_a_drug_and_a_model_of_the_library() -> None:
    """A name that is wrong would come out after the first patient only."""
    for name in shipped_campaigns():
        campaign = load_campaign(name)
        assert campaign.name == name
        load_drug(campaign.drug.name).model(campaign.drug.model)


@pytest.mark.parametrize("name", shipped_campaigns())
def test_every_campaign_s_first_patient_has_a_therapy_to_run(name: str) -> None:
    """Whatever its program asks for, such as a time of day, the scenario around it has."""
    campaign = load_campaign(name)
    found = prescription(campaign, draw_covariates(campaign, 0))
    truth = draw_kinetics(found.fits[0].before.population, campaign, 0)
    scenario = closed_loop_scenario(found, truth, campaign)
    assert scenario.drug.name == campaign.drug.name
    assert scenario.patient.parameters() == truth


def test_a_fast_drug_in_a_tiny_volume_is_not_driven_ever_higher() -> None:
    """5-FU in 0.75 L where 5.56 L are believed stood at four targets, and gave 45 mg h/L."""
    campaign = load_campaign("fluorouracil_area").model_copy(update={"duration_h": 6.0})
    found = prescription(campaign, draw_covariates(campaign, 148))
    truth = draw_kinetics(found.fits[0].before.population, campaign, 148)
    scenario = closed_loop_scenario(found, truth, campaign)
    assert truth.volume_central_l < 0.15 * scenario.model.volume_central_l
    course = closed_loop(scenario, campaign, 148)
    settled = course.conc_mg_l[course.time_h > 2.0] / scenario.therapy.target_mg_l
    assert settled.max() < 2.5
    assert settled.mean() == pytest.approx(1.0, abs=0.15)


def test_an_unknown_campaign_is_refused_with_the_nearest_one() -> None:
    """One sentence, and the names that there are."""
    with pytest.raises(ScenarioError, match="nearest that ships is vancomycin_area"):
        load_campaign("vancomycin_aera")


def test_a_patient_is_the_same_in_a_small_and_a_large_campaign() -> None:
    """A failure in patient 17 must be there when only he is asked for."""
    first = [draw_covariates(VANCOMYCIN, index) for index in (0, 1, 17)]
    assert first == [draw_covariates(VANCOMYCIN, index) for index in (0, 1, 17)]
    assert len({one.weight_kg for one in first}) == 3


def test_clearance_varies_as_published() -> None:
    """Goti 2018 prints a CV of 39.8 %: the logarithm's deviation is sqrt(ln(1 + CV^2))."""
    population = prescription(VANCOMYCIN, draw_covariates(VANCOMYCIN, 0)).fits[0].before.population
    drawn = [draw_kinetics(population, VANCOMYCIN, index) for index in range(2000)]
    logs = np.log([one.clearance_l_h / population.typical["clearance_l_h"] for one in drawn])
    expected = math.sqrt(math.log1p(0.398**2))
    assert abs(logs.mean()) < 4.0 * expected / math.sqrt(2000)
    assert logs.std() == pytest.approx(expected, rel=4.0 / math.sqrt(2.0 * 2000))


@pytest.mark.parametrize("duration_h", [0.0, 0.31, 1.5])
def test_ticks_are_given_the_whole_dose(duration_h: float) -> None:
    """Whatever the infusion's ends are beside the ticks."""
    doses = [Dose(0.13, 1000.0, duration_h), Dose(12.0, 750.0, duration_h)]
    assert rates_of(doses, CLOCK).sum() * CLOCK.tick_h == pytest.approx(1750.0)


def test_a_target_controlled_infusion_holds_the_patient_whom_the_model_foresaw() -> None:
    """Three compartments, as Marsh's; the reference integrates them by the patient's own code."""
    found = prescription(load_campaign("propofol_level"), draw_covariates(VANCOMYCIN, 3))
    model = found.fits[0].before.kinetics_now
    clock = Clock(10, 720)
    patient = CompartmentPatient(model.disposition)
    levels = []
    for rate_mg_h in controlled_rates_mg_h(model, 4.5, 5000.0, clock):
        patient.advance(float(rate_mg_h), clock.tick_s)
        levels.append(patient.conc_mg_l)
    assert np.array(levels[30:]) == pytest.approx(4.5, rel=1e-9)


def test_each_a_priori_dose_has_the_whole_area_in_the_likeliest_patient() -> None:
    """AUC24 of 500 in every interval from the first on; trapezoids of 5 min are the reference."""
    found = prescription(VANCOMYCIN, draw_covariates(VANCOMYCIN, 0))
    truth = found.fits[0].before.kinetics_now.disposition
    course = a_priori(found, truth, CLOCK, math.inf)
    for begin_h in (0.0, 12.0, 24.0, 36.0):
        own = (course.time_h >= begin_h - 1e-9) & (course.time_h <= begin_h + 12.0 + 1e-9)
        area = np.trapezoid(course.conc_mg_l[own], course.time_h[own])
        assert area == pytest.approx(250.0, rel=0.01)


def test_the_standard_loading_dose_replaces_the_first_dose() -> None:
    """25 mg/kg once, then 15 mg/kg every 12 h: four doses in two days."""
    known = draw_covariates(VANCOMYCIN, 0)
    truth = PatientParameters(4.0, 50.0)
    course = fixed(prescription(VANCOMYCIN, known), truth, CLOCK)
    assert course.dose_mg == pytest.approx((25.0 + 3 * 15.0) * known.weight_kg)
    assert course.begins_h == [0.0, 12.0, 24.0, 36.0]


# Newcombe, Stat Med 1998;17:857, Table I, method 3.
@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [(81, 263, 25.53, 36.62), (15, 148, 6.24, 16.05), (0, 20, 0.0, 16.11), (1, 29, 0.61, 17.18)],
)
def test_shares_have_wilson_s_interval(count: int, of: int, low: float, high: float) -> None:
    """A share without its interval says nothing of 200 patients."""
    found = share(count, of)
    assert found["low_percent"] == pytest.approx(low, abs=0.005)
    assert found["high_percent"] == pytest.approx(high, abs=0.005)


@pytest.mark.parametrize(
    ("level", "at_target", "beyond"),
    [
        (500 / 24, True, False),
        (390 / 24, False, False),
        (650 / 24, False, False),
        (30.0, False, True),
    ],
)
def test_an_area_is_judged_by_its_last_day(level: float, at_target: bool, beyond: bool) -> None:
    """400 to 600 reaches, above 700 harms: a level held gives 24 times itself."""
    time_h = np.arange(0.0, 48.01, 0.5)
    levels = np.where(time_h < 24.0, 0.0, level)
    aim = Aim("auc24", 400.0, 600.0, "AUC24/MIC", "a source", mic_mg_l=1.0)
    found = judge(Course(time_h, levels, [0.0], 1.0), aim, load_drug("vancomycin"), 0.0)
    assert found.index == pytest.approx(24.0 * level)
    assert (found.at_target, found.beyond_limit) == (at_target, beyond)


def test_a_pulse_is_judged_by_its_last_peak_and_the_trough_before_it() -> None:
    """Straight lines: 18 mg/L at 25 h, 9 times the MIC; 0.8 mg/L when that dose began."""
    time_h = np.arange(0.0, 48.01, 1.0)
    levels = np.interp(time_h, [0, 1, 24, 25, 48], [0.0, 20.0, 0.8, 18.0, 0.5])
    aim = Aim("peak", 16.0, 20.0, "peak/MIC", "a source", mic_mg_l=2.0)
    found = judge(Course(time_h, levels, [0.0, 24.0], 1.0), aim, load_drug("gentamicin"), 0.0)
    assert found.index == pytest.approx(9.0)
    assert found.kept


@pytest.fixture(scope="module")
def treated() -> Treated:
    """Return one patient by all three ways, closed loop on the twin."""
    return treat(VANCOMYCIN.model_copy(update={"duration_h": 25.0}), 0)


def test_closed_loop_brings_a_patient_whom_nobody_knows_to_the_target(treated: Treated) -> None:
    """The program knows the covariates, the patient has kinetics of his own."""
    assert not treated.refused
    assert treated.held == 0.0
    assert 400.0 < treated.judged["closed_loop"].index < 600.0


def test_the_result_says_the_same_in_table_and_file(treated: Treated, tmp_path: Path) -> None:
    """One row for each way, and a page that holds them."""
    example = prescription(VANCOMYCIN, draw_covariates(VANCOMYCIN, 0))
    result = summarise(VANCOMYCIN, example, [treated, treated])
    page = write_result(tmp_path, VANCOMYCIN, result, [treated, treated]).read_text()
    assert [row[0] for row in rows(result)] == ["standard dose", "a priori", "closed loop"]
    assert all(cell in page for row in rows(result) for cell in row)
    assert load_campaign(str(tmp_path / "campaign.toml")) == VANCOMYCIN


def test_a_patient_whom_no_regimen_can_treat_is_named(tmp_path: Path) -> None:
    """Gentamicin at 12 mL/min falls too slowly for any interval: the file is to be changed."""
    path = tmp_path / "kidneys.toml"
    path.write_text(
        """
        name = "kidneys"
        duration = "75 h"
        drug = { name = "gentamicin" }
        [people]
        age_years = { median = 88, cv = 0.01, low = 87, high = 89 }
        creatinine_male_mg_dl = { median = 2.9, cv = 0.01, low = 2.8, high = 3.0 }
        creatinine_female_mg_dl = { median = 2.9, cv = 0.01, low = 2.8, high = 3.0 }
        """
    )
    with pytest.raises(DosingError, match="Patient 0: no interval up to 72 h"):
        treat(load_campaign(str(path)), 0)
