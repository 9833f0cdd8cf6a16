# SPDX-License-Identifier: MIT
"""Runs on the board in place of main.py: times every stage of some ticks, and prints it."""

import time
from array import array

from pump.app import App
from pump.board.pico import PicoBoard
from pump.core.controller import Controller
from pump.core.intake import copy_words
from pump.core.supervisor import EVENT_PROGRAM, EVENT_START
from pump.spec import messages
from pump.spec import record as at

_TICKS = 24


def stopwatch(name, work, *arguments):
    """Run `work`, print what it took, and return its result."""
    began_us = time.ticks_us()
    result = work(*arguments)
    print(name, time.ticks_diff(time.ticks_us(), began_us))
    return result


def feed_reading(app, coded):
    """Take the bytes of one reading, as they would come in."""
    app.link.reader.feed(coded, 0, len(coded))


def main():
    """Time the ticks."""
    time.sleep_ms(50)
    app = App(PicoBoard())
    with open("program.bin", "rb") as stream:
        words = array("i", stream.read())
    app.supervisor.happen(EVENT_PROGRAM)
    app.supervisor.happen(EVENT_START)
    app.therapy.controller = controller = Controller(words, app.supervisor)
    controller.planner.solver.now_us = time.ticks_us
    record = controller.record
    count = app.link._writer.finish(messages.READING, messages.PROTOCOL_VERSION, 1, 16)
    coded = bytes(app.link._writer.coded[:count])
    for tick in range(_TICKS):
        stopwatch("deframe", feed_reading, app, coded)
        record[at.TICK] = tick
        record[at.ELAPSED_TICKS] = record[at.READING_PRESENT] = 1
        record[at.SAMPLE_INDEX] = tick
        record[at.READING_TIME_S] = 300 * tick
        record[at.CONC_UG_L] = 800 * tick
        record[at.QUALITY] = 100
        stopwatch("inputs", app.board.read_inputs, record)
        record[at.BOARD_FLAGS] = 0
        record[at.PRESSURE_RAW] = 20000
        record[at.RESERVOIR_RAW] = record[at.BATTERY_RAW] = 60000
        record[at.STEPS_DONE] = controller._steps
        detectors, estimator = controller.detectors, controller.estimator
        found = stopwatch("board", detectors.board, record, controller._steps)
        stopwatch("estimate", controller._estimate)
        stopwatch("course", controller.course.advance, 1, estimator.state[0])
        told = (record, estimator.state, estimator.states, controller.planner.source, True, 0)
        found |= stopwatch("detect", detectors.course, *told)
        stopwatch("supervise", controller._supervise, found)
        move = stopwatch("plan", controller._next_move)
        print("solve", controller.planner.solver.solve_us)
        steps = stopwatch("limit", controller.limiter.limit, move, estimator.state[0])
        controller._move, controller._steps = move, steps
        stopwatch("report", controller._report, move, steps)
        stopwatch("alarms", app.panel.alarms.update, found, 0)
        stopwatch("stepper", app.board.start_steps, steps, 900_000)
        count = stopwatch("copy", copy_words, record, app.link._writer.body)
        stopwatch("frame", app.link._writer.finish, messages.TELEMETRY, 1, tick, count)
        app.board.abort_steps()
    print("END")


main()
