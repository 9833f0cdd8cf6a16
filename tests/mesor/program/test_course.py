# SPDX-License-Identifier: MIT
"""What a therapy file of each kind asks of the compiler, and what it may not say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mesor.errors import ScenarioError
from mesor.input_tables import read_table
from mesor.program.problem import ControlModel
from mesor.program.reach import level_after_infusion_mg_l
from mesor.program.therapy_file import TherapyFile

COMMON = """
name = "x"
[drug]
name = "drug"
conc_mg_ml = 40
[model]
model = "one_compartment"
clearance_l_h = 4
volume_central_l = 20
[therapy]
window_low_mg_l = 8
window_high_mg_l = 12
rate_max_mg_h = 400
rate_change_max_mg_h = 400
dose_hour_max_mg = 400
dose_day_max_mg = 4000
fallback_rate_mg_h = 0
"""
PULSE = 'kind = "pulse"\ntarget_mg_l = 10\nchase = "1 h"\ninterval = "24 h"\n'
TROUGH = "trough_max_mg_l = 1\n"
ABOVE = 'kind = "time_above"\ntarget_mg_l = 10\nthreshold_mg_l = 8\ninterval = "8 h"\n'


def therapy_of(text: str) -> TherapyFile:
    """Return the therapy of COMMON and these further keys of [therapy]."""
    return read_table(TherapyFile, COMMON + text, "x.toml")


def test_a_therapy_without_a_kind_holds_a_level() -> None:
    """Files from before there were kinds stay what they were."""
    assert therapy_of("target_mg_l = 10").problem().course.kind == "level"


def test_the_target_of_an_area_is_its_mean_level() -> None:
    """240 mg h/L in 24 h are 10 mg/L; the unit may stand in the value."""
    therapy = therapy_of('kind = "area"\narea = "240 mg*h/L"\nchase = "24 h"')
    assert therapy.therapy.target_mg_l == pytest.approx(10.0)
    assert therapy.problem().targets_mg_l == pytest.approx((9.0, 11.0))
    low, high = therapy.problem().band_mg_l
    assert (9.0 + low, 11.0 + high) == pytest.approx((8.0, 12.0))


def test_a_share_of_the_interval_is_the_time_that_a_chase_counts() -> None:
    """60 % of 8 h are 4.8 h; all of it is a chase without end."""
    assert therapy_of(ABOVE + 'share = "60 %"').problem().course.chase_h == pytest.approx(4.8)
    assert therapy_of(ABOVE + "share_percent = 100").problem().course.chase_h == math.inf


@pytest.mark.parametrize("hours", [0.25, 1.0, 30.0])
def test_the_level_of_an_infusion_is_the_closed_form(hours: float) -> None:
    """R / CL (1 - exp(-CL / V t)), the one-compartment infusion."""
    model = ControlModel(clearance_l_h=4.0, volume_central_l=20.0)
    expected = 400.0 / 4.0 * (1.0 - np.exp(-4.0 / 20.0 * hours))
    assert level_after_infusion_mg_l(model, 400.0, hours) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('kind = "bolus"\ntarget_mg_l = 10', "kind is 'bolus'; it must be one of level, pulse"),
        (PULSE, "trough_max_mg_l is missing; a therapy of kind pulse needs it"),
        (PULSE + TROUGH + "threshold_mg_l = 2", "threshold_mg_l has no place in .* kind pulse"),
        ("target_mg_l = 10\ninterval_h = 8", "interval_h has no place in a .* kind level"),
        (PULSE + "trough_max_mg_l = 11", "trough_max_mg_l is 11 mg/L; it must be below the peak"),
        (PULSE.replace("1 h", "25 h") + TROUGH, "chase_h is 25 h; it must be at most interval_h"),
        (PULSE.replace("1 h", "1 min") + TROUGH, "it must be at least one tick, 300 s"),
        (PULSE.replace("1 h", "20 min") + TROUGH, "The peak of 10 mg/L cannot be reached: .*6.4"),
        (ABOVE + "share_percent = 120", "share_percent is 120 %; .* at most 100"),
        (ABOVE.replace("= 8\n", "= 10\n") + "share_percent = 60", "must be below target_mg_l"),
        ('kind = "area"\narea = "9 mg*h/L"', "chase_h is missing; a therapy of kind area"),
        (
            'kind = "area"\narea_mg_h_l = 240\nchase_h = 24\ntarget_mg_l = 11',
            "for an area it is area_mg_h_l / chase_h, 10 mg/L: leave it out",
        ),
    ],
)
def test_what_a_therapy_may_not_say_is_one_sentence(text: str, sentence: str) -> None:
    """Unknown, missing, misplaced, contradictory or beyond the pump's reach."""
    with pytest.raises(ScenarioError, match=sentence):
        therapy_of(text)


def test_a_level_that_no_rate_can_hold_is_refused() -> None:
    """10 mg/L at 4 L/h take 40 mg/h."""
    text = COMMON.replace("rate_max_mg_h = 400", "rate_max_mg_h = 30")
    with pytest.raises(ScenarioError, match=r"Holding 10 mg/L takes 40 mg/h .* is 30 mg/h"):
        read_table(TherapyFile, text + "target_mg_l = 10", "x.toml")


@pytest.mark.parametrize(
    ("text", "ticks"),
    [
        ("tick_s = 300", 24),
        ("tick_s = 10", 720),  # 24 ticks of 10 s were four minutes: then nothing was given at all
        ('tick_s = 60\nfallback = "30 min"', 30),
    ],
)
def test_the_fallback_lasts_for_a_time_and_not_for_ticks(text: str, ticks: int) -> None:
    """Two hours where a therapy does not say; a lost sensor is no less lost at a quick beat."""
    assert therapy_of(f"target_mg_l = 10\n{text}").problem().safety.fallback_ticks_max == ticks


def test_a_fallback_that_the_pump_cannot_count_is_refused() -> None:
    """A program holds at most a thousand ticks of it."""
    with pytest.raises(ScenarioError, match="fallback_h is 3 h; it must be one tick, 10 s, to"):
        therapy_of("target_mg_l = 10\ntick_s = 10\nfallback_h = 3")
