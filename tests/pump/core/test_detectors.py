# SPDX-License-Identifier: MIT
"""Every condition is found at its exact limit and in its stated time, and nothing else is.

Times are counted in ticks from the first bad input; the CUSUM is held against its
textbook recursion in rationals.
"""

from __future__ import annotations

from array import array
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pump.core.detectors import Detectors
from pump.spec import alarms, limits, reasons
from pump.spec import program as layout
from pump.spec import record as at

STATES = 3


def program() -> array[int]:
    """Return words with the detectors' limits."""
    words = array("i", [0] * layout.SCALAR_WORDS)
    words[layout.AT_PRESSURE_RAW_MAX], words[layout.AT_PRESSURE_RAW_MIN] = 52_000, 1_000
    words[layout.AT_RESERVOIR_RAW_MIN], words[layout.AT_RESERVOIR_RAW_LOW] = 2_000, 8_000
    words[layout.AT_BATTERY_RAW_MIN], words[layout.AT_BATTERY_RAW_LOW] = 30_000, 36_000
    words[layout.AT_STALE_TICKS_MAX] = 6
    words[layout.AT_STUCK_TICKS_MAX] = 5
    words[layout.AT_UNSOLVED_TICKS_MAX] = 3
    words[layout.AT_STATE_MAX] = 1000
    words[layout.AT_DRIFT_SLACK], words[layout.AT_DRIFT_MAX] = 10, 100
    return words


def healthy(**changes: int) -> array[int]:
    """Return a record of a tick in which all is well, but for `changes`."""
    record = array("i", [0] * at.word_count(20))
    values = {
        "ELAPSED_TICKS": 1, "READING_PRESENT": 1, "CONC": 5,
        "PRESSURE_RAW": 20_000, "RESERVOIR_RAW": 60_000, "BATTERY_RAW": 60_000,
    } | changes  # fmt: skip
    for name, value in values.items():
        record[getattr(at, name)] = value
    return record


def numbers(bits: int) -> set[int]:
    """Return the alarms' numbers."""
    return {number for number in range(alarms.ALARM_MAX + 1) if bits >> number & 1}


def course(
    detectors: Detectors, state: tuple[int, ...] = (0,) * STATES,
    source: int = reasons.PLAN_SOLVED, tried: bool = True, limited: int = 0, **changes: int,
) -> Any:  # fmt: skip
    """Return what one tick's readings, the last plan and the estimate show."""
    record = healthy(**changes)
    return numbers(detectors.course(record, array("i", state), STATES, source, tried, limited))


def test_a_healthy_tick_shows_nothing() -> None:
    """Every test below would pass with detectors that always cry."""
    detectors = Detectors(program())
    assert detectors.board(healthy(), 0) == 0
    assert course(detectors) == set()


BOARD = [
    ({"PRESSURE_RAW": 52_000}, None),
    ({"PRESSURE_RAW": 52_001}, reasons.FAULT_PRESSURE_HIGH),
    ({"PRESSURE_RAW": 1_000}, None),
    ({"PRESSURE_RAW": 999}, reasons.FAULT_PRESSURE_LOW),
    ({"RESERVOIR_RAW": 8_000}, None),
    ({"RESERVOIR_RAW": 7_999}, alarms.RESERVOIR_LOW),
    ({"RESERVOIR_RAW": 2_000}, alarms.RESERVOIR_LOW),
    ({"RESERVOIR_RAW": 1_999}, reasons.FAULT_RESERVOIR_EMPTY),
    ({"BATTERY_RAW": 36_000}, None),
    ({"BATTERY_RAW": 35_999}, alarms.BATTERY_LOW),
    ({"BATTERY_RAW": 30_000}, alarms.BATTERY_LOW),
    ({"BATTERY_RAW": 29_999}, reasons.FAULT_BATTERY_EMPTY),
    ({"BOARD_FLAGS": reasons.FLAG_DOOR_OPEN}, reasons.FAULT_DOOR_OPEN),
    ({"BOARD_FLAGS": reasons.FLAG_AIR_IN_LINE}, reasons.FAULT_AIR_IN_LINE),
    ({"BOARD_FLAGS": reasons.FLAG_OCCLUSION}, reasons.FAULT_OCCLUSION),
    ({"BOARD_FLAGS": reasons.FLAG_DRIVER_FAULT}, reasons.FAULT_DRIVER),
    ({"BOARD_FLAGS": reasons.FLAG_MEMORY_LOW}, alarms.MEMORY_LOW),
    ({"BOARD_FLAGS": reasons.FLAG_LATE}, alarms.SOLVER_LATE),
    ({"BOARD_FLAGS": reasons.FLAG_WORN}, alarms.FLASH_WORN),
    ({"STEPS_DONE": 1}, reasons.FAULT_STEPS_MISMATCH),
]


@pytest.mark.hazard("air_embolism", "occlusion", "empty_reservoir", "power_lost", "lost_steps")
@pytest.mark.parametrize(("changes", "alarm"), BOARD)
def test_every_input_of_the_board_has_its_alarm_at_its_exact_limit(
    changes: dict[str, int], alarm: int | None
) -> None:
    """In the very tick; naming another cause sends help to the wrong place."""
    found = numbers(Detectors(program()).board(healthy(**changes), 0))
    assert found == (set() if alarm is None else {alarm})


def test_steps_that_a_pins_fault_cut_off_are_not_called_lost() -> None:
    """Between two ticks the App has stopped the batch for that very pin."""
    record = healthy(BOARD_FLAGS=reasons.FLAG_OCCLUSION, STEPS_DONE=3)
    assert numbers(Detectors(program()).board(record, 10)) == {reasons.FAULT_OCCLUSION}


