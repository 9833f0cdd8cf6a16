# SPDX-License-Identifier: MIT
"""One decision a tick: what each input may change, and that the record says all of it."""

from __future__ import annotations

import random
from array import array

import pytest

from pump.core.controller import Controller
from pump.core.supervisor import EVENT_PASSED, EVENT_PROGRAM, EVENT_START, Supervisor
from pump.spec import program as layout
from pump.spec import reasons
from pump.spec import record as at

HEALTHY = {at.PRESSURE_RAW: 20_000, at.RESERVOIR_RAW: 60_000, at.BATTERY_RAW: 60_000}


def controller_of(words: array[int]) -> Controller:
    """Return a controller whose therapy has just been started."""
    supervised = Supervisor()
    supervised.happen(EVENT_PASSED)
    supervised.happen(EVENT_PROGRAM)
    supervised.happen(EVENT_START)
    return Controller(words, supervised)


def decide(
    controller: Controller, tick: int, conc_ug_l: int | None = None, **inputs: int
) -> dict[str, int]:
    """Run one tick as the app would; return its record by name."""
    record = controller.record
    steps_before = record[at.STEPS]
    record[at.TICK] = tick
    record[at.ELAPSED_TICKS] = 1
    record[at.READING_PRESENT] = 0
    record[at.BOARD_FLAGS] = 0
    record[at.STEPS_DONE] = steps_before
    for word, value in HEALTHY.items():
        record[word] = value
    if conc_ug_l is not None:
        record[at.READING_PRESENT] = 1
        record[at.SAMPLE_INDEX] = tick
        record[at.READING_TIME_S] = 300 * tick
        record[at.CONC] = conc_ug_l
        record[at.QUALITY] = 100
    for name, value in inputs.items():
        record[getattr(at, name)] = value
    steps = controller.decide()
    assert steps == record[at.STEPS]
    names = [name for name in dir(at) if name.isupper() and isinstance(getattr(at, name), int)]
    return {name: record[getattr(at, name)] for name in names if getattr(at, name) < at.PLAN}


def test_without_a_first_reading_the_pump_gives_the_fallback(words: array[int]) -> None:
    """Nobody knows the level before it has been measured: the model's empty patient is a guess."""
    controller = controller_of(words)
    outcome = decide(controller, 0)
    assert outcome["READING_VERDICT"] == reasons.READING_MISSING
    assert outcome["PLAN_SOURCE"] == reasons.PLAN_FALLBACK
    assert outcome["MOVE"] == words[layout.AT_FALLBACK_MOVE]


def test_a_reading_is_needed_again_once_the_last_is_stale(words: array[int]) -> None:
    """The plan may run on the model for so many ticks and no longer; a reading brings it back."""
    controller, most = controller_of(words), words[layout.AT_STALE_TICKS_MAX]
    sources = [decide(controller, 0, 10_000)["PLAN_SOURCE"]]
    sources += [decide(controller, tick)["PLAN_SOURCE"] for tick in range(1, most + 3)]
    assert sources == [reasons.PLAN_SOLVED] * (most + 1) + [reasons.PLAN_FALLBACK] * 2
    assert decide(controller, most + 3, 12_000)["PLAN_SOURCE"] == reasons.PLAN_SOLVED


def test_missed_ticks_age_the_last_reading(words: array[int]) -> None:
    """Time counts, not the number of decisions."""
    controller, most = controller_of(words), words[layout.AT_STALE_TICKS_MAX]
    decide(controller, 0, 10_000)
    outcome = decide(controller, most + 1, ELAPSED_TICKS=most + 1)
    assert outcome["STALE_TICKS"] == most + 1
    assert outcome["PLAN_SOURCE"] == reasons.PLAN_FALLBACK


def test_a_refused_reading_ages_like_none(words: array[int]) -> None:
    """A sensor that talks nonsense is as silent as one that does not talk."""
    silent, nonsense = controller_of(words), controller_of(words)
    for controller in (silent, nonsense):
        decide(controller, 0, 10_000)
    for tick in range(1, 12):
        first = decide(silent, tick)
        second = decide(nonsense, tick, 10_000_000)
        assert second["READING_VERDICT"] == reasons.READING_OUT_OF_RANGE
        for name in ("MOVE", "STEPS", "ESTIMATE", "PLAN_SOURCE", "STALE_TICKS", "INNOVATION"):
            assert first[name] == second[name]


FAULTS = [
    ({"BOARD_FLAGS": reasons.FLAG_DOOR_OPEN}, reasons.FAULT_DOOR_OPEN),
    ({"BOARD_FLAGS": reasons.FLAG_AIR_IN_LINE}, reasons.FAULT_AIR_IN_LINE),
    ({"BOARD_FLAGS": reasons.FLAG_OCCLUSION}, reasons.FAULT_OCCLUSION),
    ({"BOARD_FLAGS": reasons.FLAG_DRIVER_FAULT}, reasons.FAULT_DRIVER),
    ({"PRESSURE_RAW": 65_535}, reasons.FAULT_PRESSURE_HIGH),
    ({"RESERVOIR_RAW": 0}, reasons.FAULT_RESERVOIR_EMPTY),
    ({"BATTERY_RAW": 0}, reasons.FAULT_BATTERY_EMPTY),
    ({"STEPS_DONE": 1}, reasons.FAULT_STEPS_MISMATCH),
    ({"STEPS_DONE": 32_767}, reasons.FAULT_STEPS_MISMATCH),
]


