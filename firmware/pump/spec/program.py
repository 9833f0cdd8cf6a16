# SPDX-License-Identifier: MIT
"""Layout of a compiled program: int32 words, scalars, a section for each model, a checksum.

Written by mesor.program, read by pump.core.program.  A program is data, never code.
Formats: `move` and concentration data are Q(DATA_BITS); the estimator works in
Q(ESTIMATE_BITS).  Concentrations count in units of CONC_UNIT_UG_L, moves in
units of the full rate (STEPS_FULL microsteps a tick).  A section holds one model of the
patient and the QP that plans with it; all have the same states, rows and units.
"""

from pump.compat import const

MAGIC = const(0x0752534D)  # "MSR", layout family 7; below 2**30
LAYOUT_VERSION = const(7)

# Scalars, one word each.
AT_MAGIC = const(0)
AT_LAYOUT = const(1)
AT_WORDS = const(2)  # of the whole program, checksum word included
AT_HORIZON = const(3)  # rows of the tables: the therapy's horizon, padded to full blocks
AT_STATES = const(4)  # of each model: compartments, effect site, disturbance
AT_MODELS = const(5)  # sections of models that follow the scalars
AT_OUTPUT_STATE = const(6)  # the state that is chased: 0 plasma, else the effect site
AT_TICK_S = const(7)
AT_DATA_BITS = const(8)
AT_ESTIMATE_BITS = const(9)
AT_CONC_UNIT_UG_L = const(10)
AT_CONC_GAIN = const(11)  # estimate units = reading * gain >> shift
AT_CONC_SHIFT = const(12)
AT_CONC_MIN = const(13)  # of a reading, in its own counts
AT_CONC_MAX = const(14)
AT_CONC_CHANGE_MAX = const(15)  # between readings, for each tick between them
AT_AGE_S_MAX = const(16)
AT_QUALITY_MIN = const(17)
AT_STALE_TICKS_MAX = const(18)
AT_MODEL_SHIFT = const(19)
AT_GAIN_COUNT = const(20)
AT_GAIN_SHIFT = const(21)
AT_STATE_MAX = const(22)  # clamp of every estimator state, Q(estimate_bits)
AT_STEP_GAIN = const(23)  # estimate units of move = steps * gain >> shift
AT_STEP_SHIFT = const(24)
AT_FREE_SHIFT = const(25)
AT_TARGET = const(26)  # Q(data_bits)
AT_BAND_LOW = const(27)  # soft lower bound minus target
AT_BAND_HIGH = const(28)  # soft upper bound minus target
AT_DEMAND_MAX = const(29)  # clip of target minus free response
AT_CHANGE_MAX = const(30)  # of the move in one tick, Q(data_bits)
AT_SOFT_SHIFT = const(31)
AT_MOVE_MAX = const(32)  # clamp of the unprojected moves, Q(data_bits)
AT_SETTLED_BITS = const(33)  # an iteration that changes no carry by 2**bits is the last
AT_ITERATIONS_MAX = const(34)
AT_STEPS_FULL = const(35)  # microsteps a tick at move 1
AT_STEPS_TICK_MAX = const(36)
AT_STEPS_HOUR_MAX = const(37)
AT_STEPS_DAY_MAX = const(38)
AT_TICKS_HOUR = const(39)
AT_TICKS_DAY = const(40)
AT_FALLBACK_MOVE = const(41)
AT_PRESSURE_RAW_MAX = const(42)
AT_RESERVOIR_RAW_MIN = const(43)
AT_BATTERY_RAW_MIN = const(44)
AT_DESCENTS_MAX = const(45)  # of one active set
AT_DIRECTIONS_MAX = const(46)  # of one descent
AT_CHANGE_GAIN = const(47)  # change_weight, Q(change_shift)
AT_CHANGE_SHIFT = const(48)
AT_OUTPUTS = const(49)  # the therapy's horizon: outputs that the cost counts
# The course (core/course.py): levels in Q(estimate_bits), times in ticks.
AT_CHASE_TICKS = const(50)  # ticks that a chase lasts; FOR_EVER: no end
AT_COUNTED_LEVEL = const(51)  # a tick counts towards them from this level on
AT_REACHED_LEVEL = const(52)  # a level that ends the chase at once
AT_INTERVAL_TICKS = const(53)  # from chase to chase, at least; FOR_EVER: there is one only
AT_REST_LEVEL = const(54)  # nor does the next chase begin above this level
AT_AREA = const(55)  # of level over ticks that a chase is to give, Q(data_bits); 0: no area
AT_TARGET_LOW = const(56)  # what an area's target is kept between, Q(data_bits)
AT_TARGET_HIGH = const(57)
# Detectors and limits (core/detectors.py, core/limiter.py).
AT_FALLBACK_TICKS_MAX = const(58)  # of the fallback move; then the pump stops
AT_UNSOLVED_TICKS_MAX = const(59)  # in a row, of a plan that only goes on; then the fallback
AT_STUCK_TICKS_MAX = const(60)  # readings in a row that are the very same; then the fallback
AT_DRIFT_SLACK = const(61)  # of an innovation, forgiven at every reading, Q(estimate_bits)
AT_DRIFT_MAX = const(62)  # of the innovations' one-sided sums, Q(estimate_bits)
AT_PRESSURE_RAW_MIN = const(63)  # below: nothing reaches the pump, or the sensor is broken
AT_RESERVOIR_RAW_LOW = const(64)  # below: the warning before the reservoir is empty
AT_BATTERY_RAW_LOW = const(65)
AT_ON_BOARD_MAX = const(66)  # microsteps given and not yet cleared
AT_ON_BOARD_KEEP = const(67)  # what is left of them after a tick, Q14
AT_CEILING = const(68)  # estimated level at which nothing is given, Q(estimate_bits)
# What a takeover must find alike (core/handover.py); no tick looks at it.
AT_DRUG = const(69)  # CRC-32 of the drug's name, its low 30 bits
AT_DRUG_PG_PER_STEP = const(70)  # drug in a microstep
AT_COURSE = const(71)  # LEVEL to AREA
LEVEL = const(0)
PULSE = const(1)
TIME_ABOVE = const(2)
AREA = const(3)
# Soft limits (core/limiter.py) hold until a person confirms them; 0: there is none.
AT_SOFT_MOVE = const(72)  # rate, Q(data_bits) of the full rate
AT_SOFT_STEPS_HOUR = const(73)
AT_SOFT_STEPS_DAY = const(74)
AT_SOFT_TARGET = const(75)  # Q(data_bits): START of a higher one wants confirming
# The line (core/line.py).
AT_PRESSURE_RISE_RAW = const(76)  # above what the steps made may add: the line is blocked
AT_PRESSURE_SLACK = const(77)  # that one microstep may add for ever, raw, Q8
AT_BACK_OFF_STEPS_MAX = const(78)  # that a blocked line is relieved of; 0: none
AT_RHYTHM = const(79)  # 1 where two tables of the day follow the scalars (core/rhythm.py)
# The bank of models (core/weights.py).
AT_FORGET_SHIFT = const(80)  # a score keeps all but 2**-shift of itself from reading to reading
AT_SWITCH_MARGIN = const(81)  # by which another model must be likelier, bits in Q16
AT_FADE_SHIFT = const(82)  # the same of the disturbance of a model that is not the likeliest
AT_READING_NG_L = const(83)  # of concentration in a count of a reading
SCALAR_WORDS = const(84)
FOR_EVER = const(1 << 28)  # ticks: 85 years of the shortest; as a level, above every state

