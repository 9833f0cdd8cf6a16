# SPDX-License-Identifier: MIT
"""Last arithmetic between the planner and the motor: hard caps, and the account of every step.

The planner may ask for anything; nothing downstream checks again.  Volume is
counted in motor microsteps and the fraction of a step is carried, so what was
asked for and what was commanded differ by less than one step, for ever.
Rolling windows hold whole ticks.  They outlive a therapy: the next one begins with
what was given in the day before it, else STOP and START would get round the caps.
Beside them stand a bound on the rise of the rate, on the drug that the program's decay
says is not yet cleared, and a level at which nothing is given; `asked` keeps what was
wanted before any of them.  Soft limits are further caps of rate, hour and day, and hold until
the record says that a person has confirmed them; no confirmation touches another cap.
"""

from array import array

from pump.compat import const, micropython, ptr32
from pump.spec import messages, reasons
from pump.spec import program as layout

_TOTAL_MASK = const(0x3FFFFFFF)  # 2**30 would not be a small int
_KEEP_BITS = const(14)
_KEEP_MASK = const((1 << 14) - 1)
_PAGE_BITS = const(8)
_PAGE_MASK = const((1 << 8) - 1)
_ON_BOARD_MAX = const((1 << 28) - 1)  # keeps the decay's products below 2**30

# Words of the account.
REASON = const(0)  # the limit that acted last, spec.reasons.LIMIT_*
TOTAL = const(1)  # microsteps commanded since the therapy began
CARRY = const(2)  # fraction of a microstep, Q(data_bits)
ASKED = const(3)  # microsteps of this tick before any limit
ON_BOARD = const(4)  # microsteps given and not yet cleared
_MOVE = const(5)  # of this tick, after the limits on moves
_PLACE = const(6)  # in the history, where this tick's steps will be written
_HOUR = const(7)  # microsteps of the last ticks_hour - 1 ticks
_DAY = const(8)  # microsteps of the last ticks_day - 1 ticks
CONFIRMED = const(9)  # soft limits that no longer act, bits 1 << spec.reasons.LIMIT_SOFT_*
_WORDS = const(10)


@micropython.viper
def _ask(words: ptr32, account: ptr32, move: int, level: int):
    """Bound the move, after what was asked for is written down."""
    one = 1 << words[layout.AT_DATA_BITS]
    reason = int(reasons.LIMIT_NONE)
    if move < 0:
        move = 0
    if move > one:
        move = one
        reason = reasons.LIMIT_RATE
    wanted = move * words[layout.AT_STEPS_FULL] + account[CARRY]
    account[ASKED] = wanted >> words[layout.AT_DATA_BITS]
    if move > account[_MOVE] + words[layout.AT_CHANGE_MAX]:
        move = account[_MOVE] + words[layout.AT_CHANGE_MAX]
        reason = reasons.LIMIT_RISE
    soft = words[layout.AT_SOFT_MOVE]
    if soft > 0 and move > soft:
        if account[CONFIRMED] & (1 << reasons.LIMIT_SOFT_RATE) == 0:
            move = soft
            reason = reasons.LIMIT_SOFT_RATE
    if level >= words[layout.AT_CEILING] and move > 0:
        move = 0
        reason = reasons.LIMIT_CEILING
    account[_MOVE] = move
    account[REASON] = reason


@micropython.viper
def _within_caps(words: ptr32, account: ptr32) -> int:
    """Return the microsteps of the move that the caps of amount leave; carry the fraction.

    What is cut is forgotten, never caught up.
    """
    bits = words[layout.AT_DATA_BITS]
    wanted = account[_MOVE] * words[layout.AT_STEPS_FULL] + account[CARRY]
    steps = wanted >> bits
    account[CARRY] = wanted - (steps << bits)
    # The tightest of the caps acts.
    left = words[layout.AT_STEPS_TICK_MAX]
    reason = int(reasons.LIMIT_RATE)
    if words[layout.AT_STEPS_HOUR_MAX] - account[_HOUR] < left:
        left = words[layout.AT_STEPS_HOUR_MAX] - account[_HOUR]
        reason = reasons.LIMIT_HOUR
    if words[layout.AT_STEPS_DAY_MAX] - account[_DAY] < left:
        left = words[layout.AT_STEPS_DAY_MAX] - account[_DAY]
        reason = reasons.LIMIT_DAY
    if words[layout.AT_ON_BOARD_MAX] - account[ON_BOARD] < left:
        left = words[layout.AT_ON_BOARD_MAX] - account[ON_BOARD]
        reason = reasons.LIMIT_ON_BOARD
    soft = words[layout.AT_SOFT_STEPS_HOUR]
    if soft > 0 and soft - account[_HOUR] < left:
        if account[CONFIRMED] & (1 << reasons.LIMIT_SOFT_HOUR) == 0:
            left = soft - account[_HOUR]
            reason = reasons.LIMIT_SOFT_HOUR
    soft = words[layout.AT_SOFT_STEPS_DAY]
    if soft > 0 and soft - account[_DAY] < left:
        if account[CONFIRMED] & (1 << reasons.LIMIT_SOFT_DAY) == 0:
            left = soft - account[_DAY]
            reason = reasons.LIMIT_SOFT_DAY
    # A window may begin overdrawn by the therapy before: no steps are nothing to cut.
    if left < 0:
        left = 0
    if steps > left:
        steps = left
        account[CARRY] = 0
        account[REASON] = reason
    account[TOTAL] = (account[TOTAL] + steps) & _TOTAL_MASK
    return steps


