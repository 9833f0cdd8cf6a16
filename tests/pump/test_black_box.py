# SPDX-License-Identifier: MIT
"""What led to a fault is kept beside the log: through later ones, power cuts, and no stranger."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from mesor.program import Program
from mesor.record.device_log import BlackBox, device_log, read_device_log
from mesor_hil.targets.ram_flash import BOXES, PowerCut
from pump.core.black_box import BlackBoxes
from pump.core.journal import Journal
from pump.spec import journal as at
from pump.spec import messages, reasons

from . import wire
from .fake_board import FakeBoard
from .test_app import FACTOR, OK, TICK_MS, Bench

START = struct.pack("<II", FACTOR, 0)


def boxes_of(board: FakeBoard) -> tuple[BlackBox, ...]:
    """Return what a reader finds in the boxes."""
    return device_log(bytes(board.flash.content), bytes(board.box_flash.content)).boxes


def fail(bench: Bench, flag: int, ticks: int = 5) -> None:
    """Start, run some ticks, fault, acknowledge."""
    assert bench.command(messages.START, START) == OK
    begin_ms = bench.board.time_ms
    beats = [(begin_ms + k * TICK_MS, wire.reading(k, 300 * k, 9_000 + k)) for k in range(ticks)]
    bench.run(beats, begin_ms + ticks * TICK_MS - 500)
    bench.board.raised = flag
    bench.run([], begin_ms + (ticks + 1) * TICK_MS + 300)
    fault = bench.app.supervisor.fault
    assert bench.app.supervisor.state == reasons.STATE_FAULT
    bench.board.raised = 0
    assert bench.command(messages.ACKNOWLEDGE, struct.pack("<I", fault)) == OK
    bench.run([], bench.board.time_ms + 100)


@pytest.mark.hazard("log_lost")
def test_the_first_cause_and_the_ticks_before_it_are_kept(program: Program) -> None:
    """The fault's page, then what the log had before it, chained."""
    bench = Bench(program.bytes).load()
    fail(bench, reasons.FLAG_AIR_IN_LINE)
    (box,) = boxes_of(bench.board)
    assert box.broken is None
    assert box.pages[0].text.endswith("tick 5, 0 steps: air in line")
    assert [page.kind for page in box.pages[:7]] == ["fault", "alarm", *["tick"] * 5]
    assert "black box 0, " in box.text


@pytest.mark.hazard("log_lost")
def test_later_faults_and_a_ring_that_comes_round_overwrite_nothing(program: Program) -> None:
    """Four boxes keep the first four; a fifth fault stands in the log alone."""
    bench = Bench(program.bytes).load()
    flags = [
        reasons.FLAG_DOOR_OPEN, reasons.FLAG_AIR_IN_LINE, reasons.FLAG_OCCLUSION,
        reasons.FLAG_DRIVER_FAULT, reasons.FLAG_DOOR_OPEN,
    ]  # fmt: skip
    for number, flag in enumerate(flags):
        fail(bench, flag)
        assert len(boxes_of(bench.board)) == min(number + 1, BOXES)
    before = bytes(bench.board.box_flash.content)
    for _ in range(12):  # of a ring of 128 pages
        fail(bench, reasons.FLAG_DOOR_OPEN, ticks=8)
    assert bytes(bench.board.box_flash.content) == before
    causes = [box.pages[0].text.rsplit(": ")[-1] for box in boxes_of(bench.board)]
    assert causes == ["door open", "air in line", "occlusion", "driver"]


