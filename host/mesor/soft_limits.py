# SPDX-License-Identifier: MIT
"""The soft limits by name: what a person may confirm, and the pump's number for each."""

from __future__ import annotations

from typing import Literal

from mesor.errors import ScenarioError
from pump.spec import reasons

SoftLimit = Literal["rate", "dose_hour", "dose_day", "target"]
NUMBERS: dict[SoftLimit, int] = {
    "rate": reasons.LIMIT_SOFT_RATE,
    "dose_hour": reasons.LIMIT_SOFT_HOUR,
    "dose_day": reasons.LIMIT_SOFT_DAY,
    "target": reasons.LIMIT_SOFT_TARGET,
}


def named(text: str) -> SoftLimit:
    """Return the soft limit of that name; raise ScenarioError for another word."""
    for name in NUMBERS:
        if text == name:
            return name
    raise ScenarioError(f"There is no soft limit {text!r}; there are: {', '.join(NUMBERS)}.")
