# SPDX-License-Identifier: MIT
"""Faults of a scenario, in the order in which they happen on the device's clock.

The session stops at each instant, changes what the board or the line shows, and goes
on.  Once a fault has had the time that the pump may take, the edges are counted: the
verdict allows none after that.  Times are device seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mesor_hil.scenarios import Scenario
from mesor_hil.targets.board_faults import BOARD_FAULTS, PinFault
from pump.spec import limits, reasons

PIN_STOP_S = limits.CHECK_INTERVAL_MS / 1000.0 + 0.05  # until the pump looks, and a tick's work
_ALARMS = {kind: fault.alarm for kind, fault in BOARD_FAULTS.items()} | {
    "line_blocked": reasons.FAULT_PRESSURE_HIGH,
    "line_blocked_upstream": reasons.FAULT_PRESSURE_LOW,
}
Change = Literal["begins", "must_have_stopped", "ends"]


@dataclass(frozen=True, slots=True, order=True)
class FaultEvent:
    """One instant of one fault."""

    at_s: float
    kind: str
    change: Change


def fault_events(scenario: Scenario, start_s: float) -> list[FaultEvent]:
    """Return every instant of the scenario's faults, for a therapy whose first tick is at start_s.

    A pin stops the motor between ticks; a voltage is looked at in the tick.
    """
    factor = scenario.bench.clock_factor
    device_tick_s = scenario.therapy.tick_s / factor
    events = []
    for fault in scenario.faults:
        at_s = start_s + fault.at_h * 3600.0 / factor
        events.append(FaultEvent(at_s, fault.kind, "begins"))
        board_fault = BOARD_FAULTS.get(fault.kind)
        if board_fault is not None:
            is_pin = isinstance(board_fault, PinFault)
            stop_s = PIN_STOP_S if is_pin else PIN_STOP_S + device_tick_s
            events.append(FaultEvent(at_s + stop_s, fault.kind, "must_have_stopped"))
        if fault.lasts_h is not None:
            end_s = at_s + fault.lasts_h * 3600.0 / factor
            events.append(FaultEvent(end_s, fault.kind, "ends"))
    return sorted(events)


def first_alarm(scenario: Scenario) -> int | None:
    """Return the fault that the pump must latch first, pump.spec.reasons.FAULT_*, or None."""
    stopping = [fault for fault in scenario.faults if fault.kind in _ALARMS]
    return _ALARMS[min(stopping, key=lambda fault: fault.at_h).kind] if stopping else None
