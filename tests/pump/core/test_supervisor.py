# SPDX-License-Identifier: MIT
"""States and faults: only listed events move the pump, and the first cause is the one kept."""

from __future__ import annotations

from array import array
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pump.core import supervisor
from pump.core.supervisor import Supervisor, board_fault
from pump.spec import program as layout
from pump.spec import reasons

IDLE, READY = reasons.STATE_IDLE, reasons.STATE_READY
RUNNING, FAULT = reasons.STATE_RUNNING, reasons.STATE_FAULT
PROGRAM, START, STOP = supervisor.EVENT_PROGRAM, supervisor.EVENT_START, supervisor.EVENT_STOP
FAULTS = range(reasons.FAULT_DOOR_OPEN, reasons.FAULT_INTERNAL + 1)

# What a reviewer allows: anything not here is illegal.
ALLOWED = {
    (IDLE, PROGRAM): READY,
    (READY, PROGRAM): READY,
    (READY, START): RUNNING,
    (IDLE, STOP): IDLE,
    (READY, STOP): READY,
    (RUNNING, STOP): READY,
    (FAULT, STOP): READY,
}


def supervised(state: int) -> Supervisor:
    """Return a supervisor that came to `state` by legal events."""
    new = Supervisor()
    for event in {IDLE: [], READY: [PROGRAM]}.get(state, [PROGRAM, START]):
        assert new.happen(event)
    if state == FAULT:
        new.trip(reasons.FAULT_OCCLUSION)
    assert new.state == state
    return new


@pytest.mark.parametrize(
    ("state", "event"), [*product([IDLE, READY, RUNNING, FAULT], [PROGRAM, START, STOP])]
)
def test_an_event_does_what_the_table_says_and_an_illegal_one_nothing(
    state: int, event: int
) -> None:
    """A pump that starts without a program, or out of a fault, is the hazard."""
    pump = supervised(state)
    fault = pump.fault
    assert pump.happen(event) == ((state, event) in ALLOWED)
    assert pump.state == ALLOWED.get((state, event), state)
    assert pump.fault == (reasons.FAULT_NONE if event == STOP else fault)


@given(st.integers(-5, 200))
def test_an_unknown_event_changes_nothing(event: int) -> None:
    """Numbers come from code that may change."""
    if event in (PROGRAM, START, STOP, supervisor.EVENT_FAULT):
        return
    for state in (IDLE, READY, RUNNING, FAULT):
        pump = supervised(state)
        assert not pump.happen(event)
        assert pump.state == state


@pytest.mark.parametrize(("first", "second"), [*product(FAULTS, FAULTS)])
def test_the_first_cause_is_kept(first: int, second: int) -> None:
    """What follows a fault is its consequence; the reviewer needs the cause."""
    pump = supervised(RUNNING)
    pump.trip(first)
    pump.trip(second)
    assert (pump.state, pump.fault) == (FAULT, first)


@pytest.mark.parametrize("state", [IDLE, READY])
def test_a_fault_while_nothing_runs_is_not_latched(state: int) -> None:
    """An open door while a syringe is loaded is no fault of the therapy."""
    pump = supervised(state)
    pump.trip(reasons.FAULT_DOOR_OPEN)
    assert (pump.state, pump.fault) == (state, reasons.FAULT_NONE)


@given(st.lists(st.one_of(st.integers(0, 4), st.integers(100, 109)), max_size=40))
def test_no_sequence_runs_out_of_a_fault_without_a_stop(events: list[int]) -> None:
    """Only a person's STOP clears a fault."""
    pump = supervised(FAULT)
    for event in events:
        if event == STOP:
            return
        if event >= 100:
            pump.trip(event - 100)
        else:
            pump.happen(event)
        assert (pump.state, pump.fault) == (FAULT, reasons.FAULT_OCCLUSION)


@pytest.fixture
def limits_of_the_board() -> array[int]:
    """Return words with the board's three limits."""
    words = array("i", [0] * layout.SCALAR_WORDS)
    words[layout.AT_PRESSURE_RAW_MAX] = 52_000
    words[layout.AT_RESERVOIR_RAW_MIN] = 2_000
    words[layout.AT_BATTERY_RAW_MIN] = 30_000
    return words


@pytest.mark.parametrize(
    ("inputs", "fault"),
    [
        ((0, 52_000, 2_000, 30_000), reasons.FAULT_NONE),
        ((0, 52_001, 2_000, 30_000), reasons.FAULT_PRESSURE_HIGH),
        ((0, 52_000, 1_999, 30_000), reasons.FAULT_RESERVOIR_EMPTY),
        ((0, 52_000, 2_000, 29_999), reasons.FAULT_BATTERY_LOW),
        ((reasons.FLAG_DOOR_OPEN, 0, 65_535, 65_535), reasons.FAULT_DOOR_OPEN),
        ((reasons.FLAG_AIR_IN_LINE, 0, 65_535, 65_535), reasons.FAULT_AIR_IN_LINE),
        ((reasons.FLAG_OCCLUSION, 0, 65_535, 65_535), reasons.FAULT_OCCLUSION),
        ((reasons.FLAG_DRIVER_FAULT, 0, 65_535, 65_535), reasons.FAULT_DRIVER),
    ],
)
def test_every_sensor_has_its_fault_at_its_exact_limit(
    limits_of_the_board: array[int], inputs: tuple[int, int, int, int], fault: int
) -> None:
    """Each sensor is there for one hazard; naming another sends help to the wrong place."""
    assert board_fault(limits_of_the_board, *inputs) == fault


@given(st.integers(0, 15), st.integers(0, 65_535), st.integers(0, 65_535), st.integers(0, 65_535))
def test_any_sensor_in_alarm_is_a_fault(
    flags: int, pressure: int, reservoir: int, battery: int
) -> None:
    """No combination of alarms may cancel out."""
    words = array("i", [0] * layout.SCALAR_WORDS)
    words[layout.AT_PRESSURE_RAW_MAX] = 52_000
    words[layout.AT_RESERVOIR_RAW_MIN] = 2_000
    words[layout.AT_BATTERY_RAW_MIN] = 30_000
    healthy = not flags and pressure <= 52_000 and reservoir >= 2_000 and battery >= 30_000
    fault = board_fault(words, flags, pressure, reservoir, battery)
    assert (fault == reasons.FAULT_NONE) == healthy
