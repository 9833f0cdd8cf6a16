# SPDX-License-Identifier: MIT
"""What a power cut leaves of the kept program is the newest whole one, or nothing.

The flash is modelled byte by byte, with cuts inside of programming and erasing.
"""

from __future__ import annotations

import hmac
import random
import struct
import zlib
from array import array

import pytest

from mesor.program import Program
from mesor_hil.targets.ram_flash import SLOT, PowerCut, RamFlash
from pump.core import program as core_program
from pump.core import program_slot
from pump.core.program_slot import ProgramSlot
from pump.spec import journal, limits, reasons
from pump.spec import program as layout

KEY = bytes(range(32, 64))
PAGE = journal.PAGE_BYTES
SECTOR = PAGE * journal.SECTOR_PAGES


class Nor(RamFlash):
    """Refuses to program what is not erased, but for zeros, which always take."""

    def program(self, page: int, content: bytes) -> None:
        held = self.content[page * PAGE : (page + 1) * PAGE]
        assert not any(content) or held == b"\xff" * PAGE
        super().program(page, content)


def other(words: array[int]) -> array[int]:
    """Return another right program of the same size."""
    changed = array("i", words)
    changed[layout.AT_CHANGE_MAX] -= 1
    body = changed.tobytes()[:-4]
    return array("i", body + struct.pack("<I", zlib.crc32(body)))


def finish(slot: ProgramSlot) -> None:
    """Let it do all its work: two pieces a sector at most."""
    pieces = 1
    while slot.work():
        pieces += 1
        assert pieces <= 2 * SLOT


def keep(flash: RamFlash, words: array[int], key: bytes = KEY) -> None:
    """Keep a program as an upload does: room first, then the words."""
    slot = ProgramSlot(flash, key)
    slot.clear(len(words))
    finish(slot)
    slot.keep(words)
    finish(slot)


def laid_out(words: array[int], key: bytes) -> bytes:
    """Return what the slot's layout says, by Python's own library."""
    head = b"MSL1" + struct.pack("<I", len(words))
    pages = words.tobytes() + bytes(-4 * len(words) % PAGE)
    mac = hmac.digest(key, head + pages, "sha256")
    return ((head + mac).ljust(PAGE, b"\0") + pages).ljust(SLOT * SECTOR, b"\xff")


def restored(flash: RamFlash, key: bytes = KEY) -> array[int] | None:
    """Return what a pump finds that is switched on with this flash."""
    flash.cut_after = None
    words: array[int] | None = ProgramSlot(flash, key).restore()
    return words


@pytest.fixture
def flash() -> Nor:
    """Return an erased slot."""
    return Nor(SLOT)