def test_only_who_has_read_a_box_and_holds_the_key_clears_it(program: Program) -> None:
    """Not by chance, not by a stranger, not by number alone."""
    bench = Bench(program.bytes).load()
    fail(bench, reasons.FLAG_AIR_IN_LINE)
    (box,) = boxes_of(bench.board)
    right = struct.pack("<I", 0) + box.pages[0].link[:8]
    (ack,) = bench.send(wire.frame(messages.BOX_CLEAR, right + bytes(18)))
    assert ack.body[2] == reasons.RESULT_NOT_AUTHENTIC
    for body in (struct.pack("<I", 0) + bytes(8), struct.pack("<I", 1) + right[4:]):
        assert bench.command(messages.BOX_CLEAR, body) == reasons.RESULT_OUT_OF_RANGE
    assert bench.command(messages.BOX_CLEAR, struct.pack("<I", BOXES) + right[4:]) != OK
    assert bench.command(messages.BOX_CLEAR, right[:8]) == reasons.RESULT_BAD_LENGTH
    assert boxes_of(bench.board)
    assert bench.command(messages.BOX_CLEAR, right) == OK
    assert not boxes_of(bench.board)
    fail(bench, reasons.FLAG_DOOR_OPEN)
    assert boxes_of(bench.board)[0].pages[0].text.endswith("door open")


@pytest.mark.hazard("log_lost")
def test_a_power_cut_at_any_instant_of_the_keeping_leaves_what_was_whole(
    program: Program,
) -> None:
    """The fault's page goes first; what is torn is told from what is whole, and from tampering."""
    bench = Bench(program.bytes).load()
    fail(bench, reasons.FLAG_AIR_IN_LINE)
    (whole,) = boxes_of(bench.board)
    log = Journal(bench.board.flash, 0).ring
    fault = next(p for p in range(log.sequence) if device_page(bench, p).startswith("fault"))
    for cut_after in range(0, 16 * at.PAGE_BYTES, 211):
        board = FakeBoard(flash=bench.board.flash)
        boxes = BlackBoxes(board.box_flash)
        first = bytearray(at.PAGE_BYTES)
        assert log.copy(fault, first)
        board.box_flash.cut_after = cut_after
        try:
            boxes.keep(first, log, fault - 1)
        except PowerCut:
            board.box_flash.cut_after = None
        kept = boxes_of(board)
        pages_whole = min(cut_after // at.PAGE_BYTES, len(whole.pages))
        assert len(kept) == min(pages_whole, 1)
        if kept:
            assert kept[0].broken is None
            assert len(kept[0].pages) == pages_whole
            assert kept[0].pages == whole.pages[:pages_whole]
        assert BlackBoxes(board.box_flash).kept == len(kept)  # what is torn is erased


def device_page(bench: Bench, sequence: int) -> str:
    """Return the kind of a page of the log."""
    pages = device_log(bytes(bench.board.flash.content)).pages
    return next((page.kind for page in pages if page.sequence == sequence), "")


@pytest.mark.hazard("log_lost")
def test_an_altered_box_is_named(program: Program) -> None:
    """Each page has its hash, each the link of the one before it."""
    bench = Bench(program.bytes).load()
    fail(bench, reasons.FLAG_AIR_IN_LINE)
    ring, boxes = bytes(bench.board.flash.content), bytearray(bench.board.box_flash.content)
    boxes[2 * at.PAGE_BYTES + 40] ^= 1
    (box,) = device_log(ring, bytes(boxes)).boxes
    assert box.broken == "page 3 of the box was altered"


def test_a_hung_firmware_is_a_fault_of_which_the_last_ticks_are_kept(program: Program) -> None:
    """The watchdog's reset is first seen at the next start; a plain power cut fills no box."""
    for hung in (False, True):
        bench = Bench(program.bytes).start()
        bench.run([(0, wire.reading(0, 0, 9_000))], 1_500)
        again = FakeBoard(flash=bench.board.flash, hung=hung)
        Journal(again.flash, 0, BlackBoxes(again.box_flash), again.was_hung())
        kept = boxes_of(again)
        assert len(kept) == hung
        if hung:
            assert [page.kind for page in kept[0].pages[:2]] == ["boot", "tick"]


def test_a_pulled_file_holds_log_and_boxes(program: Program, tmp_path: Path) -> None:
    """The file is the ring, then the boxes."""
    bench = Bench(program.bytes).load()
    fail(bench, reasons.FLAG_AIR_IN_LINE)
    ring = bytes(bench.board.flash.content)
    whole = ring + b"\xff" * (at.RING_BYTES - len(ring)) + bytes(bench.board.box_flash.content)
    path = tmp_path / "pump.log"
    path.write_bytes(whole)
    assert [box.number for box in read_device_log(path).boxes] == [0]
