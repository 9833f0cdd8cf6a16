# SPDX-License-Identifier: MIT
"""A proved bound of one signal of the pump, and the limits that signals have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SMALL_INT = 2**30  # MicroPython allocates from here on
INT32 = 2**31


@dataclass(frozen=True, slots=True)
class Bound:
    """One signal: its proved magnitude, and what must stay above it."""

    signal: str
    magnitude: int
    limit: int

    @property
    def holds(self) -> bool:
        """Say whether the signal fits."""
        return self.magnitude < self.limit

    @property
    def spare_bits(self) -> float:
        """Return how many bits are unused; negative when it does not fit."""
        return float(np.log2(self.limit / max(1, self.magnitude)))
