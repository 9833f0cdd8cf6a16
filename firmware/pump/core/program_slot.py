# SPDX-License-Identifier: MIT
"""Keeps the program over a power cut: after it the pump is ready, and a person starts it.

One slot of raw flash.  Its first page is programmed last and erased or voided first, and holds a
MAC under a key of the pump: what comes back is whole, of this pump, and the newest that was
kept, or nothing comes back.  Erased and programmed only while no therapy runs, but for
`void`, which programs one page.  Allocates.  Layout: pump.spec.slot.
"""

from array import array

from pump.compat import const
from pump.core import program
from pump.core.intake import u32, write_bytes
from pump.core.mac import Hmac, difference
from pump.spec import journal, limits, reasons
from pump.spec import slot as at

_PAGE_WORDS = const(journal.PAGE_BYTES // 4)


class ProgramSlot:
    """At most one program, in `flash`, which has pages, read, program and erase."""

    def __init__(self, flash, key):
        """key: the seal key; without one nothing could be told to be the pump's own."""
        self._flash = flash
        self._key = key
        self._page = bytearray(journal.PAGE_BYTES)
        self._sectors = 0  # that room is made in for the coming program
        self._erased = 0  # of them so far
        self._coming = None  # the words that are being kept
        self._next = 0  # page to be programmed
        self._mac = None  # of the pages before it
        self.is_void = False  # what stood here is no longer what the pump runs

    def restore(self):
        """Return the words of the program that was kept, None where none is whole and right."""
        try:
            return self._restored()
        except Exception:  # of all places here: the board would start anew for ever
            return None

    def clear(self, count: int) -> None:
        """Give up what is kept, and make room for so many words; `work` does the rest of it.

        The sector of the first page goes at once, with which nothing is kept.
        """
        self._coming = None
        self.is_void = False
        self._sectors = _sectors(count) if self._flash.pages else 0
        self._erased = 0
        self.work()

    def keep(self, words) -> None:
        """Let `work` keep this program in place of the one before."""
        if not self._key or not self._flash.pages:
            return
        if self._sectors != _sectors(len(words)):
            self.clear(len(words))
        self._coming = words
        self._next = 1
        self._mac = Hmac(self._key)
        self._mac.add(_head(len(words)))

    def is_busy(self) -> bool:
        """Say whether `work` has something left to do."""
        return self._erased < self._sectors or self._coming is not None

    def work(self) -> bool:
        """Erase a sector, or program one; return whether there is more to do."""
        if self._erased < self._sectors:
            self._flash.erase(self._erased)
            self._erased += 1
        elif self._coming is not None:
            self._sectors = self._erased = 0
            self._program_sector()
        return self.is_busy()

    def void(self) -> bool:
        """Let what is kept not count any more; False where the flash does not take that."""
        self.is_void = True
        if not self._flash.pages:
            return True
        self._sectors = self._erased = 0
        self._flash.program(0, bytes(journal.PAGE_BYTES))
        self._flash.read(0, self._page)
        return self._page[: at.AT_WORDS] != at.MAGIC

    def _restored(self):
        """Return the words that are kept; an array made in place, of no other copy."""
        if not self._key or not self._flash.pages:
            return None
        first = bytearray(journal.PAGE_BYTES)
        self._flash.read(0, first)
        count = u32(first, at.AT_WORDS)
        if first[: at.AT_WORDS] != at.MAGIC or not 0 < count <= limits.PROGRAM_WORDS_MAX:
            return None
        words = array("i", range(count))
        mac = Hmac(self._key)
        mac.add(_head(count))
        for begin in range(0, count, _PAGE_WORDS):
            self._flash.read(1 + begin // _PAGE_WORDS, self._page)
            mac.add(self._page)
            write_bytes(self._page, 0, 4 * min(_PAGE_WORDS, count - begin), words, 4 * begin)
        if difference(first, 0, _first_page(count, mac.end()), journal.PAGE_BYTES):
            return None
        return words if program.check(words) == reasons.RESULT_OK else None

    def _program_sector(self) -> None:
        """Program the next pages, as many as a sector has; the first page after the last."""
        for _ in range(journal.SECTOR_PAGES):
            begin = (self._next - 1) * _PAGE_WORDS
            if begin >= len(self._coming):
                self._flash.program(0, _first_page(len(self._coming), self._mac.end()))
                self._coming = None
                return
            page = bytearray(journal.PAGE_BYTES)
            piece = bytearray(self._coming[begin : begin + _PAGE_WORDS])
            page[: len(piece)] = piece
            self._mac.add(page)
            self._flash.program(self._next, page)
            self._next += 1


def _sectors(count: int) -> int:
    """Return how many sectors the first page and a program of so many words take."""
    pages = 1 + (count + _PAGE_WORDS - 1) // _PAGE_WORDS
    return (pages + journal.SECTOR_PAGES - 1) // journal.SECTOR_PAGES


def _head(count: int) -> bytes:
    """Return how the first page of a program of so many words begins."""
    return at.MAGIC + count.to_bytes(4, "little")


def _first_page(count: int, mac) -> bytearray:
    """Return the page that makes the others count."""
    page = bytearray(journal.PAGE_BYTES)
    page[: at.HEAD_BYTES] = _head(count)
    page[at.AT_MAC : at.END] = mac
    return page
