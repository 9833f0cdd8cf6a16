# SPDX-License-Identifier: MIT
"""Targets behind one interface: the emulated Pico, the twin, and whatever is on a port."""

from __future__ import annotations

from collections.abc import Callable

from mesor_hil.targets.pico import PortTarget
from mesor_hil.targets.target import Target
from mesor_hil.targets.twin import TwinTarget

EMULATOR = "emulator"
TWIN = "twin"


def open_target(name: str, say: Callable[[str], None]) -> Target:
    """Return the target of that name; any other name is a serial port or pyserial URL.

    `say` hears of steps that take a while.  Raises MesorError where it cannot be had.
    """
    if name == TWIN:
        return TwinTarget()
    if name == EMULATOR:
        # Imported here: the emulator and its image are not needed for anything else.
        from mesor_hil.targets.emulator import EmulatorTarget  # noqa: PLC0415

        return EmulatorTarget(say)
    return PortTarget(name)
