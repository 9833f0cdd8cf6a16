# SPDX-License-Identifier: MIT
"""Every constant of the control path matters: changed on one side, bit-identity notices.

Every integer in the sources of solver, estimator, limiter, planner and kernels is
raised by one in turn, in a copy of the firmware; the copy and the original then
live through the same two eventful hours (test_mutations.py changes operations).
The exact finish is left out: it corrects itself until its answer is right, so most of
its constants decide how soon; test_refine.py and test_active_set.py change those of its
kernels.
Where no record can differ, the reason is stated in `HARMLESS`, and a test holds
each of those to it.
"""

from __future__ import annotations

import ast
from array import array
from collections.abc import Iterator

import pytest

from mesor.program import Program
from pump.core import controller as original_controller
from pump.core import supervisor as original_supervisor
from pump.core import weights
from pump.spec import reasons
from pump.spec import record as at

from .altered import SOURCE, Transform, altered_pump
from .closed_loop import eventful, finishing, records, started

MODULES = (
    "solver",
    "estimator",
    "limiter",
    "planner",
    "kernels_twin",
    "admm_twin",
    "warm_start_twin",
    "weights",
)


def constants(tree: ast.Module) -> Iterator[tuple[str, ast.Constant]]:
    """Yield every int with a name: where it stands, its value, and which of those it is."""
    seen: dict[str, int] = {}

    def walk(node: ast.AST, scope: str) -> Iterator[tuple[str, ast.Constant]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                yield from walk(child, f"{scope}.{child.name}")
            elif isinstance(child, ast.Constant) and type(child.value) is int:
                name = f"{scope} {child.value}"
                seen[name] = seen.get(name, 0) + 1
                yield (name if seen[name] == 1 else f"{name} #{seen[name]}"), child
            else:
                yield from walk(child, scope)

    yield from walk(tree, "")


def names_of(module: str) -> list[str]:
    """Return the names of all constants of one module of core."""
    source = (SOURCE / "core" / f"{module}.py").read_text(encoding="utf-8")
    return [module + name for name, _ in constants(ast.parse(source))]


def raised(target: str) -> Transform:
    """Return the transformation that raises the constant of that name by one."""
    module = target.split(" ", maxsplit=1)[0].split(".", maxsplit=1)[0]

    def transform(name: str, tree: ast.Module) -> ast.Module:
        if name == f"core.{module}":
            for place, constant in constants(tree):
                if module + place == target:
                    assert isinstance(constant.value, int)
                    constant.value += 1
        return tree

    return transform


# No loop reads the whole table of weights; test_weights.py holds it to its definition.
_HALVES = {f"weights {half}" for half in weights._HALVES}
MUTATIONS = [name for module in MODULES for name in names_of(module) if name not in _HALVES]
_MEASURED = "times are measured and decide nothing"
_WRITTEN = "the array is written before it is read"
_ROOM = "a larger array: its tail is never read"
_TAIL = "a longer slice: zip stops at the shorter of the two"
_START = "only shows in a record before the first decision, and there is none"
_ENDED = "no plan of this loop is shifted to its end; tests/pump/core/test_planner.py does"
_DEFENCE = "the planner never asks for this; tests/pump/core/test_limiter.py does"
_CEILING = "no estimate of this loop reaches it; tests/pump/core/test_limiter.py does"
_SOFT = "this loop's program has no soft limit; tests/pump/core/test_limiter.py has"
_PAGE = "this loop's day fills no page; the day of tests/pump/core/test_limiter.py fills one"
_TAKEOVER = "no program takes over in this loop; tests/pump/core/test_handover.py lets one"
_LEAST = "one part in 2**14 is none of the 2**10 that a weight is counted in"
_INT32 = "a bound that proved programs never reach; the kernels' own tests do"
_SIGN = "Python's ints go on for ever: a shift by 32 leaves the sign as one by 31 does"
_IGNORED = "nobody reads what the kernel returns"
HARMLESS = {
    "solver 1073741823": _MEASURED,
    "solver.Solver.__init__ 0": _START,
    "solver.Solver.__init__ 0 #2": _START,
    "solver.Solver.__init__ 0 #3": _START,
    "solver.Solver.__init__ 0 #4": _MEASURED,
    "solver.Solver._make_block 0": "words that every solve sets",
    "estimator.Estimator.__init__ 1 #3": _ROOM,
    "estimator.Estimator.__init__ 0 #3": _WRITTEN,
    "estimator.Estimator.__init__ 0 #4": _WRITTEN,
    "estimator.Estimator.__init__ 0 #5": _START,
    **{f"estimator.Estimator.__init__ 0 #{number}": _WRITTEN for number in range(6, 11)},
    "estimator.Estimator._add_blocks 1 #8": _TAIL,
    "estimator.Estimator.follow 0": _TAKEOVER,
    "estimator.Estimator.follow 1": _TAKEOVER,
    "estimator.Estimator.follow 1 #2": _TAKEOVER,
    "estimator.Estimator._follow_model 1": _TAKEOVER,
    "estimator.Estimator._follow_model 1 #2": _TAKEOVER,
    "estimator.Estimator._follow_model 1 #3": _TAKEOVER,
    "estimator.Estimator.look_ahead 0": "of one model alone; tests/pump/core/test_estimator.py's",
    "limiter.Limiter.follow 1": _TAKEOVER,
    "limiter.Limiter.quarters 0 #2": "a second ago lies in the same quarter hour as now",
    "limiter.Limiter.limit 0": "the controller always names the level",
    "limiter.Limiter.__init__ 1": _ROOM,
    "limiter 1 #3": _PAGE,
    "limiter 8 #2": _PAGE,
    "limiter 1 #5": _DEFENCE,
    "limiter 28": _DEFENCE,
    "limiter 1 #6": _DEFENCE,
    "limiter 10": _ROOM,
    "limiter._ask 1": _DEFENCE,
    "limiter._ask 0": _DEFENCE,
    "limiter._ask 0 #2": _DEFENCE,
    "limiter._ask 1 #2": _SOFT,
    "limiter._ask 0 #3": _SOFT,
    "limiter._ask 0 #4": _SOFT,
    "limiter._ask 0 #5": _CEILING,
    "limiter._ask 0 #6": _CEILING,
    "limiter._within_caps 0": _SOFT,
    "limiter._within_caps 0 #2": _SOFT,
    "limiter._within_caps 0 #3": _SOFT,
    "limiter._within_caps 0 #4": _SOFT,
    "limiter._within_caps 1": _SOFT,
    "limiter._within_caps 1 #2": _SOFT,
    "limiter._within_caps 0 #5": "a window never holds more than its cap",
    "limiter._within_caps 0 #6": "a window never holds more than its cap",
    "planner.Planner.__init__ 1": _ENDED,
    "planner.Planner.plan 1": _ENDED,
    "planner.Planner._shift 1 #3": _ENDED,
    "planner.Planner.__init__ 1 #2": _TAKEOVER,
    "planner.Planner.__init__ 0": _START,
    "planner.Planner.__init__ 0 #2": _START,
    "weights 14": _LEAST,
    "weights._weigh 0": "what rounding leaves, where two scores are equal; here none are",
    "weights._weigh 0 #3": _LEAST,
    "weights.Weights.__init__ 0 #4": _WRITTEN,
    "kernels_twin 1": _INT32,
    "kernels_twin 31": _INT32,
    "kernels_twin 1 #2": _INT32,
    "kernels_twin 31 #2": _INT32,
    "kernels_twin 1 #3": _INT32,
    "kernels_twin.multiply 0": _IGNORED,
    "admm_twin.iterate 0": _IGNORED,
    "admm_twin._project_moves 0": "it goes into the pull's word to spare",
    "admm_twin._right_hand_side 4 #3": _TAIL,
    "admm_twin._moves 1 #4": _TAIL,
    "admm_twin._moves 4 #4": _TAIL,
    "admm_twin._outputs 4 #5": _TAIL,
    "warm_start_twin.begin 0 #2": _IGNORED,
    "warm_start_twin.shift 0": _IGNORED,
    "warm_start_twin.read 0 #2": "bit 0 lies below the limit of what has settled",
    "warm_start_twin.read 0 #4": "the finish puts a move that has a bound on it",
    "warm_start_twin._row 31": _SIGN,
}


def first_difference(
    target: str, words: array[int], expected: list[list[int]], exact: list[list[int]]
) -> int | None:
    """Return the tick whose record differs under that mutation, None when none does."""
    tick = difference(target, eventful(words), expected)
    return difference(target, finishing(words), exact) if tick is None else tick


def difference(target: str, words: array[int], expected: list[list[int]]) -> int | None:
    """Return the same for one program."""
    tick = 0
    with altered_pump(raised(target)) as load:
        try:
            copy = started(load("core.controller"), load("core.supervisor"), array("i", words))
            for tick, record in enumerate(records(copy)):
                if record != expected[tick]:
                    return tick
        except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError):
            return tick  # a stopped pump differs from a running one
    return None


