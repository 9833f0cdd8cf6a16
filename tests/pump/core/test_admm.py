# SPDX-License-Identifier: MIT
"""The ADMM iteration: machine code and Python twin mean the same bits, and the right ones.

The machine code runs under Unicorn's Cortex-M0; the twin is judged by an ADMM in float64
that is written here.
"""

from __future__ import annotations

import random
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from pump.core import admm_twin, blocks

from .thumb_machine import ThumbMachine, block_constants, block_words

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1
SOURCE = Path(admm_twin.__file__).with_name("admm_thumb.py")
ARRAYS = (
    "factor", "pulled", "response", "carries", "caps",
    "goals", "pull", "output_pull", "moves", "outputs",
)  # fmt: skip
GUARD = 0x600DF00D
Case = dict[str, Any]


@pytest.fixture(scope="module")
def machine() -> ThumbMachine:
    """Return the machine with the code loaded: compiling it once is enough."""
    return ThumbMachine(SOURCE)


def in_blocks(matrix: np.ndarray, spans: list[tuple[int, int]]) -> list[int]:
    """Return blocks of four rows, each column by column over its span of columns."""
    rows = [matrix[4 * b : 4 * b + 4, begin:end] for b, (begin, end) in enumerate(spans)]
    return [int(c) for block in rows for c in block.T.ravel()]


def tables(factor: np.ndarray, pulled: np.ndarray, response: np.ndarray) -> Case:
    """Return the three tables in the order of the kernels."""
    n = len(factor)
    begins = range(0, n, 4)
    return {
        "factor": in_blocks(factor, [(0, n) for _ in begins]),
        "pulled": in_blocks(pulled, [(begin, n) for begin in begins]),
        "response": in_blocks(response, [(0, begin + 4) for begin in begins]),
    }


def case_at_rest(n: int, **words: Any) -> Case:
    """Return a case at rest with ordinary words; `words` replaces what it names."""
    nothing = np.zeros((n, n))
    return {
        **tables(nothing, nothing, nothing),
        "carries": [0] * (3 * n), "caps": [16384] * (3 * n), "goals": [-8192, 0] * n,
        "pull": [0] * (n + 1), "output_pull": [0] * n, "moves": [0] * n, "outputs": [0] * n,
        "horizon": n, "change": 6553, "one": 16384, "width": 16384, "move_max": 28672,
        "soft_shift": 2, "pull_shift": 11, "factor_shift": 12, "response_shift": 13,
        "move_before": 0, "before": 0, "count": 1, **words,
    }  # fmt: skip


def by_twin(case: Case, twin: ModuleType = admm_twin) -> Case:
    """Return all arrays as the twin leaves them."""
    words: list[Any] = [0] * blocks.ITERATE_WORDS
    arrays = {name: list(case[name]) for name in ARRAYS}
    for name, entry in case.items():
        place = (arrays[name], 0) if name in arrays else entry
        words[getattr(blocks, "ITERATE_" + name.upper())] = place
    assert twin.iterate(words) == 0
    return arrays


def place(machine: ThumbMachine, case: Case) -> tuple[int, dict[str, int]]:
    """Return the address of the block and those of its arrays, each behind a guard word."""
    machine.clear()
    words, places = [0] * blocks.ITERATE_WORDS, {}
    for name, entry in case.items():
        if name in ARRAYS:
            machine.place([GUARD])
            places[name] = machine.place(entry)
        words[getattr(blocks, "ITERATE_" + name.upper())] = places.get(name, entry)
    machine.place([GUARD])
    return machine.place(words), places


def by_chip(machine: ThumbMachine, case: Case) -> Case:
    """Return all arrays as the machine code leaves them; guard words stay."""
    block, places = place(machine, case)
    assert machine.call("iterate", block) == 0
    for name, at in places.items():
        assert machine.read(at - 4, 1) == machine.read(at + 4 * len(case[name]), 1) == [GUARD]
    return {name: machine.read(at, len(case[name])) for name, at in places.items()}


