# SPDX-License-Identifier: MIT
"""A timing is taken once for the same bytes, and again for any others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mesor_hil.bench_solver import kept
from mesor_hil.bench_solver.kept import kept_timing
from mesor_hil.bench_solver.measure import Solve, Timing
from mesor_hil.bench_solver.problem import State

STATES = [State(1.0, 0.5, 0.0, 1.5, 0.25), State(0.0, 0.0, 0.0, 2.0, 1.0)]


@pytest.fixture
def timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Stand in for the emulated board; return how often it was asked."""
    count = 0

    def board(*_: object) -> Timing:
        nonlocal count
        count += 1
        return Timing((Solve(-3, 1000 + count, 0.5), Solve(2, 900, 1.0)), 111, 22)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(kept, "time_solver", board)
    return lambda: count


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Return an image of a few bytes."""
    path = tmp_path / "image.uf2"
    path.write_bytes(b"image")
    return path


def test_the_same_bytes_are_timed_once(timed: Callable[[], int], image: Path) -> None:
    """The kept timing is the very one that was taken."""
    first = kept_timing(image, {"solver.py": b"1"}, STATES, [True, False])
    assert kept_timing(image, {"solver.py": b"1"}, STATES, [True, False]) == first
    assert timed() == 1


def test_whatever_changes_is_timed_anew(timed: Callable[[], int], image: Path) -> None:
    """Files, states, what is cold, the image, and a wish for fresh figures."""
    kept_timing(image, {"solver.py": b"1"}, STATES, [True, False])
    kept_timing(image, {"solver.py": b"2"}, STATES, [True, False])
    kept_timing(image, {"solver.py": b"1", "program.bin": b""}, STATES, [True, False])
    other = [STATES[0], replace(STATES[1], target=2.5)]
    kept_timing(image, {"solver.py": b"1"}, other, [True, False])
    kept_timing(image, {"solver.py": b"1"}, STATES, [True, True])
    kept_timing(image, {"solver.py": b"1"}, STATES, [True, False], fresh=True)
    image.write_bytes(b"other image")
    kept_timing(image, {"solver.py": b"1"}, STATES, [True, False])
    assert timed() == 7
