# SPDX-License-Identifier: MIT
"""A blocked line on the whole pump: stopped, turned back once by counted steps, told, logged."""

from __future__ import annotations

import pytest

from mesor.program import Program
from mesor.record.device_log import device_log
from pump.spec import limits, messages, reasons
from pump.spec import program as layout
from pump.spec import record as at

from .test_app import OK, Bench, on_beat

RAW_PER_STEP = 2.75  # 69.25 nL into 2 uL/mmHg, 79.4 raw a mmHg


def blocked(program: Program, flags: int = 0) -> tuple[Bench, list[list[int]]]:
    """Return a pump whose line was blocked after 2.3 ticks, and the records until it is told.

    flags: what the pins show from the moment on in which it turns back.
    """
    bench = Bench(program.bytes).start()
    bench.run(on_beat(3, 2_000), 2_300)
    board = bench.board
    rest, made = board.pressure, board.steps_done()
    stored, records = 0, []
    for ms in range(2_300, 12_000):
        board.time_ms = ms
        if board.back_batches:
            board.raised |= flags
            board.pressure = round(rest + RAW_PER_STEP * (stored - board.steps_turned_back()))
        else:
            stored = board.steps_done() - made
            board.pressure = round(rest + RAW_PER_STEP * stored)
        records += [f.words for f in bench.send(b"") if f.kind == messages.TELEMETRY]
        if records and records[-1][at.STEPS_BACK]:
            break
    return bench, records


@pytest.mark.hazard("occlusion_bolus")
def test_the_motor_turns_back_once_by_what_the_line_has_stored(program: Program) -> None:
    """Steps back are in the record, in the log, and in no account of what was given."""
    bench, records = blocked(program)
    board = bench.board
    ((_, asked, window_us),) = board.back_batches
    assert window_us == asked * limits.RELIEF_STEP_MS * 1000
    assert 2_000 < asked <= layout_max(program)
    told = sum(record[at.STEPS_BACK] for record in records)
    assert asked - limits.RELIEF_LOOK_MS <= told <= asked
    assert records[-1][at.FAULT_REASON] == reasons.FAULT_PRESSURE_HIGH
    given = sum(record[at.STEPS] for record in records)
    assert given == 0
    pages = device_log(bytes(board.flash.content)).pages
    (relief,) = [page for page in pages if page.kind == "relief"]
    assert relief.content == (asked, told)
    assert relief.steps == 0


def layout_max(program: Program) -> int:
    """Return the most steps that the program lets the motor turn back: 0.5 mL."""
    most = int(program.words[layout.AT_BACK_OFF_STEPS_MAX])
    assert most == int(500.0 / 0.06925)
    return most


@pytest.mark.hazard("occlusion_bolus")
@pytest.mark.parametrize(
    "flag",
    [reasons.FLAG_DOOR_OPEN, reasons.FLAG_AIR_IN_LINE, reasons.FLAG_DRIVER_FAULT],
)
def test_whatever_else_is_wrong_ends_the_turning_back(program: Program, flag: int) -> None:
    """Reverse is never continuous: door, air or driver end it within a look."""
    _, records = blocked(program, flag)
    told = sum(record[at.STEPS_BACK] for record in records)
    assert told <= 2 * limits.RELIEF_LOOK_MS


def test_stop_ends_the_turning_back(program: Program) -> None:
    """A person's STOP stands above everything."""
    bench = Bench(program.bytes).start()
    bench.run(on_beat(3, 2_000), 2_500)
    bench.board.pressure = 60_000
    bench.board.time_ms += 300
    bench.send(b"")
    assert bench.app.relief.is_on
    assert bench.command(messages.STOP) == OK
    assert not bench.app.relief.is_on
    assert bench.board.aborts[-1] == bench.board.time_ms


def test_a_switch_alone_turns_nothing_back(program: Program) -> None:
    """Its wire may be broken: without a rise of pressure there is nothing to relieve."""
    bench = Bench(program.bytes).start()
    bench.run(on_beat(3, 2_000), 2_300)
    bench.board.raised = reasons.FLAG_OCCLUSION
    bench.run([], 4_000)
    assert bench.app.supervisor.fault == reasons.FAULT_OCCLUSION
    assert not bench.board.back_batches


def test_the_estimate_loses_what_came_back(program: Program) -> None:
    """What sat in the line was not delivered: the model's level is that without it."""
    with_back, without = Bench(program.bytes).start(), Bench(program.bytes).start()
    for bench, back in ((with_back, 3_000), (without, 0)):
        bench.run(on_beat(3, 2_000), 3_000)
        record = bench.app.therapy.controller.record
        record[at.READING_PRESENT] = 0
        record[at.ELAPSED_TICKS] = 1
        record[at.STEPS_DONE] = 3_000 + back
        record[at.STEPS_BACK] = back
        bench.app.therapy.controller.decide()
    first, second = (
        list(bench.app.therapy.controller.estimator.state) for bench in (with_back, without)
    )
    assert first == second
