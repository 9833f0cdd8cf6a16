# SPDX-License-Identifier: MIT
"""The blocks of words through which the kernels are called.

A block is made once: places of the arrays, then sizes and shifts.  N is the horizon.
"""

from pump.compat import const

# Block of `multiply`: out = (matrix @ vector + half) >> shift with a 64-bit sum.
MULTIPLY_MATRIX = const(0)  # rows x columns, row by row
MULTIPLY_VECTOR = const(1)  # columns
MULTIPLY_OUT = const(2)  # rows
MULTIPLY_ROWS = const(3)
MULTIPLY_COLUMNS = const(4)
MULTIPLY_SHIFT = const(5)  # 1..31
MULTIPLY_WORDS = const(6)

# Block of `iterate`: the ADMM iteration of core/solver.py.  What a row carries from one
# iteration to the next is (z >> 1) - w; rows come as change and move of every tick, then
# the outputs.
ITERATE_FACTOR = const(0)  # blocks of 4 rows x N columns, column by column
ITERATE_PULLED = const(1)  # blocks of 4 rows x (N - 4b) columns from 4b on, column by column
ITERATE_RESPONSE = const(2)  # blocks of 4 rows x (4b + 4) columns, column by column
ITERATE_CARRIES = const(3)  # (3N,)
ITERATE_CAPS = const(4)  # (3N,) how far beyond its bound a row's argument may lie
ITERATE_GOALS = const(5)  # N pairs: an output's low bound, and what the demand adds to its pull
ITERATE_PULL = const(6)  # (N + 1,) one to spare, then rows' pull on moves, then right-hand side
ITERATE_OUTPUT_PULL = const(7)  # (N,)
ITERATE_MOVES = const(8)  # (N,) x tilde
ITERATE_OUTPUTS = const(9)  # (N,) outputs of x tilde
ITERATE_HORIZON = const(10)
ITERATE_CHANGE = const(11)  # most that moves may differ by
ITERATE_ONE = const(12)  # the full rate
ITERATE_WIDTH = const(13)  # of the band of the outputs
ITERATE_MOVE_MAX = const(14)
ITERATE_SOFT_SHIFT = const(15)
ITERATE_PULL_SHIFT = const(16)
ITERATE_FACTOR_SHIFT = const(17)
ITERATE_RESPONSE_SHIFT = const(18)
ITERATE_MOVE_BEFORE = const(19)
ITERATE_BEFORE = const(20)  # what the move before adds to the first pull
ITERATE_COUNT = const(21)  # iterations
ITERATE_WORDS = const(22)

# Block of `begin`: what the iterations start from.
BEGIN_CARRIES = const(0)  # as in `iterate`, like the next three
BEGIN_MOVES = const(1)
BEGIN_OUTPUTS = const(2)
BEGIN_GOALS = const(3)
BEGIN_DEMAND = const(4)  # (N,) Q(data_bits)
BEGIN_HORIZON = const(5)
BEGIN_BAND_LOW = const(6)  # of outputs minus demand
BEGIN_ASKED_GAIN = const(7)  # what a demand adds to its output's pull: * gain >> shift, rounded
BEGIN_ASKED_SHIFT = const(8)
BEGIN_WORDS = const(9)

# Block of `refine`: conjugate gradients on the free moves, and the gradient after them.
REFINE_RESPONSE = const(0)  # as in `solve`
REFINE_INVERSE = const(1)  # of half the Hessian, in any scale: blocks of 4 rows, N columns
REFINE_SEGMENTS = const(2)  # pairs: moves in a segment, 2**10 // that or 0 when it is fixed
REFINE_WEIGHTS = const(3)  # (N,) weight of an output's error, Q(WEIGHT_SHIFT)
REFINE_OFFSETS = const(4)  # (N,) what a soft output's bound takes off its weighted error
REFINE_DEMAND = const(5)  # (N,) Q(data_bits)
REFINE_MOVES = const(6)  # (N,) in, out: data format with FINE_BITS more
REFINE_OUTPUTS = const(7)  # (N,) out, as fine
REFINE_GRADIENT = const(8)  # (N,) out: half the cost's, clamped
REFINE_RESIDUAL = const(9)  # (N,) out: the gradient's mean over each free segment, else 0
REFINE_DIRECTION = const(10)  # (N,) scratch, as the next four
REFINE_CURVATURE = const(11)
REFINE_STEP = const(12)
REFINE_HIGH = const(13)
REFINE_LOW = const(14)
REFINE_HORIZON = const(15)
REFINE_RESPONSE_SHIFT = const(16)  # 13..24
REFINE_WEIGHT_SHIFT = const(17)
REFINE_SPARE_SHIFT = const(18)  # more of it within the descent
REFINE_CHANGE_GAIN = const(19)  # change_weight, Q(CHANGE_SHIFT)
REFINE_CHANGE_SHIFT = const(20)  # 7..30
REFINE_MOVE_BEFORE = const(21)  # with FINE_BITS more
REFINE_STOP = const(22)  # the descent ends when the residual's half square is below
REFINE_DIRECTIONS_MAX = const(23)  # directions at most; 0 takes the gradient only
REFINE_MASK = const(24)  # in, out: bitwise or of the residual's magnitudes
REFINE_WORDS = const(25)

# Block of `shift` and `read`: where a search of active sets starts.
GUESS_SETS = const(0)  # (3N,) -1, 0, 1: changes, moves, outputs
GUESS_MOVES = const(1)  # (N,) with FINE_BITS more than the data
GUESS_HORIZON = const(2)
GUESS_ITERATE = const(3)  # the block of `iterate`
GUESS_WORDS = const(4)

# Block of `tie` and `judge`: the guess of the active set, and what follows from it.
SET_SETS = const(0)  # (3N,) -1, 0, 1
SET_SEGMENTS = const(1)  # (2N,) out of `tie`: as in `refine`
SET_RECIPROCALS = const(2)  # (N + 1,) 2**10 // i
SET_MOVES = const(3)  # (N,)
SET_WEIGHTS = const(4)  # (N,) out of `tie`, as the offsets
SET_OFFSETS = const(5)
SET_GRADIENT = const(6)
SET_DUALS = const(7)  # (2N,) out of `judge`
SET_OUTPUTS = const(8)
SET_DEMAND = const(9)  # (N,) Q(data_bits)
SET_HORIZON = const(10)
SET_CHANGE = const(11)  # most that moves may differ by
SET_ONE = const(12)  # the full rate
SET_MOVE_BEFORE = const(13)
SET_BAND_LOW = const(14)  # of outputs minus demand
SET_BAND_HIGH = const(15)
SET_HARD = const(16)  # weight of an output inside its band
SET_SOFT = const(17)  # and beyond it
SET_OFFSET_LOW = const(18)
SET_OFFSET_HIGH = const(19)
SET_SLACK = const(20)  # of bounds and multipliers
SET_OUTPUT_SLACK = const(21)
SET_OUTPUT_COUNT = const(22)  # outputs that cost anything: the first so many
SET_WORDS = const(23)

FINE_BITS = const(6)  # the finish works on moves and outputs that much finer
