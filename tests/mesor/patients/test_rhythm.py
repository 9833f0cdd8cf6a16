# SPDX-License-Identifier: MIT
"""Patients whose clearance follows the clock, against the closed form of a falling level."""

from __future__ import annotations

import math

import pytest

from mesor.dosing.rhythm import Rhythm
from mesor.patients import PatientParameters, make_patient

CLEARANCE_L_H, VOLUME_L = 6.0, 30.0
AMPLITUDE, PEAK_H = 0.3, 15.0


def level_after_h(hours: float, begin_h: float) -> float:
    """Return exp(-integral of CL(t) / V) of a level of one that begins to fall at begin_h."""
    speed = 2.0 * math.pi / 24.0
    ends = [math.sin(speed * (at_h - PEAK_H)) / speed for at_h in (begin_h, begin_h + hours)]
    return math.exp(-CLEARANCE_L_H / VOLUME_L * (hours + AMPLITUDE * (ends[1] - ends[0])))


@pytest.mark.parametrize("begin_h", [0.0, 6.0, 22.5])
@pytest.mark.parametrize("vmax_over_km", [0.0, 1e9])
def test_a_level_falls_as_the_integral_of_the_rhythm_says(
    begin_h: float, vmax_over_km: float
) -> None:
    """Linear and, far below Km, saturable patients; over midnight too."""
    if vmax_over_km:
        parameters = PatientParameters(
            0.0, VOLUME_L, vmax_mg_h=CLEARANCE_L_H * vmax_over_km, km_mg_l=vmax_over_km
        )
    else:
        parameters = PatientParameters(CLEARANCE_L_H, VOLUME_L)
    rhythm = Rhythm(AMPLITUDE, PEAK_H)
    patient = make_patient(parameters, rhythm=rhythm, day_s=begin_h * 3600.0)
    patient.advance(VOLUME_L / (1.0 / 3600.0), 1.0)  # a level of one, within a second
    for tick in range(40):
        patient.advance(0.0, 300.0)
        expected = level_after_h((tick + 1) / 12.0, begin_h)
        assert patient.conc_mg_l == pytest.approx(expected, rel=5e-5)


def test_the_length_of_a_step_costs_no_accuracy() -> None:
    """An hour in one step or in 40 of 90 s is the same patient."""
    parameters = PatientParameters(CLEARANCE_L_H, VOLUME_L, 4.0, 20.0)
    levels = []
    for step_s in (3600.0, 90.0):
        patient = make_patient(parameters, rhythm=Rhythm(AMPLITUDE, PEAK_H), day_s=3600.0)
        for _ in range(round(4 * 3600.0 / step_s)):
            patient.advance(50.0, step_s)
        levels.append(patient.conc_mg_l)
    assert levels[0] == pytest.approx(levels[1], rel=1e-5)


def test_a_patient_without_a_rhythm_does_not_look_at_the_clock() -> None:
    """To the last bit, whatever the time of day."""
    parameters = PatientParameters(CLEARANCE_L_H, VOLUME_L, 4.0, 20.0)
    patients = [make_patient(parameters, day_s=day_s) for day_s in (0.0, 50_000.0)]
    for patient in patients:
        patient.advance(50.0, 1234.0)
    assert patients[0].conc_mg_l == patients[1].conc_mg_l
