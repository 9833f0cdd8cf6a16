# SPDX-License-Identifier: MIT
"""What follows the clock: clearance and target at a time of day.

Two tables say by which share of its mean each is higher, half hour by half hour, and in
between it runs straight.  To a linear model a changed clearance is an *equivalent rate*, what
it gives back or takes beyond its mean: -share x clearance x level.  The estimator adds that
of the tick gone by to what was delivered, the planner what those of the coming ticks, with the
level on its target, make of the outputs.  Shares, moves and levels: Q(data_bits).
"""

from array import array

from pump.compat import const, micropython, ptr32
from pump.spec import limits
from pump.spec import program as layout

_SHARE_BITS = const(14)
_PAST_GAIN = const(18_641)  # 2**25 // layout.KNOT_S: seconds past a knot as a share in Q14
_PAST_SHIFT = const(11)
_STEADY_MAX = const(1 << 15)  # two full rates: a level's clearance counts up to this
_RATE_MAX = const(1 << 14)  # the full rate: no equivalent rate is larger


@micropython.viper
def _read(words: ptr32, knots_at: int, day_s: int, step_s: int, n: int, shares: ptr32):
    """Write a table's values at `n` times of day, `step_s` apart from `day_s` on."""
    knot, past_s = 0, day_s
    while past_s >= layout.KNOT_S:
        past_s -= layout.KNOT_S
        knot += 1
    for i in range(n):
        while past_s >= layout.KNOT_S:
            past_s -= layout.KNOT_S
            knot += 1
        while knot >= layout.KNOTS:
            knot -= layout.KNOTS
        low = words[knots_at + knot]
        rise = words[knots_at + knot + 1] - low
        shares[i] = low + ((rise * ((past_s * _PAST_GAIN) >> _PAST_SHIFT)) >> _SHARE_BITS)
        past_s += step_s


@micropython.viper
def _raise(shares: ptr32, target: int, n: int, targets: ptr32):
    """Write the target, higher by each share."""
    for i in range(n):
        targets[i] = target + ((target * shares[i]) >> _SHARE_BITS)


@micropython.viper
def _hold(target: int, n: int, targets: ptr32):
    """Write the same target for every time."""
    for i in range(n):
        targets[i] = target


@micropython.viper
def _equivalents(shares: ptr32, levels: ptr32, gain: int, shift: int, n: int, rates: ptr32):
    """Write the rates that do to each level what that share of the clearance does.

    gain >> shift: moves that hold a unit of the level.
    """
    for i in range(n):
        level = levels[i]
        if level > layout.RHYTHM_LEVEL_MAX:
            level = layout.RHYTHM_LEVEL_MAX
        if level < 0:
            level = 0
        steady = (level * gain) >> shift
        if steady > _STEADY_MAX:
            steady = _STEADY_MAX
        rate = -((shares[i] * steady + (1 << (_SHARE_BITS - 1))) >> _SHARE_BITS)
        if rate > _RATE_MAX:
            rate = _RATE_MAX
        if rate < -_RATE_MAX:
            rate = -_RATE_MAX
        rates[i] = rate


@micropython.viper
def _respond(impulse: ptr32, begin: int, rates: ptr32, n: int, shift: int, free: ptr32):
    """Add to the free response what the rates make of each output."""
    half = 1 << (shift - 1)
    for k in range(n):
        total = half
        at = begin + k
        for i in range(k + 1):
            total += impulse[at] * rates[i]
            at -= 1
        free[k] += total >> shift


class Rhythm:
    """What the clock says: `targets` (N + 1,) now and at each coming tick, `moves` (K,)."""

    def __init__(self, words):
        n, models = words[layout.AT_HORIZON], words[layout.AT_MODELS]
        self._words = words
        self._beats = words[layout.AT_RHYTHM] > 0
        self._tick_s = words[layout.AT_TICK_S]
        self._outputs = words[layout.AT_OUTPUTS]
        self._finer = words[layout.AT_ESTIMATE_BITS] - words[layout.AT_DATA_BITS]
        self._states = words[layout.AT_STATES]
        self.targets = array("i", [0] * (n + 1))
        self.moves = array("i", [0] * models)  # of the tick gone by, equivalent rate included
        self._shares = array("i", [0] * (n + 1))
        self._rates = array("i", [0] * n)
        self._level = array("i", [0])
        self._sections = [layout.section_at(words, model) for model in range(models)]
        self._impulses = array("i", [0] * (models * n if self._beats else 0))
        if self._beats:
            for model in range(models):
                self._take_impulse(model, n)

    def _take_impulse(self, model: int, n: int) -> None:
        """Copy the first column of a response table, which lies in blocks of 4 rows."""
        response_at = layout.table_offsets(self._words, model)[5]
        for k in range(n):
            block = k // 4
            self._impulses[model * n + k] = self._words[
                response_at + 8 * block * (block + 1) + k % 4
            ]

    @micropython.native
    def look_ahead(self, day_s: int, target: int) -> None:
        """Bring targets and shares up to date; `target` is the mean over the day."""
        count = self._outputs + 1
        if not self._beats:
            _hold(target, count, self.targets)
            return
        words, tick_s, shares = self._words, self._tick_s, self._shares
        _read(words, layout.TARGET_KNOTS, day_s, tick_s, count, shares)
        _raise(shares, target, count, self.targets)
        _read(words, layout.CLEARANCE_KNOTS, day_s + tick_s // 2, tick_s, count - 1, shares)

    @micropython.native
    def bend(self, free, model: int) -> None:
        """Add to the free response what the clearance's course does to a level on target."""
        if not self._beats:
            return
        words, count, section = self._words, self._outputs, self._sections[model]
        shares, targets, rates = self._shares, self.targets, self._rates
        gain = words[section + layout.IN_CLEARANCE_GAIN]
        shift = words[section + layout.IN_CLEARANCE_SHIFT]
        _equivalents(shares, targets, gain, shift, count, rates)
        response_shift = words[section + layout.IN_RESPONSE_SHIFT]
        _respond(self._impulses, model * len(free), rates, count, response_shift, free)

    @micropython.native
    def delivered(self, move: int, day_s: int, state) -> None:
        """Write each model's `moves` of the tick that ended at that time of day.

        move: what was delivered, Q(estimate_bits), as `moves`; state: of K models, n + 1 each.
        """
        moves = self.moves
        if not self._beats:
            _hold(move, len(moves), moves)
            return
        words, shares = self._words, self._shares
        level, rates = self._level, self._rates
        middle_s = (day_s + limits.DAY_S - self._tick_s // 2) % limits.DAY_S
        _read(words, layout.CLEARANCE_KNOTS, middle_s, 0, 1, shares)
        for model in range(len(moves)):
            section = self._sections[model]
            level[0] = state[model * (self._states + 1)] >> self._finer
            gain = words[section + layout.IN_CLEARANCE_GAIN]
            shift = words[section + layout.IN_CLEARANCE_SHIFT]
            _equivalents(shares, level, gain, shift, 1, rates)
            moves[model] = move + (rates[0] << self._finer)
