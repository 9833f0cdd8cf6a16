# SPDX-License-Identifier: MIT
"""The whole pump through a power cut: what was given is remembered, nothing starts by itself."""

from __future__ import annotations

import struct

from mesor.program import Program
from mesor.record.device_log import DeviceLog, device_log
from pump.app import App
from pump.spec import journal, messages, reasons
from pump.spec import program as layout
from pump.spec import record as at

from . import wire
from .fake_board import FakeBoard
from .test_app import FACTOR, OK, START_BODY, TICK_MS, Bench, on_beat


def power_cycled(bench: Bench) -> Bench:
    """Return a bench with the same flash, switched on again at the same moment."""
    fresh = Bench.__new__(Bench)
    fresh.content = bench.content
    fresh.board = FakeBoard(flash=bench.board.flash, time_ms=bench.board.time_ms)
    fresh.app = App(fresh.board)
    identity, *_ = fresh.send(wire.frame(messages.HELLO, wire.CHALLENGE))
    fresh.host = wire.Signer(identity.body[20:36])
    return fresh


def log_of(bench: Bench) -> DeviceLog:
    """Return the board's log as the host reads it."""
    return device_log(bytes(bench.board.flash.content))


def test_after_a_power_cut_nothing_runs_until_a_person_starts_it(program: Program) -> None:
    """Not the program, not the therapy, not the motor."""
    bench = Bench(program.bytes).start()
    bench.run(on_beat(3), 2500)
    again = power_cycled(bench)
    assert again.app.supervisor.state == reasons.STATE_IDLE
    assert again.run(on_beat(3), 6000) == []
    assert again.board.batches == []
    assert again.command(messages.START, START_BODY) == reasons.RESULT_WRONG_STATE


def test_power_cuts_do_not_get_round_the_hourly_cap(program: Program) -> None:
    """Any window of an hour holds the cap, however often the plug is pulled."""
    bench = Bench(program.bytes)
    given: list[tuple[int, int]] = []
    for _ in range(8):
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
    again = power_cycled(bench).load()
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


def test_a_page_that_cannot_be_kept_stops_the_motor(program: Program) -> None:
    """What is given without an account could be given twice."""
    bench = Bench(program.bytes).start()
    bench.run(on_beat(2), 1500)
    flash = bench.board.flash
    place = bench.app.journal.sequence % flash.pages
    flash.content[place * 256 : place * 256 + 256] = bytes(256)
    bench.run(on_beat(3), 2500)
    assert bench.board.aborts
    assert len(bench.run(on_beat(6), 5500)) == 3
    assert bench.app.supervisor.fault == reasons.FAULT_LOG
    assert len(bench.board.batches) == 3


def test_a_board_without_room_for_a_log_is_not_started(program: Program) -> None:
    """Said with its own reason."""
    bench = Bench(program.bytes).load()
    begin = bench.app.journal.sequence * 256
    bench.board.flash.content[begin : begin + 256] = bytes(256)
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
