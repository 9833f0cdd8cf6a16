# SPDX-License-Identifier: MIT
"""Puts a float64 design into the int32 words of a program (pump.spec.program).

One place where a float becomes a device integer.  Formats: data Q14, estimator
Q20, each table the finest format that its entries, and the proof, allow.
"""

from __future__ import annotations

import binascii
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.linalg import toeplitz

from mesor.errors import ProgramError
from mesor.program import line
from mesor.program.course import Kind
from mesor.program.design import Design, Splitting, conc_unit_ug_l
from mesor.program.problem import Problem
from mesor.program.soft_limits import check_soft_limits
from pump.core.blocks import FINE_BITS
from pump.core.refine_twin import DIRECTION_BITS, SCALE_BITS
from pump.spec import limits
from pump.spec import program as layout

Integers = npt.NDArray[np.int64]
Triangle = Literal["lower", "upper"]

DATA_BITS = 14
ESTIMATE_BITS = 20
COEFFICIENT_BITS = 28  # of model and gains: entries below 8
FREE_BITS = 25
INT32_MAX = 2**31 - 1
DESCENTS_MAX = 4
DIRECTIONS_MAX = 12
_TICK_TOLERANCE = 1e-6  # of a tick: times in hours are seldom exact in binary
CHANGE_SHIFT_MIN = 7  # below it, bends would lose bits of their low part
CHANGE_GAIN_MIN = 64  # so that its rounding is below 2 %
MOVE_ERROR_MAX = 2.5e-4  # full rates: what a gradient that is accepted may hide
ON_BOARD_SHARE = 2.5  # of the drug on board that holds the window's upper bound
CEILING_SHARE = 1.5  # of the window's upper bound
STATIONARY_BITS = (3, 7)  # least and most of that gradient
_COURSES: dict[Kind, int] = {
    "level": layout.LEVEL,
    "pulse": layout.PULSE,
    "time_above": layout.TIME_ABOVE,
    "area": layout.AREA,
}


@dataclass(frozen=True, slots=True)
class Formats:
    """What the compiler may choose for the solver: table formats, caps, residual limits."""

    factor_shift: int
    pull_shift: int
    response_shift: int
    move_max: float  # clamp of unprojected moves, full rates
    caps: Integers  # (3N,) Q14
    settled_bits: int
    iterations_max: int
    weight_shift: int  # of the outputs' weights in the exact finish
    burst: int = 5  # iterations between two tries to finish
    guesses_max: int = 6  # active sets of one try


def to_fixed(values: npt.ArrayLike, bits: int, what: str) -> Integers:
    """Return round(values * 2**bits); raise ProgramError where int32 cannot hold it."""
    scaled = np.round(np.asarray(values, dtype=np.float64) * 2.0**bits)
    if not np.all(np.isfinite(scaled)) or np.abs(scaled).max(initial=0.0) > INT32_MAX:
        worst = float(np.abs(np.asarray(values)).max())
        raise ProgramError(
            f"Table {what} has an entry of {worst:.4g}, which Q{bits} in int32 cannot hold "
            f"(at most {INT32_MAX / 2.0**bits:.4g})."
        )
    return scaled.astype(np.int64)


def steady(values: npt.NDArray[np.float64], bits: int, what: str) -> Integers:
    """Return the table in Q(bits), each rounding's error handed on to the row's next entry.

    What a row multiplies changes little from entry to entry, so errors that cancel
    their neighbours cost far less than those that are drawn afresh.
    """
    table = np.zeros(values.shape, dtype=np.int64)
    error = np.zeros(len(values))
    for column in range(values.shape[1] - 1, -1, -1):
        wanted = values[:, column] + error
        table[:, column] = to_fixed(wanted, bits, what)
        error = wanted - table[:, column] / 2.0**bits
    return table


def blocked(table: Integers, triangle: Triangle | None = None) -> Integers:
    """Return `table` in the kernels' order: blocks of 4 rows, column by column."""
    parts = []
    for start in range(0, len(table), 4):
        first = start if triangle == "upper" else 0
        end = start + 4 if triangle == "lower" else table.shape[1]
        parts.append(table[start : start + 4, first:end].T.ravel())
    return np.concatenate(parts)


