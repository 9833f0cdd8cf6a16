# SPDX-License-Identifier: MIT
"""Levels in closed form against textbook formulas, other integrators, and symmetries."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp
from scipy.linalg import expm

from mesor.dosing.kinetics import (
    Absorption,
    Dose,
    KineticModel,
    auc_infinite_mg_h_l,
    auc_mg_h_l,
    conc_mg_l,
    disposition,
    effect_site_mg_l,
    interval_exposure,
    repeated,
)
from mesor.errors import DosingError
from mesor.patients import CompartmentPatient

ONE = disposition(4.0, 30.0)
TWO = disposition(4.5, 58.4, 6.5, 38.4)  # vancomycin, Goti 2018
THREE = disposition(1.62, 4.27, 1.29, 18.9, 0.836, 238.0)  # propofol, Schnider 1998, L/min
SATURABLE = disposition(0.0, 9.0, vmax_mg_h=1.0, km_mg_l=1.0)
TIMES_H = np.array([0.0, 0.3, 1.0, 2.0, 7.9, 8.0, 11.0, 30.0])


@pytest.mark.parametrize("own", [ONE, TWO, THREE], ids=["one", "two", "three"])
def test_infusions_agree_with_the_virtual_patients_matrix_exponential(own: object) -> None:
    """What is prescribed and what the bench simulates must be one model."""
    patient = CompartmentPatient(own)  # type: ignore[arg-type]
    doses = [Dose(0.0, 300.0, 1.0), Dose(8.0, 500.0, 2.0)]
    expected = []
    for low, high, rate in [(0, 1, 300.0), (1, 8, 0.0), (8, 10, 250.0), (10, 24, 0.0)]:
        patient.advance(rate, (high - low) * 3600.0)
        expected.append(patient.conc_mg_l)
    levels = conc_mg_l(KineticModel(own), doses, [1.0, 8.0, 10.0, 24.0])  # type: ignore[arg-type]
    assert levels == pytest.approx(expected, rel=1e-11)


def test_a_two_compartment_bolus_is_the_textbooks_biexponential() -> None:
    """alpha, beta, A and B from k10, k12, k21 (Gibaldi & Perrier, Pharmacokinetics, ch. 2)."""
    k10, k12, k21 = 4.5 / 58.4, 6.5 / 58.4, 6.5 / 38.4
    total, product = k10 + k12 + k21, k10 * k21
    alpha = (total + math.sqrt(total**2 - 4 * product)) / 2
    beta = product / alpha
    initial = 1000.0 / 58.4
    expected = [
        initial
        * (
            (alpha - k21) / (alpha - beta) * math.exp(-alpha * t)
            + (k21 - beta) / (alpha - beta) * math.exp(-beta * t)
        )
        for t in TIMES_H
    ]
    levels = conc_mg_l(KineticModel(TWO), [Dose(0.0, 1000.0)], TIMES_H)
    assert levels == pytest.approx(expected, rel=1e-12)


def test_absorption_is_batemans_function_and_its_limit_where_ka_is_ke() -> None:
    """F D ka / (V (ka - ke)) (e^-ke t - e^-ka t); where equal, F D/V k t e^-kt."""
    ke = 4.0 / 30.0
    way = Absorption(1.1, bioavailability=0.8, lag_h=0.25)
    levels = conc_mg_l(KineticModel(ONE, way), [Dose(0.0, 200.0, route="oral")], TIMES_H)
    since = np.maximum(TIMES_H - 0.25, 0.0)
    bateman = 0.8 * 200 * 1.1 / (30 * (1.1 - ke)) * (np.exp(-ke * since) - np.exp(-1.1 * since))
    assert levels == pytest.approx(bateman, rel=1e-12)
    for ka in (ke, ke * (1 + 1e-13), ke * (1 - 1e-9)):
        model = KineticModel(ONE, Absorption(ka))
        levels = conc_mg_l(model, [Dose(0.0, 200.0, route="oral")], TIMES_H)
        limit = 200.0 / 30.0 * ke * TIMES_H * np.exp(-ke * TIMES_H)
        assert levels == pytest.approx(limit, rel=1e-8)


@pytest.mark.parametrize("transits", [0.0, 3.0, 9.0])
def test_whole_transits_are_a_chain_of_compartments(transits: float) -> None:
    """Savic's gamma input with a whole n is n + 1 equal steps before the depot: expm."""
    ka, mean_h = 0.9, 1.5
    ktr, count = (transits + 1) / mean_h, int(transits) + 3
    matrix = np.diag([-ktr] * (count - 2) + [-ka, -4.0 / 30.0])
    for step in range(count - 1):
        matrix[step + 1, step] = -matrix[step, step]
    expected = [200.0 / 30.0 * expm(matrix * t)[-1, 0] for t in TIMES_H]
    way = Absorption(ka, transits=transits, mean_transit_h=mean_h)
    levels = conc_mg_l(KineticModel(ONE, way), [Dose(0.0, 200.0, route="oral")], TIMES_H)
    assert levels == pytest.approx(expected, rel=1e-8, abs=1e-12)


