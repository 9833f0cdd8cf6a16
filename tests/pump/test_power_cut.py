# SPDX-License-Identifier: MIT
"""The whole pump through a power cut: what was given is remembered, nothing starts by itself."""

from __future__ import annotations

import struct
from copy import deepcopy

import pytest

from mesor.program import Program
from mesor.record.device_log import DeviceLog, device_log
from mesor_hil.targets.ram_flash import SLOT, RamFlash
from pump.app import App
from pump.core.journal import Journal
from pump.spec import alarms, journal, messages, reasons
from pump.spec import program as layout
from pump.spec import record as at

from . import wire
from .fake_board import FakeBoard
from .test_app import FACTOR, OK, START_BODY, TICK_MS, Bench, on_beat
from .test_takeover import TICKS, changed, decided, offer, readings

IDLE, READY = reasons.STATE_IDLE, reasons.STATE_READY


def power_cycled(bench: Bench, keys: bytes = wire.KEYS, broken: int = 0) -> Bench:
    """Return a bench with a copy of the flash, switched on at the moment in which it was."""
    fresh = Bench.__new__(Bench)
    fresh.content = bench.content
    fresh.board = FakeBoard(
        flash=deepcopy(bench.board.flash),
        slot_flash=deepcopy(bench.board.slot_flash),
        time_ms=bench.board.time_ms,
        key_content=keys,
        broken=broken,
    )
    fresh.app = App(fresh.board)
    identity, *_ = fresh.send(wire.frame(messages.HELLO, wire.CHALLENGE))
    fresh.host = wire.Signer(identity.body[20:36])
    return fresh


def held(bench: Bench) -> list[bytes]:
    """Return what the pump says of its program when it is asked who it is."""
    answers = bench.send(wire.frame(messages.HELLO, wire.CHALLENGE))
    return [frame.body for frame in answers if frame.kind == messages.HELD]


def log_of(bench: Bench) -> DeviceLog:
    """Return the board's log as the host reads it."""
    return device_log(bytes(bench.board.flash.content))


def test_after_a_power_cut_nothing_runs_until_a_person_starts_it(program: Program) -> None:
    """Not the therapy, not the motor; the program is there for whoever holds the key."""
    bench = Bench(program.bytes).start()
    bench.run(on_beat(3), 2500)
    again = power_cycled(bench)
    assert again.app.supervisor.state == READY
    assert again.run(on_beat(3), 6000) == []
    assert again.board.batches == []
    unsigned = again.send(wire.frame(messages.START, START_BODY, 70))
    assert [ack.body[2] for ack in unsigned] == [reasons.RESULT_NOT_AUTHENTIC]
    assert again.command(messages.START, START_BODY) == OK
    assert len(again.run([], 8000)) == 2


@pytest.mark.hazard("wrong_program")
def test_a_restored_program_decides_as_it_did_when_it_was_sent(program: Program) -> None:
    """Word for word; host and log are told that nobody has sent it since."""
    sent = Bench(program.bytes).start()
    expected = sent.run(readings(TICKS), TICKS * TICK_MS - 300)
    bench = power_cycled(Bench(program.bytes).load())
    checksum = program.bytes[-4:]
    assert held(bench) == [checksum + b"\1"]
    page = log_of(bench).pages[-1]
    name = int.from_bytes(checksum, "little")
    assert page.text.endswith(f"restored       program {name:08x}, as it was kept in flash")
    assert bench.command(messages.START, START_BODY) == OK
    assert decided(bench.run(readings(TICKS), TICKS * TICK_MS - 300)) == decided(expected)
    bench.command(messages.STOP)
    bench.load()
    assert held(bench) == [checksum + b"\0"]


