# SPDX-License-Identifier: MIT
"""The indices of control, against figures worked out by hand."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from scipy import stats

from mesor.errors import RecordError
from mesor.performance import TargetWindow, evaluate

WINDOW = TargetWindow(target_mg_l=20.0, low_mg_l=15.0, high_mg_l=25.0)


def test_the_indices_of_five_samples_are_those_worked_out_by_hand() -> None:
    """PE = 0, 10, -10, 20, 10 %: medians 10, 10 and 10 (of 10, 0, 20, 10, 0)."""
    found = evaluate([0, 3600, 7200, 10800, 14400], [20.0, 22.0, 18.0, 24.0, 22.0], WINDOW)
    assert found.mdpe == pytest.approx(10.0)
    assert found.mdape == pytest.approx(10.0)
    assert found.wobble == pytest.approx(10.0)
    assert found.overshoot == pytest.approx(20.0)
    # |PE| = 0, 10, 10, 20, 10 at -2 … 2 h about the mean: (0 - 10 + 0 + 20 + 20) / 10.
    assert found.divergence == pytest.approx(3.0)
    assert found.time_in_window == 100.0


def test_a_level_on_target_scores_perfectly() -> None:
    """All errors zero, no time to settle."""
    found = evaluate(np.arange(10) * 300.0, np.full(10, 20.0), WINDOW)
    assert found.summary() == {
        "time_in_window": 100.0,
        "mdpe": 0.0,
        "mdape": 0.0,
        "wobble": 0.0,
        "divergence": 0.0,
        "overshoot": 0.0,
        "settling_time_s": 0.0,
        "steady_time_s": 0.0,
    }


def test_a_constant_offset_is_bias_without_wobble() -> None:
    """2 mg/L below target all along: MDPE -10 %, MDAPE 10 %, wobble 0, no overshoot."""
    found = evaluate(np.arange(10) * 300.0, np.full(10, 18.0), WINDOW)
    assert (found.mdpe, found.mdape, found.wobble) == pytest.approx((-10.0, 10.0, 0.0))
    assert found.overshoot == 0.0


def test_loading_does_not_count_but_everything_after_the_first_entry_does() -> None:
    """In at 900 s, out again at 1500 s, back for good at 2100 s."""
    times = np.arange(0, 3001, 300)
    levels = [0.0, 6.0, 12.0, 16.0, 20.0, 27.0, 26.0, 24.0, 20.0, 20.0, 20.0]
    found = evaluate(times, levels, WINDOW)
    assert found.settling_time_s == 900.0
    assert found.steady_time_s == 2100.0
    # Outside from 5/7 into 1200..1500 s until half way through 1800..2100 s.
    outside = 300.0 * (2.0 / 7.0 + 1.0 + 0.5)
    assert found.time_in_window == pytest.approx(100.0 * (1.0 - outside / 2100.0))
    assert found.overshoot == pytest.approx(35.0)


def test_time_in_window_is_of_time_and_not_of_samples() -> None:
    """A dense excursion between sparse samples weighs what it lasts: 2 s x 1/2 of 3602 s."""
    found = evaluate([0, 3600, 3601, 3602], [20.0, 25.0, 30.0, 25.0], WINDOW)
    assert found.time_in_window == pytest.approx(100.0 * 3600.0 / 3602.0)


def test_a_sine_is_inside_for_the_share_that_its_arcsine_says() -> None:
    """20 + 10 sin: inside while |sin| < 1/2, a third of the time; MDAPE at |sin| = 1/sqrt 2."""
    turn = np.linspace(0.0, 2.0 * math.pi, 20_001)
    found = evaluate(turn * 3600.0, 20.0 + 10.0 * np.sin(turn), WINDOW)
    assert found.time_in_window == pytest.approx(100.0 / 3.0, abs=0.01)
    assert found.mdape == pytest.approx(50.0 / math.sqrt(2.0), abs=0.01)
    assert found.overshoot == pytest.approx(50.0, abs=1e-4)


def test_the_window_includes_its_ends() -> None:
    """A level held at the upper bound is inside, whether flat or just arriving."""
    assert evaluate([0, 300, 600], [25.0, 25.0, 25.0], WINDOW).time_in_window == 100.0
    assert evaluate([0, 300], [15.0, 15.0], WINDOW).settling_time_s == 0.0


def test_a_run_that_never_settles_counts_from_its_start_and_says_so() -> None:
    """No time in the window, and errors that are not hidden."""
    found = evaluate([0, 300, 600], [0.0, 5.0, 10.0], WINDOW)
    assert found.settling_time_s is None
    assert found.steady_time_s is None
    assert found.time_in_window == 0.0
    assert found.mdpe == pytest.approx(-75.0)


def test_a_run_that_settles_with_its_last_sample_is_judged_on_that_sample() -> None:
    """One sample has no duration and no slope; it must not divide by zero."""
    found = evaluate([0, 300], [10.0, 16.0], WINDOW)
    assert (found.time_in_window, found.divergence) == (100.0, 0.0)
    assert found.mdpe == pytest.approx(-20.0)


def test_errors_in_percent_do_not_depend_on_the_scale_or_the_clock() -> None:
    """Micrograms or milligrams, and a start at any hour, give the same indices."""
    times = np.arange(50) * 300.0
    levels = 20.0 + 8.0 * np.sin(times / 2000.0) * np.exp(-times / 9000.0)
    scaled = TargetWindow(20_000.0, 15_000.0, 25_000.0)
    first = evaluate(times, levels, WINDOW)
    second = evaluate(times + 1e6, levels * 1000.0, scaled)
    assert second.summary() == pytest.approx(first.summary(), rel=1e-9)


@pytest.mark.parametrize(
    ("times", "levels", "sentence"),
    [
        ([0.0], [20.0], "two samples or more"),
        ([0.0, 1.0], [20.0], "as many of one"),
        ([0.0, 0.0], [20.0, 20.0], "rise strictly"),
        ([0.0, math.nan], [20.0, 20.0], "not finite"),
        ([0.0, 1.0], [20.0, math.inf], "not finite"),
    ],
)
def test_arrays_that_no_run_recorded_are_refused(
    times: list[float], levels: list[float], sentence: str
) -> None:
    """A NaN would pass through a median and come out as a verdict."""
    with pytest.raises(RecordError, match=sentence):
        evaluate(times, levels, WINDOW)


@pytest.mark.parametrize("seed", range(5))
def test_the_indices_are_those_of_another_implementation(seed: int) -> None:
    """Sorting, the standard library's medians and scipy's regression, on noisy courses."""
    random = np.random.default_rng(seed)
    times = np.cumsum(random.uniform(30.0, 600.0, 80))
    levels = 20.0 * (1.0 - np.exp(-times / 4000.0)) * np.exp(0.1 * random.standard_normal(80))
    levels[40:44] *= 1.5  # an excursion after settling
    found = evaluate(times, levels, WINDOW)
    first = next(index for index, level in enumerate(levels) if 15.0 <= level <= 25.0)
    errors = [100.0 * (float(level) - 20.0) / 20.0 for level in levels[first:]]
    absolute = [abs(error) for error in errors]
    middle = statistics.median(errors)
    slope = stats.linregress(times[first:] / 3600.0, absolute).slope
    assert found.mdpe == pytest.approx(middle)
    assert found.mdape == pytest.approx(statistics.median(absolute))
    assert found.wobble == pytest.approx(
        statistics.median(abs(error - middle) for error in errors)
    )
    assert found.divergence == pytest.approx(float(slope), abs=1e-9)
    assert found.overshoot == pytest.approx(100.0 * (max(levels) / 20.0 - 1.0))
    assert found.settling_time_s == pytest.approx(times[first] - times[0])
    fine = np.linspace(times[first], times[-1], 200_001)
    drawn = np.interp(fine, times, levels)
    inside = float(np.mean((drawn >= 15.0) & (drawn <= 25.0)))
    assert found.time_in_window == pytest.approx(100.0 * inside, abs=0.01)


def test_a_level_under_a_new_target_settles_anew_and_is_judged_by_it() -> None:
    """After a takeover 20 mg/L is no longer an error of nought, nor the way down one of 100 %."""
    low = TargetWindow(10.0, 7.5, 12.5)
    levels = [10.0, 20.0, 22.0, 22.0, 16.0, 12.0, 11.0, 9.0]
    windows = [WINDOW] * 4 + [low] * 4
    found = evaluate(np.arange(8) * 3600.0, levels, windows)
    # Counted: 20, 22, 22 of 20 mg/L and 12, 11, 9 of 10: 0, 10, 10 and 20, 10, -10 %.
    assert found.mdpe == pytest.approx(10.0)
    assert found.mdape == pytest.approx(10.0)
    assert found.overshoot == pytest.approx(20.0)
    assert found.settling_time_s == 3600.0
    # In the hour from 22 to 16 the old window holds: all inside; 16 to 12 is on the way.
    assert found.time_in_window == pytest.approx(100.0)
