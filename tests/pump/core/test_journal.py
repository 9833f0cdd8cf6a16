# SPDX-License-Identifier: MIT
"""The log survives every power cut: nothing whole is lost, nothing half is believed.

The account never says less than was given.  What the journal writes is read back by the host's
own reader (mesor.record.device_log); the flash is modelled byte by byte, with cuts inside of
programming and erasing.
"""

from __future__ import annotations

import random
from array import array
from dataclasses import dataclass, field

import pytest

from mesor.record.device_log import DeviceLog, device_log
from mesor_hil.targets.ram_flash import PowerCut, RamFlash
from pump.core.journal import Journal
from pump.spec import journal as at
from pump.spec import limits, messages, reasons
from pump.spec import program as layout
from pump.spec import record as tick_record

SECTORS = 8
TICK_MS = 1000
FACTOR = 300
DAY_S = 22 * 3600
TICK_MAX = 100
DAY_MAX = 9_000
PAGES = SECTORS * at.SECTOR_PAGES


def program() -> array[int]:
    """Return as much of a program as the journal looks at."""
    words = array("i", [0] * layout.SCALAR_WORDS)
    words[layout.AT_STEPS_TICK_MAX] = TICK_MAX
    words[layout.AT_STEPS_DAY_MAX] = DAY_MAX
    return words


def tick(number: int, steps: int, state: int = reasons.STATE_RUNNING) -> array[int]:
    """Return a tick record."""
    record = array("i", [0] * tick_record.word_count(20))
    record[tick_record.TICK] = number
    record[tick_record.STEPS] = steps
    record[tick_record.STATE] = state
    return record


class WatchedFlash(RamFlash):
    """Notes the link of every page that was begun, and of every one that was kept whole."""

    def __init__(self, sectors: int = SECTORS) -> None:
        super().__init__(sectors)
        self.begun: set[bytes] = set()
        self.completed: dict[bytes, int] = {}  # and its sequence

    def program(self, page: int, content: bytes) -> None:
        """Note it, before and after."""
        link = bytes(content[4 * at.AT_LINK :])
        self.begun.add(link)
        super().program(page, content)
        begin = page * at.PAGE_BYTES
        if any(content) and self.content[begin : begin + at.PAGE_BYTES] == content:
            self.completed[link] = int.from_bytes(content[4:8], "little")


