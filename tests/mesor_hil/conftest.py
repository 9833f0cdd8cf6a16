# SPDX-License-Identifier: MIT
"""One compiled program, one recorded twin run and one booted Pico for all tests of the bench."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesor.program import Program, compile_program
from mesor_hil.run import Order, execute
from mesor_hil.scenarios import Scenario, load_scenario
from mesor_hil.targets.emulator import EmulatorTarget

from .chip_copies import BOOTED, in_a_copy

SAMPLES = 200


@pytest.fixture(scope="session")
def scenario() -> Scenario:
    """Return the short scenario: 24 ticks."""
    return load_scenario("vancomycin_two_hours")


@pytest.fixture(scope="session")
def program(scenario: Scenario) -> Program:
    """Return the short scenario's program, certified on few states."""
    return compile_program(scenario.problem(), SAMPLES)


@pytest.fixture(scope="session")
def twin_run(
    scenario: Scenario, program: Program, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return the folder of a finished run on the twin."""
    folder = tmp_path_factory.mktemp("runs") / "twin"
    execute(Order(scenario, "twin", 7, folder), _say_nothing, _show_nothing, program)
    return folder


@pytest.fixture(scope="session")
def booted(micropython_image: Path) -> EmulatorTarget:
    """Return an emulated Pico whose firmware waits for a host; it is for copying only."""
    return EmulatorTarget(_say_nothing)


@pytest.fixture
def chip(booted: EmulatorTarget, request: pytest.FixtureRequest) -> EmulatorTarget:
    """Return a copy of that Pico, and let the test run beside it (chip_copies.py)."""
    request.node.stash[BOOTED] = booted
    return booted


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that has asked for `chip` in a copy of this process."""
    booted = pyfuncitem.stash.get(BOOTED, None)
    if booted is None:
        return None
    wanted = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in wanted}
    in_a_copy(booted, lambda: pyfuncitem.obj(**arguments))
    return True


def _say_nothing(_text: str) -> None:
    """Take a step's description."""


def _show_nothing(_tick: int, _ticks: int, _conc_mg_l: float) -> None:
    """Take a run's progress."""
