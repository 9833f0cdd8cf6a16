# SPDX-License-Identifier: MIT
"""The scalars of a program: what holds for the therapy, whichever model it is planned with.

Clinical units in, the pump's integers out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mesor.errors import ProgramError
from mesor.program import line
from mesor.program.course import Kind
from mesor.program.design import Design, conc_unit_ug_l, discretise
from mesor.program.formats import (
    COEFFICIENT_BITS,
    DATA_BITS,
    ESTIMATE_BITS,
    FREE_BITS,
    SCORE_BITS,
    Integers,
    Section,
    ratio,
)
from mesor.program.problem import Problem
from mesor.program.soft_limits import check_soft_limits
from pump.spec import program as layout

DESCENTS_MAX = 4
DIRECTIONS_MAX = 12
FORGET_SHIFT = 4  # of a bank's scores: 16 readings
SWITCH_MARGIN_BITS = 2.0
FADE_SHIFT = 5  # of the disturbance of a model that is not the likeliest: 32 ticks
CHANGE_SHIFT_MIN = 7  # below it, bends would lose bits of their low part
CHANGE_GAIN_MIN = 64  # so that its rounding is below 2 %
ON_BOARD_SHARE = 2.5  # of the drug on board that holds the window's upper bound
CEILING_SHARE = 1.5  # of the window's upper bound
SITE_CEILING_SHARE = 3.0  # the same where plasma has to lead an effect site
_COURSES: dict[Kind, int] = {
    "level": layout.LEVEL,
    "pulse": layout.PULSE,
    "time_above": layout.TIME_ABOVE,
    "area": layout.AREA,
}
_TICK_TOLERANCE = 1e-6  # of a tick: times in hours are seldom exact in binary


def scalars(sections: Sequence[Section]) -> Integers:
    """Return the scalar block, AT_WORDS still zero; the first section is the therapy's own model.

    What they all share is taken from it.
    """
    own = sections[0]
    problem, controller, formats = own.problem, own.design, own.formats
    therapy = problem.therapy
    one = 1 << DATA_BITS
    values = np.zeros(layout.SCALAR_WORDS, dtype=np.int64)
    values[layout.AT_MAGIC] = layout.MAGIC
    values[layout.AT_LAYOUT] = layout.LAYOUT_VERSION
    values[layout.AT_HORIZON] = len(controller.response)
    values[layout.AT_OUTPUTS] = controller.output_count
    values[layout.AT_STATES] = len(controller.transition)
    values[layout.AT_MODELS] = len(sections)
    values[layout.AT_OUTPUT_STATE] = controller.output_state
    values[layout.AT_TICK_S] = therapy.tick_s
    values[layout.AT_DATA_BITS] = DATA_BITS
    values[layout.AT_ESTIMATE_BITS] = ESTIMATE_BITS
    values[layout.AT_MODEL_SHIFT] = COEFFICIENT_BITS
    values[layout.AT_GAIN_COUNT] = len(controller.gains)
    values[layout.AT_GAIN_SHIFT] = COEFFICIENT_BITS
    values[layout.AT_FREE_SHIFT] = FREE_BITS + ESTIMATE_BITS - DATA_BITS
    values[layout.AT_SOFT_SHIFT] = own.splitting.soft_shift
    values[layout.AT_MOVE_MAX] = round(formats.move_max * one)
    values[layout.AT_SETTLED_BITS] = formats.settled_bits
    values[layout.AT_ITERATIONS_MAX] = formats.iterations_max
    values[layout.AT_CHANGE_MAX] = max(
        1, min(one, int(therapy.rate_change_max_mg_h / problem.rate_full_mg_h * one))
    )
    values[layout.AT_FALLBACK_MOVE] = int(
        therapy.fallback_rate_mg_h / problem.rate_full_mg_h * one
    )
    values[layout.AT_FORGET_SHIFT] = FORGET_SHIFT
    values[layout.AT_SWITCH_MARGIN] = round(SWITCH_MARGIN_BITS * (1 << SCORE_BITS))
    values[layout.AT_FADE_SHIFT] = FADE_SHIFT
    values[layout.AT_DESCENTS_MAX] = DESCENTS_MAX
    values[layout.AT_DIRECTIONS_MAX] = DIRECTIONS_MAX
    values[layout.AT_CHANGE_GAIN], values[layout.AT_CHANGE_SHIFT] = _change_weight(controller)
    _set_targets(values, problem)
    _set_sensing(values, problem)
    _set_dosing(values, problem)
    _set_warnings(values, problem)
    _set_reserve(values, problem, controller)
    _set_soft_limits(values, problem)
    _set_line(values, problem)
    return values


def _set_targets(values: Integers, problem: Problem) -> None:
    """Set target, soft band, demand clip and course, Q14 in half targets; and what the drug is."""
    therapy = problem.therapy
    one = 1 << DATA_BITS
    unit = conc_unit_ug_l(problem) / 1000.0
    values[layout.AT_TARGET] = round(therapy.target_mg_l / unit * one)
    band_low, band_high = problem.band_mg_l
    values[layout.AT_BAND_LOW] = round(band_low / unit * one)
    values[layout.AT_BAND_HIGH] = round(band_high / unit * one)
    demand = therapy.demand_max_fraction * therapy.target_mg_l / unit
    values[layout.AT_DEMAND_MAX] = round(demand * one)
    _set_course(values, problem)
    values[layout.AT_DRUG] = problem.pump.drug_check
    values[layout.AT_DRUG_PG_PER_STEP] = problem.pump.pg_per_step


def _set_course(values: Integers, problem: Problem) -> None:
    """Set when a chase ends and the next begins, and what an area's target may be."""
    course = problem.course
    values[layout.AT_COURSE] = _COURSES[course.kind]
    unit = conc_unit_ug_l(problem) / 1000.0
    one = 1 << DATA_BITS
    low, high = (round(target / unit * one) for target in problem.targets_mg_l)
    area = round(course.area_mg_h_l / problem.tick_h / unit * one)
    if area > layout.FOR_EVER:
        most = course.area_mg_h_l * layout.FOR_EVER / area
        raise ProgramError(
            f"An area of {course.area_mg_h_l:g} mg h/L is too much to count at a tick of "
            f"{problem.therapy.tick_s} s; {most:.4g} mg h/L "
            "is the most: lengthen the tick, or give it in shorter chases."
        )
    values[layout.AT_TARGET_LOW], values[layout.AT_TARGET_HIGH] = low, high
    values[layout.AT_AREA] = area
    values[layout.AT_CHASE_TICKS] = _ticks(course.chase_h, problem)
    values[layout.AT_INTERVAL_TICKS] = _ticks(course.interval_h, problem)
    for at, level_mg_l, none in (
        (layout.AT_COUNTED_LEVEL, course.counted_mg_l, -layout.FOR_EVER),
        (layout.AT_REACHED_LEVEL, course.reached_mg_l, layout.FOR_EVER),
        (layout.AT_REST_LEVEL, course.rest_mg_l, layout.FOR_EVER),
    ):
        level = none if level_mg_l is None else round(level_mg_l / unit * 2.0**ESTIMATE_BITS)
        values[at] = min(level, layout.FOR_EVER)


