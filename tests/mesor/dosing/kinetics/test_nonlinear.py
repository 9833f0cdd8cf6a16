# SPDX-License-Identifier: MIT
"""Saturable kinetics against closed forms, the linear limit and the balance of mass."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.special import lambertw

from mesor.dosing.kinetics import (
    Absorption,
    Dose,
    KineticModel,
    conc_mg_l,
    disposition,
    effect_site_mg_l,
    half_lives_h,
    mean_residence_time_h,
    simulate,
    steady_conc_mg_l,
    steady_rate_mg_h,
    time_above_h,
    volume_steady_state_l,
)
from mesor.errors import DosingError

TIMES_H = np.array([0.0, 0.5, 1.0, 3.0, 2.0, 12.0])  # not in order, on purpose
# Phenytoin's order of magnitude: 500 mg/day and 4 mg/L, V 50 L.
PHENYTOIN = disposition(0.0, 50.0, vmax_mg_h=500.0 / 24.0, km_mg_l=4.0)


@dataclass(frozen=True)
class Sites:
    """One class of binding sites, by the quadratic of mass balance."""

    bound_max_mg_l: float
    dissociation_mg_l: float

    def free_mg_l(self, total_mg_l: float) -> float:
        linear = total_mg_l - self.bound_max_mg_l - self.dissociation_mg_l
        return (linear + math.sqrt(linear**2 + 4 * self.dissociation_mg_l * total_mg_l)) / 2


def test_a_saturated_bolus_falls_as_lambert_w() -> None:
    """Schnell & Mendoza, J Theor Biol 1997;187:207."""
    course = simulate(KineticModel(PHENYTOIN), [Dose(0.0, 1000.0)], TIMES_H)
    exponent = (20.0 - 500.0 / 24.0 / 50.0 * TIMES_H) / 4.0
    expected = 4.0 * lambertw(20.0 / 4.0 * np.exp(exponent)).real
    assert course.conc_mg_l == pytest.approx(expected, rel=1e-8)


def test_the_linear_limit_agrees_with_the_closed_form_for_every_way_in() -> None:
    """Bolus, infusion, oral with lag and with transits, effect site: two engines, one level."""
    own = disposition(4.5, 58.4, 6.5, 38.4)
    doses = [Dose(0.0, 100.0), Dose(0.7, 400.0, 2.0), Dose(1.1, 300.0, route="oral")]
    for way in (Absorption(0.9, 0.8, 0.3), Absorption(0.9, 0.8, 0.3, 2.6, 1.4)):
        model = KineticModel(own, way, ke0_per_h=1.7)
        course = simulate(model, doses, TIMES_H)
        assert course.conc_mg_l == pytest.approx(conc_mg_l(model, doses, TIMES_H), rel=1e-6)
        site = effect_site_mg_l(model, doses, TIMES_H)
        assert course.effect_site_mg_l == pytest.approx(site, rel=1e-6, abs=1e-9)


def test_binding_that_never_saturates_is_a_constant_free_fraction() -> None:
    """Far below Kd the free fraction is fixed, so clearance is fu times the unbound one."""
    sites = Sites(9e6, 1e6)  # fu = 1 / (1 + 9)
    bound = simulate(
        KineticModel(disposition(40.0, 20.0)), [Dose(0.0, 100.0, 1.0)], TIMES_H, sites
    )
    linear = conc_mg_l(KineticModel(disposition(4.0, 20.0)), [Dose(0.0, 100.0, 1.0)], TIMES_H)
    assert bound.conc_mg_l == pytest.approx(linear, rel=1e-4)
    assert bound.free_mg_l == pytest.approx(0.1 * linear, rel=1e-4)


def test_no_drug_is_made_or_lost() -> None:
    """Body and eliminated together are what has been given so far, binding and all."""
    own = disposition(2.0, 20.0, 3.0, 15.0, vmax_mg_h=30.0, km_mg_l=2.0)
    model = KineticModel(own, Absorption(0.8, 0.6, 0.1))
    doses = [Dose(0.0, 500.0), Dose(2.0, 300.0, 4.0), Dose(1.0, 200.0, route="oral")]
    course = simulate(model, doses, [1.5, 6.0, 24.0], Sites(80.0, 30.0))
    given = [500.0 + 120.0, 500.0 + 300.0 + 120.0, 500.0 + 300.0 + 120.0]
    assert course.body_mg + course.eliminated_mg == pytest.approx(given, rel=1e-8)


def test_saturation_makes_levels_grow_faster_than_doses() -> None:
    """Area of a bolus by Michaelis and Menten: C0/Vmax' (Km + C0/2), Vmax' per volume."""
    for dose_mg in (250.0, 1000.0):
        course = simulate(KineticModel(PHENYTOIN), [Dose(0.0, dose_mg)], [2000.0])
        start = dose_mg / 50.0
        expected = start / (500.0 / 24.0 / 50.0) * (4.0 + start / 2.0)
        assert course.auc_mg_h_l[0] == pytest.approx(expected, rel=1e-7)


def test_phenytoin_settles_where_the_textbook_says() -> None:
    """Css = Km R / (Vmax - R): Vmax 500 mg/day, Km 4 mg/L, 400 mg/day give 16 mg/L."""
    assert steady_conc_mg_l(PHENYTOIN, 400.0 / 24.0) == pytest.approx(16.0)
    assert steady_rate_mg_h(PHENYTOIN, 16.0) * 24.0 == pytest.approx(400.0)
    mixed = disposition(3.0, 20.0, vmax_mg_h=30.0, km_mg_l=2.0)
    for conc in (0.01, 1.0, 50.0):
        rate = 3.0 * conc + 30.0 * conc / (2.0 + conc)
        assert steady_conc_mg_l(mixed, rate) == pytest.approx(conc, rel=1e-12)


def test_half_lives_and_residence_are_those_of_the_moments() -> None:
    """MRT is AUMC / AUC; the half-lives' rates multiply to k10 k21 and add to k10+k12+k21."""
    own = disposition(4.5, 58.4, 6.5, 38.4)
    fast, slow = (math.log(2.0) / half for half in half_lives_h(own))
    assert fast * slow == pytest.approx(4.5 / 58.4 * 6.5 / 38.4)
    assert fast + slow == pytest.approx((4.5 + 6.5) / 58.4 + 6.5 / 38.4)
    assert volume_steady_state_l(own) == pytest.approx(96.8)
    model = KineticModel(own, Absorption(0.5, 0.7, 0.4, 1.0, 2.0))
    grid = np.linspace(0.0, 600.0, 6001)
    for dose in (Dose(0.0, 100.0, 3.0), Dose(0.0, 100.0, route="oral")):
        levels = conc_mg_l(model, [dose], grid)
        moments = np.trapezoid(levels * grid, grid) / np.trapezoid(levels, grid)
        assert mean_residence_time_h(model, dose) == pytest.approx(moments, rel=1e-3)


def test_time_above_is_the_time_to_fall_there() -> None:
    """One compartment's bolus is above C for ln(C0/C) / k."""
    model, doses = KineticModel(disposition(4.0, 30.0)), [Dose(1.0, 300.0)]
    hours = time_above_h(lambda t: conc_mg_l(model, doses, t), 2.0, 0.0, 24.0, (1.0,))
    assert hours == pytest.approx(math.log(10.0 / 2.0) * 30.0 / 4.0, abs=1e-8)


def test_what_cannot_settle_or_be_superposed_is_refused() -> None:
    """Each with what to do instead."""
    with pytest.raises(DosingError, match=r"elimination at most 20\.8333 mg/h"):
        steady_conc_mg_l(PHENYTOIN, 25.0)
    with pytest.raises(DosingError, match="one by one"):
        simulate(KineticModel(PHENYTOIN), [Dose(0.0, 1.0, steady_interval_h=8.0)], [1.0])
    with pytest.raises(DosingError, match="without absorption"):
        simulate(KineticModel(PHENYTOIN), [Dose(0.0, 1.0, route="oral")], [1.0])
