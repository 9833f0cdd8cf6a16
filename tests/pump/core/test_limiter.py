# SPDX-License-Identifier: MIT
"""The last arithmetic before the motor: an exact account, and caps that nothing gets past.

The account is held against rational sums, the rolling caps against windows summed
afresh from the list of all steps.
"""

from __future__ import annotations

import random
from array import array
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pump.core.handover import Scales
from pump.core.limiter import CONFIRMED, Limiter
from pump.spec import program as layout
from pump.spec import reasons

BITS = 14
ONE = 1 << BITS
FREE = (1 << 30) - 1
TICK_S = 300


def limiter(
    full: int = 14_447, tick: int = FREE, hour: int = FREE, day: int = FREE,
    ticks_hour: int = 12, ticks_day: int = 288, history: array[int] | None = None,
    rise: int = ONE, on_board: int = (1 << 28) - 1, keep: int = 0, ceiling: int = FREE,
    soft_move: int = 0, soft_hour: int = 0, soft_day: int = 0, confirmed: int = 0,
    tick_s: int = TICK_S,
) -> Limiter:  # fmt: skip
    """Return a limiter with these caps, in microsteps."""
    words = array("i", [0] * layout.SCALAR_WORDS)
    words[layout.AT_DATA_BITS] = BITS
    words[layout.AT_STEPS_FULL] = full
    words[layout.AT_STEPS_TICK_MAX] = tick
    words[layout.AT_STEPS_HOUR_MAX] = hour
    words[layout.AT_STEPS_DAY_MAX] = day
    words[layout.AT_TICKS_HOUR] = ticks_hour
    words[layout.AT_TICKS_DAY] = ticks_day
    words[layout.AT_TICK_S] = tick_s
    words[layout.AT_CHANGE_MAX] = rise
    words[layout.AT_ON_BOARD_MAX] = on_board
    words[layout.AT_ON_BOARD_KEEP] = keep
    words[layout.AT_CEILING] = ceiling
    words[layout.AT_SOFT_MOVE] = soft_move
    words[layout.AT_SOFT_STEPS_HOUR] = soft_hour
    words[layout.AT_SOFT_STEPS_DAY] = soft_day
    limiting = Limiter(words, history)
    limiting.account[CONFIRMED] = confirmed
    return limiting


def test_over_a_hundred_thousand_moves_the_account_never_differs_by_a_step(seed: int) -> None:
    """Rounding must not add up to a dose: commanded and asked differ by less than one step."""
    draw = random.Random(seed)
    limiting, full = limiter(), 14_447
    asked, commanded = 0, 0
    for _ in range(100_000):
        move = draw.choice((0, 1, ONE - 1, ONE, draw.randint(0, ONE)))
        asked += move * full
        commanded += limiting.limit(move)
        assert 0 <= Fraction(asked, ONE) - commanded < 1
        assert limiting.carry == asked - commanded * ONE
    assert limiting.total == commanded % (1 << 30)
    assert commanded > 1 << 29


def test_the_total_wraps_instead_of_growing_out_of_a_small_int() -> None:
    """At 2**30 MicroPython would allocate, in the tick, months into a therapy."""
    limiting, commanded = limiter(full=32_767), 0
    for _ in range(33_000):
        commanded += limiting.limit(ONE)
        assert 0 <= limiting.total < 1 << 30
    assert commanded > 1 << 30
    assert limiting.total == commanded - (1 << 30)


@pytest.mark.parametrize("move", [-1, -ONE, -(1 << 29)])
def test_a_negative_move_is_no_steps(move: int) -> None:
    """The motor cannot pull drug back."""
    limiting = limiter()
    assert limiting.limit(move) == 0
    assert limiting.carry == 0


@pytest.mark.parametrize("move", [ONE + 1, 2 * ONE, (1 << 30) - 1])
def test_a_move_above_the_full_rate_is_the_full_rate_and_says_so(move: int) -> None:
    """Whatever the planner asks, the rate is bounded here."""
    limiting = limiter()
    assert limiting.limit(move) == 14_447
    assert limiting.reason == reasons.LIMIT_RATE


