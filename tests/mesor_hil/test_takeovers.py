# SPDX-License-Identifier: MIT
"""A person's new therapy file takes a running one over, or is refused and the therapy goes on."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
import tomli_w

from mesor.input_tables import read_table
from mesor.program import Program
from mesor.program.therapy_file import TherapyFile
from mesor.record.log import RunRecord, read_log
from mesor.record.replay import replay
from mesor.report.plots import plots
from mesor_hil.run import Order, execute
from mesor_hil.scenarios import Scenario, load_scenario
from mesor_hil.takeovers import NewProgram, WatchedFile
from pump.spec import record as at

SAMPLES = 100


def therapy_of(scenario: Scenario, **sections: dict[str, Any]) -> str:
    """Return the scenario's therapy as a file, with some keys changed; it has no [pump]."""
    table = scenario.model_dump(include=set(TherapyFile.model_fields), exclude_none=True)
    del table["pump"]
    for section, keys in sections.items():
        table[section] |= keys
    return tomli_w.dumps(table)


def run_with(
    scenario: Scenario, program: Program, folder: Path, written: dict[int, str]
) -> tuple[dict[str, Any], RunRecord, list[str]]:
    """Run the twin while a person writes these texts after these ticks; return what it left."""
    watched, said = folder.parent / "new.toml", list[str]()

    def progress(tick: int, _ticks: int, _conc_mg_l: float) -> None:
        if tick in written:
            watched.write_text(written[tick])

    order = Order(scenario, "twin", 7, folder, watched)
    summary = execute(order, said.append, progress, program, SAMPLES)
    return summary, read_log(folder), said


def test_a_therapy_that_is_written_during_a_run_takes_over(
    scenario: Scenario, program: Program, tmp_path: Path
) -> None:
    """A person at a running pump has the new dose at the bedside, not in the scenario."""
    text = therapy_of(scenario, model={"clearance_l_h": 2.3})
    summary, run, said = run_with(scenario, program, tmp_path / "run", {8: text})
    (entry,) = summary["takeovers"]
    # Written after the eighth tick, seen after the ninth: the tenth, at 45 min, is its own.
    assert (entry["t_s"], entry["taken_over"]) == (9 * 300, True)
    assert np.flatnonzero(np.diff(run.telemetry[:, at.PROGRAM])).tolist() == [8]
    assert int(run.telemetry[9, at.PROGRAM]) == int(entry["program"], 16) & 0x3FFFFFFF
    assert run.attachments["takeover-1.toml"] == text.encode()
    assert (tmp_path / "run" / "takeover-1.toml").read_text() == text
    assert entry["sentence"] in said
    assert entry["sentence"] in (tmp_path / "run" / "report.html").read_text()
    assert replay(tmp_path / "run").identical


