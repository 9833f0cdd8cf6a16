# SPDX-License-Identifier: MIT
"""Tells many stories, in processes that are forked from one that has done what all share.

On the twin a process takes many seeds; on the emulator one, and it begins with a board that
has booted and holds the program: a snapshot costs a millisecond where a boot costs seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mesor.errors import MesorError
from mesor_hil.forked import forked
from mesor_hil.soak.emulated_stage import EmulatedStage
from mesor_hil.soak.invariants import violations
from mesor_hil.soak.run import Soak
from mesor_hil.soak.story import Programs

_SHARE = 50  # seeds that a process of twins takes

Told = tuple[int, list[str]]  # a seed, and its violations


class SoakError(MesorError):
    """The soak cannot run where it was asked to."""


def soak_seeds(
    programs: Programs, seeds: range, target: str = "twin", jobs: int = 1
) -> Iterator[Told]:
    """Yield each seed's violations, in whatever order the `jobs` processes end them.

    target: twin or emulator.  Raises SoakError for another, ForkedError where a process dies.
    """
    if target not in ("twin", "emulator"):
        raise SoakError(f"The soak runs on twin or emulator, not on {target!r}.")
    share = 1 if target == "emulator" else _SHARE
    tell = _on_emulator(programs, seeds) if target == "emulator" else _on_twin(programs)
    shares = [seeds[first : first + share] for first in range(0, len(seeds), share)]
    yield from forked(tell, shares, jobs)


def _on_twin(programs: Programs) -> Callable[[int], list[str]]:
    """Return what tells a seed's story on a twin of its own."""
    return lambda seed: _judged(programs, seed, Soak(programs.of(seed)))


def _on_emulator(programs: Programs, seeds: range) -> Callable[[int], list[str]]:
    """Return what tells a seed's story on a board that waits, with its program, to be started."""
    waiting: dict[bytes, Soak] = {}
    for seed in seeds:
        program = programs.of(seed)
        if program.bytes not in waiting:
            waiting[program.bytes] = Soak(program, EmulatedStage())
            waiting[program.bytes].send_program()
    return lambda seed: _judged(programs, seed, waiting[programs.of(seed).bytes])


def _judged(programs: Programs, seed: int, soak: Soak) -> list[str]:
    """Return the violations of one story; a failure of the firmware is one."""
    try:
        return violations(programs.of(seed), soak.run(seed))
    except Exception as failure:
        return [f"the story ended in {type(failure).__name__}: {failure}"]
