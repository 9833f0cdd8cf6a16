# SPDX-License-Identifier: MIT
"""One patient's kinetics: disposition, the way in, and the delay to the effect site.

Disposition is the virtual patient's own record, so that what is prescribed and what is
simulated cannot differ in meaning; mesor.patients imports nothing from here.
Pure; L, L/h, mg, h.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mesor.errors import DosingError, ScenarioError
from mesor.patients.patient import PatientParameters

FloatArray = npt.NDArray[np.float64]


def disposition(
    clearance_l_h: float,
    volume_central_l: float,
    clearance_intercompartmental_l_h: float = 0.0,
    volume_peripheral_l: float = 0.0,
    clearance_intercompartmental_2_l_h: float = 0.0,
    volume_peripheral_2_l: float = 0.0,
    vmax_mg_h: float = 0.0,
    km_mg_l: float = 0.0,
) -> PatientParameters:
    """Return one to three compartments; DosingError for parameters that nobody can have.

    A periphery without flow or volume is left out: no drug ever reaches it.
    """
    flow_1, volume_1 = clearance_intercompartmental_l_h, volume_peripheral_l
    flow_2, volume_2 = clearance_intercompartmental_2_l_h, volume_peripheral_2_l
    try:
        given = PatientParameters(
            clearance_l_h,
            volume_central_l,
            flow_1,
            volume_1,
            flow_2,
            volume_2,
            vmax_mg_h,
            km_mg_l,
        )
    except ScenarioError as error:
        raise DosingError(str(error)) from None
    if flow_1 == 0.0 or volume_1 == 0.0:
        given = replace(given, clearance_intercompartmental_l_h=0.0, volume_peripheral_l=0.0)
    if flow_2 == 0.0 or volume_2 == 0.0:
        given = replace(given, clearance_intercompartmental_2_l_h=0.0, volume_peripheral_2_l=0.0)
    return given


@dataclass(frozen=True, slots=True)
class Absorption:
    """First-order absorption, after a lag and, where mean_transit_h > 0, transit compartments.

    transits may be any number of at least 0, not only a whole one: the drug then reaches
    the depot as a gamma density of shape transits + 1 and rate (transits + 1) /
    mean_transit_h (Savic et al., J Pharmacokinet Pharmacodyn 2007;34:711).
    """

    ka_per_h: float
    bioavailability: float = 1.0
    lag_h: float = 0.0
    transits: float = 0.0
    mean_transit_h: float = 0.0

    def __post_init__(self) -> None:
        """Raise DosingError for rates, shares and times that cannot be."""
        if not (math.isfinite(self.ka_per_h) and self.ka_per_h > 0.0):
            raise DosingError(f"ka_per_h is {self.ka_per_h}; it must be more than 0 per hour.")
        if not 0.0 < self.bioavailability <= 1.0:
            raise DosingError(
                f"bioavailability is {self.bioavailability}; it must be more than 0 and at most 1."
            )
        for name in ("lag_h", "transits", "mean_transit_h"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0.0):
                raise DosingError(f"absorption's {name} is {value}; it must be at least 0.")

    @property
    def transit_rate_per_h(self) -> float:
        """Return ktr; meaningful where mean_transit_h is above 0."""
        return (self.transits + 1.0) / self.mean_transit_h

    @property
    def slowest_per_h(self) -> float:
        """Return a rate at which even the last drug arrives; half of ktr for its gamma tail."""
        if self.mean_transit_h == 0.0:
            return self.ka_per_h
        return min(self.ka_per_h, 0.5 * self.transit_rate_per_h)


@dataclass(frozen=True, slots=True)
class KineticModel:
    """Disposition, absorption where drug is taken by mouth, effect site where ke0 is above 0.

    The effect site holds no amount that counts: dCe/dt = ke0 (C - Ce).
    """

    disposition: PatientParameters
    absorption: Absorption | None = None
    ke0_per_h: float = 0.0

    def __post_init__(self) -> None:
        """Raise DosingError for a ke0 that is negative or not finite."""
        if not (math.isfinite(self.ke0_per_h) and self.ke0_per_h >= 0.0):
            raise DosingError(f"ke0_per_h is {self.ke0_per_h}; it must be at least 0 per hour.")

    def way_in(self) -> Absorption:
        """Return the absorption; DosingError where an oral dose meets a model without."""
        if self.absorption is None:
            raise DosingError(
                "an oral dose is given to a model without absorption; add ka_per_h and "
                "bioavailability, or give it by vein."
            )
        return self.absorption


def checked_times(times_h: npt.ArrayLike) -> FloatArray:
    """Return times as an array, (n,); DosingError unless all are finite and at least 0 h."""
    times = np.atleast_1d(np.asarray(times_h, dtype=np.float64))
    wrong = times[~(np.isfinite(times) & (times >= 0.0))]
    if wrong.size:
        raise DosingError(f"a time is {wrong[0]} h; it must be finite and at least 0 h.")
    return times
