# SPDX-License-Identifier: MIT
"""The exact finish of pump.core in its own integers, for many QPs at once.

The same arithmetic, line for line, as active_set_twin.py and refine_twin.py (a test
holds them together bit by bit); products go through float64 BLAS, which gives these
integers exactly.  So a certificate can speak of a hundred thousand states.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mesor.program.exact import (
    ExactSolver,
    Floats,
    Integers,
    Rows,
    magnitude,
    section_scalar,
)
from pump.core import finish as device
from pump.core import refine_twin as kernel
from pump.core.blocks import FINE_BITS
from pump.spec import program as layout

Flags = npt.NDArray[np.bool_]


@dataclass(slots=True)
class Guess:
    """Active sets (S, 3N) and the plans on them (S, N), with FINE_BITS more than data."""

    sets: Integers
    moves: Integers

    def at(self, index: Integers) -> Guess:
        """Return a copy of the problems at `index`."""
        return Guess(self.sets[index], self.moves[index])

    def put(self, index: Integers, part: Guess) -> None:
        """Write the problems at `index`."""
        self.sets[index], self.moves[index] = part.sets, part.moves


@dataclass(frozen=True, slots=True)
class Segments:
    """For every move (S, N): begin and end of its segment, and whether that is fixed."""

    begin: Integers
    end: Integers
    fixed: Flags

    def at(self, index: Integers) -> Segments:
        """Return the segments of the problems at `index`."""
        return Segments(self.begin[index], self.end[index], self.fixed[index])

    def sums(self, values: Integers) -> Integers:
        """Return the sum of `values` over each move's segment."""
        total = _running(values)
        return _take(total, self.end) - _take(total, self.begin)

    def means(self, values: Integers) -> Integers:
        """Return the mean over each free segment, 0 over a fixed one, as the pump divides."""
        total = self.sums(values)
        reciprocal = np.where(self.fixed, 0, 1024 // (self.end - self.begin))
        mean: Integers = (total >> 10) * reciprocal + ((total & 1023) * reciprocal >> 10)
        return mean


class ExactFinish:
    """Searches the active sets of many QPs of one model of a program."""

    def __init__(self, words: Integers, model: int = 0) -> None:
        solver = ExactSolver(words, model)
        self._n = solver.horizon
        self._words, self._model = words, model
        self._response, self._inverse = solver.response, solver.inverse
        self._change = int(words[layout.AT_CHANGE_MAX])
        self._one = solver.one

    def nothing(self, count: int) -> Guess:
        """Return the guess of a fresh solver."""
        n = self._n
        return Guess(np.zeros((count, 3 * n), np.int64), np.zeros((count, n), np.int64))

    def shifted(self, guess: Guess) -> Guess:
        """Return the guess one tick on."""
        n = self._n
        later = np.r_[1:n, n - 1]
        index = np.concatenate([later + group * n for group in range(3)])
        return Guess(guess.sets[:, index], guess.moves[:, later])

    def read(self, rows: Rows) -> Guess:
        """Return the guess that the iteration's rows make."""
        n = self._n
        return Guess(np.sign(rows.w), rows.z[:, n : 2 * n] << FINE_BITS)

    def search(
        self, guess: Guess, demand: Integers, move_before: Integers
    ) -> tuple[Flags, Integers]:
        """Mend `guess` in place until it holds; return whose plans are accepted, and tries."""
        accepted = np.zeros(len(demand), dtype=bool)
        tries = np.zeros(len(demand), dtype=np.int64)
        open_ = np.arange(len(demand))
        limit = 1 << self.own(layout.IN_STATIONARY_BITS)
        for _ in range(self.own(layout.IN_GUESSES_MAX)):
            part = guess.at(open_)
            attempt = _Attempt(self, part, demand[open_], move_before[open_])
            mended, mask = attempt.settle()
            guess.put(open_, part)
            tries[open_] += 1
            accepted[open_] = ~mended & (mask < limit)
            open_ = open_[mended]
            if not len(open_):
                break
        return accepted, tries

    def feasible(self, guess: Guess, move_before: Integers) -> Integers:
        """Return the plans (S, N) in Q14, inside their bounds exactly."""
        plan = _rounded(guess.moves, FINE_BITS)
        last = move_before
        for i in range(self._n):
            near = np.clip(plan[:, i], last - self._change, last + self._change)
            plan[:, i] = last = np.clip(near, 0, self._one)
        return plan

    def word(self, at: int) -> int:
        """Return a scalar of the program."""
        return int(self._words[at])

    def own(self, place: int) -> int:
        """Return a scalar of the model's section."""
        return section_scalar(self._words, self._model, place)

    def respond(self, values: Integers, shift: Integers | int) -> Integers:
        """Return (response @ values + half) >> shift."""
        return _rounded((values @ self._response.T).astype(np.int64), shift)

    def ahead(self, residual: Integers) -> Integers:
        """Return the inverse Hessian times the residual."""
        return _rounded((residual @ self._inverse.T).astype(np.int64), kernel.AHEAD_SHIFT)


class _Attempt:
    """One guess of the active sets of S problems, tied."""

    def __init__(
        self, finish: ExactFinish, guess: Guess, demand: Integers, move_before: Integers
    ) -> None:
        self._finish = finish
        self._n = n = demand.shape[1]
        self._sets, self._moves = guess.sets, guess.moves
        self._demand = demand << FINE_BITS
        self._before = move_before << FINE_BITS
        self._change = finish.word(layout.AT_CHANGE_MAX) << FINE_BITS
        self._one = 1 << (finish.word(layout.AT_DATA_BITS) + FINE_BITS)
        self._segments = self._tie()
        self._counted = np.arange(n) < finish.word(layout.AT_OUTPUTS)
        side = self._sets[:, 2 * n :] * self._counted
        low, high = layout.IN_SOFT_OFFSET_LOW, layout.IN_SOFT_OFFSET_HIGH
        soft, hard = finish.own(layout.IN_SOFT_WEIGHT), 1 << finish.own(layout.IN_WEIGHT_SHIFT)
        self._weights = np.where(side != 0, soft, hard) * self._counted
        self._offsets = np.where(
            side > 0, finish.own(high), np.where(side < 0, finish.own(low), 0)
        )
        spare, soft_spare = layout.IN_SPARE_SHIFT, layout.IN_SOFT_SPARE_SHIFT
        any_soft = side.any(axis=1, keepdims=True)
        self._spare = np.where(any_soft, finish.own(soft_spare), finish.own(spare))
        self._outputs, self._gradient, self._residual = np.zeros((3, *demand.shape), np.int64)

    def _tie(self) -> Segments:
        """Put the moves where the active rows hold; return the segments."""
        sets, moves, n = self._sets, self._moves, self._n
        count = len(moves)
        last, fixed = self._before, np.ones(count, dtype=bool)
        begin = np.zeros(count, dtype=np.int64)
        begins, ends = np.zeros((count, n), np.int64), np.zeros((count, n), dtype=bool)
        held = np.zeros((count, n), dtype=bool)  # written at a segment's last move
        columns = np.arange(n)
        for i in range(n):
            tied, bound = sets[:, i], sets[:, n + i]
            value = last + tied * self._change
            clash = (tied != 0) & (bound != 0) & fixed
            tighter = ((value < 0) & (bound < 0)) | ((value > self._one) & (bound > 0))
            tied[clash & tighter] = 0
            bound[clash & ~tighter] = 0
            opened = tied == 0
            moves[:, i] = np.where(opened, moves[:, i], value)
            if i:
                ends[opened, i - 1] = True
                held[:, i - 1] = fixed
            begin = np.where(opened, i, begin)
            fixed = fixed & ~opened
            begins[:, i] = begin
            target = np.where(bound > 0, self._one, 0)
            lift = np.where(bound != 0, target - moves[:, i], 0)
            moves += np.where((columns >= begin[:, None]) & (columns <= i), lift[:, None], 0)
            fixed = fixed | (bound != 0)
            last = moves[:, i]
        ends[:, -1], held[:, -1] = True, fixed
        end = _next(ends, n)
        return Segments(begins, end + 1, np.take_along_axis(held, end, axis=1))

    def settle(self) -> tuple[Flags, Integers]:
        """Descend and judge in turn; return which guesses were mended, and the masks (S,)."""
        finish = self._finish
        accepted = 1 << finish.own(layout.IN_STATIONARY_BITS)
        open_ = np.arange(len(self._moves))
        mask = self._refined(open_)
        mended = np.zeros(len(open_), dtype=bool)
        descents = np.full(len(open_), finish.word(layout.AT_DESCENTS_MAX))
        while len(open_):
            rough = open_[(mask[open_] >= accepted) & (descents[open_] > 0)]
            before = mask[rough]
            small = np.maximum(device.SCALED_MIN, (accepted << device.SCALED_BITS) // before)
            self._step(rough, before, self._n * small * small >> 1)
            mask[rough] = self._refined(rough)
            gained = mask[rough] <= before >> device.GAINED_BITS
            descents[rough] = np.where(gained, descents[rough] - 1, 0)
            mended[open_] = self._judge(open_, mask[open_])
            wanting = ~mended & (mask >= accepted) & (descents > 0)
            open_ = open_[wanting[open_]]
        return mended, mask

    def _refined(self, index: Integers) -> Integers:
        """Take outputs, gradient and residual anew at `index`; return the residual's mask."""
        finish, moves = self._finish, self._moves[index]
        shift = finish.own(layout.IN_RESPONSE_SHIFT)
        high = finish.respond(moves >> FINE_BITS, shift - FINE_BITS)
        outputs = high + finish.respond(moves & ((1 << FINE_BITS) - 1), shift)
        error = self._weights[index] * (outputs - self._demand[index])
        error = (error >> finish.own(layout.IN_WEIGHT_SHIFT)) - self._offsets[index]
        last_first = error[:, ::-1]
        pull = finish.respond(last_first >> kernel.LOW_BITS, shift - kernel.LOW_BITS)
        pull = pull + finish.respond(last_first & ((1 << kernel.LOW_BITS) - 1), shift)
        gain, bits = finish.word(layout.AT_CHANGE_GAIN), finish.word(layout.AT_CHANGE_SHIFT)
        bend = _bends(moves, self._before[index])
        bent = (gain * (bend >> FINE_BITS) >> (bits - FINE_BITS)) + (
            gain * (bend & ((1 << FINE_BITS) - 1)) >> bits
        )
        most = kernel.GRADIENT_MAX
        gradient = np.clip(pull[:, ::-1] + bent, -most, most)
        residual = self._segments.at(index).means(gradient)
        self._outputs[index], self._gradient[index] = outputs, gradient
        self._residual[index] = residual
        return _mask(residual)

    def _step(self, index: Integers, mask: Integers, stop: Integers) -> None:
        """Take conjugate directions of the problems at `index`, then move."""
        residual, exponent = _normalised(self._residual[index], mask, kernel.SCALE_BITS)
        step = np.zeros_like(residual)
        direction, curvature = step.copy(), step.copy()
        along = np.zeros(len(index), np.int64)
        open_ = np.arange(len(index))
        for _ in range(self._finish.word(layout.AT_DIRECTIONS_MAX)):
            at = index[open_]
            direction = self._conjugate(at, residual[open_], direction, curvature, along)
            curvature, scale = self._curvature(at, direction)
            along = _product(direction, curvature)
            slope = _product(residual[open_], direction)
            gain, shift = _ratio(slope, along)
            step_shift = shift + scale - kernel.STEP_BITS
            good = (along > 0) & (slope > 0) & (shift >= 1) & (shift <= 31)
            good &= (step_shift >= 1) & (step_shift <= 31)
            open_, direction, curvature = open_[good], direction[good], curvature[good]
            along, gain, shift, step_shift = along[good], gain[good], shift[good], step_shift[good]
            pulled = _rounded(gain[:, None] * curvature, shift[:, None])
            most = 1 << kernel.SCALE_BITS
            residual[open_] = np.clip(residual[open_] - pulled, -most, most)
            step[open_] += _rounded(gain[:, None] * direction, step_shift[:, None])
            rest = _product(residual[open_], residual[open_]) >= stop[open_]
            open_, direction, curvature = open_[rest], direction[rest], curvature[rest]
            along = along[rest]
            if not len(open_):
                break
        self._move(index, step, exponent - kernel.STEP_BITS)

    def _conjugate(
        self,
        index: Integers,
        residual: Integers,
        direction: Integers,
        curvature: Integers,
        along: Integers,
    ) -> Integers:
        """Return what lies ahead, made conjugate to the last direction, scaled."""
        ahead = self._segments.at(index).means(self._finish.ahead(residual))
        ahead, _ = _normalised(ahead, _mask(ahead), kernel.DIRECTION_BITS)
        back = _product(ahead, curvature)
        gain, shift = _ratio(np.abs(back), along)
        turns = (back != 0) & (along > 0) & (shift >= 1) & (shift <= 31)
        gain = np.where(turns, -np.sign(back) * gain, 0)
        shift = np.where(turns, shift, 1)
        turned = ahead + _rounded(gain[:, None] * direction, shift[:, None])
        return _normalised(turned, _mask(turned), kernel.DIRECTION_BITS)[0]

    def _curvature(self, index: Integers, direction: Integers) -> tuple[Integers, Integers]:
        """Return half the Hessian times `direction`, scaled, and its exponents (S,)."""
        finish = self._finish
        shift, spare = finish.own(layout.IN_RESPONSE_SHIFT), self._spare[index]
        outputs = finish.respond(direction, shift)
        errors = _rounded(
            self._weights[index] * outputs, finish.own(layout.IN_WEIGHT_SHIFT) + spare
        )
        pulls = finish.respond(errors[:, ::-1], shift - spare)[:, ::-1]
        bends = finish.word(layout.AT_CHANGE_GAIN) * _bends(direction, np.zeros(len(index)))
        bends = _rounded(bends.astype(np.int64), finish.word(layout.AT_CHANGE_SHIFT))
        means = self._segments.at(index).means(pulls + bends)
        return _normalised(means, _mask(means), kernel.DIRECTION_BITS)

    def _move(self, index: Integers, step: Integers, exponent: Integers) -> None:
        """Move against the step, back in the moves' format."""
        up, bits = exponent[:, None], kernel.STEP_MAX_BITS
        most = np.int64(1) << (bits - np.maximum(up, 0))
        large = np.clip(step, -most, most) << np.maximum(up, 0)
        small = np.clip(_rounded(step, np.maximum(-up, 0)), -(1 << bits), 1 << bits)
        moved = self._moves[index] - np.where(up > 0, large, small)
        self._moves[index] = np.clip(moved, -kernel.MOVE_MAX, kernel.MOVE_MAX)

    def _judge(self, index: Integers, mask: Integers) -> Flags:
        """Mend the guesses at `index` by multipliers and violated rows; return which changed."""
        finish, n, moves = self._finish, self._n, self._moves[index]
        widened = np.minimum(mask, device.RESIDUAL_MOST)[:, None]
        slack = device.SLACK_LEAST + 2 * widened
        changes = np.diff(moves, axis=1, prepend=self._before[index, None])
        value = np.hstack([changes, moves])
        low = np.repeat([-self._change, 0], n) - slack
        high = np.repeat([self._change, self._one], n) + slack
        rows = self._sets[index, : 2 * n]
        side = np.where(value > high, 1, np.where(value < low, -1, 0))
        kept = np.where(rows * self._multipliers(index) >= -slack, rows, 0)
        mended = np.where(rows != 0, kept, side)
        soft = self._sets[index, 2 * n :]
        error = self._outputs[index] - self._demand[index]
        slack = device.OUTPUT_SLACK_LEAST + widened
        above = (finish.word(layout.AT_BAND_HIGH) << FINE_BITS) + np.where(soft > 0, -slack, slack)
        below = (finish.word(layout.AT_BAND_LOW) << FINE_BITS) + np.where(soft < 0, slack, -slack)
        outside = np.where(error > above, 1, np.where(error < below, -1, 0))
        outside = np.where(self._counted, outside, soft)
        sets = np.hstack([mended, outside])
        changed: Flags = (sets != self._sets[index]).any(axis=1)
        self._sets[index] = sets
        return changed

    def _multipliers(self, index: Integers) -> Integers:
        """Return the multipliers (S, 2N) of changes and moves that make plans stationary."""
        n, segments, gradient = self._n, self._segments.at(index), self._gradient[index]
        sets = self._sets[index]
        total = _running(gradient)
        begin, end = _take(total, segments.begin), _take(total, segments.end)
        until = total[:, :-1]
        bound = _next(sets[:, n : 2 * n] != 0, n)
        tied_to_before = (segments.begin == 0) & (sets[:, :1] != 0)
        held = np.where(tied_to_before, -1, np.take_along_axis(bound, segments.begin, axis=1))
        held = np.where(segments.fixed, held, segments.end)
        columns = np.arange(n)
        changes = np.where(columns <= held, until - begin, until - end)
        bounds = np.where(columns == held, begin - end, 0)
        return np.hstack([changes, bounds])


def _take(values: Integers, index: Integers) -> Integers:
    """Return values[s, index[s, i]]."""
    return np.take_along_axis(values, index, axis=1)


def _running(values: Integers) -> Integers:
    """Return the sums (S, N + 1) of all values before each."""
    return np.cumsum(np.pad(values, ((0, 0), (1, 0))), axis=1)


def _next(flags: Flags, n: int) -> Integers:
    """Return for every column the first flagged one from there on, n - 1 where there is none."""
    places = np.where(flags, np.arange(n), n - 1)
    return np.minimum.accumulate(places[:, ::-1], axis=1)[:, ::-1]


def _bends(values: Integers, before: Integers | Floats) -> Integers:
    """Return D'D of the moves `values` (S, N) that follow `before` (S,)."""
    lead = np.column_stack([before, values[:, :-1]])
    after = np.column_stack([values[:, 1:], values[:, -1]])
    bends: Integers = (2 * values - lead - after).astype(np.int64)
    return bends


def _mask(values: Integers) -> Integers:
    """Return the or of the magnitudes of each row."""
    result: Integers = np.bitwise_or.reduce(magnitude(values), axis=1)
    return result


def _bit_length(values: Integers) -> Integers:
    """Return the bits of values from 0 to 2**53."""
    return np.frexp(values.astype(np.float64))[1].astype(np.int64)


def _rounded(values: Integers, shift: Integers | int) -> Integers:
    """Return values / 2**shift, halves up."""
    result: Integers = (values + (np.int64(1) << shift >> 1)) >> shift
    return result


def _normalised(values: Integers, mask: Integers, bits: int) -> tuple[Integers, Integers]:
    """Return rows of at most 2**bits, and their exponents (S,)."""
    exponent = np.where(mask > 0, _bit_length(mask) - bits, 0)
    down = np.maximum(exponent, 0)[:, None]
    return _rounded(values, down) << np.maximum(-exponent, 0)[:, None], exponent


def _product(left: Integers, right: Integers) -> Integers:
    """Return half the dot product of each row."""
    result: Integers = (left * right >> 1).sum(axis=1)
    return result


def _ratio(numerator: Integers, divisor: Integers) -> tuple[Integers, Integers]:
    """Return refine_twin.ratio of every pair; anything where one is not positive."""
    numerator, divisor = np.maximum(numerator, 1), np.maximum(divisor, 1)
    over, under = _bit_length(numerator), _bit_length(divisor)
    thirty = [
        (value << np.maximum(30 - bits, 0)) >> np.maximum(bits - 30, 0)
        for value, bits in ((numerator, over), (divisor, under))
    ]
    return (thirty[0] << 10) // thirty[1], 10 - over + under
