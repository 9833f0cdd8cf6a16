# SPDX-License-Identifier: MIT
"""No step of the control tick leaves MicroPython's small ints.

On the chip an int of 2**30 or more lives on the heap, and the heap is locked during
the tick.  Every arithmetic result and name in a copy of the firmware is checked
while it lives through the eventful loop, at the extremes of its inputs as well.
Viper code is checked against its own int32.
"""

from __future__ import annotations

import ast
from array import array
from typing import Any

import pytest

from pump.spec import record as at

from .altered import altered_pump
from .closed_loop import TICKS, eventful, records, started

# What runs between heap_lock and heap_unlock, kernels aside: those are int32 by proof.
CHECKED = (
    "core.controller", "core.sense", "core.estimator", "core.planner", "core.solver",
    "core.limiter", "core.supervisor", "core.schedule", "core.intake", "core.framing",
)  # fmt: skip
SMALL, INT32 = 30, 31


def small(value: Any, bits: int, place: str) -> Any:
    """Return `value`; raise OverflowError for an int that does not fit."""
    if type(value) is int and not -(1 << bits) <= value < 1 << bits:
        raise OverflowError(f"{place}: {value} is no {bits + 1}-bit int")
    return value


class _Checks(ast.NodeTransformer):
    """Wraps every read name, operation and item of every function in `small`."""

    def __init__(self, module: str) -> None:
        self._module, self._bits, self._depth = module, SMALL, 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        """Descend into a function; viper ones hold int32."""
        viper = any("viper" in ast.unparse(d) for d in node.decorator_list)
        self._bits, self._depth = INT32 if viper else SMALL, self._depth + 1
        node.body = [self.visit(statement) for statement in node.body]
        self._depth -= 1
        return node

    def _wrap(self, node: ast.expr) -> ast.expr:
        """Return the checked expression; outside functions nothing runs in the tick."""
        node = self.generic_visit(node)  # type: ignore[assignment]
        if not self._depth or isinstance(getattr(node, "ctx", None), ast.Store | ast.Del):
            return node
        place = ast.Constant(f"{self._module}:{node.lineno}")
        name = ast.Name("small", ast.Load())
        return ast.copy_location(ast.Call(name, [node, ast.Constant(self._bits), place], []), node)

    def visit(self, node: ast.AST) -> Any:
        """Check what yields a number; look inside everything else."""
        numbers = (ast.BinOp, ast.UnaryOp, ast.Subscript, ast.Name, ast.Attribute)
        return self._wrap(node) if isinstance(node, numbers) else super().visit(node)


def checked(name: str, tree: ast.Module) -> ast.Module:
    """Return the module with its checks."""
    return _Checks(name).visit(tree) if name in CHECKED else tree


@pytest.mark.parametrize("seed", [1, 2])
def test_an_eventful_loop_stays_in_small_ints(words: array[int], seed: int) -> None:
    """The same two hours as the mutations' loop."""
    with altered_pump(checked, small=small) as load:
        pump = started(load("core.controller"), load("core.supervisor"), eventful(words))
        assert len(list(records(pump, seed))) == TICKS + 1


def test_inputs_at_the_ends_of_their_ranges_stay_in_small_ints(words: array[int]) -> None:
    """What the wire and the board may bring at most, for every two input words at a time."""
    most = {
        at.SAMPLE_INDEX: 1 << 29, at.READING_TIME_S: 1 << 29, at.CONC: 1 << 29,
        at.QUALITY: 1 << 29, at.STEPS_DONE: (1 << 30) - 1, at.PRESSURE_RAW: 65_535,
        at.TICK: 3_000_000, at.BOARD_FLAGS: 15,
    }  # fmt: skip
    with altered_pump(checked, small=small) as load:
        for first, high in most.items():
            for second, other_high in most.items():
                pump = started(load("core.controller"), load("core.supervisor"), words)
                list(records(pump, ticks=3))
                pump.record[at.ELAPSED_TICKS] = 1
                pump.record[first], pump.record[second] = high, other_high
                pump.decide()


@pytest.mark.parametrize("start_ms", [0, (1 << 29) - 700, (1 << 30) - 700])
def test_the_beat_stays_in_small_ints_across_the_wrap(start_ms: int) -> None:
    """Times come right up to 2**30 every twelve days."""
    with altered_pump(checked, small=small) as load:
        schedule = load("core.schedule").Schedule(1000, start_ms)
        for ms in range(0, 4000, 20):
            now = (start_ms + ms) % (1 << 30)
            if ms % 1000 == 0:
                schedule.call(now)
            assert schedule.wait_ms(now) >= 0
            if schedule.is_due(now):
                assert schedule.begin(now) == 1
                assert schedule.window_ms(now) > 0


def test_the_check_itself_finds_what_it_is_for() -> None:
    """Else a green run would mean nothing: 2**30 is one too many."""
    tree = ast.parse("def f(x):\n    return (x - 1) + 1\n")
    scope: dict[str, Any] = {"small": small}
    exec(compile(ast.fix_missing_locations(_Checks("f").visit(tree)), "f", "exec"), scope)
    assert scope["f"]((1 << 30) - 1) == (1 << 30) - 1
    with pytest.raises(OverflowError, match="no 31-bit int"):
        scope["f"](1 << 30)