def test_every_stretch_is_drawn_by_the_program_that_decided_it(
    scenario: Scenario, program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Levels are in each program's own unit: by the first one's they were twice too high."""
    lower = {"target_mg_l": 10.0, "window_low_mg_l": 7.5, "window_high_mg_l": 12.5}
    lower |= {"rate_max_mg_h": 500.0, "rate_change_max_mg_h": 200.0, "dose_hour_max_mg": 500.0}
    _, run, _ = run_with(
        scenario, program, tmp_path / "run", {8: therapy_of(scenario, therapy=lower)}
    )
    drawn: list[go.Figure] = []
    monkeypatch.setattr(go.Figure, "to_html", lambda figure, **_: drawn.append(figure) or "")
    plots(run)
    (figure,) = drawn
    traces = {trace.name: trace for trace in figure.data}
    hours = np.array(traces["estimate"].x)
    assert hours.tolist() == pytest.approx((np.arange(24) / 12).tolist())
    # The bench's own patient is the oracle: an estimate is near the true level throughout.
    true_mg_l = np.array([point.conc_mg_l for point in run.truth])
    assert np.array(traces["estimate"].y)[2:] == pytest.approx(true_mg_l[2:], rel=0.15)
    assert np.array(traces["target"].y) == pytest.approx([20.0] * 9 + [10.0] * 15, rel=1e-3)
    windows = [shape for shape in figure.layout.shapes if shape.type == "rect"]
    places = [(shape.x0, shape.x1, shape.y0, shape.y1) for shape in windows]
    assert np.array(places) == pytest.approx(
        np.array([(0.0, 0.75, 15.0, 25.0), (0.75, 2.0, 7.5, 12.5)]), rel=1e-3
    )
    # A plan's first level is the next tick's, whose estimate is near.
    for plan in (trace for trace in figure.data if trace.name == "plans"):
        after = np.interp(plan.x[0], hours, traces["estimate"].y)
        assert plan.y[0] == pytest.approx(after, rel=0.25, abs=1.0)


def test_what_cannot_take_over_is_a_sentence_and_the_therapy_goes_on(
    scenario: Scenario, program: Program, twin_run: Path, tmp_path: Path
) -> None:
    """A slip in a file must not stop a patient's infusion, nor change one step of it."""
    written = {
        2: "therapy = ",
        4: therapy_of(scenario, therapy={"target_mg_l": 30.0}),
        6: therapy_of(scenario, model={"rhythm": {"amplitude_percent": 20, "acrophase": "06:00"}}),
        8: therapy_of(scenario, therapy={"tick_s": 600}),
        10: therapy_of(scenario, drug={"name": "cefazolin"}),
    }
    summary, run, said = run_with(scenario, program, tmp_path / "run", written)
    assert not any(entry["taken_over"] for entry in summary["takeovers"])
    refusals = [entry["sentence"] for entry in summary["takeovers"]]
    for sentence, reason in zip(
        refusals,
        ("not valid TOML", "inside the window", "start_time is missing", "another tick", "drug"),
        strict=True,
    ):
        assert reason in sentence
        assert "the therapy goes on as it was" in sentence
    assert set(refusals) <= set(said)
    decided = [word for word in range(at.INPUT_WORDS, at.PLAN) if word not in at.MEASURED]
    undisturbed = read_log(twin_run)
    assert np.array_equal(run.telemetry[:, decided], undisturbed.telemetry[:, decided])
    assert summary["verdict"] == "pass"


def test_a_file_that_stood_there_before_is_no_order(
    scenario: Scenario, program: Program, tmp_path: Path
) -> None:
    """Yesterday's therapy must not take over because somebody began a run."""
    (tmp_path / "new.toml").write_text(therapy_of(scenario, model={"clearance_l_h": 2.3}))
    summary, _, said = run_with(scenario, program, tmp_path / "run", {})
    assert summary["takeovers"] == []
    assert any("once it is written anew" in sentence for sentence in said)


def test_a_file_is_compiled_beside_the_run_where_time_is_real(
    scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readings of a real pump go on while a program is compiled for half a minute."""
    go_on, compile_file = threading.Event(), WatchedFile._compile

    def compile_later(watched: WatchedFile) -> None:
        go_on.wait()
        compile_file(watched)

    monkeypatch.setattr(WatchedFile, "_compile", compile_later)
    path = tmp_path / "new.toml"
    watched = WatchedFile(path, scenario, SAMPLES, real_time=True)
    assert list(watched.due(0.0)) == []
    path.write_text("odd = 1\n" + therapy_of(scenario))
    assert list(watched.due(300.0)) == []  # it came, and is being looked at
    go_on.set()
    watched.join()
    (found,) = watched.due(301.0)
    assert found.refusal is not None
    assert "odd" in found.refusal
    assert list(watched.due(302.0)) == []  # once


def test_a_therapy_without_a_pump_is_for_the_one_that_runs(scenario: Scenario) -> None:
    """`mesor prescribe` writes no [pump]; the syringe at the bedside is the scenario's."""
    small = scenario.model_copy(
        update={"pump": scenario.pump.model_copy(update={"syringe_area_mm2": 300.0})}
    )
    therapy = TherapyFile.model_validate(
        load_scenario("vancomycin_two_hours").model_dump(
            include={"name", "drug", "model", "therapy"}, exclude_none=True
        )
    )
    assert small.with_therapy(therapy).pump.syringe_area_mm2 == 300.0


def test_a_program_that_would_not_believe_the_level_waits_until_it_has_fallen(
    scenario: Scenario,
) -> None:
    """At an eighth of the target every reading was refused; two hours later the pump stopped."""
    lower = {"target_mg_l": 2.0, "window_low_mg_l": 1.5, "window_high_mg_l": 2.5}
    therapy = read_table(TherapyFile, therapy_of(scenario, therapy=lower), "lower.toml")
    new = NewProgram("lower.toml", therapy, b"program")
    assert new.unbelieved(9.9) is None  # five targets are believed
    assert "believes none above 10 mg/L" in str(new.unbelieved(10.1))
