# SPDX-License-Identifier: MIT
"""Coverage-guided fuzzing of what reads bytes from outside, by atheris (the extra `fuzz`).

`python -m mesor_hil.fuzz_guided NAME --seconds 300` with one of TARGETS.  The corpus to begin
with is made by code; what the fuzzer finds more is kept in a folder, and an input that breaks
an invariant stops it and is written down.
"""

from __future__ import annotations

import argparse
import importlib
import struct
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from mesor.errors import MesorError

Target = Callable[[bytes], None]

# Whose branches guide the fuzzer; instrumented before anything imports them.
_GUIDING = (
    "pump.core.framing", "pump.core.framing_twin", "pump.core.intake", "pump.core.authentic",
    "pump.core.program", "pump.core.commands", "pump.core.journal", "pump.core.panel",
    "mesor.link.frames", "mesor.record.device_log", "mesor.record.container",
    "mesor.record.log", "mesor.record.verify", "mesor.record.replay",
)  # fmt: skip
_LENGTH_MAX = 4096


class BrokenError(AssertionError):
    """An input made something happen that no input may."""


def framing() -> tuple[Target, Iterator[bytes]]:
    """Read any stream: each frame that is found was in it, whole, and nothing raises."""
    from mesor.link.frames import Frame, FrameCoder
    from pump.spec import messages

    def read(stream: bytes) -> None:
        coder = FrameCoder()
        cut = len(stream) // 2
        found = [*coder.decode(stream[:cut]), *coder.decode(stream[cut:])]
        if found != [*FrameCoder().decode(stream)]:
            raise BrokenError("where the stream is cut changes what is read")
        for frame in found:
            plain = frame.content
            if plain + struct.pack("<I", zlib.crc32(plain)) not in _unstuffed(stream):
                raise BrokenError(f"a frame that nobody sent: {plain.hex()}")

    def corpus() -> Iterator[bytes]:
        coder = FrameCoder()
        for body in (b"", bytes(40), bytes(range(1, 256)), b"\xff" * 300):
            yield coder.encode(Frame(messages.HELLO, messages.PROTOCOL_VERSION, 7, body))

    return read, corpus()


def _unstuffed(stream: bytes) -> list[bytes]:
    """Return what each piece between zeros decodes to, by COBS's own paper."""
    pieces = []
    for coded in stream.split(b"\0"):
        plain, at = bytearray(), 0
        while at < len(coded):
            code = coded[at]
            plain += coded[at + 1 : at + code]
            at += code
            if code < 255 and at < len(coded):
                plain.append(0)
        pieces.append(bytes(plain))
    return pieces


def commands() -> tuple[Target, Iterator[bytes]]:
    """Let a resting pump hear frames, some of them rightly signed, but nothing that moves it.

    Input: frames of kind, how it is signed, length, body.  It must not move, leave or raise.
    """
    from mesor.link import PumpClient
    from mesor.link.frames import Frame, FrameCoder
    from mesor.link.keys import SessionKeys
    from mesor_hil.targets.test_keys import TEST_KEYS
    from mesor_hil.targets.twin import TwinTarget
    from pump.spec import messages, reasons

    moving = (messages.START, messages.TAKE_OVER, messages.MAINTENANCE)
    challenge = bytes(messages.CHALLENGE_BYTES)

    def hear(content: bytes) -> None:
        target, coder, sequence = TwinTarget(), FrameCoder(), 1
        PumpClient(target, keys_of=target.keys_of, challenge=challenge).hello()
        session = SessionKeys(TEST_KEYS, target.app.commands.session.nonce, challenge)
        at = 0
        while at + 3 <= len(content):
            kind, way, length = content[at : at + 3]
            body = content[at + 3 : at + 3 + length]
            at += 3 + length
            sequence += 1
            frame = Frame(kind, messages.PROTOCOL_VERSION, sequence & 0xFFFF, body)
            if way & 1 and kind not in moving:
                frame = Frame.of(session.sign(frame.content))
            target.write(coder.encode(frame))
            target.read()
        app = target.app
        if target.step_edges() or app.therapy.schedule is not None or app.commands.leave:
            raise BrokenError("a resting pump moved or left")
        if app.supervisor.state not in (reasons.STATE_IDLE, reasons.STATE_READY):
            raise BrokenError(f"a resting pump is in state {app.supervisor.state}")

    def corpus() -> Iterator[bytes]:
        words = struct.pack("<I", 300)
        kinds = (value for name, value in vars(messages).items() if name.isupper())
        for kind in sorted({kind for kind in kinds if isinstance(kind, int) and kind < 256}):
            yield bytes([kind, 1, 4]) + words + bytes([kind, 0, 0])
        upload = bytes([messages.PROGRAM_BEGIN, 1, 4]) + words
        upload += bytes([messages.PROGRAM_CHUNK, 1, 68]) + bytes(68)
        yield upload + bytes([messages.PROGRAM_END, 1, 36]) + bytes(36)

    return hear, corpus()


