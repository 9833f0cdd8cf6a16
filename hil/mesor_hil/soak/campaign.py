# SPDX-License-Identifier: MIT
"""Tells many stories, in processes that are forked from one that has done what all share.

On the twin a process takes many seeds; on the emulator one, and it begins with a board that
has booted and holds the program: a snapshot costs a millisecond where a boot costs seconds.
"""

from __future__ import annotations

import json
import os
import selectors
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mesor.errors import MesorError
from mesor_hil.soak.emulated_stage import EmulatedStage
from mesor_hil.soak.invariants import violations
from mesor_hil.soak.run import Soak
from mesor_hil.soak.story import Programs

_SHARE = 50  # seeds that a process of twins takes

Told = tuple[int, list[str]]  # a seed, and its violations


class SoakError(MesorError):
    """A process that told stories ended before it could say how they went."""


@dataclass(frozen=True, slots=True)
class _Child:
    """A forked process, what it was given, and what it has written so far."""

    process: int
    seeds: Sequence[int]
    written: bytearray


def soak_seeds(
    programs: Programs, seeds: range, target: str = "twin", jobs: int = 1
) -> Iterator[Told]:
    """Yield each seed's violations, in whatever order the `jobs` processes end them.

    target: twin or emulator.  Raises SoakError for another, and where a process dies.
    """
    if target not in ("twin", "emulator"):
        raise SoakError(f"The soak runs on twin or emulator, not on {target!r}.")
    share = 1 if target == "emulator" else _SHARE
    tell = _on_emulator(programs, seeds) if target == "emulator" else _on_twin(programs)
    shares = [seeds[first : first + share] for first in range(0, len(seeds), share)]
    yield from _forked(tell, shares, jobs)


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


def _forked(tell: Callable[[int], list[str]], shares: list[range], jobs: int) -> Iterator[Told]:
    """Run `tell` over all shares, `jobs` at a time."""
    rest = iter(shares)
    with selectors.DefaultSelector() as selector:
        for seeds in rest:
            _start(selector, tell, seeds)
            if len(selector.get_map()) >= jobs:
                yield from _ended(selector)
        while selector.get_map():
            yield from _ended(selector)


def _start(
    selector: selectors.BaseSelector, tell: Callable[[int], list[str]], seeds: Sequence[int]
) -> None:
    """Fork a process that tells these seeds' stories, and writes how they went to a pipe."""
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        status = 1
        try:
            os.close(reader)
            with os.fdopen(writer, "w") as stream:
                json.dump([(seed, tell(seed)) for seed in seeds], stream)
            status = 0
        finally:
            os._exit(status)  # nothing of the parent's is the child's to end
    os.close(writer)
    selector.register(reader, selectors.EVENT_READ, _Child(process, seeds, bytearray()))


def _ended(selector: selectors.BaseSelector) -> Iterator[Told]:
    """Wait until some process has ended; yield what it wrote."""
    while True:
        for key, _ in selector.select():
            child: _Child = key.data
            if part := os.read(key.fd, 1 << 16):
                child.written.extend(part)
                continue
            selector.unregister(key.fd)
            os.close(key.fd)
            _, status = os.waitpid(child.process, 0)
            if status:
                raise SoakError(
                    f"The process of seeds {child.seeds[0]} to {child.seeds[-1]} ended with "
                    f"status {os.waitstatus_to_exitcode(status)}."
                )
            yield from ((int(seed), list(told)) for seed, told in json.loads(child.written))
            return
