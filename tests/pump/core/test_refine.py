# SPDX-License-Identifier: MIT
"""The kernel of the exact finish: machine code and twin mean the same bits, and the right ones.

The machine code runs under Unicorn's Cortex-M0; the twin is judged by the gradient in
float64 and by numpy's linear solver.
"""

from __future__ import annotations

import random
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from pump.core import blocks, refine_twin

from .thumb_machine import ThumbMachine, block_constants, block_words

SOURCE = Path(refine_twin.__file__).with_name("refine_thumb.py")
ARRAYS = (
    "response", "inverse", "segments", "weights", "offsets", "demand", "moves", "outputs",
    "gradient", "residual", "direction", "curvature", "step", "high", "low",
)  # fmt: skip
SCRATCH = ("direction", "curvature", "step")  # the twin keeps these to itself
FINE = 1 << 20  # one, in the format of moves and outputs
Case = dict[str, Any]


@pytest.fixture(scope="module")
def machine() -> ThumbMachine:
    """Return the machine with the code loaded: compiling it once is enough."""
    return ThumbMachine(SOURCE)


def in_blocks(matrix: np.ndarray, triangular: bool = True) -> list[int]:
    """Return blocks of four rows, column by column."""
    n = len(matrix)
    widths = [(at, at + 4 if triangular else n) for at in range(0, n, 4)]
    return [int(c) for at, width in widths for c in matrix[at : at + 4, :width].T.ravel()]


def inverse_of(case: Case) -> list[int]:
    """Return the inverse of half the Hessian with no output soft, rows below 2**17."""
    response, _, bend = float_cost(case)
    inverse = np.linalg.inv(response.T @ response + bend)
    return in_blocks(np.round(inverse * 2.0**16 / np.abs(inverse).sum(axis=1).max()), False)


