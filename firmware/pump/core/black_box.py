# SPDX-License-Identifier: MIT
"""Keeps what led to a fault, beside the log and safe from it, until a person has read it.

A few sectors of flash of their own: each takes the page of one fault and copies of the log's
pages before it, the newest first, so that a power cut leaves the most telling ones.  They are
whole log pages with their links.  When all are full, later faults stand in the log alone: the
first are kept.  Only a sector that was erased while the motor stood is ever written.
"""

from pump.core.intake import u32
from pump.core.log_page import is_whole
from pump.spec import journal as at
from pump.spec import messages, reasons


class BlackBoxes:
    """All of them; `flash` has pages, read, program and erase."""

    def __init__(self, flash):
        """Find which are free, and erase what a cut left of one whose first page is not whole."""
        self._flash = flash
        self._count = flash.pages // at.SECTOR_PAGES
        self._page = bytearray(at.PAGE_BYTES)
        self.kept = 0  # that hold a fault
        for box in range(self._count):
            self._read(box * at.SECTOR_PAGES)
            if is_whole(self._page):
                self.kept += 1
            elif not self._is_free(box):
                self._flash.erase(box)

    def keep(self, first, log, newest: int) -> bool:
        """Keep `first`, a fault's page, and the log's pages from `newest` back; False when full.

        log: has copy(sequence, buffer), which returns whether that page is there.
        """
        box = self._free()
        if box < 0:
            return False
        page = box * at.SECTOR_PAGES
        self._flash.program(page, first)
        self.kept += 1
        # Behind pages that were passed over, a sector at most, older ones go on.
        for sequence in range(newest, newest - 2 * at.SECTOR_PAGES, -1):
            if (page + 1) % at.SECTOR_PAGES and log.copy(sequence, self._page):
                page += 1
                self._flash.program(page, self._page)
        return True

    def copy_page(self, page: int, buffer) -> bool:
        """Fill `buffer` with a page of the boxes; False where there is none."""
        if page >= self._flash.pages:
            return False
        self._flash.read(page, buffer)
        return True

    def clear(self, frame, length: int) -> int:
        """Carry out BOX_CLEAR: its sender names the box by what only its reader knows."""
        begin = messages.HEADER_BYTES
        if length != begin + 4 + messages.BOX_PROOF_BYTES:
            return reasons.RESULT_BAD_LENGTH
        box = u32(frame, begin)
        if box >= self._count:
            return reasons.RESULT_OUT_OF_RANGE
        self._read(box * at.SECTOR_PAGES)
        link = self._page[4 * at.AT_LINK : 4 * at.AT_LINK + messages.BOX_PROOF_BYTES]
        if not is_whole(self._page) or frame[begin + 4 : length] != link:
            return reasons.RESULT_OUT_OF_RANGE
        self._flash.erase(box)
        self.kept -= 1
        return reasons.RESULT_OK

    def _free(self) -> int:
        """Return the first erased box, -1 without one."""
        for box in range(self._count):
            if self._is_free(box):
                return box
        return -1

    def _is_free(self, box: int) -> bool:
        """Say whether a box is erased, as far as a page was ever written to it."""
        for page in range(box * at.SECTOR_PAGES, (box + 1) * at.SECTOR_PAGES):
            self._read(page)
            if self._page != _ERASED:
                return False
        return True

    def _read(self, page: int) -> None:
        """Read a page into `_page`."""
        self._flash.read(page, self._page)


_ERASED = b"\xff" * at.PAGE_BYTES
