# SPDX-License-Identifier: MIT
"""A new program is sent to a pump that runs, and takes over between two ticks, or is refused."""

from __future__ import annotations

import struct
import zlib
from array import array

import pytest

from mesor.program import Program
from mesor.record.device_log import device_log
from mesor_hil.targets.ram_flash import RamFlash
from pump.spec import journal, limits, messages, reasons
from pump.spec import program as layout
from pump.spec import record as at

from . import wire
from .test_app import OK, START_BODY, TICK_MS, Bench

TICKS = 12


@pytest.fixture
def bench(program: Program) -> Bench:
    """Return a bench whose pump has just been switched on."""
    return Bench(program.bytes)


def changed(content: bytes, changes: dict[int, int]) -> bytes:
    """Return a program with some words changed, and the checksum that a host would give it."""
    words = array("i", content)
    for word, value in changes.items():
        words[word] = value
    body = words.tobytes()[:-4]
    return body + struct.pack("<I", zlib.crc32(body))


def offer(bench: Bench, content: bytes) -> None:
    """Send a program; the one that the bench loads stays its own."""
    own, bench.content = bench.content, content
    bench.load()
    bench.content = own


def readings(count: int, first: int = 0) -> list[tuple[int, bytes]]:
    """Return a rising level's readings, each when its tick is due."""
    ticks = range(first, first + count)
    return [(k * TICK_MS, wire.reading(k, 300 * k, 8_000 + 300 * k)) for k in ticks]


def beside(bench: Bench, content: bytes, tick: int) -> list[list[int]]:
    """Run TICKS ticks; between two of them send a program and let it take over."""
    bench.start()
    records = bench.run(readings(tick), tick * TICK_MS - 300)
    offer(bench, content)
    assert bench.command(messages.TAKE_OVER, content[-4:]) == OK
    return records + bench.run(readings(TICKS - tick, tick), TICKS * TICK_MS - 300)


def decided(records: list[list[int]]) -> list[list[int]]:
    """Return the records without what the pump measured about itself."""
    return [[w for i, w in enumerate(r) if i not in at.MEASURED] for r in records]


def test_the_same_program_taken_over_leaves_every_decision_as_it_was(program: Program) -> None:
    """Steps, plan, estimate, account: word for word, and the motor's batches too."""
    alone = Bench(program.bytes).start()
    expected = alone.run(readings(TICKS), TICKS * TICK_MS - 300)
    assert len(expected) == TICKS
    for tick in (1, 5):
        bench = Bench(program.bytes)
        assert decided(beside(bench, program.bytes, tick)) == decided(expected)
        assert bench.board.batches == alone.board.batches
        assert bench.board.overlaps == 0


def test_telemetry_says_which_program_decided(bench: Bench, program: Program) -> None:
    """From the next tick on, and not before; no step is lost, doubled or left out of the sum."""
    other = changed(program.bytes, {layout.AT_CHANGE_MAX: 1000})
    records = beside(bench, other, 5)
    first, second = (int.from_bytes(p[-4:], "little") % (1 << 30) for p in (program.bytes, other))
    assert [r[at.PROGRAM] for r in records] == [first] * 5 + [second] * (TICKS - 5)
    assert [r[at.TICK] for r in records] == list(range(TICKS))
    done = [r[at.STEPS_DONE] for r in records]
    assert done == [0] + [r[at.STEPS] for r in records[:-1]]
    assert records[-1][at.STEPS_TOTAL] == sum(r[at.STEPS] for r in records)
    assert all(r[at.ALARMS] == 0 for r in records)


def test_a_reading_that_came_first_counts_for_the_tick_after(
    bench: Bench, program: Program
) -> None:
    """What has arrived belongs to the therapy, not to the program."""
    bench.start()
    bench.run(readings(3), 2500)
    offer(bench, program.bytes)
    bench.run([(2700, wire.reading(3, 900, 9_000))], 2750)
    assert bench.command(messages.TAKE_OVER, program.bytes[-4:]) == OK
    (record,) = bench.run([], 3500)
    assert (record[at.READING_PRESENT], record[at.SAMPLE_INDEX]) == (1, 3)


