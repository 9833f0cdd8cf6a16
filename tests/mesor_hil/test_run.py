# SPDX-License-Identifier: MIT
"""A run leaves a folder that can be believed: complete, consistent, re-executable."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from mesor.errors import LinkError, RecordError
from mesor.program import Program
from mesor.record.log import read_log
from mesor.record.replay import replay
from mesor.report.page import write_report
from mesor_hil.run import Order, execute
from mesor_hil.scenarios import Scenario
from pump.spec import record as at


def run_twin(scenario: Scenario, program: Program, seed: int, folder: Path) -> Path:
    """Run the twin quietly; return the folder."""
    order = Order(scenario, "twin", seed, folder)
    execute(order, lambda _text: None, lambda *_progress: None, program)
    return folder


def test_a_run_leaves_every_file_that_the_contract_names(twin_run: Path) -> None:
    """Scripts and reviewers rely on the names."""
    names = {path.name for path in twin_run.iterdir()}
    assert names == {
        "run.mcap", "summary.json", "report.html", "junit.xml", "program.bin", "scenario.toml",
    }  # fmt: skip


def test_the_seed_is_in_every_file_that_can_hold_it(twin_run: Path) -> None:
    """A run must be repeatable from any of its files."""
    assert json.loads((twin_run / "summary.json").read_text())["seed"] == 7
    assert tomllib.loads((twin_run / "scenario.toml").read_text())["seed"] == 7
    assert read_log(twin_run).notes["seed"] == "7"
    properties = ElementTree.parse(twin_run / "junit.xml").findall("properties/property")
    assert {item.get("name"): item.get("value") for item in properties}["seed"] == "7"
    assert "seed 7" in (twin_run / "report.html").read_text()


def test_the_log_accounts_for_every_step(twin_run: Path) -> None:
    """Pins, telemetry and dose are three witnesses of the same volume."""
    run = read_log(twin_run)
    commanded = run.telemetry[:-1, at.STEPS]
    assert np.array_equal(run.edges[1:], commanded)
    per_step_mg = 554.0 * 0.8 / (200 * 32) * 1e-3 * 83.3
    doses_mg = [point.dose_mg for point in run.truth[1:]]
    assert doses_mg == pytest.approx(commanded * per_step_mg, rel=1e-12)


def test_a_replay_of_a_run_is_identical(twin_run: Path) -> None:
    """The log alone is enough to decide everything again."""
    outcome = replay(twin_run)
    assert outcome.identical
    assert outcome.ticks == 24


@pytest.mark.parametrize("word", [at.STEPS, at.MOVE, at.ITERATIONS, at.ESTIMATE, at.PLAN + 3])
def test_a_changed_word_in_the_log_is_named(twin_run: Path, tmp_path: Path, word: int) -> None:
    """A reviewer must learn which tick and which quantity disagree."""
    folder = tmp_path / "run"
    shutil.copytree(twin_run, folder)
    log = folder / "run.mcap"
    record = read_log(twin_run).telemetry[10]
    content = log.read_bytes()
    values = [f'"{name}":{value}' for name, value in _named(record).items()]
    name = list(_named(record))[word]
    value = int(record[word])
    altered = value + 1 if value % 10 != 9 else value - 1  # keeps the length
    start = content.index(",".join(values[:6]).encode())
    place = content.index(f'"{name}":{value}'.encode(), start)
    old, new = f'"{name}":{value}'.encode(), f'"{name}":{altered}'.encode()
    log.write_bytes(content[:place] + new + content[place + len(old) :])
    outcome = replay(folder)
    assert not outcome.identical
    assert outcome.first_difference is not None
    assert outcome.first_difference.startswith(f"tick 10: {name} is {altered}")


def _named(record: np.ndarray) -> dict[str, int]:
    """Return a record's words by name."""
    from mesor.record.fields import field_names

    return dict(zip(field_names(len(record) - at.PLAN), record.tolist(), strict=True))


def test_the_same_seed_gives_the_same_log_bytes(
    scenario: Scenario, program: Program, twin_run: Path, tmp_path: Path
) -> None:
    """Nothing in a log may come from the wall clock."""
    again = run_twin(scenario, program, 7, tmp_path / "again")
    assert (again / "run.mcap").read_bytes() == (twin_run / "run.mcap").read_bytes()