def test_a_program_is_kept_before_its_end_is_acknowledged(program: Program) -> None:
    """And given up when the next one is announced: half of that is no program."""
    bench = Bench(program.bytes)
    assert held(bench) == []
    bench.load()
    assert power_cycled(bench).app.supervisor.state == READY
    assert bench.command(messages.PROGRAM_BEGIN, struct.pack("<I", len(bench.content) // 4)) == OK
    again = power_cycled(bench)
    assert again.app.supervisor.state == IDLE
    assert held(again) == []
    assert power_cycled(again.load()).app.supervisor.state == READY


def test_a_program_that_was_refused_does_not_come_back(program: Program) -> None:
    """Nor does the one before it, which was given up."""
    bench = Bench(program.bytes).load()
    bench.content = program.bytes[:400] + b"\xff" + program.bytes[401:]
    with pytest.raises(AssertionError):
        bench.load()
    assert bench.command(messages.START, START_BODY) == reasons.RESULT_WRONG_STATE
    assert power_cycled(bench).app.supervisor.state == IDLE


@pytest.mark.hazard("wrong_program")
def test_after_a_takeover_the_program_before_it_never_comes_back(program: Program) -> None:
    """During the therapy nothing does; after its end what took over, once the slot was erased."""
    other = changed(program.bytes, {layout.AT_CHANGE_MAX: 1000})
    bench = Bench(program.bytes).start()
    bench.run(on_beat(2), 1500)
    slot = bench.board.slot_flash
    kept = slot.erased, slot.programmed
    offer(bench, other)
    assert power_cycled(bench).content == bench.content
    assert (slot.erased, slot.programmed) == kept
    assert held(bench) == [program.bytes[-4:] + b"\0"]
    assert bench.command(messages.TAKE_OVER, other[-4:]) == OK
    assert held(bench) == [other[-4:] + b"\0"]
    assert power_cycled(bench).app.supervisor.state == IDLE
    bench.run([], 3500)
    assert (slot.erased, slot.programmed) == (kept[0], kept[1] + 1)  # nothing is erased now
    bench.command(messages.STOP)
    assert power_cycled(bench).app.supervisor.state == IDLE
    assert bench.app.wait_ms() == 0
    while bench.app.wait_ms() == 0:
        bench.app.poll()
    assert held(power_cycled(bench)) == [other[-4:] + b"\1"]


def test_start_after_a_takeover_waits_for_the_slot(program: Program) -> None:
    """Else the therapy would run with nothing kept: a flash is not erased beside it."""
    other = changed(program.bytes, {layout.AT_CHANGE_MAX: 1000})
    bench = Bench(program.bytes).start()
    bench.run(on_beat(2), 1500)
    offer(bench, other)
    assert bench.command(messages.TAKE_OVER, other[-4:]) == OK
    bench.command(messages.STOP)
    assert bench.command(messages.START, START_BODY) == OK
    assert held(power_cycled(bench)) == [other[-4:] + b"\1"]


def test_a_takeover_whose_slot_cannot_be_voided_is_refused(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a cut the older program would pass for the one that ran."""
    bench = Bench(program.bytes).start()
    bench.run(on_beat(2), 1500)
    offer(bench, program.bytes)
    monkeypatch.setattr(bench.board.slot_flash, "program", lambda _page, _content: None)
    order = program.bytes[-4:]
    assert bench.command(messages.TAKE_OVER, order) == reasons.RESULT_NO_LOG
    assert len(bench.run(on_beat(4)[2:], 3500)) == 2


def test_what_is_not_the_pumps_own_or_cannot_be_told_is_not_taken_up(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Flashed with other keys; failing its self-test; without a page to say so; erased."""
    bench = Bench(program.bytes).load()
    assert power_cycled(bench, keys=wire.KEYS[::-1]).app.supervisor.state == IDLE
    failed = power_cycled(bench, broken=1)
    assert failed.app.supervisor.state == reasons.STATE_SELF_TEST
    assert held(failed) == []
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "restored", lambda *_: False)
        assert power_cycled(bench).app.supervisor.state == IDLE
    assert power_cycled(bench).app.supervisor.state == READY
    bench.board.slot_flash = RamFlash(SLOT)
    assert power_cycled(bench).app.supervisor.state == IDLE


def test_a_soft_limit_is_to_be_confirmed_anew_after_a_power_cut(program: Program) -> None:
    """What a person lifted, they lifted for that therapy."""
    content = changed(program.bytes, {layout.AT_SOFT_TARGET: 1})
    bench = Bench(content).load()
    confirmed = START_BODY + struct.pack("<I", 1 << reasons.LIMIT_SOFT_TARGET)
    assert bench.command(messages.START, confirmed) == OK
    again = power_cycled(bench)
    assert again.command(messages.START, START_BODY) == reasons.RESULT_NOT_CONFIRMED
    assert again.command(messages.START, confirmed) == OK


def test_power_cuts_do_not_get_round_the_hourly_cap(program: Program) -> None:
    """Any window of an hour holds the cap, however often the plug is pulled."""
    bench = Bench(program.bytes)
    given: list[tuple[int, int]] = []
    for life in range(8):
        if life % 2 == 0:  # else with what was kept
            bench.load()
        now_ms = bench.board.time_ms
        assert bench.command(messages.START, START_BODY) == OK
        arrivals = [(now_ms + ms, frame) for ms, frame in on_beat(5, 1000)]
        bench.run(arrivals, now_ms + 4500)
        given += [(ms, steps) for ms, steps, _ in bench.board.batches]
        bench = power_cycled(bench)
    hour_ms = 3600 * 1000 // FACTOR
    most = int(program.words[layout.AT_STEPS_HOUR_MAX])
    for end_ms, _ in given:
        window = [steps for ms, steps in given if end_ms - hour_ms + TICK_MS <= ms <= end_ms]
        assert sum(window) <= most
    assert sum(steps for _, steps in given) > most // 2


def test_history_tells_what_was_given_before_the_cut(program: Program) -> None:
    """The first frames of the new therapy's record, from which a replay begins."""
    bench = Bench(program.bytes).start()
    bench.run(on_beat(4), 3500)
    commanded = sum(steps for _, steps, _ in bench.board.batches)
    again = power_cycled(bench)
    frame = again.host.frame(messages.START, START_BODY)
    history = [f for f in again.send(frame) if f.kind == messages.HISTORY]
    most = int(program.words[layout.AT_STEPS_TICK_MAX])
    assert commanded <= sum(history[0].words) <= commanded + most


def test_a_whole_therapy_stands_in_the_log(program: Program) -> None:
    """Program, start, ticks with what was decided, alarm, fault, stop; the account to the step."""
    bench = Bench(program.bytes).start()
    records = bench.run(on_beat(3), 2500)
    bench.board.raised = reasons.FLAG_AIR_IN_LINE
    records += bench.run(on_beat(4)[3:], 3500)
    bench.command(messages.STOP)
    log = log_of(bench)
    kinds = ["boot", "command", "command", "tick", "tick", "tick", "alarm", "fault", "command"]
    assert [page.kind for page in log.pages] == kinds
    assert log.broken is None
    ticks = [page for page in log.pages if page.kind in ("tick", "fault")]
    bank = range(at.MODEL, at.PLAN)  # all else that was decided is kept
    assert set(range(journal.CONTENT_WORDS, at.PLAN)) <= {*at.MEASURED, *bank}
    kept = [record[: min(at.PLAN, journal.CONTENT_WORDS)] for record in records]
    assert [list(page.content) for page in ticks] == kept
    assert log.pages[-1].volume_steps == sum(steps for _, steps, _ in bench.board.batches)
    assert log.pages[-1].reserve_steps == 0


def test_before_the_first_step_the_log_has_reserved_it(program: Program) -> None:
    """Write ahead: START's page stands before the first tick can begin."""
    bench = Bench(program.bytes).start()
    start = log_of(bench).pages[-1]
    assert start.kind == "command"
    assert start.reserve_steps == int(program.words[layout.AT_STEPS_TICK_MAX])


def wear(bench: Bench, count: int) -> None:
    """Let the next pages of the log not hold what is written to them."""
    flash, first = bench.board.flash, bench.app.journal.ring.sequence
    for page in range(first, first + count):
        begin = page % flash.pages * journal.PAGE_BYTES
        flash.content[begin : begin + journal.PAGE_BYTES] = bytes(journal.PAGE_BYTES)


def test_a_worn_page_is_told_and_the_therapy_goes_on(program: Program) -> None:
    """The next page has the record; a person changes the pump when there is time to."""
    bench = Bench(program.bytes).start()
    assert all(record[at.ALARMS] == 0 for record in bench.run(on_beat(2), 1500))
    wear(bench, journal.WORN_MAX - 1)
    records = bench.run(on_beat(5)[2:], 4500)
    bit = 1 << alarms.FLASH_WORN
    assert [record[at.ALARMS] for record in records] == [0, bit, bit]
    assert all(record[at.STEPS] for record in records)
    log = log_of(bench)
    assert (log.broken, len(log.worn)) == (None, journal.WORN_MAX - 1)
    assert len([page for page in log.pages if page.kind == "tick"]) == 5
    body = struct.pack("<I", alarms.FLASH_WORN)
    assert bench.command(messages.ACKNOWLEDGE, body) == OK
    assert bench.app.supervisor.refused == 0
    assert bench.command(messages.ACKNOWLEDGE, body) == reasons.RESULT_OUT_OF_RANGE


def test_a_page_that_cannot_be_kept_stops_the_motor(program: Program) -> None:
    """What is given without an account could be given twice."""
    bench = Bench(program.bytes).start()
    bench.run(on_beat(2), 1500)
    wear(bench, journal.WORN_MAX)
    bench.run(on_beat(3), 2500)
    assert bench.board.aborts
    assert len(bench.run(on_beat(6), 5500)) == 3
    assert bench.app.supervisor.fault == reasons.FAULT_LOG
    assert len(bench.board.batches) == 3


def test_a_board_without_room_for_a_log_is_not_started(program: Program) -> None:
    """Said with its own reason."""
    bench = Bench(program.bytes).load()
    wear(bench, journal.WORN_MAX)
    assert bench.command(messages.START, START_BODY) == reasons.RESULT_NO_LOG
    assert bench.app.supervisor.state == reasons.STATE_READY


def test_anybody_may_read_the_log_but_not_while_a_therapy_runs(program: Program) -> None:
    """Page by page, without a key."""
    bench = Bench(program.bytes).start()

    def read(page: int) -> list[wire.Received]:
        return bench.send(wire.frame(messages.LOG_READ, struct.pack("<I", page), 70))

    assert [f.body[2] for f in read(0)] == [reasons.RESULT_WRONG_STATE]
    bench.command(messages.STOP)
    pages = bench.board.flash.pages
    content = b""
    boxes = bench.board.box_flash
    for page in range(pages + boxes.pages):
        answer, ack = read(page)
        assert (answer.kind, ack.body[2]) == (messages.LOG_PAGE, OK)
        assert answer.body[:8] == struct.pack("<II", page, pages)
        content += answer.body[8:]
    assert content == bytes(bench.board.flash.content) + bytes(boxes.content)
    assert [f.body[2] for f in read(pages + boxes.pages)] == [reasons.RESULT_OUT_OF_RANGE]
    assert [f.body[2] for f in read(0xFFFFFFFF)] == [reasons.RESULT_OUT_OF_RANGE]
    short = bench.send(wire.frame(messages.LOG_READ, b"\0", 71))
    assert [f.body[2] for f in short] == [reasons.RESULT_BAD_LENGTH]
