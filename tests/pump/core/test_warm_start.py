# SPDX-License-Identifier: MIT
"""What a solve starts from: machine code and twin mean the same words, and the right ones."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from pump.core import blocks, warm_start_twin

from .thumb_machine import ThumbMachine, block_constants, block_words

SOURCE = Path(warm_start_twin.__file__).with_name("warm_start_thumb.py")
INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1
GUARD = 0x600DF00D
Case = dict[str, Any]


@pytest.fixture(scope="module")
def machine() -> ThumbMachine:
    """Return the machine with the code loaded: compiling it once is enough."""
    return ThumbMachine(SOURCE)


def begin_case(rng: random.Random, n: int, most: int) -> Case:
    """Return demand and bands anywhere within +-most; all else is to be written."""
    ends = (-most, most, 0, -1, 1)
    shift = rng.randint(1, 28)
    return {
        "carries": [7] * (3 * n), "moves": [7] * n, "outputs": [7] * n, "goals": [7] * (2 * n),
        "demand": [rng.choice((*ends, rng.randint(-most, most))) for _ in range(n)],
        "horizon": n, "band_low": -most, "asked_shift": shift,
        "asked_gain": rng.randint(1, max(1, (1 << 29) // most)),
    }  # fmt: skip


def guess_case(rng: random.Random, n: int) -> Case:
    """Return a guess, and an iteration with rows inside their bounds, beyond, and on them."""
    width = rng.choice((0, 3000))
    admm = {
        "carries": [rng.choice((0, 1, -1, rng.randint(-60000, 60000))) for _ in range(3 * n)],
        "goals": [rng.randint(-9000, 9000) for _ in range(2 * n)],
        "moves": [rng.choice((0, 16384, rng.randint(-20000, 20000))) for _ in range(n)],
        "outputs": [rng.randint(-20000, 20000) for _ in range(n)],
        "horizon": n, "change": rng.choice((0, 6553)), "one": 16384, "width": width,
        "soft_shift": rng.randint(1, 8), "move_before": rng.randint(0, 16384),
    }  # fmt: skip
    return {
        "sets": [rng.randint(-1, 1) for _ in range(3 * n)],
        "moves": [rng.randint(INT32_MIN, INT32_MAX) for _ in range(n)],
        "horizon": n,
        "iterate": admm,
    }


def by_twin(name: str, prefix: str, case: Case) -> Case:
    """Return the case as the twin leaves it."""
    after = {key: list(entry) if isinstance(entry, list) else entry for key, entry in case.items()}
    after["result"] = getattr(warm_start_twin, name)(twin_words(prefix, after))
    return after


def twin_words(prefix: str, case: Case) -> list[Any]:
    """Return the twin's block; a block within it becomes a place as well."""
    words: list[Any] = [0] * (1 + max(getattr(blocks, prefix + key.upper()) for key in case))
    for key, entry in case.items():
        if isinstance(entry, dict):
            entry = twin_words("ITERATE_", entry)
        at = getattr(blocks, prefix + key.upper())
        words[at] = (entry, 0) if isinstance(entry, list) else entry
    return words


def by_chip(machine: ThumbMachine, name: str, prefix: str, case: Case) -> Case:
    """Return the same as the machine code leaves it; guard words stay."""
    machine.clear()
    words, places = chip_words(machine, prefix, case)
    result = machine.call(name, words)
    for key, at in places.items():
        assert machine.read(at - 4, 1) == machine.read(at + 4 * len(case[key]), 1) == [GUARD]
    arrays = {key: machine.read(at, len(case[key])) for key, at in places.items()}
    return {**case, **arrays, "result": result}


def chip_words(machine: ThumbMachine, prefix: str, case: Case) -> tuple[int, dict[str, int]]:
    """Return the address of the chip's block, and of its arrays, each between guard words."""
    words, places = [0] * (1 + max(getattr(blocks, prefix + key.upper()) for key in case)), {}
    for key, entry in case.items():
        machine.place([GUARD])
        if isinstance(entry, list):
            entry = places[key] = machine.place(entry)
        elif isinstance(entry, dict):
            entry = chip_words(machine, "ITERATE_", entry)[0]
        words[getattr(blocks, prefix + key.upper())] = entry
    machine.place([GUARD])
    return machine.place(words), places


