# SPDX-License-Identifier: MIT
"""States and faults: only listed events move the pump, and the first cause is the one kept."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pump.core import supervisor
from pump.core.supervisor import Supervisor
from pump.spec import reasons

SELF_TEST, IDLE, READY = reasons.STATE_SELF_TEST, reasons.STATE_IDLE, reasons.STATE_READY
RUNNING, FALLBACK = reasons.STATE_RUNNING, reasons.STATE_FALLBACK
STOPPED, FAULT = reasons.STATE_STOPPED, reasons.STATE_FAULT
STATES = (SELF_TEST, IDLE, READY, RUNNING, FALLBACK, STOPPED, FAULT)

PASSED, PROGRAM = supervisor.EVENT_PASSED, supervisor.EVENT_PROGRAM
START, STOP, TRIP = supervisor.EVENT_START, supervisor.EVENT_STOP, supervisor.EVENT_FAULT
LOSE, REGAIN = supervisor.EVENT_LOSE, supervisor.EVENT_REGAIN
EXPIRE, ACKNOWLEDGE = supervisor.EVENT_EXPIRE, supervisor.EVENT_ACKNOWLEDGE
EVENTS = (PASSED, PROGRAM, START, STOP, TRIP, LOSE, REGAIN, EXPIRE, ACKNOWLEDGE)
FAULTS = range(reasons.FAULT_AIR_IN_LINE, reasons.FAULT_LOG + 1)

# What a reviewer allows: anything not here is illegal.
ALLOWED = {
    (SELF_TEST, PASSED): IDLE,
    (IDLE, PROGRAM): READY,
    (READY, PROGRAM): READY,
    (READY, START): RUNNING,
    (RUNNING, LOSE): FALLBACK,
    (FALLBACK, REGAIN): RUNNING,
    (FALLBACK, EXPIRE): STOPPED,
    (RUNNING, TRIP): FAULT,
    (FALLBACK, TRIP): FAULT,
    (STOPPED, TRIP): FAULT,
    (SELF_TEST, STOP): SELF_TEST,
    (IDLE, STOP): IDLE,
    (READY, STOP): READY,
    (RUNNING, STOP): READY,
    (FALLBACK, STOP): READY,
    (STOPPED, STOP): READY,
    (FAULT, STOP): FAULT,
    (FAULT, ACKNOWLEDGE): READY,
}
WAYS = {
    SELF_TEST: (),
    IDLE: (PASSED,),
    READY: (PASSED, PROGRAM),
    RUNNING: (PASSED, PROGRAM, START),
    FALLBACK: (PASSED, PROGRAM, START, LOSE),
    STOPPED: (PASSED, PROGRAM, START, LOSE, EXPIRE),
    FAULT: (PASSED, PROGRAM, START),
}


def supervised(state: int) -> Supervisor:
    """Return a supervisor that came to `state` by legal events."""
    new = Supervisor()
    for event in WAYS[state]:
        assert new.happen(event)
    if state == FAULT:
        new.trip(reasons.FAULT_OCCLUSION)
    assert (new.state, new.refused) == (state, 0)
    return new


@pytest.mark.parametrize(("state", "event"), [*product(STATES, EVENTS)])
def test_an_event_does_what_the_table_says_and_an_illegal_one_is_only_counted(
    state: int, event: int
) -> None:
    """A pump that starts without a program, or out of a fault, is the hazard."""
    pump = supervised(state)
    fault = pump.fault
    allowed = (state, event) in ALLOWED
    assert pump.happen(event) == allowed
    assert pump.state == ALLOWED.get((state, event), state)
    assert pump.fault == fault
    assert (pump.refused, pump.last_refused) == ((0, -1) if allowed else (1, event))


@given(st.integers(-5, 200).filter(lambda event: event not in EVENTS))
def test_an_unknown_event_changes_nothing(event: int) -> None:
    """Numbers come from code that may change."""
    for state in STATES:
        pump = supervised(state)
        assert not pump.happen(event)
        assert (pump.state, pump.last_refused) == (state, event)


def test_the_count_of_refused_events_stays_a_small_int() -> None:
    """A host gone mad may ask for ever."""
    pump = Supervisor()
    for _ in range(70_000):
        pump.happen(START)
    assert pump.refused == 65_535


@pytest.mark.parametrize(("first", "second"), [*product(FAULTS, FAULTS)])
def test_the_first_cause_is_kept(first: int, second: int) -> None:
    """What follows a fault is its consequence; the reviewer needs the cause."""
    pump = supervised(RUNNING)
    pump.trip(first)
    pump.trip(second)
    assert (pump.state, pump.fault, pump.refused) == (FAULT, first, 0)


@pytest.mark.parametrize("state", [SELF_TEST, IDLE, READY])
def test_a_fault_while_nothing_runs_is_not_latched(state: int) -> None:
    """An open door while a syringe is loaded is no fault of the therapy."""
    pump = supervised(state)
    pump.trip(reasons.FAULT_DOOR_OPEN)
    assert (pump.state, pump.fault) == (state, reasons.FAULT_NONE)


@pytest.mark.parametrize("state", STATES)
def test_the_motor_may_turn_in_closed_loop_and_fallback_only(state: int) -> None:
    """Every other state is a standstill."""
    assert supervised(state).delivers() == (state in (RUNNING, FALLBACK))


@pytest.mark.hazard("restart_after_fault")
@given(st.lists(st.one_of(st.integers(0, 7), st.integers(100, 110)), max_size=40))
def test_no_sequence_leaves_a_fault_without_a_person(events: list[int]) -> None:
    """Neither STOP nor START nor any condition that goes away; only ACKNOWLEDGE."""
    pump = supervised(FAULT)
    for event in events:
        if event >= 100:
            pump.trip(event - 100)
        else:
            pump.happen(event)
        assert (pump.state, pump.fault) == (FAULT, reasons.FAULT_OCCLUSION)


@pytest.mark.parametrize("number", [0, *FAULTS])
def test_only_the_number_of_the_latched_fault_acknowledges_it(number: int) -> None:
    """Who names another alarm has not seen this one."""
    pump = supervised(FAULT)
    right = number == reasons.FAULT_OCCLUSION
    assert pump.acknowledge(number) == right
    expected = (READY, reasons.FAULT_NONE) if right else (FAULT, reasons.FAULT_OCCLUSION)
    assert (pump.state, pump.fault) == expected


@pytest.mark.parametrize("state", STATES[:-1])
def test_without_a_fault_there_is_nothing_to_acknowledge(state: int) -> None:
    """Also number 0, which stands for no fault, opens nothing."""
    pump = supervised(state)
    assert not pump.acknowledge(reasons.FAULT_NONE)
    assert pump.state == state
