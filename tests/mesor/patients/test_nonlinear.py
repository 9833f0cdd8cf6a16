# SPDX-License-Identifier: MIT
"""Saturable patients against the closed forms that exist."""

from __future__ import annotations

import math

import pytest
from scipy.optimize import brentq
from scipy.special import lambertw

from mesor.patients import (
    ClearanceChange,
    CompartmentPatient,
    PatientParameters,
    SaturablePatient,
    make_patient,
)

# 5-fluorouracil, two-compartment Michaelis-Menten study of 21 patients (PubMed 11014408).
VMAX_MG_H, KM_MG_L = 1390.0, 5.57


def test_an_infusion_settles_where_saturable_elimination_balances_it() -> None:
    """R = Vmax C / (Km + C) gives C = R Km / (Vmax - R)."""
    patient = SaturablePatient(PatientParameters(0.0, 20.0, vmax_mg_h=VMAX_MG_H, km_mg_l=KM_MG_L))
    patient.advance(500.0, 48 * 3600.0)
    assert patient.conc_mg_l == pytest.approx(500.0 * KM_MG_L / (VMAX_MG_H - 500.0), rel=1e-7)


def test_a_bolus_falls_as_the_lambert_w_function() -> None:
    """C(t) = Km W(C0/Km exp((C0 - Vmax t / V) / Km)) (Schnell & Mendoza, JTB 187:207, 1997)."""
    patient = SaturablePatient(
        PatientParameters(0.0, 20.0, vmax_mg_h=VMAX_MG_H, km_mg_l=KM_MG_L), amounts_mg=(1600.0,)
    )
    for tick in range(1, 37):
        patient.advance(0.0, 300.0)
        exponent = (80.0 - VMAX_MG_H / 20.0 * tick / 12.0) / KM_MG_L
        expected = KM_MG_L * lambertw(80.0 / KM_MG_L * math.exp(exponent)).real
        assert patient.conc_mg_l == pytest.approx(expected, rel=1e-7, abs=1e-9)


def test_mixed_elimination_settles_where_both_pathways_balance_the_rate() -> None:
    """The root of CL C + Vmax C / (Km + C) = R, found by bisection."""
    parameters = PatientParameters(8.0, 20.0, 12.0, 30.0, vmax_mg_h=100.0, km_mg_l=2.0)
    expected = brentq(lambda c: 8.0 * c + 100.0 * c / (2.0 + c) - 250.0, 0.0, 100.0, xtol=1e-13)
    patient = SaturablePatient(parameters)
    patient.advance(250.0, 240 * 3600.0)
    assert patient.conc_mg_l == pytest.approx(expected, rel=1e-7)


def test_far_below_km_a_saturable_patient_is_a_linear_one() -> None:
    """Vmax / Km is then a clearance: the two kinds of patient must agree."""
    saturable = SaturablePatient(
        PatientParameters(0.0, 30.0, 5.0, 35.0, vmax_mg_h=4.5e9, km_mg_l=1e9)
    )
    linear = CompartmentPatient(PatientParameters(4.5, 30.0, 5.0, 35.0))
    for tick in range(24):
        for patient in (saturable, linear):
            patient.advance(40.0 * tick, 300.0)
    assert saturable.amounts_mg == pytest.approx(linear.amounts_mg, rel=1e-7)


def test_a_clearance_change_scales_both_pathways() -> None:
    """Half the elimination settles where the whole would at twice the rate."""
    parameters = PatientParameters(2.0, 20.0, vmax_mg_h=100.0, km_mg_l=2.0)
    halved = SaturablePatient(parameters, [ClearanceChange(0.0, 0.5)])
    whole = SaturablePatient(parameters)
    halved.advance(60.0, 500 * 3600.0)
    whole.advance(120.0, 500 * 3600.0)
    assert halved.conc_mg_l == pytest.approx(whole.conc_mg_l, rel=1e-6)


def test_a_cleared_patient_never_goes_below_nothing() -> None:
    """A negative level would reach the sensor and be refused there as a fault."""
    patient = SaturablePatient(
        PatientParameters(0.0, 20.0, vmax_mg_h=VMAX_MG_H, km_mg_l=0.01), amounts_mg=(1600.0,)
    )
    for _ in range(100):
        patient.advance(0.0, 300.0)
        assert patient.conc_mg_l >= 0.0
    patient.advance(0.0, 0.0)
    assert patient.conc_mg_l == pytest.approx(0.0, abs=1e-9)


def test_the_parameters_decide_the_kind_of_patient() -> None:
    """make_patient is what scenarios use; a linear drug must get the exact patient."""
    assert isinstance(make_patient(PatientParameters(4.5, 30.0)), CompartmentPatient)
    saturable = PatientParameters(0.0, 30.0, vmax_mg_h=10.0, km_mg_l=1.0)
    assert isinstance(make_patient(saturable), SaturablePatient)
