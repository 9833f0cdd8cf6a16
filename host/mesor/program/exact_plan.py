# SPDX-License-Identifier: MIT
"""The pump's whole solve in its own integers, for many QPs at once: finish, iterate, finish.

pump.core.solver.Solver over arrays; a test holds the two together bit by bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mesor.program.exact import (
    ExactSolver,
    Integers,
    Iterate,
    Outcome,
    Posed,
    section_scalar,
)
from mesor.program.exact_finish import ExactFinish, Flags, Guess
from pump.spec import program as layout


@dataclass(slots=True)
class Pumps:
    """What S solvers keep from tick to tick."""

    guess: Guess
    finished: Flags  # (S,) whether the guess and its plan are the last answer


class ExactPlan:
    """Plans of one model of a program's words, S at a time."""

    def __init__(self, words: Integers, model: int = 0) -> None:
        self._solver, self._finish = ExactSolver(words, model), ExactFinish(words, model)
        self._burst = section_scalar(words, model, layout.IN_BURST)
        self._cap = int(words[layout.AT_ITERATIONS_MAX])

    def fresh(self, count: int) -> Pumps:
        """Return `count` solvers that have solved nothing yet."""
        nothing = np.zeros(count, dtype=bool)
        return Pumps(self._finish.nothing(count), nothing)

    def solve(self, pumps: Pumps, demand: Integers, move_before: Integers) -> Outcome:
        """Solve one tick of every pump for demand (S, N) and move_before (S,), both Q14."""
        count = len(demand)
        pumps.guess = self._finish.shifted(pumps.guess)
        iterations, guesses = np.zeros((2, count), dtype=np.int64)
        solved = np.zeros(count, dtype=bool)
        warm = np.flatnonzero(pumps.finished)
        solved[warm], guesses[warm] = self._try(pumps.guess, warm, demand, move_before)
        open_ = np.flatnonzero(~solved)
        state = self._solver.start(count)
        posed = self._solver.posed(demand, move_before)
        while len(open_):
            burst = min(self._burst, self._cap - int(iterations[open_[0]]))
            settled = self._burst_of(pumps.guess, state, posed, open_, burst)
            iterations[open_] += burst
            finished, tries = self._try(pumps.guess, open_, demand, move_before)
            guesses[open_] += tries
            self._read(pumps.guess, state, posed, open_[settled & ~finished])
            solved[open_] = finished | settled
            open_ = open_[~solved[open_] & (iterations[open_] < self._cap)]
        pumps.finished = solved
        plan = self._finish.feasible(pumps.guess, move_before)
        return Outcome(plan, iterations, guesses, solved)

    def _burst_of(
        self, guess: Guess, state: Iterate, posed: Posed, index: Integers, count: int
    ) -> Flags:
        """Iterate the problems at `index`, read the guess, and return which have settled."""
        part = state.at(index)
        self._solver.iterate(part, posed.at(index), count)
        state.put(index, part)
        return self._read(guess, state, posed, index)

    def _read(self, guess: Guess, state: Iterate, posed: Posed, index: Integers) -> Flags:
        """Read the guess of the problems at `index`; return which have settled."""
        rows = self._solver.read(state.at(index), posed.at(index))
        guess.put(index, self._finish.read(rows))
        return rows.settled

    def _try(
        self, guess: Guess, index: Integers, demand: Integers, move_before: Integers
    ) -> tuple[Flags, Integers]:
        """Try to finish the problems at `index`; return which of them are, after how many sets."""
        part = guess.at(index)
        accepted, tries = self._finish.search(part, demand[index], move_before[index])
        guess.put(index, part)
        return accepted, tries
