# SPDX-License-Identifier: MIT
"""What all tests share: one seed, printed with every run, an image, and a program.

A random case can be repeated from the two words in the header, seed and commit.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

# Before anything loads BLAS: its threads would only wait for those of the other test process.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import hypothesis
import pytest

from mesor.image import ensure_image
from mesor.program import (
    ControlModel,
    Problem,
    Program,
    PumpGeometry,
    SafetyLimits,
    Therapy,
    compile_program,
)

pytest_plugins = ("mesor_hil.hazard_proofs",)
_SEED_DEFAULT = 20_250_415

# Generated cases come from the test's own text, so that a failure here is a failure everywhere;
# a deadline would only measure how busy the machine is.
hypothesis.settings.register_profile("mesor", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("mesor")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run choose its seed: `pytest --seed 7`."""
    parser.addoption("--seed", type=int, default=_SEED_DEFAULT, help="seed of all random cases")


def pytest_report_header(config: pytest.Config) -> str:
    """Return the line from which this run can be repeated."""
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    seed = config.getoption("--seed")
    commit = described.stdout.strip() or "unknown"
    return f"seed={seed} commit={commit} (again: pytest --seed {seed})"


@pytest.fixture(scope="session")
def seed(request: pytest.FixtureRequest) -> int:
    """Return the seed of this run, for `random.Random` or `numpy.random.default_rng`."""
    return int(request.config.getoption("--seed"))


@pytest.fixture(scope="session")
def micropython_image() -> Path:
    """Return the UF2 file of the pinned MicroPython, fetched or built by the first run of all."""
    return ensure_image().path


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
