# SPDX-License-Identifier: MIT
"""Alarms in plain words: name, cause, what a person must do, when it is found.

For host, report and documents; the device never imports this.  The pump's action and
the priority are in spec.alarms.
"""

from pump.spec import alarms, reasons

_AT_ONCE = "0.3 s: pins are looked at every 250 ms"
_TICK = "one tick"
_STEADY = "check the patient, then acknowledge and start again"

PRIORITIES = {alarms.LOW: "low", alarms.MEDIUM: "medium", alarms.HIGH: "high"}

# Number: name, cause, remedy, time of detection.
WORDS = {
    reasons.FAULT_AIR_IN_LINE: (
        "fault_air_in_line",
        "The air detector sees air in the line, or its wire is broken",
        "Clamp the line, remove the air, " + _STEADY,
        _AT_ONCE,
    ),
    reasons.FAULT_OCCLUSION: (
        "fault_occlusion",
        "The occlusion switch is open: the line is blocked or its wire is broken",
        "Free the line with the clamp closed, let the pressure go, " + _STEADY,
        _AT_ONCE,
    ),
    reasons.FAULT_DRIVER: (
        "fault_driver",
        "The motor's driver reports a fault",
        "Take the pump out of use and have it repaired",
        _AT_ONCE,
    ),
    reasons.FAULT_DOOR_OPEN: (
        "fault_door_open",
        "The door is open, or its wire is broken",
        "Check the syringe, close the door, " + _STEADY,
        _AT_ONCE,
    ),
    reasons.FAULT_PRESSURE_HIGH: (
        "fault_pressure_high",
        "The pressure in the line is above the program's limit, or rises as only a blocked line's",
        "Clamp the line before it is freed, let the pressure go, " + _STEADY,
        "0.3 s after 80 mmHg of rise, or the limit",
    ),
    reasons.FAULT_PRESSURE_LOW: (
        "fault_pressure_low",
        "The pressure is below the program's limit: blocked upstream, or the sensor is broken",
        "Check the way from the reservoir and the sensor's plug, " + _STEADY,
        _TICK,
    ),
    reasons.FAULT_RESERVOIR_EMPTY: (
        "fault_reservoir_empty",
        "The reservoir is empty",
        "Fill or change the reservoir, remove air, " + _STEADY,
        _TICK,
    ),
    reasons.FAULT_BATTERY_EMPTY: (
        "fault_battery_empty",
        "The supply is too weak to count on the motor",
        "Connect power, " + _STEADY,
        _TICK,
    ),
    reasons.FAULT_STEPS_MISMATCH: (
        "fault_steps_mismatch",
        "The motor did not make exactly the steps that it was given",
        "Check what was delivered, then take the pump out of use",
        _TICK,
    ),
    reasons.FAULT_INTERNAL: (
        "fault_internal",
        "The pump's own computation failed",
        "Take the pump out of use and keep its log",
        _TICK,
    ),
    reasons.FAULT_LOG: (
        "fault_log",
        "Three pages of the log in a row do not hold what was written: the flash is worn out",
        "Pull the log, then take the pump out of use",
        "the tick whose page it is; told in the next",
    ),
    alarms.FALLBACK_OVER: (
        "fallback_over",
        "Fallback delivery lasted as long as the program allows, and the pump has stopped",
        "Restore the sensor or the host, stop the therapy and start it again",
        "the tick in which the program's time is over",
    ),
    alarms.SENSOR_STALE: (
        "sensor_stale",
        "No reading could be used for longer than the program allows",
        "Check the sensor and its line; the pump gives the fallback rate meanwhile",
        "the program's stale ticks and one",
    ),
    alarms.SENSOR_STUCK: (
        "sensor_stuck",
        "The sensor sends the very same level again and again",
        "Check or change the sensor; the pump gives the fallback rate meanwhile",
        "the program's stuck ticks",
    ),
    alarms.UNSOLVED: (
        "unsolved",
        "No plan was found for more ticks than the program allows",
        "Check that the program fits the patient; the pump gives the fallback rate meanwhile",
        "the program's unsolved ticks and one",
    ),
    alarms.OUT_OF_RANGE: (
        "out_of_range",
        "The estimated levels have left the range that the program was proved for",
        "Check the sensor and the patient; the pump gives the fallback rate meanwhile",
        _TICK,
    ),
    alarms.SENSOR_DRIFT: (
        "sensor_drift",
        "Readings and model drift apart: the sensor is off, or the patient has changed",
        "Take a blood sample and compare",
        "when the drift sums to the program's limit",
    ),
    alarms.HOST_SILENT: (
        "host_silent",
        "No reading has arrived for three ticks",
        "Check the host and the cable",
        "three ticks",
    ),
    alarms.READING_REFUSED: (
        "reading_refused",
        "A reading was out of range or of too low quality",
        "Check the sensor if it goes on",
        _TICK,
    ),
    alarms.READING_JUMP: (
        "reading_jump",
        "A reading lay farther from the one before than a level can change",
        "Check the sensor if it goes on",
        _TICK,
    ),
    alarms.CLOCK_DISAGREES: (
        "clock_disagrees",
        "A reading's time is not the pump's time: a clock jumped, or readings are held back",
        "Check the host's clock; the reading was not used",
        _TICK,
    ),
    alarms.TICK_OVERRUN: (
        "tick_overrun",
        "At least one tick was missed, and nothing was delivered in it",
        "Keep the log; take the pump out of use if it goes on",
        _TICK,
    ),
    alarms.BATTERY_LOW: (
        "battery_low",
        "The supply is getting weak",
        "Connect power",
        _TICK,
    ),
    alarms.RESERVOIR_LOW: (
        "reservoir_low",
        "The reservoir will soon be empty",
        "Have the next one at hand",
        _TICK,
    ),
    alarms.DOSE_LIMITED: (
        "dose_limited",
        "A hard limit cut what the plan asked for; the record names it",
        "Check that the program fits the patient",
        "one tick after the limit acted",
    ),
    alarms.SOFT_LIMIT: (
        "soft_limit",
        "A soft limit, which the record names, holds the dose until a person confirms it",
        "Check whether this patient may have more than is usual; if so, confirm the limit",
        "one tick after the limit acted",
    ),
    alarms.MEMORY_LOW: (
        "memory_low",
        "Less memory is free than the pump needs",
        "Stop the therapy at the next occasion and start the pump anew",
        "twelve ticks: memory is counted that often",
    ),
    alarms.SOLVER_LATE: (
        "solver_late",
        "A decision took longer than 40 ms, eight times what it should",
        "Keep the log; take the pump out of use if it goes on",
        "one tick after the decision",
    ),
    alarms.FLASH_WORN: (
        "flash_worn",
        "A page of the log did not hold what was written, and the next one took it",
        "Use another pump for the next therapy, and pull this one's log",
        "one tick after the page",
    ),
    alarms.SELF_TEST: (
        "self_test",
        "The pump's self-test failed; it does not infuse",
        "Switch it off and on; take it out of use if it fails again",
        "1 s after power-on",
    ),
}
