# SPDX-License-Identifier: MIT
"""Linear patients: one to three compartments, discretised exactly.

A constant infusion over a step has a closed answer, so the step length costs no
accuracy; the bench relies on that to compare runs with different ticks.
Pure; amounts in mg, time in h inside, s outside.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.linalg import expm

from mesor.errors import ScenarioError
from mesor.patients.patient import FloatArray, PatientParameters, ScheduledPatient


def rate_matrix_per_h(parameters: PatientParameters) -> FloatArray:
    """Return K of d(amounts)/dt = K amounts + [rate, 0, …], shape (n, n), linear part only."""
    central = parameters.volume_central_l
    count = 1 + len(parameters.peripheries)
    matrix = np.zeros((count, count))
    matrix[0, 0] = -parameters.clearance_l_h / central
    for index, (between, volume) in enumerate(parameters.peripheries, start=1):
        matrix[0, 0] -= between / central
        matrix[index, 0] = between / central
        matrix[0, index] = between / volume
        matrix[index, index] = -between / volume
    return matrix


@lru_cache(maxsize=512)  # a day of a rhythm in pieces of five minutes
def transition(parameters: PatientParameters, dt_h: float) -> tuple[FloatArray, FloatArray]:
    """Return (n, n) and (n,): amounts(t + dt) = first @ amounts + second * rate_mg_h.

    Exact for a rate held over dt_h: the exponential of [K B; 0 0] holds both
    (Van Loan, IEEE Trans. Automatic Control 23(3):395, 1978).  Read-only arrays.
    """
    inner = rate_matrix_per_h(parameters)
    count = len(inner)
    whole = np.zeros((count + 1, count + 1))
    whole[:count, :count] = inner
    whole[0, count] = 1.0
    step = np.asarray(expm(whole * dt_h), dtype=np.float64)
    step.setflags(write=False)
    return step[:count, :count], step[:count, count]


class CompartmentPatient(ScheduledPatient):
    """A linear mammillary patient, stepped without discretisation error."""

    __slots__ = ()

    def _infused(self, rate_mg_h: float, dt_s: float, clearance_factor: float) -> FloatArray:
        """Return the amounts after dt_s; raises ScenarioError for a saturable patient."""
        if self.parameters.saturable:
            raise ScenarioError(
                f"vmax_mg_h is {self.parameters.vmax_mg_h:g} mg/h, which a linear patient does "
                "not have; use SaturablePatient."
            )
        scaled = self.parameters.scaled(clearance_factor, 1.0)
        decay, gain = transition(scaled, dt_s / 3600.0)
        moved: FloatArray = decay @ self._amounts_mg + gain * rate_mg_h
        return moved
