# SPDX-License-Identifier: MIT
"""What iterations and guesses start from, in exact Python: what warm_start_thumb.py is held to.

The iterations begin with nothing, and the guess of the active set goes one tick on or is
read from where they ended.  Runs on CPython only; int32 words in and out,
`OverflowError` where a word would not fit.
"""

from pump.core import blocks as k
from pump.core.admm_twin import argument
from pump.core.kernels_twin import fits


def begin(words: list) -> int:
    """Forget the iteration before, and set what this tick's demand asks of it; return 0."""
    n = words[k.BEGIN_HORIZON]
    goals, at = words[k.BEGIN_GOALS]
    demand, demand_at = words[k.BEGIN_DEMAND]
    for entry, count in ((k.BEGIN_CARRIES, 3 * n), (k.BEGIN_MOVES, n), (k.BEGIN_OUTPUTS, n)):
        values, values_at = words[entry]
        for i in range(values_at, values_at + count):
            values[i] = 0
    half = 1 << (words[k.BEGIN_ASKED_SHIFT] - 1)
    for i in range(n):
        value = demand[demand_at + i]
        goals[at + 2 * i] = fits(value + words[k.BEGIN_BAND_LOW], "low bound")
        asked = fits(value * words[k.BEGIN_ASKED_GAIN] + half, "asked")
        goals[at + 2 * i + 1] = asked >> words[k.BEGIN_ASKED_SHIFT]
    return 0


def shift(words: list) -> int:
    """Move guess and plan one tick on, the last entry of each group is kept; return 0."""
    sets, at = words[k.GUESS_SETS]
    moves, moves_at = words[k.GUESS_MOVES]
    n = words[k.GUESS_HORIZON]
    groups = [(sets, at), (sets, at + n), (sets, at + 2 * n), (moves, moves_at)]
    for values, begun in groups:
        values[begun : begun + n - 1] = values[begun + 1 : begun + n]
    return 0


def read(words: list) -> int:
    """Take the guess from where the next projection would put each row, the plan from the moves.

    Return the bitwise or of how far each row's carry would change, caps left aside: below
    2**b exactly when every one is (one's complement for the negative ones).
    """
    sets, at = words[k.GUESS_SETS]
    plan, plan_at = words[k.GUESS_MOVES]
    admm = words[k.GUESS_ITERATE][0]
    n, change = admm[k.ITERATE_HORIZON], admm[k.ITERATE_CHANGE]
    carries, carries_at = admm[k.ITERATE_CARRIES]
    moves, moves_at = admm[k.ITERATE_MOVES]
    outputs, outputs_at = admm[k.ITERATE_OUTPUTS]
    goals, goals_at = admm[k.ITERATE_GOALS]
    last, changed = admm[k.ITERATE_MOVE_BEFORE], 0
    for i in range(n):
        move, carry = moves[moves_at + i], carries_at + 2 * i
        side, _, step = _row(move - last, carries[carry], -change, change, 0)
        sets[at + i] = side
        changed |= step
        side, z, step = _row(move, carries[carry + 1], 0, admm[k.ITERATE_ONE], 0)
        sets[at + n + i] = side
        changed |= step
        plan[plan_at + i] = fits(z << k.FINE_BITS, "plan")
        last = move
    for i in range(n):
        low = goals[goals_at + 2 * i]
        high = fits(low + admm[k.ITERATE_WIDTH], "high bound")
        carry, soft = carries[carries_at + 2 * n + i], admm[k.ITERATE_SOFT_SHIFT]
        sets[at + 2 * n + i], _, step = _row(outputs[outputs_at + i], carry, low, high, soft)
        changed |= step
    return changed


def _row(tilde: int, carry: int, low: int, high: int, soft: int) -> tuple:
    """Return the row's side, its z, and the magnitude of the change of what it carries."""
    value = argument(tilde, carry)
    side = (value > high) - (value < low)
    z = min(max(value, low), high)
    if side and soft:
        z += fits(value - z, "beyond") >> soft
    step = fits((z >> 1) - fits(value - z, "w") - carry, "change of a carry")
    return side, z, step ^ (step >> 31)