@pytest.fixture
def anything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take any words for a program."""
    monkeypatch.setattr(core_program, "check", lambda _words: reasons.RESULT_OK)


def test_what_was_kept_comes_back_word_for_word(flash: Nor, words: array[int]) -> None:
    """After a power cut nobody has to send it again; the next one replaces it."""
    assert restored(flash) is None
    for program in (words, other(words), words):
        keep(flash, program)
        assert restored(flash) == program


@pytest.mark.usefixtures("anything")
@pytest.mark.parametrize("count", [1, 63, 64, 65, 960, 961, 1984, 1985, limits.PROGRAM_WORDS_MAX])
def test_programs_of_every_size_fit(flash: Nor, count: int) -> None:
    """Up to the largest; a page or a sector that is just full is no special case."""
    words = array("i", random.Random(count).randbytes(4 * count))
    keep(flash, words)
    assert restored(flash) == words
    pages = 1 + -(-4 * count // PAGE)
    assert flash.programmed == pages
    assert flash.erased == -(-pages // journal.SECTOR_PAGES)


def test_the_slot_holds_what_its_layout_says(flash: Nor, words: array[int]) -> None:
    """HMAC-SHA256 under the seal key over head and pages."""
    keep(flash, words)
    assert flash.content == laid_out(words, KEY)


@pytest.mark.hazard("wrong_program")
def test_a_power_cut_at_any_instant_leaves_the_newest_whole_program_or_none(
    flash: Nor, words: array[int]
) -> None:
    """Every page's and sector's boundary, and random bytes inside of them."""
    new = other(words)
    keep(flash, words)
    before = bytes(flash.content)
    flash.cut_after = 1 << 30
    keep(flash, new)
    total = (1 << 30) - flash.cut_after
    assert total == 2 * SECTOR + PAGE * flash.programmed // 2
    draw = random.Random(7)
    instants = {*range(0, total + 1, PAGE), 1, total - 1}
    instants |= {draw.randrange(total) for _ in range(150)}
    instants |= {total - 1 - draw.randrange(PAGE) for _ in range(50)}
    left = []
    for instant in sorted(instants):
        flash.content[:] = before
        flash.cut_after = instant
        flash.random.seed(instant)
        try:
            keep(flash, new)
        except PowerCut:
            left.append(restored(flash))
            if left[-1] is None:  # what a cut leaves is no obstacle to the next upload
                keep(flash, new)
                assert restored(flash) == new
        else:
            assert instant == total
    assert len(left) == len(instants) - 1
    # A cut among the last bytes, which are zeros either way or may have got all their bits.
    assert all(found is None or found == new for found in left)
    assert left[: len(left) // 2] == [None] * (len(left) // 2)


@pytest.mark.hazard("wrong_program")
def test_a_voided_program_does_not_come_back_wherever_the_power_goes(
    flash: Nor, words: array[int]
) -> None:
    """Before the first bit the takeover has not begun; after the last it may go on."""
    keep(flash, words)
    before = bytes(flash.content)
    for instant in range(PAGE + 1):
        flash.content[:] = before
        flash.cut_after = instant
        slot = ProgramSlot(flash, KEY)
        try:
            done = slot.void()
        except PowerCut:
            assert instant < PAGE
            assert restored(flash) is None or instant == 0
        else:
            assert done
            assert slot.is_void
            assert restored(flash) is None
            assert slot.void()  # once more changes nothing


def test_a_flash_that_takes_no_void_is_told(
    flash: Nor, words: array[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The older program would come back after a cut."""
    keep(flash, words)
    monkeypatch.setattr(flash, "program", lambda _page, _content: None)
    assert not ProgramSlot(flash, KEY).void()


@pytest.mark.hazard("wrong_program")
def test_a_flipped_bit_anywhere_leaves_nothing(flash: Nor, words: array[int]) -> None:
    """Every bit of the first page, one of every sixteenth byte of the others, padding too."""
    keep(flash, words)
    used = PAGE * flash.programmed
    draw = random.Random(3)
    places = [(byte, bit) for byte in range(PAGE) for bit in range(8)][::3]
    places += [(byte, draw.randrange(8)) for byte in range(PAGE, used, 16)]
    places += [(byte, draw.randrange(8)) for byte in range(used - 8, used)]
    for byte, bit in places:
        flash.content[byte] ^= 1 << bit
        assert restored(flash) is None
        flash.content[byte] ^= 1 << bit
    assert restored(flash) == words


@pytest.mark.hazard("wrong_program")
def test_a_program_that_another_pump_kept_leaves_nothing(flash: Nor, words: array[int]) -> None:
    """Or this one, before it was flashed with new keys; a checksum alone proves nobody."""
    keep(flash, words, KEY[::-1])
    assert restored(flash) is None
    flash.content[:] = laid_out(words, b"")
    assert restored(flash, b"") is None  # whom no key seals, anybody seals


