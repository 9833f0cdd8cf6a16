# SPDX-License-Identifier: MIT
"""Puts the firmware on a Pico's file system, with MicroPython's own mpremote.

A pump that already runs is asked to make way first; one that doses refuses.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from mesor.errors import LinkError
from mesor.firmware import build_firmware, firmware_id
from mesor.link import PumpClient, SerialPipe

_TIMEOUT_S = 120


def flash(port: str, say: Callable[[str], None]) -> None:
    """Copy the compiled firmware to the board on `port` and restart it.

    Raises LinkError where there is no board, or mpremote fails.
    """
    files = build_firmware()
    _make_way(port, say)
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        say(f"Copying firmware {firmware_id(files)}, {len(files)} files")
        _mpremote(port, "resume", "cp", "-r", *(str(path) for path in Path(folder).iterdir()), ":")
    _mpremote(port, "reset")


def _make_way(port: str, say: Callable[[str], None]) -> None:
    """Ask a running pump for the REPL; a board without the firmware is silent, and ready."""
    pipe = SerialPipe(port)
    try:
        client = PumpClient(pipe)
        client.make_way()
    except LinkError as error:
        say(f"No pump answers on {port}, taking it for a bare MicroPython ({error})")
    finally:
        pipe.close()


def _mpremote(port: str, *arguments: str) -> None:
    """Run one mpremote command."""
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