def _ticks(hours: float, problem: Problem) -> int:
    """Return a time in whole ticks, none of it lost."""
    ticks = hours / problem.tick_h
    return layout.FOR_EVER if ticks > layout.FOR_EVER else math.ceil(ticks - _TICK_TOLERANCE)


def _set_sensing(values: Integers, problem: Problem) -> None:
    """Set the checks of a reading, and its way into the estimator's format."""
    safety = problem.safety
    unit_ug_l = conc_unit_ug_l(problem)
    count_ng_l = problem.reading_ng_l
    conc_max = round(safety.conc_max_mg_l * 1e6 / count_ng_l)
    per_count = count_ng_l / (1000.0 * unit_ug_l)
    gain, shift = ratio(2.0**ESTIMATE_BITS * per_count, conc_max, "conc_max_mg_l")
    values[layout.AT_READING_NG_L] = count_ng_l
    values[layout.AT_CONC_UNIT_UG_L] = unit_ug_l
    values[layout.AT_CONC_GAIN] = gain
    values[layout.AT_CONC_SHIFT] = shift
    values[layout.AT_CONC_MIN] = 0
    values[layout.AT_CONC_MAX] = conc_max
    values[layout.AT_CONC_CHANGE_MAX] = round(safety.conc_change_max_mg_l * 1e6 / count_ng_l)
    values[layout.AT_AGE_S_MAX] = safety.age_max_s
    values[layout.AT_QUALITY_MIN] = safety.quality_min_percent
    values[layout.AT_STALE_TICKS_MAX] = safety.stale_ticks_max
    # Room for any reading in range and as much again for what noise adds to it.
    state_max = 2.0 * conc_max * per_count * 2.0**ESTIMATE_BITS
    values[layout.AT_STATE_MAX] = min(int(state_max), (1 << 28) - 1)


