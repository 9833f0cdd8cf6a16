# SPDX-License-Identifier: MIT
"""The pump's QP in its own integers, for many states at once.

The same arithmetic as pump.core (a test holds the two together bit by bit), on
float64 matrices: every product and sum of the kernels is an integer far below
2**53, so BLAS gives it exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pump.spec import program as layout

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(slots=True)
class Iterate:
    """State of the iterations of S problems: what rows carry (S, 3N), moves and outputs (S, N).

    Rows come as N changes, N moves, N outputs.
    """

    carries: Integers
    moves: Integers
    outputs: Integers

    def at(self, index: Integers) -> Iterate:
        """Return a copy of the problems at `index`."""
        return Iterate(self.carries[index], self.moves[index], self.outputs[index])

    def put(self, index: Integers, part: Iterate) -> None:
        """Write the problems at `index`."""
        self.carries[index], self.moves[index] = part.carries, part.moves
        self.outputs[index] = part.outputs


@dataclass(frozen=True, slots=True)
class Posed:
    """What S problems ask: the move before, bounds of the rows, and constant pulls (Q14)."""

    move_before: Integers  # (S,)
    low: Integers  # (S, 3N)
    high: Integers  # (S, 3N)
    asked: Integers  # (S, N) added to the outputs' pulls
    before: Integers  # (S,) added to the first move's

    def at(self, index: Integers) -> Posed:
        """Return the problems at `index`."""
        return Posed(
            self.move_before[index],
            self.low[index],
            self.high[index],
            self.asked[index],
            self.before[index],
        )


@dataclass(frozen=True, slots=True)
class Rows:
    """What the iterations say of S problems: z, w (S, 3N), and whether they have settled (S,)."""

    z: Integers
    w: Integers
    settled: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Plans of S problems, what they took, and whether they are answers."""

    moves: Integers  # (S, N) Q14
    iterations: Integers
    guesses: Integers  # active sets that were looked at
    solved: npt.NDArray[np.bool_]


def section_scalar(words: Integers, model: int, place: int) -> int:
    """Return the scalar at that place of a model's section (layout.IN_*)."""
    return int(words[layout.section_at(words, model) + place])


