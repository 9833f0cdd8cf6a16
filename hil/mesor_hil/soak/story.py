# SPDX-License-Identifier: MIT
"""What goes wrong in the story of one seed, when, and in whose therapy.  Times are device s."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mesor.program import Problem, Program, compile_program
from mesor_hil.targets.board_faults import BOARD_FAULTS

TICKS = 40
_MISHAPS_MAX = 4
_HORIZON_SHORT = 8
_OWN_HORIZON_EVERY = 8  # stories
KINDS = (
    *BOARD_FAULTS,
    "host_crash",
    "host_clock_drifts",
    "new_host",
    "takeover",
    "stop_command",
    "sensor_silent",
    "sensor_stuck",
    "sensor_jump",
    "sensor_future",
    "line_noise",
    "line_flipped",
    "line_lossy",
    "line_repeated",
    "line_reordered",
    "clock_jump",
    "firmware_hangs",
    "lost_steps",
    "memory_error",
    "flash_worn",
    "power_cut",
    "power_cut_in_write",
)


@dataclass(frozen=True, slots=True)
class Mishap:
    """One thing that goes wrong."""

    kind: str
    at_s: float
    lasts_s: float


def story(seed: int, tick_s: float) -> tuple[Mishap, ...]:
    """Return what goes wrong under that seed, in order."""
    draw = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(3,)))
    mishaps = []
    for _ in range(int(draw.integers(1, _MISHAPS_MAX + 1))):
        kind = KINDS[int(draw.integers(len(KINDS)))]
        at_s = float(draw.uniform(0.5, TICKS - 4)) * tick_s
        mishaps.append(Mishap(kind, at_s, float(draw.uniform(0.6, 14.0)) * tick_s))
    return tuple(sorted(mishaps, key=lambda mishap: mishap.at_s))


class Programs:
    """The programs of all stories: one in eight has the therapy's own horizon."""

    def __init__(self, problem: Problem, samples: int) -> None:
        """Compile them; a short horizon solves in a third of the time."""
        narrow = with_narrow_caps(problem)
        therapy = replace(narrow.therapy, horizon=_HORIZON_SHORT)
        self._own = compile_program(narrow, samples)
        self._short = compile_program(replace(narrow, therapy=therapy), samples)

    def of(self, seed: int) -> Program:
        """Return the program of that seed's story."""
        return self._short if seed % _OWN_HORIZON_EVERY else self._own


def with_narrow_caps(problem: Problem) -> Problem:
    """Return a therapy whose caps of hour and day a story can reach.

    Half an hour, and one hour, of the full rate.
    """
    full_mg = problem.therapy.rate_max_mg_h
    safety = replace(problem.safety, dose_hour_max_mg=full_mg / 2.0, dose_day_max_mg=full_mg)
    return replace(problem, safety=safety)
