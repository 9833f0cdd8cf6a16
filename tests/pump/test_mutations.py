# SPDX-License-Identifier: MIT
"""The bit-identity test can fail: change any one constant on one side and the records differ.

An identity that held for altered sources too would prove nothing about the real ones.
"""

from __future__ import annotations

import ast
import random
from array import array
from typing import Any

import numpy as np
import pytest

from pump.core.controller import Controller
from pump.core.supervisor import EVENT_PROGRAM, EVENT_START, Supervisor
from pump.spec import program as layout
from pump.spec import record as at

from .altered import SOURCE, altered_pump

TICKS = 40
SEED = 11

# name: module, text, its altered text.
MUTATIONS = {
    "over-relaxation": ("core.kernels_twin", '"step") >> 1) + w', '"step") >> 2) + w'),
    "relaxed x": (
        "core.kernels_twin",
        "relaxed[relaxed_at + i]) >> 1)",
        "relaxed[relaxed_at + i]) >> 2)",
    ),
    "rounding of the output": (
        "core.kernels_twin",
        "half = 1 << (shift - 1)",
        "half = 1 << (shift - 2)",
    ),
    "rounding of a product": (
        "core.kernels_twin",
        "total = 1 << (shift - 1)",
        "total = 1 << (shift - 2)",
    ),
    "pull of a row": ("core.kernels_twin", "2 * projected - argument", "3 * projected - argument"),
    "soft step": (
        "core.kernels_twin",
        "(argument - projected) >> soft_shift",
        "(argument - projected) >> (soft_shift + 1)",
    ),
    "warm start's groups": ("core.solver", "for group in range(3):", "for group in range(2):"),
    "first bound of change": (
        "core.solver",
        "move_before + self._change_max",
        "move_before + self._change_max + 1",
    ),
    "gain of the next reading": (
        "core.estimator",
        "self._used = gain + 1",
        "self._used = gain + 2",
    ),
    "innovation": ("core.estimator", "level - state[0]", "level - state[0] + 1"),
    "carried fraction": ("core.limiter", "self._steps_full + self.carry", "self._steps_full"),
    "window of the hour": (
        "core.limiter",
        "self._step_at(self._ticks_hour - 1)",
        "self._step_at(self._ticks_hour - 2)",
    ),
    "total": ("core.limiter", "const(0x3FFFFFFF)", "const(0xFFFF)"),
    "missed tick": ("core.controller", "estimator.predict(0)", "estimator.predict(1000)"),
    "demand": ("core.planner", "target - free[i]", "target - free[i] + 1"),
}


@pytest.fixture
def capped(words: array[int]) -> array[int]:
    """Return the program with an hourly cap that the loading phase reaches."""
    words[layout.AT_STEPS_HOUR_MAX] = 110_000
    return words


def inputs_of_a_run(words: array[int]) -> np.ndarray:
    """Return the records (T, words) of a closed loop on a one-compartment patient."""
    controller = started(Controller, Supervisor, words)
    noise = random.Random(SEED)
    conc_ug_l, steps, tick, records = 0.0, 0, -1, []
    for index in range(TICKS):
        elapsed = 2 if index == 20 else 1
        tick += elapsed
        conc_ug_l = conc_ug_l * 0.985**elapsed + steps * 0.19
        record = controller.record
        record[at.TICK], record[at.ELAPSED_TICKS] = tick, elapsed
        record[at.READING_PRESENT] = 0 if index % 7 == 5 else 1
        record[at.SAMPLE_INDEX], record[at.READING_TIME_S] = tick, 300 * tick
        record[at.CONC_UG_L] = max(0, round(conc_ug_l * noise.gauss(1.0, 0.05)))
        record[at.QUALITY], record[at.STEPS_DONE] = 100, steps
        record[at.RESERVOIR_RAW] = record[at.BATTERY_RAW] = 60_000
        steps = controller.decide()
        records.append(list(record))
    return np.array(records)


def started(controller_class: Any, supervisor_class: Any, words: array[int]) -> Any:
    """Return a controller in a running therapy."""
    supervisor = supervisor_class()
    supervisor.happen(EVENT_PROGRAM)
    supervisor.happen(EVENT_START)
    return controller_class(words, supervisor)


def decided(controller: Any, records: np.ndarray) -> np.ndarray:
    """Return the records that a controller makes of the same inputs."""
    result = []
    for record in records:
        controller.record[: at.INPUT_WORDS] = array("i", record[: at.INPUT_WORDS].tolist())
        controller.decide()
        result.append(list(controller.record))
    return np.array(result)


def decided_by_altered(words: array[int], records: np.ndarray, mutation: tuple[str, ...]) -> Any:
    """Return what sources with one text changed decide; None where they raise instead."""
    module, text, altered = mutation

    def transform(name: str, tree: ast.Module) -> ast.Module:
        if name != module:
            return tree
        source = SOURCE.joinpath(*name.split(".")).with_suffix(".py").read_text()
        assert text in source, f"{module} no longer has {text!r}: name another constant"
        return ast.parse(source.replace(text, altered))

    with altered_pump(transform) as load:
        controller = started(
            load("core.controller").Controller, load("core.supervisor").Supervisor, words
        )
        try:
            return decided(controller, records)
        except OverflowError:
            return None


def test_unaltered_sources_decide_alike(capped: array[int]) -> None:
    """The comparison itself must be able to pass."""
    records = inputs_of_a_run(capped)
    assert np.array_equal(
        decided_by_altered(capped, records, ("core.limiter", "self.carry", "self.carry")), records
    )


@pytest.mark.parametrize("name", MUTATIONS)
def test_one_altered_constant_is_noticed(capped: array[int], name: str) -> None:
    """Each constant of solver, estimator and limiter must matter to the record."""
    records = inputs_of_a_run(capped)
    altered = decided_by_altered(capped, records, MUTATIONS[name])
    assert altered is None or not np.array_equal(altered, records)
