# SPDX-License-Identifier: MIT
"""The kernels: machine code and Python twin mean the same bits, and the right ones.

The machine code runs under Unicorn's Cortex-M0; the twin is judged by arithmetic in
Python's unbounded ints, written here.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from pump.core import kernels_twin

from .thumb_machine import ThumbMachine, block_constants, block_words

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1
EXTREMES = (INT32_MIN, INT32_MIN + 1, -65536, -32769, -1, 0, 1, 32767, 65535, INT32_MAX)
SOURCE = Path(kernels_twin.__file__).with_name("kernels_thumb.py")


@pytest.fixture(scope="module")
def machine() -> ThumbMachine:
    """Return the machine with the code loaded: compiling it once is enough."""
    return ThumbMachine(SOURCE)


def multiply_twin(matrix: list[list[int]], vector: list[int], shift: int) -> list[int]:
    """Return what the twin writes."""
    out = [0] * len(matrix)
    flat = [c for row in matrix for c in row]
    words = [(flat, 0), (vector, 0), (out, 0), len(matrix), len(vector), shift]
    assert kernels_twin.multiply(words) == 0
    return out


def multiply_thumb(
    machine: ThumbMachine, matrix: list[list[int]], vector: list[int], shift: int
) -> list[int]:
    """Return what the machine code writes; a word behind the results stays as it was."""
    machine.clear()
    places = [machine.place(c for row in matrix for c in row), machine.place(vector)]
    out = machine.place([0] * len(matrix) + [77])
    words = machine.place([*places, out, len(matrix), len(vector), shift])
    assert machine.call("multiply", words) == 0
    *results, behind = machine.read(out, len(matrix) + 1)
    assert behind == 77
    return results


def rounded(row: list[int], vector: list[int], shift: int) -> int:
    """Return the product in units of 2**shift, rounded half up, by exact division."""
    total = sum(a * b for a, b in zip(row, vector, strict=True))
    return (2 * total + (1 << shift)) // (2 << shift)


@pytest.mark.parametrize("shift", [1, 2, 14, 30, 31])
def test_the_chip_multiplies_every_pair_of_extreme_operands_exactly(
    machine: ThumbMachine, shift: int
) -> None:
    """Products are built of 16-bit halves: each sign and carry is a chance to err."""
    matrix = [[a, b] for a in EXTREMES for b in EXTREMES]
    for x in EXTREMES:
        for y in EXTREMES:
            rows = [r for r in matrix if INT32_MIN <= rounded(r, [x, y], shift) <= INT32_MAX]
            if rows:
                want = [rounded(row, [x, y], shift) for row in rows]
                assert multiply_thumb(machine, rows, [x, y], shift) == want


def test_chip_and_twin_multiply_random_matrices_alike(machine: ThumbMachine) -> None:
    """Sums reach far beyond 32 bits before the shift."""
    rng = random.Random(1)
    for shift in range(1, 32):
        columns = rng.randint(1, 45)
        size = min(INT32_MAX, (INT32_MAX << shift) // (columns << 31))
        vector = [rng.randint(INT32_MIN, INT32_MAX) for _ in range(columns)]
        matrix = [[rng.randint(-size, size) for _ in range(columns)] for _ in range(7)]
        want = [rounded(row, vector, shift) for row in matrix]
        assert multiply_twin(matrix, vector, shift) == want
        assert multiply_thumb(machine, matrix, vector, shift) == want


@pytest.mark.parametrize("shift", [1, 20, 31])
def test_multiply_refuses_exactly_what_int32_cannot_hold(shift: int) -> None:
    """A wrapped free response would plan doses for a patient who does not exist."""
    half = 1 << (shift - 1)
    most, least = (INT32_MAX << shift) + half - 1, (INT32_MIN << shift) - half
    for total, over in ((most, 1), (least, -1)):
        high, low = divmod(total, 1 << 31)
        for extra in (0, over):
            row, vector = [high, low + extra], [1 << 31, 1]
            if extra:
                with pytest.raises(OverflowError):
                    multiply_twin([row], vector, shift)
            else:
                assert multiply_twin([row], vector, shift)[0] in (INT32_MIN, INT32_MAX)


def test_the_assembler_counts_the_words_of_a_block_as_the_twin_does() -> None:
    """The assembler folds only its own module's constants, so they are written twice."""
    own = block_constants(SOURCE)
    assert own == block_words("MULTIPLY_")