def random_case(rng: random.Random, n: int, **words: Any) -> Case:
    """Return a case of random numbers, bounded so that every final sum fits."""
    spread = np.random.default_rng(rng.getrandbits(32))

    def table(norm: int) -> np.ndarray:
        """Return rows with few large entries and this L1 norm."""
        values = spread.standard_cauchy((n, n))
        return np.trunc(values * (norm / abs(values).sum(axis=1, keepdims=True))).astype(int)

    # Outputs' pulls stay below 2**18, and what they add to the right-hand side below 2**18.
    pull_shift = rng.randint(8, 12)
    low = [rng.randint(-32768, 32768) for _ in range(n)]
    case = case_at_rest(
        n,
        **tables(table(2048), table(1 << pull_shift), table(8192)),
        carries=[rng.randint(-40000, 40000) for _ in range(3 * n)],
        caps=[rng.choice((0, 1, 50, 8000, 20000)) for _ in range(3 * n)],
        goals=[word for edge in low for word in (edge, rng.randint(-9000, 9000))],
        moves=[rng.randint(-40000, 40000) for _ in range(n)],
        outputs=[rng.randint(-60000, 60000) for _ in range(n)],
        change=rng.choice((0, 1, 500, 16384)), one=rng.choice((0, 16384)),
        width=rng.choice((0, 7, 8192, 32768)), move_max=rng.choice((0, 500, 40000)),
        soft_shift=rng.randint(1, 8), pull_shift=pull_shift, factor_shift=rng.randint(8, 14),
        response_shift=rng.randint(8, 14), move_before=rng.randint(0, 16384),
        before=rng.randint(0, 40000), count=rng.randint(1, 6),
    )  # fmt: skip
    return {**case, **words}


@pytest.mark.parametrize("n", [8, 12, 16, 20, 24, 36, 40])
def test_chip_and_twin_leave_the_same_words_for_random_problems(
    machine: ThumbMachine, n: int
) -> None:
    """The twin's campaigns speak for the pump only if all words agree, scratch included."""
    rng = random.Random(n)
    for _ in range(30):
        case = random_case(rng, n)
        assert by_chip(machine, case) == by_twin(case)


