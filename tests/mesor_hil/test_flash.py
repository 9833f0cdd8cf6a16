# SPDX-License-Identifier: MIT
"""`mesor flash` against pumps on a pseudo-terminal: a twin that doses, and a real MicroPython."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from mesor import flash as flashing
from mesor.errors import LinkError
from mesor.link import PumpClient, SerialPipe
from mesor.link.client import Identity
from mesor.link.keys import PumpKeys
from mesor.program import Program
from mesor_hil.targets.emulator import EmulatorTarget
from mesor_hil.targets.pty_bridge import PtyBridge
from mesor_hil.targets.test_keys import TEST_KEYS
from mesor_hil.targets.twin import TwinTarget

CLOCK_FACTOR = 60
# Says again and again what the board holds, for the port is not open at once after a reset.
MAIN = b"""\
import os, time
while True:
    print('HOLDS', sorted(os.listdir()), sorted(os.listdir('pump')), os.stat('pump/a.txt')[6])
    time.sleep(0.2)
"""
SMALL = {"main.py": MAIN, "pump/a.txt": bytes(range(256)) * 4, "pump/core/b.txt": b"b"}


@pytest.fixture(autouse=True)
def bench_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the host hold the simulated pumps' keys, and no test touch the user's.

    What is copied is small, and needs no compiler.
    """
    monkeypatch.setattr(flashing, "build_firmware", lambda: SMALL)
    monkeypatch.setattr(flashing, "stored_keys", lambda _board_id: TEST_KEYS)


def nothing_said(_text: str) -> None:
    """Take what flash says."""


def test_a_pump_that_doses_is_not_flashed(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its refusal must not be taken for the silence of a bare board."""
    twin = TwinTarget()
    client = PumpClient(twin, keys_of=twin.keys_of)
    client.hello()
    client.upload(program.bytes)
    client.start(CLOCK_FACTOR, 0)
    ran: list[Any] = []
    monkeypatch.setattr(subprocess, "run", lambda *arguments, **_options: ran.append(arguments))
    with PtyBridge(twin) as bridge, pytest.raises(LinkError, match="stop the therapy first"):
        flashing.flash(bridge.port, nothing_said)
    assert ran == []


def test_a_port_that_is_not_there_is_named() -> None:
    """One sentence, with what to try."""
    with pytest.raises(LinkError, match=r"No pump on port '/dev/no_such_port'"):
        flashing.flash("/dev/no_such_port", nothing_said)


def test_main_goes_first_and_comes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """A board whose flashing ended half-way must start nothing; its failure is one sentence."""
    ran: list[list[str]] = []

    def fail(command: list[str], **_options: object) -> subprocess.CompletedProcess[str]:
        ran.append(command)
        return subprocess.CompletedProcess(command, 1, "", "Traceback\nOSError: no space left\n")

    monkeypatch.setattr(subprocess, "run", fail)
    twin = TwinTarget()
    with PtyBridge(twin) as bridge, pytest.raises(LinkError, match="OSError: no space left"):
        flashing.flash(bridge.port, nothing_said)
    (command,) = ran
    assert command[command.index("connect") + 2] == "resume"
    words = " ".join(command)
    assert words.index("remove('main.py')") < words.index("cp -r") < words.index(":main.py")
    assert words.index("pump.key") < words.index(":main.py")
    assert command[-1] == "reset"


def test_a_pump_whose_key_this_host_does_not_hold_is_not_flashed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else whoever reaches the port could give it another key."""
    ran: list[Any] = []
    monkeypatch.setattr(subprocess, "run", lambda *arguments, **_options: ran.append(arguments))
    for keys in (None, PumpKeys(bytes(32), bytes(32))):
        monkeypatch.setattr(flashing, "stored_keys", lambda _board_id, keys=keys: keys)
        with (
            PtyBridge(TwinTarget()) as bridge,
            pytest.raises(LinkError, match="host that flashed the pump"),
        ):
            flashing.flash(bridge.port, nothing_said)
    assert ran == []


def test_a_running_board_makes_way_takes_the_files_and_starts_them(
    monkeypatch: pytest.MonkeyPatch, chip: EmulatorTarget
) -> None:
    """Real MicroPython, real mpremote: the old firmware is gone, the new main.py runs."""
    PumpClient(chip).hello()
    heard: list[bytes] = []

    def hear(port: str) -> Identity:
        pipe = SerialPipe(port)
        text = b""
        while b"HOLDS" not in text or not text.endswith(b"\n"):
            pipe.advance(pipe.now_s + 1.0)
            text += pipe.read()
            assert pipe.now_s < 60.0
        pipe.close()
        heard.append(text)
        return Identity("", 0, b"", "", 0)

    monkeypatch.setattr(flashing, "_await_pump", hear)
    with PtyBridge(chip) as bridge:
        flashing.flash(bridge.port, nothing_said)
    assert (
        b"HOLDS ['main.py', 'pump', 'pump.check', 'pump.key'] ['a.txt', 'core'] 1024\r\n"
        in heard[0]
    )
    assert len(chip.board.resets) == 1
    assert not chip.board.resets[0].timed_out
