# SPDX-License-Identifier: MIT
"""Emulated Pico and twin take the same decisions, bit by bit, under noise and dropouts.

This is what makes a log re-executable: machine code on one side, exact Python on
the other, and a closed loop between them that would amplify any difference.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mesor.program import Program, compile_program
from mesor.record.log import RunRecord, read_log
from mesor_hil.run import Order, execute
from mesor_hil.scenarios import Scenario, load_scenario
from mesor_hil.targets.emulator import EmulatorTarget
from pump.spec import reasons
from pump.spec import record as at

from .chip_copies import in_a_copy

SEED = 5
SAMPLES = 200


@pytest.fixture(scope="module")
def noisy(scenario: Scenario) -> Scenario:
    """Return one hour with a bad sensor."""
    sensor = scenario.sensor.model_copy(update={"noise_cv": 0.10, "dropout_probability": 0.3})
    checks = scenario.checks.model_copy(
        update={"time_in_window_min_percent": 0.0, "mdape_max_percent": 100.0}
    )
    changes = {"duration_h": 1.0, "sensor": sensor, "checks": checks}
    return scenario.model_copy(update=changes)


def run_on(
    target: str, noisy: Scenario, program: Program, folder: Path
) -> tuple[dict[str, object], RunRecord, bytes]:
    """Return summary, log and log bytes of a run."""
    order = Order(noisy, target, SEED, folder)
    summary = execute(order, lambda _text: None, lambda *_progress: None, program, SAMPLES)
    return summary, read_log(folder), (folder / "run.mcap").read_bytes()


@pytest.fixture(scope="module")
def emulated(
    noisy: Scenario,
    program: Program,
    booted: EmulatorTarget,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[dict[str, object], RunRecord, bytes]:
    """Return a run on a copy of the emulated Pico."""
    folder = tmp_path_factory.mktemp("emulator") / "run"
    run: tuple[dict[str, object], RunRecord, bytes]
    run = in_a_copy(booted, lambda: run_on("emulator", noisy, program, folder))
    return run


def test_emulator_and_twin_decide_alike(
    emulated: tuple[dict[str, object], RunRecord, bytes],
    noisy: Scenario,
    program: Program,
    tmp_path: Path,
) -> None:
    """Every word but the pump's own stopwatch and heap must agree."""
    _, on_emulator, _ = emulated
    _, on_twin, _ = run_on("twin", noisy, program, tmp_path / "run")
    decided = [i for i in range(on_twin.telemetry.shape[1]) if i not in at.MEASURED]
    assert on_emulator.telemetry.shape == on_twin.telemetry.shape
    assert np.array_equal(on_emulator.telemetry[:, decided], on_twin.telemetry[:, decided])
    assert np.array_equal(on_emulator.edges, on_twin.edges)
    assert 0 in on_emulator.telemetry[:, at.READING_PRESENT], "no dropout: the test shows less"


def test_the_emulated_run_keeps_time_memory_and_account(
    emulated: tuple[dict[str, object], RunRecord, bytes],
) -> None:
    """Tick, solver, heap and ledger figures come from the emulated chip, under their limits."""
    summary, _, _ = emulated
    checks = {check["id"]: check for check in summary["checks"]}  # type: ignore[attr-defined]
    needed = {"tick_median", "tick_max", "solve_mean", "heap_free", "heap_growth", "ledger_error"}
    assert needed <= set(checks)
    assert not [name for name in needed if not checks[name]["pass"]]
    assert summary["replay"] == {"identical": True, "ticks": 12}


def test_a_second_run_of_one_seed_from_a_boot_of_its_own_gives_identical_bytes(
    emulated: tuple[dict[str, object], RunRecord, bytes],
    noisy: Scenario,
    program: Program,
    tmp_path: Path,
) -> None:
    """The log holds every frame with its emulated time; a copied board is as good as a booted."""
    _, _, again = run_on("emulator", noisy, program, tmp_path / "run")
    assert again == emulated[2]


def shortened(name: str) -> Scenario:
    """Return an hour or two of a shipped scenario in which its course shows."""
    whole = load_scenario(name)
    changes: dict[str, object] = {"duration_h": 2.0 if name == "vancomycin_area" else 1.0}
    if name == "cefepime_time_above":  # at rest within the hour, as soon as the fall is foreseen
        changes["therapy"] = whole.therapy.model_copy(update={"share_percent": 10.0})
    if name == "vancomycin_bank":  # kidneys of thrice the clearance: the third model's
        fast = {"clearance_l_h": 3.0 * whole.patient.clearance_l_h, "clearance_change": ()}
        changes |= {"duration_h": 1.25, "patient": whole.patient.model_copy(update=fast)}
    return whole.model_copy(update=changes)


@pytest.mark.parametrize(
    "name",
    [
        "gentamicin_pulse", "vancomycin_area", "fluorouracil_clock", "cefepime_time_above",
        "vancomycin_bank",
    ],
)  # fmt: skip
def test_emulator_and_twin_agree_on_every_course(
    name: str, chip: EmulatorTarget, tmp_path: Path
) -> None:
    """Phase, target, area and a bank's weights are decided words; each shows in one of them."""
    short = shortened(name)
    program = compile_program(short.problem(), SAMPLES)
    _, on_emulator, _ = run_on("emulator", short, program, tmp_path / "emulator")
    _, on_twin, _ = run_on("twin", short, program, tmp_path / "twin")
    decided = [i for i in range(on_twin.telemetry.shape[1]) if i not in at.MEASURED]
    assert np.array_equal(on_emulator.telemetry[:, decided], on_twin.telemetry[:, decided])
    if name in ("gentamicin_pulse", "cefepime_time_above"):
        assert {reasons.PHASE_CHASE, reasons.PHASE_REST} == set(on_twin.telemetry[:, at.PHASE])
    elif name == "vancomycin_bank":
        assert {0, 2} == set(on_twin.telemetry[:, at.MODEL])
    else:
        assert len(set(on_twin.telemetry[:, at.TARGET])) > 1


def test_emulator_and_twin_agree_across_a_takeover(chip: EmulatorTarget, tmp_path: Path) -> None:
    """A program is taken over between two ticks, and both go on with the very same words."""
    whole = load_scenario("vancomycin_kidney_injury")
    entry = whole.programs[0].model_copy(update={"at_h": 0.5})
    short = whole.model_copy(update={"duration_h": 1.0, "programs": (entry,)})
    program = compile_program(short.problem(), SAMPLES)
    summary, on_emulator, _ = run_on("emulator", short, program, tmp_path / "emulator")
    _, on_twin, _ = run_on("twin", short, program, tmp_path / "twin")
    decided = [i for i in range(on_twin.telemetry.shape[1]) if i not in at.MEASURED]
    assert np.array_equal(on_emulator.telemetry[:, decided], on_twin.telemetry[:, decided])
    assert np.array_equal(on_emulator.edges, on_twin.edges)
    assert np.flatnonzero(np.diff(on_twin.telemetry[:, at.PROGRAM])).tolist() == [
        6
    ]  # sent after the tick at 0.5 h
    assert summary["replay"] == {"identical": True, "ticks": 12}
