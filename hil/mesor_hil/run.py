# SPDX-License-Identifier: MIT
"""One run from scenario to folder: compile, connect, close the loop, replay, judge, report."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mesor.link import PumpClient
from mesor.link.frames import Frame
from mesor.program import CERTIFICATE_SAMPLES, Program, compile_program
from mesor.record.log import RunLog, TruthPoint
from mesor.record.replay import replay
from mesor.report.junit import write_junit
from mesor.report.page import write_report
from mesor_hil.plant import ConcentrationSensor
from mesor_hil.scenarios import LaterProgram, Scenario, draw_patient, resolved_toml
from mesor_hil.session import Progress, Session, Step, Trace
from mesor_hil.targets import EMULATOR, TWIN, open_target
from mesor_hil.targets.target import Target
from mesor_hil.verdict import RunFacts, summarise
from pump.spec import messages

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Order:
    """What to run, against what, and where to leave it."""

    scenario: Scenario
    target: str
    seed: int
    folder: Path


def execute(
    order: Order,
    say: Say,
    progress: Progress,
    program: Program | None = None,
    samples: int = CERTIFICATE_SAMPLES,
) -> dict[str, Any]:
    """Run the order and leave its folder; return the summary.

    samples: states of the certificate of each program that is compiled here.

    The log is written as the run goes, so that a run which ends early still has
    all that happened.  Raises MesorError when the run cannot be made.
    """
    scenario = order.scenario.model_copy(update={"seed": order.seed})
    order = replace(order, scenario=scenario)
    if program is None:
        say("Compiling and certifying the program")
        program = compile_program(scenario.problem(), samples)
    later = [_Later(entry.at_h, _compiled(order, entry, samples)) for entry in scenario.programs]
    say(f"Preparing the target: {order.target}")
    target = open_target(order.target, say)
    order.folder.mkdir(parents=True, exist_ok=True)
    log_path = order.folder / "run.mcap"
    try:
        with RunLog(log_path) as log:
            trace = _record(order, program, later, target, log, progress)
    finally:
        target.close()
    say("Re-executing every tick from the log")
    replayed = replay(log_path)
    facts = RunFacts(target.name, target.times_a_chip, order.seed)
    summary = summarise(scenario, facts, trace, program, replayed)
    (order.folder / "program.bin").write_bytes(program.bytes)
    (order.folder / "scenario.toml").write_text(resolved_toml(scenario), encoding="utf-8")
    text = json.dumps(summary, indent=2, allow_nan=False) + "\n"
    (order.folder / "summary.json").write_text(text, encoding="utf-8")
    write_junit(order.folder)
    write_report(order.folder)
    return summary


@dataclass(frozen=True, slots=True)
class _Later:
    """A program that takes over at_h into the therapy."""

    at_h: float
    content: bytes


def _compiled(order: Order, entry: LaterProgram, samples: int) -> bytes:
    """Return the program of a later entry, certified like the first one."""
    return compile_program(order.scenario.therapy_from(entry).problem(), samples).bytes


def _record(
    order: Order,
    program: Program,
    later: list[_Later],
    target: Target,
    log: RunLog,
    progress: Progress,
) -> Trace:
    """Run the session with everything that crosses the wire or the pins going to `log`."""
    scenario = order.scenario

    def on_frame(direction: Any, time_s: float, frame: Frame) -> None:
        log.frame(direction, round(time_s * 1e9), frame.content)

    def on_step(step: Step) -> None:
        time_ns = round(target.now_s * 1e9)
        log.pins(time_ns, target.step_edges() or 0, step.edges)
        log.truth(time_ns, _truth(step, scenario.therapy.tick_s))

    log.note(
        {
            "scenario": scenario.name,
            "target": target.name,
            "seed": str(order.seed),
            **target.identity(),
        }
    )
    log.attach("program.bin", program.bytes)
    log.attach("scenario.toml", resolved_toml(scenario).encode())
    client = PumpClient(target, on_frame, target.keys_of, _challenge(order))
    client.hello()
    client.upload(program.bytes)
    patient = draw_patient(scenario, order.seed)
    sensor = ConcentrationSensor(scenario.sensor.settings(), order.seed)
    programs = [(one.at_h * 3600.0, one.content) for one in later]
    return Session(scenario, target, client, patient, sensor, programs).run(on_step, progress)


def _challenge(order: Order) -> bytes | None:
    """Return what opens the session: a simulated run must give the same bytes again."""
    if order.target not in (EMULATOR, TWIN):
        return None
    digest = hashlib.sha256(f"{order.scenario.name} {order.seed}".encode()).digest()
    return digest[: messages.CHALLENGE_BYTES]


def _truth(step: Step, tick_s: int) -> TruthPoint:
    """Return what the log keeps of a step."""
    reading = step.reading
    return TruthPoint(
        time_s=float(step.time_s),
        conc_mg_l=step.conc_mg_l,
        rate_mg_h=step.dose_mg * 3600.0 / tick_s,
        dose_mg=step.dose_mg,
        reading_mg_l=None if reading is None else reading.conc_ug_l / 1000.0,
    )
