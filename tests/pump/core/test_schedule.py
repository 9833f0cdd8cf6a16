# SPDX-License-Identifier: MIT
"""The beat: follows the host when it is late, never when it is fast, and never counts too much.

A simulated main loop polls every millisecond; what it must hold is written here in
plain arithmetic on unwrapped times.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pump.core.schedule import Schedule, elapsed_ms
from pump.spec import limits

WRAP = 1 << 30
TICK_MS = 1000
MARGIN_MS = limits.WINDOW_MARGIN_MS


def beat(
    readings_ms: Iterable[int], end_ms: int, start_ms: int = 0, tick_ms: int = TICK_MS
) -> list[tuple[int, int, int]]:
    """Return (time, ticks counted, motor window) of every tick, times from the start."""
    schedule = Schedule(tick_ms, start_ms % WRAP)
    arrivals = set(readings_ms)
    ticks = []
    for ms in range(end_ms):
        now = (start_ms + ms) % WRAP
        if ms in arrivals:
            schedule.call(now)
        if schedule.is_due(now):
            ticks.append((ms, schedule.begin(now), schedule.window_ms(now)))
    return ticks


@given(st.integers(0, WRAP - 1), st.integers(-(1 << 28), 1 << 28))
def test_elapsed_time_is_right_across_the_wrap(since: int, passed: int) -> None:
    """MicroPython's milliseconds start again every twelve days."""
    assert elapsed_ms((since + passed) % WRAP, since) == passed


def test_a_reading_on_the_beat_runs_its_tick_at_once() -> None:
    """Readings that come every tick are each answered in the same millisecond."""
    times = [k * TICK_MS for k in range(10)]
    assert [(ms, count) for ms, count, _ in beat(times, 9500)] == [(ms, 1) for ms in times]


def test_without_readings_ticks_run_a_tenth_late_and_keep_the_grid() -> None:
    """Silence must not slow the pump's own clock down."""
    assert [ms for ms, _, _ in beat([], 5500)] == [100 + k * TICK_MS for k in range(6)]


def test_a_late_host_sets_the_beat() -> None:
    """The pump follows the host's clock, whose readings define the ticks."""
    times = [k * TICK_MS + 60 for k in range(6)]
    assert [ms for ms, _, _ in beat(times, 5500)] == times


def test_a_single_late_reading_costs_its_tick_and_nothing_else() -> None:
    """It missed the deadline; the readings after it are still answered at once."""
    times = [0, 1000, 2300, 3000, 4000, 5000]
    assert [ms for ms, _, _ in beat(times, 5500)] == [0, 1000, 2100, 3000, 4000, 5000]


def test_a_repeated_reading_does_not_hurry_the_next_tick() -> None:
    """A frame that arrives twice must not buy the patient a tick's drug sooner."""
    times = [k * TICK_MS for k in range(6)]
    doubled = sorted(times + [ms + 5 for ms in times])
    assert beat(doubled, 5500) == beat(times, 5500)


@pytest.mark.parametrize("phase_ms", [101, 250, 400, 600, 740])
def test_a_host_out_of_step_is_followed_after_two_ticks(phase_ms: int) -> None:
    """Readings that always wait for the next deadline would be a tick old for ever."""
    times = [k * TICK_MS + phase_ms for k in range(10)]
    ticks = beat(times, 10_000)
    assert [ms for ms, _, _ in ticks] == [100, 1100, *times[2:]]
    assert [count for _, count, _ in ticks] == [1] * 10


