# SPDX-License-Identifier: MIT
"""The certificate of a program: proof of no overflow, error and iterations, and on what states.

Overflow is proved (mesor.program.proof).  Iterations are those of sampled states, cold
started, and of states searched for around the worst of them; errors are against OSQP
in float64 (Stellato et al., 2020) on the first of the sampled ones.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mesor.errors import ProgramError
from mesor.program.bounds import Bound
from mesor.program.design import Design
from mesor.program.exact import Integers
from mesor.program.formats import DATA_BITS
from mesor.program.problem import Problem
from mesor.program.proof import prove
from mesor.program.reference import ReferenceSolver
from mesor.program.tuning import pumps, warm_run
from mesor.program.worst_case import cold_answers
from pump.core.solver import Solver
from pump.core.workspace import Workspace
from pump.spec import program as layout

ONE = 1 << DATA_BITS
WARM_LOOPS = 40
WARM_TICKS = 60
COMPARED = 2_000  # cold states whose first move is held against float64 OSQP


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, 99 % and maximum of a measured quantity."""

    median: float
    percent_99: float
    maximum: float

    @classmethod
    def of(cls, values: npt.ArrayLike) -> Spread:
        """Return the spread of `values`."""
        median, high, most = np.quantile(np.asarray(values, dtype=float), [0.5, 0.99, 1.0])
        return cls(float(median), float(high), float(most))


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is known of a program; errors are of the first move, in full rates.

    Cold: the solver starts from zero; states that met the cap are left out of the
    error (the pump then keeps the plan of the tick before).  Warm: ticks of simulated
    closed loops.
    """

    bounds: tuple[Bound, ...]
    samples: int
    searched: int
    seed: int
    cold_iterations: Spread  # of the sampled and the searched states
    cold_guesses: Spread  # active sets
    cold_unsolved: int
    compared: int
    cold_error: Spread
    warm_ticks: int
    warm_error: Spread
    warm_iterations: Spread
    warm_guesses: Spread
    warm_unsolved: int
    program_bytes: int
    work_bytes: int

    @property
    def badness(self) -> tuple[float, ...]:
        """Return what certificates are compared by: unanswered states, then errors."""
        unsolved = self.warm_unsolved + self.cold_unsolved
        return unsolved, max(self.warm_error.maximum, self.cold_error.maximum)

    @property
    def weakest(self) -> Bound:
        """Return the bound with the fewest spare bits."""
        return min(self.bounds, key=lambda bound: bound.spare_bits)


def certify(
    problem: Problem, controller: Design, words: Integers, model: int, samples: int, seed: int
) -> Certificate:
    """Return one model's certificate; raise ProgramError naming a signal whose proof fails."""
    bounds = require_proof(words, model)
    cold = cold_answers(problem, controller, words, model, samples, seed)
    few = slice(0, min(samples, COMPARED))
    reference = ReferenceSolver(controller, words)
    expected = reference.first_moves(cold.posed.demand[few], cold.posed.move_before[few])
    cold_error = np.abs(cold.first_moves[few] / ONE - expected)[cold.solved[few]]
    loops = max(2, min(WARM_LOOPS, samples // WARM_TICKS))
    warm = warm_run(problem, controller, pumps(words, loops, model), loops, WARM_TICKS, seed)
    n = len(controller.response)
    flat_demand, flat_before = warm.demand.reshape(-1, n), warm.move_before.ravel()
    warm_error = warm.moves.ravel() / ONE - reference.first_moves(flat_demand, flat_before)
    return Certificate(
        bounds=bounds,
        samples=samples,
        searched=len(cold.solved) - samples,
        seed=seed,
        cold_iterations=Spread.of(cold.iterations),
        cold_guesses=Spread.of(cold.guesses),
        cold_unsolved=int((~cold.solved).sum()),
        compared=few.stop,
        cold_error=Spread.of(cold_error),
        warm_ticks=warm.iterations.size,
        warm_error=Spread.of(np.abs(warm_error[warm.solved.ravel()])),
        warm_iterations=Spread.of(warm.iterations),
        warm_guesses=Spread.of(warm.guesses),
        warm_unsolved=int((~warm.solved).sum()),
        program_bytes=4 * len(words),
        work_bytes=_work_bytes(words),
    )


def require_proof(words: Integers, model: int = 0) -> tuple[Bound, ...]:
    """Return the bounds of every signal; raise ProgramError where one does not hold."""
    bounds = tuple(prove(words, model))
    for bound in bounds:
        if not bound.holds:
            raise ProgramError(
                f"Signal {bound.signal} can reach {bound.magnitude}, and {bound.limit} is the "
                "limit of its integer."
            )
    return bounds


def _work_bytes(words: Integers) -> int:
    """Return the bytes of all arrays that the pump's solvers make for this program."""
    device_words = array("i", words.tolist())
    work = Workspace(device_words[layout.AT_HORIZON])
    models = range(device_words[layout.AT_MODELS])
    solvers = [Solver(device_words, model, work) for model in models]
    arrays = {id(one): one for solver in solvers for one in _arrays(solver)}
    return sum(one.itemsize * len(one) for one in arrays.values())


def _arrays(owner: object) -> Iterator[array[int]]:
    """Yield the arrays of an object of the firmware and of what it is made of."""
    for value in vars(owner).values():
        if isinstance(value, array):
            yield value
        elif hasattr(value, "__dict__"):
            yield from _arrays(value)
