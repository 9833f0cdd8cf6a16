# SPDX-License-Identifier: MIT
"""Reads a compiled program: checks it whole before any word of it is believed.

Nothing is defaulted and nothing imputed: a program that is not entirely in range
does not run.  Called once per program, never in the tick, so it may allocate.
"""

from pump.core.framing import ends_with_crc
from pump.spec import limits, reasons
from pump.spec import program as layout

# (scalar, least, most) of all that could make integer code misbehave.
_RANGES = (
    (layout.AT_MAGIC, layout.MAGIC, layout.MAGIC),
    (layout.AT_LAYOUT, layout.LAYOUT_VERSION, layout.LAYOUT_VERSION),
    (layout.AT_HORIZON, limits.TABLE_ROWS_MIN, limits.HORIZON_MAX),
    (layout.AT_STATES, 2, limits.STATES_MAX),
    (layout.AT_MODELS, 1, limits.MODELS_MAX),
    (layout.AT_OUTPUT_STATE, 0, limits.STATES_MAX - 2),
    (layout.AT_TICK_S, limits.TICK_S_MIN, limits.TICK_S_MAX),
    (layout.AT_DATA_BITS, 14, 14),
    (layout.AT_ESTIMATE_BITS, 16, 22),
    (layout.AT_CONC_UNIT_UG_L, 1, 1 << 29),
    (layout.AT_READING_NG_L, 1, 1 << 20),
    (layout.AT_CONC_GAIN, 1, (1 << 30) - 1),
    (layout.AT_CONC_SHIFT, 0, 24),
    (layout.AT_CONC_MIN, 0, 1 << 29),
    (layout.AT_CONC_MAX, 1, 1 << 29),
    (layout.AT_CONC_CHANGE_MAX, 1, 1 << 29),
    (layout.AT_AGE_S_MAX, 0, 86_400),
    (layout.AT_QUALITY_MIN, 0, 100),
    (layout.AT_STALE_TICKS_MAX, 0, 1000),
    (layout.AT_MODEL_SHIFT, 1, 31),
    (layout.AT_GAIN_COUNT, 1, 512),
    (layout.AT_GAIN_SHIFT, 1, 31),
    (layout.AT_STATE_MAX, 1, (1 << 28) - 1),
    (layout.AT_STEP_GAIN, 1, (1 << 30) - 1),
    (layout.AT_STEP_SHIFT, 0, 24),
    (layout.AT_FREE_SHIFT, 1, 31),
    (layout.AT_TARGET, 0, (1 << 20) - 1),
    (layout.AT_BAND_LOW, -(1 << 20), 0),
    (layout.AT_BAND_HIGH, 0, 1 << 20),
    (layout.AT_DEMAND_MAX, 1, 1 << 20),
    (layout.AT_CHANGE_MAX, 1, 1 << 15),
    (layout.AT_SOFT_SHIFT, 1, 8),
    (layout.AT_MOVE_MAX, 1, 1 << 20),
    (layout.AT_SETTLED_BITS, 0, 15),
    (layout.AT_ITERATIONS_MAX, 1, limits.ITERATIONS_MAX),
    (layout.AT_STEPS_FULL, 1, (1 << 15) - 1),
    (layout.AT_STEPS_TICK_MAX, 0, (1 << 15) - 1),
    (layout.AT_STEPS_HOUR_MAX, 0, (1 << 30) - 1),
    (layout.AT_STEPS_DAY_MAX, 0, (1 << 30) - 1),
    (layout.AT_TICKS_HOUR, 1, 360),
    (layout.AT_TICKS_DAY, 1, 8640),
    (layout.AT_FALLBACK_MOVE, 0, 1 << 15),
    (layout.AT_PRESSURE_RAW_MAX, 0, 65_535),
    (layout.AT_RESERVOIR_RAW_MIN, 0, 65_535),
    (layout.AT_BATTERY_RAW_MIN, 0, 65_535),
    (layout.AT_DESCENTS_MAX, 1, 16),
    (layout.AT_DIRECTIONS_MAX, 1, 32),
    (layout.AT_CHANGE_GAIN, 1, (1 << 14) - 1),
    (layout.AT_CHANGE_SHIFT, 7, 30),
    (layout.AT_CHASE_TICKS, 1, layout.FOR_EVER),
    (layout.AT_COUNTED_LEVEL, -layout.FOR_EVER, layout.FOR_EVER),
    (layout.AT_REACHED_LEVEL, 1, layout.FOR_EVER),
    (layout.AT_INTERVAL_TICKS, 1, layout.FOR_EVER),
    (layout.AT_REST_LEVEL, 1, layout.FOR_EVER),
    (layout.AT_AREA, 0, layout.FOR_EVER),
    (layout.AT_TARGET_LOW, 0, (1 << 20) - 1),
    (layout.AT_TARGET_HIGH, 0, (1 << 20) - 1),
    (layout.AT_OUTPUTS, limits.HORIZON_MIN, limits.HORIZON_MAX),
    (layout.AT_FALLBACK_TICKS_MAX, 0, 1000),
    (layout.AT_UNSOLVED_TICKS_MAX, 0, 1000),
    (layout.AT_STUCK_TICKS_MAX, 1, 1000),
    (layout.AT_DRIFT_SLACK, 0, (1 << 28) - 1),
    (layout.AT_DRIFT_MAX, 1, (1 << 28) - 1),
    (layout.AT_PRESSURE_RAW_MIN, 0, 65_535),
    (layout.AT_RESERVOIR_RAW_LOW, 0, 65_535),
    (layout.AT_BATTERY_RAW_LOW, 0, 65_535),
    (layout.AT_ON_BOARD_MAX, 0, (1 << 28) - 1),
    (layout.AT_ON_BOARD_KEEP, 0, 1 << 14),
    (layout.AT_CEILING, 1, (1 << 28) - 1),
    (layout.AT_SOFT_MOVE, 0, 1 << 14),
    (layout.AT_SOFT_STEPS_HOUR, 0, (1 << 30) - 1),
    (layout.AT_SOFT_STEPS_DAY, 0, (1 << 30) - 1),
    (layout.AT_SOFT_TARGET, 0, (1 << 20) - 1),
    (layout.AT_PRESSURE_RISE_RAW, 1, 65_535),
    (layout.AT_PRESSURE_SLACK, 0, 1 << 14),
    (layout.AT_BACK_OFF_STEPS_MAX, 0, (1 << 15) - 1),
    (layout.AT_RHYTHM, 0, 1),
    (layout.AT_FORGET_SHIFT, 1, 8),
    (layout.AT_SWITCH_MARGIN, 0, 1 << 24),
    (layout.AT_FADE_SHIFT, 1, 31),
    (layout.AT_DRUG, 0, (1 << 30) - 1),
    (layout.AT_DRUG_PG_PER_STEP, 1, (1 << 30) - 1),
    (layout.AT_COURSE, layout.LEVEL, layout.AREA),
)
# The same of a model's section.
_SECTION_RANGES = (
    (layout.IN_ASKED_GAIN, 1, (1 << 30) - 1),
    (layout.IN_ASKED_SHIFT, 1, 28),
    (layout.IN_BEFORE_GAIN, 1, (1 << 16) - 1),
    (layout.IN_BEFORE_SHIFT, 1, 15),
    (layout.IN_FACTOR_SHIFT, 1, 24),
    (layout.IN_PULL_SHIFT, 1, 24),
    (layout.IN_RESPONSE_SHIFT, 13, 24),
    (layout.IN_BURST, 1, limits.ITERATIONS_MAX),
    (layout.IN_GUESSES_MAX, 0, 16),
    (layout.IN_STATIONARY_BITS, 3, 10),
    (layout.IN_WEIGHT_SHIFT, 0, 8),
    (layout.IN_SOFT_WEIGHT, 1, 1 << 14),
    (layout.IN_SOFT_OFFSET_LOW, -(1 << 28), 0),
    (layout.IN_SOFT_OFFSET_HIGH, 0, 1 << 28),
    (layout.IN_SOFT_SPARE_SHIFT, 0, 12),
    (layout.IN_SPARE_SHIFT, 0, 12),
    (layout.IN_CLEARANCE_GAIN, 0, (1 << 30) // layout.RHYTHM_LEVEL_MAX - 1),
    (layout.IN_CLEARANCE_SHIFT, 0, 30),
    (layout.IN_CLEARANCE_FACTOR, 1, 1 << 20),
    (layout.IN_PRIOR, -(1 << 24), 0),
    (layout.IN_SURPRISE_MAX, 1, (1 << 28) - 1),
    (layout.IN_SURPRISE_GAIN, 1, (1 << 20) - 1),
    (layout.IN_SURPRISE_SHIFT, 0, 31),
)


def check(words) -> int:
    """Return RESULT_OK, or why `words` (an int32 array) is not a program to run."""
    if len(words) < layout.SCALAR_WORDS + 1:
        return reasons.RESULT_BAD_LENGTH
    if not _in_range(words, 0, _RANGES):
        return reasons.RESULT_PROGRAM_LAYOUT
    horizon, models = words[layout.AT_HORIZON], words[layout.AT_MODELS]
    if horizon % limits.TABLE_ROWS_MULTIPLE or words[layout.AT_OUTPUTS] > horizon:
        return reasons.RESULT_PROGRAM_LAYOUT
    # Plasma or effect site: the last state is the disturbance.
    if words[layout.AT_OUTPUT_STATE] > words[layout.AT_STATES] - 2:
        return reasons.RESULT_PROGRAM_LAYOUT
    end = layout.section_at(words, models)
    if words[layout.AT_WORDS] != end + 1:
        return reasons.RESULT_PROGRAM_LAYOUT
    if len(words) != end + 1:
        return reasons.RESULT_BAD_LENGTH
    for model in range(models):
        if not _in_range(words, layout.section_at(words, model), _SECTION_RANGES):
            return reasons.RESULT_PROGRAM_LAYOUT
    if not (_products_fit(words) and _windows_are_right(words) and _course_is_right(words)):
        return reasons.RESULT_OUT_OF_RANGE
    if words[layout.AT_RHYTHM] and not _rhythm_is_right(words):
        return reasons.RESULT_OUT_OF_RANGE
    if not ends_with_crc(words, 4 * len(words)):
        return reasons.RESULT_PROGRAM_CHECKSUM
    return reasons.RESULT_OK


def plans_beyond(words) -> int:
    """Return the soft limits that what the program itself plans is beyond, bits 1 << LIMIT_SOFT_*.

    Its target, or the highest that its course may ask for, and its fallback rate.
    """
    found = 0
    target = words[layout.AT_TARGET]
    if not words[layout.AT_AREA]:
        target = max(target, words[layout.AT_TARGET_HIGH])
    if 0 < words[layout.AT_SOFT_TARGET] < target:
        found |= 1 << reasons.LIMIT_SOFT_TARGET
    if 0 < words[layout.AT_SOFT_MOVE] < words[layout.AT_FALLBACK_MOVE]:
        found |= 1 << reasons.LIMIT_SOFT_RATE
    return found


def _in_range(words, begin: int, ranges) -> bool:
    """Say whether the scalars that begin there are all inside their ranges."""
    for at, least, most in ranges:
        if not least <= words[begin + at] <= most:
            return False
    return True


def _products_fit(words) -> bool:
    """Say whether the products that the tick forms in plain Python stay below 2**30."""
    one = 1 << words[layout.AT_DATA_BITS]
    limit = 1 << 30
    return (
        words[layout.AT_CONC_MAX] * words[layout.AT_CONC_GAIN] < limit
        and (one + 1) * words[layout.AT_STEPS_FULL] < limit
        and words[layout.AT_STEPS_TICK_MAX] * words[layout.AT_STEP_GAIN] < limit
        and words[layout.AT_FALLBACK_MOVE] <= one
        and words[layout.AT_ESTIMATE_BITS] > words[layout.AT_DATA_BITS]
    )


def _windows_are_right(words) -> bool:
    """Say whether the caps' windows are one hour and one day: a cap means nothing otherwise."""
    tick_s = words[layout.AT_TICK_S]
    return (
        words[layout.AT_TICKS_HOUR] * tick_s == 3600
        and words[layout.AT_TICKS_DAY] * tick_s == 86_400
    )


def _rhythm_is_right(words) -> bool:
    """Say whether the shares of the day are less than one, and end as they begin."""
    one = 1 << words[layout.AT_DATA_BITS]
    for begin in (layout.CLEARANCE_KNOTS, layout.TARGET_KNOTS):
        if words[begin] != words[begin + layout.KNOTS]:
            return False
        for i in range(layout.KNOTS):
            if not -one < words[begin + i] < one:
                return False
    return words[layout.AT_TARGET] < one << 2


def _course_is_right(words) -> bool:
    """Say whether every target that the course can ask for is one that was proved."""
    return words[layout.AT_TARGET_LOW] <= words[layout.AT_TARGET] <= words[layout.AT_TARGET_HIGH]
