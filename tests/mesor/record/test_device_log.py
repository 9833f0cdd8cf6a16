# SPDX-License-Identifier: MIT
"""A pulled device log: what was altered in it is named; what a cut left is not taken for it."""

from __future__ import annotations

import hashlib
import json
import sys
from array import array
from pathlib import Path

import pytest

from mesor import cli
from mesor.errors import RecordError
from mesor.link import PumpClient
from mesor.record.device_log import DeviceLog, device_log, read_device_log
from mesor_hil.targets.pty_bridge import PtyBridge
from mesor_hil.targets.ram_flash import RamFlash
from mesor_hil.targets.twin import TwinTarget
from pump.core.journal import Journal
from pump.spec import journal as at
from pump.spec import messages, reasons
from pump.spec import program as layout
from pump.spec import record as tick_record

SECTORS = 4
PAGE = at.PAGE_BYTES


@pytest.fixture
def flash() -> RamFlash:
    """Return the flash after a therapy of twenty ticks and a second power-up."""
    flash = RamFlash(SECTORS)
    words = array("i", [0] * layout.SCALAR_WORDS)
    words[layout.AT_STEPS_TICK_MAX], words[layout.AT_STEPS_DAY_MAX] = 100, 1000
    journal = Journal(flash, 0)
    assert journal.start(words, 300, 79_500, 0)
    record = array("i", [0] * tick_record.word_count(20))
    for number in range(20):
        record[tick_record.TICK], record[tick_record.STEPS] = number, 10 + number
        journal.tick(record, 1000 * number)
    record[tick_record.STATE] = reasons.STATE_FAULT
    record[tick_record.STEPS] = 0
    record[tick_record.FAULT_REASON] = reasons.FAULT_AIR_IN_LINE
    journal.tick(record, 20_000)
    Journal(flash, 0)
    return flash


def test_an_untouched_log_is_intact(flash: RamFlash) -> None:
    """And told in lines a person can read."""
    log = device_log(bytes(flash.content))
    assert (log.broken, log.spoilt, len(log.pages)) == (None, 0, 24)
    lines = [page.text for page in log.pages]
    assert lines[1].endswith("start, result 0, clock factor 300, program 00000000, at 22:05")
    assert lines[5].endswith("tick 3, 13 steps")
    assert lines[22].endswith("air in line")
    assert lines[23].endswith("100 steps charged")


@pytest.mark.parametrize("place", [1, 7, 21])
def test_every_altered_byte_of_a_page_is_noticed(flash: RamFlash, place: int) -> None:
    """The page is no longer whole, and the next one does not follow the one before it."""
    for byte in range(0, PAGE, 3):
        content = bytearray(flash.content)
        content[place * PAGE + byte] ^= 1
        broken = device_log(bytes(content)).broken
        assert broken is not None
        assert f"page {place + 1} does not follow page {place - 1}" in broken


def test_a_page_made_whole_again_after_it_was_altered_is_noticed(flash: RamFlash) -> None:
    """Half the steps of a tick, with a right hash: the next page tells."""
    content = bytearray(flash.content)
    page = content[7 * PAGE : 8 * PAGE]
    page[4 * at.AT_STEPS] ^= 1
    page[4 * at.AT_LINK :] = hashlib.sha256(page[: 4 * at.AT_LINK]).digest()
    content[7 * PAGE : 8 * PAGE] = page
    assert "page 8 does not follow page 7" in str(device_log(bytes(content)).broken)


def test_removed_moved_and_swapped_pages_are_noticed(flash: RamFlash) -> None:
    """Wherever they were, but at the very end."""
    content = bytes(flash.content)
    pages = [content[i : i + PAGE] for i in range(0, len(content), PAGE)]
    removed = [*pages[:9], b"\xff" * PAGE, *pages[10:]]
    moved = [*pages[:40], pages[9], *pages[41:]]
    swapped = [*pages[:9], pages[10], pages[9], *pages[11:]]
    for altered in (removed, moved, swapped):
        assert device_log(b"".join(altered)).broken is not None


