# SPDX-License-Identifier: MIT
"""Patients whose elimination saturates (Michaelis-Menten), alone or beside a linear clearance.

Phenytoin and 5-fluorouracil behave so.  No closed form exists for an infusion, so an
adaptive integrator runs at tolerances far below the sensor's microgram per litre.
Pure; amounts in mg, time in h inside, s outside.
"""

from __future__ import annotations

import numpy as np

from mesor.errors import ScenarioError
from mesor.patients.compartments import rate_matrix_per_h
from mesor.patients.patient import FloatArray, ScheduledPatient

_RELATIVE_TOLERANCE = 1e-10
_ABSOLUTE_TOLERANCE_MG = 1e-9


class SaturablePatient(ScheduledPatient):
    """A mammillary patient eliminating at clearance C + vmax C / (km + C) mg/h."""

    __slots__ = ()

    def _infused(self, rate_mg_h: float, dt_s: float, clearance_factor: float) -> FloatArray:
        """Return the amounts after dt_s; raises ScenarioError if the integrator gives up."""
        from scipy.integrate import solve_ivp

        if dt_s == 0.0:
            return self._amounts_mg
        scaled = self.parameters.scaled(clearance_factor, 1.0)
        linear = rate_matrix_per_h(scaled)
        volume_l, vmax, km = scaled.volume_central_l, scaled.vmax_mg_h, scaled.km_mg_l

        def slope(_time_h: float, amounts: FloatArray) -> FloatArray:
            change: FloatArray = linear @ amounts
            conc = amounts[0] / volume_l
            change[0] += rate_mg_h - (vmax * conc / (km + conc) if vmax > 0.0 else 0.0)
            return change

        found = solve_ivp(
            slope,
            (0.0, dt_s / 3600.0),
            self._amounts_mg,
            method="LSODA",  # a small central volume with a large clearance is stiff
            rtol=_RELATIVE_TOLERANCE,
            atol=_ABSOLUTE_TOLERANCE_MG,
        )
        if not found.success:
            raise ScenarioError(
                f"The patient's kinetics could not be integrated over {dt_s:g} s: {found.message}"
            )
        # The tolerance may leave a trace below zero in a patient who has cleared the drug.
        return np.maximum(np.asarray(found.y[:, -1], dtype=np.float64), 0.0)