@pytest.mark.parametrize("n", [8, 20, 40])
def test_sums_may_wrap_under_way_as_long_as_the_last_one_fits(
    machine: ThumbMachine, n: int
) -> None:
    """Right-hand sides that are equal in pairs meet extreme coefficients that cancel but for one.

    All moves at the full rate and nothing carried: every move pulls 16384 by its own row
    (one and a half, projected), and so does every output by its demand alone.
    """
    rng = random.Random(n)
    pairs = [rng.choice(((INT32_MIN, INT32_MAX), (INT32_MAX, INT32_MIN))) for _ in range(n // 2)]
    row = np.array([c for pair in pairs for c in pair])
    extreme = np.tile(row, (n, 1))
    case = case_at_rest(
        n, **tables(extreme, extreme, extreme), caps=[0] * (3 * n), one=5000, move_before=0,
        moves=[9000] * n, change=0, goals=[0, 9000] * n, width=0, pull_shift=31,
        factor_shift=31, move_max=7000, carries=[0] * (3 * n),
    )  # fmt: skip
    want = by_twin(case)
    assert len(set(want["moves"])) == 1
    assert by_chip(machine, case) == want


@pytest.mark.parametrize("n", [8, 20, 40])
@pytest.mark.parametrize(
    "words",
    [
        {"factor_shift": 1, "move_max": 0},
        {"factor_shift": 31, "response_shift": 31, "pull_shift": 31},
        {"response_shift": 1, "move_max": 3},
        {"soft_shift": 31},
        {"count": 40},
    ],
    ids=str,
)
def test_chip_and_twin_agree_at_the_ends_of_every_range(
    machine: ThumbMachine, n: int, words: dict[str, int]
) -> None:
    """Shifts of 1 and 31, moves clamped to nothing, and many iterations."""
    case = random_case(random.Random(n), n, **words)
    assert by_chip(machine, case) == by_twin(case)


@pytest.mark.parametrize("beyond", [-1, 0, 1])
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_single_move_beyond_the_limit_is_clamped_wherever_it_stands(
    machine: ThumbMachine, sign: int, beyond: int
) -> None:
    """The chip clamps four moves only when it sees that one of them needs it."""
    n, limit = 8, 300
    rows = np.zeros((n, n))
    for at in range(n):
        rows[:] = 0
        rows[at, 0] = sign * (limit + beyond) << 4
        nothing = np.zeros((n, n))
        case = case_at_rest(
            n, **tables(rows, nothing, nothing), before=256, move_max=limit, move_before=0
        )
        got = by_chip(machine, case)
        wanted = [max(-limit, min(limit, sign * (limit + beyond))) if i == at else 0
                  for i in range(n)]  # fmt: skip
        assert got["moves"] == wanted
        assert got == by_twin(case)


BOUNDS = {  # most change, full rate, low edge and width of the outputs, cap
    "cap of zero": (100, 100, -100, 200, 0),
    "zero width": (0, 0, 7, 0, 4000),
    "zero width and cap of zero": (0, 0, 7, 0, 0),
    "cap just hit": (100, 100, -100, 200, 900),
    "far bounds": (1 << 29, 1 << 29, -(1 << 29), 1 << 30, 0),
}


@pytest.mark.parametrize("kind", BOUNDS)
def test_arguments_next_to_a_bound_or_cap_are_treated_alike(
    machine: ThumbMachine, kind: str
) -> None:
    """With all tildes 0 the argument is -carry, which walks over bounds and caps by ones."""
    change, one, low, width, cap = BOUNDS[kind]
    edges = {0, one, change, -change, low, low + width}
    edges |= {edge + side * cap for edge in edges for side in (-1, 1)}
    values = sorted({edge + step for edge in edges for step in (-2, -1, 0, 1, 2)})
    for start in range(0, len(values), 8):
        chosen = (values[start:] + values)[:8]
        carries = [-value for value in chosen for _ in range(2)] + [-value for value in chosen]
        case = case_at_rest(
            8, carries=carries, caps=[cap] * 24, change=change, one=one, width=width,
            goals=[low, 5] * 8,
        )  # fmt: skip
        want = by_twin(case)
        assert want["carries"][:16:2] == [carried(v, -change, change, cap, 0) for v in chosen]
        assert want["carries"][1:16:2] == [carried(v, 0, one, cap, 0) for v in chosen]
        assert want["carries"][16:] == [carried(v, low, low + width, cap, 2) for v in chosen]
        assert by_chip(machine, case) == want


def carried(argument: int, low: int, high: int, cap: int, soft: int) -> int:
    """Return (z >> 1) - w: z the projection or, where soft, a share of the way back to it."""
    argument = min(max(argument, low - cap), high + cap)
    z = min(max(argument, low), high)
    if soft:
        z += (argument - z) >> soft
    return (z >> 1) - (argument - z)


# ---- the comparison notices mutants, and the twin what int32 cannot hold

MUTANTS = {
    "relaxation": ("tilde + (tilde >> 1)", "tilde + (tilde >> 2)"),
    "cap above": ('min(fits(value - high, "beyond"), cap)', 'fits(value - high, "beyond")'),
    "cap below": ('max(fits(value - low, "beyond"), -cap)', 'fits(value - low, "beyond")'),
    "soft share": ("beyond >> soft if soft", "beyond >> (soft + 1) if soft"),
    "hard rows": ("if soft else 0", "if soft else 1"),
    "carry inside": ("= value >> 1", "= value >> 2"),
    "carry outside": ("(z >> 1) - w", "z - w"),
    "pull": ('z - w, "pull"', 'z + w, "pull"'),
    "upper bound": ("value > high", "value > high + 1"),
    "lower bound": ("value < low", "value < low - 1"),
    "neighbour of a change": ("total - by_change", "total"),
    "difference": ("move - last, carries", "move, carries"),
    "demand's pull": ("value + asked", "value"),
    "move before": ("+ words[k.ITERATE_BEFORE]", "+ 0"),
    "move limit above": ("min(limit,", "min(limit + 1,"),
    "move limit below": ("max(-limit", "max(1 - limit"),
    "columns of the triangle": ("columns = 4 * block + 4", "columns = 4 * block + 3"),
    "columns from the diagonal": ("outputs_at + begin :", "outputs_at :"),
}


@pytest.fixture(scope="module")
def expected(machine: ThumbMachine) -> list[tuple[Case, Case]]:
    """Return random cases and what the machine code makes of them."""
    rng = random.Random(8)
    cases = [random_case(rng, 8) for _ in range(60)]
    edges = case_at_rest(8, carries=[-101, -100, -102, 1, 0, -1] * 4, change=100, one=100,
                         goals=[-100, 0] * 8, width=200)  # fmt: skip
    return [(case, by_chip(machine, case)) for case in [*cases, edges]]


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_changed_constant_in_the_twin_is_noticed(
    mutant: str, expected: list[tuple[Case, Case]]
) -> None:
    """Equality would prove little if the cases did not exercise every constant."""
    text = Path(admm_twin.__file__).read_text()
    old, new = MUTANTS[mutant]
    assert text.count(old) == 1
    twin = ModuleType("mutant")
    exec(text.replace(old, new), twin.__dict__)
    assert any(differs(twin, case, want) for case, want in expected)


def differs(twin: ModuleType, case: Case, want: Case) -> bool:
    """Return whether `twin` ends otherwise than `want`; refusing counts as that."""
    try:
        return by_twin(case, twin) != want
    except OverflowError:
        return True


def sum_case(array: str, total: int) -> Case:
    """Return a case of which the first sum of `array`, half an LSB of Q20 included, is `total`."""
    n = 8
    first = np.zeros((n, n), dtype=np.int64)
    first[0, 0], first[0, 1] = divmod(total - (1 << 19), 4)[::-1]
    other = np.zeros((n, n), dtype=np.int64)
    if array == "pulled":
        made = tables(other, first, other)
        return case_at_rest(n, **made, goals=[0, 1, 0, 4] + [0, 0] * 6, pull_shift=20)
    if array == "moves":
        # A move of 4 and one of 1 within their bounds pull as much.
        made = tables(first, other, other)
        moves = [1, 4, *[0] * 6]
        carries = [0] * 24
        carries[1], carries[3] = 1 - 1, 6 - 4
        return case_at_rest(n, **made, moves=moves, carries=carries, change=0, caps=[0] * 24,
                            factor_shift=20)  # fmt: skip
    other[0, 0] = 1 << 20
    other[1, 0] = 4 << 20
    made = tables(other, np.zeros((n, n)), first)
    return case_at_rest(n, **made, before=1, factor_shift=20, response_shift=20)


@pytest.mark.parametrize("array", ["pulled", "moves", "outputs"])
@pytest.mark.parametrize(("edge", "over"), [(INT32_MAX, 1), (INT32_MIN, -1)])
def test_the_twin_refuses_exactly_the_sums_that_the_chip_would_wrap(
    machine: ThumbMachine, array: str, edge: int, over: int
) -> None:
    """Every simulated day is a search for overflows, if the twin misses none."""
    case = sum_case(array, edge)
    want = by_twin(case)
    assert by_chip(machine, case) == want
    with pytest.raises(OverflowError, match=array):
        by_twin(sum_case(array, edge + over))


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"carries": [INT32_MIN] * 24}, "argument"),
        ({"goals": [INT32_MAX, 0] * 8}, "high bound"),
        ({"goals": [0, INT32_MAX] * 8, "carries": [-1] * 24}, "output's pull"),
        ({"before": INT32_MAX, "carries": [-1] * 24}, "first of the right-hand side"),
        (
            {
                "caps": [INT32_MAX] * 24,
                "carries": [-INT32_MAX, 0, INT32_MAX, 0] * 4 + [0] * 8,
                "change": 0,
            },
            "moves' pull",
        ),
    ],
)
def test_the_twin_refuses_what_the_other_steps_would_wrap(changed: Case, what: str) -> None:
    """Differences before a shift or a comparison may not wrap either."""
    with pytest.raises(OverflowError, match=what):
        by_twin({**case_at_rest(8), **changed})