def test_an_order_that_takes_long_waits_for_the_tick(bench: Bench, program: Program) -> None:
    """The patient's tick waits for nobody's program: within 60 ms before it, none is taken."""
    bench.start()
    bench.run(readings(2), 1500)
    offer(bench, program.bytes)
    order = program.bytes[-4:]
    results = []
    for now_ms in (1900, 1919, 1921, 1990, 2000, 2050):  # a reading may call from 1980 on
        bench.board.time_ms = now_ms
        results.append(bench.command(messages.TAKE_OVER, order))
    assert results == [OK, OK, *[reasons.RESULT_TICK_DUE] * 4]
    bench.run([(2050, wire.reading(2, 600, 9_000))], 2060)
    assert bench.command(messages.TAKE_OVER, order) == OK


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        ({layout.AT_DRUG: 7}, reasons.RESULT_OTHER_DRUG),
        ({layout.AT_DRUG_PG_PER_STEP: 7}, reasons.RESULT_OTHER_DRUG),
        ({layout.AT_COURSE: layout.PULSE}, reasons.RESULT_OTHER_COURSE),
        (
            {layout.AT_TICK_S: 600, layout.AT_TICKS_HOUR: 6, layout.AT_TICKS_DAY: 144},
            reasons.RESULT_OTHER_TICK,
        ),
    ],
)
@pytest.mark.hazard("wrong_program")
def test_what_does_not_fit_is_refused_and_the_running_one_goes_on(
    bench: Bench, program: Program, changes: dict[int, int], result: int
) -> None:
    """By name; the therapy must not notice."""
    alone = Bench(program.bytes).start()
    expected = alone.run(readings(8), 8 * TICK_MS - 300)
    bench.start()
    records = bench.run(readings(4), 4 * TICK_MS - 300)
    other = changed(program.bytes, changes)
    offer(bench, other)
    assert bench.command(messages.TAKE_OVER, other[-4:]) == result
    records += bench.run(readings(4, 4), 8 * TICK_MS - 300)
    assert decided(records) == decided(expected)


def test_more_steps_than_the_tick_has_time_for_are_refused(program: Program) -> None:
    """The clock factor was given to the program before."""
    quick = Bench(changed(program.bytes, {layout.AT_STEPS_TICK_MAX: 1000}))
    quick.start(1500)
    assert program.words[layout.AT_STEPS_TICK_MAX] > 14_000  # in the 140 ms of such a tick
    quick.run(readings(1), 50)
    offer(quick, program.bytes)
    assert quick.command(messages.TAKE_OVER, program.bytes[-4:]) == reasons.RESULT_OUT_OF_RANGE


