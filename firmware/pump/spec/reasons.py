# SPDX-License-Identifier: MIT
"""Why the pump did what it did: every verdict, limit and fault has one number and one sentence.

Device code stores the number; the host prints the sentence from `TEXT`.
"""

from pump.compat import const

STATE_IDLE = const(0)
STATE_READY = const(1)
STATE_RUNNING = const(2)
STATE_FAULT = const(3)
STATE_SELF_TEST = const(4)
STATE_FALLBACK = const(5)
STATE_STOPPED = const(6)

READING_USED = const(0)
READING_MISSING = const(1)
READING_OUT_OF_RANGE = const(2)
READING_TOO_FAST = const(3)
READING_TOO_OLD = const(4)
READING_FROM_FUTURE = const(5)
READING_OUT_OF_ORDER = const(6)
READING_LOW_QUALITY = const(7)

PLAN_SOLVED = const(0)
PLAN_SHIFTED = const(1)  # iteration cap hit: the plan of the tick before, one tick on
PLAN_FALLBACK = const(2)  # no usable reading for too long, or no plan to shift

PHASE_NONE = const(0)  # before the first tick
PHASE_CHASE = const(1)
PHASE_REST = const(2)  # no drug, by the course of the therapy

LIMIT_NONE = const(0)
LIMIT_RATE = const(1)
LIMIT_HOUR = const(2)
LIMIT_DAY = const(3)
LIMIT_STOPPED = const(4)
LIMIT_RISE = const(5)
LIMIT_ON_BOARD = const(6)
LIMIT_CEILING = const(7)
# Soft limits: the last four.  A person may confirm one; bit 1 << limit says that it is.
LIMIT_SOFT_RATE = const(8)
LIMIT_SOFT_HOUR = const(9)
LIMIT_SOFT_DAY = const(10)
LIMIT_SOFT_TARGET = const(11)  # acts at START only
SOFT_LIMITS = const(0xF00)  # the bits of all of them

# Board inputs, one bit each; a set bit is a fault or, of memory and time, a warning.
FLAG_DOOR_OPEN = const(1)
FLAG_AIR_IN_LINE = const(2)
FLAG_OCCLUSION = const(4)
FLAG_DRIVER_FAULT = const(8)
FLAG_MEMORY_LOW = const(16)  # of the pump itself; not looked at between ticks
FLAG_PRESSURE_HIGH = const(32)  # high, or rising as only a blocked line's does
FLAG_PRESSURE_LOW = const(64)
FLAG_LOG = const(128)  # of the pump itself: what was to be logged could not be
FLAG_LATE = const(256)  # of the pump itself: the decision before took too long
FLAG_WORN = const(512)  # of the pump itself: a page of the log did not hold and was passed over

# The most urgent has the lowest number; each is an alarm too (spec.alarms).
FAULT_NONE = const(0)
FAULT_AIR_IN_LINE = const(1)
FAULT_OCCLUSION = const(2)
FAULT_DRIVER = const(3)
FAULT_DOOR_OPEN = const(4)
FAULT_PRESSURE_HIGH = const(5)
FAULT_PRESSURE_LOW = const(6)
FAULT_RESERVOIR_EMPTY = const(7)
FAULT_BATTERY_EMPTY = const(8)
FAULT_STEPS_MISMATCH = const(9)
FAULT_INTERNAL = const(10)
FAULT_LOG = const(11)

# Results of a command, in its acknowledgement.
RESULT_OK = const(0)
RESULT_UNKNOWN_MESSAGE = const(1)
RESULT_BAD_LENGTH = const(2)
RESULT_WRONG_STATE = const(3)
RESULT_PROGRAM_TOO_LARGE = const(4)
RESULT_PROGRAM_GAP = const(5)
RESULT_PROGRAM_CHECKSUM = const(6)
RESULT_PROGRAM_LAYOUT = const(7)
RESULT_OUT_OF_RANGE = const(8)
RESULT_WRONG_PROTOCOL = const(9)
RESULT_NO_KEY = const(10)
RESULT_NO_SESSION = const(11)
RESULT_NOT_AUTHENTIC = const(12)
RESULT_REPLAYED = const(13)
RESULT_PROGRAM_SEAL = const(14)
RESULT_NO_LOG = const(15)  # a therapy whose account cannot be kept does not begin
RESULT_NOT_CONFIRMED = const(16)  # the program plans beyond a soft limit
RESULT_TIME_OF_DAY = const(17)  # START at a second that no day has
# Of a program that is to take a running one over.
RESULT_OTHER_DRUG = const(18)  # or as much of it in a microstep
RESULT_OTHER_TICK = const(19)  # or as many of them in the plan
RESULT_OTHER_MODEL = const(20)  # another number of states, or another count of readings
RESULT_OTHER_COURSE = const(21)  # another kind of target
RESULT_NO_ROOM = const(22)  # in memory, beside the program that runs
RESULT_TICK_DUE = const(23)  # so soon that the order, which takes long, would hold it up
