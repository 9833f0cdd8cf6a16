# SPDX-License-Identifier: MIT
"""Tests on the emulated Pico begin with a copy of one board that has booted.

A boot takes seconds, a fork a millisecond.  A test that asks for the fixture `chip` runs in a
forked process, whose board is its own; the first EmulatorTarget that it makes is that board.
That a copy is what a boot would give is shown by test_bit_identity.py, byte by byte.
"""

from __future__ import annotations

import os
import pickle
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from mesor_hil.targets.emulator import EmulatorTarget

BOOTED: pytest.StashKey[EmulatorTarget] = pytest.StashKey()


def in_a_copy(chip: EmulatorTarget, deed: Callable[[], Any]) -> Any:
    """Return what `deed` returns, in a forked process where `chip` is the first emulated Pico.

    Fails with the other process's traceback where it raises.
    """
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        # The threads of pytest-xdist carry messages, of which the copy sends none.
        warnings.simplefilter("ignore", DeprecationWarning)
        process = os.fork()
    if process == 0:
        os.close(reader)
        _be_the_copy(chip, deed, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        written = stream.read()
    _, status = os.waitpid(process, 0)
    if not written:
        pytest.fail(f"the copy ended with status {os.waitstatus_to_exitcode(status)}")
    result, failure = pickle.loads(written)
    if failure:
        pytest.fail(failure, pytrace=False)
    return result


def _be_the_copy(chip: EmulatorTarget, deed: Callable[[], object], writer: int) -> None:
    """Do it, write how it went, and end this process."""
    _stand_in(chip)
    try:
        outcome = pickle.dumps((deed(), ""))
    except BaseException:  # a test's own way to fail or skip is none of Exception
        outcome = pickle.dumps((None, traceback.format_exc()))
    try:
        with os.fdopen(writer, "wb") as stream:
            stream.write(outcome)
    finally:
        os._exit(0)  # nothing of the parent's is the copy's to end


def _stand_in(chip: EmulatorTarget) -> None:
    """Let the next EmulatorTarget with the firmware's own files be the board of `chip`."""
    boot = EmulatorTarget.__init__

    def begin(
        target: EmulatorTarget, say: Callable[[str], None], *altered: Any, **named: Any
    ) -> None:
        if altered or named:
            boot(target, say, *altered, **named)
        else:
            vars(target).update(vars(chip))
            EmulatorTarget.__init__ = boot  # type: ignore[method-assign]

    EmulatorTarget.__init__ = begin  # type: ignore[method-assign]
