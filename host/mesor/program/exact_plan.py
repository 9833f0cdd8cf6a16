# SPDX-License-Identifier: MIT
"""The pump's whole solve in its own integers, for many QPs at once: finish, iterate, finish.

pump.core.solver.Solver over arrays; a test holds the two together bit by bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mesor.program.exact import ExactSolver, Integers, Outcome, Warm
from mesor.program.exact_finish import ExactFinish, Flags, Guess
from pump.spec import program as layout


@dataclass(slots=True)
class Pumps:
    """What S solvers keep from tick to tick."""

    rows: Warm
    guess: Guess
    finished: Flags  # (S,) whether the guess and its plan are the last answer


class ExactPlan:
    """Plans of one program's words, S at a time."""

    def __init__(self, words: Integers) -> None:
        self._solver, self._finish = ExactSolver(words), ExactFinish(words)
        self._burst = int(words[layout.AT_BURST])
        self._cap = int(words[layout.AT_ITERATIONS_MAX])

    def fresh(self, count: int) -> Pumps:
        """Return `count` solvers that have solved nothing yet."""
        nothing = np.zeros(count, dtype=bool)
        return Pumps(self._solver.cold(count), self._finish.nothing(count), nothing)

    def solve(self, pumps: Pumps, demand: Integers, move_before: Integers) -> Outcome:
        """Solve one tick of every pump for demand (S, N) and move_before (S,), both Q14."""
        count, n = demand.shape
        pumps.guess = self._finish.shifted(pumps.guess)
        iterations, guesses = np.zeros((2, count), dtype=np.int64)
        solved = np.zeros(count, dtype=bool)
        warm = np.flatnonzero(pumps.finished)
        solved[warm], guesses[warm] = self._try(pumps.guess, warm, demand, move_before)
        open_ = np.flatnonzero(~solved)
        pumps.finished[open_] = False
        pumps.rows.put(open_, self._solver.shifted(pumps.rows.at(open_)))
        while len(open_):
            part = pumps.rows.at(open_)
            posed = self._solver.posed(demand[open_], move_before[open_])
            burst = np.minimum(self._burst, self._cap - iterations[open_])
            made, settled = self._solver.iterate(part, posed, int(burst[0]))
            pumps.rows.put(open_, part)
            iterations[open_] += made
            pumps.guess.put(open_, self._finish.read(part.z, part.w))
            finished, tries = self._try(pumps.guess, open_, demand, move_before)
            guesses[open_] += tries
            pumps.finished[open_] = finished
            solved[open_] = finished | settled
            open_ = open_[~solved[open_] & (iterations[open_] < self._cap)]
        plan = self._finish.feasible(pumps.guess, move_before)
        iterated = pumps.rows.z[:, n : 2 * n]
        moves = np.where(pumps.finished[:, None], plan, iterated)
        return Outcome(moves, iterations, guesses, solved, pumps.rows)

    def _try(
        self, guess: Guess, index: Integers, demand: Integers, move_before: Integers
    ) -> tuple[Flags, Integers]:
        """Try to finish the problems at `index`; return which of them are, after how many sets."""
        part = guess.at(index)
        accepted, tries = self._finish.search(part, demand[index], move_before[index])
        guess.put(index, part)
        return accepted, tries
