# SPDX-License-Identifier: MIT
"""Every alarm in one table: what it is called, how urgent it is and what the pump does.

The firmware acts from this table, the bench judges by it and the host prints
spec.alarm_words beside it.  An alarm's number is its bit in the record's word ALARMS;
where several want to stop the pump the lowest is the one that is named.  Priorities are
those of IEC 60601-1-8.  Faults keep their names, spec.reasons.FAULT_*.
"""

from pump.compat import const
from pump.spec import reasons

LOW = const(0)
MEDIUM = const(1)
HIGH = const(2)

WARN = const(0)  # the therapy goes on
HOLD = const(1)  # fallback delivery until the cause is gone
STOP = const(2)  # the motor stops, and the fault is latched until a person acknowledges it

FLASH_WORN = const(0)  # no fault has this number, and no other is left
FALLBACK_OVER = const(12)
SENSOR_STALE = const(13)
SENSOR_STUCK = const(14)
UNSOLVED = const(15)
OUT_OF_RANGE = const(16)
SENSOR_DRIFT = const(17)
HOST_SILENT = const(18)
READING_REFUSED = const(19)
READING_JUMP = const(20)
CLOCK_DISAGREES = const(21)
TICK_OVERRUN = const(22)
BATTERY_LOW = const(23)
RESERVOIR_LOW = const(24)
DOSE_LIMITED = const(25)
MEMORY_LOW = const(26)
SELF_TEST = const(27)
SOFT_LIMIT = const(28)
SOLVER_LATE = const(29)
ALARM_MAX = const(29)  # bit 30 would not be a small int

# Number, priority, action.
TABLE = (
    (reasons.FAULT_AIR_IN_LINE, HIGH, STOP),
    (reasons.FAULT_OCCLUSION, HIGH, STOP),
    (reasons.FAULT_DRIVER, HIGH, STOP),
    (reasons.FAULT_DOOR_OPEN, HIGH, STOP),
    (reasons.FAULT_PRESSURE_HIGH, HIGH, STOP),
    (reasons.FAULT_PRESSURE_LOW, HIGH, STOP),
    (reasons.FAULT_RESERVOIR_EMPTY, HIGH, STOP),
    (reasons.FAULT_BATTERY_EMPTY, HIGH, STOP),
    (reasons.FAULT_STEPS_MISMATCH, HIGH, STOP),
    (reasons.FAULT_INTERNAL, HIGH, STOP),
    (reasons.FAULT_LOG, HIGH, STOP),
    (FALLBACK_OVER, HIGH, WARN),  # the supervisor has stopped the pump before
    (SENSOR_STALE, MEDIUM, HOLD),
    (SENSOR_STUCK, MEDIUM, HOLD),
    (UNSOLVED, MEDIUM, HOLD),
    (OUT_OF_RANGE, MEDIUM, HOLD),
    (SENSOR_DRIFT, MEDIUM, WARN),
    (HOST_SILENT, MEDIUM, WARN),
    (READING_REFUSED, LOW, WARN),
    (READING_JUMP, LOW, WARN),
    (CLOCK_DISAGREES, MEDIUM, WARN),
    (TICK_OVERRUN, LOW, WARN),
    (BATTERY_LOW, MEDIUM, WARN),
    (RESERVOIR_LOW, LOW, WARN),
    (DOSE_LIMITED, LOW, WARN),
    (MEMORY_LOW, LOW, WARN),
    (SOLVER_LATE, LOW, WARN),
    (FLASH_WORN, LOW, WARN),
    (SOFT_LIMIT, MEDIUM, WARN),
    (SELF_TEST, HIGH, WARN),  # the supervisor never leaves its self-test then
)


def with_priority(priority: int) -> int:
    """Return the bits of all alarms of that priority."""
    bits = 0
    for number, its_priority, _ in TABLE:
        if its_priority == priority:
            bits |= 1 << number
    return bits


def with_action(action: int) -> int:
    """Return the bits of all alarms with that action."""
    bits = 0
    for number, _, its_action in TABLE:
        if its_action == action:
            bits |= 1 << number
    return bits


def lowest(bits: int) -> int:
    """Return the number of the lowest of `bits`, which must not be zero."""
    number = 0
    while not bits & 1:
        bits >>= 1
        number += 1
    return number
