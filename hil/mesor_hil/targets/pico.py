# SPDX-License-Identifier: MIT
"""A pump on a serial port: a real Pico, or anything that pyserial opens by URL."""

from __future__ import annotations

from mesor.errors import LinkError
from mesor.link import SerialPipe
from mesor.link.keys import PumpKeys, stored_keys
from mesor_hil.targets.board_faults import BoardFault


class PortTarget(SerialPipe):
    """The port as a target.  Nobody counts its STEP edges: the pump's word is all there is."""

    times_a_chip = True

    def __init__(self, port: str) -> None:
        super().__init__(port)
        self.name = port

    def set_fault(self, fault: BoardFault, present: bool) -> None:
        """Raise LinkError: nobody opens the door of a board on a port."""
        raise LinkError(
            f"{self.name} is a real board, whose inputs the bench cannot change; run a scenario "
            "with faults of the board against the emulator or the twin."
        )

    def keys_of(self, board_id: str) -> PumpKeys | None:
        """Return what `mesor flash` keeps for this board, or None."""
        return stored_keys(board_id)

    def step_edges(self) -> None:
        """Count nothing: there is no counter on the pin."""

    def step_edges_back(self) -> int:
        """Count nothing."""
        return 0

    def identity(self) -> dict[str, str]:
        """Return the port."""
        return {"port": self.name}
