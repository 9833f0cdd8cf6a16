# SPDX-License-Identifier: MIT
"""The tick record: every input and every output of one control decision, as int32 words.

The pump sends it as telemetry, the host logs it, `mesor replay` feeds the
inputs back and compares the outputs, so nothing a decision depends on may
live outside it.  Every word stays below 2**30 (MicroPython's small int).
"""

from pump.compat import const

# Inputs.
TICK = const(0)  # ticks since start, counting the ones that were missed
ELAPSED_TICKS = const(1)  # whole ticks since the decision before, 1 when on time
READING_PRESENT = const(2)  # 1 when a reading arrived for this tick
SAMPLE_INDEX = const(3)  # the sensor's own count of its readings
READING_TIME_S = const(4)  # therapy time at which the sample was taken
CONC = const(5)  # measured concentration, in counts of the program's AT_READING_NG_L
QUALITY = const(6)  # sensor's own figure, 0..100 %
BOARD_FLAGS = const(7)  # bits of spec.reasons.FLAG_*
PRESSURE_RAW = const(8)  # line pressure, ADC 0..65535
RESERVOIR_RAW = const(9)  # reservoir fill, ADC 0..65535
BATTERY_RAW = const(10)  # battery voltage, ADC 0..65535
STEPS_DONE = const(11)  # microsteps the stepper finished since the decision before
CONFIRMED = const(12)  # soft limits that a person has confirmed: bits 1 << LIMIT_SOFT_*
STEPS_BACK = const(13)  # microsteps backwards since the decision before: a blocked line relieved
DAY_S = const(14)  # seconds since midnight, of the patient's own clock
INPUT_WORDS = const(15)

# Outputs.
READING_VERDICT = const(15)  # spec.reasons.READING_*
STATE = const(16)  # spec.reasons.STATE_*
FAULT_REASON = const(17)  # first cause, spec.reasons.FAULT_*
LIMIT_REASON = const(18)  # the limit that acted most, spec.reasons.LIMIT_*
ESTIMATE = const(19)  # five words: states of the likeliest model, then its disturbance
INNOVATION = const(24)  # reading minus that model's prediction, Q(estimate_bits)
STALE_TICKS = const(25)  # ticks since the last reading that was used
ITERATIONS = const(26)  # of the solver
SOLVED = const(27)  # 1 when the residuals met their limits
PLAN_SOURCE = const(28)  # spec.reasons.PLAN_*
MOVE = const(29)  # rate asked for, Q(data_bits) of the full rate
STEPS = const(30)  # motor microsteps commanded for this tick
STEPS_TOTAL = const(31)  # microsteps commanded since start
CARRY = const(32)  # fraction of a microstep carried, Q(data_bits)

ALARMS = const(33)  # conditions that are present, one bit for each number of spec.alarms
STEPS_ASKED = const(34)  # microsteps that the plan wanted, before any limit
ON_BOARD = const(35)  # microsteps given and, by the program's decay, not yet cleared
PHASE = const(36)  # of the course, spec.reasons.PHASE_*
TARGET = const(37)  # of this tick, Q(data_bits)
AREA = const(38)  # of the level since this chase began, Q(data_bits) times ticks
PROGRAM = const(39)  # that decided this tick: the low 30 bits of its checksum

# Measured by the pump about itself; they decide nothing.
TICK_US = const(40)  # duration of the tick before, frame in to frame out
SOLVE_US = const(41)  # duration of this tick's QP
HEAP_FREE = const(42)  # bytes free at the last hourly count

# The bank of models: what no page of the device log has room for, and replay decides again.
MODEL = const(43)  # the likeliest, which is planned with
WEIGHTS = const(44)  # five words, Q10; they sum up to one

PLAN = const(49)  # horizon words: move << 15 | concentration >> 2, both of Q(data_bits)
PLAN_CONC_MAX = const(32767)
MEASURED = (TICK_US, SOLVE_US, HEAP_FREE)


def word_count(horizon: int) -> int:
    """Return how many words a record with this planning horizon has."""
    return PLAN + horizon
