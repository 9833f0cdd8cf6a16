# SPDX-License-Identifier: MIT
"""The program that the pump's tests run: the default therapy, compiled once for all of them."""

from __future__ import annotations

from array import array

import pytest

from mesor.program import (
    ControlModel,
    Problem,
    Program,
    PumpGeometry,
    SafetyLimits,
    Therapy,
    compile_program,
)


@pytest.fixture(scope="session")
def problem() -> Problem:
    """Return the default vancomycin therapy: 20 mg/L held within 15 to 25 mg/L."""
    return Problem(
        ControlModel(4.5, 30.0, 5.0, 35.0),
        Therapy(20.0, 15.0, 25.0, 1000.0, 400.0, 60.0),
        SafetyLimits(1000.0, 6000.0),
        PumpGeometry(69.25, 83.3),
    )


@pytest.fixture(scope="session")
def program(problem: Problem) -> Program:
    """Return that therapy's program and its certificate."""
    return compile_program(problem, samples=200)


@pytest.fixture
def words(program: Program) -> array[int]:
    """Return the program's words as the pump holds them; a test may change its copy."""
    return array("i", program.bytes)