@pytest.fixture(scope="module")
def words(program: Program) -> array[int]:
    """Return the program's words."""
    return array("i", program.bytes)


@pytest.fixture(scope="module")
def expected(words: array[int]) -> list[list[int]]:
    """Return the records of the firmware as it is, its solver only iterating."""
    return list(records(started(original_controller, original_supervisor, eventful(words))))


@pytest.fixture(scope="module")
def exact(words: array[int]) -> list[list[int]]:
    """Return the records of the firmware as it is, its solver with its finish."""
    return list(records(started(original_controller, original_supervisor, finishing(words))))


def test_the_loop_meets_every_verdict_plan_and_limit_that_constants_could_hide_in(
    expected: list[list[int]],
) -> None:
    """A dull loop would let mutations live."""
    assert {reasons.READING_USED, reasons.READING_MISSING, reasons.READING_TOO_FAST} <= {
        record[at.READING_VERDICT] for record in expected
    }
    assert {record[at.PLAN_SOURCE] for record in expected} == {
        reasons.PLAN_SOLVED,
        reasons.PLAN_SHIFTED,
        reasons.PLAN_FALLBACK,
    }
    assert {record[at.LIMIT_REASON] for record in expected} == {
        reasons.LIMIT_NONE,
        reasons.LIMIT_RATE,
        reasons.LIMIT_HOUR,
        reasons.LIMIT_DAY,
        reasons.LIMIT_STOPPED,
    }


def test_an_unaltered_copy_decides_the_same(
    words: array[int], expected: list[list[int]], exact: list[list[int]]
) -> None:
    """Else every mutation would seem to be noticed."""
    assert first_difference("none", words, expected, exact) is None


@pytest.mark.parametrize("target", [name for name in MUTATIONS if name not in HARMLESS])
def test_a_constant_raised_by_one_is_noticed(
    target: str, words: array[int], expected: list[list[int]], exact: list[list[int]]
) -> None:
    """Twin and chip agree only if they agree in every constant."""
    assert first_difference(target, words, expected, exact) is not None


@pytest.mark.parametrize("target", HARMLESS)
def test_a_constant_listed_as_harmless_is(
    target: str, words: array[int], expected: list[list[int]], exact: list[list[int]]
) -> None:
    """The list of exceptions must not outlive its reasons, nor name what is not there."""
    assert target in MUTATIONS
    assert first_difference(target, words, expected, exact) is None