def test_an_infusion_reaches_the_effect_site_as_an_integrator_says() -> None:
    """DOP853, another method, at tolerances of 1e-12; ke0 is propofol's 0.456 per minute."""
    model = KineticModel(THREE, ke0_per_h=0.456)
    k10, k12, k21 = 1.62 / 4.27, 1.29 / 4.27, 1.29 / 18.9
    k13, k31 = 0.836 / 4.27, 0.836 / 238.0

    def slope(time: float, y: np.ndarray) -> list[float]:
        rate = 25.0 if time < 2.0 else 0.0
        return [
            rate - (k10 + k12 + k13) * y[0] + k21 * y[1] + k31 * y[2],
            k12 * y[0] - k21 * y[1],
            k13 * y[0] - k31 * y[2],
            0.456 * (y[0] / 4.27 - y[3]),
        ]

    first = solve_ivp(
        slope, (0, 2), [0.0] * 4, "DOP853", max_step=2 - 1e-9, rtol=1e-12, atol=1e-13
    )
    after = solve_ivp(slope, (2, 12), first.y[:, -1], "DOP853", rtol=1e-12, atol=1e-13)
    found = effect_site_mg_l(model, [Dose(0.0, 50.0, 2.0)], [2.0, 12.0])
    assert found == pytest.approx([first.y[3, -1], after.y[3, -1]], rel=1e-8)


def test_an_effect_site_as_fast_as_elimination_has_a_value() -> None:
    """ke0 = ke = ka: the thrice repeated rate gives D k^2 t^2 e^-kt / 2V."""
    ke = 4.0 / 30.0
    model = KineticModel(ONE, Absorption(ke), ke0_per_h=ke)
    found = effect_site_mg_l(model, [Dose(0.0, 60.0, route="oral")], TIMES_H)
    expected = 2.0 * (ke * TIMES_H) ** 2 / 2.0 * np.exp(-ke * TIMES_H)
    assert found == pytest.approx(expected, rel=1e-12)


def test_steady_state_is_where_many_doses_lead() -> None:
    """SS must equal the sixtieth dose of the same regimen, by whatever route."""
    way = Absorption(0.7, 0.9, 0.5, transits=2.4, mean_transit_h=1.0)
    model = KineticModel(TWO, way)
    for dose in (Dose(0.0, 750.0, 1.5), Dose(0.0, 750.0), Dose(0.0, 750.0, route="oral")):
        many = repeated(dose, 61, 12.0)
        settled = Dose(0.0, 750.0, dose.duration_h, dose.route, steady_interval_h=12.0)
        late = conc_mg_l(model, many, 720.0 + np.arange(0.0, 12.0, 0.7))
        assert conc_mg_l(model, [settled], np.arange(0.0, 12.0, 0.7)) == pytest.approx(late)


def test_gentamicin_by_intermittent_infusion_follows_sawchuk_and_zaske() -> None:
    """J Pharmacokinet Biopharm 1976;4:183, for ke 0.298 per h, V 18.2 L, 1 h every 8 h.

    dose/t' = Cmax ke V (1 - e^(-ke tau)) / (1 - e^(-ke t')): 172 mg for a peak of 9 mg/L;
    the trough follows from the peak by exp(-ke 7 h).
    """
    model = KineticModel(disposition(0.298 * 18.2, 18.2))
    settled = interval_exposure(model, Dose(0.0, 172.0, 1.0), 8.0)
    assert settled.conc_max_mg_l == pytest.approx(9.0, rel=0.005)
    assert settled.time_max_h == pytest.approx(1.0)
    assert settled.conc_min_mg_l == pytest.approx(9.0 * math.exp(-0.298 * 7.0), rel=0.005)


def test_oral_peak_is_at_the_textbooks_time() -> None:
    """Tmax = ln(ka/ke) / (ka - ke) of a single dose (interval of 1000 h)."""
    ke, ka = 4.0 / 30.0, 1.1
    model = KineticModel(ONE, Absorption(ka, lag_h=0.5))
    found = interval_exposure(model, Dose(0.0, 200.0, route="oral"), 1000.0)
    assert found.time_max_h == pytest.approx(0.5 + math.log(ka / ke) / (ka - ke), rel=1e-6)
    assert found.auc_mg_h_l == pytest.approx(200.0 / 4.0, rel=1e-9)


