# SPDX-License-Identifier: MIT
"""Layout of a compiled program: int32 words, scalars first, then tables, checksum last.

Written by mesor.program, read by pump.core.program.  A program is data, never code.
Formats: `move` and concentration data are Q(DATA_BITS); the estimator works in
Q(ESTIMATE_BITS).  Concentrations count in units of CONC_UNIT_UG_L, moves in
units of the full rate (STEPS_FULL microsteps a tick).
"""

from pump.compat import const

MAGIC = const(0x0652534D)  # "MSR", layout family 6; below 2**30
LAYOUT_VERSION = const(5)

# Scalars, one word each.
AT_MAGIC = const(0)
AT_LAYOUT = const(1)
AT_WORDS = const(2)  # of the whole program, checksum word included
AT_HORIZON = const(3)  # rows of the tables: the therapy's horizon, padded to full blocks
AT_STATES = const(4)  # estimator states, disturbance included
AT_TICK_S = const(5)
AT_DATA_BITS = const(6)
AT_ESTIMATE_BITS = const(7)
AT_CONC_UNIT_UG_L = const(8)
AT_CONC_GAIN = const(9)  # estimate units = conc_ug_l * gain >> shift
AT_CONC_SHIFT = const(10)
AT_CONC_UG_L_MIN = const(11)
AT_CONC_UG_L_MAX = const(12)
AT_CONC_CHANGE_UG_L_MAX = const(13)  # between readings, for each tick between them
AT_AGE_S_MAX = const(14)
AT_QUALITY_MIN = const(15)
AT_STALE_TICKS_MAX = const(16)
AT_MODEL_SHIFT = const(17)
AT_GAIN_COUNT = const(18)
AT_GAIN_SHIFT = const(19)
AT_STATE_MAX = const(20)  # clamp of every estimator state, Q(estimate_bits)
AT_STEP_GAIN = const(21)  # estimate units of move = steps * gain >> shift
AT_STEP_SHIFT = const(22)
AT_FREE_SHIFT = const(23)
AT_TARGET = const(24)  # Q(data_bits)
AT_BAND_LOW = const(25)  # soft lower bound minus target
AT_BAND_HIGH = const(26)  # soft upper bound minus target
AT_DEMAND_MAX = const(27)  # clip of target minus free response
AT_CHANGE_MAX = const(28)  # of the move in one tick, Q(data_bits)
AT_ASKED_SHIFT = const(29)
AT_FACTOR_SHIFT = const(30)
AT_RESPONSE_SHIFT = const(31)
AT_SOFT_SHIFT = const(32)
AT_PULL_SHIFT = const(33)
AT_MOVE_MAX = const(34)  # clamp of the unprojected moves, Q(data_bits)
AT_SETTLED_BITS = const(35)  # an iteration that changes no carry by 2**bits is the last
AT_ASKED_GAIN = const(36)  # what a demand adds to its output's pull: * gain >> asked_shift
AT_ITERATIONS_MAX = const(37)
AT_STEPS_FULL = const(38)  # microsteps a tick at move 1
AT_STEPS_TICK_MAX = const(39)
AT_STEPS_HOUR_MAX = const(40)
AT_STEPS_DAY_MAX = const(41)
AT_TICKS_HOUR = const(42)
AT_TICKS_DAY = const(43)
AT_FALLBACK_MOVE = const(44)
AT_PRESSURE_RAW_MAX = const(45)
AT_RESERVOIR_RAW_MIN = const(46)
AT_BATTERY_RAW_MIN = const(47)
AT_BURST = const(48)  # ADMM iterations between two tries to finish
AT_GUESSES_MAX = const(49)  # active sets that one try looks at; 0 never tries
AT_DESCENTS_MAX = const(50)  # of one active set
AT_DIRECTIONS_MAX = const(51)  # of one descent
AT_STATIONARY_BITS = const(52)  # mean gradient of free moves below 2**bits, Q(data_bits + 6)
AT_CHANGE_GAIN = const(53)  # change_weight, Q(change_shift)
AT_CHANGE_SHIFT = const(54)
AT_WEIGHT_SHIFT = const(55)  # format of the outputs' weights; 1 << this where not soft
AT_SOFT_WEIGHT = const(56)  # 1 + soft_weight
AT_SOFT_OFFSET_LOW = const(57)  # soft_weight * band_low, Q(data_bits + 6)
AT_SOFT_OFFSET_HIGH = const(58)
AT_SOFT_SPARE_SHIFT = const(59)  # what weighted outputs give up so that their products fit
AT_SPARE_SHIFT = const(60)  # the same while none is soft
AT_OUTPUTS = const(61)  # the therapy's horizon: outputs that the cost counts
# The course (core/course.py): levels in Q(estimate_bits), times in ticks.
AT_CHASE_TICKS = const(62)  # ticks that a chase lasts; FOR_EVER: no end
AT_COUNTED_LEVEL = const(63)  # a tick counts towards them from this level on
AT_REACHED_LEVEL = const(64)  # a level that ends the chase at once
AT_INTERVAL_TICKS = const(65)  # from chase to chase, at least; FOR_EVER: there is one only
AT_REST_LEVEL = const(66)  # nor does the next chase begin above this level
AT_AREA = const(67)  # of level over ticks that a chase is to give, Q(data_bits); 0: no area
AT_TARGET_LOW = const(68)  # what an area's target is kept between, Q(data_bits)
AT_TARGET_HIGH = const(69)
# Detectors and limits (core/detectors.py, core/limiter.py).
AT_FALLBACK_TICKS_MAX = const(70)  # of the fallback move; then the pump stops
AT_UNSOLVED_TICKS_MAX = const(71)  # in a row, of a plan that only goes on; then the fallback
AT_STUCK_TICKS_MAX = const(72)  # readings in a row that are the very same; then the fallback
AT_DRIFT_SLACK = const(73)  # of an innovation, forgiven at every reading, Q(estimate_bits)
AT_DRIFT_MAX = const(74)  # of the innovations' one-sided sums, Q(estimate_bits)
AT_PRESSURE_RAW_MIN = const(75)  # below: nothing reaches the pump, or the sensor is broken
AT_RESERVOIR_RAW_LOW = const(76)  # below: the warning before the reservoir is empty
AT_BATTERY_RAW_LOW = const(77)
AT_ON_BOARD_MAX = const(78)  # microsteps given and not yet cleared
AT_ON_BOARD_KEEP = const(79)  # what is left of them after a tick, Q14
AT_CEILING = const(80)  # estimated level at which nothing is given, Q(estimate_bits)
AT_BEFORE_GAIN = const(81)  # the same of the move before, for the first move
AT_BEFORE_SHIFT = const(82)
# What a takeover must find alike (core/handover.py); no tick looks at it.
AT_DRUG = const(83)  # CRC-32 of the drug's name, its low 30 bits
AT_DRUG_PG_PER_STEP = const(84)  # drug in a microstep
AT_COURSE = const(85)  # LEVEL to AREA
LEVEL = const(0)
PULSE = const(1)
TIME_ABOVE = const(2)
AREA = const(3)
# Soft limits (core/limiter.py) hold until a person confirms them; 0: there is none.
AT_SOFT_MOVE = const(86)  # rate, Q(data_bits) of the full rate
AT_SOFT_STEPS_HOUR = const(87)
AT_SOFT_STEPS_DAY = const(88)
AT_SOFT_TARGET = const(89)  # Q(data_bits): START of a higher one wants confirming
# The line (core/line.py).
AT_PRESSURE_RISE_RAW = const(90)  # above what the steps made may add: the line is blocked
AT_PRESSURE_SLACK = const(91)  # that one microstep may add for ever, raw, Q8
AT_BACK_OFF_STEPS_MAX = const(92)  # that a blocked line is relieved of; 0: none
SCALAR_WORDS = const(93)
FOR_EVER = const(1 << 28)  # ticks: 85 years of the shortest; as a level, above every state

