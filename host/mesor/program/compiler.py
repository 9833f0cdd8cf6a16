# SPDX-License-Identifier: MIT
"""Therapy in, certified program out.

Chooses rho and the number formats, then lets the certificate judge the very
words that the pump will run.  What cannot be certified is not a program.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mesor.errors import ProgramError
from mesor.program import fixed
from mesor.program.advice import with_advice
from mesor.program.certificate import Certificate, certify, require_proof
from mesor.program.design import Design, Splitting, design, split
from mesor.program.exact import ExactSolver, Integers
from mesor.program.exact_plan import ExactPlan
from mesor.program.formats import Formats, Section
from mesor.program.problem import Problem
from mesor.program.proof import prove
from mesor.program.sampling import Samples, sample_demands
from pump.spec import program as layout

SOFT_SHIFT = 2
RHO_CHOICES = (1.0, 2.0, 3.0, 6.0, 10.0)
MOVE_MAX = 1.75
SETTLED_BITS = 2  # no row's carry changes by 2**2 of 2**14: 2.5e-4 of the full rate
ITERATIONS_MAX = 200
CAP_MARGIN = 1.25
CAP_MAX = 16.0  # full rates, half targets: more room costs bits of the factor
WEIGHT_SHIFT_MAX = 4
BURST_CHOICES = (5, 8, 12, 20)
GUESSES_CHOICES = (6, 16)
ITERATIONS_A_GUESS = 7.0  # what a guess of the active set costs on the pump, in iterations
# Signals that a table's format decides, and its shifts, the finest first.
_SEARCHED = (
    (("solver.pulled_sum",), "pull_shift", range(17, 5, -1)),
    (("solver.moves",), "factor_shift", range(17, 7, -1)),
    (
        ("solver.outputs_sum", "solver.outputs", "finish.moves_sum", "finish.errors_sum"),
        "response_shift",
        range(17, 12, -1),
    ),
)
CERTIFICATE_SAMPLES = 100_000  # cold starts on which iterations and errors are stated
_FREE_CAP = 1 << 24  # no cap, while the caps are being measured
_TUNING_SAMPLES = 600
_TRIAL_SAMPLES = 100  # when only the formats matter


@dataclass(frozen=True, slots=True)
class Program:
    """What is sent to the pump, and the reasons to trust it."""

    words: Integers
    sections: tuple[Section, ...]  # of its models, the therapy's own first
    certificates: tuple[Certificate, ...]  # one for each

    @property
    def certificate(self) -> Certificate:
        """Return the worst of the models' certificates."""
        return self.certificates[self.worst_model]

    @property
    def worst_model(self) -> int:
        """Return which model's certificate is the worst."""
        return max(range(len(self.sections)), key=lambda model: self.certificates[model].badness)

    @property
    def design(self) -> Design:
        """Return the design of the therapy's own model."""
        return self.sections[0].design

    @property
    def splitting(self) -> Splitting:
        """Return the splitting of the therapy's own model."""
        return self.sections[0].splitting

    @property
    def bytes(self) -> bytes:
        """Return the program as it goes over the wire and into program.bin."""
        return fixed.to_bytes(self.words)


def compile_program(
    problem: Problem, samples: int = CERTIFICATE_SAMPLES, seed: int = 0
) -> Program:
    """Return the certified program of `problem`.

    samples: states on which iterations and errors are stated, for each model.
    Raises ProgramError with the signal at fault when the certificate cannot be given.
    """
    sections = tuple(_section(one, seed) for one in problem.of_each_model)
    words = fixed.assemble(sections)
    certificates = tuple(
        certify(section.problem, section.design, words, model, samples, seed)
        for model, section in enumerate(sections)
    )
    return Program(words, sections, certificates)


def _section(problem: Problem, seed: int) -> Section:
    """Return what the program says of one model."""
    try:
        weight_shift = _weight_shift(problem)
    except ProgramError as failure:
        raise with_advice(failure, problem, _weight_shift) from None
    controller = design(problem, weight_shift)
    tuning = sample_demands(problem, controller, _TUNING_SAMPLES, seed + 1)
    section = _choose_rho(problem, controller, tuning, weight_shift)
    burst, guesses_max = _choose_search(fixed.assemble([section]), tuning)
    return replace(section, formats=replace(section.formats, burst=burst, guesses_max=guesses_max))