@pytest.mark.parametrize(
    "dose", [Dose(1.0, 500.0), Dose(1.0, 500.0, 3.0), Dose(1.0, 500.0, route="oral")]
)
def test_area_is_the_integral_of_the_level_and_tends_to_dose_over_clearance(dose: Dose) -> None:
    """By adaptive quadrature over the hours asked for; then F D / CL at the end of time."""
    model = KineticModel(TWO, Absorption(0.6, 0.75, transits=1.5, mean_transit_h=2.0))
    expected, _ = quad(
        lambda t: conc_mg_l(model, [dose], [t])[0],
        0.5,
        9.0,
        points=[1, 4],
        epsabs=1e-11,
        limit=200,
    )
    assert auc_mg_h_l(model, [dose], 0.5, 9.0) == pytest.approx(expected, rel=1e-8)
    share = 0.75 if dose.route == "oral" else 1.0
    assert auc_infinite_mg_h_l(model, [dose]) == pytest.approx(500.0 * share / 4.5)
    assert auc_mg_h_l(model, [dose], 0.0, 2000.0) == pytest.approx(500.0 * share / 4.5, rel=1e-9)


def test_levels_superpose_and_shift_in_time() -> None:
    """Linear and time-invariant: sums of doses give sums of levels, delays delay them."""
    model = KineticModel(TWO, Absorption(0.6, lag_h=0.2))
    first, second = Dose(0.0, 400.0, 2.0), Dose(3.0, 250.0, route="oral")
    both = conc_mg_l(model, [first, second], TIMES_H)
    apart = conc_mg_l(model, [first], TIMES_H) + conc_mg_l(model, [second], TIMES_H)
    assert both == pytest.approx(apart, rel=1e-13)
    later = [Dose(5.0, 400.0, 2.0), Dose(8.0, 250.0, route="oral")]
    assert conc_mg_l(model, later, TIMES_H + 5.0) == pytest.approx(both, rel=1e-10)


def test_a_periphery_without_flow_is_not_there() -> None:
    """Zero flow would otherwise be a mode that never decays."""
    cut = disposition(4.0, 30.0, 0.0, 100.0, 2.0, 0.0)
    dose = [Dose(0.0, 100.0, 1.0, steady_interval_h=6.0)]
    alone = conc_mg_l(KineticModel(ONE), dose, TIMES_H)
    assert conc_mg_l(KineticModel(cut), dose, TIMES_H) == pytest.approx(alone, rel=1e-13)


def test_equal_eigenvalues_have_a_level() -> None:
    """A vanishing flow to a periphery with CL/V's own rate: one compartment in the limit."""
    close = disposition(4.0, 30.0, 1e-12, 30.0 * 1e-12 / 4.0)
    levels = conc_mg_l(KineticModel(close), [Dose(0.0, 100.0)], TIMES_H)
    alone = conc_mg_l(KineticModel(ONE), [Dose(0.0, 100.0)], TIMES_H)
    assert levels == pytest.approx(alone, rel=1e-5)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: Dose(-1.0, 100.0), "time_h is -1.0 h"),
        (lambda: Dose(0.0, math.nan), "amount_mg is nan"),
        (lambda: Dose(0.0, 1.0, 9.0, steady_interval_h=8.0), "every 8 h"),
        (lambda: Dose(0.0, 1.0, route="rectal"), "rectal"),  # type: ignore[arg-type]
        (lambda: disposition(-1.0, 30.0), "clearance_l_h is -1"),
        (lambda: Absorption(0.0), "ka_per_h is 0"),
        (lambda: Absorption(1.0, 1.2), "bioavailability is 1.2"),
        (lambda: conc_mg_l(KineticModel(ONE), [Dose(0.0, 1.0)], [-2.0]), "time is -2.0 h"),
        (lambda: conc_mg_l(KineticModel(ONE), [Dose(0.0, 1.0, route="oral")], [1.0]), "without"),
        (lambda: effect_site_mg_l(KineticModel(ONE), [], [1.0]), "ke0_per_h is 0"),
        (lambda: auc_mg_h_l(KineticModel(ONE), [], 5.0, 4.0), "the end comes first"),
        (
            lambda: conc_mg_l(
                KineticModel(disposition(0.0, 9.0, vmax_mg_h=1, km_mg_l=1)), [], [1]
            ),
            "saturable",
        ),
        (
            lambda: conc_mg_l(KineticModel(ONE), [Dose(0.0, 1.0, steady_interval_h=1e-4)], [1.0]),
            "steady state",
        ),
    ],
)
def test_the_impossible_is_refused_in_one_sentence(wrong: object, says: str) -> None:
    """The command line prints it as it is."""
    with pytest.raises(DosingError, match=says) as refusal:
        wrong()  # type: ignore[operator]
    assert "\n" not in str(refusal.value)
