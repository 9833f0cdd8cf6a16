# SPDX-License-Identifier: MIT
"""Throws frames and bytes at the pump on the twin: it must neither fail, nor move, nor grow.

`python -m mesor_hil.fuzz --frames 1000000` is the long run; the tests make a short one.  What
is thrown: bytes, unsigned frames of every kind with a right checksum, signed frames of an
earlier session, and those with bits turned, ends cut and pieces joined.  STOP alone is spared
where the pump runs, for it may be obeyed.  All follows from the seed.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType

from mesor.errors import MesorError
from mesor.link import PumpClient
from mesor.link.frames import Frame, FrameCoder
from mesor.program import compile_program
from mesor_hil.scenarios import load_scenario
from mesor_hil.targets.twin import TwinTarget
from pump.spec import messages, reasons
from pump.spec import record as at

_DAY_S = 6 * 3600
_FACTOR = 300
_GROWTH_BYTES_MAX = 2 * 1024  # of all that the pump holds: its counters gain digits
_WEIGHED_EVERY = 1000  # frames
_FRAMES_A_TICK = 50
_CERTIFIED_STATES = 200
_KINDS = (*range(0x00, 0x13), 0x42, 0x81, 0x82, 0x83, 0xFF)


class FuzzError(MesorError):
    """The pump did what nothing that was thrown at it may make it do."""


@dataclass(frozen=True, slots=True)
class FuzzReport:
    """What a run threw, and what the pump made of it."""

    thrown: int
    refused: dict[int, int]  # result: how often
    dropped: int  # frames that were none
    ticks: int  # of the therapy that went on meanwhile
    growth_bytes: int  # at most, of all objects that the pump holds, between two frames


class Thrower:
    """Makes what is thrown from recorded frames and a random source."""

    def __init__(self, recorded: Sequence[Frame], draw: random.Random) -> None:
        self._recorded = recorded
        self._draw = draw
        self._coder = FrameCoder()

    def next(self) -> bytes:
        """Return some bytes."""
        draw = self._draw
        way = draw.randrange(5)
        if way == 0:
            return draw.randbytes(draw.randrange(1, 80))
        if way == 1:
            body = draw.randbytes(draw.randrange(80))
            version = draw.choice((messages.PROTOCOL_VERSION, draw.randrange(256)))
            frame = Frame(draw.choice(_KINDS), version, draw.randrange(1 << 16), body)
            return self._coded(frame)
        frame = draw.choice(self._recorded)
        if way == 2:
            return self._coded(frame)
        content = bytearray(frame.content)
        if way == 3:
            content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
            return self._coded(Frame.of(bytes(content)))
        coded = self._coded(frame)
        cut = draw.randrange(len(coded))
        return coded[:cut] + self._coded(draw.choice(self._recorded))[cut // 2 :]

    def _coded(self, frame: Frame) -> bytes:
        """Return the frame for the wire; STOP goes out as a kind that nobody knows."""
        kind = 0x42 if frame.kind == messages.STOP else frame.kind
        return self._coder.encode(Frame(kind, frame.version, frame.sequence, frame.body))


def fuzz(frames: int, seed: int) -> FuzzReport:
    """Throw so many frames at a resting and at a running pump; raise FuzzError for a violation."""
    draw = random.Random(seed)
    recorded: list[Frame] = []
    target = TwinTarget()
    program = compile_program(load_scenario("vancomycin_two_hours").problem(), _CERTIFIED_STATES)
    client = _client(target, recorded, draw)
    client.upload(program.bytes)
    client.start(_FACTOR, _DAY_S)
    client.send_reading(0, 0, 10_000, 100)
    client.stop()
    edges = target.step_edges()
    client = _client(target, [], draw)  # another session: what was recorded is of no worth
    client.upload(program.bytes)
    refused: dict[int, int] = {}
    thrower = Thrower(recorded, draw)
    resting = _Scales(target, seed)
    for thrown in range(frames // 2):
        _throw(target, thrower.next(), refused)
        resting.weigh(thrown)
        if target.step_edges() != edges or target.app.supervisor.state != reasons.STATE_READY:
            raise FuzzError(f"A resting pump moved; seed {seed}.")
    ticks, running = _throw_while_running(
        target, thrower, refused, frames - frames // 2, draw, seed
    )
    growth = max(resting.growth_bytes, running.growth_bytes)
    return FuzzReport(frames, refused, target.app.link.reader.dropped, ticks, growth)


class _Scales:
    """Weighs all that the pump holds, every so many frames; raises FuzzError where it grows."""

    def __init__(self, target: TwinTarget, seed: int) -> None:
        self._target, self._seed = target, seed
        self._before_bytes = 0
        self.growth_bytes = 0

    def weigh(self, thrown: int) -> None:
        """Compare with the first time."""
        if thrown % _WEIGHED_EVERY:
            return
        held = held_bytes(self._target.app)
        self._before_bytes = self._before_bytes or held
        self.growth_bytes = max(self.growth_bytes, held - self._before_bytes)
        if self.growth_bytes > _GROWTH_BYTES_MAX:
            raise FuzzError(
                f"The pump grew by {self.growth_bytes} bytes in {thrown} frames; "
                f"seed {self._seed}."
            )


def held_bytes(root: object) -> int:
    """Return the size of every object that can be reached from `root`, code and types aside."""
    seen: set[int] = set()
    waiting, total = [root], 0
    while waiting:
        held = waiting.pop()
        if id(held) in seen or isinstance(held, type | ModuleType | FunctionType | CodeType):
            continue
        seen.add(id(held))
        total += sys.getsizeof(held)
        waiting += gc.get_referents(held)
    return total


def _throw_while_running(
    target: TwinTarget,
    thrower: Thrower,
    refused: dict[int, int],
    frames: int,
    draw: random.Random,
    seed: int,
) -> tuple[int, _Scales]:
    """Throw between the ticks of a therapy without readings; return its ticks, and the scales."""
    client = _client(target, [], draw)
    client.start(_FACTOR, _DAY_S)
    ticks = 0
    scales = _Scales(target, seed)
    for thrown in range(frames):
        if thrown % _FRAMES_A_TICK == 0:
            target.advance(target.now_s + 1.0)
            ticks += 1
        _throw(target, thrower.next(), refused)
        scales.weigh(thrown)
        app = target.app
        # Without readings it falls back, and then stands; that is no harm done by a frame.
        if app.supervisor.state in (reasons.STATE_READY, reasons.STATE_FAULT):
            raise FuzzError(f"The therapy ended in state {app.supervisor.state}; seed {seed}.")
        controller = app.therapy.controller
        if controller is not None and controller.record[at.READING_PRESENT]:
            raise FuzzError(f"A reading that nobody signed was used; seed {seed}.")
    client.stop()
    return ticks, scales


def _client(target: TwinTarget, recorded: list[Frame], draw: random.Random) -> PumpClient:
    """Return a host in a session of its own; what it sends is recorded."""
    client = PumpClient(
        target,
        lambda direction, _time_s, frame: (
            recorded.append(frame) if direction == "to_pump" else None
        ),
        target.keys_of,
        draw.randbytes(messages.CHALLENGE_BYTES),
    )
    client.hello()
    return client


def _throw(target: TwinTarget, thrown: bytes, refused: dict[int, int]) -> None:
    """Let the bytes arrive, and count what was refused."""
    target.write(thrown)
    for frame in FrameCoder().decode(target.read()):
        if frame.kind == messages.ACK:
            refused[frame.body[2]] = refused.get(frame.body[2], 0) + 1


def main() -> None:
    """Run from the command line, and say what happened."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    print(fuzz(arguments.frames, arguments.seed))


if __name__ == "__main__":
    main()
