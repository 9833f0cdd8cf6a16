# SPDX-License-Identifier: MIT
"""A blocked line is found by its slope, an open one never is; volumes and slopes by hand."""

from __future__ import annotations

import random
from array import array

import pytest

from pump.core.line import Line
from pump.spec import program as layout
from pump.spec import reasons

RAW_PER_MMHG = 79.436  # 4 mV of 3.3 V in 16 bits
MMHG_PER_STEP = 0.06925 / 2.0  # a microstep of 69.25 nL into 2 uL/mmHg
REST = 11_915  # 0.6 V
RISE_MMHG = 80.0
LOOK_MS = 250


def line(slack: int = 88) -> Line:
    """Return a line as a program has it; slack: a quarter of the slope of 4 uL/mmHg."""
    words = array("i", [0] * layout.SCALAR_WORDS)
    words[layout.AT_PRESSURE_RISE_RAW] = round(RISE_MMHG * RAW_PER_MMHG)
    words[layout.AT_PRESSURE_SLACK] = slack
    words[layout.AT_PRESSURE_RAW_MAX] = 52_000
    words[layout.AT_PRESSURE_RAW_MIN] = 1_000
    return Line(words)


def shown(mmhg: float) -> int:
    """Return what the converter gives: 12 bits in 16."""
    return int(REST + mmhg * RAW_PER_MMHG) & ~15


@pytest.mark.hazard("occlusion", "occlusion_bolus")
@pytest.mark.parametrize("steps_s", [4.0, 40.0, 401.0])  # 1, 10, 100 mL/h
def test_a_blocked_line_is_found_after_the_same_volume_at_every_rate(steps_s: float) -> None:
    """80 mmHg over a slope of 0.0346 less 0.0043 mmHg a step: 2640 steps, 0.18 mL."""
    watched, made = line(), 0.0
    watched.begin_batch(round(steps_s * 900), 900_000, 0)
    for now_ms in range(0, 900_000, LOOK_MS):
        made = steps_s * now_ms / 1000.0
        if watched.look(shown(made * MMHG_PER_STEP), now_ms):
            break
    assert made == pytest.approx(2_640, rel=0.05, abs=steps_s)
    assert watched.stored == pytest.approx(made, abs=60 + steps_s)
    assert abs(watched.at_zero - REST) < 2 * RAW_PER_MMHG


@pytest.mark.hazard("occlusion")
def test_an_open_line_never_alarms(seed: int) -> None:
    """A day of noise, of an arm raised by 40 cm and lowered, and of rates that change."""
    draw, watched = random.Random(seed), line()
    arm = 0.0
    for now_ms in range(0, 86_400_000, 5_000):
        if now_ms % 300_000 == 0:
            watched.begin_batch(draw.randrange(14_447), 299_000, now_ms)
        if draw.random() < 0.001:
            arm = draw.uniform(-30.0, 30.0)
        assert watched.look(shown(arm + draw.gauss(0.0, 2.0)), now_ms) == 0


def test_the_sum_forgets_what_an_open_line_had_stored() -> None:
    """A rise that the slack has worn off counts no steps for a blockage that comes later."""
    watched = line()
    watched.look(shown(0), 0)
    watched.begin_batch(14_000, 300_000, 0)
    watched.look(shown(20), 1_000)
    assert watched.stored > 0
    for now_ms in range(2_000, 300_000, 1_000):
        watched.look(shown(20), now_ms)
    assert watched.stored == 0


def test_pressure_beyond_its_limits_is_told_without_any_steps() -> None:
    """A sensor that is pulled off, or a limit that is reached while the motor stands."""
    watched = line()
    assert watched.look(52_001, 0) == reasons.FLAG_PRESSURE_HIGH
    assert watched.look(999, 250) == reasons.FLAG_PRESSURE_LOW
    assert watched.look(REST, 500) == reasons.FLAG_PRESSURE_HIGH  # it rose at one leap


def test_what_is_stored_is_taken_once() -> None:
    """A line is relieved once."""
    watched = line()
    watched.look(shown(0), 0)
    watched.begin_batch(1000, 10_000, 0)
    watched.look(shown(30), 5_000)
    assert watched.take_stored() == 500
    assert watched.take_stored() == 0