@pytest.mark.parametrize("n", [8, 12, 20, 40])
def test_chip_and_twin_leave_the_same_words(machine: ThumbMachine, n: int) -> None:
    """Over random words, and demands up to where they would not fit."""
    rng = random.Random(n)
    for most in (9, 1 << 15, INT32_MAX // 2) * 10:
        case = begin_case(rng, n, most)
        assert by_chip(machine, "begin", "BEGIN_", case) == by_twin("begin", "BEGIN_", case)
        case = guess_case(rng, n)
        for name in ("shift", "read"):
            assert by_chip(machine, name, "GUESS_", case) == by_twin(name, "GUESS_", case)


def test_a_shift_moves_guess_and_plan_one_tick_on() -> None:
    """Each group of rows for itself; the last entries stay."""
    case = {"sets": list(range(12)), "moves": list(range(4)), "horizon": 4}
    after = by_twin("shift", "GUESS_", case)
    assert after["sets"] == [1, 2, 3, 3, 5, 6, 7, 7, 9, 10, 11, 11]
    assert after["moves"] == [1, 2, 3, 3]


def test_a_guess_is_where_the_next_projection_would_put_the_rows() -> None:
    """A row is active where its dual is not zero (Stellato et al., 2020, section 4)."""
    admm = {
        # Tildes: changes 10, 0, 0, -10 from a move before of 90; moves 100, 100, 100, 90.
        "moves": [100, 100, 100, 90], "outputs": [0, 0, 0, 0], "move_before": 90,
        "carries": [0, 0, -21, 50, 21, 151, -5, -50, 0, -31, 31, -20],
        "goals": [-20, 0] * 4, "horizon": 4, "change": 20, "one": 130, "width": 50,
        "soft_shift": 1,
    }  # fmt: skip
    case = {"sets": [9] * 12, "moves": [9] * 4, "horizon": 4, "iterate": admm}
    after = by_twin("read", "GUESS_", case)
    # Arguments: 15 21 -21 -10; 150 100 -1 185; 0 31 -31 20, softly from -20 to 30.
    assert after["sets"] == [0, 1, -1, 0, 1, 0, -1, 1, 0, 1, -1, 0]
    assert after["moves"] == [64 * 130, 64 * 100, 0, 64 * 130]


def test_a_settled_iteration_would_carry_what_it_carries() -> None:
    """At a fixed point tilde is z: inside the bounds half of it is carried, outside less w."""
    admm = {
        "moves": [0, 0, 40, 80], "outputs": [10, -8, 0, 6], "move_before": 0,
        "carries": [0, 9, 0, 0, 20, 20, 20 - 7, 40, 5, -4, 0, 3],
        "goals": [-100, 0] * 4, "horizon": 4, "change": 40, "one": 80, "width": 200,
        "soft_shift": 2,
    }  # fmt: skip
    case = {"sets": [9] * 12, "moves": [9] * 4, "horizon": 4, "iterate": admm}
    assert by_twin("read", "GUESS_", case)["result"] == 0
    admm["carries"][1] += 20  # below zero by one more: the row has not settled
    assert by_twin("read", "GUESS_", case)["result"] == 0
    admm["carries"][9] += 4  # an output that still moves by four halves
    assert 4 <= by_twin("read", "GUESS_", case)["result"] < 8


def test_the_iterations_begin_with_nothing_but_the_goals_of_this_tick() -> None:
    """The low edge of each output's band, and what its demand adds to its pull, rounded."""
    case = {
        "carries": [9] * 12, "moves": [9] * 4, "outputs": [9] * 4, "goals": [9] * 8,
        "demand": [100, -200, 300, 0], "horizon": 4, "band_low": -7, "asked_gain": 5,
        "asked_shift": 3,
    }  # fmt: skip
    after = by_twin("begin", "BEGIN_", case)
    assert after["carries"] == [0] * 12
    assert after["moves"] == after["outputs"] == [0] * 4
    assert after["goals"] == [93, 63, -207, -125, 293, 188, -7, 0]


@pytest.mark.parametrize(("name", "prefix", "change"), [
    ("begin", "BEGIN_", {"demand": [INT32_MIN] * 8, "asked_gain": 1}),
    ("begin", "BEGIN_", {"demand": [1 << 20] * 8, "asked_gain": 1 << 12, "band_low": 0}),
    ("read", "GUESS_", {"carries": [INT32_MIN] * 24}),
])  # fmt: skip
def test_the_twin_raises_where_a_word_would_not_fit(name: str, prefix: str, change: Case) -> None:
    """The chip would wrap there."""
    rng = random.Random(1)
    case = begin_case(rng, 8, 99) if prefix == "BEGIN_" else guess_case(rng, 8)
    if name == "read":
        case["iterate"] |= change
        change = {}
    with pytest.raises(OverflowError, match="int32"):
        by_twin(name, prefix, case | change)


def test_the_machine_codes_words_are_those_of_the_block() -> None:
    """The assembler cannot import them."""
    own = block_constants(SOURCE)
    blocks_words = block_words("BEGIN_") | block_words("GUESS_")
    assert {name: own[name] for name in blocks_words} == blocks_words
    admm = {name: at for name, at in own.items() if name.startswith("ITERATE_")}
    assert admm.items() <= block_words("ITERATE_").items()
    assert own["FINE_BITS"] == blocks.FINE_BITS


def test_each_costs_no_more_than_its_lines_say(machine: ThumbMachine) -> None:
    """Cycles at N = 20, counted by instruction."""
    rng = random.Random(20)
    cases = (("begin", "BEGIN_", begin_case(rng, 20, 9), 750), ("shift", "GUESS_", None, 700),
             ("read", "GUESS_", None, 2_600))  # fmt: skip
    for name, prefix, case, limit in cases:
        machine.clear()
        words, _ = chip_words(machine, prefix, case or guess_case(rng, 20))
        assert machine.call_counting_cycles(name, words)[1] <= limit
