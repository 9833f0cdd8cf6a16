# SPDX-License-Identifier: MIT
"""Where a story is told: a pump, its power, and what can be done to it from outside.

`TwinStage` is the pump's sources on integers; soak/emulated_stage.py is the same on an
emulated chip.  Times are device seconds of the whole story, however often the power went.
"""

from __future__ import annotations

from typing import Any, Protocol

from mesor_hil.targets.board_faults import BoardFault
from mesor_hil.targets.ram_flash import PowerCut
from mesor_hil.targets.twin import TwinTarget
from pump.spec import journal, limits

Batch = tuple[float, int]  # when the motor was set to it, and its steps
_PROGRAM_US = 700  # of a page of flash


class Stage(Protocol):
    """A pump that a story can befall."""

    batches: list[Batch]
    batch_slack_s: float  # steps made in it may be counted to the batch before or after

    @property
    def now_s(self) -> float:
        """Return the story's time."""
        ...

    def write(self, content: bytes) -> None:
        """Hand bytes to the pump."""
        ...

    def read(self) -> bytes:
        """Return what the pump has sent."""
        ...

    def advance(self, until_s: float) -> None:
        """Let time pass until then, or until the pump has sent something."""
        ...

    def answer_time_s(self) -> float:
        """Return how long a command's answer may take."""
        ...

    def edges(self) -> int:
        """Return the motor's steps since the story began."""
        ...

    def set_fault(self, fault: BoardFault, present: bool) -> None:
        """Make an input show `fault`, or no more."""
        ...

    def told(self) -> None:
        """Take notice that the pump has just told of a tick."""
        ...

    def stand_still_for(self, seconds: float) -> None:
        """Let time pass without the firmware; raise PowerCut where the watchdog ended that."""
        ...

    def hang(self, seconds: float, watched: bool) -> None:
        """Let the firmware hang; raise PowerCut where the watchdog ended that."""
        ...

    def lose_steps(self, count: int) -> int:
        """Let the motor miss steps of its batch; return how many it did miss."""
        ...

    def exhaust_memory(self) -> None:
        """Let the next plan run out of memory, where that can be done."""
        ...

    def next_page(self) -> int:
        """Return the number of the log's page that is written next."""
        ...

    def wear_flash(self, count: int) -> int | None:
        """Let the next pages of the log not hold what is written; return the first's number."""
        ...

    def cut_in_write(self, after_bytes: int) -> None:
        """Let the power go when so many more bytes have been written to the log."""
        ...

    def power_off(self) -> None:
        """Take the power away; the motor stands."""
        ...

    def power_on(self, after_s: float) -> None:
        """Switch the pump on again, so long after the power went."""
        ...

    def log(self) -> bytes:
        """Return the ring of the log's pages."""
        ...


class TwinStage:
    """The twin."""

    batch_slack_s = 0.0

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self._edges_before = 0  # of boards that have lost their power
        self.target = self._watched(TwinTarget())

    def _watched(self, target: TwinTarget) -> TwinTarget:
        """Watch what the motor of a target is set to do, and let its flash take its time."""
        board = target.board
        start_steps, program = board.start_steps, board.flash.program

        def watched(step_count: int, window_us: int) -> None:
            self.batches.append((board.time_us / 1e6, step_count))
            start_steps(step_count, window_us)

        def programmed(page: int, content: bytes) -> None:
            board.time_us += _PROGRAM_US
            program(page, content)

        board.start_steps = watched  # type: ignore[method-assign]
        board.flash.program = programmed  # type: ignore[method-assign]
        self.write, self.read, self.advance = target.write, target.read, target.advance
        self.set_fault = target.set_fault
        return target

    @property
    def now_s(self) -> float:
        """Return the story's time."""
        return self.target.now_s

    def answer_time_s(self) -> float:
        """Return zero: the twin answers at once."""
        return 0.0

    def edges(self) -> int:
        """Return the motor's steps since the story began."""
        return self._edges_before + self.target.board.edges()

    def told(self) -> None:
        """Do nothing: batches are watched where they begin."""

    def stand_still_for(self, seconds: float) -> None:
        """Let time go by for the motor alone."""
        self.target.board.time_us += round(seconds * 1e6)

    def hang(self, seconds: float, watched: bool) -> None:
        """Let the firmware hang; beyond the watchdog's time it starts afresh."""
        watchdog_s = limits.WATCHDOG_MS / 1000.0
        if watched and seconds > watchdog_s:
            self.stand_still_for(watchdog_s)
            raise PowerCut
        self.stand_still_for(seconds)

    def lose_steps(self, count: int) -> int:
        """Let the motor stall for a few steps of its batch, which the driver has counted."""
        board = self.target.board
        if board.edges() - board._reported <= 20:
            return 0
        board._edges_before -= count
        return count

    def exhaust_memory(self) -> None:
        """Let the next plan run out of memory."""
        controller = self.target.app.therapy.controller

        def exhausted(*_: Any) -> int:
            raise MemoryError

        if controller is not None:
            controller._next_move = exhausted

    def next_page(self) -> int:
        """Return the number of the log's page that is written next."""
        return self.target.app.journal.ring.sequence

    def wear_flash(self, count: int) -> int | None:
        """Program the next pages' places to zeros, which nothing can be written over."""
        flash, first = self.target.board.flash, self.next_page()
        for page in range(first, first + count):
            begin = page % flash.pages * journal.PAGE_BYTES
            flash.content[begin : begin + journal.PAGE_BYTES] = bytes(journal.PAGE_BYTES)
        return first

    def cut_in_write(self, after_bytes: int) -> None:
        """Let the power go within a page."""
        self.target.board.flash.cut_after = after_bytes

    def power_off(self) -> None:
        """Stop the motor."""
        self.target.board.abort_steps()

    def power_on(self, after_s: float) -> None:
        """Start the firmware on the flash as it was left."""
        dead = self.target.board
        self._edges_before += dead.edges()
        dead.flash.cut_after = None
        del dead.flash.program  # the dead board's clock no longer counts
        self.target = self._watched(TwinTarget(dead.flash, dead.slot_flash))
        board = self.target.board
        board.time_us = dead.time_us + round(after_s * 1e6)
        board.raised, board.adc = dead.raised, dead.adc

    def log(self) -> bytes:
        """Return the ring of the log's pages."""
        return bytes(self.target.board.flash.content)