@dataclass
class Pump:
    """A pump as far as its log goes: it gives what the log allows, and notes what it gave."""

    flash: WatchedFlash = field(default_factory=WatchedFlash)
    seed: int = 0
    now_ms: int = 0
    given: int = 0  # microsteps ever, also those of a tick that never reached the log
    batches: list[tuple[int, int]] = field(default_factory=list)  # therapy time, microsteps

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.journal: Journal | None = None

    def power_up(self) -> Journal:
        """Start the firmware."""
        self.journal = Journal(self.flash, self.now_ms)
        return self.journal

    def give(self, steps: int) -> None:
        """Let the motor make these steps now."""
        self.given += steps
        self.batches.append((self.now_ms * FACTOR // 1000, steps))

    def therapy(self, ticks: int) -> None:
        """Run a therapy; every tick's steps begin before its page is written."""
        assert self.journal is not None
        assert self.journal.start(program(), FACTOR, DAY_S, self.now_ms)
        for number in range(ticks):
            steps = self.random.randrange(TICK_MAX + 1)
            self.give(steps)
            self.now_ms += TICK_MS
            assert self.journal.tick(tick(number, steps), self.now_ms)
        assert self.journal.command(messages.STOP, 0, reasons.STATE_READY, self.now_ms)
        while self.journal.erase_ahead():
            pass

    def therapies(self, count: int, ticks: int) -> None:
        """Run one therapy after another."""
        for _ in range(count):
            self.therapy(ticks)

    def read(self) -> DeviceLog:
        """Return what the host makes of the flash."""
        return device_log(bytes(self.flash.content))


def assert_survived(pump: Pump) -> None:
    """Restart after a cut, and hold the log to all that it promises."""
    pump.flash.cut_after = None
    found = {page.link for page in pump.read().pages}
    completed = pump.flash.completed
    oldest_kept = max(completed.values(), default=0) - PAGES // at.KEPT_DIVISOR + 2
    kept = {link for link, sequence in completed.items() if sequence >= oldest_kept}
    assert kept <= found, "a completed record is lost"
    assert found <= pump.flash.begun, "something is believed that nobody wrote"
    assert len(found - set(completed)) <= 1, "half a record is believed"
    journal = pump.power_up()
    assert journal.volume >= pump.given, "the account says less than was given"
    assert_no_window_says_less(pump, journal)
    log = pump.read()
    assert log.broken is None
    assert log.pages[-1].link == journal.ring.link


def assert_no_window_says_less(pump: Pump, journal: Journal) -> None:
    """Every window back from now, of up to a day, holds at least what was given in it."""
    now_s = pump.now_ms * FACTOR // 1000
    quarters = list(journal.quarters(pump.now_ms))
    for count in range(1, messages.HISTORY_WORDS + 1):
        begin_s = now_s - count * messages.HISTORY_S
        given = sum(steps for time_s, steps in pump.batches if time_s > begin_s)
        assert sum(quarters[:count]) >= given, f"window of {count} quarter hours"


def test_what_was_logged_is_read_back_in_order() -> None:
    """Boot, start, ticks, stop, with the account on every page."""
    pump = Pump()
    pump.power_up()
    pump.therapy(5)
    log = pump.read()
    kinds = ["boot", "command", *["tick"] * 5, "command"]
    assert [page.kind for page in log.pages] == kinds
    assert [page.sequence for page in log.pages] == list(range(8))
    assert [page.content[0] for page in log.pages if page.kind == "tick"] == [0, 1, 2, 3, 4]
    assert log.pages[-1].volume_steps == pump.given == sum(page.steps for page in log.pages)
    assert log.pages[-1].time_s == 5 * TICK_MS * FACTOR // 1000
    assert (log.spoilt, log.broken) == (0, None)


def test_a_power_cut_at_every_byte_of_a_page() -> None:
    """Of a tick's page in mid-therapy: first byte, last byte, and all between."""
    for byte in range(at.PAGE_BYTES + 1):
        pump = Pump(seed=byte)
        pump.flash.random.seed(byte)
        pump.power_up()
        journal = pump.journal
        assert journal is not None
        journal.start(program(), FACTOR, DAY_S, 0)
        pump.give(70)
        pump.flash.cut_after = byte
        try:
            journal.tick(tick(0, 70), TICK_MS)
        except PowerCut:
            assert byte < at.PAGE_BYTES
        assert_survived(pump)
        pump.therapy(3)
        assert pump.read().broken is None


@pytest.mark.parametrize("records", range(40))
def test_a_power_cut_at_every_record_boundary(records: int) -> None:
    """Between two records the log is as long as it was, and goes on."""
    pump = Pump(seed=1)
    pump.power_up()
    pump.flash.cut_after = records * at.PAGE_BYTES
    with pytest.raises(PowerCut):
        pump.therapies(10, 6)
    assert_survived(pump)


def test_500_power_cuts_at_random_instants_inside_of_writes(seed: int) -> None:
    """Programming and erasing alike, one after another on the same flash, ring come round."""
    draw = random.Random(seed)
    pump = Pump(seed=seed)
    pump.flash.random.seed(seed)
    pump.power_up()
    cuts = in_erase = 0
    while cuts < 500:
        pump.flash.cut_after = draw.randrange(20_000)
        erased, programmed = pump.flash.erased, pump.flash.programmed
        try:
            pump.therapy(draw.randrange(12))
        except PowerCut:
            cuts += 1
            in_erase += pump.flash.erased > erased or pump.flash.programmed == programmed
            assert_survived(pump)
    assert pump.journal is not None
    assert pump.journal.ring.sequence > 4 * PAGES
    assert in_erase > 20


def test_a_cut_while_the_log_is_taken_up_again_loses_nothing() -> None:
    """Power that comes and goes: the restart itself writes and erases."""
    for seed in range(60):
        pump = Pump(seed=seed)
        pump.flash.random.seed(seed)
        pump.power_up()
        pump.therapy(30 + seed)
        for cut in (10, 300, 4_000, 4_200, 4_500):
            pump.flash.cut_after = cut
            try:
                pump.power_up()
            except PowerCut:
                assert_survived(pump)
            pump.flash.cut_after = None


def test_what_stands_behind_the_newest_page_in_its_sector_is_passed_over() -> None:
    """Bits that came up there by themselves: nothing may be programmed over them."""
    pump = Pump()
    journal = pump.power_up()
    pump.therapy(3)
    place = journal.ring.sequence + 4
    assert journal.ring.sequence // at.SECTOR_PAGES == place // at.SECTOR_PAGES
    pump.flash.content[place * at.PAGE_BYTES] ^= 1
    assert_survived(pump)
    sequences = [page.sequence for page in pump.read().pages]
    assert sequences[-1] == at.SECTOR_PAGES
    pump.therapy(3)
    assert_survived(pump)


def test_no_sector_is_erased_while_a_therapy_runs() -> None:
    """Erasing takes 45 ms with interrupts off."""
    pump = Pump()
    journal = pump.power_up()
    for _ in range(12):
        assert journal.start(program(), FACTOR, DAY_S, pump.now_ms)
        erased = pump.flash.erased
        for number in range(60):
            journal.tick(tick(number, 1), pump.now_ms)
        assert pump.flash.erased == erased
        journal.command(messages.STOP, 0, reasons.STATE_READY, pump.now_ms)


def test_when_the_ring_is_full_the_days_cap_is_reserved_and_commands_are_still_kept() -> None:
    """Ticks are no longer logged; a restart counts as if the cap had been given."""
    pump = Pump()
    journal = pump.power_up()
    journal.start(program(), FACTOR, DAY_S, 0)
    for number in range(2 * PAGES):
        pump.given += 10
        assert journal.tick(tick(number, 10), TICK_MS * number)
    assert journal.ring.room == at.SPARE_PAGES - 1
    log = pump.read()
    assert log.pages[-1].kind == "ring full"
    assert log.pages[-1].reserve_steps == DAY_MAX
    fault = tick(2 * PAGES, 0, reasons.STATE_FAULT)
    for _ in range(50):
        assert journal.tick(fault, TICK_MS * 2 * PAGES)
    assert [page.kind for page in pump.read().pages[-2:]] == ["ring full", "fault"]
    restarted = Journal(RamFlash(SECTORS), 0)
    restarted = pump.power_up()
    assert restarted.volume >= pump.given
    assert sum(restarted.quarters(0)) >= DAY_MAX


def test_stop_after_a_full_ring_charges_what_was_not_logged() -> None:
    """The reserve ends with STOP; what it stood for stays in the account."""
    pump = Pump()
    journal = pump.power_up()
    journal.start(program(), FACTOR, DAY_S, 0)
    for number in range(PAGES):
        pump.given += 10
        journal.tick(tick(number, 10), TICK_MS * number)
    journal.command(messages.STOP, 0, reasons.STATE_READY, TICK_MS * PAGES)
    assert pump.power_up().volume >= pump.given


def test_every_page_says_how_often_the_pump_has_been_switched_on() -> None:
    """What belongs to one life of the pump can be told from the others."""
    pump = Pump()
    for boot in (1, 2, 3):
        journal = pump.power_up()
        pump.therapy(2)
        assert journal.boot == boot
    boots = [page.boot for page in pump.read().pages]
    assert boots == sorted(boots)
    assert set(boots) == {1, 2, 3}


def test_a_ring_without_room_makes_some_at_power_on_and_one_with_room_keeps_it() -> None:
    """Else a full log would keep the pump from infusing for good."""
    pump = Pump()
    journal = pump.power_up()
    while journal.alarm(1, 0):
        pass
    assert journal.ring.room == 0
    journal = pump.power_up()
    assert journal.holds
    assert 0 < journal.ring.room < 3 * at.SECTOR_PAGES
    erased = pump.flash.erased
    assert pump.power_up().holds
    assert pump.flash.erased <= erased + 1  # the last erased sector, once more


def come_round(pump: Pump) -> Journal:
    """Return the journal of a pump whose ring has come round, at rest."""
    journal = pump.power_up()
    pump.therapies(4, 60)
    assert journal.ring.sequence > PAGES
    return journal


def test_at_rest_three_quarters_of_the_ring_are_made_free_and_the_newest_stays() -> None:
    """To the page, wherever in a sector the ring stands."""
    pump = Pump()
    journal = come_round(pump)
    most = PAGES - PAGES // at.KEPT_DIVISOR
    for _ in range(3 * at.SECTOR_PAGES):
        assert journal.alarm(1, pump.now_ms)
        while journal.erase_ahead():
            pass
        assert most - at.SECTOR_PAGES < journal.ring.room <= most


def test_a_snapshot_of_the_day_serves_for_half_of_what_is_never_erased() -> None:
    """One with every sector would wear the flash; one too few would be erased itself."""
    half = PAGES // at.KEPT_DIVISOR // 2
    for since, written in ((half, 0), (half + 1, at.HISTORY_PARTS)):
        pump = Pump()
        journal = come_round(pump)
        while journal.ring.room > 2 * at.SECTOR_PAGES:
            journal.alarm(1, pump.now_ms)
        journal._snapshot = journal.ring.sequence - since
        before = journal.ring.sequence
        assert journal.erase_ahead()
        assert journal.erase_ahead()
        assert journal.ring.sequence == before + written


def test_nothing_is_erased_before_the_snapshot_where_that_has_room() -> None:
    """A cut between the two would lose what the erased sector said."""
    for room in (at.HISTORY_PARTS, at.HISTORY_PARTS - 1):
        pump = Pump()
        journal = come_round(pump)
        while journal.ring.room > room:
            journal.alarm(1, pump.now_ms)
        erased = pump.flash.erased
        assert journal.erase_ahead()
        assert pump.flash.erased == erased + (1 if room == at.HISTORY_PARTS else 2)


def test_orders_beside_a_therapy_leave_its_account_and_what_it_has_reserved() -> None:
    """Only STOP ends what may still be given."""
    pump = Pump()
    journal = pump.power_up()
    journal.start(program(), FACTOR, DAY_S, 0)
    journal.tick(tick(0, 33), 0)
    for kind, value in ((messages.SILENCE, 60), (messages.PROGRAM_END, 0)):
        assert journal.command(kind, 0, reasons.STATE_RUNNING, 0, value)
        page = pump.read().pages[-1]
        assert (page.volume_steps, page.steps, page.reserve_steps) == (33, 0, TICK_MAX)
        assert tuple(page.content[:5]) == (kind, 0, reasons.STATE_RUNNING, FACTOR, value)
    assert journal.command(messages.STOP, 0, reasons.STATE_READY, 0)
    page = pump.read().pages[-1]
    assert (page.volume_steps, page.steps, page.reserve_steps) == (33, 0, 0)
    assert page.content[4] == 0


def program_of(tick_max: int, day_max: int, checksum: int) -> array[int]:
    """Return as much of a program as the journal looks at, with its checksum."""
    words = program()
    words[layout.AT_STEPS_TICK_MAX], words[layout.AT_STEPS_DAY_MAX] = tick_max, day_max
    words[-1] = checksum
    return words


def test_a_start_is_logged_with_all_that_it_named_and_what_its_first_tick_may_give() -> None:
    """Time before it is the device's own, or of the therapy before."""
    pump = Pump()
    journal = pump.power_up()
    words = program_of(70, 900, 1234)
    assert journal.start(words, FACTOR, DAY_S, 10_000, 5)
    page = pump.read().pages[-1]
    started = (messages.START, 0, reasons.STATE_RUNNING, FACTOR, 5, 1234, DAY_S)
    assert tuple(page.content[:7]) == started
    assert (page.time_s, page.steps, page.reserve_steps) == (10, 0, 70)
    assert journal.start(words, FACTOR, DAY_S, 10_000)
    assert pump.read().pages[-1].content[4] == 0
    assert journal.volume == 0


def test_a_start_erases_no_more_than_a_therapy_begins_with() -> None:
    """Each sector takes 45 ms, of which the order has few."""
    for room in (at.START_PAGES, at.START_PAGES - 1):
        pump = Pump()
        journal = come_round(pump)
        while journal.ring.room > room:
            journal.alarm(1, pump.now_ms)
        erased = pump.flash.erased
        assert journal.start(program(), FACTOR, DAY_S, pump.now_ms)
        assert (pump.flash.erased > erased) == (room < at.START_PAGES)


def test_the_first_cause_of_the_next_therapy_is_kept_even_in_its_first_tick() -> None:
    """The one before has been acknowledged."""
    pump = Pump()
    journal = pump.power_up()
    for _ in range(2):
        journal.start(program(), FACTOR, DAY_S, 0)
        journal.tick(tick(0, 0, reasons.STATE_FAULT), 0)
    assert [page.kind for page in pump.read().pages].count("fault") == 2


def test_a_start_that_could_not_be_logged_leaves_what_a_full_ring_had_reserved() -> None:
    """The therapy before ended in a fault: its unlogged steps are still owed."""
    pump = Pump()
    journal = pump.power_up()
    journal.start(program(), FACTOR, DAY_S, 0)
    for number in range(2 * PAGES):
        pump.give(10)
        journal.tick(tick(number, 10), 0)
    wear(pump, 2 * at.WORN_MAX)
    assert not journal.start(program(), FACTOR, DAY_S, 0)
    assert journal.alarm(1, 0)
    assert pump.read().pages[-1].reserve_steps == DAY_MAX
    assert_survived(pump)


def test_a_takeover_is_logged_with_all_that_it_named_and_what_its_ticks_may_give() -> None:
    """The account goes on; STOP charges nothing for a ring that has room."""
    pump = Pump()
    journal = pump.power_up()
    journal.start(program(), FACTOR, DAY_S, 0)
    journal.tick(tick(0, 33), 0)
    assert journal.take_over(program_of(500, 20_000, 77), reasons.STATE_FALLBACK, 0)
    page = pump.read().pages[-1]
    named = (messages.TAKE_OVER, 0, reasons.STATE_FALLBACK, FACTOR, 0, 77)
    assert tuple(page.content[:6]) == named
    assert (page.steps, page.volume_steps, page.reserve_steps) == (0, 33, 500)
    assert journal.command(messages.STOP, 0, reasons.STATE_READY, 0)
    assert journal.volume == 33


@pytest.mark.parametrize("ticks", [3, PAGES])
def test_a_takeover_that_could_not_be_logged_changes_nothing(ticks: int) -> None:
    """The program before goes on to give what it may, before and after the ring is full."""
    pump = Pump()
    journal = pump.power_up()
    journal.start(program(), FACTOR, DAY_S, 0)
    for number in range(ticks):
        journal.tick(tick(number, 10), 0)
    wear(pump, at.WORN_MAX)
    assert not journal.take_over(program_of(500, 20_000, 77), reasons.STATE_RUNNING, 0)
    assert journal.alarm(1, 0)
    assert pump.read().pages[-1].reserve_steps == (TICK_MAX if ticks == 3 else DAY_MAX)
    for number in range(ticks, 2 * PAGES):
        journal.tick(tick(number, 10), 0)
    assert journal.command(messages.STOP, 0, reasons.STATE_READY, 0)
    logged = sum(page.steps for page in pump.read().pages if page.kind == "tick")
    assert logged + DAY_MAX <= journal.volume <= logged + DAY_MAX + TICK_MAX


def test_what_stopped_the_motor_and_what_a_relief_did_give_nothing() -> None:
    """Their pages say which, and how much."""
    pump = Pump()
    journal = pump.power_up()
    assert journal.alarm(reasons.FLAG_DOOR_OPEN, 0)
    assert journal.relief(90, 70, 0)
    alarm, relief = pump.read().pages[-2:]
    assert (alarm.content[0], alarm.steps) == (reasons.FLAG_DOOR_OPEN, 0)
    assert (*relief.content[:2], relief.steps) == (90, 70, 0)
    assert journal.volume == 0


@pytest.mark.parametrize("therapies", [1, 9])
def test_the_quarter_hours_are_those_of_every_tick_to_the_step(therapies: int) -> None:
    """Of one therapy, and of two days over which the ring has come round, snapshots and all."""
    pump = Pump()
    journal = pump.power_up()
    pump.therapies(therapies, 60)
    assert (journal.ring.sequence > PAGES) == (therapies > 1)
    for later_ms in (0, 2_000, 40_000, 200_000, 297_000, 330_000):
        pump.now_ms += later_ms
        assert list(journal.quarters(pump.now_ms)) == quarters_of(pump)
        pump.now_ms -= later_ms


def test_what_is_older_than_all_that_a_snapshot_reaches_is_not_counted() -> None:
    """To the quarter hour: 99 of them are kept, from the one that runs on."""
    pump = Pump()
    journal = pump.power_up()
    journal.start(program(), FACTOR, DAY_S, 0)
    journal.tick(tick(0, 33), 0)
    reach_s = at.HISTORY_PARTS * at.HISTORY_PART * at.HISTORY_S
    journal._advance(reach_s * 1000 // FACTOR - 1)
    assert journal._by_quarters()[-1] == 33
    journal._advance(reach_s * 1000 // FACTOR + 10)
    assert not any(journal._by_quarters())


def quarters_of(pump: Pump) -> list[int]:
    """Return the last day's microsteps by quarters, the one that runs counted with the last."""
    by_quarters = [0] * (messages.HISTORY_WORDS + 1)
    now_quarter = pump.now_ms * FACTOR // 1000 // at.HISTORY_S
    for begun_s, steps in pump.batches:  # its page is written a tick later
        ago = now_quarter - (begun_s + TICK_MS * FACTOR // 1000) // at.HISTORY_S
        if ago <= messages.HISTORY_WORDS:
            by_quarters[ago] += steps
    by_quarters[1] += by_quarters[0]
    return by_quarters[1:]


@pytest.mark.parametrize("parts", range(1, at.HISTORY_PARTS))
def test_half_a_snapshot_counts_for_nothing(parts: int) -> None:
    """The power went between two of its pages; the ones before it still say it all."""
    pump = Pump()
    journal = come_round(pump)
    while journal.ring.room > 2 * at.SECTOR_PAGES:
        journal.alarm(1, pump.now_ms)
    pump.flash.cut_after = parts * at.PAGE_BYTES + 7
    journal._snapshot = 0
    with pytest.raises(PowerCut):
        journal.erase_ahead()
    pump.flash.cut_after = None
    journal = pump.power_up()
    journal._factor = FACTOR
    assert list(journal.quarters(pump.now_ms)) == quarters_of(pump)


def test_a_page_of_the_log_is_sent_as_it_is_and_no_other_length_is_understood() -> None:
    """Number, count of pages, content."""
    pump = Pump()
    journal = pump.power_up()
    pump.therapy(3)
    for page in (0, 4, PAGES - 1):
        body = memoryview(bytearray(messages.LOG_PAGE_BYTES))
        frame = bytes(messages.HEADER_BYTES) + page.to_bytes(4, "little") + bytes(1)
        for length in (len(frame), len(frame) - 2):
            assert journal.copy_page(frame, length, body) == reasons.RESULT_BAD_LENGTH
        assert journal.copy_page(frame, len(frame) - 1, body) == reasons.RESULT_OK
        content = pump.flash.content[page * at.PAGE_BYTES : (page + 1) * at.PAGE_BYTES]
        numbers = page.to_bytes(4, "little") + PAGES.to_bytes(4, "little")
        assert body == numbers + content


def test_volume_and_time_wrap_as_small_ints_must() -> None:
    """Both stay below 2**30, and what goes over is not lost."""
    pump = Pump()
    pump.now_ms = (1 << 30) - 1_000
    journal = pump.power_up()
    journal.volume = (1 << 30) - 5
    assert journal.start(program(), 1, DAY_S, pump.now_ms)
    assert journal.tick(tick(0, 9), 1_000)
    page = pump.read().pages[-1]
    assert (page.volume_steps, page.time_s, journal.volume) == (4, 2, 4)


def test_a_ticks_page_holds_its_record_up_to_the_plan() -> None:
    """What the plan was is not kept; all that was decided is."""
    pump = Pump()
    journal = pump.power_up()
    journal.start(program(), FACTOR, DAY_S, 0)
    record = array("i", range(tick_record.word_count(20)))
    record[tick_record.STATE] = reasons.STATE_RUNNING
    assert journal.tick(record, 0)
    page = pump.read().pages[-1]
    kept = min(tick_record.PLAN, at.CONTENT_WORDS)
    assert list(page.content) == list(record[:kept])
    assert page.steps == tick_record.STEPS


def test_a_restored_program_is_named_and_gives_nothing() -> None:
    """By its checksum, the last of its words."""
    pump = Pump()
    journal = pump.power_up()
    words = array("i", range(100, 110))
    assert journal.restored(words, 0)
    page = pump.read().pages[-1]
    assert (page.content[0], page.steps, page.volume_steps) == (109, 0, 0)
    raw = array("i", bytes(pump.flash.content[at.PAGE_BYTES : 2 * at.PAGE_BYTES]))
    assert not any(raw[at.AT_CONTENT + 1 : at.AT_LINK_BEFORE])  # nothing but what was said


class CountedBoxes:
    """Black boxes that only count what they are asked to keep."""

    kept = 0

    def keep(self, _page: bytes, _ring: object, _before: int) -> None:
        """Count."""
        self.kept += 1

    def copy_page(self, page: int, buffer: bytearray) -> bool:
        """Have two pages, full of their numbers."""
        if page not in (0, 1):
            return False
        buffer[:] = bytes([page + 7]) * len(buffer)
        return True


def test_pages_of_the_black_boxes_are_sent_behind_those_of_the_ring() -> None:
    """So many and no more."""
    journal = Journal(RamFlash(SECTORS), 0, CountedBoxes())
    body = memoryview(bytearray(messages.LOG_PAGE_BYTES))
    for page, result in ((0, 0), (1, 0), (2, reasons.RESULT_OUT_OF_RANGE)):
        frame = bytes(messages.HEADER_BYTES) + (PAGES + page).to_bytes(4, "little")
        assert journal.copy_page(frame, len(frame), body) == result
        if not result:
            assert body[8:] == bytes([page + 7]) * at.PAGE_BYTES


def test_only_a_firmware_that_hung_in_a_therapy_has_its_last_ticks_kept() -> None:
    """A power cut is no failure of the firmware, and a pump at rest has nothing to tell."""
    pump = Pump()
    pump.power_up().start(program(), FACTOR, DAY_S, 0)
    image = bytes(pump.flash.content)
    for hung, kept in (({}, 0), ({"hung": False}, 0), ({"hung": True}, 1)):
        pump.flash.content[:] = image
        boxes = CountedBoxes()
        Journal(pump.flash, 0, boxes, **hung)
        assert boxes.kept == kept
    boxes = CountedBoxes()
    Journal(pump.flash, 0, boxes, hung=True)  # nothing is owed any more
    assert boxes.kept == 0


def test_before_the_first_therapy_the_logs_clock_is_the_devices() -> None:
    """A therapy's clock factor is of that therapy."""
    pump = Pump()
    journal = pump.power_up()
    journal.alarm(1, 60_000)
    assert pump.read().pages[-1].time_s == 60


def test_the_logs_clock_moves_by_a_day_and_an_hour_at_most() -> None:
    """A clock that has wrapped must not make it overflow; nothing older weighs anyway."""
    pump = Pump()
    journal = pump.power_up()
    journal.start(program(), limits.CLOCK_FACTOR_MAX, DAY_S, 0)
    journal.alarm(1, 100_000_000)
    assert pump.read().pages[-1].time_s == 25 * 3600 * limits.CLOCK_FACTOR_MAX


def test_a_start_after_a_full_ring_charges_what_was_not_logged() -> None:
    """A fault ends a therapy without STOP; a person acknowledges it and starts the next one."""
    pump = Pump()
    journal = pump.power_up()
    journal.start(program(), FACTOR, DAY_S, 0)
    for number in range(2 * PAGES):
        pump.give(10)
        journal.tick(tick(number, 10), 0)
    journal.tick(tick(2 * PAGES, 0, reasons.STATE_FAULT), 0)
    journal.command(messages.ACKNOWLEDGE, 0, reasons.STATE_READY, 0, 3)
    while journal.erase_ahead():
        pass
    assert journal.start(program(), FACTOR, DAY_S, 0)
    pump.give(10)
    assert journal.tick(tick(0, 10), 0)
    charged = journal.volume
    assert pump.given <= charged <= pump.given + DAY_MAX
    assert_survived(pump)
    assert journal.command(messages.STOP, 0, reasons.STATE_READY, 0)
    assert journal.volume == charged  # once is enough


def test_a_program_that_takes_over_a_full_ring_reserves_the_larger_day() -> None:
    """No tick is logged any more, so neither program's cap may be forgotten."""
    for day_max, reserved in ((DAY_MAX // 2, DAY_MAX), (2 * DAY_MAX, 2 * DAY_MAX)):
        pump = Pump()
        journal = pump.power_up()
        journal.start(program(), FACTOR, DAY_S, 0)
        for number in range(PAGES):
            journal.tick(tick(number, 10), TICK_MS * number)
        newer = program()
        newer[layout.AT_STEPS_DAY_MAX] = day_max
        assert journal.take_over(newer, reasons.STATE_RUNNING, TICK_MS * PAGES)
        assert pump.read().pages[-1].reserve_steps == reserved
        assert journal.tick(tick(PAGES, 10), TICK_MS * PAGES)
        assert pump.read().pages[-1].kind == "command"


def test_answers_to_alarms_leave_room_for_the_fault() -> None:
    """However often a person silences it: the first cause must find its page."""
    pump = Pump()
    journal = pump.power_up()
    journal.start(program(), FACTOR, DAY_S, 0)
    for number in range(3 * PAGES):
        assert journal.command(messages.SILENCE, 0, reasons.STATE_RUNNING, number, 60)
    assert journal.ring.room == at.SPARE_PAGES // 2
    assert journal.tick(tick(0, 0, reasons.STATE_FAULT), 3 * PAGES)
    assert pump.read().pages[-1].kind == "fault"


@pytest.mark.parametrize("page", [PAGES, PAGES + 1, 1 << 29, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_a_page_beyond_the_ring_is_not_read(page: int) -> None:
    """Beyond it lie the files, the key among them."""
    journal = Pump().power_up()
    body = bytearray(messages.LOG_PAGE_BYTES)
    frame = bytes(messages.HEADER_BYTES) + page.to_bytes(4, "little")
    assert journal.copy_page(frame, len(frame), body) == reasons.RESULT_OUT_OF_RANGE
    assert not any(body)
    last = bytes(messages.HEADER_BYTES) + (PAGES - 1).to_bytes(4, "little")
    assert journal.copy_page(last, len(last), body) == reasons.RESULT_OK


def test_a_relief_is_logged_and_takes_nothing_off_the_account() -> None:
    """What a blocked line gave back was given all the same, as far as the caps go."""
    pump = Pump()
    journal = pump.power_up()
    pump.therapy(3)
    volume = journal.volume
    assert journal.relief(90, 70, pump.now_ms)
    assert pump.read().pages[-1].kind == "relief"
    assert (journal.volume, pump.read().pages[-1].volume_steps) == (volume, volume)


def test_a_pump_without_black_boxes_has_none_to_clear() -> None:
    """It says so, and its log stays as it is."""
    pump = Pump()
    journal = pump.power_up()
    before = bytes(pump.flash.content)
    frame = bytes(messages.HEADER_BYTES + 8)
    assert journal.clear_box(frame, len(frame)) == reasons.RESULT_OUT_OF_RANGE
    assert bytes(pump.flash.content) == before


def test_the_first_cause_is_kept_once() -> None:
    """A latched fault shows in every later tick; the ring must not fill with it."""
    pump = Pump()
    journal = pump.power_up()
    journal.start(program(), FACTOR, DAY_S, 0)
    journal.tick(tick(0, 5), TICK_MS)
    for number in range(1, 100):
        assert journal.tick(tick(number, 0, reasons.STATE_FAULT), TICK_MS * number)
    kinds = [page.kind for page in pump.read().pages]
    assert kinds == ["boot", "command", "tick", "fault"]


def test_only_what_changed_something_is_logged() -> None:
    """STOP needs no key: a flood of it must not push the past out of the ring."""
    pump = Pump()
    journal = pump.power_up()
    before = journal.ring.sequence
    for kind in (messages.HELLO, messages.STOP, messages.PROGRAM_CHUNK, messages.LOG_READ):
        assert journal.command(kind, reasons.RESULT_OK, reasons.STATE_IDLE, 0)
    refused = reasons.RESULT_PROGRAM_SEAL
    assert journal.command(messages.PROGRAM_END, refused, reasons.STATE_IDLE, 0)
    assert journal.ring.sequence == before
    assert journal.command(messages.PROGRAM_END, reasons.RESULT_OK, reasons.STATE_READY, 0)
    assert journal.alarm(reasons.FLAG_DOOR_OPEN, 0)
    assert [page.kind for page in pump.read().pages] == ["boot", "command", "alarm"]


def test_what_was_given_ages_by_the_logs_own_clock() -> None:
    """Quarter hours, the newest first; no power, no ageing, nothing older than it is."""
    pump = Pump()
    journal = pump.power_up()
    journal.start(program(), 1, DAY_S, 0)
    journal.tick(tick(0, 50), 0)
    journal.tick(tick(1, 30), 1_000_000)
    journal.command(messages.STOP, 0, reasons.STATE_READY, 1_000_000)
    assert list(journal.quarters(1_000_000))[:3] == [80, 0, 0]
    assert list(journal.quarters(1_900_000))[:3] == [30, 50, 0]
    assert list(journal.quarters(2_800_000))[:4] == [0, 30, 50, 0]
    assert list(pump.power_up().quarters(0))[:3] == [80, 0, 0]
    assert sum(pump.power_up().quarters(limits.HISTORY_MS_MAX)) == 0


def wear(pump: Pump, count: int) -> int:
    """Let the next pages not hold what is written to them; return the number of the first."""
    assert pump.journal is not None
    first = pump.journal.ring.sequence
    for page in range(first, first + count):
        pump.flash.content[page % PAGES * at.PAGE_BYTES + 2] = 0
    return first


@pytest.mark.hazard("log_lost")
@pytest.mark.parametrize("count", range(1, at.WORN_MAX))
def test_worn_pages_are_passed_over_and_the_account_goes_on(count: int) -> None:
    """Read back wrong, made void, and the next one takes the record, chained as it should be."""
    pump = Pump()
    journal = pump.power_up()
    journal.start(program(), FACTOR, DAY_S, 0)
    first = wear(pump, count)
    pump.give(33)
    assert journal.tick(tick(0, 33), TICK_MS)
    assert journal.ring.worn == count
    assert journal.ring.sequence == first + count + 1
    log = pump.read()
    assert (log.broken, log.spoilt, log.worn) == (None, 0, tuple(range(first, first + count)))
    assert [page.kind for page in log.pages] == ["boot", "command", "tick"]
    begin = first * at.PAGE_BYTES
    assert not any(pump.flash.content[begin : begin + count * at.PAGE_BYTES])
    assert_survived(pump)
    pump.therapy(30)
    assert_survived(pump)


@pytest.mark.hazard("log_lost")
def test_three_worn_pages_in_a_row_are_noticed() -> None:
    """The flash is worn out; what the record said is reserved already."""
    pump = Pump()
    journal = pump.power_up()
    journal.start(program(), FACTOR, DAY_S, 0)
    wear(pump, at.WORN_MAX)
    pump.give(33)
    assert not journal.tick(tick(0, 33), TICK_MS)
    assert journal.tick(tick(1, 0, reasons.STATE_FAULT), 2 * TICK_MS)
    log = pump.read()
    assert (log.broken, len(log.worn)) == (None, at.WORN_MAX)
    assert_survived(pump)


def test_no_page_beyond_the_erased_ones_is_tried() -> None:
    """What stands there is the oldest of the log."""
    pump = Pump()
    journal = pump.power_up()
    pump.therapy(3)
    wear(pump, 1)
    journal.ring.room = 1
    before = bytes(pump.flash.content), journal.ring.sequence
    assert not journal.alarm(1, pump.now_ms)
    assert (journal.ring.room, journal.ring.sequence) == (0, before[1] + 1)
    begin = journal.ring.sequence % PAGES * at.PAGE_BYTES
    assert pump.flash.content[begin:] == before[0][begin:]


def test_power_cuts_among_worn_pages_lose_nothing() -> None:
    """At every page and half page of a tick that three pages in a row would not take."""
    for cut in range(0, 8 * at.PAGE_BYTES, at.PAGE_BYTES // 2):
        for count in range(1, at.WORN_MAX + 1):
            pump = Pump(seed=cut)
            journal = pump.power_up()
            journal.start(program(), FACTOR, DAY_S, 0)
            wear(pump, count)
            pump.give(33)
            pump.flash.cut_after = cut
            try:
                kept = journal.tick(tick(0, 33), TICK_MS)
                assert kept == (count < at.WORN_MAX)
            except PowerCut:
                pass
            assert_survived(pump)


class TakesNothing(WatchedFlash):
    """Some of its pages stay erased, whatever is programmed there."""

    def __init__(self, pages: set[int]) -> None:
        super().__init__()
        self.dead = pages

    def program(self, page: int, content: bytes) -> None:
        """Note it, but keep it only where it can be kept."""
        if page not in self.dead:
            super().program(page, content)


@pytest.mark.hazard("log_lost")
def test_a_sector_whose_first_page_takes_nothing_is_passed_over_whole() -> None:
    """Who looks for the newest page would take it for an empty one, and count too little."""
    pump = Pump(TakesNothing({at.SECTOR_PAGES, 2 * at.SECTOR_PAGES + 3}))
    journal = pump.power_up()
    journal.start(program(), FACTOR, DAY_S, 0)
    for number in range(30):
        pump.give(10)
        assert journal.tick(tick(number, 10), 0)
    log = pump.read()
    sector = range(at.SECTOR_PAGES, 2 * at.SECTOR_PAGES)
    assert (log.broken, log.worn) == (None, (*sector, 2 * at.SECTOR_PAGES + 3))
    assert len(log.pages) == 32
    assert_survived(pump)
    pump.therapies(6, 30)
    assert_survived(pump)


def test_what_was_given_in_a_day_is_not_erased_before_it_is_written_anew() -> None:
    """A flash that takes no page more keeps those that it has."""
    pump = Pump()
    journal = pump.power_up()
    journal.start(program(), FACTOR, DAY_S, 0)
    for number in range(PAGES - at.SPARE_PAGES - 8):
        pump.give(10)
        pump.now_ms += 10
        journal.tick(tick(number, 10), pump.now_ms)
    before = pump.flash.erased
    wear(pump, at.WORN_MAX)
    assert not journal.erase_ahead()
    assert pump.flash.erased == before
    assert journal.erase_ahead()
    assert_survived(pump)


def test_a_board_without_room_for_a_log_begins_no_therapy() -> None:
    """Another build of MicroPython may use that part of the flash."""
    journal = Journal(RamFlash(0), 0)
    assert not journal.start(program(), FACTOR, DAY_S, 0)
    assert not journal.erase_ahead()
    assert sum(journal.quarters(0)) == 0


def test_what_else_was_in_the_flash_is_erased_and_not_believed() -> None:
    """The room of the ring may hold anything when the firmware first comes onto a board."""
    for seed in range(20):
        pump = Pump()
        pump.flash.content[:] = random.Random(seed).randbytes(len(pump.flash.content))
        journal = pump.power_up()
        assert (journal.volume, journal.boot) == (0, 1)
        while journal.erase_ahead():
            pass
        assert journal.ring.room >= PAGES // 2
        pump.therapy(3)
        assert pump.read().pages[-1].volume_steps == pump.given
