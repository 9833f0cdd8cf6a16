# SPDX-License-Identifier: MIT
"""The integrator that every response over time shares, and the checks of its parameters.

A response's drug is a Profile: concentrations at times.  Where it jumps (a bolus) or bends
(an end of infusion) must be told, for there the integrator starts afresh.  Pure; h.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.integrate import solve_ivp

from mesor.dosing.kinetics.model import FloatArray, checked_times
from mesor.errors import DosingError

Profile = Callable[[FloatArray], FloatArray]
Slope = Callable[[FloatArray, float], FloatArray]  # of the state and the concentration, mg/L


def positive(owner: str, **values: float) -> None:
    """Raise DosingError unless every value is finite and more than 0."""
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0.0):
            raise DosingError(f"{owner}'s {name} is {value}; it must be more than 0.")


def not_negative(owner: str, **values: float) -> None:
    """Raise DosingError unless every value is finite and at least 0."""
    for name, value in values.items():
        if not (math.isfinite(value) and value >= 0.0):
            raise DosingError(f"{owner}'s {name} is {value}; it must be at least 0.")


def follow(
    slope: Slope,
    start: npt.ArrayLike,
    profile: Profile,
    times_h: npt.ArrayLike,
    corners_h: Sequence[float] = (),
) -> FloatArray:
    """Integrate a response under profile from time 0 to ascending times_h: (n, states).

    LSODA at 1e-9.  Raises DosingError where times do not ascend or it gives up.
    """
    times = checked_times(times_h)
    if np.any(np.diff(times) < 0.0):
        raise DosingError("the times of a response must ascend; sort them.")
    end_h = float(times[-1])
    edges = np.unique([0.0, *(corner for corner in corners_h if 0.0 < corner < end_h), end_h])
    state = np.asarray(start, dtype=np.float64)
    states = np.tile(state, (len(times), 1))
    for low, high in pairwise(edges):
        before = float(np.nextafter(high, low))  # a bolus at high is not there yet

        def change(time_h: float, now: FloatArray, last_h: float = before) -> FloatArray:
            return slope(now, float(profile(np.array([min(time_h, last_h)]))[0]))

        inside = (times > low) & (times <= high)
        wanted = np.unique(np.append(times[inside], high))
        found = solve_ivp(
            change, (low, high), state, "LSODA", t_eval=wanted, rtol=1e-9, atol=1e-12
        )
        if not found.success:
            raise DosingError(f"the response could not be followed to {high:g} h: {found.message}")
        states[inside] = found.y.T[np.searchsorted(wanted, times[inside])]
        state = found.y[:, -1]
    return states
