# SPDX-License-Identifier: MIT
"""Looks for everything that can be wrong, once a tick, in integers and without the heap.

Each condition is one bit, numbered as in spec.alarms.  What a detector needs to remember
lives in one array.  What only the plan shows (unsolved, limited) is that of the tick
before, so it is found one tick later.
"""

from array import array

from pump.compat import const, micropython, ptr32
from pump.spec import alarms, limits, reasons
from pump.spec import program as layout
from pump.spec import record as at

# Places in a detector's memory.
_UNSOLVED = const(0)  # ticks in a row whose plan only went on
_SAME = const(1)  # readings in a row like the one before
_CONC_BEFORE = const(2)
_ABOVE = const(3)  # sum of innovations above the slack
_BELOW = const(4)
_SILENT = const(5)  # ticks in a row without any reading
_WORDS = const(6)


@micropython.viper
def of_flags(flags: int) -> int:
    """Return the bits of what door, air, occlusion, driver and line show."""
    found = 0
    if flags & reasons.FLAG_AIR_IN_LINE:
        found |= 1 << reasons.FAULT_AIR_IN_LINE
    if flags & reasons.FLAG_OCCLUSION:
        found |= 1 << reasons.FAULT_OCCLUSION
    if flags & reasons.FLAG_DRIVER_FAULT:
        found |= 1 << reasons.FAULT_DRIVER
    if flags & reasons.FLAG_DOOR_OPEN:
        found |= 1 << reasons.FAULT_DOOR_OPEN
    if flags & reasons.FLAG_PRESSURE_HIGH:
        found |= 1 << reasons.FAULT_PRESSURE_HIGH
    if flags & reasons.FLAG_PRESSURE_LOW:
        found |= 1 << reasons.FAULT_PRESSURE_LOW
    if flags & reasons.FLAG_LOG:
        found |= 1 << reasons.FAULT_LOG
    return found


@micropython.viper
def _board(record: ptr32, words: ptr32, expected: int) -> int:
    """Return what pins, voltages and the step count show; `expected` steps were commanded."""
    flags = record[at.BOARD_FLAGS]
    found = int(of_flags(flags))
    # A pin that showed a fault has cut its batch short: those steps are not lost.
    if found == 0 and record[at.STEPS_DONE] != expected:
        found |= 1 << reasons.FAULT_STEPS_MISMATCH
    if record[at.PRESSURE_RAW] > words[layout.AT_PRESSURE_RAW_MAX]:
        found |= 1 << reasons.FAULT_PRESSURE_HIGH
    if record[at.PRESSURE_RAW] < words[layout.AT_PRESSURE_RAW_MIN]:
        found |= 1 << reasons.FAULT_PRESSURE_LOW
    if record[at.RESERVOIR_RAW] < words[layout.AT_RESERVOIR_RAW_MIN]:
        found |= 1 << reasons.FAULT_RESERVOIR_EMPTY
    elif record[at.RESERVOIR_RAW] < words[layout.AT_RESERVOIR_RAW_LOW]:
        found |= 1 << alarms.RESERVOIR_LOW
    if record[at.BATTERY_RAW] < words[layout.AT_BATTERY_RAW_MIN]:
        found |= 1 << reasons.FAULT_BATTERY_EMPTY
    elif record[at.BATTERY_RAW] < words[layout.AT_BATTERY_RAW_LOW]:
        found |= 1 << alarms.BATTERY_LOW
    if flags & reasons.FLAG_MEMORY_LOW:
        found |= 1 << alarms.MEMORY_LOW
    if flags & reasons.FLAG_LATE:
        found |= 1 << alarms.SOLVER_LATE
    if flags & reasons.FLAG_WORN:
        found |= 1 << alarms.FLASH_WORN
    return found


@micropython.viper
def _refusal(record: ptr32) -> int:
    """Return what a reading was refused for, where that is worth a word."""
    verdict = record[at.READING_VERDICT]
    if verdict == reasons.READING_OUT_OF_RANGE:
        return 1 << alarms.READING_REFUSED
    if verdict == reasons.READING_LOW_QUALITY:
        return 1 << alarms.READING_REFUSED
    if verdict == reasons.READING_TOO_FAST:
        return 1 << alarms.READING_JUMP
    if verdict == reasons.READING_FROM_FUTURE:
        return 1 << alarms.CLOCK_DISAGREES
    if verdict == reasons.READING_TOO_OLD:
        return 1 << alarms.CLOCK_DISAGREES
    return 0