def assemble(
    problem: Problem, controller: Design, splitting: Splitting, formats: Formats
) -> Integers:
    """Return the whole program as int32-valued words, checksum last."""
    horizon, states = controller.response.shape[0], len(controller.transition)
    tables = [
        to_fixed(
            np.column_stack([controller.transition, controller.input]), COEFFICIENT_BITS, "model"
        ).ravel(),
        to_fixed(controller.gains, COEFFICIENT_BITS, "gains").ravel(),
        to_fixed(controller.free, FREE_BITS, "free").ravel(),
        blocked(to_fixed(splitting.pulled, formats.pull_shift, "pulled"), "upper"),
        blocked(steady(splitting.factor, formats.factor_shift, "factor")),
        blocked(_response(controller, formats.response_shift), "lower"),
        by_tick(formats.caps),
        blocked(_inverse(controller)),
    ]
    body = np.concatenate(tables)
    offsets = layout.table_offsets(horizon, states, len(controller.gains))
    scalars = _scalars(problem, controller, splitting, formats)
    scalars[layout.AT_WORDS] = offsets[-1] + 1
    _set_finish(scalars, controller, formats)
    words = np.concatenate([scalars, body, [0]])
    if len(words) > limits.PROGRAM_WORDS_MAX:
        raise ProgramError(
            f"The program has {len(words)} words; the pump holds {limits.PROGRAM_WORDS_MAX}."
        )
    words[-1] = _checksum(words[:-1])
    return words


def _response(controller: Design, shift: int) -> Integers:
    """Return the response table, its entries the differences of the rounded step response.

    So the error of a steady move's output is that of one rounding, not of a sum of them.
    """
    step = to_fixed(np.cumsum(controller.response[:, 0]), shift, "response")
    impulse = np.diff(step, prepend=0)
    table: Integers = toeplitz(impulse, np.zeros_like(impulse))
    return table


def _inverse(controller: Design) -> Integers:
    """Return the inverse of half the Hessian, as fine as a row's sum with any residual allows."""
    inverse = np.linalg.inv(controller.hessian / 2.0)
    room = INT32_MAX / 2.0 ** (SCALE_BITS + 1)
    bits = math.floor(math.log2(room / np.abs(inverse).sum(axis=1).max()))
    return to_fixed(inverse, bits, "inverse")


def _set_finish(values: Integers, controller: Design, formats: Formats) -> None:
    """Set what the exact finish needs: how long it may try, and the cost in its formats."""
    weight_shift, response_shift = formats.weight_shift, formats.response_shift
    change_shift = min(30, 13 - math.floor(math.log2(controller.change_weight)))
    change_gain = math.floor(controller.change_weight * 2.0**change_shift)
    if change_shift < CHANGE_SHIFT_MIN or change_gain < CHANGE_GAIN_MIN:
        raise ProgramError(
            f"change_weight is {controller.change_weight:g}; the pump's integers hold "
            f"{CHANGE_GAIN_MIN / 2.0**30:.1g} to {2.0 ** (14 - CHANGE_SHIFT_MIN):g}."
        )
    soft = round((1.0 + controller.soft_weight) * 2.0**weight_shift)
    fine = controller.soft_weight * 2.0**FINE_BITS
    values[layout.AT_BURST] = formats.burst
    values[layout.AT_GUESSES_MAX] = formats.guesses_max
    values[layout.AT_DESCENTS_MAX] = DESCENTS_MAX
    values[layout.AT_DIRECTIONS_MAX] = DIRECTIONS_MAX
    values[layout.AT_STATIONARY_BITS] = _stationary_bits(controller)
    values[layout.AT_CHANGE_GAIN] = change_gain
    values[layout.AT_CHANGE_SHIFT] = change_shift
    values[layout.AT_WEIGHT_SHIFT] = weight_shift
    values[layout.AT_SOFT_WEIGHT] = soft
    values[layout.AT_SOFT_OFFSET_LOW] = round(fine * values[layout.AT_BAND_LOW])
    values[layout.AT_SOFT_OFFSET_HIGH] = round(fine * values[layout.AT_BAND_HIGH])
    total = int(np.abs(_response(controller, response_shift)[:, 0]).sum())
    outputs = (total << DIRECTION_BITS >> response_shift) + 1
    values[layout.AT_SPARE_SHIFT] = _spare_shift(total * outputs)
    values[layout.AT_SOFT_SPARE_SHIFT] = _spare_shift(total * (soft * outputs >> weight_shift))