class ExactSolver:
    """Iterates on the QPs of one model of a program's words, for any number of demands."""

    def __init__(self, words: Integers, model: int = 0) -> None:
        self._words, self._model = words, model
        n = self.horizon = int(words[layout.AT_HORIZON])
        offsets = layout.table_offsets(words, model)
        self.one = 1 << int(words[layout.AT_DATA_BITS])
        pulled = unblocked(words[offsets[3] : offsets[4]][::-1], n)[::-1, ::-1]
        self.pulled = pulled.astype(np.float64)
        self.factor = unblocked(words[offsets[4] : offsets[5]], n, n).astype(np.float64)
        self.response = unblocked(words[offsets[5] : offsets[6]], n).astype(np.float64)
        self.caps = by_group(words[offsets[6] : offsets[7]])
        self.inverse = unblocked(words[offsets[7] : offsets[8]], n, n).astype(np.float64)

    def _scalar(self, place: int) -> int:
        """Return a scalar of the model's section."""
        return section_scalar(self._words, self._model, place)

    def start(self, count: int) -> Iterate:
        """Return what the iterations of every solve start from."""
        n = self.horizon
        nothing = np.zeros((count, n), dtype=np.int64)
        return Iterate(np.zeros((count, 3 * n), dtype=np.int64), nothing, nothing.copy())

    def posed(self, demand: Integers, move_before: Integers) -> Posed:
        """Return what demand (S, N) and move_before (S,), both Q14, ask of the iterations."""
        words, n = self._words, self.horizon
        change = int(words[layout.AT_CHANGE_MAX])
        low = np.zeros((len(demand), 3 * n), dtype=np.int64)
        high = np.zeros_like(low)
        low[:, :n], high[:, :n] = -change, change
        high[:, n : 2 * n] = self.one
        low[:, 2 * n :] = demand + int(words[layout.AT_BAND_LOW])
        high[:, 2 * n :] = demand + int(words[layout.AT_BAND_HIGH])
        asked = shifted(
            demand * self._scalar(layout.IN_ASKED_GAIN), self._scalar(layout.IN_ASKED_SHIFT)
        )
        before = shifted(
            move_before * self._scalar(layout.IN_BEFORE_GAIN), self._scalar(layout.IN_BEFORE_SHIFT)
        )
        return Posed(move_before, low, high, asked, before)

    def solve(self, demand: Integers, move_before: Integers) -> tuple[Outcome, Rows]:
        """Solve by iterations alone; return the answers, and the rows in the end."""
        posed, state = self.posed(demand, move_before), self.start(len(demand))
        cap = int(self._words[layout.AT_ITERATIONS_MAX])
        iterations = np.full(len(demand), cap)
        active = np.arange(len(demand))
        for iteration in range(1, cap + 1):
            part, asked = state.at(active), posed.at(active)
            self.iterate(part, asked, 1)
            state.put(active, part)
            settled = self.read(part, asked).settled
            iterations[active[settled]] = iteration
            active = active[~settled]
            if not len(active):
                break
        rows, n = self.read(state, posed), self.horizon
        none = np.zeros_like(iterations)
        return Outcome(rows.z[:, n : 2 * n], iterations, none, rows.settled), rows

    def iterate(self, state: Iterate, posed: Posed, count: int) -> None:
        """Iterate `state` in place."""
        words, n = self._words, self.horizon
        most = int(words[layout.AT_MOVE_MAX])
        for _ in range(count):
            z, w = self._project(state, posed, self.caps)
            pull, state.carries = z - w, (z >> 1) - w
            later = np.column_stack([pull[:, 1:n], np.zeros(len(pull), dtype=np.int64)])
            right = pull[:, :n] - later + pull[:, n : 2 * n]
            right[:, 0] += posed.before
            outputs_pull = (pull[:, 2 * n :] + posed.asked) @ self.pulled.T
            right = right + _rounded(outputs_pull, self._scalar(layout.IN_PULL_SHIFT))
            moves = _rounded(right @ self.factor.T, self._scalar(layout.IN_FACTOR_SHIFT))
            state.moves = np.clip(moves, -most, most).astype(np.int64)
            outputs = state.moves @ self.response.T
            shift = self._scalar(layout.IN_RESPONSE_SHIFT)
            state.outputs = _rounded(outputs, shift).astype(np.int64)

    def read(self, state: Iterate, posed: Posed) -> Rows:
        """Return the rows that the next iteration would begin with, uncapped."""
        z, w = self._project(state, posed, np.int64(1 << 40))
        change = magnitude((z >> 1) - w - state.carries)
        bits = int(self._words[layout.AT_SETTLED_BITS])
        return Rows(z, w, ~(change >> bits != 0).any(axis=1))

    def _project(
        self, state: Iterate, posed: Posed, caps: Integers | np.int64
    ) -> tuple[Integers, Integers]:
        """Return z and w (S, 3N) of the rows' next projection."""
        moves, n = state.moves, self.horizon
        changes = np.diff(moves, axis=1, prepend=posed.move_before[:, None])
        tilde = np.column_stack([changes, moves, state.outputs])
        argument = tilde + (tilde >> 1) - state.carries
        argument = np.clip(argument, posed.low - caps, posed.high + caps)
        z = np.clip(argument, posed.low, posed.high)
        soft = argument[:, 2 * n :] - z[:, 2 * n :]
        z[:, 2 * n :] += soft >> int(self._words[layout.AT_SOFT_SHIFT])
        return z, argument - z


def by_group(rows: Integers) -> Integers:
    """Return what the iteration keeps tick by tick (fixed.by_tick) as changes, moves, outputs."""
    n = len(rows) // 3
    return np.concatenate([rows[0 : 2 * n : 2], rows[1 : 2 * n : 2], rows[2 * n :]])


def unblocked(words: Integers, n: int, columns: int = 0) -> Integers:
    """Return the table that fixed.blocked put into blocks: (N, columns), or a triangle."""
    table = np.zeros((n, columns or n), dtype=np.int64)
    at = 0
    for start in range(0, n, 4):
        width = columns or start + 4
        table[start : start + 4, :width] = words[at : at + 4 * width].reshape(width, 4).T
        at += 4 * width
    return table


def magnitude(values: Integers) -> Integers:
    """Return values below 2**b exactly when -2**b <= value < 2**b."""
    return values ^ (values >> 63)


def shifted(values: Integers, shift: int) -> Integers:
    """Return (values + half) >> shift."""
    result: Integers = (values + (1 << shift >> 1)) >> shift
    return result


def _rounded(total: Floats, shift: int) -> Floats:
    """Return (total + half) >> shift of integer-valued floats, as floats."""
    result: Floats = np.floor((total + 2.0 ** (shift - 1)) / 2.0**shift)
    return result
