# SPDX-License-Identifier: MIT
"""What is known before any level: typical parameters, their variability, the assay's error.

The prior of Bayesian estimation.  Parameters are log-normal; every omega here is a
variance of logarithms, which for a CV is ln(1 + CV^2).  Pure; L, L/h, mg/L, h.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from mesor.dosing.kinetics import Absorption, KineticModel, disposition
from mesor.dosing.kinetics.model import FloatArray
from mesor.errors import DosingError

_DISPOSITION = tuple(inspect.signature(disposition).parameters)
_ABSORPTION = ("ka_per_h", "bioavailability", "lag_h", "transits", "mean_transit_h")
PARAMETERS = (*_DISPOSITION, *_ABSORPTION, "ke0_per_h")


@dataclass(frozen=True, slots=True)
class ResidualError:
    """What a level differs by from the model: a share of it and a fixed part.

    combine: "variance" adds the squares (most programs), "deviation" adds the standard
    deviations (Xuan 2003 and others); published models use either.
    """

    proportional: float
    additive_mg_l: float = 0.0
    combine: Literal["variance", "deviation"] = "variance"

    def __post_init__(self) -> None:
        """Raise DosingError unless there is some error, and none is negative."""
        parts = (self.proportional, self.additive_mg_l)
        if not (all(math.isfinite(p) and p >= 0.0 for p in parts) and max(parts) > 0.0):
            raise DosingError(
                f"the residual error is {self.proportional:g} and {self.additive_mg_l:g} mg/L; "
                "both must be at least 0 and one of them more."
            )

    def deviation_mg_l(self, conc_mg_l: FloatArray) -> FloatArray:
        """Return the standard deviation at predicted levels, mg/L."""
        share = self.proportional * conc_mg_l
        whole: FloatArray
        if self.combine == "deviation":
            whole = share + self.additive_mg_l
        else:
            whole = np.hypot(share, self.additive_mg_l)
        # A purely proportional error would give a vanished level no deviation at all.
        return np.maximum(whole, 1e-9)


@dataclass(frozen=True, slots=True)
class Variability:
    """Log-normal variability: the parameters' names and the covariance of their logarithms."""

    names: tuple[str, ...] = ()
    omega: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))

    def __post_init__(self) -> None:
        """Raise DosingError unless omega is a covariance of as many parameters."""
        count = len(self.names)
        omega = np.asarray(self.omega, dtype=np.float64)
        if omega.shape != (count, count) or not np.allclose(omega, omega.T):
            raise DosingError(
                f"omega has shape {omega.shape}; {count} parameters need a symmetric "
                f"({count}, {count})."
            )
        if count and not float(np.linalg.eigvalsh(omega).min()) > 0.0:
            raise DosingError("omega is no covariance: its eigenvalues must all be more than 0.")

    @property
    def root(self) -> FloatArray:
        """Return the Cholesky factor of omega, (k, k)."""
        return np.asarray(np.linalg.cholesky(self.omega), dtype=np.float64)


def independent(cv: Mapping[str, float]) -> Variability:
    """Return variability without correlation from coefficients of variation (fractions)."""
    return Variability(tuple(cv), np.diag([math.log1p(value**2) for value in cv.values()]))


@dataclass(frozen=True, slots=True)
class PopulationModel:
    """A published model with one patient's covariates already in its typical parameters.

    typical: by the names of kinetics.disposition and Absorption, e.g. clearance_l_h.
    occasions: variability of the same parameters from occasion to occasion.
    """

    name: str
    typical: Mapping[str, float]
    subjects: Variability
    residual: ResidualError
    occasions: Variability = field(default_factory=Variability)

    def __post_init__(self) -> None:
        """Raise DosingError for unknown parameters and variability of absent ones."""
        unknown = [name for name in self.typical if name not in PARAMETERS]
        varied = {*self.subjects.names, *self.occasions.names}
        absent = sorted(name for name in varied if not self.typical.get(name, 0.0) > 0.0)
        if unknown or absent:
            raise DosingError(
                f"model {self.name} names {', '.join(unknown or absent)}, which is "
                f"{'no parameter' if unknown else 'not in its typical parameters'}; known are "
                f"{', '.join(PARAMETERS)}."
            )
        self.kinetics({})

    def kinetics(self, logs: Mapping[str, float]) -> KineticModel:
        """Return the model with each named parameter multiplied by exp(logs[name])."""
        values = {
            name: value * math.exp(logs.get(name, 0.0)) for name, value in self.typical.items()
        }
        own = disposition(**{name: values[name] for name in _DISPOSITION if name in values})
        model = KineticModel(own, ke0_per_h=values.get("ke0_per_h", 0.0))
        if "ka_per_h" not in values:
            return model
        way = {name: values[name] for name in _ABSORPTION if name in values}
        # A log-normal share may be drawn beyond the whole, which no drug can be.
        way["bioavailability"] = min(way.get("bioavailability", 1.0), 1.0)
        return replace(model, absorption=Absorption(**way))