def _stationary_bits(controller: Design) -> int:
    """Return how many bits of 2**20 the mean gradient of free moves may have in the end.

    The flattest mode turns a gradient g into an error g / lambda_min; but one unit of the
    moves changes the steepest mode's by lambda_max, and less cannot be asked for.
    """
    flattest, *_, steepest = np.linalg.eigvalsh(controller.hessian / 2.0)
    wanted = math.floor(math.log2(MOVE_ERROR_MAX * flattest * 2.0 ** (DATA_BITS + FINE_BITS)))
    least, most = STATIONARY_BITS
    return max(least, math.ceil(math.log2(steepest)) + 1, min(wanted, most))


def _spare_shift(total: int) -> int:
    """Return the least shift that brings a sum well below 2**31."""
    return max(0, total.bit_length() - 30)


def to_bytes(words: Integers) -> bytes:
    """Return the words as the little-endian bytes that go over the wire."""
    return words.astype("<i4").tobytes()


def _checksum(words: Integers) -> int:
    """Return CRC-32 of the words as the signed int32 of the same bits."""
    value = binascii.crc32(to_bytes(words))
    return value - (1 << 32) if value & (1 << 31) else value


def by_tick(rows: Integers) -> Integers:
    """Return what belongs to N changes, N moves, N outputs in the iteration's order of rows."""
    changes, moves, outputs = rows.reshape(3, -1)
    return np.concatenate([np.column_stack([changes, moves]).ravel(), outputs])


def _scalars(
    problem: Problem,
    controller: Design,
    splitting: Splitting,
    formats: Formats,
) -> Integers:
    """Return the scalar block, AT_WORDS still zero."""
    therapy = problem.therapy
    one = 1 << DATA_BITS
    values = np.zeros(layout.SCALAR_WORDS, dtype=np.int64)
    values[layout.AT_MAGIC] = layout.MAGIC
    values[layout.AT_LAYOUT] = layout.LAYOUT_VERSION
    values[layout.AT_HORIZON] = len(controller.response)
    values[layout.AT_OUTPUTS] = controller.output_count
    values[layout.AT_STATES] = len(controller.transition)
    values[layout.AT_TICK_S] = therapy.tick_s
    values[layout.AT_DATA_BITS] = DATA_BITS
    values[layout.AT_ESTIMATE_BITS] = ESTIMATE_BITS
    values[layout.AT_MODEL_SHIFT] = COEFFICIENT_BITS
    values[layout.AT_GAIN_COUNT] = len(controller.gains)
    values[layout.AT_GAIN_SHIFT] = COEFFICIENT_BITS
    values[layout.AT_FREE_SHIFT] = FREE_BITS + ESTIMATE_BITS - DATA_BITS
    values[layout.AT_PULL_SHIFT] = formats.pull_shift
    values[layout.AT_FACTOR_SHIFT] = formats.factor_shift
    values[layout.AT_RESPONSE_SHIFT] = formats.response_shift
    values[layout.AT_SOFT_SHIFT] = splitting.soft_shift
    values[layout.AT_MOVE_MAX] = round(formats.move_max * one)
    values[layout.AT_SETTLED_BITS] = formats.settled_bits
    values[layout.AT_ITERATIONS_MAX] = formats.iterations_max
    values[layout.AT_CHANGE_MAX] = max(
        1, min(one, int(therapy.rate_change_max_mg_h / problem.rate_full_mg_h * one))
    )
    values[layout.AT_FALLBACK_MOVE] = int(
        therapy.fallback_rate_mg_h / problem.rate_full_mg_h * one
    )
    _set_targets(values, problem)
    _set_pulls(values, splitting)
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


