# SPDX-License-Identifier: MIT
"""Raw pages of the Pico's flash for log and program, below MicroPython's file system.

The 308 KiB before the file system hold neither MicroPython (its image ends at 0x52000) nor
files, and `rp2.Flash` alone can program there with the chip's timing; but it refuses what lies
below the file system.  So its object is pointed there, once, after its two words are seen to
be what MicroPython 1.25 for RPI_PICO keeps in them.  Where they are not, there are no pages.
A page takes 0.7 ms and a sector 45 ms with interrupts off (W25Q16JV data sheet, typical).
"""

import machine
import rp2

from pump.spec import journal as at
from pump.spec import slot

_FILES_BEGIN = 0xA0000  # of the flash, on a board of the RPI_PICO build
RING_BEGIN = _FILES_BEGIN - at.RING_BYTES
BOXES_BEGIN = RING_BEGIN - at.BOXES_BYTES
SLOT_BEGIN = BOXES_BEGIN - slot.SLOT_BYTES
_SECTOR_BYTES = at.PAGE_BYTES * at.SECTOR_PAGES
_BASE, _SIZE = 4, 8  # of the object, after its type: where it begins and its bytes
_ERASE_BLOCK = 6  # ioctl


class PageFlash:
    """Pages that are programmed once after their sector was erased."""

    def __init__(self, begin: int, size: int):
        """Use the `size` bytes from `begin` of the flash."""
        self.pages = 0
        self._device = rp2.Flash(start=0, len=size)
        address = id(self._device)
        # The base is an offset into the flash, whatever maps it.
        if (
            machine.mem32[address + _BASE] == _FILES_BEGIN
            and machine.mem32[address + _SIZE] == size
        ):
            machine.mem32[address + _BASE] = begin
            self.pages = size // at.PAGE_BYTES

    def read(self, page: int, buffer) -> None:
        """Fill `buffer` from the beginning of a page."""
        sector, place = page // at.SECTOR_PAGES, page % at.SECTOR_PAGES
        self._device.readblocks(sector, buffer, place * at.PAGE_BYTES)

    def program(self, page: int, content) -> None:
        """Program one whole page."""
        sector, place = page // at.SECTOR_PAGES, page % at.SECTOR_PAGES
        self._device.writeblocks(sector, content, place * at.PAGE_BYTES)

    def erase(self, sector: int) -> None:
        """Erase one sector: all its bits are one then."""
        self._device.ioctl(_ERASE_BLOCK, sector)
