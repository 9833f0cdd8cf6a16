# SPDX-License-Identifier: MIT
"""A program takes a running one over between two ticks, and goes on from where that one is.

The oracles are the run without a takeover, and rational arithmetic (fractions).
"""

from __future__ import annotations

import math
from array import array
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesor.program import Problem, compile_program
from pump.core import controller as controller_module
from pump.core import handover, limiter
from pump.core import supervisor as supervisor_module
from pump.core.controller import Controller
from pump.spec import program as layout
from pump.spec import reasons
from pump.spec import record as at

from ..closed_loop import TICKS, eventful, finishing, records, started
from .test_controller import controller_of, decide

BITS = 20  # of the estimate


class Relay:
    """A controller to the loop; before each decision in `ticks` a successor takes it over."""

    def __init__(self, words: array[int], ticks: set[int]) -> None:
        self._now = started(controller_module, supervisor_module, words)
        self._ticks, self._tick = ticks, 0
        self.record = array("i", self._now.record)
        self.taken = 0

    def decide(self) -> int:
        """Let the one that is in charge decide."""
        if self._tick in self._ticks:
            same = array("i", self._now.words)
            self._now = Controller(same, self._now.supervisor, None, self._now)
            self.taken += 1
        self._tick += 1
        self._now.record[: at.INPUT_WORDS] = self.record[: at.INPUT_WORDS]
        steps: int = self._now.decide()
        self.record[:] = self._now.record
        return steps

    @property
    def limiter(self) -> Any:
        """Return the account that is handed on in the end."""
        return self._now.limiter


def of_level(words: array[int]) -> array[int]:
    """Return the program as it is."""
    return words


def of_area(words: array[int]) -> array[int]:
    """Return one that is to give an area in 15 ticks."""
    words[layout.AT_COURSE], words[layout.AT_CHASE_TICKS] = layout.AREA, 15
    words[layout.AT_AREA] = 15 * words[layout.AT_TARGET]
    words[layout.AT_TARGET_LOW] = words[layout.AT_TARGET] // 2
    words[layout.AT_TARGET_HIGH] = 2 * words[layout.AT_TARGET]
    return words


def of_pulse(words: array[int]) -> array[int]:
    """Return one that rests once half the target is reached, and begins anew below a third."""
    words[layout.AT_COURSE], words[layout.AT_INTERVAL_TICKS] = layout.PULSE, 9
    words[layout.AT_REACHED_LEVEL] = 1 << BITS
    words[layout.AT_REST_LEVEL] = (1 << BITS) * 2 // 3
    return words


@pytest.mark.parametrize("course", [of_level, of_area, of_pulse])
@pytest.mark.parametrize("tight", [eventful, finishing])
def test_the_same_program_goes_on_to_the_bit(words: array[int], tight: Any, course: Any) -> None:
    """Whatever a takeover forgot or rounded would show in a word of some later tick.

    Taken over before one tick, each third in turn, and before all of them.
    """
    program = course(tight(words))
    expected = list(records(started(controller_module, supervisor_module, program)))
    for ticks in [{tick} for tick in range(0, TICKS, 3)] + [set(range(TICKS))]:
        relay = Relay(program, ticks)
        assert list(records(relay)) == expected, ticks
        assert relay.taken == len(ticks)


def scaled(words: array[int], unit: int, full: int) -> array[int]:
    """Return a program with another concentration unit and another full rate."""
    other = array("i", words)
    other[layout.AT_CONC_UNIT_UG_L], other[layout.AT_STEPS_FULL] = unit, full
    return other


@given(
    level=st.integers(-(1 << 27), 1 << 27),
    move=st.integers(0, 1 << 14),
    unit=st.integers(1, 1 << 20),
    full=st.integers(100, (1 << 15) - 1),
)
def test_levels_are_put_over_to_the_nearest_and_moves_down(
    level: int, move: int, unit: int, full: int
) -> None:
    """The rounding is stated, and the same on every machine; no move is rounded up."""
    before = array("i", [0] * layout.SCALAR_WORDS)
    before[layout.AT_CONC_UNIT_UG_L], before[layout.AT_STEPS_FULL] = 10_000, 12_345
    before[layout.AT_ESTIMATE_BITS] = BITS
    before[layout.AT_STATE_MAX] = (1 << 28) - 1
    scales = handover.Scales(before, scaled(before, unit, full))
    exact = Fraction(level * 10_000, unit)
    most = (1 << 28) - 1
    assert scales.level(level) == min(most, max(-most, math.floor(exact + Fraction(1, 2))))
    assert scales.move(move, 1 << 14) == min(1 << 14, math.floor(Fraction(move * 12_345, full)))


def expects(words: array[int], state: list[int], move: Fraction) -> Fraction:
    """Return the level in ug/L that the program's model expects after a tick of `move`."""
    states = words[layout.AT_STATES]
    model_at = layout.table_offsets(words, 0)[0]
    row = words[model_at : model_at + states + 1]
    total = sum(Fraction(a) * x for a, x in zip(row, [*state, move], strict=True))
    return total / (1 << words[layout.AT_MODEL_SHIFT] + BITS) * words[layout.AT_CONC_UNIT_UG_L]