def _set_pulls(values: Integers, splitting: Splitting) -> None:
    """Set what demand and the move before add to the pulls; their products are small ints."""
    demand = int(values[layout.AT_DEMAND_MAX])
    values[layout.AT_ASKED_GAIN], values[layout.AT_ASKED_SHIFT] = _ratio(
        splitting.asked, 2 * demand, "soft_weight", shift_max=28
    )
    values[layout.AT_BEFORE_GAIN], values[layout.AT_BEFORE_SHIFT] = _ratio(
        splitting.before, 2 << DATA_BITS, "change_weight", shift_max=15
    )


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
    conc_max_ug_l = round(safety.conc_max_mg_l * 1000.0)
    gain, shift = _ratio(2.0**ESTIMATE_BITS / unit_ug_l, conc_max_ug_l, "conc_max_mg_l")
    values[layout.AT_CONC_UNIT_UG_L] = unit_ug_l
    values[layout.AT_CONC_GAIN] = gain
    values[layout.AT_CONC_SHIFT] = shift
    values[layout.AT_CONC_UG_L_MIN] = 0
    values[layout.AT_CONC_UG_L_MAX] = conc_max_ug_l
    values[layout.AT_CONC_CHANGE_UG_L_MAX] = round(safety.conc_change_max_mg_l * 1000.0)
    values[layout.AT_AGE_S_MAX] = safety.age_max_s
    values[layout.AT_QUALITY_MIN] = safety.quality_min_percent
    values[layout.AT_STALE_TICKS_MAX] = safety.stale_ticks_max
    # Room for any reading in range and as much again for what noise adds to it.
    state_max = 2.0 * conc_max_ug_l / unit_ug_l * 2.0**ESTIMATE_BITS
    values[layout.AT_STATE_MAX] = min(int(state_max), (1 << 28) - 1)


def _set_dosing(values: Integers, problem: Problem) -> None:
    """Set the account of steps and the hard caps of rate and dose."""
    safety, steps_full = problem.safety, problem.steps_full
    per_step = problem.pump.mg_per_step
    gain, shift = _ratio(2.0**ESTIMATE_BITS / steps_full, steps_full, "rate_max_mg_h")
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
    safety, therapy, model = problem.safety, problem.therapy, problem.model
    conc_unit_mg_l = conc_unit_ug_l(problem) / 1000.0
    kinetic = controller.transition[:-1, :-1]
    keep = float(np.abs(np.linalg.eigvals(kinetic)).max())
    rate_mg_tick = model.clearance_l_h * therapy.window_high_mg_l * problem.tick_h
    on_board_mg = safety.on_board_max_mg or ON_BOARD_SHARE * rate_mg_tick / (1.0 - keep)
    ceiling_mg_l = safety.conc_ceiling_mg_l or CEILING_SHARE * therapy.window_high_mg_l
    most = (1 << 28) - 1
    values[layout.AT_ON_BOARD_KEEP] = math.ceil(keep * (1 << 14))
    values[layout.AT_ON_BOARD_MAX] = min(most, int(on_board_mg / problem.pump.mg_per_step))
    values[layout.AT_CEILING] = min(most, round(ceiling_mg_l / conc_unit_mg_l * 2**ESTIMATE_BITS))


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


def _ratio(factor: float, largest: int, name: str, shift_max: int = 24) -> tuple[int, int]:
    """Return gain, shift with gain / 2**shift near `factor` and largest * gain < 2**30."""
    room = (1 << 30) / largest
    shift = min(shift_max, math.floor(math.log2(room / factor)))
    gain = math.floor(factor * 2.0**shift) if shift >= 0 else 0
    if gain < 1 << 8:
        raise ProgramError(
            f"{name} leaves {gain} levels for scaling it into the pump's integers, "
            "and 256 are the least: make it smaller."
        )
    return gain, shift
