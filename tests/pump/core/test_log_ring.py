# SPDX-License-Identifier: MIT
"""The ring of the log, page by page: what it counts, passes over and believes.

Power cuts and what the pages mean are in test_journal.py; here every number is exact.
"""

from __future__ import annotations

from array import array

import pytest

from mesor_hil.targets.ram_flash import RamFlash
from pump.core.log_page import link_of
from pump.core.log_ring import LogRing
from pump.spec import journal as at

SECTORS = 4
PAGES = SECTORS * at.SECTOR_PAGES


def record(kind: int = at.TICK) -> array[int]:
    """Return a page's words, to which the ring adds number and links."""
    words = array("i", [0] * at.PAGE_WORDS)
    words[at.AT_KIND] = at.MAGIC | kind
    return words


def ring_on(flash: RamFlash, pages: int = 0) -> LogRing:
    """Return a ring that has counted its erased pages and then written so many."""
    ring = LogRing(flash)
    ring.take_up()
    ring.count_erased()
    for _ in range(pages):
        assert ring.append(record())
    return ring


def spoil(flash: RamFlash, page: int, byte: int = 60) -> None:
    """Let one bit of a page be other than it was."""
    flash.content[page * at.PAGE_BYTES + byte] ^= 1


@pytest.mark.parametrize("pages", [0, 1, 20, 47, 48, 49, 63])
def test_all_erased_pages_are_counted_and_the_last_sector_of_them_is_erased_once_more(
    pages: int,
) -> None:
    """It may hold its bits but weakly, where a cut came into its erasing."""
    flash = RamFlash(SECTORS)
    ring_on(flash, pages)
    erased = flash.erased
    again = ring_on(flash)
    assert (again.sequence, again.room) == (pages, PAGES - pages)
    assert flash.erased == erased + (PAGES - pages >= at.SECTOR_PAGES)


def test_half_a_page_is_passed_over_and_the_rest_of_its_sector_used() -> None:
    """A cut has left it; nothing else is wasted."""
    flash = RamFlash(SECTORS)
    ring_on(flash, 5)
    spoil(flash, 5)
    again = ring_on(flash)
    assert (again.sequence, again.room) == (6, PAGES - 6)


def test_a_sector_with_something_behind_an_erased_page_is_left() -> None:
    """Bits that came up by themselves: no page goes over them."""
    flash = RamFlash(SECTORS)
    ring_on(flash, 5)
    spoil(flash, 9)
    again = ring_on(flash)
    assert (again.sequence, again.room) == (at.SECTOR_PAGES, PAGES - at.SECTOR_PAGES)


def test_a_sector_that_is_not_erased_to_its_end_ends_the_count() -> None:
    """However far in its first bit is."""
    flash = RamFlash(SECTORS)
    ring_on(flash, 5)
    spoil(flash, 2 * at.SECTOR_PAGES + 9)
    again = ring_on(flash)
    assert (again.sequence, again.room) == (5, 2 * at.SECTOR_PAGES - 5)


class Stubborn(RamFlash):
    """Takes nothing at some places, so many times."""

    def __init__(self, times: dict[int, int]) -> None:
        super().__init__(SECTORS)
        self.times = times

    def program(self, page: int, content: bytes) -> None:
        """Program it where it can be."""
        if self.times.get(page, 0):
            self.times[page] -= 1
        else:
            super().program(page, content)


@pytest.mark.parametrize(("times", "next_page"), [(1, 17), (2, 32)])
def test_a_sector_is_passed_over_only_where_its_first_page_cannot_be_made_void(
    times: int, next_page: int
) -> None:
    """What is passed over is no room any more."""
    flash = Stubborn({at.SECTOR_PAGES: times})
    ring = ring_on(flash, at.SECTOR_PAGES)
    total = ring.sequence + ring.room
    assert ring.append(record())
    assert ring.holds(next_page)
    assert (ring.sequence, ring.room, ring.worn) == (next_page + 1, total - next_page - 1, 1)
    again = ring_on(flash)
    assert again.sequence == next_page + 1


def test_numbers_go_to_the_largest_small_int_and_no_farther() -> None:
    """A page that says more is none of the pump's."""
    for number, believed in (((1 << 30) - 1, True), (1 << 30, False), ((1 << 24) + 3, True)):
        flash = RamFlash(SECTORS)
        ring = ring_on(flash)
        ring.sequence = number
        assert ring.append(record())
        # A sector is looked at where its first page is used.
        place = number % PAGES
        if place % at.SECTOR_PAGES:
            spoil(flash, place // at.SECTOR_PAGES * at.SECTOR_PAGES, byte=0)
        again = LogRing(flash)
        assert again.take_up() == believed
        if believed:
            assert again.sequence == number + 1


def test_one_page_is_enough_to_go_on_from() -> None:
    """The very first."""
    flash = RamFlash(SECTORS)
    ring = ring_on(flash, 1)
    again = LogRing(flash)
    assert again.take_up()
    assert (again.sequence, again.link) == (1, ring.link)
    assert not LogRing(RamFlash(SECTORS)).take_up()


def test_a_page_in_a_sector_whose_first_is_erased_is_not_looked_for() -> None:
    """A sector is filled from its beginning; power-on has no time to read every page."""
    flash = RamFlash(SECTORS)
    ring_on(flash, at.SECTOR_PAGES + 2)
    begin = at.SECTOR_PAGES * at.PAGE_BYTES
    flash.content[begin : begin + at.PAGE_BYTES] = b"\xff" * at.PAGE_BYTES
    again = LogRing(flash)
    assert again.take_up()
    assert again.sequence == at.SECTOR_PAGES


def test_a_page_is_believed_only_where_it_belongs_and_with_the_logs_own_mark() -> None:
    """Whole alone is not enough: files and older firmware may leave whole pages too."""
    flash = RamFlash(SECTORS)
    ring = ring_on(flash, 4)
    page = flash.content[3 * at.PAGE_BYTES : 4 * at.PAGE_BYTES]
    flash.content[7 * at.PAGE_BYTES : 8 * at.PAGE_BYTES] = page
    assert ring.holds(3)
    assert not ring.holds(7)
    foreign = bytearray(page)
    foreign[3] ^= 0x40  # of the mark
    foreign[4 * at.AT_LINK :] = link_of(foreign)
    flash.content[3 * at.PAGE_BYTES : 4 * at.PAGE_BYTES] = foreign
    assert not ring.holds(3)


def test_pages_are_copied_while_they_are_there_and_whole() -> None:
    """For a black box: from the oldest on, and none that another has replaced."""
    flash = RamFlash(SECTORS)
    ring = ring_on(flash, PAGES)
    buffer = bytearray(at.PAGE_BYTES)
    for number in (0, 1, PAGES - 1):
        assert ring.copy(number, buffer)
        place = number * at.PAGE_BYTES
        assert buffer == flash.content[place : place + at.PAGE_BYTES]
    assert not ring.copy(PAGES, buffer)
    assert not ring.copy(-1, buffer)
    ring.erase_next()
    assert ring.append(record())
    assert not ring.copy(0, buffer)
    assert ring.copy(PAGES, buffer)
    spoil(flash, 30)
    assert not ring.copy(30, buffer)
    assert not LogRing(RamFlash(0)).copy(0, buffer)
