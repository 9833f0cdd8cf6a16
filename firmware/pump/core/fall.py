# SPDX-License-Identifier: MIT
"""How long the level will stay above a threshold once the pump rests: the end of a chase in time.

The likeliest model goes on by 2**j ticks at once, the longest leap first, and each leap after
which the level is still above is taken: ten products foresee a thousand ticks, exactly as
single ticks would but for rounding.  A level at rest only falls, so that the last tick
above is the last of all.  The powers of the model are made with exact integers when the
therapy begins, in Q24.
"""

from array import array

from pump.compat import const, micropython, ptr32
from pump.core import blocks, kernels
from pump.core.kernels import multiply
from pump.spec import program as layout

POWER_BITS = const(24)
_POWER_MAX = const((1 << 31) - 1)
_MARGIN_SHIFT = const(6)
_LEAPS_MAX = const(13)  # a day of ticks of ten seconds
LEVEL_MAX = const(1 << 24)  # eight targets: levels count up to this
RATE_MAX = const(1 << 21)  # two full rates: the disturbance does


@micropython.viper
def _take(source: ptr32, begin: int, target: ptr32, n: int):
    """Copy a state from `begin` on, inside the range in which no product overflows."""
    for i in range(n):
        value = source[begin + i]
        if value > LEVEL_MAX:
            value = LEVEL_MAX
        if value < -LEVEL_MAX:
            value = -LEVEL_MAX
        target[i] = value
    if target[n - 1] > RATE_MAX:
        target[n - 1] = RATE_MAX
    if target[n - 1] < -RATE_MAX:
        target[n - 1] = -RATE_MAX


def _rounded(value: int, bits: int) -> int:
    """Return value / 2**bits, rounded to the nearest and held inside an int32."""
    return min(_POWER_MAX, max(-_POWER_MAX, (value + (1 << (bits - 1))) >> bits))


def power_of(words, model: int, states: int):
    """Return a model's transition of one tick, row by row, without the move."""
    begin, shift = layout.table_offsets(words, model)[0], words[layout.AT_MODEL_SHIFT]
    power = []
    for row in range(states):
        for column in range(states):
            entry = words[begin + row * (states + 1) + column] << POWER_BITS
            power.append(_rounded(entry, shift))
    return power


def squared(power, states: int):
    """Return the power of twice as many ticks."""
    product = []
    for row in range(states):
        for column in range(states):
            total = 0
            for i in range(states):
                total += power[row * states + i] * power[i * states + column]
            product.append(_rounded(total, POWER_BITS))
    return product


def leaps(words) -> int:
    """Return how many powers of two reach the end of a chase: none but for time above a level."""
    chase_ticks, count = int(words[layout.AT_CHASE_TICKS]), 0
    if words[layout.AT_COURSE] != layout.TIME_ABOVE or chase_ticks >= layout.FOR_EVER:
        return 0
    while chase_ticks >> count and count < _LEAPS_MAX:
        count += 1
    return count


class Fall:
    """Foresees the fall of a therapy that counts time above a level; of others, nothing."""

    def __init__(self, words, estimator):
        """Make the powers; `estimator` holds the states that are looked ahead from."""
        self._estimator = estimator
        self._states = words[layout.AT_STATES]
        self._output = words[layout.AT_OUTPUT_STATE]
        # A little above what counts: an estimate may be wrong by that.
        counted = words[layout.AT_COUNTED_LEVEL]
        self._level = counted + (counted >> _MARGIN_SHIFT)
        self._leaps = leaps(words)
        models = estimator.models if self._leaps else 0
        size = self._states * self._states
        self._powers = array("i", [0] * (models * self._leaps * size))
        for model in range(models):
            power = power_of(words, model, self._states)
            for leap in range(self._leaps):
                begin = (model * self._leaps + leap) * size
                for i in range(size):
                    self._powers[begin + i] = power[i]
                power = squared(power, self._states)
        self._state = array("i", [0] * self._states)
        self._next = array("i", [0] * self._states)
        place = kernels.place
        self._block = kernels.block(
            (
                place(self._powers) if models else 0,
                place(self._state),
                place(self._next),
                self._states,
                self._states,
                POWER_BITS,
            )
        )

    @micropython.native
    def ticks_above(self) -> int:
        """Return how many of the coming ticks stay above the counted level without the pump."""
        count, leap = 0, self._leaps
        if not leap:
            return 0
        estimator, states = self._estimator, self._states
        _take(estimator.estimate, 0, self._state, states)
        if self._state[self._output] < self._level:
            return 0
        first = estimator.likeliest * self._leaps
        while leap:
            leap -= 1
            self._block[blocks.MULTIPLY_MATRIX] = kernels.place(
                self._powers, (first + leap) * states * states
            )
            multiply(self._block)
            if self._next[self._output] >= self._level:
                _take(self._next, 0, self._state, states)
                count += 1 << leap
        return count
