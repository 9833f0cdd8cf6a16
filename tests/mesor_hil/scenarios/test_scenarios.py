# SPDX-License-Identifier: MIT
"""Scenarios: those that ship load and round-trip, every bad one is refused in a sentence."""

from __future__ import annotations

import contextlib
import copy
import math
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mesor.errors import ScenarioError
from mesor.patients import CompartmentPatient, SaturablePatient
from mesor_hil.scenarios import (
    DEFAULT_SCENARIO,
    draw_patient,
    load_scenario,
    read_scenario,
    resolved_toml,
    shipped_scenarios,
)

SHIPPED = [name for name, _ in shipped_scenarios()]
BASE = tomllib.loads(resolved_toml(load_scenario(DEFAULT_SCENARIO)))


def _edited(changes: dict[str, Any]) -> str:
    """Return the default scenario as TOML with dotted keys set, or removed where None."""
    table = copy.deepcopy(BASE)
    for dotted, value in changes.items():
        *sections, key = dotted.split(".")
        inner = table
        for section in sections:
            inner = inner.setdefault(section, {})
        if value is None:
            inner.pop(key)
        else:
            inner[key] = value
    return tomli_w.dumps(table)


def test_the_scenarios_ship_with_the_default_first() -> None:
    """`mesor scenarios` prints this list, and `mesor run` without a name takes its head."""
    assert SHIPPED == [
        "vancomycin_infusion",
        "cefepime_time_above",
        "fluorouracil_area",
        "fluorouracil_clock",
        "gentamicin_pulse",
        "propofol_effect_site",
        "propofol_level",
        "vancomycin_area",
        "vancomycin_bank",
        "vancomycin_kidney_injury",
        "vancomycin_line_blocked",
        "vancomycin_noisy_sensor",
        "vancomycin_occlusion",
        "vancomycin_population",
        "vancomycin_two_hours",
    ]
    assert all(description for _, description in shipped_scenarios())


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_scenario_survives_being_resolved_and_read_again(name: str) -> None:
    """The resolved file in a run's folder must be the run, to the last bit."""
    scenario = load_scenario(name)
    assert scenario.name == name
    assert read_scenario(resolved_toml(scenario), "resolved") == scenario


def test_the_default_scenario_says_what_the_design_says() -> None:
    """24 h of vancomycin in an adult: figures of the bench's design."""
    scenario = load_scenario(DEFAULT_SCENARIO)
    assert scenario.duration_s == 86_400
    assert scenario.tick_count == 288
    assert scenario.pump.mechanics().microstep_nl == 69.25
    parameters = scenario.patient.parameters()
    assert (parameters.clearance_l_h, parameters.volume_central_l) == (4.5, 30.0)
    assert scenario.model.clearance_l_h == 4.5


def test_a_scenario_can_be_loaded_by_path(tmp_path: Path) -> None:
    """Users write their own; str and Path both do."""
    path = tmp_path / "mine.toml"
    path.write_text(_edited({"name": "mine", "duration_h": 1}), encoding="utf-8")
    assert load_scenario(path) == load_scenario(str(path))
    assert load_scenario(path).tick_count == 12


def test_a_duration_reads_the_same_in_either_spelling() -> None:
    """`duration_h = 24` and `duration = "24 h"` are one quantity."""
    spoken = read_scenario(_edited({"duration_h": None, "duration": "24 h"}), "spoken")
    assert spoken == read_scenario(_edited({}), "plain")


def test_a_three_compartment_saturable_patient_with_changes_round_trips() -> None:
    """Every optional key of [patient] at once."""
    text = _edited(
        {
            "patient.model": "three_compartment",
            "patient.clearance_intercompartmental_2_l_h": 0.8,
            "patient.volume_peripheral_2_l": 120,
            "patient.vmax_mg_h": 100,
            "patient.km": "2 mg/L",
            "patient.clearance_change": [{"at": "6 h", "factor": 0.5}],
        }
    )
    scenario = read_scenario(text, "three.toml")
    assert read_scenario(resolved_toml(scenario), "resolved") == scenario
    patient = draw_patient(scenario, seed=1)
    assert isinstance(patient, SaturablePatient)
    assert len(patient.amounts_mg) == 3


