# SPDX-License-Identifier: MIT
"""The two records that every covariate calculation returns, and the check of its inputs.

A prescription prints them line by line, so each carries its unit, its source and whether
a value in it was assumed.  Pure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from mesor.errors import DosingError

Sex = Literal["male", "female"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One derived quantity: what it is, its value in its unit, and where the equation is."""

    name: str
    value: float
    unit: str
    source: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Effect:
    """What one covariate did to one parameter: new value = factor times the reference's."""

    covariate: str
    parameter: str
    factor: float
    source: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Range:
    """What a covariate can be in a human, in its unit."""

    name: str
    low: float
    high: float
    unit: str

    def check(self, value: float) -> float:
        """Return value; raise DosingError when it is not finite or not in the range."""
        if not (math.isfinite(value) and self.low <= value <= self.high):
            raise DosingError(
                f"{self.name} is {value:g} {self.unit}; it must be {self.low:g} to "
                f"{self.high:g} {self.unit}."
            )
        return value


# From a preterm neonate to beyond the heaviest and tallest adults on record.
AGE_YEARS = Range("age", 0.0, 125.0, "years")
ADULT_AGE_YEARS = Range("age", 18.0, 125.0, "years")
WEIGHT_KG = Range("weight", 0.3, 650.0, "kg")
HEIGHT_CM = Range("height", 20.0, 280.0, "cm")
GESTATION_WEEKS = Range("gestation at birth", 22.0, 44.0, "weeks")
ALBUMIN_G_L = Range("albumin", 5.0, 70.0, "g/L")
CYSTATIN_C_MG_L = Range("cystatin C", 0.1, 15.0, "mg/L")


def check_sex(sex: str) -> None:
    """Raise DosingError unless sex is one that the published equations know."""
    if sex not in ("male", "female"):
        raise DosingError(f"sex is {sex!r}; the equations know male and female.")