# Tables follow in this order; the host and the pump compute their places the same way.
#   model     states x (states + 1)   predicts the state from state and move
#   gains     gain_count x states     estimator gain of the first, second, … used reading
#   free      horizon x states        output of the next ticks with the pump at rest
#   pulled    blocks of 4 rows, upper triangular      what outputs' pulls ask of the moves
#   factor    blocks of 4 rows, horizon columns       the KKT solve
#   response  blocks of 4 rows, lower triangular      output answer to the moves
#   caps      3 * horizon             how far beyond its bound an ADMM row may pull:
#                                     change and move of every tick, then outputs
#   inverse   blocks of 4 rows, horizon columns       of half the Hessian, in any scale


def triangle_words(horizon: int) -> int:
    """Return the words of a triangular table: its blocks hold 4 rows of 4, 8, … N columns."""
    blocks = horizon // 4
    return 8 * blocks * (blocks + 1)


def table_offsets(horizon: int, states: int, gain_count: int) -> tuple:
    """Return the word offsets of the eight tables and, last, of the checksum word."""
    model = SCALAR_WORDS
    gains = model + states * (states + 1)
    free = gains + gain_count * states
    pulled = free + horizon * states
    factor = pulled + triangle_words(horizon)
    response = factor + horizon * horizon
    caps = response + triangle_words(horizon)
    inverse = caps + 3 * horizon
    end = inverse + horizon * horizon
    return (model, gains, free, pulled, factor, response, caps, inverse, end)
