# SPDX-License-Identifier: MIT
"""Proof that the exact finish (pump.core.refine_twin) stays inside int32.

What enters each product is clamped or scaled to a known number of bits, so every
bound is a row's L1 norm times that: it holds for any active set, any start and any
demand inside its clip.  Gradients, moves, residuals and directions are clamped;
steps are bounded by the number of directions.
"""

from __future__ import annotations

import numpy as np

from mesor.program.bounds import INT32, Bound
from mesor.program.exact import ExactSolver, Integers, section_scalar
from pump.core import refine_twin as kernel
from pump.core.blocks import FINE_BITS
from pump.spec import program as layout

_GAIN_BITS = 11  # of the quotients of refine_twin.ratio
_HALF_MOST = 1 << 30  # half of the largest shift's LSB


def prove_finish(words: Integers, model: int) -> list[Bound]:
    """Return a bound for every sum and product of the kernels `refine` and `judge`."""
    solver = ExactSolver(words, model)
    n = solver.horizon
    norm = int(np.abs(solver.response).sum(axis=1).max())
    pull, errors = _gradient(words, model, norm)
    curvature, descent = _descent(words, model, norm)
    ahead = int(np.abs(solver.inverse).sum(axis=1).max()) << kernel.SCALE_BITS
    gained = 1 << (_GAIN_BITS + kernel.DIRECTION_BITS)
    spans = {
        **errors,
        **descent,
        "ahead": ahead + (1 << (kernel.AHEAD_SHIFT - 1)),
        "segment": n * max(kernel.GRADIENT_MAX, curvature, (ahead >> kernel.AHEAD_SHIFT) + 1),
        "gradient": pull,
        "square": n << (2 * kernel.SCALE_BITS - 1),
        "product": n << (kernel.SCALE_BITS + kernel.DIRECTION_BITS - 1),
        "gained": gained + _HALF_MOST,
        "turned": (1 << kernel.DIRECTION_BITS) + gained,
        "step": int(words[layout.AT_DIRECTIONS_MAX]) * gained,
    }
    return [Bound(f"finish.{signal}", magnitude, INT32) for signal, magnitude in spans.items()]


def _gradient(words: Integers, model: int, norm: int) -> tuple[int, dict[str, int]]:
    """Bound the true gradient, and what it is taken from."""
    shift = section_scalar(words, model, layout.IN_RESPONSE_SHIFT)
    outputs, high = _two_parts(norm, kernel.MOVE_MAX, FINE_BITS, shift)
    error = outputs + (int(words[layout.AT_DEMAND_MAX]) << FINE_BITS)
    weight_shift = section_scalar(words, model, layout.IN_WEIGHT_SHIFT)
    weight = max(1 << weight_shift, section_scalar(words, model, layout.IN_SOFT_WEIGHT))
    offset = max(
        -section_scalar(words, model, layout.IN_SOFT_OFFSET_LOW),
        section_scalar(words, model, layout.IN_SOFT_OFFSET_HIGH),
    )
    weighted = weight * error
    soft = (weighted >> weight_shift) + 1 + offset
    pull, soft_high = _two_parts(norm, soft, kernel.LOW_BITS, shift)
    gain, gain_shift = int(words[layout.AT_CHANGE_GAIN]), int(words[layout.AT_CHANGE_SHIFT])
    bend = gain * (4 * kernel.MOVE_MAX >> FINE_BITS)
    pull += (bend >> (gain_shift - FINE_BITS)) + gain + 2
    return pull, {"moves_sum": high, "error": weighted, "errors_sum": soft_high, "bend": bend}


def _two_parts(norm: int, most: int, low_bits: int, shift: int) -> tuple[int, int]:
    """Return bounds of a product taken in two parts, and of its larger sum."""
    high = norm * ((most >> low_bits) + 1) + (1 << (shift - low_bits) >> 1)
    low = norm * ((1 << low_bits) - 1) + (1 << (shift - 1))
    return (high >> (shift - low_bits)) + (low >> shift) + 2, max(high, low)


def _descent(words: Integers, model: int, norm: int) -> tuple[int, dict[str, int]]:
    """Bound a direction's curvature, for both weights that an output can have."""
    shift = section_scalar(words, model, layout.IN_RESPONSE_SHIFT)
    total = (norm << kernel.DIRECTION_BITS) + (1 << (shift - 1))
    outputs = (total >> shift) + 1
    weight_shift = section_scalar(words, model, layout.IN_WEIGHT_SHIFT)
    soft = max(1 << weight_shift, section_scalar(words, model, layout.IN_SOFT_WEIGHT))
    change_shift = int(words[layout.AT_CHANGE_SHIFT])
    bend = int(words[layout.AT_CHANGE_GAIN]) << (kernel.DIRECTION_BITS + 2)
    weighted, pulls, curvatures = [], [], []
    for weight, given_up in (
        (1 << weight_shift, section_scalar(words, model, layout.IN_SPARE_SHIFT)),
        (soft, section_scalar(words, model, layout.IN_SOFT_SPARE_SHIFT)),
    ):
        weighted.append(weight * outputs + (1 << (weight_shift + given_up) >> 1))
        errors = (weighted[-1] >> (weight_shift + given_up)) + 1
        pulls.append(norm * errors + (1 << (shift - given_up - 1)))
        pull = (pulls[-1] >> (shift - given_up)) + 1
        curvatures.append(pull + (bend >> change_shift) + 2)
    return max(curvatures), {
        "direction_sum": total,
        "weighted": max(weighted),
        "pull_sum": max(pulls),
        "direction_bend": bend + (1 << (change_shift - 1)),
    }