@given(st.lists(st.integers(0, 40_000), max_size=200), st.integers(0, 999))
def test_readings_on_a_beat_are_followed_whatever_came_before(
    before_ms: list[int], phase_ms: int
) -> None:
    """No jam of the line may leave the pump out of step with a host that is in order again."""
    times = [k * TICK_MS + phase_ms for k in range(41, 60)]
    ticks = beat([*before_ms, *times], times[-1] + TICK_MS // limits.EARLY_DIVISOR + 1)
    settled = [ms for ms, _, _ in ticks if ms >= times[4]]
    waits = [tick_ms - ms for tick_ms, ms in zip(settled, times[4:], strict=True)]
    assert all(0 <= wait_ms <= TICK_MS // limits.EARLY_DIVISOR for wait_ms in waits)


@given(st.lists(st.integers(0, 8000), max_size=40), st.integers(0, WRAP - 1))
def test_no_pattern_of_readings_makes_ticks_come_faster_than_the_program_says(
    readings_ms: list[int], start_ms: int
) -> None:
    """Caps are counted in ticks, so a fast beat would break every one of them."""
    ticks = beat(readings_ms, 8000, start_ms)
    for i, (first_ms, _, _) in enumerate(ticks):
        for j in range(i + 1, len(ticks)):
            assert ticks[j][0] - first_ms >= (j - i) * TICK_MS - limits.WINDOW_MARGIN_MS - 100


@given(st.lists(st.integers(0, 8000), max_size=40))
def test_ticks_never_outrun_the_clock(readings_ms: list[int]) -> None:
    """Over the whole therapy the beat gains no more than one margin."""
    for ticks, (ms, _, _) in enumerate(beat(readings_ms, 8000)):
        assert ticks * TICK_MS <= ms + MARGIN_MS


@given(st.lists(st.integers(0, 8000), max_size=40), st.integers(0, WRAP - 1))
def test_the_motor_is_quiet_before_the_next_tick_whatever_arrives(
    readings_ms: list[int], start_ms: int
) -> None:
    """A batch still running when the next begins would read as a lost step and stop the pump."""
    ticks = beat(readings_ms, 8000, start_ms)
    for (ms, _, window_ms), (next_ms, _, _) in itertools.pairwise(ticks):
        assert 0 < window_ms <= next_ms - ms


@pytest.mark.parametrize("missed", range(1, 6))
def test_ticks_that_the_loop_slept_through_are_counted(missed: int) -> None:
    """The caps' windows and the estimate must move on by the true time."""
    schedule = Schedule(TICK_MS, 0)
    schedule.call(0)
    assert schedule.begin(0) == 1
    schedule.call(missed * TICK_MS)
    assert schedule.begin(missed * TICK_MS) == missed


def test_a_tick_counts_as_one_however_soon_it_is_begun() -> None:
    """A tick that counted as none would have the caps' windows stand still."""
    schedule = Schedule(TICK_MS, 0)
    assert schedule.begin(0) == 1
    assert schedule.begin(TICK_MS // 2 - 1) == 1


@given(st.lists(st.integers(0, 20_000), max_size=30), st.integers(200, 3000))
def test_counted_ticks_follow_the_clock(readings_ms: list[int], tick_ms: int) -> None:
    """Tick numbers are therapy time: they may lag by the lateness allowed, never lead."""
    total = -1
    for ms, count, _ in beat(readings_ms, 20_000, 0, tick_ms):
        total += count
        assert (total - 1) * tick_ms <= ms + MARGIN_MS


def test_the_loop_wakes_for_the_tick_that_a_held_reading_calls_for() -> None:
    """No further byte may come to wake it."""
    schedule = Schedule(TICK_MS, 0)
    schedule.call(0)
    schedule.begin(0)
    assert schedule.wait_ms(900) == 200
    schedule.call(800)
    assert schedule.wait_ms(800) == 180
    assert not schedule.is_due(800 + 179)
    assert schedule.is_due(800 + 180)


@given(st.integers(200, 300_000), st.integers(0, 400_000), st.booleans())
def test_the_wait_never_passes_the_next_look_at_the_pins_nor_a_due_tick(
    tick_ms: int, after_ms: int, called: bool
) -> None:
    """Sleeping longer would starve the watchdog, and leave an open door unseen."""
    schedule = Schedule(tick_ms, 0)
    schedule.begin(0)
    if called:
        schedule.call(after_ms)
    wait_ms = schedule.wait_ms(after_ms)
    assert 0 <= wait_ms <= limits.CHECK_INTERVAL_MS
    assert (wait_ms == 0) == schedule.is_due(after_ms)
