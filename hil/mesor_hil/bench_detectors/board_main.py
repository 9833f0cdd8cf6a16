# SPDX-License-Identifier: MIT
"""Runs on the board in place of main.py: the pump as it is, but from a tick on WRONG goes wrong.

The bench puts a line before this one that says what WRONG is.
"""

import gc
import time

gc.threshold(32_768)  # as main.py does

from pump.app import App  # noqa: E402
from pump.board.pico import PicoBoard  # noqa: E402
from pump.core.controller import Controller  # noqa: E402
from pump.core.planner import Planner  # noqa: E402
from pump.spec import reasons  # noqa: E402

FROM_TICK = 5
LEFT_BYTES = 14_000
LATE_MS = 45

_PIECE_BYTES = 240


class Deed:
    """What has been done so far."""

    ticks = 0  # that have been decided
    pieces = None  # of the heap, each with those before it


def next_move(controller):
    """Plan, in place of Controller's own."""
    if Deed.ticks >= FROM_TICK:
        if WRONG == "raises":  # noqa: F821
            raise MemoryError
        if WRONG == "late":  # noqa: F821
            time.sleep_ms(LATE_MS)
    return original_next_move(controller)


def plan(planner, move):
    """Plan, in place of Planner's own; no plan counts as found."""
    steps = original_plan(planner, move)
    if Deed.ticks >= FROM_TICK:
        planner.source = reasons.PLAN_SHIFTED
    return steps


def start_steps(board, step_count, window_us):
    """Start a batch, in place of PicoBoard's own, of one step too few."""
    original_start_steps(board, step_count - (Deed.ticks >= FROM_TICK), window_us)


def note_tick(board, record, received_us):
    """Count the tick, in place of PicoBoard's own; leave little of the heap where that is due."""
    Deed.ticks += 1
    if WRONG == "memory" and Deed.ticks == FROM_TICK:  # noqa: F821
        gc.collect()
        while gc.mem_free() > LEFT_BYTES:
            Deed.pieces = (Deed.pieces, bytearray(_PIECE_BYTES))
    original_note_tick(board, record, received_us)


original_next_move, Controller._next_move = Controller._next_move, next_move
original_note_tick, PicoBoard.note_tick = PicoBoard.note_tick, note_tick
if WRONG == "unsolved":  # noqa: F821
    original_plan, Planner.plan = Planner.plan, plan
if WRONG == "mismatch":  # noqa: F821
    original_start_steps, PicoBoard.start_steps = PicoBoard.start_steps, start_steps
one = App(PicoBoard())
gc.collect()
gc.threshold(-1)
one.run()