def device_log() -> tuple[Target, Iterator[bytes]]:
    """Read any ring of pages: it is told in lines and turned to JSON, or refused in a sentence.

    Input: pages of 192 bytes; link and magic are made right where a page's first byte is even.
    """
    import hashlib

    from mesor.record.device_log import as_json
    from mesor.record.device_log import device_log as read_ring
    from pump.spec import journal as at

    room = 4 * at.AT_LINK - 32

    def read(content: bytes) -> None:
        ring, link = bytearray(), bytes(32)
        for begin in range(0, len(content), room):
            page = bytearray(content[begin : begin + room].ljust(room, b"\0"))
            if page[0] % 2 == 0:
                page[1:4] = (at.MAGIC >> 8).to_bytes(3, "little")
            head = bytes(page) + link
            link = hashlib.sha256(head).digest()
            ring += head + link
        ring += b"\xff" * (-len(ring) % (at.PAGE_BYTES * at.SECTOR_PAGES))
        log = read_ring(bytes(ring))
        for page_read in log.pages:
            if "\n" in page_read.text:
                raise BrokenError("a page is told in more than one line")
        as_json(log)

    def corpus() -> Iterator[bytes]:
        for kind in range(8):
            head = struct.pack("<8i", kind, 0, 300, 1, 9, 9, 100, 40)
            yield head.ljust(room, b"\1") + head[:4] + b"\1\0\0\0" + head[8:]

    return read, corpus()


def run_log() -> tuple[Target, Iterator[bytes]]:
    """Replay a run's log that was damaged, or have it refused by an error of ours."""
    from mesor.record.replay import replay
    from mesor_hil.run import Order, execute
    from mesor_hil.scenarios import load_scenario

    folder = Path(tempfile.mkdtemp())
    scenario = load_scenario("vancomycin_two_hours")
    execute(Order(scenario, "twin", 1, folder), lambda _: None, lambda *_: None)
    whole = (folder / "run.mcap").read_bytes()
    path = folder / "damaged.mcap"

    def read(damage: bytes) -> None:
        content = bytearray(whole)
        for place, byte in zip(damage[::4], damage[3::4], strict=False):
            at = int.from_bytes(damage[4 * place : 4 * place + 3].ljust(3, b"\0"), "little")
            content[at % len(content)] = byte
        if damage and damage[0] % 4 == 0:
            del content[int.from_bytes(damage[1:4].ljust(3, b"\0"), "little") % len(content) :]
        path.write_bytes(content)
        try:
            replay(path)
        except MesorError:
            return

    return read, iter((b"", bytes(range(64)), b"\4\1\2\3"))


TARGETS = {
    "framing": framing, "commands": commands, "device-log": device_log, "run-log": run_log,
}  # fmt: skip


def main() -> None:
    """Run from the command line until the time is over or an invariant breaks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("name", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--corpus", type=Path, help="folder; else one that is thrown away")
    arguments = parser.parse_args()
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=list(_GUIDING)):
        for name in _GUIDING:
            importlib.import_module(name)
    read, corpus = TARGETS[arguments.name]()
    folder = arguments.corpus or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(corpus):
        (folder / f"made-{number}").write_bytes(content)
    options = [f"-max_total_time={arguments.seconds}", f"-max_len={_LENGTH_MAX}", "-timeout=60"]
    atheris.Setup([sys.argv[0], str(folder), *options], read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
