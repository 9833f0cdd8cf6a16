# SPDX-License-Identifier: MIT
"""Levels of a patient whose parameters differ from one occasion to the next.

Drug given on one occasion is lost on the next at that one's clearance, so doses cannot
be superposed: amounts are carried from corner to corner, exactly.  Pure; mg, mg/L, h.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from mesor.dosing.kinetics import Dose, KineticModel
from mesor.dosing.kinetics.doses import with_history
from mesor.dosing.kinetics.exponentials import spectrum
from mesor.dosing.kinetics.model import FloatArray
from mesor.errors import DosingError


def conc_over_occasions_mg_l(
    models: Sequence[KineticModel],
    starts_h: Sequence[float],
    doses: Sequence[Dose],
    times_h: FloatArray,
) -> FloatArray:
    """Return the plasma level at times_h, (n,), with models[i] from starts_h[i] on.

    What came before the first start is of the first model.  Raises DosingError for oral
    doses, whose depot is not carried here.
    """
    if any(dose.route == "oral" for dose in doses):
        raise DosingError(
            "an oral dose is given to a model with variability between occasions; leave that "
            "variability out, or give the doses by vein."
        )
    spectra = [spectrum(model.disposition) for model in models]
    begins, amounts, durations = with_history(doses, float(spectra[0].rates_per_h[0]))
    ends = begins + durations
    bolus = durations == 0.0
    rates = np.where(bolus, 0.0, amounts / np.where(bolus, 1.0, durations))
    edges = np.unique(np.concatenate([begins, ends, np.asarray(starts_h), times_h]))
    wanted = dict.fromkeys(times_h.tolist(), 0.0)
    state = np.zeros(1 + len(models[0].disposition.peripheries))
    for index, edge in enumerate(edges.tolist()):
        occasion = max(bisect_right(starts_h, edge) - 1, 0)
        state[0] += float(np.sum(amounts[bolus & (begins == edge)]))
        if edge in wanted:
            wanted[edge] = float(state[0]) / spectra[occasion].root_volumes[0] ** 2
        if index + 1 < len(edges):
            running = (begins <= edge) & (edge < ends)
            decay, gain = spectra[occasion].transition(float(edges[index + 1]) - edge)
            state = decay @ state + gain * float(np.sum(rates[running]))
    return np.array([wanted[time] for time in times_h.tolist()])
