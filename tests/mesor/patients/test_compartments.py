# SPDX-License-Identifier: MIT
"""Linear patients against textbook closed forms and an independent integrator."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from mesor.errors import ScenarioError
from mesor.patients import ClearanceChange, CompartmentPatient, PatientParameters, VirtualPatient

ADULT = PatientParameters(4.5, 30.0, 5.0, 35.0)
ONE = PatientParameters(4.5, 30.0)
THREE = PatientParameters(4.5, 30.0, 5.0, 35.0, 0.8, 120.0)


@pytest.mark.parametrize("parameters", [ONE, ADULT, THREE])
def test_a_long_infusion_settles_at_rate_over_clearance(parameters: PatientParameters) -> None:
    """C_ss = R / CL holds for every mammillary model, whatever its peripheries."""
    patient = CompartmentPatient(parameters)
    patient.advance(90.0, 3600.0 * 24 * 365)
    assert patient.conc_mg_l == pytest.approx(90.0 / 4.5, rel=1e-9)


def test_an_infusion_into_one_compartment_rises_as_its_closed_form() -> None:
    """C(t) = R/CL (1 - exp(-CL t / V))."""
    patient = CompartmentPatient(ONE)
    for tick in range(1, 49):
        patient.advance(200.0, 300.0)
        hours = tick * 300.0 / 3600.0
        expected = 200.0 / 4.5 * -math.expm1(-4.5 / 30.0 * hours)
        assert patient.conc_mg_l == pytest.approx(expected, rel=1e-12)


def test_a_bolus_falls_as_the_two_exponentials_of_the_textbook() -> None:
    """C(t) = A e^(-alpha t) + B e^(-beta t) (Gibaldi & Perrier, Pharmacokinetics, 1982)."""
    k10, k12, k21 = 4.5 / 30.0, 5.0 / 30.0, 5.0 / 35.0
    total = k10 + k12 + k21
    root = math.sqrt(total**2 - 4.0 * k10 * k21)
    alpha, beta = (total + root) / 2.0, (total - root) / 2.0
    patient = CompartmentPatient(ADULT, amounts_mg=(1000.0, 0.0))
    for tick in range(1, 289):
        patient.advance(0.0, 300.0)
        hours = tick / 12.0
        fast = (alpha - k21) / (alpha - beta) * math.exp(-alpha * hours)
        slow = (k21 - beta) / (alpha - beta) * math.exp(-beta * hours)
        assert patient.conc_mg_l == pytest.approx(1000.0 / 30.0 * (fast + slow), rel=1e-11)


@pytest.mark.parametrize("parameters", [ONE, ADULT, THREE])
def test_the_exact_step_agrees_with_an_adaptive_integrator(parameters: PatientParameters) -> None:
    """The flows are written out here by hand, so a misplaced rate constant shows."""

    def slope(_hours: float, amounts: np.ndarray) -> np.ndarray:
        conc = amounts[0] / parameters.volume_central_l
        change = np.zeros_like(amounts)
        change[0] = 300.0 - parameters.clearance_l_h * conc
        for index, (between, volume) in enumerate(parameters.peripheries, start=1):
            flow = between * (conc - amounts[index] / volume)
            change[0] -= flow
            change[index] += flow
        return change

    count = 1 + len(parameters.peripheries)
    start = np.arange(1.0, count + 1.0) * 100.0
    found = solve_ivp(slope, (0.0, 7.3), start, method="DOP853", rtol=1e-12, atol=1e-10)
    patient = CompartmentPatient(parameters, amounts_mg=start.tolist())
    patient.advance(300.0, 7.3 * 3600.0)
    assert patient.amounts_mg == pytest.approx(found.y[:, -1], rel=1e-9)


def test_the_answers_to_two_infusions_add_up() -> None:
    """Superposition: a linear patient answers the sum of two rates with the sum of levels."""
    both, first, second = (CompartmentPatient(ADULT) for _ in range(3))
    for tick in range(100):
        rate_a, rate_b = 400.0 * (tick < 10), 50.0 + tick
        both.advance(rate_a + rate_b, 300.0)
        first.advance(rate_a, 300.0)
        second.advance(rate_b, 300.0)
    assert both.conc_mg_l == pytest.approx(first.conc_mg_l + second.conc_mg_l, rel=1e-12)


def test_short_steps_and_one_long_step_come_to_the_same() -> None:
    """Step length costs no accuracy, so runs with different ticks can be compared."""
    short, long = CompartmentPatient(THREE), CompartmentPatient(THREE)
    for _ in range(3600):
        short.advance(120.0, 1.0)
    long.advance(120.0, 3600.0)
    assert short.amounts_mg == pytest.approx(long.amounts_mg, rel=1e-11)


def test_drug_that_leaves_the_central_compartment_is_not_lost() -> None:
    """Area under the curve x clearance = dose, with the periphery's share included."""
    patient = CompartmentPatient(ADULT, amounts_mg=(1000.0, 0.0))
    hours = np.arange(0.0, 300.0, 1 / 60.0)
    levels = [patient.conc_mg_l]
    for _ in hours[1:]:
        patient.advance(0.0, 60.0)
        levels.append(patient.conc_mg_l)
    assert np.trapezoid(levels, hours) * 4.5 == pytest.approx(1000.0, rel=1e-5)


