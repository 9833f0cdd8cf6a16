# SPDX-License-Identifier: MIT
"""Runs on the board in place of main.py: times one solver over the states it finds.

solver.py, put beside it, has BoardSolver: prepare(states, index, is_cold), which is not timed,
solve(states, index, is_cold) -> iterations, and move() -> millionths of the full rate.
"""

import gc
import time
from array import array

import machine

_WARM_UP_MS = 50  # a board that works at once is never seen by the host


def heap():
    """Return the bytes of heap in use."""
    gc.collect()
    return gc.mem_alloc()


def main():
    """Print `iterations time_us move` for each state of states.bin, cold where cold.bin says."""
    time.sleep_ms(_WARM_UP_MS)
    with open("states.bin", "rb") as stream:
        states = array("f", stream.read())
    with open("cold.bin", "rb") as stream:
        cold = stream.read()
    before = heap()
    module = __import__("solver")
    imported = heap()
    solver = module.BoardSolver()
    print("heap", imported - before, heap() - imported)
    solve, now = solver.solve, time.ticks_us
    for index in range(len(cold)):
        solver.prepare(states, index, cold[index])
        was_enabled = machine.disable_irq()
        began_us = now()
        iterations = solve(states, index, cold[index])
        ended_us = now()
        machine.enable_irq(was_enabled)
        print(iterations, time.ticks_diff(ended_us, began_us), solver.move())
    print("END")


main()