@given(st.integers(0, 31), *[st.integers(0, 65_535)] * 3, st.integers(0, 2))
def test_no_combination_of_alarms_cancels_out(
    flags: int, pressure: int, reservoir: int, battery: int, done: int
) -> None:
    """Each of them alone, and all of them together, stop the pump."""
    record = healthy(
        BOARD_FLAGS=flags, PRESSURE_RAW=pressure, RESERVOIR_RAW=reservoir,
        BATTERY_RAW=battery, STEPS_DONE=done,
    )  # fmt: skip
    found = Detectors(program()).board(record, 0)
    fine = 1_000 <= pressure <= 52_000 and reservoir >= 2_000 and battery >= 30_000
    fine = fine and not flags & 15 and not done
    assert (found & alarms.with_action(alarms.STOP) == 0) == fine


VERDICTS = [
    (reasons.READING_OUT_OF_RANGE, alarms.READING_REFUSED),
    (reasons.READING_LOW_QUALITY, alarms.READING_REFUSED),
    (reasons.READING_TOO_FAST, alarms.READING_JUMP),
    (reasons.READING_FROM_FUTURE, alarms.CLOCK_DISAGREES),
    (reasons.READING_TOO_OLD, alarms.CLOCK_DISAGREES),
]


@pytest.mark.parametrize(("verdict", "alarm"), VERDICTS)
def test_a_refused_reading_is_named_in_its_own_tick(verdict: int, alarm: int) -> None:
    """One is a warning; six in a row are a sensor lost, which is another alarm."""
    assert course(Detectors(program()), READING_VERDICT=verdict) == {alarm}


@pytest.mark.hazard("sensor_lost")
def test_a_sensor_is_stale_one_tick_after_its_limit() -> None:
    """The program says six."""
    detectors = Detectors(program())
    assert course(detectors, STALE_TICKS=6) == set()
    assert course(detectors, STALE_TICKS=7) == {alarms.SENSOR_STALE}


@pytest.mark.hazard("host_lost")
def test_a_silent_host_is_named_in_the_third_tick_and_until_it_speaks() -> None:
    """Missed ticks count as silence too."""
    detectors = Detectors(program())
    missing = {"READING_VERDICT": reasons.READING_MISSING}
    shown = [course(detectors, **missing) for _ in range(limits.HOST_SILENT_TICKS + 2)]
    assert shown == [set(), set(), {alarms.HOST_SILENT}, {alarms.HOST_SILENT}]
    assert course(detectors) == set()
    late = course(detectors, **missing, ELAPSED_TICKS=3)
    assert late == {alarms.HOST_SILENT, alarms.TICK_OVERRUN}


@pytest.mark.hazard("sensor_wrong")
def test_a_sensor_that_repeats_itself_is_stuck_after_its_limit_until_it_moves() -> None:
    """Five repeats after the first; a missing reading neither counts nor absolves."""
    detectors = Detectors(program())
    assert [course(detectors) for _ in range(5)] == [set()] * 5
    assert course(detectors, READING_VERDICT=reasons.READING_MISSING) == set()
    assert course(detectors) == course(detectors) == {alarms.SENSOR_STUCK}
    assert course(detectors, CONC=6) == set()


@given(st.lists(st.tuples(st.integers(-60, 60), st.booleans()), max_size=60))
def test_drift_is_what_the_textbook_cusum_says(innovations: list[tuple[int, bool]]) -> None:
    """S = max(0, S + x - k), alarm at S >= h, both sides; unused readings leave it alone."""
    detectors, slack, most = Detectors(program()), Fraction(10), Fraction(100)
    above = below = Fraction(0)
    for conc, (innovation, used) in enumerate(innovations):
        if used:
            above = min(most, max(Fraction(0), above + innovation - slack))
            below = min(most, max(Fraction(0), below - innovation - slack))
        verdict = reasons.READING_USED if used else reasons.READING_OUT_OF_ORDER
        found = course(detectors, INNOVATION=innovation, READING_VERDICT=verdict, CONC=10 + conc)
        assert (alarms.SENSOR_DRIFT in found) == (most in (above, below))


def test_a_solver_without_an_answer_is_named_in_the_fourth_tick_and_tried_again() -> None:
    """In the fallback it is not asked; one such tick later it gets another chance."""
    detectors = Detectors(program())
    shifted: Any = {"source": reasons.PLAN_SHIFTED}
    held: Any = {"source": reasons.PLAN_FALLBACK, "tried": False}
    shown = [course(detectors, CONC=10 + i, **shifted) for i in range(5)]
    assert shown == [set()] * 3 + [{alarms.UNSOLVED}] * 2
    assert course(detectors, **held) == set()
    assert course(detectors, **shifted) == {alarms.UNSOLVED}
    assert course(detectors) == set()
    assert course(detectors, **held) == set()


@pytest.mark.parametrize("place", range(STATES))
@pytest.mark.parametrize("sign", [1, -1])
def test_an_estimate_at_its_clamp_is_out_of_range(place: int, sign: int) -> None:
    """The certificate says nothing about what the clamp cut off."""
    for value, expected in ((999, set()), (1000, {alarms.OUT_OF_RANGE})):
        state = tuple(sign * value if i == place else 0 for i in range(STATES))
        assert course(Detectors(program()), state) == expected


@pytest.mark.parametrize("limit", range(reasons.LIMIT_NONE, reasons.LIMIT_CEILING + 1))
def test_a_limit_that_acted_is_told_a_tick_later(limit: int) -> None:
    """Limits are there to be noticed."""
    expected = {alarms.DOSE_LIMITED} if limit else set()
    assert course(Detectors(program()), limited=limit) == expected
