# SPDX-License-Identifier: MIT
"""Runs on the board in place of main.py: the pump as it is, with a stopwatch on each stage.

The therapy, its readings and their signatures come over the wire as always.  Every other tick
runs without stopwatches and is timed as a whole.  After MAINTENANCE a line is printed for each
stage: its name, and the microseconds of each tick.
"""

import gc
import time
from array import array

import micropython

gc.threshold(32_768)  # as main.py does

from pump import app  # noqa: E402
from pump.board.pico import PicoBoard  # noqa: E402
from pump.board.serial import UsbSerial  # noqa: E402
from pump.core.alarms import Annunciator  # noqa: E402
from pump.core.authentic import Session  # noqa: E402
from pump.core.controller import Controller  # noqa: E402
from pump.core.course import Course  # noqa: E402
from pump.core.detectors import Detectors  # noqa: E402
from pump.core.framing import FrameReader  # noqa: E402
from pump.core.limiter import Limiter  # noqa: E402
from pump.core.link import Link  # noqa: E402
from pump.core.therapy import Therapy  # noqa: E402
from pump.spec import record as at  # noqa: E402

_CALIBRATIONS = 32

# In the order in which a tick goes through them; none within another.
_STAGES = (
    ("take in bytes", Link, "_receive"),
    ("deframe", FrameReader, "feed"),
    ("authenticate", Session, "admit_reading"),
    ("keep the reading", Therapy, "take_reading"),
    ("read the board's inputs", PicoBoard, "read_inputs"),
    ("detect: the board", Detectors, "board"),
    ("estimate", Controller, "_estimate"),
    ("course", Course, "advance"),
    ("detect: readings, model, plan", Detectors, "course"),
    ("supervise", Controller, "_supervise"),
    ("plan", Controller, "_next_move"),
    ("limit", Limiter, "limit"),
    ("fill the record", Controller, "_report"),
    ("start the stepper", PicoBoard, "start_steps"),
    ("alarms", Annunciator, "update"),
    ("frame and send", Link, "send"),
)

spent_us = array("i", [0] * len(_STAGES))  # in this tick, by stage
whole_ticks_us = []  # of the ticks without stopwatches
watched_ticks = []  # of the others: what each stage took, and the QP


class Unlocked:
    """In place of the module micropython in the tick: the stopwatches need the heap."""

    def heap_lock():
        """Leave it open."""

    def heap_unlock():
        """Leave it open."""


def stopwatch(work, stage):
    """Return a function that does `work` and adds what it takes to what the stage has spent."""
    spent, ticks_us, ticks_diff = spent_us, time.ticks_us, time.ticks_diff

    @micropython.native
    def timed(*arguments):
        began_us = ticks_us()
        result = work(*arguments)
        spent[stage] += ticks_diff(ticks_us(), began_us)
        return result

    return timed


def reads_us():
    """Return what a stopwatch reads of a method that does nothing."""
    timed = stopwatch(lambda self, argument: None, 0)
    spent_us[0] = 0
    for _ in range(_CALIBRATIONS):
        timed(None, None)
    return spent_us[0] // _CALIBRATIONS


def note_tick(board, record, received_us):
    """Keep what the tick took, in place of PicoBoard's own, and watch every other tick."""
    whole_us = time.ticks_diff(time.ticks_us(), received_us)
    watched = len(watched_ticks) < len(whole_ticks_us)
    if watched:
        watched_ticks.append(list(spent_us))
        watched_ticks[-1].append(record[at.SOLVE_US])
    else:
        whole_ticks_us.append(whole_us)
    for stage, (_, owner, method) in enumerate(_STAGES):
        setattr(owner, method, (originals if watched else stopwatches)[stage])
    original_note_tick(board, record, received_us)


def wait(serial, timeout_ms):
    """Wait for a byte, in place of UsbSerial's own; what follows begins at nothing."""
    for stage in range(len(spent_us)):
        spent_us[stage] = 0
    original_wait(serial, timeout_ms)


nothing_us = reads_us()
originals = [getattr(owner, method) for _, owner, method in _STAGES]
stopwatches = [stopwatch(work, stage) for stage, work in enumerate(originals)]
original_note_tick, PicoBoard.note_tick = PicoBoard.note_tick, note_tick
original_wait, UsbSerial.wait = UsbSerial.wait, wait
app.micropython = Unlocked
one = app.App(PicoBoard())
gc.collect()
gc.threshold(-1)
one.run()
for stage, (name, _, _) in enumerate(_STAGES):
    print(name, *[max(0, tick[stage] - nothing_us) for tick in watched_ticks], sep="\t")
print("solve", *[tick[-1] for tick in watched_ticks], sep="\t")
print("whole", *whole_ticks_us, sep="\t")
print("END")