def _set_dosing(values: Integers, problem: Problem) -> None:
    """Set the account of steps and the hard caps of rate and dose."""
    safety, steps_full = problem.safety, problem.steps_full
    per_step = problem.pump.mg_per_step
    gain, shift = ratio(2.0**ESTIMATE_BITS / steps_full, steps_full, "rate_max_mg_h")
    values[layout.AT_STEP_GAIN] = gain
    values[layout.AT_STEP_SHIFT] = shift
    values[layout.AT_STEPS_FULL] = steps_full
    values[layout.AT_STEPS_TICK_MAX] = steps_full
    values[layout.AT_STEPS_HOUR_MAX] = int(safety.dose_hour_max_mg / per_step)
    values[layout.AT_STEPS_DAY_MAX] = int(safety.dose_day_max_mg / per_step)
    values[layout.AT_TICKS_HOUR] = 3600 // problem.therapy.tick_s
    values[layout.AT_TICKS_DAY] = 86_400 // problem.therapy.tick_s
    values[layout.AT_PRESSURE_RAW_MAX] = safety.pressure_raw_max
    values[layout.AT_RESERVOIR_RAW_MIN] = safety.reservoir_raw_min
    values[layout.AT_BATTERY_RAW_MIN] = safety.battery_raw_min


def _set_warnings(values: Integers, problem: Problem) -> None:
    """Set when the pump falls back, and what it warns of."""
    safety, therapy = problem.safety, problem.therapy
    unit_mg_l = conc_unit_ug_l(problem) / 1000.0
    reading_sd = problem.estimator.sensor_cv * therapy.target_mg_l / unit_mg_l
    most = (1 << 28) - 1
    one = 1 << ESTIMATE_BITS
    values[layout.AT_FALLBACK_TICKS_MAX] = safety.fallback_ticks_max
    values[layout.AT_UNSOLVED_TICKS_MAX] = safety.unsolved_ticks_max
    values[layout.AT_STUCK_TICKS_MAX] = safety.stuck_ticks_max
    values[layout.AT_DRIFT_SLACK] = min(most, round(safety.drift_slack_sd * reading_sd * one))
    values[layout.AT_DRIFT_MAX] = min(most, round(safety.drift_max_sd * reading_sd * one))
    values[layout.AT_PRESSURE_RAW_MIN] = safety.pressure_raw_min
    values[layout.AT_RESERVOIR_RAW_LOW] = safety.reservoir_raw_low
    values[layout.AT_BATTERY_RAW_LOW] = safety.battery_raw_low


