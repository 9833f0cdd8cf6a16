# SPDX-License-Identifier: MIT
"""Finds a blocked line by its pressure, and relieves it of what it has stored.

A blocked line's pressure rises by a fixed amount with every step; an open one's does not.
So what the pressure rises by beyond a slack for each step adds up, never below zero (CUSUM
after Page, Biometrika 41, 1954), long before the pressure itself is high.  The steps made
since that sum last was zero are what the line has stored, and the pressure of that moment
is the one at which it is relieved.  Looked at four times a second and in every tick, with
nothing allocated; pressures are raw ADC, times device ms that wrap at 2**30.
"""

from array import array

from pump.compat import const, micropython, ptr32
from pump.core import schedule
from pump.spec import limits, reasons
from pump.spec import program as layout

_RISE = const(0)  # Q8 of raw
_BEFORE = const(1)  # pressure of the look before, -1 at first
_STORED = const(2)  # microsteps since the sum was zero
_AT_ZERO = const(3)  # pressure then
# Of the batch under way, which the motor makes evenly.
_STEPS = const(4)
_WINDOW_MS = const(5)
_BEGAN_MS = const(6)
_COUNTED = const(7)  # of its steps, looked at
_WORDS = const(8)
_STORED_MAX = const(1 << 28)
_SHARE_BITS = const(10)  # of a batch's window: times a batch's steps a small int


@micropython.viper
def _look(words: ptr32, memory: ptr32, pressure: int, now_ms: int) -> int:
    """Take in a pressure and the steps made since the one before; return FLAG_PRESSURE_*."""
    window_ms = memory[_WINDOW_MS]
    passed_ms = (now_ms - memory[_BEGAN_MS]) & schedule.TIME_MASK
    passed_ms = (passed_ms ^ schedule.TIME_HALF) - schedule.TIME_HALF
    if passed_ms > window_ms:
        passed_ms = window_ms
    made = (memory[_STEPS] * ((passed_ms << _SHARE_BITS) // window_ms)) >> _SHARE_BITS
    steps = made - memory[_COUNTED]
    memory[_COUNTED] = made
    before = memory[_BEFORE]
    if before < 0:
        before = pressure
    rise = memory[_RISE] + ((pressure - before) << 8) - steps * words[layout.AT_PRESSURE_SLACK]
    stored = memory[_STORED] + steps
    if stored > _STORED_MAX:
        stored = _STORED_MAX
    if rise <= 0:
        rise = 0
        stored = 0
        memory[_AT_ZERO] = pressure
    memory[_RISE] = rise
    memory[_BEFORE] = pressure
    memory[_STORED] = stored
    if rise > words[layout.AT_PRESSURE_RISE_RAW] << 8:
        return int(reasons.FLAG_PRESSURE_HIGH)
    if pressure > words[layout.AT_PRESSURE_RAW_MAX]:
        return int(reasons.FLAG_PRESSURE_HIGH)
    if pressure < words[layout.AT_PRESSURE_RAW_MIN]:
        return int(reasons.FLAG_PRESSURE_LOW)
    return 0


class Line:
    """What is known of one therapy's line."""

    def __init__(self, words):
        self.words = words  # of the program that runs
        self._memory = array("i", [0] * _WORDS)
        self._memory[_BEFORE] = -1
        self._memory[_WINDOW_MS] = 1

    @micropython.native
    def begin_batch(self, steps: int, window_ms: int, now_ms: int) -> None:
        """Note that the motor makes `steps` evenly in `window_ms` from now on; 0 stands."""
        memory = self._memory
        memory[_STEPS] = steps
        memory[_WINDOW_MS] = window_ms
        memory[_BEGAN_MS] = now_ms
        memory[_COUNTED] = 0

    @micropython.native
    def look(self, pressure: int, now_ms: int) -> int:
        """Return what the pressure shows, bits of spec.reasons.FLAG_PRESSURE_*.

        Steps follow from the batch's even pace: asking the stepper would hold it each time.
        """
        return _look(self.words, self._memory, pressure, now_ms)

    @property
    def stored(self) -> int:
        """Return the microsteps that the line has stored, by what the pressure showed."""
        return self._memory[_STORED]

    def take_stored(self) -> int:
        """Return the same, and nothing from then on: a line is relieved once."""
        stored = self._memory[_STORED]
        self._memory[_STORED] = 0
        return stored

    @property
    def at_zero(self) -> int:
        """Return the pressure before it began to rise."""
        return self._memory[_AT_ZERO]


class Relief:
    """Turns the motor back, once and by a counted batch, by what a blocked line has stored.

    It ends with the batch, at the pressure before the rise, or with whatever else is wrong;
    the fault is latched, so no second one follows without a person.
    """

    def __init__(self, board, journal):
        self._board = board
        self._journal = journal
        self.is_on = False
        self.steps_back = 0  # made, for the next tick's record
        self._asked = 0
        self._until_raw = 0
        self._began_ms = 0

    @micropython.native
    def begin(self, line: Line, steps_max: int, now_ms: int) -> None:
        """Begin, unless the line has stored nothing."""
        steps = min(line.take_stored(), steps_max)
        if steps <= 0:
            return
        self._asked = steps
        self._until_raw = line.at_zero
        self._began_ms = now_ms
        self.is_on = True
        self._board.start_back(steps, steps * limits.RELIEF_STEP_MS * 1000)

    @micropython.native
    def go_on(self, pressure: int, flags: int, now_ms: int) -> None:
        """End it when its time has come."""
        made_ms = self._asked * limits.RELIEF_STEP_MS
        over = schedule.elapsed_ms(now_ms, self._began_ms) > made_ms + limits.RELIEF_LOOK_MS
        if over or pressure <= self._until_raw or flags & ~reasons.FLAG_OCCLUSION:
            self.end(now_ms)

    @micropython.native
    def end(self, now_ms: int) -> None:
        """Stop turning back, and log what it came to."""
        if self.is_on:
            self.is_on = False
            self._board.abort_steps()
            made = self._board.steps_back()
            self.steps_back += made
            self._journal.relief(self._asked, made, now_ms)
