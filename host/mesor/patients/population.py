# SPDX-License-Identifier: MIT
"""Draws patients around a nominal one, with log-normal between-subject variability.

Campaigns rely on patient i being the same whether ten or ten thousand are drawn, and
on the clearance draw being the same whatever the volumes do.  Pure; seeded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mesor.dosing.rhythm import Rhythm
from mesor.errors import ScenarioError
from mesor.patients.compartments import CompartmentPatient
from mesor.patients.nonlinear import SaturablePatient
from mesor.patients.patient import ClearanceChange, PatientParameters, VirtualPatient

# First word of the spawn key: what the random numbers are for.  The sensor uses another.
_PATIENT_STREAM = 0


@dataclass(frozen=True, slots=True)
class BetweenSubjectVariability:
    """Coefficients of variation as fractions; zero means that all are alike.

    clearance_cv acts on clearance and vmax, volume_cv on all volumes together,
    independently of each other.
    """

    clearance_cv: float = 0.0
    volume_cv: float = 0.0

    def __post_init__(self) -> None:
        """Raise ScenarioError unless both are finite and not negative."""
        for name in ("clearance_cv", "volume_cv"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0.0):
                raise ScenarioError(f"{name} is {value}; it must be a fraction of 0 or more.")


def omega_squared(cv: float) -> float:
    """Return the variance of the logarithm that gives a log-normal quantity this CV.

    ln(1 + CV^2), not CV^2: for the 39.8 % of Goti 2018 that is 0.147 against 0.158,
    and published model files hold either.
    """
    return math.log1p(cv * cv)


def draw_parameters(
    nominal: PatientParameters,
    variability: BetweenSubjectVariability,
    seed: int,
    patient_index: int = 0,
) -> PatientParameters:
    """Return patient number patient_index of this seed; the nominal one is the median."""
    sequence = np.random.SeedSequence(seed, spawn_key=(_PATIENT_STREAM, patient_index))
    # Both are always drawn, so that one CV never moves the other's random numbers.
    deviates = np.random.default_rng(sequence).standard_normal(2)
    return nominal.scaled(
        math.exp(math.sqrt(omega_squared(variability.clearance_cv)) * float(deviates[0])),
        math.exp(math.sqrt(omega_squared(variability.volume_cv)) * float(deviates[1])),
    )


def make_patient(
    parameters: PatientParameters,
    changes: Sequence[ClearanceChange] = (),
    rhythm: Rhythm | None = None,
    day_s: float = 0.0,
) -> VirtualPatient:
    """Return an empty patient of the kind that the parameters ask for.

    rhythm: of the elimination over the day; day_s: the time of day at the patient's time 0.
    """
    kind = SaturablePatient if parameters.saturable else CompartmentPatient
    return kind(parameters, changes, rhythm=rhythm, day_s=day_s)
