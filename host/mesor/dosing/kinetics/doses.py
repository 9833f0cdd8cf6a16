# SPDX-License-Identifier: MIT
"""What was given and when: boluses, infusions and oral doses, single, repeated, settled.

Every calculation of a level takes a sequence of these.  Pure; mg, h.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from mesor.dosing.kinetics.model import FloatArray
from mesor.errors import DosingError

Route = Literal["iv", "oral"]
ROUTES = ("iv", "oral")

# e^-37 is below the last bit of a double beside one.
_SPENT_EXPONENT = 37.0
_SETTLING_DOSES_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Dose:
    """One dose of amount_mg, beginning at time_h.

    duration_h zero is a bolus.  steady_interval_h above zero says that equal doses came
    every so many hours for ever before this one (SS and II of NONMEM).  Raises
    DosingError for what cannot be given.
    """

    time_h: float
    amount_mg: float
    duration_h: float = 0.0
    route: Route = "iv"
    steady_interval_h: float = 0.0

    def __post_init__(self) -> None:
        """Check each number, and that the dose is over before it is repeated."""
        for name, unit in (
            ("time_h", "h"),
            ("amount_mg", "mg"),
            ("duration_h", "h"),
            ("steady_interval_h", "h"),
        ):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0.0):
                raise DosingError(
                    f"a dose's {name} is {value} {unit}; it must be finite and at least 0 {unit}."
                )
        if self.route not in ROUTES:
            raise DosingError(f"a dose's route is {self.route!r}; it must be 'iv' or 'oral'.")
        if self.route == "oral" and self.duration_h > 0.0:
            raise DosingError(
                f"an oral dose lasts {self.duration_h:g} h; leave its duration out, absorption "
                "has its own."
            )
        if 0.0 < self.steady_interval_h < self.duration_h:
            raise DosingError(
                f"an infusion of {self.duration_h:g} h is repeated every "
                f"{self.steady_interval_h:g} h; the interval must be no shorter."
            )

    @property
    def end_h(self) -> float:
        """Return the time at which the last of it has been given."""
        return self.time_h + self.duration_h

    @property
    def rate_mg_h(self) -> float:
        """Return the rate of an infusion; infinite for a bolus."""
        return self.amount_mg / self.duration_h if self.duration_h > 0.0 else math.inf


def repeated(dose: Dose, count: int, interval_h: float) -> tuple[Dose, ...]:
    """Return `count` such doses, interval_h apart; DosingError unless both are above 0."""
    if count < 1 or not (math.isfinite(interval_h) and interval_h > 0.0):
        raise DosingError(
            f"{count} doses every {interval_h:g} h; at least 1 dose and more than 0 h are needed."
        )
    first = replace(dose, steady_interval_h=0.0)
    rest = (replace(first, time_h=dose.time_h + i * interval_h) for i in range(1, count))
    return (dose, *rest)


def with_history(doses: Sequence[Dose], slowest_per_h: float) -> FloatArray:
    """Return time_h, amount_mg and duration_h as rows, shape (3, n), past doses written out.

    A settled dose becomes as many past ones as a double can still see, given the
    slowest rate of decay, per hour.  Raises DosingError where that is beyond all use.
    """
    rows: list[FloatArray] = [np.empty((3, 0))]
    for dose in doses:
        interval_h, past = dose.steady_interval_h, 0
        if interval_h > 0.0:
            needed = _SPENT_EXPONENT / (slowest_per_h * interval_h)
            if not needed <= _SETTLING_DOSES_MAX:
                raise DosingError(
                    f"steady state of doses every {interval_h:g} h takes {needed:.3g} doses; at "
                    f"most {_SETTLING_DOSES_MAX} are followed, so give the doses one by one."
                )
            past = math.ceil(needed)
        times = dose.time_h - interval_h * np.arange(past, -1, -1.0)
        same = np.ones_like(times)
        rows.append(np.vstack([times, dose.amount_mg * same, dose.duration_h * same]))
    return np.hstack(rows)
