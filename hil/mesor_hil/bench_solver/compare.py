# SPDX-License-Identifier: MIT
"""`mesor bench solver`: our solver and its rivals on one emulated Pico, over the same states.

Every solver meets the first of one set of states, slow ones fewer of them; what is reported was
tuned on other states.  Warm: a step of a closed loop, from the solve of the step before; a
loop's first step is solved but not counted.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np

from mesor.errors import MesorError
from mesor.image import ensure_image
from mesor_hil.bench_solver.images import ensure_images
from mesor_hil.bench_solver.kept import kept_timing
from mesor_hil.bench_solver.link_map import Footprint
from mesor_hil.bench_solver.measure import Solve, Timing
from mesor_hil.bench_solver.own import OWN_SETTING, own_files
from mesor_hil.bench_solver.problem import FloatArray, Problem, make_problem
from mesor_hil.bench_solver.reference import Reference
from mesor_hil.bench_solver.rivals import packages
from mesor_hil.bench_solver.rivals.c_module import Rival
from mesor_hil.bench_solver.rivals.daqp import daqp_rival
from mesor_hil.bench_solver.rivals.osqp_generated import osqp_condensed, osqp_sparse
from mesor_hil.bench_solver.rivals.tinympc import tinympc_rival
from mesor_hil.bench_solver.states import (
    LOOP_STEPS,
    Purpose,
    closed_loop_states,
    random_states,
)
from pump.spec import limits

HORIZONS: Final = (10, 20, 40)
OWN: Final = "Mesor"
SEED: Final = 20
_MAIN_HORIZON: Final = 20


@dataclass(frozen=True, slots=True)
class Counts:
    """How many states a solver is timed on."""

    cold: int
    warm: int


_QUICK: Final = Counts(3, 5)
# (at N = 20, at the others): the stock emulator then needs about an hour on two cores.
_COUNTS: Final = {
    OWN: (Counts(2000, 2000), Counts(200, 400)),
    "DAQP": (Counts(1000, 2000), Counts(100, 200)),
    "OSQP condensed": (Counts(40, 120), Counts(10, 30)),
    "OSQP sparse": (Counts(40, 120), Counts(10, 30)),
    "TinyMPC": (Counts(10, 30), Counts(5, 15)),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one solver took over one set of states; errors in full rates."""

    count: int
    mean_ms: float
    median_ms: float
    max_ms: float
    iterations_mean: float
    iterations_max: int
    gave_up: int
    error_median: float
    error_max: float


@dataclass(frozen=True, slots=True)
class Row:
    """One solver at one horizon."""

    solver: str
    horizon: int
    warm: Outcome
    cold: Outcome
    footprint: Footprint
    setting: str


@dataclass(frozen=True, slots=True)
class _Job:
    """A solver to be timed: its image, its files, its problem."""

    solver: str
    setting: str
    image: Path
    files: dict[str, bytes]
    problem: Problem
    counts: Counts
    footprint: Footprint | None  # None: what it takes of the heap


def compare(
    say: Callable[[str], None],
    horizons: Sequence[int] = HORIZONS,
    quick: bool = False,
    fresh: bool = False,
) -> Iterator[Row]:
    """Yield each row as it is done; fresh: time what was timed before as well.

    Raises ImageError where a rival cannot be built.
    """
    jobs = _rival_jobs(horizons, quick, say) + _own_jobs(horizons, quick, say)
    # The longest first; two emulators share nothing, and each repeats exactly.
    jobs.sort(key=lambda job: (job.solver in {OWN, "DAQP"}, -job.problem.horizon))
    with ProcessPoolExecutor() as pool:
        for row in pool.map(_measured, jobs, [fresh] * len(jobs)):
            say(f"timed {row.solver}, N = {row.horizon}")
            yield row


def require_horizons(horizons: Sequence[int]) -> None:
    """Raise MesorError for a horizon that our kernels do not have."""
    for horizon in horizons:
        if not limits.HORIZON_MIN <= horizon <= limits.HORIZON_MAX:
            raise MesorError(
                f"A horizon of {horizon} steps was asked for; {limits.HORIZON_MIN} to "
                f"{limits.HORIZON_MAX} can be compared."
            )


def counts_of(solver: str, horizon: int, quick: bool) -> Counts:
    """Return on how many states a solver is timed."""
    at_main, elsewhere = _COUNTS[solver]
    return _QUICK if quick else at_main if horizon == _MAIN_HORIZON else elsewhere


