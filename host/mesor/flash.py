# SPDX-License-Identifier: MIT
"""Puts the firmware on a Pico's file system, with MicroPython's own mpremote.

A pump that already runs is asked to make way first; one that doses refuses, and so does one whose
key this host does not hold.  The board gets its keys here, new ones where this host holds none.
main.py goes first and comes back last: a board whose flashing ended half-way starts nothing.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mesor.errors import LinkError
from mesor.firmware import build_firmware, check_file, firmware_id
from mesor.known_answers import known_answers_file
from mesor.link import PumpClient, SerialPipe
from mesor.link.client import Identity
from mesor.link.keys import make_keys, stored_keys
from pump.spec import integrity, messages

_TIMEOUT_S = 300
_RESTART_S = 20.0  # until the pump must answer: a reset, USB anew, and the imports
_RETRY_S = 0.5
_ASK_ID = "import machine; print(machine.unique_id().hex())"
_NOTE_IMAGE = f"""\
import binascii, uctypes
image = uctypes.bytearray_at(0x10000000, {integrity.IMAGE_BYTES})
with open('{integrity.FILE}', 'r+b') as noted:
    noted.seek({integrity.IMAGE})
    noted.write(binascii.crc32(image).to_bytes(4, 'little'))
"""
# What is gone already need not be removed; anything else that fails is said.
_CLEAR = """\
import os
def remove(path):
    try:
        folder = os.stat(path)[0] & 0x4000
    except OSError:
        return
    if folder:
        for name in os.listdir(path):
            remove(path + '/' + name)
        os.rmdir(path)
    else:
        os.remove(path)
remove('main.py')
remove('pump')
"""


def flash(port: str, say: Callable[[str], None]) -> Identity:
    """Copy the compiled firmware to the board on `port`, restart it, and return who answers.

    Raises LinkError where there is no board, it doses, mpremote fails, or no pump answers after.
    """
    files = build_firmware()
    answered = _make_way(port, say)
    board_id = answered.board_id if answered else _mpremote(port, "resume", "exec", _ASK_ID)
    keys = stored_keys(board_id)
    if keys is None:
        keys = make_keys(board_id)
        say(f"Made keys for board {board_id}; this host alone can give it orders")
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        Path(folder, messages.KEY_FILE).write_bytes(keys.content)
        noted = check_file(files, 0, known_answers_file())  # the board itself notes its image
        Path(folder, integrity.FILE).write_bytes(noted)
        say(f"Copying firmware {firmware_id(files)}, {len(files)} files")
        _mpremote(port, *_copying(Path(folder)))
    say("Waiting for the pump to answer")
    identity = _await_pump(port)
    say(f"Board {identity.board_id} runs firmware {identity.firmware_version}")
    return identity


def _copying(folder: Path) -> list[str]:
    """Return mpremote's commands; `resume` keeps it from a soft reset that would start main.py."""
    packages = [str(path) for path in sorted(folder.iterdir()) if path.is_dir()]
    copy_packages = ["cp", "-r", *packages, ":"]
    copy_keys = ["cp", str(folder / messages.KEY_FILE), f":{messages.KEY_FILE}"]
    copy_check = ["cp", str(folder / integrity.FILE), f":{integrity.FILE}"]
    copy_main = ["cp", str(folder / "main.py"), ":main.py"]
    note_image = ["exec", _NOTE_IMAGE]
    copying = [
        *copy_packages,
        "+",
        *copy_keys,
        "+",
        *copy_check,
        "+",
        *note_image,
        "+",
        *copy_main,
    ]
    return ["resume", "exec", _CLEAR, "+", *copying, "+", "reset"]


def _make_way(port: str, say: Callable[[str], None]) -> Identity | None:
    """Ask a running pump for the REPL, and return who it is; None for a bare board's silence.

    Raises LinkError where there is no port, or a pump answers and refuses.
    """
    pipe = SerialPipe(port)
    try:
        client = PumpClient(pipe, keys_of=stored_keys)
        try:
            identity = client.hello()
        except LinkError:
            if client.heard:
                raise
            say(f"No pump answers on {port}; taking it for a bare MicroPython")
            return None
        client.make_way()
        return identity
    finally:
        pipe.close()


def _await_pump(port: str) -> Identity:
    """Return who answers after the reset; raise LinkError when nobody does in time."""
    end_s = time.monotonic() + _RESTART_S
    while True:
        try:
            pipe = SerialPipe(port)
            try:
                return PumpClient(pipe).hello()
            finally:
                pipe.close()
        except LinkError as error:
            # The port itself is gone while the board enumerates again.
            if time.monotonic() > end_s:
                raise LinkError(
                    f"The firmware was copied to {port}, but no pump answers after the reset; "
                    f"plug the board in again, or see what it prints with mpremote ({error})"
                ) from error
            time.sleep(_RETRY_S)


def _mpremote(port: str, *arguments: str) -> str:
    """Run one mpremote command; return what it printed."""
    command = [sys.executable, "-m", "mpremote", "connect", port, *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise LinkError(f"mpremote did not finish in {_TIMEOUT_S} s on {port}.") from error
    if done.returncode:
        reason = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        raise LinkError(f"mpremote failed on {port}: {reason[-1]}")
    return done.stdout.strip()
