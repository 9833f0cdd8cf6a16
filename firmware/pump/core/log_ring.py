# SPDX-License-Identifier: MIT
"""A ring of flash pages, programmed one after another, each chained to the one before.

A page is whole, read back and linked, or it does not count: after a cut the ring goes on behind
the newest that does.  A page that does not hold what was written is worn: it is made void and
passed over, its number left out.  Allocates: not for the tick.  Layout: pump.spec.journal.
"""

from array import array

from pump.compat import const
from pump.core.log_page import is_whole, link_of
from pump.spec import journal as at

_LINK_BYTES = const(32)
_MASK = const(0x3FFFFFFF)


class LogRing:
    """The pages of `flash`, which has pages, read, program and erase."""

    def __init__(self, flash):
        self._flash = flash
        self.pages = flash.pages
        self.page = bytearray(at.PAGE_BYTES)  # as it was read last
        self.words = array("i", self.page)  # of the one that `holds` looked at last
        self.latest = b""  # the page that was written last, whether or not it held
        self.link = bytes(_LINK_BYTES)  # of the last that held
        self.sequence = 0  # of the next page
        self.room = 0  # erased pages that come next
        self.worn = 0  # pages that did not hold, since power-up

    def append(self, words) -> bool:
        """Program the next page, and read it back; False when WORN_MAX in a row do not hold.

        words: PAGE_WORDS of them, to which number and links are added.
        """
        for _ in range(at.WORN_MAX):
            if not self.room:
                return False
            words[at.AT_SEQUENCE] = self.sequence
            page = bytearray(words)
            page[4 * at.AT_LINK_BEFORE : 4 * at.AT_LINK] = self.link
            page[4 * at.AT_LINK :] = link_of(page)
            self.latest = page
            place = self.sequence % self.pages
            self._flash.program(place, page)
            self.room -= 1
            self.sequence += 1
            self.read(place)
            if self.page == page:
                self.link = bytes(page[4 * at.AT_LINK :])
                return True
            self._pass_over(place)
        return False

    def _pass_over(self, place: int) -> None:
        """Make void what does not hold, lest some other day it does."""
        self.worn += 1
        self._flash.program(place, _VOID)
        self.read(place)
        if place % at.SECTOR_PAGES == 0 and self.page == _ERASED:
            # Who looks for the newest page takes such a sector for an empty one.
            self.sequence += at.SECTOR_PAGES - 1
            self.room -= at.SECTOR_PAGES - 1

    def take_up(self) -> bool:
        """Go on behind the newest whole page, which `words` then holds; False without one."""
        newest = self._newest()
        if newest < 0 or not self.holds(newest):
            return False
        self.link = bytes(self.page[4 * at.AT_LINK :])
        self.sequence = newest + 1
        return True

    def count_erased(self) -> None:
        """Pass over pages that a cut left half programmed, and count the erased ones after them.

        A cut may also have left a sector half erased: only whole sectors count, and the last
        of them, which may hold its bits but weakly, is erased once more.
        """
        while self.sequence % at.SECTOR_PAGES and not self._is_erased(self.sequence):
            self.sequence += 1
        self.room = -self.sequence % at.SECTOR_PAGES
        for page in range(self.sequence, self.sequence + self.room):
            if not self._is_erased(page):
                self.sequence += self.room
                self.room = 0
                break
        # A whole sector at a time: page by page this would take a tenth of a second.
        sector = bytearray(at.PAGE_BYTES * at.SECTOR_PAGES)
        erased = b"\xff" * len(sector)
        while self.room + at.SECTOR_PAGES <= self.pages:
            self._flash.read((self.sequence + self.room) % self.pages, sector)
            if sector != erased:
                break
            self.room += at.SECTOR_PAGES
        if self.room >= at.SECTOR_PAGES:
            self.room -= at.SECTOR_PAGES
            self.erase_next()

    def erase_next(self) -> None:
        """Erase the sector after the erased ones."""
        first = (self.sequence + self.room) % self.pages
        self._flash.erase(first // at.SECTOR_PAGES)
        self.room += at.SECTOR_PAGES

    def copy(self, sequence: int, buffer) -> bool:
        """Fill `buffer` with the page of that number; False where it is no longer there."""
        if not self.pages or not max(0, self.sequence - self.pages) <= sequence:
            return False
        self._flash.read(sequence % self.pages, buffer)
        words = array("i", bytes(buffer[: 4 * at.AT_CONTENT]))
        return words[at.AT_SEQUENCE] == sequence and is_whole(buffer)

    def holds(self, sequence: int) -> bool:
        """Read that page into `words`; say whether it is whole and stands where it belongs."""
        self.read(sequence % self.pages)
        self.words = array("i", bytes(self.page))
        words = self.words
        if words[at.AT_KIND] & ~at.KIND_MASK != at.MAGIC or words[at.AT_SEQUENCE] != sequence:
            return False
        return link_of(self.page) == bytes(self.page[4 * at.AT_LINK :])

    def read(self, place: int) -> None:
        """Read the page at that place into `page`."""
        self._flash.read(place, self.page)

    def _newest(self) -> int:
        """Return the sequence of the newest whole page, -1 without one."""
        newest = -1
        head = bytearray(8)
        for page in range(self.pages):
            if page % at.SECTOR_PAGES == 0:
                # A sector is filled from its beginning: none there, none in it.
                self._flash.read(page, head)
                is_used = head != _ERASED_HEAD
            if is_used:
                self._flash.read(page, head)
                sequence = int.from_bytes(head[4:], "little")
                if newest < sequence <= _MASK and self.holds(sequence):
                    newest = sequence
        return newest

    def _is_erased(self, sequence: int) -> bool:
        """Say whether nothing was ever programmed at the place of that page."""
        self.read(sequence % self.pages)
        return self.page == _ERASED


_ERASED = b"\xff" * at.PAGE_BYTES
_ERASED_HEAD = b"\xff" * 8
_VOID = bytes(at.PAGE_BYTES)
