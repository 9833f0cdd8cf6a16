# SPDX-License-Identifier: MIT
"""Regimens against closed forms: what they reach, how they are chosen, what is impossible."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mesor.dosing.kinetics import (
    Dose,
    KineticModel,
    conc_mg_l,
    disposition,
    interval_exposure,
)
from mesor.dosing.levels import PopulationModel, ResidualError, independent, prior
from mesor.dosing.library import Limit
from mesor.dosing.prescription.aim import Aim
from mesor.dosing.prescription.belief import Belief, belief
from mesor.dosing.prescription.choice import CONTINUOUS, amount_mg, choose
from mesor.dosing.prescription.regimen import Regimen, Shape, applying, expect, profile
from mesor.errors import DosingError

ONE = KineticModel(disposition(4.0, 30.0))
THREE = KineticModel(disposition(3.0, 20.0, 5.0, 30.0, 1.0, 100.0))
ALONE = Belief((1.0,), (ONE,), ((ONE,) * 512,))
CV = 0.4
POPULATION = PopulationModel(
    "one",
    {"clearance_l_h": 4.0, "volume_central_l": 30.0},
    independent({"clearance_l_h": CV}),
    ResidualError(0.1),
)


def limit(quantity: str, most: float, unit: str = "mg/L") -> Limit:
    """Return a limit."""
    return Limit.model_validate(
        {"quantity": quantity, "most": most, "unit": unit, "source": "test"}
    )


@pytest.mark.parametrize(("duration_h", "interval_h"), [(0.0, 8.0), (1.5, 12.0), (24.0, 24.0)])
def test_settled_levels_are_those_of_superposed_doses(
    duration_h: float, interval_h: float
) -> None:
    """Three compartments, bolus, infusion and a continuous one, peak and trough and area."""
    found = profile(THREE, Regimen(500.0, Shape(duration_h, interval_h)))
    dose = Dose(0.0, 500.0, duration_h)
    usual = interval_exposure(THREE, dose, interval_h)
    assert found.peak_mg_l == pytest.approx(usual.conc_max_mg_l, rel=1e-9)
    assert found.trough_mg_l == pytest.approx(usual.conc_min_mg_l, rel=1e-9)
    assert found.auc24_mg_h_l == pytest.approx(usual.auc_mg_h_l * 24.0 / interval_h, rel=1e-9)


def test_the_share_above_a_level_is_the_textbooks() -> None:
    """A settled bolus of one compartment: t = ln(C0/MIC) V/CL, C0 = D/V/(1 - e^-k tau)."""
    rate, interval_h, threshold = 4.0 / 30.0, 12.0, 6.0
    start = 300.0 / 30.0 / (1.0 - math.exp(-rate * interval_h))
    share = math.log(start / threshold) / rate / interval_h
    found = profile(ONE, Regimen(300.0, Shape(0.0, interval_h)))
    assert found.share_above(threshold) == pytest.approx(share, rel=2e-4)
    assert found.held_mg_l(share) == pytest.approx(threshold, rel=2e-4)


def test_time_above_counts_the_rise_of_an_infusion_too() -> None:
    """One compartment: up to R/CL (1 - e^-kd) from the trough, and down again, by hand."""
    rate, interval_h, duration_h, threshold = 4.0 / 30.0, 8.0, 3.0, 10.0
    top = 300.0 / duration_h / 4.0
    peak = top * -math.expm1(-rate * duration_h) / -math.expm1(-rate * interval_h)
    trough = peak * math.exp(-rate * (interval_h - duration_h))
    reached_h = math.log((top - trough) / (top - threshold)) / rate
    lost_h = duration_h + math.log(peak / threshold) / rate
    found = profile(ONE, Regimen(300.0, Shape(duration_h, interval_h)))
    assert trough < threshold < peak
    assert found.peak_mg_l == pytest.approx(peak) and found.trough_mg_l == pytest.approx(trough)
    share = (lost_h - reached_h) / interval_h
    assert found.share_above(threshold) == pytest.approx(share, rel=1e-3)


def test_doses_by_mouth_settle_as_superposed_ones_do() -> None:
    """First-order absorption, through the general path."""
    from mesor.dosing.kinetics import Absorption

    model = KineticModel(disposition(4.0, 30.0), Absorption(1.0, 0.8))
    found = profile(model, Regimen(100.0, Shape(0.0, 12.0, "oral")))
    times = np.linspace(0.0, 12.0, 2001)
    levels = conc_mg_l(model, [Dose(0.0, 100.0, 0.0, "oral", 12.0)], times)
    assert found.peak_mg_l == pytest.approx(levels.max(), rel=1e-3)
    assert found.auc24_mg_h_l == pytest.approx(2 * 0.8 * 100.0 / 4.0, rel=1e-9)


def test_a_window_is_aimed_at_in_its_middle_and_an_open_end_for_nine_of_ten() -> None:
    """Area: dose = area CL.  Open above: the 90th centile of a log-normal clearance."""
    believed = belief([prior(POPULATION, ())], [1.0])
    window = Aim("auc24", 400.0, 600.0, "window", "test")
    assert amount_mg(believed, window, Shape(1.0, 12.0)) == pytest.approx(500.0 * 4.0 / 2.0)
    floor = Aim("held", 10.0, None, "floor", "test")
    sigma = math.sqrt(math.log1p(CV**2))
    centile = 4.0 * math.exp(1.2815515655 * sigma)
    assert amount_mg(believed, floor, CONTINUOUS) == pytest.approx(240.0 * centile, rel=0.01)
    chosen = Regimen(amount_mg(believed, floor, CONTINUOUS), CONTINUOUS)
    reached = expect(chosen, believed, floor, (), None).reaches_target
    assert reached == pytest.approx(0.9, abs=0.005)


def test_chances_are_those_of_the_log_normal_distribution() -> None:
    """P(AUC24 >= 400) and P(AUC24 > 700) of 2 g a day at CL 4 L/h, CV 40 %."""
    believed = belief([prior(POPULATION, ())], [1.0])
    aim = Aim("auc24", 400.0, 600.0, "window", "test")
    found = expect(
        Regimen(1000.0, Shape(1.0, 12.0)), believed, aim, (limit("auc24", 700.0),), None
    )
    sigma = math.sqrt(math.log1p(CV**2))
    above = [
        0.5 * math.erfc(math.log(area / 500.0) / sigma / math.sqrt(2)) for area in (400, 700, 600)
    ]
    assert found.reaches_target == pytest.approx(above[0], abs=0.01)
    assert found.exceeds_target == pytest.approx(above[2], abs=0.01)
    assert found.exceeds_limit == pytest.approx(above[1], abs=0.01)


def test_a_peak_gets_the_shortest_interval_that_clears_the_trough() -> None:
    """Peak 20, trough at most 1: k tau >= ln 20 + k d, so 22.5 h and a bit: every 24 h."""
    aim = Aim("peak", 16.0, 24.0, "peak", "test")
    found = choose(ALONE, aim, Shape(0.5, 8.0), (limit("trough", 1.0),))
    assert found.shape.interval_h == 24.0
    assert profile(ONE, found).peak_mg_l == pytest.approx(20.0)
    with pytest.raises(DosingError, match="no interval up to 72 h keeps trough at most 1e-06"):
        choose(ALONE, aim, Shape(0.5, 8.0), (limit("trough", 1e-6),))


def test_an_infusion_is_made_as_long_as_its_rate_asks() -> None:
    """1000 mg at no more than 400 mg/h is 2.5 h; what no rate can give is refused."""
    aim = Aim("auc24", 500.0, 500.0, "area 500", "test")
    found = choose(ALONE, aim, Shape(1.0, 12.0), (limit("rate", 400.0, "mg/h"),))
    assert found.amount_mg == pytest.approx(1000.0) and found.shape.duration_h == 2.5
    with pytest.raises(DosingError, match="at most 50 mg/h may be infused, so no rate reaches"):
        choose(ALONE, aim, Shape(1.0, 12.0), (limit("rate", 50.0, "mg/h"),))


def test_a_continuous_infusion_is_judged_by_the_area_and_not_by_a_trough() -> None:
    """20.8 mg/L of vancomycin all day is an area of 500, whatever a trough of 20 says."""
    both = (limit("trough", 20.0), limit("auc24", 700.0))
    assert [item.quantity for item in applying(both, CONTINUOUS)] == ["auc24"]
    assert len(applying(both, Shape(1.0, 12.0))) == 2
    assert [item.quantity for item in applying(both[:1], CONTINUOUS)] == ["trough"]


def test_saturable_elimination_is_followed_as_an_infusion_only() -> None:
    """5-FU: rate = Vmax C / (Km + C); a bolus has no such closed form."""
    model = KineticModel(disposition(0.0, 20.0, vmax_mg_h=1390.0, km_mg_l=5.57))
    believed = Belief((1.0,), (model,), ((model,),))
    aim = Aim("course_auc", 20.0, 30.0, "area", "test")
    amount = amount_mg(believed, aim, Shape(46.0, None))
    level = 25.0 / 46.0
    assert amount == pytest.approx(46.0 * 1390.0 * level / (5.57 + level))
    with pytest.raises(DosingError, match="only a continuous infusion"):
        profile(model, Regimen(500.0, Shape(0.0, 24.0)))
