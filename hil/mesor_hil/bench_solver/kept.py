# SPDX-License-Identifier: MIT
"""Timings that were taken before: emulated time repeats exactly, so no solver is timed twice.

A timing is kept under a hash of everything it depends on: image, files, states, and the
emulator's version; whatever of these changes is timed anew, and nothing else is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple
from importlib import metadata, resources
from pathlib import Path
from typing import Final

from mesor.cache import user_cache_dir, write_atomically
from mesor_hil.bench_solver.measure import Solve, Timing, time_solver
from mesor_hil.bench_solver.problem import State

_EMULATOR: Final = "rp2040py"


def kept_timing(
    image: Path,
    files: Mapping[str, bytes],
    states: Sequence[State],
    cold: Sequence[bool],
    fresh: bool = False,
) -> Timing:
    """Return the timing of a solver, from the cache where it is there and not to be fresh.

    Raises MesorError where the board ends before the last state.
    """
    place = user_cache_dir() / "timings" / f"{_digest(image, files, states, cold)}.json"
    if place.is_file() and not fresh:
        return _read(place)
    timing = time_solver(image, files, states, cold)
    write_atomically(place, json.dumps(asdict(timing)).encode())
    return timing


def _digest(
    image: Path, files: Mapping[str, bytes], states: Sequence[State], cold: Sequence[bool]
) -> str:
    """Return a hash of all that a timing depends on."""
    board = resources.files("mesor_hil.bench_solver") / "board_main.py"
    parts = {
        **files,
        "image": image.read_bytes(),
        "board": board.read_bytes(),
        "states": json.dumps([astuple(state) for state in states]).encode(),
        "cold": bytes(cold),
        "emulator": metadata.version(_EMULATOR).encode(),
    }
    digest = hashlib.sha256()
    for name, content in sorted(parts.items()):
        digest.update(f"{name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:32]


def _read(place: Path) -> Timing:
    """Return the timing that was written there."""
    content = json.loads(place.read_text())
    content["solves"] = tuple(Solve(**solve) for solve in content["solves"])
    return Timing(**content)