# Scalars of a model's section, by their place in it: formats and search of its QP tables, and
# how it is judged by its innovations.
IN_ASKED_GAIN = const(0)  # what a demand adds to its output's pull: * gain >> asked_shift
IN_ASKED_SHIFT = const(1)
IN_BEFORE_GAIN = const(2)  # the same of the move before, for the first move
IN_BEFORE_SHIFT = const(3)
IN_FACTOR_SHIFT = const(4)
IN_PULL_SHIFT = const(5)
IN_RESPONSE_SHIFT = const(6)
IN_BURST = const(7)  # ADMM iterations between two tries to finish
IN_GUESSES_MAX = const(8)  # active sets that one try looks at; 0 never tries
IN_STATIONARY_BITS = const(9)  # mean gradient of free moves below 2**bits, Q(data_bits + 6)
IN_WEIGHT_SHIFT = const(10)  # format of the outputs' weights; 1 << this where not soft
IN_SOFT_WEIGHT = const(11)  # 1 + soft_weight
IN_SOFT_OFFSET_LOW = const(12)  # soft_weight * band_low, Q(data_bits + 6)
IN_SOFT_OFFSET_HIGH = const(13)
IN_SOFT_SPARE_SHIFT = const(14)  # what weighted outputs give up so that their products fit
IN_SPARE_SHIFT = const(15)  # the same while none is soft
IN_CLEARANCE_GAIN = const(16)  # moves that hold a unit of the level: * gain >> shift
IN_CLEARANCE_SHIFT = const(17)
IN_CLEARANCE_FACTOR = const(18)  # of the therapy's own clearance, Q10; the pump makes no use of it
IN_PRIOR = const(19)  # score before any reading, bits in Q16
IN_SURPRISE_MAX = const(20)  # clip of an innovation, Q(estimate_bits)
IN_SURPRISE_GAIN = const(21)  # score = (innovation * gain >> shift)**2, bits in Q16
IN_SURPRISE_SHIFT = const(22)
SECTION_SCALARS = const(23)

