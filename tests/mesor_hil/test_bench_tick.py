# SPDX-License-Identifier: MIT
"""The tick's stages, as `mesor bench tick` times them on the emulated Pico."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mesor_hil import bench_tick
from mesor_hil.session import Session, Trace
from pump.spec import record as at

HOURS = 0.5  # six ticks, every other one without stopwatches


def test_the_stages_are_those_of_the_tick_that_the_host_sees(
    micropython_image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stopwatch that is not on the way of a dose would measure something else.

    Held against the emulator's own clock, from the reading's first byte to the telemetry's
    last: what the board cannot see is the way of these two over USB.
    """
    traces: list[Trace] = []
    run = Session.run
    monkeypatch.setattr(Session, "run", lambda session: traces.append(run(session)))
    stages = {stage.name: stage for stage in bench_tick.bench_tick(lambda _text: None, HOURS)}
    answers_us = [step.answer_s * 1e6 for step in traces[0].steps]
    whole = stages.pop(bench_tick.WHOLE)
    assert 0.9 * np.median(answers_us[::2]) < whole.median_us < np.median(answers_us[::2])
    assert all(stage.mean_us > 0.0 for stage in stages.values())
    solve = stages.pop(bench_tick.SOLVE)
    assert solve.mean_us < stages["plan"].mean_us
    assert stages[bench_tick.BETWEEN].mean_us < 0.35 * whole.mean_us
    assert all(step.record[at.READING_PRESENT] for step in traces[0].steps), (
        "a tick without its reading"
    )