def test_without_variability_every_seed_draws_the_nominal_patient() -> None:
    """The default scenario's patient is the controller's model exactly."""
    scenario = load_scenario(DEFAULT_SCENARIO)
    patient = draw_patient(scenario, seed=99)
    assert isinstance(patient, CompartmentPatient)
    assert patient.parameters == scenario.patient.parameters()


def test_with_variability_patients_differ_by_seed_and_by_index() -> None:
    """A campaign counts patients under one seed; single runs change the seed."""
    scenario = load_scenario("vancomycin_population")
    drawn = [draw_patient(scenario, s, i) for s, i in [(1, 0), (2, 0), (1, 1)]]
    for patient in drawn:
        patient.advance(500.0, 3600.0)
    assert len({patient.conc_mg_l for patient in drawn}) == 3


def test_a_clearance_change_reaches_the_patient() -> None:
    """One compartment: exp(-CL/V t) with CL halved from 1 h on, after a short bolus-like hour."""
    text = _edited(
        {
            "patient": {"model": "one_compartment", "clearance_l_h": 3, "volume_central_l": 30},
            "model": None,
            "patient.clearance_change": [{"at_h": 1, "factor": 0.5}],
        }
    )
    patient = draw_patient(read_scenario(text, "change.toml"), seed=1)
    patient.advance(300.0, 3600.0)
    start = patient.conc_mg_l
    patient.advance(0.0, 3600.0)
    assert patient.conc_mg_l == pytest.approx(start * math.exp(-0.05), rel=1e-12)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"duration_h": None, "duration": 24}, r"duration is 24: missing unit; write duration_h = 24"),
    ({"duration_h": None, "duration": "24"}, r"duration: missing unit in '24'"),
    ({"duration_h": "24 mg"}, r"duration_h: '24 mg' is a mass, not a time"),
    ({"duration_h": 0}, r"duration_h is 0 h; .* more than 0 and at most 744 h"),
    ({"duration_h": math.inf}, r"duration_h is inf h; it must be a number"),
    ({"duration_h": 0.01}, r"duration_h is 0\.01 h, 0\.12 ticks of 300 s; .* whole number"),
    ({"duration_h": 1e-12}, r"duration_h is 1e-12 h, .* at least one"),
    ({"duration_h": None}, r"duration_h is missing; .* 744 h"),
    ({"durration_h": 24}, r"durration_h is not a known key; the nearest one is duration_h"),
    ({"seed": -1}, r"seed is -1; it must be a whole number, at least 0"),
    ({"seed": 1.5}, r"seed is 1\.5; it must be a whole number"),
    ({"name": ""}, r"name is ''; it must be text"),
    ({"drug": None}, r"the section \[drug\] is missing"),
    ({"drug": 5}, r"drug must be a section, \[drug\]"),
    ({"drug.conc_mg_ml": None, "drug.conc": "83 mg/h"}, r"drug\.conc: .* not a mass per volume"),
    (
        {"patient.volume_central_l": -30},
        r"patient\.volume_central_l is -30 L; .* more than 0 and at most 1000000 L",
    ),
    ({"patient.volume_central_l": math.nan}, r"patient\.volume_central_l is nan L"),
    ({"patient.volume_centrl_l": 3}, r"patient\.volume_centrl_l is not .* volume_central_l"),
    ({"patient.model": "one_compartment"}, r"\[patient\] .* no place in a one_compartment model"),
    ({"patient.model": "four_compartment"}, r"patient\.model is 'four_compartment'; .* one of"),
    ({"patient.volume_peripheral_l": None}, r"\[patient\] volume_peripheral_l is missing"),
    ({"patient.clearance_l_h": 0}, r"\[patient\] The patient eliminates nothing"),
    ({"patient.vmax_mg_h": 100}, r"\[patient\] .*km_mg_l is 0"),
    ({"patient.clearance_change": [{"at_h": -1, "factor": 1}]}, r"clearance_change\[0\]\.at_h"),
    ({"patient.clearance_change": [{"at_h": 1, "factor": 0}]}, r"factor is 0; .* more than 0"),
    ({"patient.clearance_change": [{"at": 1, "factor": 1}]}, r"missing unit; write at_h = 1"),
    ({"variability.clearance_cv": 40}, r"clearance_cv is 40; .* at least 0 and at most 2"),
    ({"variability.clearance_cv": "40 mg"}, r"variability\.clearance_cv: .* not a fraction"),
    ({"sensor.noise_cv": -0.1}, r"sensor\.noise_cv is -0\.1; .* at least 0 and at most 1"),
    ({"sensor.dropout_probability": 1.2}, r"dropout_probability is 1\.2; .* at most 1"),
    ({"sensor.lag": 60, "sensor.lag_s": None}, r"sensor\.lag is 60: missing unit"),
    ({"therapy.target_mg_l": 30}, r"target_mg_l is 30 mg/L; .* between 15 and 25 mg/L"),
    ({"therapy.target_mg_l": 25}, r"target_mg_l is 25 mg/L; .* inside the window"),
    ({"therapy.window_low_mg_l": 26}, r"window_low_mg_l is 26 mg/L and window_high_mg_l is 25"),
    ({"therapy.rate_max_mg_h": math.nan}, r"therapy\.rate_max_mg_h is nan mg/h"),
    ({"therapy.rate_max_mg_h": True}, r"therapy\.rate_max_mg_h is true; it must be a number"),
    ({"therapy.rate_max_mg_h": 10**400}, r"therapy\.rate_max_mg_h is 1000"),
    ({"therapy.fallback_rate_mg_h": 1001}, r"fallback_rate_mg_h is 1001 mg/h; .* at most"),
    ({"therapy.dose_day_max_mg": 900}, r"dose_day_max_mg is 900 mg; .* at least dose_hour_max"),
    ({"therapy.tick_s": 301}, r"tick_s is 301 s; it must divide an hour"),
    ({"therapy.tick_s": 5}, r"therapy\.tick_s is 5 s; .* at least 10 and at most 900 s"),
    ({"therapy.tick_s": None, "therapy.tick": "5 mL"}, r"therapy\.tick: '5 mL' is a volume"),
    ({"therapy.horizon": 41}, r"therapy\.horizon is 41; .* at least 5 and at most 40"),
    ({"therapy.horizon": 44}, r"therapy\.horizon is 44; .* at most 40"),
    (
        {"therapy.target_mg_l": None},
        r"therapy\.target_mg_l is missing; .* more than 0 and at most",
    ),
    ({"model.model": "three_compartment"}, "intercompartmental_2_l_h is missing; a three_comp"),
    ({"model.model": "four"}, r"model\.model is 'four'; .* one of"),
    ({"therapy.target_site": "effect_site"}, "model has none; give its ke0_per_h"),
    ({"bank.clearance_factors": [0.5, 0.5]}, "they must differ"),
    ({"bank.clearance_factors": [0.01, 1]}, "each must lie between 0.1 and 10"),
    ({"bank.clearance_factors": [0.3, 0.5, 0.7, 1.5, 2, 3]}, "make 7 models"),
    ({"bank.clearance_factors": "half"}, r"must be a list of numbers"),
    ({"model.clearance_l_h": 0}, r"\[model\] clearance_l_h is 0 L/h"),
    ({"model": None, "patient.vmax_mg_h": 9, "patient.km_mg_l": 1}, r"section \[model\] is miss"),
    ({"pump.syringe_area_mm2": 0}, r"pump\.syringe_area_mm2 is 0 mm2; .* at least 0\.001 and"),
    ({"pump.microsteps": 0}, r"pump\.microsteps is 0; .* at least 1 and at most 256"),
    ({"bench.clock_factor": 0}, r"bench\.clock_factor is 0; .* at most 3000"),
    ({"bench.clock_factor": 2800}, r"do not fit into the 107 ms that bench\.clock_factor 2800"),
    ({"programs": [{"at_h": 24}]}, r"sent at 24 h; it must come .* before the end at 24 h"),
    ({"programs": [{"at_h": 9}, {"at_h": 8}]}, r"sent at 8 h; it must come after .* at 9 h"),
    (
        {"programs": [{"at_h": 9, "model": {"clearance_l": 2}}]},
        r"the program sent at 9 h: model\.clearance_l is not a known key; .* clearance_l_h",
    ),
    ({"checks.time_in_window_min_percent": 101}, r"is 101 %; .* at most 100 %"),
    ({"checks.mdape_max": 10, "checks.mdape_max_percent": None}, r'mdape_max = "10 %"'),
]