# ---- against mathematics in float64

RHO, RHO_SOFT, SOFT_SHIFT, ONE = 2.0, 4.0, 3, 1 << 15


class Tracking:
    """Follow a reference with a first-order lag: min |y - r|^2 + 0.1 |du|^2 by moves u.

    |du| <= 0.4 from a move before of 0.25, 0 <= u <= 1 and softly 0.1 <= y <= 0.55, in units of 1.
    """

    def __init__(self, n: int) -> None:
        lag = np.arange(n)[:, None] - np.arange(n)[None, :]
        self.n = n
        self.response = np.where(lag >= 0, 0.15 * 0.85 ** np.maximum(lag, 0), 0.0)
        self.difference = np.eye(n) - np.eye(n, k=-1)
        change, output = self.difference, self.response
        self.before = np.eye(n)[0] * 0.25
        self.hessian = 2 * (output.T @ output + 0.1 * change.T @ change)
        self.gradient = -2 * (output.T @ np.full(n, 0.6) + 0.1 * change.T @ self.before)
        self.low = np.concatenate([self.before - 0.4, np.zeros(n), np.full(n, 0.1)])
        self.high = np.concatenate([self.before + 0.4, np.ones(n), np.full(n, 0.55)])
        self.rho = np.repeat([RHO, RHO, RHO_SOFT], n)
        self.rows = np.vstack([change, np.eye(n), output])
        weighted = self.rows.T * self.rho
        self.inverse = np.linalg.inv(self.hessian + weighted @ self.rows)

    def admm(self, iterations: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return x tilde, z and y / rho of OSQP's iteration (Stellato 2020, alg. 1), alpha = 1.5.

        Started from x tilde = 0 at rest; without sigma, so x plays no part.  Soft rows: z is
        the prox of (c / 2) dist(z, bounds)^2 with rho / (c + rho) = 1/8.
        """
        x_tilde, z, y = np.zeros(self.n), np.zeros(3 * self.n), np.zeros(3 * self.n)
        z[0] = 0.25  # nothing is carried: half of the change from the move before
        for _ in range(iterations):
            tilde = self.rows @ x_tilde
            target = 1.5 * tilde - 0.5 * z + y / self.rho
            if not np.any(x_tilde):
                target[0] = 0.25 + 1.5 * (x_tilde[0] - 0.25)
            z = np.clip(target, self.low, self.high)
            z[2 * self.n :] += (target - z)[2 * self.n :] / (1 << SOFT_SHIFT)
            y = self.rho * (target - z)
            right = self.rows.T @ (self.rho * z - y) - self.gradient
            x_tilde = self.inverse @ right
        return x_tilde, z, y / self.rho

    def case(self, iterations: int) -> Case:
        """Return the same iteration for the kernels: 1 is 2**15, products Q14 and Q15."""
        n = self.n
        low = round(0.1 * ONE)
        return case_at_rest(
            n,
            **tables(
                np.rint(RHO * self.inverse * (1 << 15)),
                np.rint(RHO_SOFT / RHO * self.response.T * (1 << 14)),
                np.rint(self.response * (1 << 14)),
            ),
            caps=[1 << 24] * (3 * n), goals=[low, round(2 / RHO_SOFT * 0.6 * ONE)] * n,
            change=round(0.4 * ONE), one=ONE, width=round(0.45 * ONE), move_max=4 * ONE,
            soft_shift=SOFT_SHIFT, pull_shift=14, factor_shift=15, response_shift=14,
            move_before=ONE // 4, before=round((1 + 2 * 0.1 / RHO) * 0.25 * ONE),
            count=iterations,
        )  # fmt: skip


@pytest.mark.parametrize("n", [8, 20])
@pytest.mark.parametrize(("iterations", "error"), [(1, 1e-3), (2, 1e-3), (5, 2e-3), (300, 3e-3)])
def test_the_twin_follows_an_admm_in_float64(n: int, iterations: int, error: float) -> None:
    """Both kernels could share a mistake; float mathematics would not share it."""
    problem = Tracking(n)
    x_tilde, z, w = problem.admm(iterations)
    words = by_twin(problem.case(iterations))
    assert np.abs(np.array(words["moves"]) / ONE - x_tilde).max() < error
    z[0] -= 0.25  # the kernels count the first change from the move before
    carried_rows = (z / 2 - w).reshape(3, n)
    in_order = np.concatenate([carried_rows[:2].T.ravel(), carried_rows[2]])
    assert np.abs(np.array(words["carries"]) / ONE - in_order).max() < error


# ---- the cost, and the block's words


def cycles_of_iterations(machine: ThumbMachine, case: Case, count: int) -> int:
    """Return the cycles of `count` iterations, entry and exit included."""
    block, _ = place(machine, {**case, "count": count})
    return machine.call_counting_cycles("iterate", block)[1]


@pytest.mark.parametrize(("n", "most"), [(8, 1_600), (20, 5_500), (40, 16_800)])
def test_an_iteration_is_as_quick_as_the_tick_counts_on(
    machine: ThumbMachine, n: int, most: int
) -> None:
    """In the middle of a solve, some of the rows beyond their bounds."""
    case = Tracking(n).case(0)
    cycles = [cycles_of_iterations(machine, case, count) for count in (2, 12)]
    assert (cycles[1] - cycles[0]) / 10 <= most


def test_the_assembler_counts_the_words_of_a_block_as_the_twin_does() -> None:
    """The assembler folds only its own module's constants, so they are written twice."""
    own = {k: v for k, v in block_constants(SOURCE).items() if k.startswith("ITERATE_")}
    assert own == block_words("ITERATE_")
