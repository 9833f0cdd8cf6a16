# SPDX-License-Identifier: MIT
"""Populations: the right spread, and patients that stay themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mesor.errors import ScenarioError
from mesor.patients import BetweenSubjectVariability, PatientParameters, draw_parameters
from mesor.patients.population import omega_squared

ADULT = PatientParameters(4.5, 30.0, 5.0, 35.0)
SPREAD = BetweenSubjectVariability(clearance_cv=0.4, volume_cv=0.3)


@pytest.mark.parametrize(("cv", "published"), [(0.398, 0.147), (0.816, 0.510), (0.571, 0.282)])
def test_a_cv_becomes_the_variance_that_posologyr_prints(cv: float, published: float) -> None:
    """Goti 2018's CVs with the variances of posologyr's vignette; CV squared would differ."""
    assert omega_squared(cv) == pytest.approx(published, abs=6e-4)


def test_a_large_population_has_the_stated_median_spread_and_no_correlation() -> None:
    """Within four standard errors: omega/sqrt(n) of a mean, omega/sqrt(2n) of an SD."""
    count = 4000
    drawn = [draw_parameters(ADULT, SPREAD, seed=7, patient_index=i) for i in range(count)]
    logs = np.log([[p.clearance_l_h / 4.5, p.volume_central_l / 30.0] for p in drawn])
    omega = np.sqrt(np.log1p(np.array([0.4, 0.3]) ** 2))
    assert np.all(np.abs(logs.mean(axis=0)) < 4 * omega / math.sqrt(count))
    assert np.all(np.abs(logs.std(axis=0, ddof=1) - omega) < 4 * omega / math.sqrt(2 * count))
    assert abs(np.corrcoef(logs.T)[0, 1]) < 4 / math.sqrt(count)


def test_a_patient_is_the_same_however_many_are_drawn_and_in_whatever_order() -> None:
    """A campaign can be split over machines, or one patient be run again alone."""
    forward = [draw_parameters(ADULT, SPREAD, 3, i) for i in range(20)]
    backward = [draw_parameters(ADULT, SPREAD, 3, i) for i in reversed(range(20))]
    assert forward == backward[::-1]
    assert len({p.clearance_l_h for p in forward}) == len(forward)


def test_the_spread_of_the_volumes_leaves_every_clearance_as_it_was() -> None:
    """Two campaigns that differ in one CV can then be compared patient by patient."""
    alike = BetweenSubjectVariability(clearance_cv=0.4)
    for index in range(10):
        with_volumes = draw_parameters(ADULT, SPREAD, 3, index)
        without = draw_parameters(ADULT, alike, 3, index)
        assert with_volumes.clearance_l_h == without.clearance_l_h
        assert without.volume_central_l == ADULT.volume_central_l


def test_volumes_move_together_and_flows_between_them_stay() -> None:
    """The documented meaning of volume_cv: one size factor for all compartments."""
    nominal = PatientParameters(4.5, 30.0, 5.0, 35.0, 0.8, 120.0)
    drawn = draw_parameters(nominal, SPREAD, 5, 0)
    ratio = drawn.volume_central_l / 30.0
    assert ratio != pytest.approx(1.0)
    assert drawn.volume_peripheral_l == pytest.approx(35.0 * ratio)
    assert drawn.volume_peripheral_2_l == pytest.approx(120.0 * ratio)
    assert drawn.clearance_intercompartmental_l_h == 5.0
    assert drawn.clearance_intercompartmental_2_l_h == 0.8


@pytest.mark.parametrize("cv", [-0.1, math.nan, math.inf])
def test_an_impossible_spread_is_refused(cv: float) -> None:
    """A negative CV would pass through the square unseen."""
    with pytest.raises(ScenarioError, match="clearance_cv"):
        BetweenSubjectVariability(clearance_cv=cv)