@pytest.mark.parametrize(("changes", "sentence"), BAD, ids=lambda case: str(case)[:50])
def test_a_bad_scenario_is_refused_in_one_sentence_that_names_file_and_key(
    changes: dict[str, Any], sentence: str
) -> None:
    """A bench tester mends the file from this sentence alone."""
    with pytest.raises(ScenarioError) as caught:
        read_scenario(_edited(changes), "bad.toml")
    message = str(caught.value)
    assert re.search(sentence, message), message
    assert message.startswith("bad.toml: ")
    assert "\n" not in message
    assert "pydantic" not in message
    assert len(message) < 400


@pytest.mark.parametrize("text", ["name = ", "[drug", "a = 1\na = 2", "x = 1e", "\0"])
def test_broken_toml_is_a_sentence_with_its_place(text: str) -> None:
    """The parser names line and column; the file's name is added."""
    with pytest.raises(ScenarioError, match=r"bad\.toml: this is not valid TOML: .*"):
        read_scenario(text, "bad.toml")


def test_an_unknown_scenario_is_answered_with_the_nearest_that_ships() -> None:
    """A typing mistake on the command line is the commonest error of all."""
    with pytest.raises(ScenarioError, match="nearest that ships is vancomycin_infusion"):
        load_scenario("vancomicin_infusion")


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    """Missing, a directory, not text: never a traceback."""
    with pytest.raises(ScenarioError, match="No such file"):
        load_scenario(tmp_path / "absent.toml")
    with pytest.raises(ScenarioError, match="cannot be read"):
        load_scenario(tmp_path)
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ScenarioError, match="not UTF-8"):
        load_scenario(binary)
    with pytest.raises(ScenarioError, match="cannot be read"):
        load_scenario("null\0byte.toml")


