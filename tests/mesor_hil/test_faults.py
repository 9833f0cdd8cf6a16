# SPDX-License-Identifier: MIT
"""Every fault that the bench can make is named and stops the motor, on chip and twin alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from mesor.errors import LinkError
from mesor.program import Program
from mesor.record.log import read_log
from mesor_hil.faults import PIN_STOP_S
from mesor_hil.plant import BLOCKS
from mesor_hil.run import Order, execute
from mesor_hil.scenarios import Scenario, resolved_toml
from mesor_hil.scenarios.loader import read_scenario
from mesor_hil.scenarios.schema import FaultEntry, FaultKind
from mesor_hil.targets.board_faults import BOARD_FAULTS, PinFault
from mesor_hil.targets.pico import PortTarget
from pump.app import App
from pump.spec import limits, reasons
from pump.spec import record as at

FAULT_H = 3.48 / 12  # in the middle of a batch, 3.48 ticks after the first
NAMES = {
    "door_open": "fault_door_open",
    "air_in_line": "fault_air_in_line",
    "occlusion": "fault_occlusion",
    "driver_fault": "fault_driver",
    "pressure_high": "fault_pressure_high",
    "reservoir_empty": "fault_reservoir_empty",
    "battery_empty": "fault_battery_empty",
}


@pytest.fixture(params=["twin", "emulator"])
def target(request: pytest.FixtureRequest) -> str:
    """Return each target's name in turn; the emulated Pico is one that has booted."""
    if request.param == "emulator":
        request.getfixturevalue("chip")
    return str(request.param)


def with_fault(scenario: Scenario, hours: float, **fault: Any) -> Scenario:
    """Return the scenario, that long, with one fault and nothing asked of the level."""
    checks = scenario.checks.model_copy(
        update={"time_in_window_min_percent": 0.0, "mdape_max_percent": 100.0}
    )
    changes = {"duration_h": hours, "faults": (FaultEntry(**fault),), "checks": checks}
    return scenario.model_copy(update=changes)


def run(scenario: Scenario, program: Program, target: str, folder: Path) -> dict[str, Any]:
    """Run quietly; return the summary."""
    order = Order(scenario, target, 3, folder)
    return execute(order, lambda _text: None, lambda *_progress: None, program)


@pytest.mark.parametrize("kind", NAMES)
def test_a_fault_of_the_board_is_named_and_stops_the_motor(
    scenario: Scenario, program: Program, tmp_path: Path, kind: str, target: str
) -> None:
    """A pin within 0.3 s, a voltage with its tick; delivered is what the stepper says was done."""
    is_pin = isinstance(BOARD_FAULTS[kind], PinFault)
    lasts_h = 1 / 120 if is_pin else None  # a pin's fault may be over before the next tick
    faulty = with_fault(scenario, 0.5, kind=kind, at_h=FAULT_H, lasts_h=lasts_h)
    summary = run(faulty, program, target, tmp_path)
    checks = {check["id"]: check for check in summary["checks"]}
    assert summary["verdict"] == "pass", checks
    assert checks["steps_after_stop"]["value"] == 0
    assert [(alarm["t_s"], alarm["id"]) for alarm in summary["alarms"]] == [(1200, NAMES[kind])]
    record = read_log(tmp_path).telemetry[4]
    cut_short = record[at.STEPS_DONE] < read_log(tmp_path).telemetry[3][at.STEPS]
    assert cut_short == (is_pin or kind == "pressure_high")  # which is looked at as often


@pytest.mark.hazard("occlusion", "occlusion_bolus")
def test_a_blocked_line_is_found_relieved_and_gives_no_bolus(
    scenario: Scenario, program: Program, tmp_path: Path, target: str
) -> None:
    """GIP 1.10.7 allows 0.5 mL after release; edges back are counted at the pins and all told."""
    faulty = with_fault(scenario, 0.75, kind="line_blocked", at_h=FAULT_H, lasts_h=0.4)
    summary = run(faulty, program, target, tmp_path)
    checks = {check["id"]: check for check in summary["checks"]}
    assert summary["verdict"] == "pass", checks
    assert checks["post_occlusion_bolus"]["value"] < 0.05
    records = read_log(tmp_path).telemetry
    back_ml = records[:, at.STEPS_BACK].sum() * 69.25e-6
    assert 0.1 < back_ml < 0.5  # what it would have been
    assert [alarm["id"] for alarm in summary["alarms"]] == ["fault_pressure_high"]


