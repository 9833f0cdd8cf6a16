# SPDX-License-Identifier: MIT
"""Last arithmetic between the planner and the motor: hard caps, and the account of every step.

The planner may ask for anything; nothing downstream checks again.  Volume is
counted in motor microsteps and the fraction of a step is carried, so what was
asked for and what was commanded differ by less than one step, for ever.
Rolling windows hold whole ticks.  They outlive a therapy: the next one begins with
what was given in the day before it, else STOP and START would get round the caps.
Beside them stand a bound on the rise of the rate, on the drug that the program's decay
says is not yet cleared, and a level at which nothing is given; `asked` keeps what was
wanted before any of them.
"""

from array import array

from pump.compat import const, micropython
from pump.spec import messages, reasons
from pump.spec import program as layout

_TOTAL_MASK = const(0x3FFFFFFF)  # 2**30 would not be a small int
_KEEP_BITS = const(14)
_KEEP_MASK = const((1 << 14) - 1)
_ON_BOARD_MAX = const((1 << 28) - 1)  # keeps the decay's products below 2**30


class Limiter:
    """Turns a move into microsteps; `reason` says which limit acted last."""

    def __init__(self, words, history=None):
        """Take the program's words, and `quarters` of the therapy before."""
        self._tick_s = words[layout.AT_TICK_S]
        self._one_bits = words[layout.AT_DATA_BITS]
        self._one = 1 << self._one_bits
        self._steps_full = words[layout.AT_STEPS_FULL]
        self._tick_max = words[layout.AT_STEPS_TICK_MAX]
        self._hour_max = words[layout.AT_STEPS_HOUR_MAX]
        self._day_max = words[layout.AT_STEPS_DAY_MAX]
        self._ticks_hour = words[layout.AT_TICKS_HOUR]
        self._ticks_day = words[layout.AT_TICKS_DAY]
        self._change_max = words[layout.AT_CHANGE_MAX]
        self._on_board_max = words[layout.AT_ON_BOARD_MAX]
        self._keep = words[layout.AT_ON_BOARD_KEEP]
        self._ceiling = words[layout.AT_CEILING]
        self._history = array("i", [0] * self._ticks_day)
        self._at = 0  # where this tick's steps will be written
        self._hour = 0  # steps of the last ticks_hour - 1 ticks
        self._day = 0  # steps of the last ticks_day - 1 ticks
        self._move = 0  # of the tick before
        self.carry = 0
        self.total = 0
        self.asked = 0  # microsteps of this tick before any limit
        self.on_board = 0  # microsteps given and not yet cleared
        self.reason = reasons.LIMIT_NONE
        if history is not None:
            self._take_over(history)

    def _take_over(self, history) -> None:
        """Charge what was given before, each quarter hour as if at its very end."""
        for quarter in range(messages.HISTORY_WORDS):
            ticks_ago = quarter * messages.HISTORY_S // self._tick_s + 1
            if ticks_ago < self._ticks_day:
                self._history[-ticks_ago] += history[quarter]
                self._day += history[quarter]
            if ticks_ago < self._ticks_hour:
                self._hour += history[quarter]
        for ticks_ago in range(self._ticks_day - 1, 0, -1):
            self._decay(self._history[-ticks_ago])

    def quarters(self, elapsed_s: int):
        """Return the microsteps of the last day by quarter hours, the newest first.

        elapsed_s: therapy time since the last tick began.  Each tick counts for the
        youngest quarter hour that it reaches into.  Allocates: not for the tick.
        """
        history = array("i", [0] * messages.HISTORY_WORDS)
        for ticks_ago in range(self._ticks_day):
            ended_s = elapsed_s + (ticks_ago - 1) * self._tick_s
            quarter = max(ended_s, 0) // messages.HISTORY_S
            if quarter < messages.HISTORY_WORDS:
                history[quarter] += self._step_at(ticks_ago + 1)
        return history

    @micropython.native
    def advance(self, ticks: int) -> None:
        """Let `ticks` go by without a step, before the tick that `limit` decides."""
        for _ in range(ticks if ticks < self._ticks_day else self._ticks_day):
            self._record(0)

    @micropython.native
    def limit(self, move: int, level: int = 0) -> int:
        """Return the microsteps of this tick for `move`, any int in Q(data_bits).

        level: the estimated concentration, Q(estimate_bits).
        """
        self.reason = reasons.LIMIT_NONE
        if move < 0:
            move = 0
        if move > self._one:
            move = self._one
            self.reason = reasons.LIMIT_RATE
        self.asked = (move * self._steps_full + self.carry) >> self._one_bits
        if move > self._move + self._change_max:
            move = self._move + self._change_max
            self.reason = reasons.LIMIT_RISE
        if level >= self._ceiling and move:
            move = 0
            self.reason = reasons.LIMIT_CEILING
        self._move = move
        steps = self._within_caps(move)
        self._record(steps)
        self.total = (self.total + steps) & _TOTAL_MASK
        return steps

    @micropython.native
    def _within_caps(self, move: int) -> int:
        """Return the microsteps of `move` that the caps of amount leave; carry the fraction."""
        wanted = move * self._steps_full + self.carry
        steps = wanted >> self._one_bits
        self.carry = wanted - (steps << self._one_bits)
        if steps > self._tick_max:
            steps = self._cut_to(self._tick_max, reasons.LIMIT_RATE)
        # A window may begin overdrawn by the therapy before: no steps are nothing to cut.
        if steps > self._hour_max - self._hour and steps:
            steps = self._cut_to(self._hour_max - self._hour, reasons.LIMIT_HOUR)
        if steps > self._day_max - self._day and steps:
            steps = self._cut_to(self._day_max - self._day, reasons.LIMIT_DAY)
        if steps > self._on_board_max - self.on_board and steps:
            steps = self._cut_to(self._on_board_max - self.on_board, reasons.LIMIT_ON_BOARD)
        return steps

    @micropython.native
    def _cut_to(self, most: int, reason: int) -> int:
        """Return `most`, none if negative; what is cut is forgotten, never caught up."""
        self.reason = reason
        self.carry = 0
        return 0 if most < 0 else most

    @micropython.native
    def _record(self, steps: int) -> None:
        """Write this tick into the windows and move them on by one tick."""
        history = self._history
        history[self._at] = steps
        self._hour += steps - self._step_at(self._ticks_hour - 1)
        self._day += steps - self._step_at(self._ticks_day - 1)
        self._decay(steps)
        self._at = self._at + 1 if self._at + 1 < self._ticks_day else 0

    @micropython.native
    def _decay(self, steps: int) -> None:
        """Let a tick's worth of the drug on board be cleared, rounded up, after `steps` more."""
        given = self.on_board + steps
        if given > _ON_BOARD_MAX:
            given = _ON_BOARD_MAX
        low = (given & _KEEP_MASK) * self._keep + _KEEP_MASK
        self.on_board = (given >> _KEEP_BITS) * self._keep + (low >> _KEEP_BITS)

    @micropython.native
    def _step_at(self, ticks_ago: int) -> int:
        """Return the steps of the tick that many before the one being written."""
        at = self._at - ticks_ago
        return self._history[at if at >= 0 else at + self._ticks_day]