def linked(pages: list[tuple[int, int, int, list[int]]]) -> bytes:
    """Return a ring of these pages, each (sequence, boot, kind, content), rightly chained."""
    ring, link = bytearray(b"\xff" * (SECTORS * at.SECTOR_PAGES * PAGE)), bytes(32)
    for sequence, boot, kind, content in pages:
        words = array("i", [0] * at.PAGE_WORDS)
        words[at.AT_KIND], words[at.AT_SEQUENCE] = at.MAGIC | kind, sequence
        words[at.AT_BOOT], words[at.AT_COUNT] = boot, len(content)
        words[at.AT_CONTENT : at.AT_CONTENT + len(content)] = array("i", content)
        page = bytearray(words)
        page[4 * at.AT_LINK_BEFORE : 4 * at.AT_LINK] = link
        link = page[4 * at.AT_LINK :] = hashlib.sha256(page[: 4 * at.AT_LINK]).digest()
        place = sequence % (SECTORS * at.SECTOR_PAGES) * PAGE
        ring[place : place + PAGE] = page
    return bytes(ring)


def test_every_kind_of_page_is_told_in_a_line() -> None:
    """Alarms between ticks, and what was given before the ring came round, too."""
    pages = [(0, 1, at.BOOT, []), (1, 1, at.ALARM, [3]), (2, 1, at.HISTORY, [0, 5, 6])]
    log = device_log(linked([*pages, (3, 1, 99, []), (4, 1, at.RELIEF, [9, 7])]))
    assert log.broken is None
    ends = ["boot", "flags 0x3", "part 0, 11 steps", "kind 99"]
    ends.append("7 of 9 steps back out of a blocked line")
    assert all(page.text.endswith(end) for page, end in zip(log.pages, ends, strict=True))


@pytest.mark.parametrize(
    ("content", "end"),
    [
        ([messages.STOP, 0, 2, 300], "stop, result 0, clock factor 300"),
        ([messages.START, 0, 3, 1, 0, 255, 3_720], "clock factor 1, program 000000ff, at 01:02"),
        ([messages.TAKE_OVER, 0, 3, 1, 0, -1], "result 0, clock factor 1, program ffffffff"),
        ([messages.ACKNOWLEDGE, 0, 2, 1, 7], "acknowledge alarm 7"),
        ([250, 0, 2, 1], "command 250, result 0, clock factor 1"),
    ],
)
def test_every_command_is_told_in_a_line(content: list[int], end: str) -> None:
    """Which program ran from when on, and what a person answered: what a reviewer asks first."""
    (page,) = device_log(linked([(0, 1, at.COMMAND, content)])).pages
    assert page.text.endswith(end)


@pytest.mark.parametrize("kind", [at.COMMAND, at.TICK, at.FAULT, at.ALARM, at.HISTORY])
def test_a_page_with_too_few_words_is_told_all_the_same(kind: int) -> None:
    """The chain has no key: whoever makes a log must not make its reader fail."""
    (page,) = device_log(linked([(0, 1, kind, [])])).pages
    assert page.text.endswith("of 0 words, too few: no firmware of ours wrote it")


def test_a_box_whose_page_is_another_one_in_the_log_is_named() -> None:
    """Whole and rightly linked in itself: the log beside it tells."""
    ring = linked([(0, 1, at.BOOT, []), (1, 1, at.ALARM, [3])])
    page = linked([(1, 1, at.ALARM, [4])])[PAGE : 2 * PAGE]
    erased = b"\xff" * (at.SECTOR_PAGES - 1) * PAGE
    (box,) = device_log(ring, page + erased).boxes
    assert box.broken == "page 1 is another one in the log"
    (box,) = device_log(ring, ring[PAGE : 2 * PAGE] + erased).boxes
    assert box.broken is None


def test_numbers_that_are_left_out_within_one_life_are_told_as_worn() -> None:
    """Rightly chained, as the pump does it where a page does not hold; a cut may spoil some."""
    log = device_log(linked([(0, 1, at.BOOT, []), (3, 1, at.FULL, [])]))
    assert (log.broken, log.worn) == (None, (1, 2))
    log = device_log(linked([(0, 1, at.BOOT, []), (2, 2, at.BOOT, [])]))
    assert (log.broken, log.worn) == (None, ())


