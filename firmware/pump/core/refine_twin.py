# SPDX-License-Identifier: MIT
"""The kernel of the exact finish in exact Python: what refine_thumb.py is held to.

Conjugate gradients (Hestenes & Stiefel, J. Res. NBS 49(6), 1952) on the moves that the
active set leaves free, preconditioned by the inverse of the whole Hessian: where k rows
are active, k + 1 directions do, and one where none is.  Block floating point: residual
and directions are scaled to 13 and 12 bits, so 32-bit sums hold every product; the true
gradient, taken anew after each descent, refines the moves to their own format.  Runs on
CPython only; int32 words in and out, `OverflowError` where a final sum would not fit.
"""

from array import array
from operator import mul

from pump.core import blocks as k

LOW_BITS = 13  # of a weighted error: the response's product takes it in two parts
SCALE_BITS = 13  # of the residual within the descent
DIRECTION_BITS = 12  # of directions and curvatures
AHEAD_SHIFT = 6  # of the inverse's product, which is scaled again at once
STEP_BITS = 3  # by which a step is finer than the residual
GRADIENT_MAX = 1 << 25
STEP_MAX_BITS = 22
MOVE_MAX = 5 << 18  # 1.25 full rates: nothing that is still a plan lies beyond
_RATIO_BITS = 29
_INT32 = 1 << 31


def refine(words: list) -> int:
    """Descend from the gradient of the last call, then take it anew; return its mask."""
    if words[k.REFINE_DIRECTIONS_MAX] > 0 and words[k.REFINE_MASK] > 0:
        _descend(words)
    _errors(words)
    residual, mask = _project(words, _gradient(words))
    _write(words, k.REFINE_RESIDUAL, residual)
    words[k.REFINE_MASK] = mask
    return mask


def ratio(numerator: int, divisor: int) -> tuple:
    """Return m, s with numerator / divisor about m / 2**s, m of 10 or 11 bits.

    Both are more than 0 and below 2**31.
    """
    shift = 10
    while numerator >= 2 << _RATIO_BITS:
        numerator >>= 1
        shift -= 1
    while numerator < 1 << _RATIO_BITS:
        numerator <<= 1
        shift += 1
    while divisor >= 2 << _RATIO_BITS:
        divisor >>= 1
        shift += 1
    while divisor < 1 << _RATIO_BITS:
        divisor <<= 1
        shift -= 1
    quotient = 0
    for _ in range(11):
        quotient <<= 1
        if numerator >= divisor:
            numerator -= divisor
            quotient += 1
        numerator <<= 1
    return quotient, shift


def _fits(values: list, what: str) -> list:
    """Return `values`; raise OverflowError where int32 could not hold one of them."""
    if min(values) < -_INT32 or max(values) >= _INT32:
        raise OverflowError("refine: %s = %s do not fit int32" % (what, values))
    return values


def _clamped(values: list, most: int) -> list:
    """Return `values`, their magnitudes at most `most`."""
    if -most <= min(values) and max(values) <= most:
        return values
    return [max(-most, min(most, value)) for value in values]


def _array(words: list, entry: int) -> list:
    """Return a copy of the (N,) array of that entry."""
    values, at = words[entry]
    return list(values[at : at + words[k.REFINE_HORIZON]])


def _write(words: list, entry: int, values: list) -> None:
    """Write a whole (N,) array."""
    target, at = words[entry]
    target[at : at + len(values)] = array("i", values)


