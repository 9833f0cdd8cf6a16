# SPDX-License-Identifier: MIT
"""The bench of the detectors brings about what it says, and fails where a pump finds it not."""

from __future__ import annotations

import pytest

from mesor.program import Program
from mesor_hil.bench_detectors import CAUSES, INNER_CAUSES, Cause, detect
from mesor_hil.targets.emulator import EmulatorTarget
from mesor_hil.targets.twin import TwinTarget
from pump.core.detectors import Detectors
from pump.spec import alarms


def cause_of(alarm: int) -> Cause:
    """Return the first cause of that alarm."""
    return next(cause for cause in CAUSES if cause.alarm == alarm)


def test_every_alarm_but_two_is_brought_about() -> None:
    """No reading that is let in reaches the clamp; the self-test has tests of its own."""
    found = {cause.alarm for cause in CAUSES} | {alarm for _, alarm, _, _ in INNER_CAUSES}
    every = {number for number, _, _ in alarms.TABLE}
    assert every - found == {alarms.OUT_OF_RANGE, alarms.SELF_TEST}


@pytest.mark.parametrize("alarm", [alarms.HOST_SILENT, alarms.CLOCK_DISAGREES])
def test_a_cause_in_the_readings_is_found_as_promised(program: Program, alarm: int) -> None:
    """On the twin; the bench itself runs on the emulated Pico."""
    found = detect(TwinTarget(), program, cause_of(alarm))
    assert found.failures == []
    assert 0.0 < found.told_s <= found.within_s


@pytest.mark.usefixtures("chip")
def test_a_worn_page_is_found_on_the_chip(program: Program) -> None:
    """The emulated flash keeps zeros where a record was written."""
    found = detect(EmulatorTarget(lambda _text: None), program, cause_of(alarms.FLASH_WORN))
    assert found.failures == []


def test_what_a_pump_does_not_find_is_a_failure(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither told nor in the state that the table says, nor there to be acknowledged."""
    monkeypatch.setattr(Detectors, "board", lambda *_: 0)
    found = detect(TwinTarget(), program, cause_of(alarms.BATTERY_LOW))
    assert len(found.failures) == 2
    assert "told after inf s" in found.failures[0]