CAPS = st.fixed_dictionaries(
    {
        "full": st.integers(1, 2000),
        "tick": st.integers(0, 2500),
        "hour": st.integers(0, 6000),
        "day": st.integers(0, 20_000),
        "ticks_hour": st.integers(1, 6),
        "ticks_day": st.integers(6, 20),
    }
)
# A tick: how many were missed before it, and the move.
TICKS = st.lists(st.tuples(st.sampled_from([0] * 8 + [1, 2, 25]), st.integers(-5, ONE + 5)))


@given(CAPS, TICKS)
def test_no_window_of_an_hour_or_a_day_ever_holds_more_than_its_cap(
    caps: dict[str, int], ticks: list[tuple[int, int]]
) -> None:
    """Brute force over every window of the true history, missed ticks included."""
    limiting = limiter(**caps)
    history: list[int] = []
    for missed, move in ticks:
        limiting.advance(missed)
        history += [0] * missed
        history.append(limiting.limit(move))
        assert 0 <= history[-1] <= min(caps["tick"], caps["full"])
        assert sum(history[-caps["ticks_hour"] :]) <= caps["hour"]
        assert sum(history[-caps["ticks_day"] :]) <= caps["day"]


@given(CAPS, TICKS)
def test_a_cap_takes_no_more_than_it_must(
    caps: dict[str, int], ticks: list[tuple[int, int]]
) -> None:
    """Too little drug is a hazard as well: steps are what was asked or exactly what a cap left."""
    limiting = limiter(**caps)
    history: list[int] = []
    for missed, move in ticks:
        limiting.advance(missed)
        history += [0] * missed
        carried = limiting.carry
        steps = limiting.limit(move)
        asked = (min(max(move, 0), ONE) * caps["full"] + carried) // ONE
        left_hour = caps["hour"] - sum(history[len(history) + 1 - caps["ticks_hour"] :])
        left_day = caps["day"] - sum(history[max(0, len(history) + 1 - caps["ticks_day"]) :])
        if caps["ticks_hour"] == 1:
            left_hour = caps["hour"]
        if len(history) + 1 < caps["ticks_hour"]:
            left_hour = caps["hour"] - sum(history)
        history.append(steps)
        assert steps == min(asked, caps["tick"], left_hour, left_day)
        assert (limiting.reason == reasons.LIMIT_NONE) == (steps == asked and move <= ONE)


@pytest.mark.parametrize(
    ("caps", "reason"),
    [
        ({"tick": 99}, reasons.LIMIT_RATE),
        ({"hour": 99}, reasons.LIMIT_HOUR),
        ({"day": 99}, reasons.LIMIT_DAY),
        ({"tick": 300, "hour": 200, "day": 99}, reasons.LIMIT_DAY),
    ],
)
def test_the_cap_that_acted_last_is_named(caps: dict[str, int], reason: int) -> None:
    """The log must say why less was given than was asked."""
    limiting = limiter(full=1000, **caps)
    assert limiting.limit(ONE) == 99
    assert limiting.reason == reason


def test_what_a_cap_cut_is_never_caught_up() -> None:
    """A dose that was refused must not come later as a bonus."""
    limiting = limiter(full=1000, hour=1500, ticks_hour=2, ticks_day=4)
    assert [limiting.limit(ONE) for _ in range(2)] == [1000, 500]
    assert [limiting.limit(0) for _ in range(10)] == [0] * 10


def test_a_missed_tick_frees_what_it_did_not_deliver() -> None:
    """Windows move with time, not with decisions."""
    limiting = limiter(full=1000, hour=1000, ticks_hour=12)
    assert limiting.limit(ONE) == 1000
    limiting.advance(11)
    assert limiting.limit(ONE) == 1000
    assert limiting.limit(ONE) == 0


def test_missing_a_year_of_ticks_is_like_missing_a_day() -> None:
    """Bounded work in the tick, whatever the clock says."""
    limiting = limiter(full=1000, day=1000, ticks_day=20)
    limiting.limit(ONE)
    limiting.advance(10**8)
    assert limiting.limit(ONE) == 1000