def _rows(words: list) -> tuple:
    """Return response and inverse row by row; a block keeps them, for its program never changes.

    A block of 4 rows lies column by column: of the response's triangle the first 4b + 4.
    """
    rows = getattr(words, "rows", None)
    if rows is None:
        n = words[k.REFINE_HORIZON]
        response, at = words[k.REFINE_RESPONSE]
        triangle = []
        for row in range(n):
            b = row // 4
            start = at + 8 * b * (b + 1) + row % 4
            triangle.append(tuple(response[start : start + 4 * (4 * b + 4) : 4]))
        inverse, at = words[k.REFINE_INVERSE]
        starts = [at + row // 4 * 4 * n + row % 4 for row in range(n)]
        rows = triangle, [tuple(inverse[start : start + 4 * n : 4]) for start in starts]
        if hasattr(words, "rows"):
            words.rows = rows
    return rows


def _respond(words: list, values: list, shift: int) -> list:
    """Return (response @ values + half) >> shift, block by block of the triangle."""
    sums = [sum(map(mul, row, values), 1 << shift >> 1) for row in _rows(words)[0]]
    return [value >> shift for value in _fits(sums, "response")]


def _rounded(values: list, shift: int, what: str) -> list:
    """Return values / 2**shift, halves up: floors would bias the flattest mode."""
    half = 1 << shift >> 1
    if min(values) + half < -_INT32 or max(values) + half >= _INT32:
        _fits([value + half for value in values], what)
    return [value + half >> shift for value in values]


def _normalised(values: list, mask: int, bits: int) -> tuple:
    """Return values / 2**e of at most 2**bits, and e; `mask` is the or of their magnitudes."""
    exponent = 0
    if mask > 0:
        exponent = mask.bit_length() - bits
    if exponent > 0:
        return _rounded(values, exponent, "scaled"), exponent
    return [value << -exponent for value in values], exponent


def _product(left: list, right: list) -> int:
    """Return half the dot product."""
    return _fits([sum([a * b >> 1 for a, b in zip(left, right)])], "product")[0]


def _bends(values: list, before: int) -> list:
    """Return D'D of the moves `values` that follow `before`."""
    after = values[1:] + values[-1:]
    lead = [before] + values[:-1]
    return [2 * value - left - right for value, left, right in zip(values, lead, after)]


def _project(words: list, values: list) -> tuple:
    """Return the mean over each free segment, 0 over a fixed one, and the magnitudes' or."""
    segments, at = words[k.REFINE_SEGMENTS]
    totals, means, mask, begin = [], [], 0, 0
    while begin < len(values):
        length, reciprocal = segments[at], segments[at + 1]
        at += 2
        end = begin + length
        total = values[begin] if length == 1 else sum(values[begin:end])
        begin = end
        totals.append(total)
        mean = (total >> 10) * reciprocal + ((total & 1023) * reciprocal >> 10)
        means += [mean] * length
        mask |= mean ^ (mean >> 31)
    _fits(totals, "segment")
    return _fits(means, "mean"), mask


def _descend(words: list) -> None:
    """Take conjugate directions until the residual is small, or nothing is gained; then move.

    Gains come from the direction as it is, so no rounding of it can mislead them.
    """
    mask = words[k.REFINE_MASK]
    residual, exponent = _normalised(_array(words, k.REFINE_RESIDUAL), mask, SCALE_BITS)
    direction = curvature = step = [0] * len(residual)
    along = 0
    for _ in range(words[k.REFINE_DIRECTIONS_MAX]):
        direction = _conjugate(_ahead(words, residual), direction, curvature, along)
        curvature, scale = _curvature(words, direction)
        along = _product(direction, curvature)
        slope = _product(residual, direction)
        if along <= 0 or slope <= 0:
            break
        gain, shift = ratio(slope, along)
        step_shift = shift + scale - STEP_BITS
        if not (1 <= shift <= 31 and 1 <= step_shift <= 31):
            break
        pulled = _rounded([gain * c for c in curvature], shift, "pulled")
        residual = _clamped([r - p for r, p in zip(residual, pulled)], 1 << SCALE_BITS)
        gained = _rounded([gain * d for d in direction], step_shift, "gained")
        step = _fits([s + g for s, g in zip(step, gained)], "step")
        if _product(residual, residual) < words[k.REFINE_STOP]:
            break
    _move(words, step, exponent - STEP_BITS)


def _ahead(words: list, residual: list) -> list:
    """Return the inverse Hessian times the residual, free segments only, scaled."""
    ahead = [sum(map(mul, row, residual)) for row in _rows(words)[1]]
    ahead, mask = _project(words, _rounded(ahead, AHEAD_SHIFT, "ahead"))
    _write(words, k.REFINE_HIGH, ahead)
    return _normalised(ahead, mask, DIRECTION_BITS)[0]


def _conjugate(ahead: list, direction: list, curvature: list, along: int) -> list:
    """Return `ahead` made conjugate to the last direction, scaled; itself where there is none."""
    gain, shift = 0, 1
    back = _product(ahead, curvature)
    if back:
        gain, shift = ratio(abs(back), along)
        if not 1 <= shift <= 31:
            gain, shift = 0, 1
        elif back > 0:
            gain = -gain
    turned = _rounded([gain * d for d in direction], shift, "turned")
    turned = [a + t for a, t in zip(ahead, turned)]
    mask = 0
    for value in turned:
        mask |= value ^ (value >> 31)
    return _normalised(turned, mask, DIRECTION_BITS)[0]


def _curvature(words: list, direction: list) -> tuple:
    """Return half the Hessian times `direction`, free segments only, scaled; and its exponent."""
    shift = words[k.REFINE_RESPONSE_SHIFT]
    spare = words[k.REFINE_SPARE_SHIFT]
    outputs = _respond(words, direction, shift)
    weights = _array(words, k.REFINE_WEIGHTS)
    weight_shift = words[k.REFINE_WEIGHT_SHIFT] + spare
    errors = _rounded(list(map(mul, weights, outputs)), weight_shift, "weighted")
    pulls = _respond(words, errors[::-1], shift - spare)[::-1]
    gain, gain_shift = words[k.REFINE_CHANGE_GAIN], words[k.REFINE_CHANGE_SHIFT]
    bends = _rounded([gain * bend for bend in _bends(direction, 0)], gain_shift, "bend")
    pulls = _fits([p + b for p, b in zip(pulls, bends)], "pull")
    curvature, mask = _project(words, pulls)
    _write(words, k.REFINE_CURVATURE, curvature)
    return _normalised(curvature, mask, DIRECTION_BITS)


def _move(words: list, step: list, exponent: int) -> None:
    """Move against the step, back in the moves' format."""
    if exponent > 0:
        step = _clamped(step, 1 << (STEP_MAX_BITS - exponent))
        step = [value << exponent for value in step]
    else:
        step = _clamped(_rounded(step, -exponent, "moved"), 1 << STEP_MAX_BITS)
    moves = [move - by for move, by in zip(_array(words, k.REFINE_MOVES), step)]
    _write(words, k.REFINE_MOVES, _clamped(moves, MOVE_MAX))


def _errors(words: list) -> None:
    """Take the outputs of the moves, and their weighted errors in two parts, last one first."""
    shift, weight_shift = words[k.REFINE_RESPONSE_SHIFT], words[k.REFINE_WEIGHT_SHIFT]
    moves = _array(words, k.REFINE_MOVES)
    high = _respond(words, [move >> k.FINE_BITS for move in moves], shift - k.FINE_BITS)
    low = _respond(words, [move & ((1 << k.FINE_BITS) - 1) for move in moves], shift)
    outputs = _fits([a + b for a, b in zip(high, low)], "output")
    _write(words, k.REFINE_OUTPUTS, outputs)
    weights, offsets = _array(words, k.REFINE_WEIGHTS), _array(words, k.REFINE_OFFSETS)
    demand = _array(words, k.REFINE_DEMAND)
    errors = [output - (level << k.FINE_BITS) for output, level in zip(outputs, demand)]
    errors = _fits(list(map(mul, weights, errors)), "error")
    errors = [(error >> weight_shift) - offset for error, offset in zip(errors, offsets)]
    _fits(errors, "soft error").reverse()
    _write(words, k.REFINE_HIGH, [error >> LOW_BITS for error in errors])
    _write(words, k.REFINE_LOW, [error & ((1 << LOW_BITS) - 1) for error in errors])


def _gradient(words: list) -> list:
    """Take half the cost's gradient from the errors and the changes of the moves; return it."""
    shift = words[k.REFINE_RESPONSE_SHIFT]
    high = _respond(words, _array(words, k.REFINE_HIGH), shift - LOW_BITS)[::-1]
    low = _respond(words, _array(words, k.REFINE_LOW), shift)[::-1]
    gain, gain_shift = words[k.REFINE_CHANGE_GAIN], words[k.REFINE_CHANGE_SHIFT]
    fine = (1 << k.FINE_BITS) - 1
    bends = _bends(_array(words, k.REFINE_MOVES), words[k.REFINE_MOVE_BEFORE])
    steep = _fits([gain * (bend >> k.FINE_BITS) for bend in bends], "bend")
    flat = [gain * (bend & fine) >> gain_shift for bend in bends]
    gain_shift -= k.FINE_BITS
    gradient = [h + w + (s >> gain_shift) + f for h, w, s, f in zip(high, low, steep, flat)]
    gradient = _clamped(_fits(gradient, "gradient"), GRADIENT_MAX)
    _write(words, k.REFINE_GRADIENT, gradient)
    return gradient
