# SPDX-License-Identifier: MIT
"""Readings: each reason to refuse one, at its exact edge, and what a refusal leaves behind."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pump.core.sense import Sense
from pump.spec import program as layout
from pump.spec import reasons

TICK_S, CONC_MIN, CONC_MAX, CHANGE_MAX, AGE_MAX_S, QUALITY_MIN = 300, 500, 100_000, 30_000, 600, 50


@dataclass(frozen=True, slots=True)
class Reading:
    """Arguments of `judge`; the defaults are good at any tick of the tests."""

    now_s: int = 3000
    index: int = 10
    time_s: int = 3000
    conc_ug_l: int = 20_000
    quality: int = 90


def sense(change_max: int = CHANGE_MAX) -> Sense:
    """Return a judge with the limits above."""
    words = array("i", [0] * layout.SCALAR_WORDS)
    words[layout.AT_TICK_S] = TICK_S
    words[layout.AT_CONC_MIN] = CONC_MIN
    words[layout.AT_CONC_MAX] = CONC_MAX
    words[layout.AT_CONC_CHANGE_MAX] = change_max
    words[layout.AT_AGE_S_MAX] = AGE_MAX_S
    words[layout.AT_QUALITY_MIN] = QUALITY_MIN
    return Sense(words)


def judge(judging: Sense, r: Reading) -> int:
    """Return the verdict on `r`."""
    return judging.judge(r.now_s, r.index, r.time_s, r.conc_ug_l, r.quality)


EDGES = [
    ("conc_ug_l", CONC_MIN, CONC_MIN - 1, reasons.READING_OUT_OF_RANGE),
    ("conc_ug_l", CONC_MAX, CONC_MAX + 1, reasons.READING_OUT_OF_RANGE),
    ("conc_ug_l", CONC_MAX, 1 << 29, reasons.READING_OUT_OF_RANGE),
    ("quality", QUALITY_MIN, QUALITY_MIN - 1, reasons.READING_LOW_QUALITY),
    ("quality", 100, 101, reasons.READING_LOW_QUALITY),
    ("time_s", 3000 + TICK_S, 3001 + TICK_S, reasons.READING_FROM_FUTURE),
    ("time_s", 3000, 1 << 29, reasons.READING_FROM_FUTURE),
    ("time_s", 3000 - AGE_MAX_S, 2999 - AGE_MAX_S, reasons.READING_TOO_OLD),
]


@pytest.mark.parametrize(("name", "good", "bad", "verdict"), EDGES)
def test_each_limit_refuses_just_beyond_it_and_not_at_it(
    name: str, good: int, bad: int, verdict: int
) -> None:
    """A limit that is off by one is another limit than the one that was certified."""
    assert judge(sense(), Reading(**{name: good})) == reasons.READING_USED
    assert judge(sense(), Reading(**{name: bad})) == verdict


def test_a_reading_is_used_once() -> None:
    """A repeated frame must not count as new evidence."""
    judging = sense()
    assert judge(judging, Reading()) == reasons.READING_USED
    assert judge(judging, Reading()) == reasons.READING_OUT_OF_ORDER


@pytest.mark.parametrize(("index", "time_s"), [(9, 3000), (10, 3300), (11, 2999)])
def test_an_older_reading_is_refused_after_a_newer_one(index: int, time_s: int) -> None:
    """Either the count or the clock of the sensor going back makes it an old reading."""
    judging = sense()
    judge(judging, Reading())
    late = Reading(now_s=3300, index=index, time_s=time_s)
    assert judge(judging, late) == reasons.READING_OUT_OF_ORDER


def test_the_very_first_reading_may_have_index_and_time_zero() -> None:
    """A sensor counts from zero."""
    assert judge(sense(), Reading(now_s=0, index=0, time_s=0)) == reasons.READING_USED


@given(
    st.integers(1, 40_000),
    st.integers(0, 300 * TICK_S),
    st.integers(CONC_MIN, CONC_MAX),
    st.integers(CONC_MIN, CONC_MAX),
)
@example(1000, TICK_S, 20_000, 21_000)
@example(1000, TICK_S, 20_000, 21_001)
@example(1000, 2 * TICK_S, 20_000, 22_001)
@example(1000, TICK_S + 1, 20_000, 22_000)
@example(1000, 0, 20_000, 19_000)
@example(1000, 0, 20_000, 18_999)
def test_a_level_may_change_so_much_for_each_tick_between_readings(
    change_max: int, gap_s: int, first: int, second: int
) -> None:
    """The exact rational bound: change <= change_max for each begun tick, at least one."""
    judging = sense(change_max)
    judge(judging, Reading(conc_ug_l=first))
    later = 3000 + gap_s
    verdict = judge(judging, Reading(now_s=later, index=11, time_s=later, conc_ug_l=second))
    ticks = max(1, -(-gap_s // TICK_S))
    allowed = Fraction(abs(second - first), ticks) <= change_max
    assert verdict == (reasons.READING_USED if allowed else reasons.READING_TOO_FAST)


def test_after_a_thousand_ticks_without_a_reading_any_level_is_believed() -> None:
    """Three days on nothing is known of the level; at exactly a thousand the bound still holds."""
    for ticks, verdict in ((1000, reasons.READING_TOO_FAST), (1001, reasons.READING_USED)):
        judging = sense(change_max=1)
        judge(judging, Reading(conc_ug_l=CONC_MIN))
        later = 3000 + ticks * TICK_S
        far = Reading(now_s=later, index=11, time_s=later, conc_ug_l=CONC_MIN + 1001)
        assert judge(judging, far) == verdict


@given(st.integers(0, 200), st.integers(0, 8000), st.integers(0, 120_000), st.integers(0, 120))
def test_a_refused_reading_leaves_no_trace(
    index: int, time_s: int, conc_ug_l: int, quality: int
) -> None:
    """One bad reading must not make the next good one look wrong: judged as if it never came."""
    disturbed, undisturbed = sense(), sense()
    for judging in (disturbed, undisturbed):
        judge(judging, Reading())
    bad = Reading(now_s=3300, index=index, time_s=time_s, conc_ug_l=conc_ug_l, quality=quality)
    if judge(disturbed, bad) != reasons.READING_USED:
        for conc in (5_000, 20_000, 49_000, 51_000):
            after = Reading(now_s=3300, index=11, time_s=3300, conc_ug_l=conc)
            outcomes = {judge(disturbed, after), judge(undisturbed, after)}
            assert len(outcomes) == 1


def test_a_level_that_really_changed_is_believed_in_the_end() -> None:
    """The allowance grows with the gap, so a true jump costs readings but never all of them."""
    judging = sense(1_000)
    judge(judging, Reading(now_s=0, index=0, time_s=0, conc_ug_l=5_000))
    verdicts = [
        judge(judging, Reading(now_s=300 * k, index=k, time_s=300 * k, conc_ug_l=30_000))
        for k in range(1, 30)
    ]
    assert verdicts.index(reasons.READING_USED) == 24  # 25 ticks at 1 mg/L each