# Over the day, from midnight on: by which share of its mean each is higher, Q(data_bits).
KNOT_S = const(1800)
KNOTS = const(48)  # in a table, and the first once more
CLEARANCE_KNOTS = const(SCALAR_WORDS)
TARGET_KNOTS = const(SCALAR_WORDS + KNOTS + 1)
RHYTHM_WORDS = const(2 * (KNOTS + 1))
RHYTHM_LEVEL_MAX = const(1 << 17)  # four targets: what clears a level is counted up to it

# Tables follow them in this order; the host and the pump compute their places the same way.
#   model     states x (states + 1)   predicts the state from state and move
#   gains     gain_count x states     estimator gain of the first, second, … used reading
#   free      horizon x states        output (AT_OUTPUT_STATE) of the next ticks at rest
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


def section_words(words) -> int:
    """Return how many words a model's section has: all of a program's are alike."""
    offsets = _offsets(0, words)
    return offsets[-1]


def section_at(words, model: int) -> int:
    """Return the word offset of the section of that model, 0 .. AT_MODELS - 1."""
    rhythm = RHYTHM_WORDS if words[AT_RHYTHM] else 0
    return SCALAR_WORDS + rhythm + model * section_words(words)


def table_offsets(words, model: int) -> tuple:
    """Return the word offsets of the eight tables of that model, and of what follows them."""
    return _offsets(section_at(words, model), words)


def _offsets(section: int, words) -> tuple:
    """Return the offsets of the tables of a section that begins at `section`, and its end."""
    horizon, states = int(words[AT_HORIZON]), int(words[AT_STATES])
    model = section + SECTION_SCALARS
    gains = model + states * (states + 1)
    free = gains + int(words[AT_GAIN_COUNT]) * states
    pulled = free + horizon * states
    factor = pulled + triangle_words(horizon)
    response = factor + horizon * horizon
    caps = response + triangle_words(horizon)
    inverse = caps + 3 * horizon
    end = inverse + horizon * horizon
    return (model, gains, free, pulled, factor, response, caps, inverse, end)
