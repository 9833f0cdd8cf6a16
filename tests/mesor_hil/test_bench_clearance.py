# SPDX-License-Identifier: MIT
"""Levels are held while a clearance changes, and what counts as held is what it says."""

from __future__ import annotations

import numpy as np
import pytest

from mesor.dosing.library import drug_names, load_drug
from mesor.dosing.patient_file import covariates
from mesor.dosing.prescription import Order, prescribe
from mesor.errors import ScenarioError
from mesor.performance import TargetWindow
from mesor_hil.bench_clearance import (
    AREAS,
    LEVELS,
    PATIENT,
    AreaChange,
    bench_areas,
    bench_clearance,
    longest_outside_h,
    scenario_of,
)

WINDOW = TargetWindow(10.0, 8.0, 12.0)


def test_a_drug_without_a_level_is_refused() -> None:
    """Clopidogrel is dosed by its response."""
    with pytest.raises(ScenarioError, match="No level is held of 'clopidogrel'"):
        list(bench_clearance(["clopidogrel"], "twin", print))


def test_areas_are_those_of_the_drugs_that_are_dosed_by_one() -> None:
    """The library says which; another drug is refused."""
    by_area = {name for name in drug_names() if load_drug(name).target.index.startswith("auc")}
    assert set(AREAS) == by_area
    with pytest.raises(ScenarioError, match="No area is filled of 'cefepime'"):
        list(bench_areas(["cefepime"], "twin", print))


def test_one_area_of_several_that_is_missed_fails_the_change() -> None:
    """The day of the change, or the day after it: both are the patient's."""
    change = AreaChange("vancomycin", 0.5, 2.0, 500.0, [490.0, 530.0], 8.0, 1.5, stopped=False)
    assert change.error_percent == pytest.approx([-2.0, 6.0])
    assert not change.passed


def test_every_drug_that_is_infused_has_a_level() -> None:
    """Those that the library knows, less the one by mouth."""
    assert set(LEVELS) == set(drug_names()) - {"clopidogrel"}
    assert all(low < target < high for target, low, high in LEVELS.values())


@pytest.mark.parametrize("drug", LEVELS)
def test_every_level_makes_a_scenario(drug: str) -> None:
    """Whatever its therapy needs is there, as the time of day where a clearance follows it."""
    prescription = prescribe(Order(patient=covariates(PATIENT), drug=load_drug(drug)))
    scenario = scenario_of(prescription, 0.5, seed=3)
    assert scenario.seed == 3
    assert scenario.therapy.target_mg_l == pytest.approx(LEVELS[drug][0], rel=1e-4)
    assert (scenario.model.rhythm is None) == (scenario.patient.rhythm is None)


@pytest.mark.parametrize(
    ("levels", "hours"),
    [
        ([10, 11, 12, 11, 10, 10], 0.0),
        ([10, 13, 11, 13, 13, 11], 3.0),  # from the last sample inside to the next one
        ([10, 11, 11, 7, 10, 10], 2.0),
        ([10, 10, 10, 10, 10, 13], 4.0),  # never seen to come back
    ],
)
def test_the_longest_time_outside_is_counted_from_inside_to_inside(
    levels: list[float], hours: float
) -> None:
    """Between two samples the level may have left at once: the longer time counts."""
    time_h = np.arange(8.0, 14.0)
    assert longest_outside_h(time_h, np.array(levels, dtype=float), WINDOW) == hours


def test_cefepime_stays_inside_its_window_whatever_the_kidneys_do() -> None:
    """Clearance halved and doubled: neither takes the level out."""
    halved, doubled = bench_clearance(["cefepime"], "twin", lambda _text: None)
    assert (halved.factor, doubled.factor) == (0.5, 2.0)
    assert halved.passed
    assert doubled.passed
    assert halved.highest_percent > 1.0
    assert doubled.lowest_percent < -1.0
