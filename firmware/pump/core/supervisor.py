# SPDX-License-Identifier: MIT
"""Decides whether the pump may deliver at all: one table of states, events and transitions.

Only `NEXT` changes the state; docs/safety/README.md shows it as a diagram that is made
from it.  An event that the state does not list changes nothing and is counted.  The first
fault is latched: STOP ends the therapy, but only a person's ACKNOWLEDGE with the fault's
own number lets the pump start again.
"""

from pump.compat import micropython
from pump.spec import reasons

EVENT_PROGRAM = 0  # a whole, checked program has been taken in
EVENT_START = 1
EVENT_STOP = 2
EVENT_FAULT = 3  # an alarm whose action is to stop
EVENT_PASSED = 4  # the self-test found nothing
EVENT_LOSE = 5  # an alarm whose action is to hold is present
EVENT_REGAIN = 6  # no such alarm is present any more
EVENT_EXPIRE = 7  # fallback delivery has lasted as long as the program allows
EVENT_ACKNOWLEDGE = 8  # a person has seen the fault

_COUNT_MAX = 65_535  # of events refused: a small int, for ever

# Event, then state before: state after.  Nested, because a pair as key would need the heap.
NEXT = {
    EVENT_PASSED: {reasons.STATE_SELF_TEST: reasons.STATE_IDLE},
    EVENT_PROGRAM: {
        reasons.STATE_IDLE: reasons.STATE_READY,
        reasons.STATE_READY: reasons.STATE_READY,
    },
    EVENT_START: {reasons.STATE_READY: reasons.STATE_RUNNING},
    EVENT_LOSE: {reasons.STATE_RUNNING: reasons.STATE_FALLBACK},
    EVENT_REGAIN: {reasons.STATE_FALLBACK: reasons.STATE_RUNNING},
    EVENT_EXPIRE: {reasons.STATE_FALLBACK: reasons.STATE_STOPPED},
    EVENT_STOP: {
        reasons.STATE_SELF_TEST: reasons.STATE_SELF_TEST,
        reasons.STATE_IDLE: reasons.STATE_IDLE,
        reasons.STATE_READY: reasons.STATE_READY,
        reasons.STATE_RUNNING: reasons.STATE_READY,
        reasons.STATE_FALLBACK: reasons.STATE_READY,
        reasons.STATE_STOPPED: reasons.STATE_READY,
        reasons.STATE_FAULT: reasons.STATE_FAULT,
    },
    EVENT_FAULT: {
        reasons.STATE_RUNNING: reasons.STATE_FAULT,
        reasons.STATE_FALLBACK: reasons.STATE_FAULT,
        reasons.STATE_STOPPED: reasons.STATE_FAULT,
    },
    EVENT_ACKNOWLEDGE: {reasons.STATE_FAULT: reasons.STATE_READY},
}


class Supervisor:
    """State, first cause, and what was asked that the state does not allow."""

    def __init__(self):
        self.state = reasons.STATE_SELF_TEST
        self.fault = reasons.FAULT_NONE
        self.refused = 0  # illegal events so far
        self.last_refused = -1

    @micropython.native
    def happen(self, event: int) -> bool:
        """Change state for `event`; return False, only counting it, when it is not allowed."""
        if event not in NEXT or self.state not in NEXT[event]:
            self.refused = min(self.refused + 1, _COUNT_MAX)
            self.last_refused = event
            return False
        self.state = NEXT[event][self.state]
        return True

    @micropython.native
    def delivers(self) -> bool:
        """Say whether the motor may turn: in closed loop or at the fallback rate."""
        return self.state in (reasons.STATE_RUNNING, reasons.STATE_FALLBACK)

    @micropython.native
    def trip(self, fault: int) -> None:
        """Latch `fault` while a therapy beats; a later one never replaces the first."""
        if self.state != reasons.STATE_FAULT and self.happen(EVENT_FAULT):
            self.fault = fault

    def acknowledge(self, fault: int) -> bool:
        """Leave the latched fault, if that is the one the person has seen."""
        if fault != self.fault or not self.happen(EVENT_ACKNOWLEDGE):
            return False
        self.fault = reasons.FAULT_NONE
        return True
