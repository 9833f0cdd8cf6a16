# SPDX-License-Identifier: MIT
"""Which constraints of the QP hold with equality, and what follows from a guess of it.

An active change row ties a move to the one before, so tied moves form segments
that move as one; a segment that holds an active move bound, or is tied to the move
before the plan, is fixed.  That is the whole null space: nothing is factorised, and
the multipliers are sums of the gradient along a segment.  A wrong guess is mended
as in a primal-dual active-set method (Hintermueller, Ito & Kunisch, SIAM J. Optim.
13(3), 2002).  Exact Python for CPython, and what active_set_thumb.py is held to.

sets (3N,): -1 at the lower bound, 1 at the upper, 0 inactive; changes, moves, then
outputs (soft).  Moves, outputs and gradient are Q(data_bits + FINE_BITS).
"""

from pump.core import blocks as k


def tie(words: list) -> int:
    """Put moves and weights as the guess asks; return how many outputs are soft.

    Where a fixed chain meets an active bound, the one that binds tighter stays active.
    """
    sets, at = words[k.SET_SETS]
    moves, moves_at = words[k.SET_MOVES]
    n, change, one = words[k.SET_HORIZON], words[k.SET_CHANGE], words[k.SET_ONE]
    segments = []
    last, fixed, begin = words[k.SET_MOVE_BEFORE], 1, 0
    for i in range(n):
        tied, bound = sets[at + i], sets[at + n + i]
        value = last + tied * change
        if tied and bound and fixed:
            if (value < 0 and bound < 0) or (value > one and bound > 0):
                sets[at + i] = tied = 0
            else:
                sets[at + n + i] = bound = 0
        if tied:
            moves[moves_at + i] = value
        else:
            if i > 0:
                segments.append((i - begin, fixed))
            begin, fixed = i, 0
        if bound:
            lift = (one if bound > 0 else 0) - moves[moves_at + i]
            for at_move in range(moves_at + begin, moves_at + i + 1):
                moves[at_move] += lift
            fixed = 1
        last = moves[moves_at + i]
    segments.append((n - begin, fixed))
    _write_segments(words, segments)
    return _weigh(words)


def _write_segments(words: list, segments: list) -> None:
    """Write each segment's length, and the length's reciprocal, or 0 when it is fixed."""
    out, at = words[k.SET_SEGMENTS]
    reciprocals, reciprocals_at = words[k.SET_RECIPROCALS]
    for length, fixed in segments:
        out[at] = length
        out[at + 1] = 0 if fixed else reciprocals[reciprocals_at + length]
        at += 2


def _weigh(words: list) -> int:
    """Set the weight and offset of all outputs that count; return how many are soft now."""
    sets, at = words[k.SET_SETS]
    weights, weights_at = words[k.SET_WEIGHTS]
    offsets, offsets_at = words[k.SET_OFFSETS]
    n, count = words[k.SET_HORIZON], 0
    for i in range(words[k.SET_OUTPUT_COUNT]):
        side = sets[at + 2 * n + i]
        weight, offset = words[k.SET_HARD], 0
        if side:
            count += 1
            weight = words[k.SET_SOFT]
            offset = words[k.SET_OFFSET_HIGH if side > 0 else k.SET_OFFSET_LOW]
        weights[weights_at + i] = weight
        offsets[offsets_at + i] = offset
    return count


def judge(words: list) -> int:
    """Mend the guess by multipliers and violated rows; return how many of its rows changed."""
    _multipliers(words)
    return _mend(words) + _mend_outputs(words)


def _multipliers(words: list) -> None:
    """Write the multipliers (2N,) of changes and moves that make the plan stationary.

    From both ends of a segment the sum of the gradient is handed on to where it is
    fixed; in a free segment it runs to the end, where it is zero.
    """
    sets, at = words[k.SET_SETS]
    segments, entry = words[k.SET_SEGMENTS]
    gradient, gradient_at = words[k.SET_GRADIENT]
    duals, duals_at = words[k.SET_DUALS]
    n, begin = words[k.SET_HORIZON], 0
    while begin < n:
        end, held = begin + segments[entry], begin
        if segments[entry + 1]:
            held = end
        elif begin == 0 and sets[at]:
            held = -1
        else:
            while not sets[at + n + held]:
                held += 1
        total = rest = 0
        for i in range(begin, end):
            duals[duals_at + n + i] = 0
            if i <= held:
                duals[duals_at + i] = total
                total += gradient[gradient_at + i]
        for i in range(end - 1, max(held, begin - 1), -1):
            rest += gradient[gradient_at + i]
            duals[duals_at + i] = -rest
        if 0 <= held < end:
            duals[duals_at + n + held] = -total - rest
        begin = end
        entry += 2


def _mend(words: list) -> int:
    """Drop rows whose multiplier has the wrong sign, add those that are violated."""
    sets, at = words[k.SET_SETS]
    duals, duals_at = words[k.SET_DUALS]
    moves, moves_at = words[k.SET_MOVES]
    n, change, slack = words[k.SET_HORIZON], words[k.SET_CHANGE], words[k.SET_SLACK]
    changed, last = 0, words[k.SET_MOVE_BEFORE]
    for i in range(2 * n):
        move = moves[moves_at + i % n]
        value, low, high = move, -slack, words[k.SET_ONE] + slack
        if i < n:
            value, low, high = move - last, -change - slack, change + slack
        last = move
        now, side = 0, sets[at + i]
        if side:
            if side * duals[duals_at + i] >= -slack:
                now = side
        elif value > high:
            now = 1
        elif value < low:
            now = -1
        sets[at + i] = now
        changed += now != side
    return changed


def _mend_outputs(words: list) -> int:
    """Set which outputs are beyond their soft bounds; one that is must come back by the slack."""
    sets, at = words[k.SET_SETS]
    outputs, outputs_at = words[k.SET_OUTPUTS]
    demand, demand_at = words[k.SET_DEMAND]
    n, slack, changed = words[k.SET_HORIZON], words[k.SET_OUTPUT_SLACK], 0
    for i in range(words[k.SET_OUTPUT_COUNT]):
        side = sets[at + 2 * n + i]
        error = outputs[outputs_at + i] - (demand[demand_at + i] << k.FINE_BITS)
        now = 0
        if error > words[k.SET_BAND_HIGH] + (-slack if side > 0 else slack):
            now = 1
        elif error < words[k.SET_BAND_LOW] + (slack if side < 0 else -slack):
            now = -1
        sets[at + 2 * n + i] = now
        changed += now != side
    return changed
