# SPDX-License-Identifier: MIT
"""One run from scenario to folder: compile, connect, close the loop, replay, judge, report."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mesor.errors import ScenarioError
from mesor.link import PumpClient
from mesor.link.frames import Frame
from mesor.program import CERTIFICATE_SAMPLES, Program, compile_program
from mesor.record.log import RunLog, TruthPoint
from mesor.record.replay import replay
from mesor.report.junit import write_junit
from mesor.report.page import write_report
from mesor_hil.scenarios import Scenario, draw_patient, make_sensor, resolved_toml
from mesor_hil.session import Progress, Session, Step, Trace
from mesor_hil.takeovers import Scripted, Source, Takeover, WatchedFile
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
    take_over: Path | None = None  # a therapy file to watch: what it holds takes over

    @property
    def is_simulated(self) -> bool:
        """Say whether time is the bench's own, so that the same run gives the same bytes."""
        return self.target in (EMULATOR, TWIN)


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
    watched = _watched(order, samples, say)
    if program is None:
        say("Compiling and certifying the program")
        program = compile_program(scenario.problem(), samples)
    sources: list[Source] = [Scripted(scenario, samples), *watched]
    say(f"Preparing the target: {order.target}")
    target = open_target(order.target, say)
    order.folder.mkdir(parents=True, exist_ok=True)
    log_path = order.folder / "run.mcap"
    try:
        with RunLog(log_path) as log:
            trace = _record(order, program, sources, target, log, say, progress)
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


def _watched(order: Order, samples: int, say: Say) -> list[WatchedFile]:
    """Return the file that the order names, watched from now on."""
    path = order.take_over
    if path is None:
        return []
    if path.is_dir() or not path.parent.is_dir():
        raise ScenarioError(
            f"--take-over names {path}, which is a folder or in none; name a file in a folder "
            "that is there."
        )
    watched = WatchedFile(path, order.scenario, samples, real_time=not order.is_simulated)
    if watched.stood_before:
        say(f"{path} is there already; it takes over once it is written anew.")
    return [watched]


def _record(
    order: Order,
    program: Program,
    sources: list[Source],
    target: Target,
    log: RunLog,
    say: Say,
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

    def on_takeover(takeover: Takeover) -> None:
        log.takeover(round(target.now_s * 1e9), takeover.summary())
        if takeover.new.text is not None:
            name = takeover.file_name
            log.attach(name, takeover.new.text.encode())
            (order.folder / name).write_text(takeover.new.text, encoding="utf-8")
        for sentence in takeover.new.warnings:
            say(f"Warning: {sentence}")
        say(takeover.sentence)

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
    if client.held is not None:
        origin = "from before it was switched on" if client.held.is_restored else "from a host"
        say(f"The pump has program {client.held.checksum:08x} {origin}; this run's replaces it")
    client.upload(program.bytes)
    patient = draw_patient(scenario, order.seed)
    sensor = make_sensor(scenario, order.seed)
    session = Session(scenario, target, client, patient, sensor, sources)
    return session.run(on_step, progress, on_takeover)


def _challenge(order: Order) -> bytes | None:
    """Return what opens the session: a simulated run must give the same bytes again."""
    if not order.is_simulated:
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
        reading_mg_l=None if reading is None else reading.conc_mg_l,
    )