def _own_jobs(horizons: Sequence[int], quick: bool, say: Callable[[str], None]) -> list[_Job]:
    """Return our solver's jobs, its programs compiled."""
    image = ensure_image(progress=say)
    jobs = []
    for horizon in horizons:
        problem = make_problem(horizon)
        files = own_files(problem)
        counts = counts_of(OWN, horizon, quick)
        jobs.append(_Job(OWN, OWN_SETTING, image.path, files, problem, counts, None))
    return jobs


def _rival_jobs(horizons: Sequence[int], quick: bool, say: Callable[[str], None]) -> list[_Job]:
    """Return the rivals' jobs, their images built."""
    solver = (resources.files("mesor_hil.bench_solver") / "rival_solver.py").read_bytes()
    problems = [make_problem(horizon) for horizon in horizons]
    with tempfile.TemporaryDirectory(prefix="mesor-rival-") as name:
        wanted = [
            (rival, problem)
            for problem in problems
            for rival in _rivals(problem, Path(name, str(problem.horizon)), say)
        ]
        images = ensure_images([rival for rival, _ in wanted], say)
    return [
        _Job(
            solver=rival.name,
            setting=rival.setting,
            image=image.path,
            files={"solver.py": solver},
            problem=problem,
            counts=counts_of(rival.name, problem.horizon, quick),
            footprint=image.footprint,
        )
        for (rival, problem), image in zip(wanted, images, strict=True)
    ]


def _rivals(problem: Problem, folder: Path, say: Callable[[str], None]) -> list[Rival]:
    """Return all rivals on `problem`; their sources and generated code go to `folder`."""
    return [
        daqp_rival(problem, packages.unpack(packages.DAQP, folder, say)),
        osqp_condensed(problem, folder / "condensed"),
        osqp_sparse(problem, folder / "sparse"),
        tinympc_rival(problem, packages.unpack(packages.TINYMPC, folder, say), folder / "float32"),
    ]


def _measured(job: _Job, fresh: bool = False) -> Row:
    """Time one solver cold and warm."""
    cold, warm = job.counts.cold, job.counts.warm
    loops = closed_loop_states(job.problem, _with_first_steps(warm), SEED, Purpose.REPORT)
    states = random_states(cold, SEED, Purpose.REPORT) + [
        state for loop in loops for state in loop
    ]
    starts = [step == 0 for loop in loops for step in range(len(loop))]
    timing = kept_timing(job.image, job.files, states, [True] * cold + starts, fresh)
    reference = Reference(job.problem)
    moves = np.array([reference.solve(state).first_move for state in states])
    counted = [cold + index for index, is_start in enumerate(starts) if not is_start]
    return Row(
        solver=job.solver,
        horizon=job.problem.horizon,
        warm=outcome([timing.solves[i] for i in counted], moves[counted]),
        cold=outcome(timing.solves[:cold], moves[:cold]),
        footprint=job.footprint or _heap(timing, job.files),
        setting=job.setting,
    )


def _with_first_steps(count: int) -> int:
    """Return how many steps of loops hold `count` that are no loop's first."""
    return count + -(-count // (LOOP_STEPS - 1))


def _heap(timing: Timing, files: dict[str, bytes]) -> Footprint:
    """Return what our solver takes: it is loaded into RAM whole, its program with it."""
    ram = timing.code_heap + timing.work_heap
    return Footprint(code=timing.code_heap, tables=len(files["program.bin"]), ram=ram)


def outcome(solves: Sequence[Solve], moves: FloatArray) -> Outcome:
    """Return the figures of some solves; moves: the reference's first moves."""
    time_ms = np.array([solve.time_us for solve in solves]) / 1e3
    iterations = np.abs([solve.iterations for solve in solves])
    error = np.abs(np.array([solve.first_move for solve in solves]) - moves)
    return Outcome(
        count=len(solves),
        mean_ms=float(time_ms.mean()),
        median_ms=float(np.median(time_ms)),
        max_ms=float(time_ms.max()),
        iterations_mean=float(iterations.mean()),
        iterations_max=int(iterations.max()),
        gave_up=sum(solve.iterations < 0 for solve in solves),
        error_median=float(np.median(error)),
        error_max=float(error.max()),
    )
