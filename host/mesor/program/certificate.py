# SPDX-License-Identifier: MIT
"""The certificate of a program: proof of no overflow, error and iterations, and on what states.

Overflow is proved (mesor.program.proof).  Error and iterations are measured on
sampled states, cold started, against OSQP in float64 (Stellato et al., 2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mesor.errors import ProgramError
from mesor.program.design import Design
from mesor.program.exact import ExactSolver, Integers
from mesor.program.fixed import DATA_BITS
from mesor.program.problem import Problem
from mesor.program.proof import Bound, prove
from mesor.program.reference import ReferenceSolver
from mesor.program.sampling import sample_demands
from mesor.program.tuning import warm_run

ONE = 1 << DATA_BITS
WARM_LOOPS = 40
WARM_TICKS = 60
WORK_WORDS_PER_STEP = 26  # rows 15, demand, linear, pull 2, rhs 2, relaxed, moves, … (solver.py)


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

    Cold: sampled states, solver started from zero, those that met the cap left out
    of the error (the pump then keeps the plan of the tick before).  Warm: ticks of
    simulated closed loops.
    """

    bounds: tuple[Bound, ...]
    samples: int
    seed: int
    cold_error: Spread
    cold_iterations: Spread
    cold_unsolved: int
    warm_ticks: int
    warm_error: Spread
    warm_iterations: Spread
    warm_unsolved: int
    program_bytes: int
    work_bytes: int

    @property
    def weakest(self) -> Bound:
        """Return the bound with the fewest spare bits."""
        return min(self.bounds, key=lambda bound: bound.spare_bits)


def certify(
    problem: Problem, controller: Design, words: Integers, samples: int, seed: int
) -> Certificate:
    """Return the certificate; raise ProgramError naming a signal whose proof fails."""
    bounds = require_proof(words)
    drawn = sample_demands(problem, controller, samples, seed)
    solver, reference = ExactSolver(words), ReferenceSolver(controller, words)
    cold = solver.solve(drawn.demand, drawn.move_before, solver.cold(samples))
    cold_error = cold.moves[:, 0] / ONE - reference.first_moves(drawn.demand, drawn.move_before)
    warm = warm_run(problem, controller, words, WARM_LOOPS, WARM_TICKS, seed)
    n = problem.therapy.horizon
    flat_demand, flat_before = warm.demand.reshape(-1, n), warm.move_before.ravel()
    warm_error = warm.moves.ravel() / ONE - reference.first_moves(flat_demand, flat_before)
    return Certificate(
        bounds=bounds,
        samples=samples,
        seed=seed,
        cold_error=Spread.of(np.abs(cold_error[cold.solved])),
        cold_iterations=Spread.of(cold.iterations),
        cold_unsolved=int((~cold.solved).sum()),
        warm_ticks=warm.iterations.size,
        warm_error=Spread.of(np.abs(warm_error[warm.solved.ravel()])),
        warm_iterations=Spread.of(warm.iterations),
        warm_unsolved=int((~warm.solved).sum()),
        program_bytes=4 * len(words),
        work_bytes=4 * WORK_WORDS_PER_STEP * n,
    )


def require_proof(words: Integers) -> tuple[Bound, ...]:
    """Return the bounds of every signal; raise ProgramError where one does not hold."""
    bounds = tuple(prove(words))
    for bound in bounds:
        if not bound.holds:
            raise ProgramError(
                f"Signal {bound.signal} can reach {bound.magnitude}, and {bound.limit} is the "
                "limit of its integer: lower the concentration range, the rate or the weights."
            )
    return bounds