@micropython.viper
def _slide(
    account: ptr32,
    page: ptr32,
    index: int,
    hour_page: ptr32,
    hour_index: int,
    day_page: ptr32,
    day_index: int,
    steps: int,
):
    """Write this tick's steps, and let what is as old as hour and day leave their sums."""
    page[index] = steps
    account[_HOUR] += steps - hour_page[hour_index]
    account[_DAY] += steps - day_page[day_index]


@micropython.viper
def _clear(words: ptr32, account: ptr32, steps: int):
    """Let a tick's worth of the drug on board be cleared, rounded up, after `steps` more."""
    keep = words[layout.AT_ON_BOARD_KEEP]
    given = account[ON_BOARD] + steps
    if given > _ON_BOARD_MAX:
        given = _ON_BOARD_MAX
    low = (given & _KEEP_MASK) * keep + _KEEP_MASK
    account[ON_BOARD] = (given >> _KEEP_BITS) * keep + (low >> _KEEP_BITS)


class Limiter:
    """Turns a move into microsteps; `account` says what was asked, given and limited."""

    def __init__(self, words, history=None, before=None):
        """Take the program's words, and `quarters` of the therapy before.

        before: the Limiter of a program with the same tick, whose windows this one goes on with.
        """
        self._words = words
        self._tick_s = words[layout.AT_TICK_S]
        self._ticks_day = words[layout.AT_TICKS_DAY]
        if before is not None:
            self._pages = before._pages  # only one of them writes them, and they may be many
            self.account = array("i", before.account)
            return
        # (ticks_day,) microsteps by tick, in pages: no piece of the heap may hold all of a day.
        count = (self._ticks_day + _PAGE_MASK) >> _PAGE_BITS
        self._pages = [array("i", [0] * (_PAGE_MASK + 1)) for _ in range(count)]
        self.account = array("i", [0] * _WORDS)
        if history is not None:
            self._charge(history)

    def follow(self, scales) -> None:
        """Put the last move into this program's full rate (core.handover.Scales).

        All else is counted in microsteps of the same drug, and stays: no takeover resets a cap.
        """
        one = 1 << self._words[layout.AT_DATA_BITS]
        self.account[_MOVE] = scales.move(self.account[_MOVE], one)

    @property
    def reason(self) -> int:
        """Return the limit that acted last, spec.reasons.LIMIT_*."""
        return self.account[REASON]

    @property
    def total(self) -> int:
        """Return the microsteps commanded since the therapy began, modulo 2**30."""
        return self.account[TOTAL]

    @property
    def carry(self) -> int:
        """Return the fraction of a microstep that is carried, Q(data_bits)."""
        return self.account[CARRY]

    @property
    def asked(self) -> int:
        """Return the microsteps of this tick before any limit."""
        return self.account[ASKED]

    @property
    def on_board(self) -> int:
        """Return the microsteps given and not yet cleared."""
        return self.account[ON_BOARD]

    def _charge(self, history) -> None:
        """Charge what was given before, each quarter hour as if at its very end."""
        words, account = self._words, self.account
        for quarter in range(messages.HISTORY_WORDS):
            ticks_ago = quarter * messages.HISTORY_S // self._tick_s + 1
            if ticks_ago < self._ticks_day:
                place = self._ticks_day - ticks_ago
                self._pages[place >> _PAGE_BITS][place & _PAGE_MASK] += history[quarter]
                account[_DAY] += history[quarter]
            if ticks_ago < words[layout.AT_TICKS_HOUR]:
                account[_HOUR] += history[quarter]
        for ticks_ago in range(self._ticks_day - 1, 0, -1):
            _clear(words, account, self._step_at(ticks_ago))

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
            _clear(self._words, self.account, 0)

    @micropython.native
    def limit(self, move: int, level: int = 0) -> int:
        """Return the microsteps of this tick for `move`, any int in Q(data_bits).

        level: the estimated concentration, Q(estimate_bits).
        """
        words, account = self._words, self.account
        _ask(words, account, move, level)
        steps = _within_caps(words, account)
        self._record(steps)
        _clear(words, account, steps)
        return steps

    @micropython.native
    def _record(self, steps: int) -> None:
        """Write this tick into the windows and move them on by one tick."""
        account, pages, ticks_day = self.account, self._pages, self._ticks_day
        place = account[_PLACE]
        oldest = place + 1 - self._words[layout.AT_TICKS_HOUR]
        if oldest < 0:
            oldest += ticks_day
        following = place + 1
        if following == ticks_day:
            following = 0
        _slide(
            account,
            pages[place >> _PAGE_BITS],
            place & _PAGE_MASK,
            pages[oldest >> _PAGE_BITS],
            oldest & _PAGE_MASK,
            pages[following >> _PAGE_BITS],
            following & _PAGE_MASK,
            steps,
        )
        account[_PLACE] = following

    def _step_at(self, ticks_ago: int) -> int:
        """Return the steps of the tick that many before the one being written."""
        place = (self.account[_PLACE] - ticks_ago) % self._ticks_day
        return self._pages[place >> _PAGE_BITS][place & _PAGE_MASK]
