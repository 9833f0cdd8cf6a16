# SPDX-License-Identifier: MIT
"""Tests on the emulated Pico begin with a copy of one board that has booted.

A boot takes seconds, a fork a millisecond.  A test that asks for the fixture `chip` runs in a
forked process, whose board is its own; the first EmulatorTarget that it makes is that board.
That a copy is what a boot would give is shown by test_bit_identity.py, byte by byte.
"""

from __future__ import annotations

import base64
import pickle
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from mesor_hil.forked import forked
from mesor_hil.targets.emulator import EmulatorTarget

BOOTED: pytest.StashKey[EmulatorTarget] = pytest.StashKey()


def in_a_copy(chip: EmulatorTarget, deed: Callable[[], Any]) -> Any:
    """Return what `deed` returns, in a forked process where `chip` is the first emulated Pico.

    Fails with the other process's traceback where it raises.
    """
    with warnings.catch_warnings():
        # The threads of pytest-xdist carry messages, of which the copy sends none.
        warnings.filterwarnings("ignore", ".*multi-threaded.*fork", DeprecationWarning)
        ((_, told),) = forked(lambda _number: _told(chip, deed), [[0]], jobs=1)
    result, failure = pickle.loads(base64.b64decode(told))
    if failure:
        pytest.fail(failure, pytrace=False)
    return result


def _told(chip: EmulatorTarget, deed: Callable[[], object]) -> str:
    """Do it in this process, and return how it went."""
    _stand_in(chip)
    try:
        outcome = pickle.dumps((deed(), ""))
    except BaseException:  # a test's own way to fail or skip is none of Exception
        outcome = pickle.dumps((None, traceback.format_exc()))
    return base64.b64encode(outcome).decode()


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
