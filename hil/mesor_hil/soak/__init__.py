# SPDX-License-Identifier: MIT
"""Simulation testing: seeded faults at every layer of a pump, invariants over every trace.

One seed is one story: up to four things go wrong at random times in a therapy of some
ticks.  The production firmware runs it, on the twin or on the emulated Pico; what the motor
did, what the pump said and what its flash holds are then held against invariants that do not
ask the firmware's own opinion.  `mesor soak --first SEED --seeds 1` tells the same story again.
"""

from mesor_hil.soak.campaign import soak_seeds
from mesor_hil.soak.invariants import violations
from mesor_hil.soak.run import Soak
from mesor_hil.soak.story import Mishap, Programs, story, with_narrow_caps

__all__ = (
    "Mishap",
    "Programs",
    "Soak",
    "soak_seeds",
    "story",
    "violations",
    "with_narrow_caps",
)
