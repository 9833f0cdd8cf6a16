# SPDX-License-Identifier: MIT
"""The bit-identity test can fail: change any one constant on one side and the records differ.

An identity that held for altered sources too would prove nothing about the real ones.
"""

from __future__ import annotations

import ast
from array import array

import pytest

from mesor.program import Program
from pump.core import controller as original_controller
from pump.core import supervisor as original_supervisor

from .altered import SOURCE, altered_pump
from .closed_loop import eventful, records, started

# name: module, text, its altered text.
MUTATIONS = {
    "over-relaxation": ("core.admm_twin", "tilde + (tilde >> 1)", "tilde + (tilde >> 2)"),
    "rounding of the moves": (
        "core.admm_twin",
        'half + sum(a * b for a, b in zip(column, values)), "moves"',
        'sum(a * b for a, b in zip(column, values)), "moves"',
    ),
    "rounding of a product": (
        "core.kernels_twin",
        "total = 1 << (shift - 1)",
        "total = 1 << (shift - 2)",
    ),
    "pull of a row": ("core.admm_twin", "fits(z - w, ", "fits(z + w, "),
    "soft step": ("core.admm_twin", "beyond >> soft if", "beyond >> (soft + 1) if"),
    "demand's pull": ("core.warm_start_twin", "+ half, ", "+ 0, "),
    "pull of the move before": ("core.solver", "+ self._before_half", "- self._before_half"),
    "gain of the next reading": (
        "core.estimator",
        "sizes[_GAINS_AT] = gains_at + states",
        "sizes[_GAINS_AT] = gains_at + states + 1",
    ),
    "innovation": (
        "core.estimator",
        "level - state[model * (states + 1)]",
        "1 + level - state[model * (states + 1)]",
    ),
    "carried fraction": (
        "core.limiter",
        "account[_MOVE] * words[layout.AT_STEPS_FULL] + account[CARRY]",
        "account[_MOVE] * words[layout.AT_STEPS_FULL]",
    ),
    "window of the hour": (
        "core.limiter",
        "place + 1 - self._words[layout.AT_TICKS_HOUR]",
        "place + 2 - self._words[layout.AT_TICKS_HOUR]",
    ),
    "total": ("core.limiter", "const(0x3FFFFFFF)", "const(0xFFFF)"),
    "missed tick": (
        "core.controller",
        "self._predict(move, ago)",
        "self._predict(move + 1000 * ago, ago)",
    ),
    "demand": ("core.planner", "targets[i + 1] - free[i]", "targets[i + 1] - free[i] + 1"),
}


@pytest.fixture(scope="module")
def expected(program: Program) -> list[list[int]]:
    """Return what the unaltered sources decide."""
    words = eventful(array("i", program.bytes))
    return list(records(started(original_controller, original_supervisor, words)))


def decided_by_altered(program: Program, mutation: tuple[str, ...]) -> list[list[int]] | None:
    """Return what sources with one text changed decide; None where they raise instead."""
    module, text, altered = mutation

    def transform(name: str, tree: ast.Module) -> ast.Module:
        if name != module:
            return tree
        source = SOURCE.joinpath(*name.split(".")).with_suffix(".py").read_text()
        assert text in source, f"{module} no longer has {text!r}: name another constant"
        return ast.parse(source.replace(text, altered))

    words = eventful(array("i", program.bytes))
    with altered_pump(transform) as load:
        controller = started(load("core.controller"), load("core.supervisor"), words)
        try:
            return list(records(controller))
        except OverflowError:
            return None


def test_unaltered_sources_decide_alike(program: Program, expected: list[list[int]]) -> None:
    """The comparison itself must be able to pass."""
    assert decided_by_altered(program, ("core.limiter", "steps", "steps")) == expected


@pytest.mark.parametrize("name", MUTATIONS)
def test_one_altered_constant_is_noticed(
    program: Program, expected: list[list[int]], name: str
) -> None:
    """Each constant of solver, estimator and limiter must matter to the record."""
    assert decided_by_altered(program, MUTATIONS[name]) != expected
