# SPDX-License-Identifier: MIT
"""Interval proof that no integer of the pump overflows, from the program's own words.

Holds for every reading that passes sense, every estimator state inside its clamp
and every warm start: each signal's bound is derived from the bounds of those it
is computed from, in exact Python integers.  Sums may wrap on the way; that the
final sum fits is what makes the wrap harmless.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mesor.program.bounds import INT32, SMALL_INT, Bound
from mesor.program.exact import ExactSolver, Integers, section_scalar
from mesor.program.finish_proof import prove_finish
from pump.core import fall, weights
from pump.core.estimator import COARSE_BITS
from pump.spec import program as layout

_SMALL = ("asked", "before")  # formed in plain Python


@dataclass(frozen=True, slots=True)
class _Span:
    """Interval of a row of signals: low, high (n,) int64."""

    low: Integers
    high: Integers

    @property
    def magnitude(self) -> Integers:
        """Return the largest magnitude of each signal."""
        result: Integers = np.maximum(np.abs(self.low), np.abs(self.high))
        return result


def prove(words: Integers, model: int = 0) -> list[Bound]:
    """Return a bound for every intermediate of a tick that plans with that model.

    The caller looks whether all hold.
    """
    spans = _solver_spans(words, model)
    return [
        *_prove_plain(words),
        *_prove_estimator(words, model, spans["outputs"]),
        *_prove_rhythm(words, model),
        *_prove_fall(words, model),
        *_prove_solver(spans),
        *prove_finish(words, model),
    ]


def _prove_plain(words: Integers) -> list[Bound]:
    """Bound the products that the tick forms as MicroPython small ints."""
    one = 1 << int(words[layout.AT_DATA_BITS])
    reading = int(words[layout.AT_CONC_MAX]) * int(words[layout.AT_CONC_GAIN])
    wanted = (one + 1) * int(words[layout.AT_STEPS_FULL])
    delivered = int(words[layout.AT_STEPS_TICK_MAX]) * int(words[layout.AT_STEP_GAIN])
    day = int(words[layout.AT_STEPS_TICK_MAX]) * int(words[layout.AT_TICKS_DAY])
    return [
        Bound("sense.reading", reading, SMALL_INT),
        Bound("limiter.wanted", wanted, SMALL_INT),
        Bound("estimator.delivered", delivered, SMALL_INT),
        Bound("limiter.day", day, SMALL_INT),
    ]


def _tables(words: Integers, model: int) -> tuple[Integers, Integers, Integers]:
    """Return model (n, n + 1), gains (K, n) and free (N, n)."""
    states, horizon = int(words[layout.AT_STATES]), int(words[layout.AT_HORIZON])
    offsets = layout.table_offsets(words, model)
    return (
        words[offsets[0] : offsets[1]].reshape(states, states + 1),
        words[offsets[1] : offsets[2]].reshape(-1, states),
        words[offsets[2] : offsets[3]].reshape(horizon, states),
    )


def _product(table: Integers, magnitudes: list[int], shift: int) -> int:
    """Return the bound of (table @ x + half) >> shift for |x_j| <= magnitudes_j."""
    worst: int = max(np.abs(table).astype(object) @ np.array(magnitudes, dtype=object))
    return ((worst + (1 << (shift - 1))) >> shift) + 1


def _prove_estimator(words: Integers, model: int, outputs: int) -> list[Bound]:
    """Bound prediction, innovation, correction and free response.

    outputs: proved magnitude of what a plan adds to the free response.
    """
    transition, gains, free = _tables(words, model)
    states = int(words[layout.AT_STATES])
    state_max = int(words[layout.AT_STATE_MAX])
    reading = int(words[layout.AT_CONC_MAX]) * int(words[layout.AT_CONC_GAIN])
    level = reading >> int(words[layout.AT_CONC_SHIFT])
    # Of what was delivered, and of the equivalent rate of a clearance that follows the clock.
    move = (1 + int(words[layout.AT_RHYTHM])) << int(words[layout.AT_ESTIMATE_BITS])
    predicted = _product(
        transition, [state_max] * states + [move], int(words[layout.AT_MODEL_SHIFT])
    )
    innovation = level + state_max
    correction = _product(gains.reshape(-1, 1), [innovation], int(words[layout.AT_GAIN_SHIFT]))
    rest = _product(free, [state_max] * states, int(words[layout.AT_FREE_SHIFT]))
    rest += _bent(words, model)
    planned = rest + outputs
    return [
        Bound("estimator.predicted", predicted, SMALL_INT),
        Bound("estimator.innovation", innovation, SMALL_INT),
        Bound("estimator.corrected", state_max + correction, SMALL_INT),
        Bound("planner.free", rest, SMALL_INT),
        Bound("planner.demand", rest + int(words[layout.AT_TARGET_HIGH]), SMALL_INT),
        Bound("planner.planned", planned, SMALL_INT),
        *_prove_bank(words, model, rest, innovation),
    ]


def _prove_bank(words: Integers, model: int, rest: int, innovation: int) -> list[Bound]:
    """Bound what models are judged and weighed by, where there are several."""
    if int(words[layout.AT_MODELS]) == 1:
        return []
    most = section_scalar(words, model, layout.IN_SURPRISE_MAX)
    product = most * section_scalar(words, model, layout.IN_SURPRISE_GAIN)
    surprise = (product >> section_scalar(words, model, layout.IN_SURPRISE_SHIFT)) + 1
    # What is forgotten of the lowest score is as much as the worst reading takes.
    score = ((surprise**2 + 1) << int(words[layout.AT_FORGET_SHIFT])) - section_scalar(
        words, model, layout.IN_PRIOR
    )
    return [
        Bound("bank.surprise", product, INT32),
        Bound("bank.score", score, SMALL_INT),
        Bound("bank.innovation", ((innovation >> COARSE_BITS) + 2) << weights.BITS, INT32),
        Bound("bank.blended", (rest << weights.BITS) + (1 << weights.BITS), INT32),
    ]


def _response_sum(words: Integers, model: int) -> int:
    """Return the bound of what equivalent rates, the full rate at most, make of an output."""
    shift = int(words[layout.section_at(words, model) + layout.IN_RESPONSE_SHIFT])
    one = 1 << int(words[layout.AT_DATA_BITS])
    response = np.abs(ExactSolver(words, model).response).astype(np.int64).sum(axis=1)
    return int(response.max()) * one + (1 << (shift - 1))


def _bent(words: Integers, model: int) -> int:
    """Return by how much at most a rhythm changes the free response."""
    if not words[layout.AT_RHYTHM]:
        return 0
    shift = int(words[layout.section_at(words, model) + layout.IN_RESPONSE_SHIFT])
    return (_response_sum(words, model) >> shift) + 1


def _prove_rhythm(words: Integers, model: int) -> list[Bound]:
    """Bound what follows the clock; nothing where nothing does."""
    if not words[layout.AT_RHYTHM]:
        return []
    one = 1 << int(words[layout.AT_DATA_BITS])
    knots = words[layout.CLEARANCE_KNOTS :][: layout.RHYTHM_WORDS].reshape(2, -1)
    target_most = int(words[layout.AT_TARGET]) * int(np.abs(knots[1]).max())
    gain = int(words[layout.section_at(words, model) + layout.IN_CLEARANCE_GAIN])
    return [
        Bound("rhythm.between", int(np.abs(np.diff(knots)).max()) * one, INT32),
        Bound("rhythm.target", target_most, INT32),
        Bound("rhythm.steady", layout.RHYTHM_LEVEL_MAX * gain, INT32),
        Bound("rhythm.rate", int(np.abs(knots[0]).max()) * 2 * one + one, INT32),
        Bound("rhythm.response_sum", _response_sum(words, model), INT32),
    ]


def _prove_fall(words: Integers, model: int) -> list[Bound]:
    """Bound the states that are foreseen by powers of the model."""
    states, words_list = int(words[layout.AT_STATES]), words.tolist()
    most = [fall.LEVEL_MAX] * (states - 1) + [fall.RATE_MAX]
    bounds, power = [], fall.power_of(words_list, model, states)
    for _ in range(fall.leaps(words_list)):
        table = np.array(power, dtype=np.int64).reshape(states, states)
        bounds.append(Bound("fall.foreseen", _product(table, most, fall.POWER_BITS), INT32))
        power = fall.squared(power, states)
    return bounds


def _prove_solver(spans: dict[str, int]) -> list[Bound]:
    """Bound every signal of the ADMM iteration."""
    return [
        Bound(f"solver.{signal}", magnitude, SMALL_INT if signal in _SMALL else INT32)
        for signal, magnitude in spans.items()
    ]


def _solver_spans(words: Integers, model: int) -> dict[str, int]:
    """Return the proved magnitude of each signal of the iteration.

    Moves are bounded through both tables at once, since what the outputs pull on them all
    is less than the sum of what each can.
    """
    solver = ExactSolver(words, model)
    n, one, caps = solver.horizon, solver.one, solver.caps
    demand, move_max = int(words[layout.AT_DEMAND_MAX]), int(words[layout.AT_MOVE_MAX])
    change = int(words[layout.AT_CHANGE_MAX])
    asked_sum = demand * section_scalar(words, model, layout.IN_ASKED_GAIN)
    before_sum = one * section_scalar(words, model, layout.IN_BEFORE_GAIN)
    asked_shift, before_shift = (
        section_scalar(words, model, place)
        for place in (layout.IN_ASKED_SHIFT, layout.IN_BEFORE_SHIFT)
    )
    asked = (asked_sum >> asked_shift) + 1
    before = (before_sum >> before_shift) + 1
    changes = _hard_pull(-change, change, caps[:n])
    moves = _hard_pull(0, one, caps[n : 2 * n])
    band_low, band_high = int(words[layout.AT_BAND_LOW]), int(words[layout.AT_BAND_HIGH])
    outputs = _soft_pull(-demand + band_low, demand + band_high, caps[2 * n :], asked)
    pulls = _Span(
        changes.low - np.append(changes.high[1:], 0) + moves.low,
        changes.high - np.append(changes.low[1:], 0) + moves.high,
    )
    pulls.high[0] += before
    factor, pulled = solver.factor.astype(np.int64), solver.pulled.astype(np.int64)
    pull_shift = section_scalar(words, model, layout.IN_PULL_SHIFT)
    pulled_sum = max(_span_product(pulled, outputs)) + (1 << (pull_shift - 1))
    moves_sum = [
        by_pulls + (by_outputs >> pull_shift) + int(rounding) + 2
        for by_pulls, by_outputs, rounding in zip(
            _span_product(factor, pulls),
            _span_product(factor @ pulled, outputs),
            np.abs(factor).sum(axis=1),
            strict=True,
        )
    ]
    response = np.abs(solver.response).astype(np.int64).sum(axis=1) * move_max
    response_shift = section_scalar(words, model, layout.IN_RESPONSE_SHIFT)
    response_sum = int(response.max()) + (1 << (response_shift - 1))
    tilde = max(2 * move_max + one, (response_sum >> response_shift) + 1)
    bound_max = max(change + one, demand + max(-band_low, band_high))
    reach = bound_max + int(caps.max())
    return {
        "asked": asked_sum + (1 << (asked_shift - 1)),
        "before": before_sum + (1 << (before_shift - 1)),
        "pulled_sum": pulled_sum,
        "right": int(pulls.magnitude.max()) + (pulled_sum >> pull_shift) + 1,
        "moves": max(moves_sum)
        + (1 << (section_scalar(words, model, layout.IN_FACTOR_SHIFT) - 1)),
        "outputs_sum": response_sum,
        "outputs": (response_sum >> response_shift) + 1,
        "argument": 2 * tilde + 2 * reach,
        "pull": 3 * reach + asked,
    }


def _span_product(table: Integers, spans: _Span) -> list[int]:
    """Return the largest magnitude of each row of table @ x over the spans of x."""
    rises, falls = np.maximum(table, 0).astype(object), np.minimum(table, 0).astype(object)
    least, most = spans.low.astype(object), spans.high.astype(object)
    high = rises @ most + falls @ least
    low = rises @ least + falls @ most
    return [max(above, -below) for above, below in zip(high, low, strict=True)]


def _hard_pull(low: int, high: int, caps: Integers) -> _Span:
    """Bound 2 clip(a) - a for a in [low - cap, high + cap]."""
    return _Span(np.minimum(low, high - caps), np.maximum(high, low + caps))


def _soft_pull(low: int, high: int, caps: Integers, asked: int) -> _Span:
    """Bound 2 prox(a) - a for the soft rows, and what the demand adds; their bounds move with it.

    Beyond a bound by q, prox lies q >> shift beyond it, so the pull turns back by
    q - 2 (q >> shift), which is never negative and below q.
    """
    room = asked + 2
    return _Span(np.minimum(low, high - caps) - room, np.maximum(high, low + caps) + room)