def test_a_clearance_change_takes_hold_at_its_hour_even_inside_a_step() -> None:
    """Decay over 1 h at k, then 2 h at k/2 and 1 h at 3k, in one step of 4 h."""
    changes = [ClearanceChange(3.0, 3.0), ClearanceChange(1.0, 0.5)]
    patient = CompartmentPatient(ONE, changes, amounts_mg=(600.0,))
    patient.advance(0.0, 4 * 3600.0)
    expected = 20.0 * math.exp(-0.15 * (1.0 + 0.5 * 2.0 + 3.0 * 1.0))
    assert patient.conc_mg_l == pytest.approx(expected, rel=1e-12)


def test_a_clearance_change_at_a_step_boundary_counts_from_the_next_step() -> None:
    """The schedule must neither lose a change on a boundary nor apply it early."""
    patient = CompartmentPatient(ONE, [ClearanceChange(1.0, 2.0)], amounts_mg=(600.0,))
    patient.advance(0.0, 3600.0)
    assert patient.conc_mg_l == pytest.approx(20.0 * math.exp(-0.15), rel=1e-12)
    patient.advance(0.0, 3600.0)
    assert patient.conc_mg_l == pytest.approx(20.0 * math.exp(-0.45), rel=1e-12)


def test_a_change_at_the_very_start_counts_from_the_start() -> None:
    """at_h = 0 is the way to write a patient who differs from the model all along."""
    patient = CompartmentPatient(ONE, [ClearanceChange(0.0, 2.0)], amounts_mg=(600.0,))
    patient.advance(0.0, 3600.0)
    assert patient.conc_mg_l == pytest.approx(20.0 * math.exp(-0.30), rel=1e-12)


def test_amounts_are_handed_out_as_a_copy() -> None:
    """A plot or a log that scales them must not dose the patient."""
    patient = CompartmentPatient(ADULT, amounts_mg=(600.0, 0.0))
    patient.amounts_mg[0] = 0.0
    assert patient.conc_mg_l == 20.0
    assert isinstance(patient, VirtualPatient)
    assert patient.time_s == 0.0


@pytest.mark.parametrize(("rate", "dt_s"), [(-1.0, 300.0), (math.nan, 300.0), (90.0, -1.0)])
def test_a_negative_rate_or_time_is_refused(rate: float, dt_s: float) -> None:
    """A pump that sucks, or a clock that runs back, is a fault of the bench."""
    patient = CompartmentPatient(ADULT)
    with pytest.raises(ScenarioError, match="must be 0 or more"):
        patient.advance(rate, dt_s)
    assert patient.conc_mg_l == 0.0


@pytest.mark.parametrize(
    ("parameters", "key"),
    [
        ({"clearance_l_h": -1.0, "volume_central_l": 30.0}, "clearance_l_h"),
        ({"clearance_l_h": math.nan, "volume_central_l": 30.0}, "clearance_l_h"),
        ({"clearance_l_h": 4.5, "volume_central_l": 0.0}, "volume_central_l"),
        ({"clearance_l_h": 4.5, "volume_central_l": math.inf}, "volume_central_l"),
        ({"clearance_l_h": 0.0, "volume_central_l": 30.0}, "eliminates nothing"),
        ({"clearance_l_h": 4.5, "volume_central_l": 30.0, "vmax_mg_h": 9.0}, "km_mg_l"),
    ],
)
def test_parameters_that_no_patient_has_are_refused(
    parameters: dict[str, float], key: str
) -> None:
    """The sentence names the parameter, so that a population spec can be mended."""
    with pytest.raises(ScenarioError, match=key):
        PatientParameters(**parameters)


def test_starting_amounts_must_fit_the_compartments() -> None:
    """One amount for two compartments is a mistake, not an empty periphery."""
    with pytest.raises(ScenarioError, match="2 finite amounts"):
        CompartmentPatient(ADULT, amounts_mg=(600.0,))


def test_a_linear_patient_refuses_saturable_parameters() -> None:
    """Ignoring vmax would simulate another drug."""
    patient = CompartmentPatient(PatientParameters(1.0, 20.0, vmax_mg_h=100.0, km_mg_l=5.0))
    with pytest.raises(ScenarioError, match="SaturablePatient"):
        patient.advance(10.0, 300.0)
