# SPDX-License-Identifier: MIT
"""Puts a float64 design into the int32 words of a program (pump.spec.program).

Scalars first (mesor.program.scalars), then a section for each model, then the checksum.
"""

from __future__ import annotations

import binascii
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.linalg import toeplitz

from mesor.errors import ProgramError
from mesor.program.design import Design, Splitting
from mesor.program.formats import (
    COEFFICIENT_BITS,
    DATA_BITS,
    ESTIMATE_BITS,
    FREE_BITS,
    INT32_MAX,
    SCORE_BITS,
    Integers,
    Section,
    ratio,
)
from mesor.program.rhythm import clearance_scale, day_tables
from mesor.program.scalars import scalars
from pump.core.blocks import FINE_BITS
from pump.core.refine_twin import DIRECTION_BITS, SCALE_BITS
from pump.spec import limits
from pump.spec import program as layout

Triangle = Literal["lower", "upper"]

SURPRISE_MAX_SD = 4.0  # one reading speaks no louder against a model
SURPRISE_SHIFT = 20
MOVE_ERROR_MAX = 2.5e-4  # full rates: what a gradient that is accepted may hide
STATIONARY_BITS = (3, 7)  # least and most of that gradient


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


def assemble(sections: Sequence[Section]) -> Integers:
    """Return the whole program as int32-valued words, checksum last.

    The first section is the therapy's own model.
    """
    values = scalars(sections)
    day = day_tables(sections[0].problem)
    values[layout.AT_RHYTHM] = int(len(day) > 0)
    parts = [
        values,
        day,
        *(_section(values, section) for section in sections),
        np.zeros(1, np.int64),
    ]
    values[layout.AT_WORDS] = sum(map(len, parts))
    words = np.concatenate(parts)
    if len(words) > limits.PROGRAM_WORDS_MAX:
        raise ProgramError(
            f"The program has {len(words)} words; the pump holds {limits.PROGRAM_WORDS_MAX}."
        )
    words[-1] = _checksum(words[:-1])
    return words


def _section(values: Integers, section: Section) -> Integers:
    """Return the words of one model; `values` are the program's scalars."""
    controller, splitting, formats = section.design, section.splitting, section.formats
    return np.concatenate(
        [
            _section_scalars(values, section),
            to_fixed(
                np.column_stack([controller.transition, controller.input]),
                COEFFICIENT_BITS,
                "model",
            ).ravel(),
            to_fixed(controller.gains, COEFFICIENT_BITS, "gains").ravel(),
            to_fixed(controller.free, FREE_BITS, "free").ravel(),
            blocked(to_fixed(splitting.pulled, formats.pull_shift, "pulled"), "upper"),
            blocked(steady(splitting.factor, formats.factor_shift, "factor")),
            blocked(_response(controller, formats.response_shift), "lower"),
            by_tick(formats.caps),
            blocked(_inverse(controller)),
        ]
    )


def _section_scalars(values: Integers, section: Section) -> Integers:
    """Return the scalars of one model: formats, and what the exact finish needs."""
    controller, formats = section.design, section.formats
    weight_shift, response_shift = formats.weight_shift, formats.response_shift
    soft = round((1.0 + controller.soft_weight) * 2.0**weight_shift)
    fine = controller.soft_weight * 2.0**FINE_BITS
    total = int(np.abs(_response(controller, response_shift)[:, 0]).sum())
    outputs = (total << DIRECTION_BITS >> response_shift) + 1
    own = np.zeros(layout.SECTION_SCALARS, dtype=np.int64)
    own[layout.IN_PULL_SHIFT] = formats.pull_shift
    own[layout.IN_FACTOR_SHIFT] = formats.factor_shift
    own[layout.IN_RESPONSE_SHIFT] = response_shift
    own[layout.IN_BURST] = formats.burst
    own[layout.IN_GUESSES_MAX] = formats.guesses_max
    own[layout.IN_STATIONARY_BITS] = _stationary_bits(controller)
    own[layout.IN_WEIGHT_SHIFT] = weight_shift
    own[layout.IN_SOFT_WEIGHT] = soft
    own[layout.IN_SOFT_OFFSET_LOW] = round(fine * values[layout.AT_BAND_LOW])
    own[layout.IN_SOFT_OFFSET_HIGH] = round(fine * values[layout.AT_BAND_HIGH])
    own[layout.IN_SPARE_SHIFT] = _spare_shift(total * outputs)
    own[layout.IN_SOFT_SPARE_SHIFT] = _spare_shift(total * (soft * outputs >> weight_shift))
    own[layout.IN_CLEARANCE_GAIN], own[layout.IN_CLEARANCE_SHIFT] = clearance_scale(section)
    _set_judgement(own, section)
    _set_pulls(own, section.splitting, int(values[layout.AT_DEMAND_MAX]))
    return own


def _set_judgement(own: Integers, section: Section) -> None:
    """Set what the model is believed before any reading, and what an innovation costs it."""
    problem, bank = section.problem, section.problem.bank
    sd = section.design.innovation_sd * 2.0**ESTIMATE_BITS
    a_bit = math.sqrt(0.5 / math.log(2.0)) * 2.0 ** (SCORE_BITS // 2)
    own[layout.IN_CLEARANCE_FACTOR] = round(problem.clearance_factor * 1024.0)
    own[layout.IN_PRIOR] = round(bank.prior_bits(problem.clearance_factor) * 2.0**SCORE_BITS)
    own[layout.IN_SURPRISE_MAX] = round(SURPRISE_MAX_SD * sd)
    own[layout.IN_SURPRISE_SHIFT] = SURPRISE_SHIFT
    own[layout.IN_SURPRISE_GAIN] = max(1, round(a_bit / sd * 2.0**SURPRISE_SHIFT))


def _set_pulls(own: Integers, splitting: Splitting, demand: int) -> None:
    """Set what demand and the move before add to the pulls; their products are small ints."""
    own[layout.IN_ASKED_GAIN], own[layout.IN_ASKED_SHIFT] = ratio(
        splitting.asked, 2 * demand, "soft_weight", shift_max=28
    )
    own[layout.IN_BEFORE_GAIN], own[layout.IN_BEFORE_SHIFT] = ratio(
        splitting.before, 2 << DATA_BITS, "change_weight", shift_max=15
    )


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
