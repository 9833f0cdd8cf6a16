# SPDX-License-Identifier: MIT
"""What is planned when the solver answers, when it does not, and with nothing to go by."""

from __future__ import annotations

from array import array

import numpy as np
import pytest

from pump.core.estimator import Estimator
from pump.core.planner import Planner
from pump.core.rhythm import Rhythm
from pump.spec import program as layout
from pump.spec import reasons

ONE = 1 << 14
TARGET = 2 << 14  # half targets
EMPTY = (0, 0, 0)
ABOVE = (3 << 20, 3 << 20, 0)  # 30 mg/L, above the window


def at_target(words: array[int]) -> Rhythm:
    """Return a clock that has nothing to say but the target."""
    rhythm = Rhythm(words)
    rhythm.look_ahead(0, TARGET)
    return rhythm


def planner_of(words: array[int], state: tuple[int, int, int] = EMPTY) -> Planner:
    """Return a planner over an estimate, in half targets Q20."""
    estimator = Estimator(words)
    estimator.state[:] = array("i", [*state, 0])
    return Planner(words, estimator, at_target(words))


def test_demand_is_target_minus_free_response_clipped(words: array[int]) -> None:
    """Against exact rational arithmetic on the program's own table, on both sides of the clip."""
    n, states, shift = words[layout.AT_HORIZON], 3, words[layout.AT_FREE_SHIFT]
    offsets = layout.table_offsets(words, 0)
    table = np.array(words[offsets[2] : offsets[3]], dtype=object).reshape(n, states)
    most = words[layout.AT_DEMAND_MAX]
    for state in [EMPTY, ABOVE, (2 << 20, 1 << 20, 5000), (1 << 21, 1 << 21, -(1 << 19))]:
        planner = planner_of(words, state)
        planner.plan(0)
        free = [(sum(row * state) + (1 << (shift - 1))) >> shift for row in table]
        expected = [max(-most, min(most, TARGET - level)) for level in free]
        assert planner.free.tolist() == free
        assert planner.work.demand[:n].tolist() == expected


def test_a_solved_plan_is_the_solvers(words: array[int]) -> None:
    """The first move is applied, all of them are shown."""
    planner = planner_of(words)
    move = planner.plan(0)
    assert planner.source == reasons.PLAN_SOLVED
    planned = array("i", [0] * planner.horizon)
    planner.solver.plan(planned)
    assert planner.moves == planned
    assert move == min(planner.moves[0], words[layout.AT_CHANGE_MAX])
    assert move > 0


def test_an_empty_patient_is_dosed_and_one_above_the_window_is_not(words: array[int]) -> None:
    """The sign of the loop, which no bit-identity would notice."""
    rising = falling = ONE // 2
    empty, above = planner_of(words, EMPTY), planner_of(words, ABOVE)
    for _ in range(4):
        rising, falling = empty.plan(rising), above.plan(falling)
    assert rising == ONE
    assert falling == 0


def test_at_the_cap_the_plan_of_the_tick_before_goes_on(words: array[int]) -> None:
    """One tick later each time, its last move held, to its end; an older plan is no plan."""
    words[layout.SCALAR_WORDS + layout.IN_GUESSES_MAX] = 0
    planner = planner_of(words)
    move = planner.plan(0)
    planned = planner.moves.tolist()
    planner.solver._cap = 1
    for _ in range(planner.horizon - 1):
        planned = planned[1:] + planned[-1:]
        before, move = move, planner.plan(move)
        assert planner.source == reasons.PLAN_SHIFTED
        assert planner.moves.tolist() == planned
        assert move == min(planned[0], before + words[layout.AT_CHANGE_MAX])
    planner.plan(move)
    assert planner.source == reasons.PLAN_FALLBACK
    assert set(planner.moves) == {words[layout.AT_FALLBACK_MOVE]}
    planner.solver._cap = words[layout.AT_ITERATIONS_MAX]
    planner.plan(move)
    assert planner.source == reasons.PLAN_SOLVED


def test_at_the_cap_without_a_plan_the_fallback_is_held(words: array[int]) -> None:
    """There is nothing to shift in the first tick, nor after a fallback."""
    words[layout.AT_ITERATIONS_MAX] = 1
    words[layout.SCALAR_WORDS + layout.IN_GUESSES_MAX] = 0
    planner = planner_of(words)
    fallback = words[layout.AT_FALLBACK_MOVE]
    assert fallback > 0
    for _ in range(3):
        assert planner.plan(fallback) == fallback
        assert planner.source == reasons.PLAN_FALLBACK
    assert set(planner.moves) == {fallback}


def test_the_fallback_is_reached_no_faster_than_the_change_allowed(words: array[int]) -> None:
    """Upwards by steps, downwards at once."""
    words[layout.AT_FALLBACK_MOVE] = ONE
    change = words[layout.AT_CHANGE_MAX]
    planner, move, moves = planner_of(words), 0, []
    for _ in range(4):
        move = planner.fall_back(move)
        moves.append(move)
    assert moves == [min(ONE, change * k) for k in range(1, 5)]
    words[layout.AT_FALLBACK_MOVE] = 7
    assert planner_of(words).fall_back(ONE) == 7


def test_after_a_fallback_the_old_plan_is_not_taken_up_again(words: array[int]) -> None:
    """A plan from before the readings stopped is out of date."""
    words[layout.SCALAR_WORDS + layout.IN_GUESSES_MAX] = 0
    planner = planner_of(words)
    planner.plan(0)
    planner.fall_back(0)
    planner.solver._cap = 1
    assert planner.plan(0) == min(words[layout.AT_FALLBACK_MOVE], words[layout.AT_CHANGE_MAX])
    assert planner.source == reasons.PLAN_FALLBACK


@pytest.mark.parametrize("cap", [1, 5, 12, 200])
def test_no_move_rises_faster_than_allowed_nor_leaves_its_bounds(
    words: array[int], cap: int, seed: int
) -> None:
    """Random estimates, starved solvers: the applied move keeps its promise, exactly."""
    words[layout.AT_ITERATIONS_MAX] = cap
    random = np.random.default_rng(seed)
    estimator, move = Estimator(words), 0
    planner, state = Planner(words, estimator, at_target(words)), estimator.state
    most = words[layout.AT_STATE_MAX]
    for tick in range(60):
        for i in range(3):
            state[i] = int(random.integers(-most, most + 1)) >> int(random.integers(0, 8))
        before = move
        move = planner.plan(move) if tick % 7 else planner.fall_back(move)
        assert 0 <= move <= min(ONE, before + words[layout.AT_CHANGE_MAX])
