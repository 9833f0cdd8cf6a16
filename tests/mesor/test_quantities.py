# SPDX-License-Identifier: MIT
"""Quantities with units: read exactly, or refused in one sentence."""

from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mesor.errors import ScenarioError
from mesor.quantities import parse_quantity, split_key, time_of_day_s


@pytest.mark.parametrize(
    ("key", "short", "symbol"),
    [
        ("duration_h", "duration", "h"),
        ("rate_change_max_mg_h", "rate_change_max", "mg/h"),
        ("conc_mg_ml", "conc", "mg/mL"),
        ("syringe_area_mm2", "syringe_area", "mm2"),
        ("clearance_intercompartmental_2_l_h", "clearance_intercompartmental_2", "L/h"),
        ("time_in_window_min_percent", "time_in_window_min", "%"),
        ("heap_free_min_bytes", "heap_free_min", "bytes"),
        ("creatinine_umol_l", "creatinine", "umol/L"),
        ("renal_clearance_ml_min", "renal_clearance", "mL/min"),
        ("dose_mg_kg", "dose", "mg/kg"),
        ("age_years", "age", "years"),
        ("clearance_cv", "clearance_cv", ""),
        ("ledger_error_steps_max", "ledger_error_steps_max", ""),
        ("time_in_window_min", "time_in_window_min", ""),
        ("h", "h", ""),
    ],
)
def test_a_key_ends_in_its_unit(key: str, short: str, symbol: str) -> None:
    """The unit is the longest one that the key ends in; a last "min" is a minimum."""
    found, unit = split_key(key)
    assert (found, unit.symbol) == (short, symbol)


@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        ("5 min", "tick_s", 300.0),
        ("1 d", "duration_h", 24.0),
        ("24 hours", "duration_h", 24.0),
        ("90 minutes", "duration_h", 1.5),
        ("12 mL/h", "rate_ml_h", 12.0),
        ("0.2 mL/min", "rate_ml_h", 12.0),
        ("15 mg/L", "target_mg_l", 15.0),
        ("15 µg/mL", "target_mg_l", 15.0),
        ("15 μg/ml", "target_mg_l", 15.0),
        ("1.5 mg/dL", "target_mg_l", 15.0),
        ("5 g", "dose_day_max_mg", 5000.0),
        ("5.54 cm²", "syringe_area_mm2", 554.0),
        ("5.54 cm^2", "syringe_area_mm2", 554.0),
        ("40 %", "clearance_cv", 0.4),
        ("0.4", "clearance_cv", 0.4),
        ("95 percent", "time_in_window_min_percent", 95.0),
        ("64 KiB", "heap_free_min_bytes", 65536.0),
        ("1.2 mg/day", "rate_mg_h", 0.05),
        ("  -3e2mL ", "volume_l", -0.3),
        ("83.3 g/L", "conc_mg_ml", 83.3),
        ("106 mmol/L", "creatinine_umol_l", 106_000.0),
    ],
)
def test_a_quantity_comes_out_in_the_unit_of_its_key(text: str, key: str, expected: float) -> None:
    """Exactly: the conversion rounds once, so "0.2 mL/min" is 12 mL/h to the last bit."""
    assert parse_quantity(text, split_key(key)[1]) == expected


@pytest.mark.parametrize(
    ("text", "key", "fragment"),
    [
        ("24", "duration_h", "missing unit"),
        ("12 mg/h", "duration_h", "not a time"),
        ("12 h", "rate_ml_h", "not a volume per time"),
        ("12 mL/h", "rate_mg_h", "not a mass per time"),
        ("12 parsec", "duration_h", "unknown unit 'parsec'"),
        ("5 mg", "clearance_cv", "not a fraction"),
        ("nan h", "duration_h", "not a number"),
        ("inf h", "duration_h", "not a number"),
        ("twelve h", "duration_h", "not a number"),
        ("", "duration_h", "not a number"),
        ("1,5 h", "duration_h", "not a number|unknown unit"),
        ("1_000 h", "duration_h", "unknown unit|not a number"),
        ("٣ h", "duration_h", "not a number"),
        ("9e99999 h", "duration_h", "not a number|unknown unit"),
        ("9" * 5000 + " h", "duration_h", "not a number|unknown unit"),
    ],
)
def test_what_is_not_such_a_quantity_is_refused_in_one_sentence(
    text: str, key: str, fragment: str
) -> None:
    """The sentence says what was read and shows how to write it."""
    with pytest.raises(ScenarioError, match=fragment) as caught:
        parse_quantity(text, split_key(key)[1])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@given(st.text(max_size=60) | st.from_regex(r"[-+0-9.eE ]{0,12}[a-zA-Z%/µ ]{0,8}"))
@example("9" * 30 + "e99 kg/nL")
@example("-.e5 mg")
def test_any_text_gives_a_finite_number_or_a_scenario_error(text: str) -> None:
    """A file from outside may hold anything; no other exception may escape."""
    for key in ("duration_h", "rate_mg_h", "conc_mg_l", "noise_cv", "level_percent"):
        value = 0.0
        with contextlib.suppress(ScenarioError):
            value = parse_quantity(text, split_key(key)[1])
        assert math.isfinite(value)


@given(st.decimals(-1_000_000, 1_000_000, places=6, allow_nan=False))
def test_the_number_is_read_as_python_reads_it(number: object) -> None:
    """In its own unit a quantity is float() of its digits, correctly rounded."""
    text = format(number, "f")
    assert parse_quantity(f"{text} mg/L", split_key("x_mg_l")[1]) == float(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("00:00", 0), ("6:30", 23_400), ("06:30", 23_400), ("23:59", 86_340)]
)
def test_a_time_of_day_is_seconds_since_midnight(text: str, seconds: int) -> None:
    """By the 24 h clock of ISO 8601."""
    assert time_of_day_s(text) == seconds


@pytest.mark.parametrize("text", ["24:00", "12:60", "6", "06:30:00", "6 am", "-1:00", "", "٠٦:٣٠"])
def test_what_is_no_time_of_day_is_refused_with_an_example(text: str) -> None:
    """Midnight is 00:00, and nothing is guessed."""
    with pytest.raises(ScenarioError, match='is no time of day; write "00:00" to "23:59"'):
        time_of_day_s(text)
