# SPDX-License-Identifier: MIT
"""The emulated Pico as a target: real MicroPython, real machine code, real pins.

The firmware is put on its flash as `mesor flash` puts it on a board's, and the
delivered volume is counted at the STEP pin.  Time is emulated and moves only
when the bench lets it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib.metadata import version

from mesor.firmware import build_firmware, check_file, firmware_id, image_crc
from mesor.image import ensure_image
from mesor.known_answers import known_answers_file
from mesor.link.keys import PumpKeys
from mesor_hil.targets import healthy
from mesor_hil.targets.board_faults import BOARD_FAULTS, BoardFault, PinFault
from mesor_hil.targets.test_keys import TEST_KEYS
from mesor_hil.targets.virtual_pico import VirtualPico
from pump.board import pins
from pump.spec import integrity, messages

_READY_NS = 2_000_000_000  # of emulated time


class EmulatorTarget:
    """One emulated Pico with the firmware on it."""

    name = "emulator"
    times_a_chip = True

    def __init__(
        self,
        say: Callable[[str], None],
        flash: bytes | None = None,
        main: bytes | None = None,
    ) -> None:
        """Get the image and the firmware, and power the board up.

        flash: that of a board which was powered before, with its firmware, keys and log.
        main: what the board runs in place of the firmware's own main.py.
        """
        image = ensure_image(progress=say)
        files = build_firmware()
        if main is not None:
            files["main.py"] = main
        noted = check_file(files, image_crc(image.path.read_bytes()), known_answers_file())
        keyed = {**files, messages.KEY_FILE: TEST_KEYS.content, integrity.FILE: noted}
        self._image = image.path
        self._power_up(VirtualPico(image.path, keyed, flash))
        self._identity = {
            "micropython": image.version,
            "image_sha256": image.sha256,
            "firmware": firmware_id(files),
            "rp2040py": version("rp2040py"),
        }

    def _power_up(self, board: VirtualPico) -> None:
        """Boot a board whose STEP pin is watched."""
        self.board = board
        self._edges, self._edges_back = board.count_by_level(pins.STEP, pins.DIRECTION)
        self._make_healthy()
        board.boot()
        board.run_until_ns(_READY_NS)  # modules load, and the self-test runs

    def power_cycle(self, flash: bytes) -> None:
        """Power the board up anew from that flash; its time and its edges begin at zero."""
        self._power_up(VirtualPico(self._image, flash=flash))

    def _make_healthy(self) -> None:
        """Close the door and put every sensor where all is well."""
        for fault in BOARD_FAULTS.values():
            self.set_fault(fault, False)

    @property
    def now_s(self) -> float:
        """Return emulated seconds since power-up."""
        return self.board.now_ns / 1e9

    def write(self, content: bytes) -> None:
        """Queue `content` for the board's USB port."""
        self.board.send(content)

    def read(self) -> bytes:
        """Return what the board has sent."""
        return self.board.received()

    def advance(self, until_s: float) -> None:
        """Run the board until `until_s` or until it has sent something."""
        # A whole nanosecond late rather than a rounding error early: callers wait for `until_s`.
        self.board.run_until_bytes(math.ceil(until_s * 1e9) + 1)

    def set_fault(self, fault: BoardFault, present: bool) -> None:
        """Make an input show `fault`, or no more."""
        if isinstance(fault, PinFault):
            self.board.drive(fault.pin, present)
        else:
            volts = fault.volts if present else healthy.VOLTS[fault.word]
            self.board.set_adc(fault.channel, volts)

    def step_edges(self) -> int:
        """Return the rising edges that the STEP pin has shown while DIRECTION was high."""
        return self._edges.count

    def step_edges_back(self) -> int:
        """Return those while the DIRECTION pin was low."""
        return self._edges_back.count

    def identity(self) -> dict[str, str]:
        """Return image, firmware and emulator."""
        return self._identity

    def keys_of(self, _board_id: str) -> PumpKeys:
        """Return the bench's keys."""
        return TEST_KEYS

    def close(self) -> None:
        """Nothing to let go of."""