def test_verify_tells_how_many_pages_are_worn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A person should know before the pump stops for it."""
    ring = linked([(0, 1, at.BOOT, []), (3, 1, at.FULL, [])])
    path = tmp_path / "pump.log"
    path.write_bytes(ring.ljust(at.PAGE_BYTES * at.SECTOR_PAGES, b"\xff"))
    assert run_cli(monkeypatch, "log", "verify", path) == 0
    assert "intact: 2 pages, 0 spoilt by power cuts, 2 worn; last" in capsys.readouterr().out
    assert run_cli(monkeypatch, "log", "verify", path, "--json") == 0
    assert json.loads(capsys.readouterr().out)["worn"] == [1, 2]


def test_a_log_that_begins_in_the_middle_of_another_is_named(flash: RamFlash) -> None:
    """Page 0 follows nothing."""
    page = bytearray(flash.content[:PAGE])
    page[4 * at.AT_LINK_BEFORE] = 1
    page[4 * at.AT_LINK :] = hashlib.sha256(page[: 4 * at.AT_LINK]).digest()
    log = device_log(bytes(page) + b"\xff" * (SECTORS * at.SECTOR_PAGES - 1) * PAGE)
    assert log.broken == "the first page follows another one"


def test_a_page_that_stands_in_anothers_place_is_named(flash: RamFlash) -> None:
    """Whole, but where the ring has not put it."""
    content = bytearray(flash.content)
    content[40 * PAGE : 41 * PAGE] = content[9 * PAGE : 10 * PAGE]
    assert device_log(bytes(content)).broken == "page 9 does not stand where it was written"


def test_more_spoilt_pages_than_power_cuts_can_have_made_are_named(flash: RamFlash) -> None:
    """Each start of the firmware stands for one cut, of a page and a sector at most."""
    content = bytearray(flash.content)
    for place in range(10, SECTORS * at.SECTOR_PAGES):
        content[place * PAGE : (place + 1) * PAGE] = bytes(PAGE)
    (first, *_) = device_log(bytes(content)).pages
    assert first.sequence == 0
    assert "are spoilt, more than 1 power cuts can have done" in str(
        device_log(bytes(content)).broken
    )


def test_a_flash_that_never_held_a_log_holds_none() -> None:
    """An erased one is intact; one full of something else is not."""
    size = SECTORS * at.SECTOR_PAGES * PAGE
    assert device_log(b"\xff" * size) == DeviceLog((), 0, (), None)
    assert device_log(bytes(size)).broken is not None


def test_what_cannot_be_a_log_is_refused_in_one_sentence(tmp_path: Path) -> None:
    """Wrong file, no file."""
    path = tmp_path / "pump.log"
    with pytest.raises(RecordError, match="cannot be read"):
        read_device_log(path)
    for content in (b"", bytes(5000)):
        path.write_bytes(content)
        with pytest.raises(RecordError, match="whole sectors of 4096 bytes"):
            read_device_log(path)


def run_cli(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Run the command line; return its exit status."""
    monkeypatch.setattr(sys, "argv", ["mesor", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert isinstance(left.value.code, int)
    return left.value.code


def test_verify_says_which_page_and_leaves_with_one(
    flash: RamFlash,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """For people and for scripts."""
    path = tmp_path / "pump.log"
    path.write_bytes(flash.content)
    assert run_cli(monkeypatch, "log", "verify", path, "--all") == 0
    assert "intact: 24 pages, 0 spoilt by power cuts; last link" in capsys.readouterr().out
    flash.content[7 * PAGE + 30] ^= 4
    path.write_bytes(flash.content)
    assert run_cli(monkeypatch, "log", "verify", path, "--json") == 1
    verdict = json.loads(capsys.readouterr().out)
    assert (verdict["intact"], verdict["spoilt"]) == (False, 1)
    assert "page 8" in verdict["break"]


def test_pull_brings_the_log_of_the_pump_on_a_port(
    flash: RamFlash,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without a key, byte by byte what stands in its flash."""
    twin = TwinTarget(flash)
    path = tmp_path / "pulled.log"
    with PtyBridge(twin) as bridge:
        assert run_cli(monkeypatch, "log", "pull", bridge.port, "--out", path) == 0
    assert path.read_bytes() == bytes(flash.content) + bytes(twin.board.box_flash.content)
    assert "intact: 25 pages" in capsys.readouterr().out
    client = PumpClient(twin)
    client.hello()
    assert client.read_log() == path.read_bytes()