@pytest.mark.parametrize(("inputs", "fault"), FAULTS)
def test_a_fault_gives_no_steps_in_its_own_tick_and_ever_after(
    words: array[int], inputs: dict[str, int], fault: int
) -> None:
    """Stop at once, stay stopped when the cause goes away, and keep saying why."""
    controller = controller_of(words)
    assert decide(controller, 0, 10_000)["STEPS"] > 0
    for tick in range(1, 5):
        outcome = decide(controller, tick, 10_000, **(inputs if tick == 1 else {}))
        assert outcome["STEPS"] == outcome["MOVE"] == 0
        assert outcome["STATE"] == reasons.STATE_FAULT
        assert outcome["FAULT_REASON"] == fault
        assert outcome["LIMIT_REASON"] == reasons.LIMIT_STOPPED


@pytest.mark.parametrize("stopped_by", ["fault", "silence"])
def test_a_tick_without_a_solve_does_not_show_the_last_ones_solve(
    words: array[int], stopped_by: str
) -> None:
    """A reviewer counts iterations and unsolved ticks from the log."""
    controller = controller_of(words)
    assert decide(controller, 0, 10_000)["SOLVED"] == 1
    if stopped_by == "fault":
        outcome = decide(controller, 1, 10_000, BOARD_FLAGS=1)
    else:
        outcome = decide(controller, 1001, ELAPSED_TICKS=1001)
    assert (outcome["SOLVED"], outcome["ITERATIONS"], outcome["SOLVE_US"]) == (0, 0, 0)
    assert outcome["PLAN_SOURCE"] == reasons.PLAN_FALLBACK


def test_the_estimate_follows_the_steps_done_not_the_steps_asked(words: array[int]) -> None:
    """A cap must not make the model believe in drug that was never given."""
    capped, free = array("i", words), array("i", words)
    capped[layout.AT_STEPS_TICK_MAX] = 100
    estimates = []
    for program in (capped, free):
        controller = controller_of(program)
        decide(controller, 0, 0)
        estimates.append(decide(controller, 1)["ESTIMATE"])
    assert 0 <= estimates[0] < estimates[1] / 10


def test_the_rate_caps_hold_in_closed_loop(words: array[int]) -> None:
    """Brute force over the steps of a therapy that always asks for more than it may have."""
    words[layout.AT_STEPS_HOUR_MAX] = 30_000
    words[layout.AT_STEPS_DAY_MAX] = 100_000
    controller = controller_of(words)
    steps, limits_seen = [], set()
    for tick in range(310):
        outcome = decide(controller, tick, 5_000 + tick % 2)
        steps.append(outcome["STEPS"])
        limits_seen.add(outcome["LIMIT_REASON"])
        assert sum(steps[-12:]) <= 30_000
        assert sum(steps[-288:]) <= 100_000
    assert {reasons.LIMIT_HOUR, reasons.LIMIT_DAY} <= limits_seen
    assert sum(steps[:288]) == 100_000
    assert outcome["STEPS_TOTAL"] == sum(steps)


def test_two_controllers_on_the_same_records_decide_the_same(words: array[int]) -> None:
    """Replay: the input words are all that a decision depends on."""
    draw = random.Random(5)
    first, second = controller_of(words), controller_of(words)
    no_states = range(at.ESTIMATE + 3, at.INNOVATION)  # this program has three
    for tick in range(40):
        conc = draw.choice([None, draw.randint(0, 40_000)])
        decide(first, tick, conc, QUALITY=draw.randint(30, 100))
        second.record[: at.INPUT_WORDS] = first.record[: at.INPUT_WORDS]
        for i in range(at.INPUT_WORDS, len(second.record)):
            second.record[i] = draw.randint(-1000, 1000)
        second.decide()
        for word in range(at.READING_VERDICT, len(first.record)):
            if word not in (*at.MEASURED, *no_states):
                assert first.record[word] == second.record[word], word


def test_the_record_shows_the_plan(words: array[int]) -> None:
    """Moves in the high half, concentrations in the low: what a reviewer's plot is drawn from."""
    controller = controller_of(words)
    decide(controller, 0, 10_000)
    planner, solver = controller.planner, controller.planner.solver
    for i in range(planner.horizon):
        word = controller.record[at.PLAN + i]
        assert word >> 15 == planner.moves[i]
        level = planner.free[i] + (solver.outputs[i] >> solver.outputs_shift)
        assert (word & 0x7FFF) == max(0, min(at.PLAN_CONC_MAX, level // 4))
    assert len(controller.record) == at.word_count(words[layout.AT_HORIZON])


def test_the_plan_of_a_pump_that_stands_is_what_happens_without_it(words: array[int]) -> None:
    """A reviewer must not see the plan of the tick before the fault, nor any dose to come."""
    controller = controller_of(words)
    for tick in range(6):
        decide(controller, tick, 10_000 + 1000 * tick)
    decide(controller, 6, 16_000, BOARD_FLAGS=1)
    states = words[layout.AT_STATES]
    offsets = layout.table_offsets(words, 0)
    estimate = controller.record[at.ESTIMATE : at.ESTIMATE + states]
    shift = words[layout.AT_FREE_SHIFT]
    levels = set()
    for i in range(words[layout.AT_HORIZON]):
        row = words[offsets[2] + i * states : offsets[2] + (i + 1) * states]
        free = (
            sum(a * b for a, b in zip(row, estimate, strict=True)) + (1 << (shift - 1))
        ) >> shift
        assert controller.record[at.PLAN + i] == max(0, min(at.PLAN_CONC_MAX, free // 4))
        levels.add(free)
    assert len(levels) > words[layout.AT_HORIZON] // 2, "a flat response would show nothing"
