# SPDX-License-Identifier: MIT
"""A short run of the fuzzer; the long one is a command of its own."""

from __future__ import annotations

from array import array

import pytest

from mesor_hil.fuzz import FuzzError, fuzz
from pump.core import authentic
from pump.core.commands import Commands
from pump.spec import reasons

FRAMES = 3000


def test_nothing_that_is_thrown_moves_stops_or_swells_the_pump(seed: int) -> None:
    """And every reason to refuse is met on the way, so that the throwing reaches them."""
    report = fuzz(FRAMES, seed)
    assert report.thrown == FRAMES
    assert report.dropped > FRAMES // 10
    met = set(report.refused)
    assert {
        reasons.RESULT_NOT_AUTHENTIC,
        reasons.RESULT_UNKNOWN_MESSAGE,
        reasons.RESULT_WRONG_PROTOCOL,
        reasons.RESULT_BAD_LENGTH,
    } <= met


def test_a_pump_that_did_not_look_at_tags_would_be_caught(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fuzzer must be able to fail."""
    monkeypatch.setattr(authentic, "difference", lambda *_: 0)
    with pytest.raises(FuzzError):
        fuzz(FRAMES, seed)


def test_growth_would_be_caught(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pump that keeps four bytes of every frame would be full within an hour."""
    kept = array("i")
    handle = Commands.handle

    def hoard(commands: Commands, frame: bytearray, length: int) -> None:
        commands.hoard = kept
        kept.append(length)
        handle(commands, frame, length)

    monkeypatch.setattr(Commands, "handle", hoard)
    with pytest.raises(FuzzError, match="grew by"):
        fuzz(FRAMES, seed)