@pytest.mark.hazard("wrong_program")
def test_only_the_program_that_the_order_names_takes_over(bench: Bench, program: Program) -> None:
    """None was sent, another was, only half of one was."""
    bench.start()
    bench.run(readings(2), 1500)
    other = changed(program.bytes, {layout.AT_CHANGE_MAX: 1000})
    for name in (other[-4:], b"\0\0\0\0"):
        assert bench.command(messages.TAKE_OVER, name) == reasons.RESULT_PROGRAM_CHECKSUM
    assert bench.command(messages.TAKE_OVER, b"") == reasons.RESULT_BAD_LENGTH
    bench.command(messages.PROGRAM_BEGIN, struct.pack("<I", len(other) // 4))
    assert bench.command(messages.TAKE_OVER, other[-4:]) == reasons.RESULT_WRONG_STATE
    controller = bench.app.therapy.controller
    assert bytes(controller.words) == program.bytes


def test_no_program_takes_over_where_nothing_is_given(bench: Bench, program: Program) -> None:
    """Not in idle, ready or a latched fault: a person starts the next therapy."""
    order = program.bytes[-4:]
    assert bench.command(messages.TAKE_OVER, order) == reasons.RESULT_WRONG_STATE
    bench.load()
    assert bench.command(messages.TAKE_OVER, order) == reasons.RESULT_WRONG_STATE
    assert bench.command(messages.START, START_BODY) == OK
    bench.run(readings(2), 1500)
    bench.board.raised = reasons.FLAG_AIR_IN_LINE
    bench.run(readings(1, 2), 2500)
    assert bench.app.supervisor.state == reasons.STATE_FAULT
    for kind in (messages.PROGRAM_BEGIN, messages.TAKE_OVER):
        assert bench.command(kind, order) == reasons.RESULT_WRONG_STATE


@pytest.mark.hazard("unauthorised_order")
def test_an_order_without_the_key_or_out_of_order_is_refused(
    bench: Bench, program: Program
) -> None:
    """Whoever may not dose may not choose the model that doses."""
    bench.start()
    bench.run(readings(1), 500)
    offer(bench, program.bytes)
    forged = wire.frame(messages.TAKE_OVER, program.bytes[-4:] + bytes(18), 9000)
    held_back = bench.host.frame(messages.TAKE_OVER, program.bytes[-4:])
    bench.command(messages.SILENCE, struct.pack("<I", 1))
    for frame, result in (
        (forged, reasons.RESULT_NOT_AUTHENTIC),
        (held_back, reasons.RESULT_REPLAYED),
    ):
        (ack,) = [f for f in bench.send(frame) if f.kind == messages.ACK]
        assert ack.body[2] == result
    taken = bench.host.frame(messages.TAKE_OVER, program.bytes[-4:])
    kinds = [[f.kind for f in bench.send(taken)] for _ in range(2)]
    assert kinds == [[messages.TAKEN_OVER, messages.ACK], [messages.ACK]]


def test_stop_and_start_run_the_program_that_ran(bench: Bench, program: Program) -> None:
    """One that only came beside it was never ordered to decide; one that took over was."""
    other = changed(program.bytes, {layout.AT_CHANGE_MAX: 1000})
    bench.start()
    bench.run(readings(1), 500)
    offer(bench, other)
    bench.command(messages.STOP)
    assert bytes(bench.app.commands.intake.words) == program.bytes
    assert bench.command(messages.START, START_BODY) == OK
    bench.run([(500, wire.reading(0, 0, 9_000))], 800)
    offer(bench, other)
    assert bench.command(messages.TAKE_OVER, other[-4:]) == OK
    bench.command(messages.STOP)
    assert bytes(bench.app.commands.intake.words) == other


def test_the_log_names_the_program_and_reserves_what_it_may_give(program: Program) -> None:
    """After a cut before its first tick the account must cover that tick."""
    content = changed(program.bytes, {layout.AT_STEPS_TICK_MAX: 9_000})
    bench, other = Bench(content), program.bytes
    beside(bench, other, 4)
    log = device_log(bytes(bench.board.flash.content))
    assert log.broken is None
    (page,) = [page for page in log.pages if "takeover" in page.text]
    assert page.reserve_steps == program.words[layout.AT_STEPS_TICK_MAX]
    assert page.text.endswith(f"program {int.from_bytes(other[-4:], 'little'):08x}")


def test_without_a_page_for_it_no_program_takes_over(program: Program) -> None:
    """What cannot be told afterwards does not happen; the therapy goes on."""
    bench = Bench(program.bytes).start()
    bench.run(readings(2), 1500)
    offer(bench, program.bytes)
    bench.app.journal.ring.room = 0
    assert bench.command(messages.TAKE_OVER, program.bytes[-4:]) == reasons.RESULT_NO_LOG
    assert bench.app.journal._reserve == program.words[layout.AT_STEPS_TICK_MAX]
    bench.app.journal.ring.room = journal.SPARE_PAGES + 4
    assert len(bench.run(readings(2, 2), 3500)) == 2


def test_without_room_beside_the_running_one_no_program_is_taken(
    bench: Bench, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception in an order would end in a reset, and stop the patient's drug."""
    bench.start()
    bench.run(readings(1), 500)

    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("pump.core.intake.array", exhausted)
    count = struct.pack("<I", limits.PROGRAM_WORDS_MAX)
    assert bench.command(messages.PROGRAM_BEGIN, count) == reasons.RESULT_NO_ROOM
    monkeypatch.undo()
    offer(bench, program.bytes)
    monkeypatch.setattr("pump.core.commands.Controller", exhausted)
    assert bench.command(messages.TAKE_OVER, program.bytes[-4:]) == reasons.RESULT_NO_ROOM
    assert len(bench.run(readings(2, 1), 2500)) == 2


def test_takeovers_give_nobody_a_fresh_hour(program: Program) -> None:
    """A new program every tick, and still no window of an hour above its cap."""
    bench = Bench(program.bytes)
    bench.board.flash = RamFlash(8)
    bench.start()
    other = changed(program.bytes, {layout.AT_CHANGE_MAX: 1 << 14})
    for tick in range(26):
        bench.run([(tick * TICK_MS, wire.reading(tick, 300 * tick, 500))], tick * TICK_MS + 500)
        content = other if tick % 2 else program.bytes
        offer(bench, content)
        assert bench.command(messages.TAKE_OVER, content[-4:]) == OK
    steps = [steps for _, steps, _ in bench.board.batches]
    hours = [sum(steps[max(0, i - 11) : i + 1]) for i in range(len(steps))]
    most = int(program.words[layout.AT_STEPS_HOUR_MAX])
    assert 0.8 * most < max(hours) <= most
