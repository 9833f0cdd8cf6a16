# SPDX-License-Identifier: MIT
"""Kinetics without a closed form: saturable elimination and saturable protein binding.

The adaptive integrator is restarted wherever a dose begins or ends, for across such a
corner its error estimate means nothing.  Pure; mg, L, mg/L, h.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mesor.dosing.kinetics.doses import Dose
from mesor.dosing.kinetics.model import Absorption, FloatArray, KineticModel, checked_times
from mesor.errors import DosingError

_RELATIVE_TOLERANCE = 1e-10
_ABSOLUTE_TOLERANCE = 1e-10


class Binding(Protocol):
    """Protein binding, as dosing.binding has it: the free drug of a total one."""

    def free_mg_l(self, total_mg_l: float) -> float:
        """Return the free concentration, mg/L."""


@dataclass(frozen=True, slots=True)
class Course:
    """What simulate returns, each (n,): levels, and the books of area and elimination.

    Without binding, free is total.  effect_site is that of the free drug and all zero
    without a ke0; auc is that of the total level since time 0.
    """

    times_h: FloatArray
    conc_mg_l: FloatArray
    free_mg_l: FloatArray
    effect_site_mg_l: FloatArray
    auc_mg_h_l: FloatArray
    eliminated_mg: FloatArray
    body_mg: FloatArray


@dataclass(frozen=True, slots=True)
class _Equations:
    """The state: central, peripheries, depot (mg), effect site (mg/L), area, eliminated."""

    model: KineticModel
    doses: tuple[Dose, ...]
    binding: Binding | None

    @property
    def depot(self) -> int:
        """Return where the depot is in the state; effect, area and losses follow it."""
        return 1 + len(self.model.disposition.peripheries)

    def free_mg_l(self, central_mg: float) -> float:
        """Return the free concentration of a central amount."""
        total = max(central_mg, 0.0) / self.model.disposition.volume_central_l
        return total if self.binding is None else self.binding.free_mg_l(total)

    def slope(self, rate_mg_h: float) -> Callable[[float, FloatArray], FloatArray]:
        """Return d(state)/dt while rate_mg_h is infused; only free drug moves or is lost."""
        own, depot = self.model.disposition, self.depot
        absorption = self.model.absorption
        ka_per_h = absorption.ka_per_h if absorption else 0.0

        def change(time_h: float, state: FloatArray) -> FloatArray:
            rates = np.zeros_like(state)
            free = self.free_mg_l(state[0])
            loss = own.clearance_l_h * free
            if own.saturable:
                loss += own.vmax_mg_h * free / (own.km_mg_l + free)
            rates[0] = rate_mg_h + ka_per_h * state[depot] - loss
            for index, (flow, volume) in enumerate(own.peripheries, start=1):
                moved = flow * (free - state[index] / volume)
                rates[0] -= moved
                rates[index] = moved
            rates[depot] = self.arriving_mg_h(time_h) - ka_per_h * state[depot]
            rates[depot + 1] = self.model.ke0_per_h * (free - state[depot + 1])
            rates[depot + 2] = state[0] / own.volume_central_l
            rates[depot + 3] = loss
            return rates

        return change

    def arriving_mg_h(self, time_h: float) -> float:
        """Return what reaches the depot out of the transit compartments."""
        way = self.model.absorption
        if way is None or way.mean_transit_h == 0.0:
            return 0.0
        return sum(
            way.bioavailability * dose.amount_mg * _gamma_density(way, time_h - dose.time_h)
            for dose in self.doses
            if dose.route == "oral"
        )

    def corners_h(self) -> list[float]:
        """Return every time at which a dose begins, arrives or ends."""
        found = {dose.time_h for dose in self.doses} | {dose.end_h for dose in self.doses}
        if self.model.absorption:
            lag_h = self.model.absorption.lag_h
            found |= {dose.time_h + lag_h for dose in self.doses if dose.route == "oral"}
        return sorted(found)

    def take_boluses(self, state: FloatArray, time_h: float) -> None:
        """Add what enters at once at this time, in place."""
        way = self.model.absorption
        for dose in self.doses:
            if dose.route == "oral":
                assert way is not None
                if way.mean_transit_h == 0.0 and dose.time_h + way.lag_h == time_h:
                    state[self.depot] += way.bioavailability * dose.amount_mg
            elif dose.duration_h == 0.0 and dose.time_h == time_h:
                state[0] += dose.amount_mg


def _gamma_density(way: Absorption, since_dose_h: float) -> float:
    """Return Savic's density per hour at a time after the dose."""
    rate, since_h = way.transit_rate_per_h, since_dose_h - way.lag_h
    if since_h <= 0.0:
        return rate if since_h == 0.0 and way.transits == 0.0 else 0.0
    exponent = way.transits * math.log(rate * since_h) - rate * since_h
    return rate * math.exp(exponent - math.lgamma(way.transits + 1.0))


def simulate(
    model: KineticModel,
    doses: Sequence[Dose],
    times_h: npt.ArrayLike,
    binding: Binding | None = None,
) -> Course:
    """Integrate the kinetics from time 0, empty, to each of times_h, shape (n,).

    With binding, clearances are those of free drug, the central volume that of the total.
    LSODA at 1e-10; times may be in any order.  Raises DosingError for settled doses, whose
    past no superposition gives here, and where the integrator gives up.
    """
    times = checked_times(times_h)
    if any(dose.steady_interval_h > 0.0 for dose in doses):
        raise DosingError(
            "a dose at steady state is given to a nonlinear model; give its past doses one by one."
        )
    if any(dose.route == "oral" for dose in doses):
        model.way_in()
    equations = _Equations(model, tuple(doses), binding)
    order = np.unique(times)
    states = _integrate(equations, order)[np.searchsorted(order, times)]
    depot = equations.depot
    return Course(
        times_h=times,
        conc_mg_l=states[:, 0] / model.disposition.volume_central_l,
        free_mg_l=np.array([equations.free_mg_l(float(mg)) for mg in states[:, 0]]),
        effect_site_mg_l=states[:, depot + 1],
        auc_mg_h_l=states[:, depot + 2],
        eliminated_mg=states[:, depot + 3],
        body_mg=states[:, : depot + 1].sum(axis=1),
    )


def _integrate(equations: _Equations, times_h: FloatArray) -> FloatArray:
    """Return the state at each of times_h (ascending), shape (n, states)."""
    from scipy.integrate import solve_ivp

    end_h = float(times_h[-1])
    corners = [corner for corner in equations.corners_h() if corner <= end_h]
    edges = np.unique([0.0, *corners, end_h])
    state = np.zeros(equations.depot + 4)
    states = np.empty((len(times_h), len(state)))
    for start, stop in zip(edges, [*edges[1:], np.inf], strict=True):
        equations.take_boluses(state, float(start))
        inside = (times_h >= start) & (times_h < stop)
        if stop == np.inf:
            states[inside] = state
            break
        rate = sum(
            dose.rate_mg_h
            for dose in equations.doses
            if dose.duration_h > 0.0 and dose.time_h <= start < dose.end_h
        )
        found = solve_ivp(
            equations.slope(rate),
            (start, stop),
            state,
            method="LSODA",
            t_eval=np.append(times_h[inside], stop),
            rtol=_RELATIVE_TOLERANCE,
            atol=_ABSOLUTE_TOLERANCE,
        )
        if not found.success:
            raise DosingError(
                f"the kinetics could not be integrated from {start:g} to {stop:g} h: "
                f"{found.message}"
            )
        states[inside] = found.y[:, :-1].T
        state = found.y[:, -1].copy()
    return states
