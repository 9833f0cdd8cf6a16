# SPDX-License-Identifier: MIT
"""One interface for everything a scenario can run against.

A target is a pipe (mesor.link.Pipe) with a motor whose steps may be countable.
The scenario, the session and the tests never ask which target they have.
"""

from __future__ import annotations

from typing import Protocol

from mesor.link import Pipe
from mesor.link.keys import PumpKeys
from mesor_hil.targets.board_faults import BoardFault


class Target(Pipe, Protocol):
    """A pump to test."""

    @property
    def name(self) -> str:
        """Return the kind of target: emulator, twin, or the port's name."""
        ...

    @property
    def times_a_chip(self) -> bool:
        """Say whether it runs machine code on a chip, whose times and memory mean something."""
        ...

    def set_fault(self, fault: BoardFault, present: bool) -> None:
        """Make an input of the board show `fault`, or no more; raise LinkError where it cannot."""
        ...

    def keys_of(self, board_id: str) -> PumpKeys | None:
        """Return the keys of the board with this id; None where this host holds none."""
        ...

    def step_edges(self) -> int | None:
        """Return the rising STEP edges forward so far; None where nobody counts them."""
        ...

    def step_edges_back(self) -> int:
        """Return the rising STEP edges so far while DIRECTION said backwards."""
        ...

    def identity(self) -> dict[str, str]:
        """Return what this target is made of (image, firmware, versions), for the log."""
        ...