@pytest.fixture(scope="module")
def halved(problem: Problem) -> array[int]:
    """Return the same therapy for a patient with half the clearance, and a lower full rate."""
    therapy = replace(problem.therapy, rate_max_mg_h=800.0, target_mg_l=18.0)
    model = replace(problem.model, clearance_l_h=problem.model.clearance_l_h / 2.0)
    other = replace(problem, model=model, therapy=therapy)
    return array("i", compile_program(other, samples=200).bytes)


def run_to(words: array[int], ticks: int) -> Controller:
    """Return a controller after so many ticks of a patient who clears what is given."""
    controller, level = controller_of(words), 2_000.0
    for tick in range(ticks):
        outcome = decide(controller, tick, int(level))
        level = 0.99 * level + 0.16 * outcome["STEPS"]
    return controller


def test_both_models_expect_the_same_next_level(words: array[int], halved: array[int]) -> None:
    """What the first one explained by its disturbance the other may explain by itself."""
    before = run_to(words, 30)
    after = Controller(halved, before.supervisor, None, before)
    n = words[layout.AT_STATES]
    move = Fraction(before.move << (BITS - 14))
    moved = move * words[layout.AT_STEPS_FULL] / halved[layout.AT_STEPS_FULL]
    old = expects(words, before.estimator.state[:n].tolist(), move)
    new = expects(halved, after.estimator.state[:n].tolist(), moved)
    assert abs(old - new) < 0.01  # ug/L of 20,000: a unit of the estimate
    assert abs(after.estimator.state[n - 1] - before.estimator.state[n - 1]) > 1 << (BITS - 7)


@pytest.mark.parametrize("ticks", [1, 3, 8, 20, 60])
def test_another_clearance_changes_the_rate_by_no_more_than_its_bound(
    words: array[int], halved: array[int], ticks: int
) -> None:
    """Bumpless: in microsteps, so that another full rate does not hide anything."""
    before = run_to(words, ticks)
    steps = before.record[at.STEPS]
    after = Controller(halved, before.supervisor, None, before)
    outcome = decide(after, ticks, int(before.record[at.CONC]))
    bound = halved[layout.AT_CHANGE_MAX] * halved[layout.AT_STEPS_FULL] >> 14
    assert outcome["STEPS"] - steps <= bound + 1
    assert outcome["STEPS"] - steps >= -bound - 1 or steps > halved[layout.AT_STEPS_FULL]
    assert outcome["PROGRAM"] == halved[-1] & 0x3FFFFFFF
    assert outcome["ALARMS"] == 0


def test_the_account_goes_on_whatever_the_program(words: array[int], halved: array[int]) -> None:
    """Caps are for the patient: a takeover gives nobody a fresh hour or day."""
    before = run_to(words, 20)
    given = before.limiter.quarters(0).tolist()
    account = before.limiter.account.tolist()
    after = Controller(halved, before.supervisor, None, before)
    assert after.limiter.quarters(0).tolist() == given
    kept = (limiter.TOTAL, limiter.CARRY, limiter.ON_BOARD)
    assert [after.limiter.account[word] for word in kept] == [account[word] for word in kept]
    halved_hour = array("i", halved)
    halved_hour[layout.AT_STEPS_HOUR_MAX] = sum(given[:3])
    overdrawn = Controller(halved_hour, before.supervisor, None, before)
    assert decide(overdrawn, 20, 5_000)["STEPS"] == 0
    assert overdrawn.limiter.reason == reasons.LIMIT_HOUR


def test_building_a_successor_changes_nothing_of_the_one_that_runs(
    words: array[int], halved: array[int]
) -> None:
    """A takeover that is refused after all must leave the therapy as it was."""
    alone, watched = run_to(words, 12), run_to(words, 12)
    Controller(halved, watched.supervisor, None, watched)
    for tick in range(12, 20):
        assert decide(alone, tick, 15_000) == decide(watched, tick, 15_000)


@pytest.mark.parametrize(
    ("word", "result"),
    [
        (layout.AT_DRUG, reasons.RESULT_OTHER_DRUG),
        (layout.AT_DRUG_PG_PER_STEP, reasons.RESULT_OTHER_DRUG),
        (layout.AT_TICK_S, reasons.RESULT_OTHER_TICK),
        (layout.AT_HORIZON, reasons.RESULT_OTHER_TICK),
        (layout.AT_STATES, reasons.RESULT_OTHER_MODEL),
        (layout.AT_OUTPUT_STATE, reasons.RESULT_OTHER_MODEL),
        (layout.AT_READING_NG_L, reasons.RESULT_OTHER_MODEL),
        (layout.AT_COURSE, reasons.RESULT_OTHER_COURSE),
    ],
)
def test_what_must_be_alike_is_named_where_it_is_not(
    words: array[int], word: int, result: int
) -> None:
    """Another drug, beat, model or kind of therapy wants a person, STOP and START."""
    other = array("i", words)
    other[word] += 1
    assert handover.obstacle(words, array("i", words)) == reasons.RESULT_OK
    assert handover.obstacle(words, other) == result
