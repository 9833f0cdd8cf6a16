# SPDX-License-Identifier: MIT
"""The guess of the active set, and the plan on it, from tick to tick and from the ADMM.

What follows from a guess is in active_set_thumb.py and, in plain words, in
active_set_twin.py.  Moves are Q(data_bits + FINE_BITS), plans Q(data_bits).
"""

from pump.compat import micropython, ptr32
from pump.core import blocks


@micropython.viper
def shift(sets: ptr32, moves: ptr32, n: int):
    """Move the guess and the plan one tick on; the last entry of each group is kept."""
    for group in range(3):
        at = group * n
        for i in range(at, at + n - 1):
            sets[i] = sets[i + 1]
    for i in range(n - 1):
        moves[i] = moves[i + 1]


@micropython.viper
def read(sets: ptr32, moves: ptr32, rows: ptr32, n: int):
    """Take the guess from the ADMM's duals, and the plan from its projected moves."""
    at = 0
    for i in range(3 * n):
        dual = rows[at + blocks.ROW_W]
        sets[i] = 0
        if dual > 0:
            sets[i] = 1
        if dual < 0:
            sets[i] = -1
        if i >= n:
            if i < 2 * n:
                moves[i - n] = rows[at] << blocks.FINE_BITS
        at += blocks.ROW_WORDS


@micropython.viper
def feasible(moves: ptr32, plan: ptr32, n: int, change: int, one: int, before: int):
    """Round the plan to Q(data_bits), inside the bounds exactly; `moves` stay finer."""
    last = before
    for i in range(n):
        move = (moves[i] + (1 << blocks.FINE_BITS >> 1)) >> blocks.FINE_BITS
        if move > last + change:
            move = last + change
        if move < last - change:
            move = last - change
        if move > one:
            move = one
        if move < 0:
            move = 0
        plan[i] = move
        last = move