@given(st.lists(st.integers(0, ONE), min_size=1, max_size=60))
def test_doubling_the_resolution_doubles_the_steps(moves: list[int]) -> None:
    """Metamorphic: the same moves on half as large microsteps, the same volume to a step."""
    coarse, fine = limiter(full=1000), limiter(full=2000)
    steps = [(coarse.limit(move), fine.limit(move)) for move in moves]
    difference = sum(f for _, f in steps) - 2 * sum(c for c, _ in steps)
    assert difference in (0, 1)


@given(st.lists(st.integers(0, ONE), min_size=1, max_size=60), st.integers(0, 4000))
def test_a_lower_cap_never_gives_more(moves: list[int], hour: int) -> None:
    """Metamorphic: tightening a limit cannot raise any total on the way."""
    tight = limiter(full=1000, hour=hour, ticks_hour=4, ticks_day=8)
    loose = limiter(full=1000)
    total_tight = total_loose = 0
    for move in moves:
        total_tight += tight.limit(move)
        total_loose += loose.limit(move)
        assert total_tight <= total_loose


def therapy(
    ticks: list[tuple[int, int]], caps: dict[str, int], history: array[int] | None = None
) -> tuple[Limiter, list[int]]:
    """Return the limiter after these ticks (missed before, move), and the steps of each tick."""
    limiting = limiter(**caps, history=history)
    given: list[int] = []
    for missed, move in ticks:
        limiting.advance(missed)
        given += [0] * missed
        given.append(limiting.limit(move))
    return limiting, given


