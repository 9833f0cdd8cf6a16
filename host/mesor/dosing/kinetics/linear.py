# SPDX-License-Identifier: MIT
"""Linear kinetics in closed form: level, effect site and area by superposition over doses.

Bayesian estimation relies on this being exact and quick, about 0.1 ms for twenty doses.
Pure; mg, L, mg/L, h.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mesor.dosing.kinetics.doses import Dose, with_history
from mesor.dosing.kinetics.exponentials import after_gamma_delay, chain, modes
from mesor.dosing.kinetics.model import Absorption, FloatArray, KineticModel, checked_times
from mesor.errors import DosingError


def conc_mg_l(model: KineticModel, doses: Sequence[Dose], times_h: npt.ArrayLike) -> FloatArray:
    """Return the plasma concentration at times_h, shape (n,).

    At the very time of a bolus it is included.  Raises DosingError for negative or
    non-finite times, saturable elimination, and oral doses without absorption.
    """
    return _superpose(model, doses, checked_times(times_h), ())


def effect_site_mg_l(
    model: KineticModel, doses: Sequence[Dose], times_h: npt.ArrayLike
) -> FloatArray:
    """Return the concentration at the effect site, shape (n,); DosingError without a ke0."""
    if model.ke0_per_h == 0.0:
        raise DosingError("ke0_per_h is 0, which is no effect site; give one above 0 per hour.")
    times = checked_times(times_h)
    return model.ke0_per_h * _superpose(model, doses, times, (model.ke0_per_h,))


def auc_mg_h_l(model: KineticModel, doses: Sequence[Dose], start_h: float, end_h: float) -> float:
    """Return the area under the plasma concentration from start_h to end_h, mg h/L.

    A settled dose's endless past is not counted before start_h: the area is that of the
    hours asked for.  Raises DosingError unless start_h <= end_h; for the area to infinity
    see auc_infinite_mg_h_l.
    """
    start, end = checked_times([start_h, end_h])
    if end < start:
        raise DosingError(f"the area runs from {start_h:g} to {end_h:g} h; the end comes first.")
    low, high = _superpose(model, doses, np.array([start, end]), (0.0,))
    return float(high - low)


def _superpose(
    model: KineticModel, doses: Sequence[Dose], times_h: FloatArray, tail_per_h: tuple[float, ...]
) -> FloatArray:
    """Return the sum over doses of their chains, each ending in the steps of tail_per_h."""
    found = modes(model.disposition)
    slowest = min([float(found.rates_per_h[0]), *(rate for rate in tail_per_h if rate > 0.0)])
    total = np.zeros_like(times_h)
    for route in ("iv", "oral"):
        own = [dose for dose in doses if dose.route == route]
        if not own:
            continue
        way = model.way_in() if route == "oral" else None
        history = with_history(own, min(slowest, way.slowest_per_h) if way else slowest)
        starts, amounts, durations = history[:, :, None]
        elapsed = times_h - starts - (way.lag_h if way else 0.0)
        since = np.maximum(elapsed, 0.0)  # (doses, times)
        for share, rate in zip(found.coefficients_per_l, found.rates_per_h, strict=True):
            steps = (float(rate), *tail_per_h)
            each = _absorbed(way, steps, since) if way else _infused(steps, since, durations)
            total += share * np.sum(np.where(elapsed >= 0.0, amounts * each, 0.0), axis=0)
    return np.maximum(total, 0.0)


def _infused(
    steps_per_h: tuple[float, ...], since_h: FloatArray, durations_h: FloatArray
) -> FloatArray:
    """Return the response to 1 mg by vein, bolus or infusion, shape of since_h."""
    if not durations_h.any():
        return chain(steps_per_h, since_h)
    after = np.maximum(since_h - durations_h, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        if len(steps_per_h) == 1:  # without the difference of two near-equal numbers
            running = chain((*steps_per_h, 0.0), np.minimum(since_h, durations_h))
            infusion = running * np.exp(-steps_per_h[0] * after) / durations_h
        else:
            stepped = (*steps_per_h, 0.0)
            infusion = (chain(stepped, since_h) - chain(stepped, after)) / durations_h
    return np.where(durations_h > 0.0, infusion, chain(steps_per_h, since_h))


def _absorbed(way: Absorption, steps_per_h: tuple[float, ...], since_h: FloatArray) -> FloatArray:
    """Return the response to 1 mg by mouth, once the lag is over, shape of since_h."""
    steps = (*steps_per_h, way.ka_per_h)
    scale = way.bioavailability * way.ka_per_h
    if way.mean_transit_h == 0.0:
        return scale * chain(steps, since_h)
    return scale * after_gamma_delay(steps, since_h, way.transits, way.transit_rate_per_h)