def _leaves(table: dict[str, Any], prefix: str = "") -> list[str]:
    """Return the dotted keys of every value in the resolved default scenario."""
    found = []
    for key, value in table.items():
        found.append(prefix + key)
        if isinstance(value, dict):
            found += _leaves(value, f"{prefix}{key}.")
    return found


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["5 min", "1e9 mg/h", "-3 L", "95 %"])
)


@settings(max_examples=300, deadline=None)
@given(
    key=st.sampled_from(_leaves(BASE)),
    value=st.recursive(
        SCALARS.filter(lambda scalar: scalar is not None),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["at_h", "factor", "x"]), inner, max_size=3)
        ),
        max_leaves=4,
    ),
)
@example(key="drug.conc_mg_ml", value=5e-324)
@example(key="therapy.rate_max_mg_h", value=1e308)
@example(key="pump.pitch_mm", value=1e-320)
def test_any_value_anywhere_gives_a_scenario_or_a_scenario_error(key: str, value: Any) -> None:
    """No other exception leaves the loader, whatever a file holds."""
    scenario = None
    with contextlib.suppress(ScenarioError):
        scenario = read_scenario(_edited({key: value}), "any.toml")
    if scenario is not None:
        assert read_scenario(resolved_toml(scenario), "again.toml") == scenario
