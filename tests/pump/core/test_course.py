# SPDX-License-Identifier: MIT
"""When the pump chases what: pulses, shares of an interval, areas, and a level without end."""

from __future__ import annotations

from array import array

import pytest

from pump.core.course import Course
from pump.spec import program as layout
from pump.spec import reasons

LEVEL = 1 << 20  # one concentration unit in the estimate's format
UNIT = 1 << 14  # the same in that of the targets
CHASE, REST = reasons.PHASE_CHASE, reasons.PHASE_REST


def course_of(words: array[int], **scalars: int) -> Course:
    """Return the course of a level program with these scalars (without AT_) changed."""
    for name, value in scalars.items():
        words[getattr(layout, f"AT_{name}")] = value
    return Course(words)


def phases(course: Course, levels: list[int]) -> list[int]:
    """Return the phase of each tick at these estimates."""
    found = []
    for level in levels:
        course.advance(1, level)
        found.append(course.phase)
    return found


def test_a_level_is_chased_for_ever_at_one_target(words: array[int]) -> None:
    """Whatever is estimated, for longer than any other course would last."""
    course = course_of(words)
    levels = [0, 2 * LEVEL, -LEVEL, (1 << 28) - 1] * 500
    assert set(phases(course, levels)) == {CHASE}
    assert course.target == words[layout.AT_TARGET]
    assert course.area == 0


def test_a_pulse_ends_at_the_peak_and_the_next_waits_for_interval_and_trough(
    words: array[int],
) -> None:
    """The trough comes two ticks after the interval is over: the interval is stretched."""
    course = course_of(
        words, CHASE_TICKS=5, REACHED_LEVEL=2 * LEVEL, INTERVAL_TICKS=6, REST_LEVEL=LEVEL // 10
    )
    peak, above, trough = 2 * LEVEL, LEVEL // 10 + 1, LEVEL // 10
    levels = [0, LEVEL, peak, LEVEL, LEVEL, above, above, above, trough, LEVEL, peak]
    assert phases(course, levels) == [CHASE] * 2 + [REST] * 6 + [CHASE] * 2 + [REST]


def test_a_low_level_does_not_bring_the_next_pulse_before_its_interval(words: array[int]) -> None:
    """A fast patient is not dosed more often than was asked."""
    course = course_of(words, CHASE_TICKS=1, INTERVAL_TICKS=4, REST_LEVEL=LEVEL)
    assert phases(course, [0] * 9) == [CHASE, REST, REST, REST] * 2 + [CHASE]


def test_a_pulse_that_does_not_reach_its_peak_ends_by_the_clock(words: array[int]) -> None:
    """Three ticks were allowed; missed ticks count."""
    course = course_of(words, CHASE_TICKS=3, REACHED_LEVEL=2 * LEVEL)
    course.advance(1, 0)
    course.advance(2, LEVEL)
    assert course.phase == CHASE
    course.advance(1, LEVEL)
    assert course.phase == REST


def test_only_time_above_the_threshold_counts_towards_a_share(words: array[int]) -> None:
    """Two ticks of rise are not counted, three above are; then nothing till the interval ends."""
    course = course_of(words, CHASE_TICKS=3, COUNTED_LEVEL=LEVEL, INTERVAL_TICKS=8)
    levels = [0, LEVEL - 1, LEVEL - 1, LEVEL, LEVEL, LEVEL, 0, 0, 0, 0]
    assert phases(course, levels) == [CHASE] * 5 + [REST] * 3 + [CHASE] * 2


def test_the_target_is_the_area_left_over_the_time_left(words: array[int]) -> None:
    """Exact: 100 units over 50 ticks, of which 10 were given in 10 ticks, leave 90 / 40."""
    course = course_of(words, CHASE_TICKS=50, AREA=100 * UNIT, TARGET_LOW=0, TARGET_HIGH=10 * UNIT)
    course.advance(1, 0)
    assert course.target == 2 * UNIT
    for _ in range(10):
        course.advance(1, LEVEL)
    assert course.area == 10 * UNIT
    assert course.target == 90 * UNIT // 40


@pytest.mark.parametrize(("level", "expected"), [(-LEVEL, 3 * UNIT), (9 * LEVEL, UNIT)])
def test_the_target_of_an_area_keeps_its_bounds(
    words: array[int], level: int, expected: int
) -> None:
    """However little or much was given."""
    course = course_of(
        words, CHASE_TICKS=50, AREA=100 * UNIT, TARGET_LOW=UNIT, TARGET_HIGH=3 * UNIT
    )
    for _ in range(45):
        course.advance(1, level)
    assert course.target == expected


def test_near_its_end_an_area_is_spread_over_a_whole_plan(words: array[int]) -> None:
    """With one tick left, all that is missing must not be asked of that tick."""
    course = course_of(words, CHASE_TICKS=50, AREA=100 * UNIT, TARGET_LOW=0, TARGET_HIGH=60 * UNIT)
    for _ in range(50):
        course.advance(1, LEVEL)
    assert course.target == 2 * UNIT + (100 - 49 - 2) * UNIT // words[layout.AT_OUTPUTS]


def test_an_area_that_is_on_its_way_keeps_its_even_target_to_the_end(words: array[int]) -> None:
    """The last ticks of a plan ask for no less than those before."""
    course = course_of(words, CHASE_TICKS=50, AREA=50 * UNIT, TARGET_LOW=0, TARGET_HIGH=9 * UNIT)
    for _ in range(50):
        course.advance(1, LEVEL)
        assert course.target == UNIT


def test_an_area_begins_anew_with_each_interval(words: array[int]) -> None:
    """The account of a day is not carried into the next."""
    course = course_of(words, CHASE_TICKS=4, INTERVAL_TICKS=4, AREA=100 * UNIT)
    areas = []
    for _ in range(6):
        course.advance(1, LEVEL)
        areas.append(course.area // UNIT)
        assert course.phase == CHASE
    assert areas == [0, 1, 2, 3, 0, 1]


def test_the_account_of_an_area_stays_a_small_int(words: array[int]) -> None:
    """A clamped estimate for 8640 ticks of ten seconds: it stops, and the target stays low."""
    course = course_of(
        words, CHASE_TICKS=8640, AREA=UNIT, TARGET_LOW=5, TARGET_HIGH=10 * UNIT, TARGET=UNIT
    )
    course.advance(1, 0)
    course.advance(8000, (1 << 28) - 1)
    assert course.area == 1 << 29
    assert course.target == 5


def test_a_share_of_an_interval_ends_when_the_fall_will_give_the_rest(words: array[int]) -> None:
    """Two ticks are counted and three foreseen of five; what then falls short is chased, lower."""
    course = course_of(
        words, CHASE_TICKS=5, COUNTED_LEVEL=LEVEL, INTERVAL_TICKS=12, REACHED_LEVEL=layout.FOR_EVER
    )
    found, targets = [], []
    for level, foreseen in [
        (0, 0), (LEVEL, 2), (LEVEL, 3), (LEVEL, 0), (LEVEL - 1, 0), (LEVEL, 0), (LEVEL, 0),
        (LEVEL - 1, 0), (LEVEL - 1, 0),
    ]:  # fmt: skip
        course.advance(1, level, foreseen)
        found.append(course.phase)
        targets.append(course.target)
    assert found == [CHASE, CHASE, REST, REST, CHASE, CHASE, REST, REST, REST]
    assert targets[:4] == [words[layout.AT_TARGET]] * 4
    assert targets[4] == UNIT + UNIT // 32
