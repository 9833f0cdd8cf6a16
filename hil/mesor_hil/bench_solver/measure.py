# SPDX-License-Identifier: MIT
"""One solver over a set of states on the emulated Pico, and what came of it.

Times are the chip's own microseconds at 125 MHz, interrupts off, memory without wait states.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np

from mesor.errors import MesorError
from mesor_hil.bench_solver.problem import State
from mesor_hil.targets.virtual_pico import VirtualPico

_SILENCE_LIMIT_NS: Final = 15e9  # no solve takes that much of the chip's time
_STEP_NS: Final = 2e6
_TAIL_BYTES: Final = 400  # END, and the prompt that follows it


@dataclass(frozen=True, slots=True)
class Solve:
    """One solve: iterations (negative where the solver gave up), time, first move 0..1."""

    iterations: int
    time_us: int
    first_move: float


@dataclass(frozen=True, slots=True)
class Timing:
    """All solves of one run, and the bytes of heap that the solver took."""

    solves: tuple[Solve, ...]
    code_heap: int  # modules imported
    work_heap: int


def time_solver(
    image: Path, files: Mapping[str, bytes], states: Sequence[State], cold: Sequence[bool]
) -> Timing:
    """Run a solver on the emulated board; cold says which states it starts from nothing at.

    Raises MesorError where the board ends before the last state.
    """
    own = resources.files("mesor_hil.bench_solver")
    table = np.array([astuple(state) for state in states], dtype="<f4")
    board = VirtualPico(
        image,
        {
            **files,
            "main.py": (own / "board_main.py").read_bytes(),
            "states.bin": table.tobytes(),
            "cold.bin": bytes(cold),
        },
    )
    board.boot()
    return _timing(_output(board), len(states))


def _output(board: VirtualPico) -> str:
    """Return all that the board prints, to END or until it has been silent for too long."""
    output = bytearray()
    while b"END" not in output[-_TAIL_BYTES:]:
        arrived = bytearray()

        def is_silent(arrived: bytearray = arrived) -> bool:
            arrived.extend(board.received())
            return not arrived

        if not board.run_while(is_silent, _SILENCE_LIMIT_NS, _STEP_NS):
            last = output.decode(errors="replace").strip().splitlines() or ["nothing"]
            raise MesorError(f"A solver did not finish on the emulated Pico; it said: {last[-1]}")
        output += arrived
    return output.decode()


def _timing(text: str, count: int) -> Timing:
    """Return the solves from lines of `iterations time_us move`, behind `heap code work`."""
    lines = [line.split() for line in text.splitlines()]
    heap = [words for words in lines if words[:1] == ["heap"]]
    solves = tuple(
        Solve(int(words[0]), int(words[1]), min(max(int(words[2]) / 1e6, 0.0), 1.0))
        for words in lines
        if len(words) == 3 and words[:1] != ["heap"]
    )
    if len(solves) != count or not heap:
        last = " ".join(lines[-3]) if len(lines) > 2 else "nothing"
        raise MesorError(f"The board answered {len(solves)} of {count} states; it said: {last}")
    return Timing(solves, int(heap[0][1]), int(heap[0][2]))
