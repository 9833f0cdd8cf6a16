# SPDX-License-Identifier: MIT
"""The kernels in exact Python: the definition that the machine code is held to.

Sums are exact here and wrap on the chip; that is the same as long as the final
sum fits int32, so every final sum is checked and `OverflowError` is raised where
it would not fit.  Runs on CPython only; int32 words in, int32 words out.
"""

from pump.core import blocks as k

INT32_MIN = -(1 << 31)
INT32_MAX = (1 << 31) - 1


def place(words, index: int = 0) -> tuple:
    """Return where `words[index]` lies, for a block: on CPython the pair itself."""
    return words, index


class Block(list):
    """A kernel's words, and what a kernel keeps with them of tables that never change."""

    rows = None


def block(entries) -> list:
    """Return a kernel's block from places and ints."""
    return Block(entries)


def fits(value: int, what: str) -> int:
    """Return `value`; raise OverflowError where int32 could not hold it."""
    if value < INT32_MIN or value > INT32_MAX:
        raise OverflowError("%s = %d does not fit int32" % (what, value))
    return value


def multiply(words: list) -> int:
    """Write (matrix @ vector + half) >> shift, summed in 64 bits; return 0."""
    matrix, matrix_at = words[k.MULTIPLY_MATRIX]
    vector, vector_at = words[k.MULTIPLY_VECTOR]
    out, out_at = words[k.MULTIPLY_OUT]
    columns = words[k.MULTIPLY_COLUMNS]
    shift = words[k.MULTIPLY_SHIFT]
    values = vector[vector_at : vector_at + columns]
    for row in range(words[k.MULTIPLY_ROWS]):
        start = matrix_at + row * columns
        total = 1 << (shift - 1)
        for coefficient, value in zip(matrix[start : start + columns], values):
            total += coefficient * value
        out[out_at + row] = fits(total >> shift, "multiply")
    return 0
