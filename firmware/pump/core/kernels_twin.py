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


def block(entries) -> list:
    """Return a kernel's block from places and ints."""
    return list(entries)


def _fits(value: int, what: str) -> int:
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
        out[out_at + row] = _fits(total >> shift, "multiply")
    return 0


def solve(words: list) -> int:
    """Iterate until the residuals are small; return iterations left, -1 at the cap."""
    primal_bits = words[k.SOLVE_PRIMAL_BITS]
    dual_bits = words[k.SOLVE_DUAL_BITS]
    left = words[k.SOLVE_ITERATIONS_LEFT]
    while left > 0:
        left -= 1
        _right_hand_side(words)
        _moves(words)
        _changes(words)
        _outputs(words)
        primal, dual = _project(words)
        if primal >> primal_bits == 0 and dual >> dual_bits == 0:
            words[k.SOLVE_ITERATIONS_LEFT] = left
            return left
    words[k.SOLVE_ITERATIONS_LEFT] = -1
    return -1


def _right_hand_side(words: list) -> None:
    """Sum what changes and moves pull on each x, with sigma's share of the last x."""
    n = words[k.SOLVE_HORIZON]
    pull, at = words[k.SOLVE_PULL]
    rhs, rhs_at = words[k.SOLVE_RHS]
    relaxed, relaxed_at = words[k.SOLVE_RELAXED]
    sigma_shift = words[k.SOLVE_SIGMA_SHIFT]
    for i in range(n):
        total = pull[at + i] - pull[at + i + 1] + pull[at + n + 1 + i]
        rhs[rhs_at + i] = _fits(total + (relaxed[relaxed_at + i] >> sigma_shift), "rhs")


def _moves(words: list) -> None:
    """Solve the reduced KKT system with the folded factor, and clamp the moves."""
    n = words[k.SOLVE_HORIZON]
    factor, at = words[k.SOLVE_FACTOR]
    linear, linear_at = words[k.SOLVE_LINEAR]
    rhs, rhs_at = words[k.SOLVE_RHS]
    moves, moves_at = words[k.SOLVE_MOVES]
    shift = words[k.SOLVE_FACTOR_SHIFT]
    limit = words[k.SOLVE_MOVE_MAX]
    values = rhs[rhs_at : rhs_at + 2 * n]
    for row in range(n):
        start = at + (row // 4) * 8 * n + row % 4
        column = factor[start : start + 8 * n : 4]
        total = linear[linear_at + row] + sum(a * b for a, b in zip(column, values))
        moves[moves_at + row] = max(-limit, min(limit, _fits(total, "moves") >> shift))


def _changes(words: list) -> None:
    """Difference the moves, and relax x with alpha = 1.5."""
    moves, moves_at = words[k.SOLVE_MOVES]
    changes, changes_at = words[k.SOLVE_CHANGES]
    relaxed, relaxed_at = words[k.SOLVE_RELAXED]
    before = 0
    for i in range(words[k.SOLVE_HORIZON]):
        move = moves[moves_at + i]
        changes[changes_at + i] = move - before
        relaxed[relaxed_at + i] = move + ((move - relaxed[relaxed_at + i]) >> 1)
        before = move


def _outputs(words: list) -> None:
    """Answer of the output to the moves: lower triangular, block by block."""
    response, at = words[k.SOLVE_RESPONSE]
    moves, moves_at = words[k.SOLVE_MOVES]
    outputs, outputs_at = words[k.SOLVE_OUTPUTS]
    shift = words[k.SOLVE_RESPONSE_SHIFT]
    half = 1 << (shift - 1)
    for row in range(words[k.SOLVE_HORIZON]):
        b = row // 4
        columns = 4 * b + 4
        start = at + 8 * b * (b + 1) + row % 4
        column = response[start : start + 4 * columns : 4]
        values = moves[moves_at : moves_at + columns]
        total = half + sum(a * v for a, v in zip(column, values))
        outputs[outputs_at + row] = _fits(total, "outputs") >> shift


def _project(words: list) -> tuple:
    """Relax, project onto the bounds (soft for outputs), update the duals.

    Return the bitwise or of all primal and of all dual residuals: below 2**b
    exactly when every one of them is (one's complement for the negative ones).
    """
    n = words[k.SOLVE_HORIZON]
    soft_shift = words[k.SOLVE_SOFT_SHIFT]
    rows, at = words[k.SOLVE_ROWS]
    pull, pull_at = words[k.SOLVE_PULL]
    primal = dual = 0
    for group, name in enumerate((k.SOLVE_CHANGES, k.SOLVE_MOVES, k.SOLVE_OUTPUTS)):
        source, source_at = words[name]
        rhs, rhs_at = words[k.SOLVE_RHS]
        for i in range(n):
            z, w, low, high, cap = rows[at : at + k.ROW_WORDS]
            tilde = source[source_at + i]
            argument = _fits(tilde + (_fits(tilde - z, "step") >> 1) + w, "argument")
            if argument < low:
                argument = max(argument, low - cap)
                projected = low
            elif argument > high:
                argument = min(argument, high + cap)
                projected = high
            else:
                projected = argument
            if group == 2:
                projected += (argument - projected) >> soft_shift
            rows[at + k.ROW_Z] = projected
            rows[at + k.ROW_W] = argument - projected
            value = _fits(2 * projected - argument, "pull")
            if group == 2:
                rhs[rhs_at + n + i] = value
            else:
                pull[pull_at + group * (n + 1) + i] = value
            primal |= (tilde - projected) ^ ((tilde - projected) >> 31)
            dual |= (projected - z) ^ ((projected - z) >> 31)
            at += k.ROW_WORDS
    return primal, dual
