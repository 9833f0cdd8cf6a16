# SPDX-License-Identifier: MIT
"""What every virtual patient is: its parameters, its clearance schedule and its interface.

The bench, the sensor and the campaign only know `VirtualPatient`.
Pure; amounts in mg, volumes in L, rates in mg/h, the clock in s.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from mesor.dosing.rhythm import Rhythm
from mesor.errors import ScenarioError

FloatArray = npt.NDArray[np.float64]

_S_PER_H = 3600.0
# A rhythm's factor is held that long, at its value in the middle: 6e-6 of the clearance off.
_RHYTHM_PIECE_S = 300.0


@dataclass(frozen=True, slots=True)
class PatientParameters:
    """A mammillary model of one to three compartments, eliminating from the central one.

    A periphery exists where its volume is above zero.  Elimination in mg/h is
    clearance C + vmax C / (km + C); vmax zero means a linear patient.
    Raises ScenarioError where no patient can have these parameters.
    """

    clearance_l_h: float
    volume_central_l: float
    clearance_intercompartmental_l_h: float = 0.0
    volume_peripheral_l: float = 0.0
    clearance_intercompartmental_2_l_h: float = 0.0
    volume_peripheral_2_l: float = 0.0
    vmax_mg_h: float = 0.0
    km_mg_l: float = 0.0

    def __post_init__(self) -> None:
        """Check every number, and that those which need each other are both there."""
        for item in fields(self):
            value = getattr(self, item.name)
            if not (math.isfinite(value) and value >= 0.0):
                raise ScenarioError(
                    f"The patient's {item.name} is {value}; it must be finite and not negative."
                )
        if self.volume_central_l == 0.0:
            raise ScenarioError("The patient's volume_central_l is 0; it must be more than 0 L.")
        if self.clearance_l_h == 0.0 and self.vmax_mg_h == 0.0:
            raise ScenarioError(
                "The patient eliminates nothing; clearance_l_h (L/h) or vmax_mg_h (mg/h) "
                "must be more than 0."
            )
        if (self.vmax_mg_h > 0.0) != (self.km_mg_l > 0.0):
            raise ScenarioError(
                f"The patient's vmax_mg_h is {self.vmax_mg_h:g} and km_mg_l is {self.km_mg_l:g}; "
                "saturable elimination needs both above 0, linear elimination neither."
            )

    @property
    def saturable(self) -> bool:
        """Say whether part of the elimination follows Michaelis and Menten."""
        return self.vmax_mg_h > 0.0

    @property
    def peripheries(self) -> tuple[tuple[float, float], ...]:
        """Return (intercompartmental clearance L/h, volume L) of each periphery in use."""
        pairs = (
            (self.clearance_intercompartmental_l_h, self.volume_peripheral_l),
            (self.clearance_intercompartmental_2_l_h, self.volume_peripheral_2_l),
        )
        return tuple(pair for pair in pairs if pair[1] > 0.0)

    def scaled(self, clearance_factor: float, volume_factor: float) -> PatientParameters:
        """Return these parameters with elimination and all volumes multiplied.

        clearance_factor acts on clearance and vmax alike: it stands for the
        eliminating organ, not for one pathway.  Flows between compartments stay.
        """
        return replace(
            self,
            clearance_l_h=self.clearance_l_h * clearance_factor,
            vmax_mg_h=self.vmax_mg_h * clearance_factor,
            volume_central_l=self.volume_central_l * volume_factor,
            volume_peripheral_l=self.volume_peripheral_l * volume_factor,
            volume_peripheral_2_l=self.volume_peripheral_2_l * volume_factor,
        )


@dataclass(frozen=True, slots=True)
class ClearanceChange:
    """From at_h on, elimination is `factor` times the nominal one (not the one before)."""

    at_h: float
    factor: float


@runtime_checkable
class VirtualPatient(Protocol):
    """A patient that can be infused and whose plasma level can be looked up."""

    @property
    def conc_mg_l(self) -> float:
        """Return the true concentration in the central compartment now."""

    @property
    def amounts_mg(self) -> FloatArray:
        """Return the drug in each compartment, central first, as a copy."""

    @property
    def time_s(self) -> float:
        """Return the time since the patient was made."""

    def advance(self, rate_mg_h: float, dt_s: float) -> None:
        """Infuse at a constant rate for dt_s; both must be finite and not negative."""


class ScheduledPatient(ABC):
    """Keeps the clock, the amounts and the clearance schedule; a subclass does the kinetics."""

    __slots__ = ("_amounts_mg", "_changes", "_day_s", "_rhythm", "_time_s", "parameters")

    def __init__(
        self,
        parameters: PatientParameters,
        changes: Sequence[ClearanceChange] = (),
        amounts_mg: Sequence[float] | None = None,
        rhythm: Rhythm | None = None,
        day_s: float = 0.0,
    ) -> None:
        """Start at time 0 with amounts_mg, one for each compartment; empty when left out.

        rhythm: of the elimination over the day; day_s: the time of day at time 0.
        """
        count = 1 + len(parameters.peripheries)
        start = np.zeros(count) if amounts_mg is None else np.asarray(amounts_mg, np.float64)
        if start.shape != (count,) or not np.all(np.isfinite(start)) or np.any(start < 0.0):
            raise ScenarioError(
                f"The patient starts with amounts {amounts_mg} mg; {count} finite amounts "
                "of 0 mg or more are needed."
            )
        self.parameters = parameters
        self._changes = sorted(changes, key=lambda change: change.at_h)
        self._rhythm, self._day_s = rhythm, day_s
        self._amounts_mg = start.copy()
        self._time_s = 0.0

    @property
    def conc_mg_l(self) -> float:
        """Return the true concentration in the central compartment now."""
        return float(self._amounts_mg[0]) / self.parameters.volume_central_l

    @property
    def amounts_mg(self) -> FloatArray:
        """Return the drug in each compartment, central first, as a copy."""
        return self._amounts_mg.copy()

    @property
    def time_s(self) -> float:
        """Return the time since the patient was made."""
        return self._time_s

    def advance(self, rate_mg_h: float, dt_s: float) -> None:
        """Infuse at a constant rate for dt_s, splitting the time where the clearance changes."""
        if not (math.isfinite(rate_mg_h) and rate_mg_h >= 0.0):
            raise ScenarioError(f"The infusion rate is {rate_mg_h} mg/h; it must be 0 or more.")
        if not (math.isfinite(dt_s) and dt_s >= 0.0):
            raise ScenarioError(f"The time to advance is {dt_s} s; it must be 0 or more.")
        for piece_s, factor in self._pieces(dt_s):
            self._amounts_mg = self._infused(rate_mg_h, piece_s, factor)
        self._time_s += dt_s

    def _pieces(self, dt_s: float) -> Iterator[tuple[float, float]]:
        """Yield (duration in s, clearance factor) over the next dt_s."""
        now_s, end_s = self._time_s, self._time_s + dt_s
        for cut_s in self._cuts(now_s, end_s):
            yield cut_s - now_s, self._factor(now_s, cut_s)
            now_s = cut_s
        # Whole when nothing changed on the way: the transition is then found in the cache.
        left_s = dt_s if now_s == self._time_s else end_s - now_s
        yield left_s, self._factor(now_s, end_s)

    def _cuts(self, now_s: float, end_s: float) -> list[float]:
        """Return the times between now and the end at which the clearance changes, rising."""
        cuts = {change.at_h * _S_PER_H for change in self._changes}
        if self._rhythm is not None:
            first = math.floor(now_s / _RHYTHM_PIECE_S)
            last = math.ceil(end_s / _RHYTHM_PIECE_S)
            cuts |= {number * _RHYTHM_PIECE_S for number in range(first, last)}
        return sorted(cut_s for cut_s in cuts if now_s < cut_s < end_s)

    def _factor(self, begin_s: float, end_s: float) -> float:
        """Return the clearance factor between two times, within which no change falls."""
        past = [change.factor for change in self._changes if change.at_h * _S_PER_H <= begin_s]
        factor = past[-1] if past else 1.0
        if self._rhythm is None:
            return factor
        middle_s = self._day_s + (begin_s + end_s) / 2.0
        return factor * self._rhythm.factor_at(middle_s / _S_PER_H)

    @abstractmethod
    def _infused(self, rate_mg_h: float, dt_s: float, clearance_factor: float) -> FloatArray:
        """Return the amounts after dt_s at a constant rate and clearance."""
