# SPDX-License-Identifier: MIT
"""Decides whether the pump may run at all; the first fault is latched until STOP.

Only this table changes the state.  An event that the state does not list is
refused and changes nothing.
"""

from pump.spec import program as layout
from pump.spec import reasons

EVENT_PROGRAM = 0
EVENT_START = 1
EVENT_STOP = 2
EVENT_FAULT = 3

# Event, then state before: state after.  Nested, because a pair as key would need the heap.
_NEXT = {
    EVENT_PROGRAM: {
        reasons.STATE_IDLE: reasons.STATE_READY,
        reasons.STATE_READY: reasons.STATE_READY,
    },
    EVENT_START: {reasons.STATE_READY: reasons.STATE_RUNNING},
    EVENT_STOP: {
        reasons.STATE_IDLE: reasons.STATE_IDLE,
        reasons.STATE_READY: reasons.STATE_READY,
        reasons.STATE_RUNNING: reasons.STATE_READY,
        reasons.STATE_FAULT: reasons.STATE_READY,
    },
    EVENT_FAULT: {reasons.STATE_RUNNING: reasons.STATE_FAULT},
}


class Supervisor:
    """State and first cause."""

    def __init__(self):
        self.state = reasons.STATE_IDLE
        self.fault = reasons.FAULT_NONE

    def happen(self, event: int) -> bool:
        """Change state for `event`; return False, changing nothing, when it is not allowed."""
        if event not in _NEXT or self.state not in _NEXT[event]:
            return False
        self.state = _NEXT[event][self.state]
        if event == EVENT_STOP:
            self.fault = reasons.FAULT_NONE
        return True

    def trip(self, fault: int) -> None:
        """Latch `fault` while running; a later one never replaces the first."""
        if self.happen(EVENT_FAULT):
            self.fault = fault


def board_fault(words, flags: int, pressure: int, reservoir: int, battery: int) -> int:
    """Return the fault that the board's sensors show, the most urgent first."""
    if flags & reasons.FLAG_AIR_IN_LINE:
        return reasons.FAULT_AIR_IN_LINE
    if flags & reasons.FLAG_OCCLUSION:
        return reasons.FAULT_OCCLUSION
    if flags & reasons.FLAG_DRIVER_FAULT:
        return reasons.FAULT_DRIVER
    if flags & reasons.FLAG_DOOR_OPEN:
        return reasons.FAULT_DOOR_OPEN
    if pressure > words[layout.AT_PRESSURE_RAW_MAX]:
        return reasons.FAULT_PRESSURE_HIGH
    if reservoir < words[layout.AT_RESERVOIR_RAW_MIN]:
        return reasons.FAULT_RESERVOIR_EMPTY
    if battery < words[layout.AT_BATTERY_RAW_MIN]:
        return reasons.FAULT_BATTERY_LOW
    return reasons.FAULT_NONE