def _choose_rho(
    problem: Problem, controller: Design, tuning: Samples, weight_shift: int
) -> Section:
    """Return the section with the rho that answers cold starts soonest.

    A small rho is quick near the target and slow far from it, a large one the reverse.
    """
    ranked, failures = [], []
    for rho in RHO_CHOICES:
        splitting = split(controller, rho, SOFT_SHIFT)
        try:
            formats = _fit(problem, controller, splitting, tuning, weight_shift)
        except ProgramError as failure:
            failures.append(failure)
            continue
        section = Section(problem, controller, splitting, formats)
        ranked.append((_cost(fixed.assemble([section]), tuning), section))
    if not ranked:
        raise failures[0]
    return min(ranked, key=lambda entry: entry[0])[1]


def _weight_shift(problem: Problem) -> int:
    """Return the finest format of the soft weight with which a middling rho's proof holds.

    Raises ProgramError where none does.
    """
    for weight_shift in range(WEIGHT_SHIFT_MAX, -1, -1):
        controller = design(problem, weight_shift)
        splitting = split(controller, RHO_CHOICES[2], SOFT_SHIFT)
        tuning = sample_demands(problem, controller, _TRIAL_SAMPLES, 1)
        try:
            _fit(problem, controller, splitting, tuning, weight_shift)
        except ProgramError:
            if weight_shift == 0:
                raise
        else:
            return weight_shift
    raise AssertionError("the last format returns or raises")


def _choose_search(words: Integers, tuning: Samples) -> tuple[int, int]:
    """Return iterations of a burst, and guesses after it, that answer cold starts soonest.

    Where moves may change little in a tick, sets differ by many rows from tick to tick,
    and a good guess needs more of both.
    """
    ranked = []
    section = layout.section_at(words, 0)
    places = [section + layout.IN_BURST, section + layout.IN_GUESSES_MAX]
    for choice in itertools.product(BURST_CHOICES, GUESSES_CHOICES):
        words[places] = choice
        ranked.append((_cost(words, tuning), choice))
    _, choice = min(ranked)
    return choice


def _cost(words: Integers, tuning: Samples) -> tuple[int, float]:
    """Return how many cold starts stay unsolved, and the mean work of one, in iterations."""
    plan = ExactPlan(words)
    outcome = plan.solve(plan.fresh(len(tuning.demand)), tuning.demand, tuning.move_before)
    work = outcome.iterations + ITERATIONS_A_GUESS * outcome.guesses
    return int((~outcome.solved).sum()), float(work.mean())


def _fit(
    problem: Problem,
    controller: Design,
    splitting: Splitting,
    tuning: Samples,
    weight_shift: int,
) -> Formats:
    """Return the finest formats whose proof holds; raise ProgramError if none does."""
    horizon = len(controller.response)
    formats = Formats(
        factor_shift=13,
        pull_shift=10,
        response_shift=13,
        move_max=MOVE_MAX,
        caps=np.full(3 * horizon, _FREE_CAP, dtype=np.int64),
        settled_bits=SETTLED_BITS,
        iterations_max=ITERATIONS_MAX,
        weight_shift=weight_shift,
    )
    section = Section(problem, controller, splitting, formats)
    caps = _measured_caps(fixed.assemble([section]), tuning)
    section = replace(section, formats=replace(formats, caps=caps))
    for signals, name, shifts in _SEARCHED:
        for shift in shifts:
            change: dict[str, Any] = {name: shift}
            section = replace(section, formats=replace(section.formats, **change))
            words = fixed.assemble([section])
            if _holds(words, signals):
                break
    require_proof(words)
    return section.formats


def _measured_caps(words: Integers, tuning: Samples) -> Integers:
    """Return how far each row's argument went beyond its bound, with margin, falling by group.

    A cap is a safety stop for the proof, far outside normal work: rows are only
    ever held by it in states farther out than any that was sampled.
    """
    solver = ExactSolver(words)
    _, rows = solver.solve(tuning.demand, tuning.move_before)
    reach = np.abs(rows.w).max(axis=0) * CAP_MARGIN + solver.one / 16
    n = solver.horizon
    reach[2 * n :] /= 1.0 - 2.0 ** -int(words[layout.AT_SOFT_SHIFT])
    groups = reach.reshape(3, n)
    falling = np.maximum.accumulate(groups[:, ::-1], axis=1)[:, ::-1]
    capped = np.minimum(falling, CAP_MAX * solver.one)
    caps: Integers = np.ceil(capped).astype(np.int64).ravel()
    return caps


def _holds(words: Integers, signals: tuple[str, ...]) -> bool:
    """Say whether the proof holds for these signals."""
    return all(bound.holds for bound in prove(words) if bound.signal in signals)