def test_words_that_this_firmware_would_not_take_leave_nothing(
    flash: Nor, words: array[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A firmware with another layout was flashed since, under the same keys."""
    keep(flash, words)
    monkeypatch.setattr(layout, "LAYOUT_VERSION", layout.LAYOUT_VERSION + 1)
    ranges = [(at, least + 1, most + 1) if at == layout.AT_LAYOUT else (at, least, most)
              for at, least, most in core_program._RANGES]  # fmt: skip
    monkeypatch.setattr(core_program, "_RANGES", ranges)
    assert restored(flash) is None


@pytest.mark.parametrize("count", [0, limits.PROGRAM_WORDS_MAX + 1, 0xFFFFFFFF])
def test_a_count_that_no_program_has_leaves_nothing(flash: Nor, count: int) -> None:
    """Believed, it would ask for more memory than there is."""
    flash.content[:8] = b"MSL1" + struct.pack("<I", count)
    assert restored(flash) is None


def test_nothing_at_boot_raises(
    flash: Nor, words: array[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The board would start anew, for ever: neither too little memory nor a flash that fails."""
    keep(flash, words)
    with monkeypatch.context() as patch:
        patch.setattr(program_slot, "array", raising(MemoryError))
        assert restored(flash) is None
    monkeypatch.setattr(flash, "read", raising(OSError))
    assert restored(flash) is None


def raising(error: type[Exception]) -> object:
    """Return what raises that whenever it is called."""

    def fail(*_: object) -> None:
        raise error

    return fail


def test_without_a_key_or_a_flash_nothing_is_kept(words: array[int]) -> None:
    """A board that was never flashed, and one whose MicroPython this firmware does not know."""
    for flash, key in ((Nor(SLOT), b""), (RamFlash(0), KEY)):
        keep(flash, words, key)
        slot = ProgramSlot(flash, key)
        assert slot.restore() is None
        assert (flash.programmed, flash.erased) == (0, 2 * (key == b""))
    assert slot.void()
    assert flash.programmed == 0
    assert not slot.is_busy()


def test_room_that_was_made_is_not_made_again(flash: Nor, words: array[int]) -> None:
    """A sector bears 100,000 erasures; and an upload shall not wait for the same twice."""
    keep(flash, words)
    assert flash.erased == 2
    slot = ProgramSlot(flash, KEY)
    for program in (words, other(words)):
        slot.keep(program)  # nobody has made room: what is there is another one's
        finish(slot)
        assert restored(flash) == program
    assert flash.erased == 6


@pytest.mark.usefixtures("anything")
def test_a_program_of_one_sector_needs_room_like_any_other(flash: Nor) -> None:
    """Whether the sector was programmed, or a page of it by a void."""
    slot = ProgramSlot(flash, KEY)
    for number in range(4):
        words = array("i", [number] * 900)
        slot.keep(words)
        finish(slot)
        assert restored(flash) == words
        if number % 2:
            assert slot.void()


def test_room_is_made_anew_for_an_upload_that_is_begun_again(
    flash: Nor, words: array[int]
) -> None:
    """Nobody knows how long the first one's has lain there."""
    slot = ProgramSlot(flash, KEY)
    for erased in (2, 4):
        slot.clear(len(words))
        finish(slot)
        assert flash.erased == erased


@pytest.mark.usefixtures("anything")
def test_an_upload_that_another_one_follows_leaves_the_later(
    flash: Nor, words: array[int]
) -> None:
    """Also a larger one, and when the first was being programmed already."""
    larger = array("i", range(3000))
    slot = ProgramSlot(flash, KEY)
    slot.clear(len(words))
    slot.keep(words)
    assert slot.work()
    assert slot.work()  # the first sector is programmed
    programmed = flash.programmed
    assert programmed
    slot.clear(len(larger))
    finish(slot)
    assert flash.programmed == programmed
    assert restored(flash) is None
    slot.keep(larger)
    finish(slot)
    assert restored(flash) == larger


def test_void_is_what_was_voided_until_something_is_kept_or_given_up(
    flash: Nor, words: array[int]
) -> None:
    """By it the pump knows, at a therapy's end, that it has a program to keep anew."""
    slot = ProgramSlot(flash, KEY)
    assert not slot.is_void
    for end in (slot.keep, lambda kept: slot.clear(len(kept))):
        assert slot.void()
        assert slot.is_void
        end(words)
        assert not slot.is_void
        finish(slot)


def test_a_program_is_kept_anew_after_a_void(flash: Nor, words: array[int]) -> None:
    """Into erased flash, though room for as much had been made before."""
    keep(flash, words)
    slot = ProgramSlot(flash, KEY)
    for program in (other(words), words):
        slot.clear(len(program))
        slot.keep(program)
        finish(slot)
        assert slot.void()
        slot.clear(len(program))
        finish(slot)
        assert slot.void()  # a page of the room is used up
        slot.keep(program)
        finish(slot)
        assert restored(flash) == program


def test_a_piece_of_work_is_one_sector(flash: Nor, words: array[int]) -> None:
    """Between two of them a resting pump answers: 45 ms erase one, 11 ms program one."""
    slot = ProgramSlot(flash, KEY)
    assert not slot.is_busy()
    slot.keep(words)
    steps = []
    while slot.is_busy():
        before = flash.erased, flash.programmed
        slot.work()
        steps.append((flash.erased - before[0], flash.programmed - before[1]))
    assert steps == [(1, 0), (0, 16), (0, 14)]


def test_the_program_that_ships_is_right(program: Program) -> None:
    """Else nothing above would show anything."""
    assert core_program.check(array("i", program.bytes)) == reasons.RESULT_OK
