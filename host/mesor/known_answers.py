# SPDX-License-Identifier: MIT
"""A small program, and what the pump must decide with it: computed here, checked at power-on.

Compiled once for each state of the sources and kept in the cache.
"""

from __future__ import annotations

import hashlib
from array import array
from contextlib import suppress
from pathlib import Path

import mesor.program
from mesor.cache import user_cache_dir, write_atomically
from pump.core import known_answers

_HORIZON = 8
_SAMPLES = 100  # nobody is dosed by it


def known_answers_file() -> bytes:
    """Return digest and program, as pump.core.known_answers takes them."""
    cached = user_cache_dir() / "answers" / f"{_sources_hash()}.bin"
    try:
        return cached.read_bytes()
    except OSError:
        content = _computed()
    with suppress(OSError):  # without a cache the next build is slower, and that is all
        write_atomically(cached, content)
    return content


def _computed() -> bytes:
    """Compile the program and decide its ticks in exact Python."""
    program = mesor.program.compile_program(
        mesor.program.Problem(
            mesor.program.ControlModel(4.5, 30.0, 5.0, 35.0),
            mesor.program.Therapy(20.0, 15.0, 25.0, 1000.0, 400.0, 60.0, horizon=_HORIZON),
            mesor.program.SafetyLimits(1000.0, 6000.0),
            mesor.program.PumpGeometry(69.25, 83.3),
        ),
        samples=_SAMPLES,
    ).bytes
    return known_answers.digest(array("i", program)) + program


def _sources_hash() -> str:
    """Return a hash of all that the answers depend on."""
    digest = hashlib.sha256()
    firmware = Path(str(known_answers.__file__)).parents[1]
    compiler = Path(str(mesor.program.__file__)).parent
    for folder in (firmware, compiler):
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:24]