def segments_of(rng: random.Random, n: int, fixed_share: float) -> list[int]:
    """Return random segments, some fixed, padded to 2n words."""
    words: list[int] = []
    while sum(words[::2]) < n:
        length = min(n - sum(words[::2]), rng.choice((1, 1, 1, 2, 3, 7, n)))
        words += [length, 0 if rng.random() < fixed_share else 1024 // length]
    return words + [0] * (2 * n - len(words))


def case_of(rng: random.Random, n: int, **words: Any) -> Case:
    """Return a random problem whose final sums fit: a row's L1 norm stays below 2**15."""
    spread = np.random.default_rng(rng.getrandbits(32))
    impulse = np.trunc((1 << 15) * spread.dirichlet(np.full(n, 0.7))).astype(int)
    response = [[impulse[i - j] if j <= i else 0 for j in range(n)] for i in range(n)]
    soft = [rng.random() < 0.2 for _ in range(n)]
    case: Case = {
        "response": in_blocks(np.array(response)),
        "segments": segments_of(rng, n, 0.3),
        "weights": [84 if s else 4 for s in soft],
        "offsets": [rng.randint(-FINE, FINE) if s else 0 for s in soft],
        "demand": [rng.randint(-16384, 16384) for _ in range(n)],
        "moves": [rng.randint(-FINE, FINE + (FINE >> 2)) for _ in range(n)],
        "horizon": n, "response_shift": rng.randint(13, 15), "weight_shift": 2,
        "spare_shift": 6, "change_gain": rng.randint(1, (1 << 14) - 1),
        "change_shift": rng.choice((7, 13, 16, 17)), "move_before": rng.randint(0, FINE),
        "stop": n * 32, "directions_max": 0, "mask": 0,
    }  # fmt: skip
    case.update({name: [0] * n for name in ARRAYS[7:]})
    case["inverse"] = inverse_of(case)
    case.update(words)
    return case


def refined_by_twin(case: Case, twin: ModuleType = refine_twin) -> tuple[int, Case]:
    """Return the result and the case as the twin leaves it."""
    after = {name: list(v) if name in ARRAYS else v for name, v in case.items()}
    words = [
        (after[name], 0) if name in ARRAYS else after[name]
        for name in sorted(after, key=lambda name: getattr(blocks, "REFINE_" + name.upper()))
    ]
    result = twin.refine(words)
    after["mask"] = words[blocks.REFINE_MASK]
    return result, after


def refined_by_chip(machine: ThumbMachine, case: Case) -> tuple[int, Case]:
    """Return the result and the case as the machine code leaves it; guard words stay."""
    machine.clear()
    words, places = [0] * blocks.REFINE_WORDS, {}
    for name, entry in case.items():
        if name in ARRAYS:
            machine.place([0x600DF00D])
            places[name] = machine.place(entry)
        words[getattr(blocks, "REFINE_" + name.upper())] = places.get(name, entry)
    block = machine.place(words)
    result = machine.call("refine", block)
    after = {**case, **{name: machine.read(at, len(case[name])) for name, at in places.items()}}
    after["mask"] = machine.read(block + 4 * blocks.REFINE_MASK, 1)[0]
    assert all(machine.read(at - 4, 1) == [0x600DF00D] for at in places.values())
    return result, after


def agree(machine: ThumbMachine, case: Case) -> Case:
    """Assert that both leave the same words; return them."""
    result, want = refined_by_twin(case)
    got_result, got = refined_by_chip(machine, case)
    assert got_result == result
    for name in set(want) - set(SCRATCH):
        assert got[name] == want[name], name
    return want


@pytest.mark.parametrize("n", [8, 12, 20, 36, 40])
def test_chip_and_twin_leave_the_same_words_round_after_round(
    machine: ThumbMachine, n: int
) -> None:
    """Every simulated day runs the twin, and every real one the machine code."""
    rng = random.Random(n)
    for _ in range(12):
        case = agree(machine, case_of(rng, n))
        for directions in (1, 3, 12):
            case = agree(machine, {**case, "directions_max": directions})


@pytest.mark.parametrize("mask", [0, 1, 2, 4095, 4096, 8191, 8192, (1 << 25) - 1])
def test_any_scale_of_the_residual_is_treated_alike(machine: ThumbMachine, mask: int) -> None:
    """The scale's loops end at powers of two, and a residual of nothing ends at once."""
    rng = random.Random(mask)
    case = case_of(rng, 8, mask=mask, directions_max=4)
    case["residual"] = [rng.randint(-mask, mask) for _ in range(8)]
    agree(machine, case)


def test_wild_residuals_are_clamped_alike(machine: ThumbMachine) -> None:
    """A residual that no gradient left, an inverse of no Hessian: directions without a minimum."""
    rng = random.Random(5)
    for _ in range(60):
        case = case_of(rng, 8, mask=rng.choice((1, 63, (1 << 20) - 1)), directions_max=8, stop=0)
        case["residual"] = [rng.randint(-case["mask"], case["mask"]) for _ in range(8)]
        case["moves"] = [rng.choice((-(5 << 18), 5 << 18)) for _ in range(8)]
        if rng.random() < 0.5:
            case["inverse"] = [rng.randint(-8192, 8192) for _ in range(64)]
        agree(machine, case)


def float_cost(case: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return response, output weights and D'D in float64."""
    n = case["horizon"]
    response, at = np.zeros((n, n)), 0
    for start in range(0, n, 4):
        width = start + 4
        part = np.array(case["response"][at : at + 4 * width]).reshape(width, 4).T
        response[start : start + 4, :width] = part
        at += 4 * width
    difference = np.eye(n) - np.eye(n, k=-1)
    gain = case["change_gain"] / 2.0 ** case["change_shift"]
    return (
        response / 2.0 ** case["response_shift"],
        np.array(case["weights"]) / 2.0 ** case["weight_shift"],
        gain * difference.T @ difference,
    )


def test_the_gradient_is_that_of_the_cost_in_float64() -> None:
    """Taken in two parts each way, it is good to a few units of 2**-20."""
    rng = random.Random(9)
    for _ in range(20):
        case = case_of(rng, 20, change_shift=16)
        _, after = refined_by_twin(case)
        response, weights, bend = float_cost(case)
        moves = np.array(case["moves"], dtype=float)
        error = weights * (response @ moves - 64.0 * np.array(case["demand"]))
        want = response.T @ (error - np.array(case["offsets"])) + bend @ moves
        want[0] -= case["change_gain"] / 2.0**16 * case["move_before"]
        kept = np.abs(want) < refine_twin.GRADIENT_MAX
        assert np.abs(np.array(after["gradient"]) - want)[kept].max() < 40


def test_refining_ends_at_numpys_answer() -> None:
    """Free and tied moves alike: the minimum over them, from wherever they start."""
    rng = random.Random(10)
    for _ in range(10):
        case = case_of(rng, 20, change_gain=13107, change_shift=16, offsets=[0] * 20)
        case.update(response_shift=13, move_before=0, segments=segments_of(rng, 20, 0.2))
        case["moves"] = [0] * 20
        case["demand"] = [rng.randint(-4000, 4000) for _ in range(20)]
        _, after = refined_by_twin(case)
        for _ in range(12):
            _, after = refined_by_twin({**after, "directions_max": 20})
        response, weights, bend = float_cost(case)
        hessian = response.T @ (weights[:, None] * response) + bend
        columns, at = [], 0
        for length, reciprocal in zip(*[iter(case["segments"])] * 2, strict=True):
            if reciprocal:
                columns.append(np.arange(20) // 1 >= at)
                columns[-1] &= np.arange(20) < at + length
            at += length
        basis = np.array(columns, dtype=float).reshape(-1, 20).T
        pull = basis.T @ (response.T @ (weights * 64.0 * np.array(case["demand"])))
        want = basis @ np.linalg.solve(basis.T @ hessian @ basis, pull)
        if np.abs(want).max() < FINE:
            assert np.abs(np.array(after["moves"]) - want).max() < 200


@pytest.mark.parametrize("numerator", [1, 2, 3, 1000, (1 << 29) - 1, 1 << 29, (1 << 31) - 1])
@pytest.mark.parametrize("divisor", [1, 2, 7, 999, 1 << 29, (1 << 30) + 1, (1 << 31) - 1])
def test_a_ratio_is_good_to_ten_bits(numerator: int, divisor: int) -> None:
    """Gains of the descent need no more; exact division is the oracle."""
    quotient, shift = refine_twin.ratio(numerator, divisor)
    assert 1 << 9 <= quotient < 1 << 11
    assert quotient / 2.0**shift == pytest.approx(numerator / divisor, rel=2.0**-9)


MUTANTS = {
    "parts of the moves": ("move & ((1 << k.FINE_BITS) - 1)", "move & ((1 << k.FINE_BITS) - 2)"),
    "parts of the errors": ("LOW_BITS = 13", "LOW_BITS = 12"),
    "columns of the triangle": ("4 * (4 * b + 4) : 4", "4 * (4 * b + 3) : 4"),
    "scale of the residual": ("SCALE_BITS = 13", "SCALE_BITS = 12"),
    "scale of the directions": ("DIRECTION_BITS = 12", "DIRECTION_BITS = 11"),
    "scale of what lies ahead": ("AHEAD_SHIFT = 6", "AHEAD_SHIFT = 5"),
    "scale of the step": ("STEP_BITS = 3", "STEP_BITS = 2"),
    "clamp of the gradient": ("GRADIENT_MAX = 1 << 25", "GRADIENT_MAX = (1 << 25) - 1"),
    "clamp of the moves": ("MOVE_MAX = 5 << 18", "MOVE_MAX = (5 << 18) - 1"),
    "clamp of the step": ("STEP_MAX_BITS = 22", "STEP_MAX_BITS = 20"),
    "digits of a ratio": ("range(11)", "range(10)"),
    "mean, high": ("(total >> 10)", "(total >> 11)"),
    "mean, low": ("(total & 1023)", "(total & 1022)"),
    "rounding": ("half = 1 << shift >> 1", "half = 1 << shift >> 2"),
    "columns of the inverse": ("row // 4 * 4 * n", "row // 4 * 4 * (n - 1)"),
    "sign of a turn": ("back > 0", "back < 0"),
    "when to stop": ("< words[k.REFINE_STOP]", "< 2 * words[k.REFINE_STOP]"),
    "slope": ("slope = _product(residual, direction)", "slope = _product(residual, residual)"),
    "product": ("sum([a * b >> 1", "sum([a * b >> 2"),
    "left of a bend": ("2 * value - left", "2 * value + left"),
    "end of the bends": ("values[1:] + values[-1:]", "values[1:] + [0]"),
    "spare bits": ("words[k.REFINE_WEIGHT_SHIFT] + spare", "words[k.REFINE_WEIGHT_SHIFT]"),
    "offset": ("- offset for", "+ offset for"),
    "demand": ("(level << k.FINE_BITS)", "(level << 5)"),
    "shift of a step": ("shift + scale - STEP_BITS", "shift + scale - STEP_BITS + 1"),
}


@pytest.fixture(scope="module")
def known(machine: ThumbMachine) -> list[tuple[Case, tuple[int, Case]]]:
    """Return random cases of every kind, and what the machine code makes of them."""
    rng = random.Random(12)
    cases = []
    for _ in range(12):
        case = case_of(rng, 8, stop=1 << 16)
        for directions in (0, 2, 9):
            cases.append({**case, "directions_max": directions})
            _, case = refined_by_chip(machine, cases[-1])
        wild = case_of(rng, 8, mask=(1 << 20) - 1, directions_max=8)
        wild["residual"] = [rng.randint(-(1 << 20), 1 << 20) for _ in range(8)]
        cases.append(wild)
    return [(case, refined_by_chip(machine, case)) for case in cases]


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_change_of_the_twin_is_noticed(
    mutant: str, known: list[tuple[Case, tuple[int, Case]]]
) -> None:
    """Equality would prove little if the cases did not exercise every operation."""
    text = Path(refine_twin.__file__).read_text()
    old, new = MUTANTS[mutant]
    assert text.count(old) == 1
    twin = ModuleType("mutant")
    exec(text.replace(old, new), twin.__dict__)
    assert any(differs(twin, case, want) for case, want in known)


def differs(twin: ModuleType, case: Case, want: tuple[int, Case]) -> bool:
    """Return whether `twin` ends otherwise than `want`; refusing counts as that."""
    try:
        result, after = refined_by_twin(case, twin)
    except (OverflowError, ValueError):
        return True
    names = set(after) - set(SCRATCH)
    return result != want[0] or any(after[name] != want[1][name] for name in names)


def test_the_twin_refuses_what_int32_cannot_hold() -> None:
    """Every simulated day is a search for overflows, if the twin misses none."""
    case = case_of(random.Random(1), 8)
    case["response"] = [1 << 24] * len(case["response"])
    with pytest.raises(OverflowError, match="response"):
        refined_by_twin(case)


def test_the_machine_codes_words_are_those_of_the_block() -> None:
    """The assembler cannot import them."""
    own = block_constants(SOURCE)
    for name, word in block_words("REFINE_").items():
        assert own[name.removeprefix("REFINE_")] == word
