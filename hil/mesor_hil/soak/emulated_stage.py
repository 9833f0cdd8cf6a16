# SPDX-License-Identifier: MIT
"""A story's stage on the emulated Pico: production firmware, machine code, pins that are counted.

What cannot be done to a chip from outside is not done: no steps are lost, no memory is
exhausted.  A hang stops the processor and nothing else; its watchdog is the chip's own.
"""

from __future__ import annotations

from mesor.record.device_log import device_log
from mesor_hil.soak.stage import Batch
from mesor_hil.targets.board_faults import BoardFault
from mesor_hil.targets.emulator import EmulatorTarget
from mesor_hil.targets.ram_flash import PowerCut
from mesor_hil.targets.virtual_pico import FILESYSTEM_OFFSET, VirtualPico
from pump.spec import journal

_RING_BEGIN = FILESYSTEM_OFFSET - journal.RING_BYTES
_ERASED = b"\xff" * journal.PAGE_BYTES
_BOOT_S = 1.5
_ANSWER_S = 1.0  # a program's seal takes the longest
_PAGE_S = 0.02  # from a tick's frame until its page is whole


class EmulatedStage:
    """One emulated Pico."""

    batch_slack_s = 0.01  # from a batch's first step to the frame that tells of it

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self._counted = 0  # edges of batches that are over
        self._edges_before = 0  # of boards that have lost their power
        self._offset_s = 0.0  # of the board's time
        self._faults: set[BoardFault] = set()
        self._cut_page: int | None = None  # the power goes within this page of the log, or later
        self._cut_at = 0  # bytes of it that are written by then
        self._was_reset = False
        self.target = EmulatorTarget(lambda _: None)
        self.target.board.run_until_ns(_BOOT_S * 1e9)

    @property
    def now_s(self) -> float:
        """Return the story's time."""
        return self._offset_s + self.target.now_s

    def write(self, content: bytes) -> None:
        """Queue bytes for the pump."""
        self.target.write(content)

    def read(self) -> bytes:
        """Return what the pump has sent."""
        return self.target.read()

    def advance(self, until_s: float) -> None:
        """Run until then, or until the pump has sent something."""
        self.target.advance(until_s - self._offset_s)

    def answer_time_s(self) -> float:
        """Return how long a command's answer may take."""
        return _ANSWER_S

    def edges(self) -> int:
        """Return the rising edges of STEP since the story began."""
        return self._edges_before + self.target.step_edges()

    def set_fault(self, fault: BoardFault, present: bool) -> None:
        """Put a pin or a voltage where it shows the fault, or where all is well."""
        self.target.set_fault(fault, present)
        self._faults = self._faults | {fault} if present else self._faults - {fault}

    def told(self) -> None:
        """Begin a batch; cut the power within the page that follows, where that is due."""
        self._end_batch()
        self.batches.append((self.now_s, 0))
        if self._cut_page is None:
            return
        self.target.board.run_until_ns(self.target.board.now_ns + _PAGE_S * 1e9)
        if self._newest() >= self._cut_page:
            raise PowerCut

    def _newest(self) -> int:
        """Return the sequence of the log's newest page."""
        return _newest_of(self.log())

    def _end_batch(self) -> None:
        """Count the batch that is over."""
        edges = self.edges()
        if self.batches:
            self.batches[-1] = self.batches[-1][0], edges - self._counted
        self._counted = edges

    def stand_still_for(self, seconds: float) -> None:
        """Let the processor stand still."""
        self.hang(seconds, watched=True)

    def hang(self, seconds: float, watched: bool) -> None:
        """Let the firmware hang; raise PowerCut where its own watchdog reset the chip."""
        self._was_reset = self.target.board.hang(seconds * 1e9)
        if self._was_reset:
            raise PowerCut

    def lose_steps(self, count: int) -> int:
        """Lose none: the pump counts what its own state machine gave."""
        return 0

    def exhaust_memory(self) -> None:
        """Do nothing."""

    def next_page(self) -> int:
        """Return the number of the page after the newest."""
        return self._newest() + 1

    def wear_flash(self, count: int) -> int | None:
        """Spoil the erased pages that come next."""
        return wear_log(self.target.board, count)

    def cut_in_write(self, after_bytes: int) -> None:
        """Let the power go within one of the next pages: where no more come, it stays."""
        pages, self._cut_at = divmod(after_bytes, journal.PAGE_BYTES)
        self._cut_page = self._newest() + 1 + pages

    def power_off(self) -> None:
        """Let the motor stand; the page that was cut has not got its last bytes."""
        self._end_batch()
        if self._cut_page is not None and self._newest() >= self._cut_page:
            begin = self._newest() * journal.PAGE_BYTES % journal.RING_BYTES + self._cut_at
            rest = b"\xff" * (journal.PAGE_BYTES - self._cut_at)
            self.target.board.spoil_flash(_RING_BEGIN + begin, rest)
        self._cut_page = None

    def power_on(self, after_s: float) -> None:
        """Power the board up from its flash; after a reset it already runs."""
        if self._was_reset:
            self._was_reset = False
            self.target.board.run_until_ns(self.target.board.now_ns + after_s * 1e9)
            return
        self._offset_s = self.now_s + after_s
        self._edges_before = self._counted = self.edges()
        self.target.power_cycle(self.target.board.flash_image())
        for fault in self._faults:
            self.target.set_fault(fault, True)

    def log(self) -> bytes:
        """Return the ring of the log's pages."""
        return _log_of(self.target.board)


def wear_log(board: VirtualPico, count: int) -> int | None:
    """Let the next pages of a board's log not hold what is written; return the first's number."""
    log = _log_of(board)
    pages, newest = len(log) // journal.PAGE_BYTES, _newest_of(log)
    spoilt: list[int] = []
    for page in range(newest + 1, newest + 1 + pages):
        begin = page % pages * journal.PAGE_BYTES
        if len(spoilt) < count and log[begin : begin + journal.PAGE_BYTES] == _ERASED:
            board.spoil_flash(_RING_BEGIN + begin, bytes(journal.PAGE_BYTES))
            spoilt.append(page)
    return spoilt[0] if spoilt else None


def _log_of(board: VirtualPico) -> bytes:
    """Return the ring of the log's pages."""
    return board.flash_image()[_RING_BEGIN : _RING_BEGIN + journal.RING_BYTES]


def _newest_of(log: bytes) -> int:
    """Return the sequence of the newest page."""
    return device_log(log).pages[-1].sequence
