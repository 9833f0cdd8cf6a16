# SPDX-License-Identifier: MIT
"""The blocks of words through which the kernels are called, and the ADMM row.

A block is made once: places of the arrays, then sizes and shifts.  N is the
horizon; rows come as N rate changes, N moves, N outputs.
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

# Block of `solve`: the ADMM iteration of core/solver.py.
SOLVE_FACTOR = const(0)  # blocks of 4 rows x 2N columns, column by column
SOLVE_RESPONSE = const(1)  # blocks of 4 rows x (4b + 4) columns, column by column
SOLVE_LINEAR = const(2)  # (N,) what the linear cost asks of the moves, half an LSB included
SOLVE_ROWS = const(3)  # 3N records of ROW_WORDS words
SOLVE_PULL = const(4)  # (2N + 1,) z - w: changes, one zero, then moves
SOLVE_RHS = const(5)  # (2N,) right-hand side: for the moves, then the outputs' pull
SOLVE_RELAXED = const(6)  # (N,) x of the iteration
SOLVE_MOVES = const(7)  # (N,) x tilde
SOLVE_CHANGES = const(8)  # (N,) rate changes of x tilde
SOLVE_OUTPUTS = const(9)  # (N,) outputs of x tilde
SOLVE_HORIZON = const(10)
SOLVE_FACTOR_SHIFT = const(11)
SOLVE_RESPONSE_SHIFT = const(12)
SOLVE_SOFT_SHIFT = const(13)
SOLVE_SIGMA_SHIFT = const(14)
SOLVE_MOVE_MAX = const(15)
SOLVE_PRIMAL_BITS = const(16)
SOLVE_DUAL_BITS = const(17)
SOLVE_ITERATIONS_LEFT = const(18)  # in: the cap; out: what is left of it, -1 when it was hit
SOLVE_WORDS = const(19)

# One ADMM row.
ROW_Z = const(0)
ROW_W = const(1)  # scaled dual y / rho
ROW_LOW = const(2)
ROW_HIGH = const(3)
ROW_CAP = const(4)  # how far beyond its bound the row's argument may lie
ROW_WORDS = const(5)