@given(CAPS, TICKS, TICKS, st.integers(0, 8000))
def test_caps_hold_over_windows_that_reach_into_the_therapy_before(
    caps: dict[str, int],
    first: list[tuple[int, int]],
    second: list[tuple[int, int]],
    pause_s: int,
) -> None:
    """Else STOP and START would be a way round every cap."""
    limiting, before = therapy(first, caps)
    _, after = therapy(second, caps, limiting.quarters(TICK_S + pause_s))
    # Whole ticks of pause, rounded down: the windows below reach back at least as far as time.
    given = before + [0] * (pause_s // TICK_S) + after
    assert all(
        sum(given[max(0, end - caps["ticks_hour"]) : end]) <= caps["hour"]
        and sum(given[max(0, end - caps["ticks_day"]) : end]) <= caps["day"]
        for end in range(len(before), len(given) + 1)
    )


def test_a_window_overdrawn_by_the_therapy_before_cuts_only_what_is_asked() -> None:
    """A fraction of a step is carried on: nothing was taken away, so no cap is named."""
    limiting = limiter(full=1, hour=5, day=5, history=array("i", [9] + [0] * 95))
    assert limiting.limit(ONE // 2) == 0
    assert (limiting.reason, limiting.carry) == (reasons.LIMIT_NONE, ONE // 2)
    assert limiting.limit(ONE // 2) == 0
    assert (limiting.reason, limiting.carry) == (reasons.LIMIT_HOUR, 0)


def test_what_was_given_is_forgotten_when_its_window_is_over() -> None:
    """Too little drug is a hazard as well: at most a quarter hour and a tick longer than a day."""
    before = limiter(hour=FREE, day=14_447)
    assert before.limit(ONE) == 14_447
    early = limiter(day=14_447, history=before.quarters(24 * 3600 - TICK_S))
    assert early.limit(ONE) == 0
    late = limiter(day=14_447, history=before.quarters(24 * 3600 + 900 + TICK_S))
    assert late.limit(ONE) == 14_447


def test_the_quarter_hours_hold_every_step_of_the_last_day() -> None:
    """Nothing is lost between the ticks of one therapy and the windows of the next."""
    limiting = limiter()
    given = [limiting.limit(move) for move in range(0, ONE, 97)]
    quarters = limiting.quarters(TICK_S)
    assert sum(quarters) == sum(given[-288:])
    assert quarters[0] == sum(given[-3:])
    assert quarters[95] == sum(given[-288:-285])
    assert sum(limiting.quarters(12 * 3600)[:47]) == 0


@pytest.mark.hazard("overinfusion")
@given(st.lists(st.integers(0, ONE), min_size=1, max_size=60), st.integers(1, ONE))
def test_the_rate_never_rises_faster_than_the_program_says(moves: list[int], rise: int) -> None:
    """To a step: what was asked is kept beside what was given."""
    limiting, before = limiter(full=1000, rise=rise), 0
    for move in moves:
        steps = limiting.limit(move)
        assert steps <= before + rise * 1000 // ONE + 2
        assert limiting.asked >= steps
        before = steps


@pytest.mark.hazard("overinfusion")
@given(
    st.lists(st.integers(0, ONE), min_size=1, max_size=80),
    st.integers(0, 6000),
    st.integers(0, ONE),
)
def test_the_drug_on_board_stays_below_its_limit(moves: list[int], most: int, keep: int) -> None:
    """Held against the exact sum of all doses, each decayed by as many ticks as it is old."""
    limiting = limiter(full=1000, on_board=most, keep=keep)
    exact = Fraction(0)
    for move in moves:
        steps = limiting.limit(move)
        assert exact + steps <= most
        exact = (exact + steps) * Fraction(keep, ONE)
        assert exact <= limiting.on_board
        assert limiting.on_board - exact <= len(moves) + 1


def test_the_limit_of_drug_on_board_is_named_and_forgets_what_it_cut() -> None:
    """As every cap does."""
    limiting = limiter(full=1000, on_board=1500, keep=ONE)
    assert [limiting.limit(ONE) for _ in range(3)] == [1000, 500, 0]
    assert (limiting.reason, limiting.carry) == (reasons.LIMIT_ON_BOARD, 0)
    assert limiting.asked == 1000


def test_drug_on_board_reaches_back_over_stop_and_start() -> None:
    """Else a new therapy would take the patient for empty."""
    before = limiter(full=1000, keep=ONE)
    for _ in range(20):
        before.limit(ONE)
    again = limiter(full=1000, keep=ONE, history=before.quarters(TICK_S))
    assert again.on_board == 20_000


def test_drug_on_board_stays_a_small_int() -> None:
    """Without any decay and for ever, its products stay below 2**30."""
    limiting = limiter(full=32_767, keep=ONE)
    for _ in range(9_000):
        limiting.limit(ONE)
    assert limiting.on_board == (1 << 28) - 1
    limiting = limiter(full=32_767, keep=ONE, on_board=FREE)
    for _ in range(9_000):
        limiting.limit(ONE)
    assert limiting.on_board == (1 << 28) - 1
    assert (limiting.on_board >> 14) * ONE < 1 << 30


@pytest.mark.hazard("overinfusion")
def test_at_the_ceiling_nothing_is_given_whatever_was_asked() -> None:
    """Below it all; no move asks for nothing, and then nothing was limited."""
    limiting = limiter(full=1000, ceiling=500)
    assert limiting.limit(ONE, 499) == 1000
    assert limiting.limit(ONE, 500) == 0
    assert (limiting.reason, limiting.asked) == (reasons.LIMIT_CEILING, 1000)
    assert limiting.limit(0, 500) == 0
    assert limiting.reason == reasons.LIMIT_NONE


SOFT = {
    reasons.LIMIT_SOFT_RATE: {"soft_move": ONE // 4},
    reasons.LIMIT_SOFT_HOUR: {"soft_hour": 9_000},
    reasons.LIMIT_SOFT_DAY: {"soft_day": 20_000},
}


@pytest.mark.hazard("soft_limit")
@pytest.mark.parametrize("limit", SOFT)
def test_a_soft_limit_holds_and_is_named_until_it_is_confirmed(limit: int) -> None:
    """Two hours at the full rate: never beyond the limit, and what was asked is kept."""
    limiting = limiter(**SOFT[limit])
    given = []
    for _ in range(24):
        given.append(limiting.limit(ONE))
        assert limiting.asked >= given[-1]
    assert limiting.reason == limit
    if limit == reasons.LIMIT_SOFT_RATE:
        assert max(given) <= 14_447 / 4 + 1
    elif limit == reasons.LIMIT_SOFT_HOUR:
        assert max(sum(given[i : i + 12]) for i in range(13)) == 9_000
    else:
        assert sum(given) == 20_000
    limiting.account[CONFIRMED] = 1 << limit
    assert limiting.limit(ONE) in (14_447, 14_448)  # the fraction that was carried
    assert limiting.reason == reasons.LIMIT_NONE


@pytest.mark.hazard("soft_limit")
@given(CAPS, TICKS, st.integers(0, (1 << 29) - 1))
def test_whatever_is_confirmed_no_hard_cap_moves(
    caps: dict[str, int], ticks: list[tuple[int, int]], confirmed: int
) -> None:
    """With any bits confirmed a soft limit only ever takes away."""
    free, held = limiter(**caps), limiter(**caps, soft_move=ONE // 3, confirmed=confirmed)
    history: list[int] = []
    for missed, move in ticks:
        free.advance(missed)
        held.advance(missed)
        history += [0] * missed
        history.append(held.limit(move))
        assert history[-1] <= min(caps["tick"], caps["full"])
        assert sum(history[-caps["ticks_hour"] :]) <= caps["hour"]
        assert sum(history[-caps["ticks_day"] :]) <= caps["day"]


def test_the_soft_rate_is_left_no_faster_than_the_rate_may_rise() -> None:
    """Confirming must not make a jump that the program forbids."""
    limiting = limiter(rise=ONE // 8, soft_move=ONE // 4)
    for _ in range(20):
        limiting.limit(ONE)
    limiting.account[CONFIRMED] = 1 << reasons.LIMIT_SOFT_RATE
    assert limiting.limit(ONE) <= 14_447 * 3 / 8 + 1


def test_a_rise_is_named_when_it_acts_and_not_at_its_very_bound() -> None:
    """The record must say why the rate lags what was planned."""
    limiting = limiter(full=1000, rise=ONE // 8)
    assert limiting.limit(ONE // 8) == 125
    assert limiting.reason == reasons.LIMIT_NONE
    assert limiting.limit(ONE // 4 + 1) == 250
    assert limiting.reason == reasons.LIMIT_RISE
    assert limiting.limit(ONE // 2) == 375
    assert limiting.reason == reasons.LIMIT_RISE


@pytest.mark.parametrize("limit", SOFT)
def test_a_soft_limit_of_one_holds_and_none_acts_at_its_very_bound(limit: int) -> None:
    """Zero means that there is none; one is the least that there can be."""
    (name,) = SOFT[limit]
    limiting = limiter(full=ONE // 2, **{name: 1})
    given = [limiting.limit(ONE) for _ in range(3)]
    assert limiting.reason == limit
    assert sum(given) == 1
    free = limiter(full=1000, **{name: ONE if limit == reasons.LIMIT_SOFT_RATE else 1000})
    assert free.limit(ONE) == 1000
    assert free.reason == reasons.LIMIT_NONE


def test_of_two_limits_that_leave_the_same_the_first_is_named() -> None:
    """Rate, hour, day, drug on board, then the soft ones: a hard limit before a soft one."""
    order = [
        ({"tick": 500}, reasons.LIMIT_RATE),
        ({"hour": 500}, reasons.LIMIT_HOUR),
        ({"day": 500}, reasons.LIMIT_DAY),
        ({"on_board": 500}, reasons.LIMIT_ON_BOARD),
        ({"soft_hour": 500}, reasons.LIMIT_SOFT_HOUR),
        ({"soft_day": 500}, reasons.LIMIT_SOFT_DAY),
    ]
    for place, (caps, named) in enumerate(order):
        for other, _ in order[place:]:
            limiting = limiter(full=1000, **(caps | other))
            assert limiting.limit(ONE) == 500
            assert limiting.reason == named


@pytest.mark.hazard("overinfusion")
def test_at_the_ceiling_not_even_fractions_of_a_step_add_up() -> None:
    """A day of ticks that each carried a sixteenth would give eighteen steps."""
    limiting = limiter(full=1000, ceiling=500)
    for move in [1, ONE] * 144:
        assert limiting.limit(move, 500) == 0
        assert limiting.reason == reasons.LIMIT_CEILING
    assert (limiting.total, limiting.carry) == (0, 0)


def test_over_days_of_full_rate_a_cap_takes_no_more_than_it_must() -> None:
    """The windows come round to their beginning; a sum that drifted would cut too much."""
    limiting, history = limiter(full=1000, hour=6500, ticks_hour=12, ticks_day=20), [0] * 20
    for _ in range(100):
        history.append(limiting.limit(ONE))
        assert history[-1] == min(1000, 6500 - sum(history[-12:-1]))


@pytest.mark.parametrize("name", ["soft_hour", "soft_day", "on_board"])
def test_a_cap_acts_as_soon_as_it_leaves_less_than_a_tick_may_give(name: str) -> None:
    """Not only beside a boundless tick: here a tick may give 1000, and the cap is 2500."""
    caps = {name: 2500, "keep": ONE}
    limiting = limiter(full=1000, tick=1000, **caps)
    assert [limiting.limit(ONE) for _ in range(4)] == [1000, 1000, 500, 0]


def test_the_fraction_of_what_a_cap_cut_is_forgotten_too() -> None:
    """A third of the full rate leaves a fraction of a step; none of it is given later."""
    limiting = limiter(full=1000, hour=100)
    assert limiting.limit(ONE // 3) == 100
    assert limiting.carry == 0


@pytest.mark.parametrize("cap", ["hour", "day"])
def test_a_window_overdrawn_by_one_step_gives_none_and_takes_none(cap: str) -> None:
    """Steps below zero would be counted as given back."""
    limiting = limiter(full=1, history=array("i", [6] + [0] * 95), **{cap: 5})
    assert [limiting.limit(0), limiting.limit(ONE)] == [0, 0]
    assert limiting.total == 0


# A tick of a quarter hour: the window of an hour holds it and the three quarters before it.
@pytest.mark.parametrize(
    ("quarter", "cap", "steps"),
    [
        (2, "hour", 0), (3, "hour", 10), (4, "hour", 10), (94, "day", 0), (95, "day", 10),
        (95, "hour", 10),
    ],
)  # fmt: skip
def test_what_was_given_before_counts_as_long_as_its_window_reaches_there(
    quarter: int, cap: str, steps: int
) -> None:
    """Longer would withhold drug for a dose that is an hour, or a day, away."""
    history = array("i", [0] * 96)
    history[quarter] = 10
    limiting = limiter(
        full=10, ticks_hour=4, ticks_day=96, tick_s=900, history=history, **{cap: 10}
    )
    assert limiting.limit(ONE) == steps


def test_drug_on_board_decays_over_stop_and_start_as_within_a_therapy() -> None:
    """Given in the tick before, or in the oldest quarter hour of the day: none left out."""
    before = limiter(full=1000, keep=ONE // 2)
    before.limit(ONE)
    again = limiter(full=1000, keep=ONE // 2, history=before.quarters(TICK_S))
    assert again.on_board == before.on_board == 500
    oldest = array("i", [0] * 94 + [1000, 0])
    slow = limiter(ticks_day=96, tick_s=900, keep=ONE, history=oldest)
    assert slow.on_board == 1000


def test_a_missed_tick_clears_drug_and_adds_none() -> None:
    """Half of it is cleared in each tick, then none is, however many go by."""
    halved, kept = limiter(full=1000, keep=ONE // 2), limiter(full=1000, keep=ONE)
    halved.limit(ONE)
    kept.limit(ONE)
    halved.advance(2)
    kept.advance(9)
    assert (halved.on_board, kept.on_board) == (125, 1000)


def test_a_tick_under_way_counts_for_the_youngest_quarter_hour() -> None:
    """STOP comes at any moment: the tick's end then lies ahead."""
    limiting = limiter()
    steps = limiting.limit(ONE)
    assert list(limiting.quarters(10)) == [steps] + [0] * 95


def test_a_takeover_rises_from_the_rate_that_runs() -> None:
    """An eighth of the old full rate is a sixteenth of the new one, which is twice as large."""
    before = limiter(full=1000, rise=ONE // 8)
    assert before.limit(ONE) == 125
    words = limiter(full=2000, rise=ONE // 8)._words
    after = Limiter(words, None, before)
    after.follow(Scales(before._words, words))
    assert after.limit(ONE) == 375


def test_the_windows_take_no_more_memory_than_a_day_in_whole_pages() -> None:
    """On the board a day of ten-second ticks is a sixth of the heap."""
    pages = limiter(ticks_day=512)._pages
    assert [len(page) for page in pages] == [256, 256]


def test_a_ceiling_of_one_lets_a_level_of_zero_pass() -> None:
    """The least ceiling that a program may state."""
    assert limiter(full=1000, ceiling=1).limit(ONE) == 1000