def test_another_seed_gives_other_readings(
    scenario: Scenario, program: Program, twin_run: Path, tmp_path: Path
) -> None:
    """A seed that changes nothing would make all seeds one test."""
    other = read_log(run_twin(scenario, program, 8, tmp_path / "other"))
    assert [point.reading_mg_l for point in other.truth] != [
        point.reading_mg_l for point in read_log(twin_run).truth
    ]


@pytest.mark.parametrize("share", [0.35, 0.6, 0.95])
def test_a_log_that_was_cut_off_is_read_up_to_there(
    twin_run: Path, tmp_path: Path, share: float
) -> None:
    """A power cut must not cost the ticks before it."""
    whole = (twin_run / "run.mcap").read_bytes()
    cut = tmp_path / "run.mcap"
    cut.write_bytes(whole[: int(len(whole) * share)])
    try:
        run = read_log(cut)
    except RecordError as error:
        assert "holds no run" in str(error)
        assert share < 0.5
        return
    assert run.truncated
    whole_run = read_log(twin_run)
    assert run.telemetry.tolist() == whole_run.telemetry[: len(run.telemetry)].tolist()
    assert run.frames == whole_run.frames[: len(run.frames)]
    assert run.attachments == whole_run.attachments


def test_a_report_is_written_again_from_the_folder_alone(twin_run: Path, tmp_path: Path) -> None:
    """`mesor report` must need nothing but the folder."""
    folder = tmp_path / "copy"
    shutil.copytree(twin_run, folder)
    (folder / "report.html").unlink()
    page = write_report(folder).read_text()
    assert page == (twin_run / "report.html").read_text()
    assert "not a medical device" in page
    assert "<script src" not in page
    assert "<link" not in page


def test_a_port_without_a_pump_says_so_in_one_sentence(
    scenario: Scenario, program: Program, tmp_path: Path
) -> None:
    """A wrong port name is the commonest mistake."""
    order = Order(scenario, "/dev/no-such-port", 1, tmp_path / "run")
    with pytest.raises(LinkError, match=r"No pump on port '/dev/no-such-port' \(.*\); name a"):
        execute(order, lambda _text: None, lambda *_progress: None, program)
    assert not (tmp_path / "run").exists()


def test_a_silent_port_is_told_from_a_pump(
    scenario: Scenario, program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """loop:// echoes our own commands: bytes come back, and none is an answer."""
    monkeypatch.setattr("mesor.link.client.ACK_TIMEOUT_S", 0.01)
    order = Order(scenario, "loop://", 1, tmp_path / "run")
    with pytest.raises(LinkError, match="did not answer"):
        execute(order, lambda _text: None, lambda *_progress: None, program)


@pytest.mark.parametrize("clock_factor", [1, 60])
def test_the_bench_clock_changes_no_decision(
    scenario: Scenario, program: Program, twin_run: Path, tmp_path: Path, clock_factor: int
) -> None:
    """Real time and a bench that runs faster must dose alike."""
    slow = scenario.model_copy(
        update={"bench": scenario.bench.model_copy(update={"clock_factor": clock_factor})}
    )
    decided = [index for index in range(at.PLAN + 20) if index not in at.MEASURED]
    telemetry = read_log(run_twin(slow, program, 7, tmp_path / "slow")).telemetry
    assert np.array_equal(telemetry[:, decided], read_log(twin_run).telemetry[:, decided])


def test_the_summary_s_indices_follow_from_the_true_level_in_the_log(twin_run: Path) -> None:
    """MDAPE and overshoot of a run can be checked from run.mcap alone, but for its last level."""
    levels = [point.conc_mg_l for point in read_log(twin_run).truth]
    first = next(index for index, level in enumerate(levels) if 15.0 <= level <= 25.0)
    errors = sorted(abs(100.0 * (level / 20.0 - 1.0)) for level in levels[first:])
    shown = json.loads((twin_run / "summary.json").read_text())["performance"]
    # One level more than the log has moves a median by half a place at most.
    assert errors[len(errors) // 2 - 1] <= shown["mdape"] <= errors[(len(errors) + 1) // 2]
    assert shown["settling_time_s"] == first * 300.0
    assert shown["overshoot"] >= max(100.0 * (max(levels) / 20.0 - 1.0), 0.0) - 1e-9