@pytest.mark.hazard("occlusion")
def test_a_line_blocked_upstream_is_found(
    scenario: Scenario, program: Program, tmp_path: Path
) -> None:
    """Nothing comes, the pressure falls, and nothing is turned back."""
    faulty = with_fault(scenario, 1.0, kind="line_blocked_upstream", at_h=FAULT_H)
    summary = run(faulty, program, "twin", tmp_path)
    assert summary["verdict"] == "pass", summary["checks"]
    assert [alarm["id"] for alarm in summary["alarms"]] == ["fault_pressure_low"]
    assert not read_log(tmp_path).telemetry[:, at.STEPS_BACK].any()


def test_a_pump_that_looks_at_its_pins_too_late_fails_the_verdict(
    scenario: Scenario, program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check must be able to fail."""
    monkeypatch.setattr(App, "_check_flags", lambda _app: None)
    faulty = with_fault(scenario, 0.5, kind="occlusion", at_h=FAULT_H)
    summary = run(faulty, program, "twin", tmp_path)
    failed = {check["id"] for check in summary["checks"] if not check["pass"]}
    assert failed == {"steps_after_stop"}


def test_without_a_sensor_the_pump_falls_back_and_comes_back(
    scenario: Scenario, program: Program, tmp_path: Path
) -> None:
    """Six stale ticks of plan, then the fallback rate, then closed loop again; no fault."""
    silent = with_fault(scenario, 2.0, kind="sensor_silent", at_h=0.49, lasts_h=0.75)
    summary = run(silent, program, "twin", tmp_path)
    assert summary["verdict"] == "pass"
    sources = read_log(tmp_path).telemetry[:, at.PLAN_SOURCE].tolist()
    assert sources.count(reasons.PLAN_FALLBACK) == 3
    assert sources[6:12] == [reasons.PLAN_SOLVED] * 6
    assert sources[12:15] == [reasons.PLAN_FALLBACK] * 3
    assert sources[15:] == [reasons.PLAN_SOLVED] * 9


def test_noise_on_the_line_costs_readings_and_nothing_else(
    scenario: Scenario, program: Program, tmp_path: Path, target: str
) -> None:
    """Random bytes never fault the pump, never move it otherwise than its records say."""
    noisy = with_fault(scenario, 0.75, kind="line_noise", at_h=0.2, lasts_h=0.4)
    summary = run(noisy, program, target, tmp_path)
    passed = {check["id"] for check in summary["checks"] if check["pass"]}
    assert {"ticks_in_fault", "replay_differences", "ledger_error"} <= passed
    assert summary["volume"]["ledger_error_steps"] == 0
    present = read_log(tmp_path).telemetry[:, at.READING_PRESENT]
    assert 0 < present.sum() < len(present)


def test_every_fault_that_a_scenario_may_name_can_be_made() -> None:
    """Two lists of the same names, held equal."""
    assert set(get_args(FaultKind)) == {*BOARD_FAULTS, *BLOCKS, "sensor_silent", "line_noise"}
    assert set(NAMES) == set(BOARD_FAULTS)


def test_a_real_board_cannot_be_given_faults() -> None:
    """The bench has no hand to open its door: a sentence, not a run that proves nothing."""
    port = PortTarget("loop://")
    with pytest.raises(LinkError, match="real board"):
        port.set_fault(BOARD_FAULTS["door_open"], True)
    port.close()


def test_the_time_allowed_for_a_pin_is_the_firmwares_own() -> None:
    """The verdict may not be looser than what the pump promises."""
    assert limits.CHECK_INTERVAL_MS / 1000 < PIN_STOP_S <= limits.CHECK_INTERVAL_MS / 1000 + 0.05


def test_a_scenario_file_states_faults(tmp_path: Path, scenario: Scenario) -> None:
    """Written out and read again, a fault is the same."""
    faulty = with_fault(scenario, 1.0, kind="occlusion", at_h=0.25)
    again = read_scenario(resolved_toml(faulty), "test")
    assert again == faulty
    assert json.loads(again.model_dump_json())["faults"][0]["kind"] == "occlusion"
