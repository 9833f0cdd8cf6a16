# SPDX-License-Identifier: MIT
"""Frames on the chip: the machine code and the Python that hosts run mean the same bytes.

The machine code runs under Unicorn's Cortex-M0; checksums are judged by zlib as well.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pump.core import framing, framing_twin

from .thumb_machine import ThumbMachine

SOURCE = Path(framing_twin.__file__).with_name("framing_thumb.py")
TABLE = framing._TABLE
GUARD = 0xA5


@pytest.fixture(scope="module")
def machine() -> ThumbMachine:
    """Return the machine with the code loaded."""
    return ThumbMachine(SOURCE)


def contents() -> Iterator[bytes]:
    """Yield bytes of every length round the block's 254, with few zeros and with many."""
    rng = random.Random(7)
    for count in [*range(12), 36, 127, *range(252, 258), *range(506, 513)]:
        yield bytes(count)
        yield bytes(rng.randrange(1, 256) for _ in range(count))
        for density in (0.02, 0.3):
            yield bytes(0 if rng.random() < density else rng.randrange(256) for _ in range(count))


def out_of(machine: ThumbMachine, room: int) -> int:
    """Return the address of so many bytes to write to, a guard byte behind them."""
    return machine.place_bytes(bytes(room) + bytes([GUARD]))


def test_the_chip_appends_the_checksum_that_zlib_computes(machine: ThumbMachine) -> None:
    """The host checks every frame with its own library."""
    for content in contents():
        machine.clear()
        table = machine.place(int.from_bytes(w.to_bytes(4), signed=True) for w in TABLE)
        at = machine.place_bytes(content + bytes(4) + bytes([GUARD]))
        assert machine.call("append_crc", table, at, len(content)) == 0
        sealed = content + zlib.crc32(content).to_bytes(4, "little")
        assert machine.read_bytes(at, len(sealed) + 1) == sealed + bytes([GUARD])
        on_host = bytearray(content + bytes(4))
        assert framing_twin.append_crc(TABLE, on_host, len(content)) == 0
        assert bytes(on_host) == sealed


def test_the_chip_knows_a_checksum_and_every_bit_that_is_wrong(machine: ThumbMachine) -> None:
    """A frame with one bit turned over must never be read."""
    content = bytes(range(200, 214))
    sealed = content + zlib.crc32(content).to_bytes(4, "little")
    table = machine.place(int.from_bytes(w.to_bytes(4), signed=True) for w in TABLE)
    for bit in range(-1, 8 * len(sealed)):
        bent = int.from_bytes(sealed, "little") ^ (1 << bit if bit >= 0 else 0)
        frame = bent.to_bytes(len(sealed), "little")
        at = machine.place_bytes(frame)
        want = 1 if bit < 0 else 0
        assert machine.call("has_crc", table, at, len(frame)) == want
        assert framing_twin.has_crc(TABLE, frame, len(frame)) == want


def test_chip_and_twin_encode_alike(machine: ThumbMachine) -> None:
    """What the pump says must be what its twin's log says that it said."""
    for content in contents():
        machine.clear()
        room = len(content) + len(content) // 254 + 2
        on_host = bytearray(room)
        count = framing_twin.encode(content, len(content), on_host)
        out = out_of(machine, room)
        at = machine.place_bytes(content)
        assert machine.call("encode", at, len(content), out) == count
        assert machine.read_bytes(out, count) == on_host[:count]
        assert machine.read_bytes(out + room, 1) == bytes([GUARD])


def test_chip_and_twin_decode_alike_and_keep_to_their_room(machine: ThumbMachine) -> None:
    """Whole frames, and what a line makes of them: bent, cut, and too long for the room."""
    rng = random.Random(8)
    refused = 0
    for content in contents():
        coded = bytearray(len(content) + len(content) // 254 + 2)
        count = framing_twin.encode(content, len(content), coded) - 1
        bent = bytearray(coded[:count])
        bent[rng.randrange(count)] = rng.randrange(256)
        for frame in (coded[:count], bent, coded[: rng.randrange(count + 1)]):
            for room in (len(content), rng.randrange(len(content) + 1), 600):
                machine.clear()
                on_host = bytearray(room)
                length = framing_twin.decode(frame, len(frame), on_host, room)
                out = out_of(machine, room)
                at = machine.place_bytes(bytes(frame))
                assert machine.call("decode", at, len(frame), out, room) == length
                assert machine.read_bytes(out, max(0, length)) == on_host[: max(0, length)]
                assert machine.read_bytes(out + room, 1) == bytes([GUARD])
                refused += length < 0
    assert refused > 50


@pytest.mark.parametrize("name", ["append_crc", "encode"])
def test_a_byte_of_telemetry_takes_at_most_18_cycles(machine: ThumbMachine, name: str) -> None:
    """A tick's telemetry has 240 of them, and a tick 5 ms for all."""
    machine.clear()
    table = machine.place(int.from_bytes(w.to_bytes(4), signed=True) for w in TABLE)
    at = machine.place_bytes(bytes(range(1, 241)) + bytes(8))
    arguments = {"append_crc": (table, at, 240), "encode": (at, 240, out_of(machine, 250))}
    _, cycles = machine.call_counting_cycles(name, *arguments[name])
    assert cycles < 18 * 240 + 60
