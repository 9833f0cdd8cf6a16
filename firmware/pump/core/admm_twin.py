# SPDX-License-Identifier: MIT
"""The ADMM iteration in exact Python: the definition that admm_thumb.py is held to.

Sums are exact here and wrap on the chip; that is the same as long as the final
sum fits int32, so every final sum is checked and `OverflowError` is raised where
it would not fit.  Runs on CPython only; int32 words in, int32 words out.
"""

from pump.core import blocks as k
from pump.core.kernels_twin import fits


def iterate(words: list) -> int:
    """Iterate `count` times from carries, moves and outputs; return 0."""
    for _ in range(words[k.ITERATE_COUNT]):
        _project_moves(words)
        _project_outputs(words)
        _right_hand_side(words)
        _moves(words)
        _outputs(words)
    return 0


def argument(tilde: int, carry: int) -> int:
    """Return what a row projects: relaxed with alpha = 1.5, its dual added."""
    return fits(tilde + (tilde >> 1) - carry, "argument")


def _projected(words: list, row: int, value: int, low: int, high: int, soft: int) -> int:
    """Project a row's argument, keep what it carries, and return its pull z - w.

    soft: shift that gives the share of a step beyond the bound that is kept; 0 keeps none.
    """
    carries, at = words[k.ITERATE_CARRIES]
    caps, caps_at = words[k.ITERATE_CAPS]
    cap = caps[caps_at + row]
    if value > high:
        bound, beyond = high, min(fits(value - high, "beyond"), cap)
    elif value < low:
        bound, beyond = low, max(fits(value - low, "beyond"), -cap)
    else:
        carries[at + row] = value >> 1
        return value
    share = beyond >> soft if soft else 0
    z, w = bound + share, beyond - share
    carries[at + row] = fits((z >> 1) - w, "carry")
    return fits(z - w, "pull")


def _project_moves(words: list) -> None:
    """Project changes and moves, and sum what they pull on each move."""
    carries, at = words[k.ITERATE_CARRIES]
    moves, moves_at = words[k.ITERATE_MOVES]
    pull, pull_at = words[k.ITERATE_PULL]
    change, one = words[k.ITERATE_CHANGE], words[k.ITERATE_ONE]
    last, total = words[k.ITERATE_MOVE_BEFORE], 0
    for i in range(words[k.ITERATE_HORIZON]):
        move = moves[moves_at + i]
        value = argument(move - last, carries[at + 2 * i])
        by_change = _projected(words, 2 * i, value, -change, change, 0)
        pull[pull_at + i] = fits(total - by_change, "moves' pull")
        value = argument(move, carries[at + 2 * i + 1])
        total = by_change + _projected(words, 2 * i + 1, value, 0, one, 0)
        last = move
    pull[pull_at + words[k.ITERATE_HORIZON]] = fits(total, "last pull")


def _project_outputs(words: list) -> None:
    """Project the outputs by the proximal step of their soft bounds; add the demand's pull."""
    n = words[k.ITERATE_HORIZON]
    carries, at = words[k.ITERATE_CARRIES]
    outputs, outputs_at = words[k.ITERATE_OUTPUTS]
    goals, goals_at = words[k.ITERATE_GOALS]
    pull, pull_at = words[k.ITERATE_OUTPUT_PULL]
    for i in range(n):
        low, asked = goals[goals_at + 2 * i : goals_at + 2 * i + 2]
        value = argument(outputs[outputs_at + i], carries[at + 2 * n + i])
        high = fits(low + words[k.ITERATE_WIDTH], "high bound")
        value = _projected(words, 2 * n + i, value, low, high, words[k.ITERATE_SOFT_SHIFT])
        pull[pull_at + i] = fits(value + asked, "output's pull")


def _right_hand_side(words: list) -> None:
    """Add what the outputs pull on each move, and the first move's share of the one before."""
    n = words[k.ITERATE_HORIZON]
    pulled, at = words[k.ITERATE_PULLED]
    outputs, outputs_at = words[k.ITERATE_OUTPUT_PULL]
    pull, pull_at = words[k.ITERATE_PULL]
    shift = words[k.ITERATE_PULL_SHIFT]
    half = 1 << (shift - 1)
    for begin in range(0, n, 4):
        columns = n - begin
        values = outputs[outputs_at + begin : outputs_at + n]
        for row in range(4):
            column = pulled[at + row : at + 4 * columns : 4]
            total = fits(half + sum(a * b for a, b in zip(column, values)), "pulled")
            move = pull_at + 1 + begin + row
            pull[move] = fits(pull[move] + (total >> shift), "right-hand side")
        at += 4 * columns
    first = pull[pull_at + 1] + words[k.ITERATE_BEFORE]
    pull[pull_at + 1] = fits(first, "first of the right-hand side")


def _moves(words: list) -> None:
    """Solve the reduced KKT system, and clamp the moves."""
    n = words[k.ITERATE_HORIZON]
    factor, at = words[k.ITERATE_FACTOR]
    pull, pull_at = words[k.ITERATE_PULL]
    moves, moves_at = words[k.ITERATE_MOVES]
    shift, limit = words[k.ITERATE_FACTOR_SHIFT], words[k.ITERATE_MOVE_MAX]
    half = 1 << (shift - 1)
    values = pull[pull_at + 1 : pull_at + 1 + n]
    for row in range(n):
        start = at + row // 4 * 4 * n + row % 4
        column = factor[start : start + 4 * n : 4]
        total = fits(half + sum(a * b for a, b in zip(column, values)), "moves")
        moves[moves_at + row] = max(-limit, min(limit, total >> shift))


def _outputs(words: list) -> None:
    """Answer of the output to the moves: lower triangular, block by block."""
    response, at = words[k.ITERATE_RESPONSE]
    moves, moves_at = words[k.ITERATE_MOVES]
    outputs, outputs_at = words[k.ITERATE_OUTPUTS]
    shift = words[k.ITERATE_RESPONSE_SHIFT]
    half = 1 << (shift - 1)
    for row in range(words[k.ITERATE_HORIZON]):
        block = row // 4
        columns = 4 * block + 4
        start = at + 8 * block * (block + 1) + row % 4
        column = response[start : start + 4 * columns : 4]
        values = moves[moves_at : moves_at + columns]
        total = half + sum(a * v for a, v in zip(column, values))
        outputs[outputs_at + row] = fits(total, "outputs") >> shift