def _set_reserve(values: Integers, problem: Problem, controller: Design) -> None:
    """Set how much drug may be on board, how fast it goes, and the level that gives none.

    What is left of a dose after a time is at most what the slowest of the model's
    exponentials leaves, so the pump's account of the drug on board errs upwards.
    """
    safety, model = problem.safety, problem.model
    conc_unit_mg_l = conc_unit_ug_l(problem) / 1000.0
    high_mg_l = problem.level_high_mg_l
    keep = _keep_at_least_clearance(problem, controller)
    rate_mg_tick = model.clearance_l_h * high_mg_l * problem.tick_h
    on_board_mg = safety.on_board_max_mg or ON_BOARD_SHARE * rate_mg_tick / (1.0 - keep)
    share = CEILING_SHARE if problem.therapy.target_site == "plasma" else SITE_CEILING_SHARE
    ceiling_mg_l = safety.conc_ceiling_mg_l or share * high_mg_l
    most = (1 << 28) - 1
    values[layout.AT_ON_BOARD_KEEP] = math.ceil(keep * (1 << 14))
    values[layout.AT_ON_BOARD_MAX] = min(most, int(on_board_mg / problem.pump.mg_per_step))
    values[layout.AT_CEILING] = min(most, round(ceiling_mg_l / conc_unit_mg_l * 2**ESTIMATE_BITS))


def _keep_at_least_clearance(problem: Problem, controller: Design) -> float:
    """Return what the slowest exponential keeps over a tick at the day's lowest clearance."""
    kinetic = controller.transition[:-1, :-1]
    if problem.clearance_rhythm is not None:
        slowest = problem.model.with_clearance(1.0 - problem.clearance_rhythm.amplitude)
        kinetic = discretise(replace(problem, model=slowest))[0]
    return float(np.abs(np.linalg.eigvals(kinetic)).max())


def _set_soft_limits(values: Integers, problem: Problem) -> None:
    """Set what holds until a person confirms it; 0 where there is none, else 1 at least."""
    safety, per_step = problem.safety, problem.pump.mg_per_step
    unit_mg_l = conc_unit_ug_l(problem) / 1000.0
    one = 1 << DATA_BITS
    check_soft_limits(problem)
    for at, most, unit in (
        (layout.AT_SOFT_MOVE, safety.rate_soft_max_mg_h, problem.rate_full_mg_h / one),
        (layout.AT_SOFT_STEPS_HOUR, safety.dose_hour_soft_max_mg, per_step),
        (layout.AT_SOFT_STEPS_DAY, safety.dose_day_soft_max_mg, per_step),
    ):
        values[at] = max(1, int(most / unit)) if most else 0
    values[layout.AT_SOFT_MOVE] = min(one, values[layout.AT_SOFT_MOVE])
    # Rounded up, lest rounding put a target beyond its own limit.
    target = math.ceil(safety.target_soft_max_mg_l / unit_mg_l * one)
    values[layout.AT_SOFT_TARGET] = min(target, (1 << 20) - 1)


def _set_line(values: Integers, problem: Problem) -> None:
    """Set from when on the line is taken for blocked, and how far it is relieved."""
    safety, microstep_ul = problem.safety, problem.pump.microstep_nl / 1000.0
    slope_raw = line.RAW_PER_MMHG * microstep_ul / safety.line_compliance_max_ul_mmhg
    rise = round(safety.pressure_rise_mmhg * line.RAW_PER_MMHG)
    values[layout.AT_PRESSURE_RISE_RAW] = min(rise, 65_535)
    values[layout.AT_PRESSURE_SLACK] = min(1 << 14, round(slope_raw / 4.0 * 256.0))
    values[layout.AT_BACK_OFF_STEPS_MAX] = min(
        (1 << 15) - 1, int(safety.back_off_max_ml * 1000.0 / microstep_ul)
    )


def _change_weight(controller: Design) -> tuple[int, int]:
    """Return the change weight as gain and shift; raise ProgramError where it has none."""
    shift = min(30, 13 - math.floor(math.log2(controller.change_weight)))
    gain = math.floor(controller.change_weight * 2.0**shift)
    if shift < CHANGE_SHIFT_MIN or gain < CHANGE_GAIN_MIN:
        raise ProgramError(
            f"change_weight is {controller.change_weight:g}; the pump's integers hold "
            f"{CHANGE_GAIN_MIN / 2.0**30:.1g} to {2.0 ** (14 - CHANGE_SHIFT_MIN):g}."
        )
    return gain, shift