@micropython.viper
def _readings(record: ptr32, words: ptr32, memory: ptr32) -> int:
    """Return what this tick's reading, or its absence, shows."""
    found = 0
    verdict = record[at.READING_VERDICT]
    if verdict == reasons.READING_MISSING:
        memory[_SILENT] += record[at.ELAPSED_TICKS]
        if memory[_SILENT] > limits.HOST_SILENT_TICKS:
            memory[_SILENT] = limits.HOST_SILENT_TICKS + 1
            found |= 1 << alarms.HOST_SILENT
    else:
        memory[_SILENT] = 0
    if record[at.STALE_TICKS] > words[layout.AT_STALE_TICKS_MAX]:
        found |= 1 << alarms.SENSOR_STALE
    stuck_max = words[layout.AT_STUCK_TICKS_MAX]
    if verdict == reasons.READING_USED:
        if record[at.CONC] == memory[_CONC_BEFORE]:
            memory[_SAME] += 1
            if memory[_SAME] > stuck_max:
                memory[_SAME] = stuck_max
        else:
            memory[_SAME] = 0
        memory[_CONC_BEFORE] = record[at.CONC]
    if memory[_SAME] >= stuck_max:
        found |= 1 << alarms.SENSOR_STUCK
    if record[at.ELAPSED_TICKS] > 1:
        found |= 1 << alarms.TICK_OVERRUN
    return found


@micropython.viper
def _drift(record: ptr32, words: ptr32, memory: ptr32) -> int:
    """Return whether readings and model drift apart: two one-sided sums of the innovation.

    CUSUM after Page, Biometrika 41, 1954: what exceeds the slack adds up.
    """
    slack = words[layout.AT_DRIFT_SLACK]
    most = words[layout.AT_DRIFT_MAX]
    if record[at.READING_VERDICT] == reasons.READING_USED:
        above = memory[_ABOVE] + record[at.INNOVATION] - slack
        below = memory[_BELOW] - record[at.INNOVATION] - slack
        if above < 0:
            above = 0
        if above > most:
            above = most
        if below < 0:
            below = 0
        if below > most:
            below = most
        memory[_ABOVE] = above
        memory[_BELOW] = below
    if memory[_ABOVE] == most or memory[_BELOW] == most:
        return 1 << alarms.SENSOR_DRIFT
    return 0


@micropython.viper
def _decision(
    words: ptr32, memory: ptr32, state: ptr32, states: int, source: int, tried: int
) -> int:
    """Return what the plan of the tick before and the estimate show.

    source: where that plan came from.  tried: 1 when the solver was asked for it.
    """
    found = 0
    if source == reasons.PLAN_SOLVED:
        memory[_UNSOLVED] = 0
    elif tried:
        if memory[_UNSOLVED] <= words[layout.AT_UNSOLVED_TICKS_MAX]:
            memory[_UNSOLVED] += 1
    elif memory[_UNSOLVED] > 0:
        # In the fallback nothing is solved: one tick later it is tried once more.
        memory[_UNSOLVED] -= 1
    if memory[_UNSOLVED] > words[layout.AT_UNSOLVED_TICKS_MAX]:
        found |= 1 << alarms.UNSOLVED
    most = words[layout.AT_STATE_MAX]
    for i in range(states):
        if state[i] >= most or state[i] <= -most:
            found |= 1 << alarms.OUT_OF_RANGE
    return found


class Detectors:
    """All detectors of one therapy."""

    def __init__(self, words):
        self._words = words
        self._memory = array("i", [0] * _WORDS)
        self._memory[_CONC_BEFORE] = -1

    def follow(self, before, scales) -> None:
        """Go on with what `before`, of another program, has seen; scales: core.handover.Scales."""
        memory, words = self._memory, self._words
        for i in range(_WORDS):
            memory[i] = before._memory[i]
        for i in (_ABOVE, _BELOW):
            memory[i] = min(scales.level(memory[i]), words[layout.AT_DRIFT_MAX])
        memory[_SAME] = min(memory[_SAME], words[layout.AT_STUCK_TICKS_MAX])

    @micropython.native
    def board(self, record, expected: int) -> int:
        """Return the bits of what is wrong with the board; `expected` steps were commanded."""
        return _board(record, self._words, expected)

    @micropython.native
    def course(self, record, state, states: int, source: int, tried: bool, limited: int) -> int:
        """Return the bits of what is wrong with readings, model, plan and clock.

        source, tried, limited: where the last tick's plan came from, whether the solver was
        asked for it, and which limit acted on it.
        """
        words, memory = self._words, self._memory
        found = _readings(record, words, memory) | _drift(record, words, memory)
        found |= _refusal(record)
        found |= _decision(words, memory, state, states, source, 1 if tried else 0)
        if limited >= reasons.LIMIT_SOFT_RATE:
            found |= 1 << alarms.SOFT_LIMIT
        elif limited != reasons.LIMIT_NONE:
            found |= 1 << alarms.DOSE_LIMITED
        return found
