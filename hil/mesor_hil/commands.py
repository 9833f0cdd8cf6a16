# SPDX-License-Identifier: MIT
"""The bench's part of the command line: run, scenarios, compile, bench, soak.

Found by mesor.cli through the entry point group "mesor.commands".  Each command imports
its own room, so that no other waits for it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from mesor.errors import ScenarioError
from mesor_hil import DEFAULT_SCENARIO

if TYPE_CHECKING:
    from mesor.program.therapy_file import TherapyFile
    from mesor_hil.bench_solver.compare import Row

EXIT_FAILED = 1
_DETECTORS_COLUMNS = 120  # of the table, whatever the terminal has
_SOAK_SAMPLES = 1000  # of the program's certificate: the soak does not read it

TargetOption = Annotated[
    str, typer.Option(help="emulator, twin, or a serial port or pyserial URL.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]
SeedOption = Annotated[int | None, typer.Option(help="Instead of the file's own.")]


def register(app: typer.Typer) -> None:
    """Add the bench's commands to `app`."""
    app.command("run", rich_help_panel="Bench")(run)
    app.command("scenarios", rich_help_panel="Bench")(scenarios)
    app.command("compile", rich_help_panel="Dose")(compile_)
    app.command("bench", rich_help_panel="Bench")(bench)
    app.command("soak", rich_help_panel="Bench")(soak)
    app.command("campaign", rich_help_panel="Bench")(campaign)


def run(
    scenario: Annotated[str, typer.Argument(help="Shipped name or path.")] = DEFAULT_SCENARIO,
    target: TargetOption = "emulator",
    seed: SeedOption = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the run.")] = None,
    confirm: Annotated[
        list[str] | None,
        typer.Option(
            help="Soft limit that you lift for this patient: rate, dose_hour, dose_day or target; "
            "may be repeated."
        ),
    ] = None,
    take_over: Annotated[
        Path | None,
        typer.Option(
            help="Therapy file to watch: whenever it is written, it is compiled and takes the "
            "running program over."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run one scenario closed loop against one target, and judge it."""
    from mesor.report.console import print_verdict
    from mesor.soft_limits import named
    from mesor_hil.run import Order, execute
    from mesor_hil.scenarios import Confirmation, load_scenario

    loaded = load_scenario(scenario)
    given = tuple(Confirmation(limit=named(text), at_h=0.0) for text in confirm or ())
    loaded = loaded.model_copy(update={"confirmations": (*given, *loaded.confirmations)})
    _warn(loaded)
    used_seed = _seed(seed, loaded.seed)
    kind = target if target in ("emulator", "twin") else "port"
    folder = _folder(out, f"{loaded.name}-{kind}-seed{used_seed}")
    console = Console(stderr=True)
    with _progress(console) as bar:
        task = bar.add_task(loaded.name, total=None, level="")

        def say(text: str) -> None:
            bar.console.print(text, markup=False, highlight=False, soft_wrap=True)

        def progress(tick: int, ticks: int, conc_mg_l: float) -> None:
            bar.update(task, completed=tick, total=ticks, level=f"{conc_mg_l:5.1f} mg/L")

        order = Order(loaded, target, used_seed, folder, take_over)
        summary = execute(order, say, progress)
    if as_json:
        _print_json(summary)
    else:
        print_verdict(summary)
        Console().print(f"Report: {folder / 'report.html'}", soft_wrap=True)
    if summary["verdict"] != "pass":
        raise typer.Exit(EXIT_FAILED)


def _seed(asked: int | None, own: int) -> int:
    """Return the seed that was asked for, else the file's own; raise for a negative one."""
    if asked is not None and asked < 0:
        raise ScenarioError(f"The seed is {asked}; it must be zero or more.")
    return own if asked is None else asked


def _folder(out: Path | None, name: str) -> Path:
    """Return where to leave a result: --out, or a folder of this name; raise for a file."""
    folder = out or Path("runs") / name
    if folder.exists() and not folder.is_dir():
        raise ScenarioError(f"{folder} is a file; --out needs a folder.")
    return folder


def scenarios(as_json: JsonOption = False) -> None:
    """List the scenarios that ship."""
    from mesor_hil.scenarios import shipped_scenarios

    shipped = shipped_scenarios()
    if as_json:
        _print_json([{"name": name, "description": text} for name, text in shipped])
        return
    table = Table("scenario", "what it does", box=None)
    for name, text in shipped:
        table.add_row(name, text)
    Console().print(table)


def compile_(
    source: Annotated[
        str, typer.Argument(help="Therapy file, or a scenario: shipped name or path.")
    ] = DEFAULT_SCENARIO,
    out: Annotated[Path, typer.Option("--out", "-o", help="Program file.")] = Path("program.bin"),
    samples: Annotated[
        int | None,
        typer.Option(
            min=100, help="States for each model's certificate, instead of those of a run."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compile a therapy into a program, with its certificate."""
    from mesor.program import CERTIFICATE_SAMPLES, compile_program
    from mesor_hil.certificates import as_json_object, tables
    from mesor_hil.scenarios import load_therapy

    therapy = load_therapy(source)
    if not out.parent.is_dir():
        raise ScenarioError(f"There is no folder {out.parent}; make it, or choose another --out.")
    _warn(therapy)
    with Console(stderr=True).status("Compiling and certifying"):
        program = compile_program(therapy.problem(), samples or CERTIFICATE_SAMPLES)
    out.write_bytes(program.bytes)
    if as_json:
        _print_json(as_json_object(program))
    else:
        Console().print(*tables(program))
        Console().print(f"Program: {out}", soft_wrap=True)


def bench(
    name: Annotated[
        str,
        typer.Argument(help="What to measure: tick, solver, occlusion, detectors or clearance."),
    ],
    quick: Annotated[bool, typer.Option(help="solver: a few states of each.")] = False,
    horizon: Annotated[
        list[int] | None, typer.Option(help="solver: only this; may be repeated.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="solver: chart, as HTML.")] = None,
    page: Annotated[
        Path | None, typer.Option(help="solver: page whose section is to be made anew.")
    ] = None,
    fresh: Annotated[bool, typer.Option(help="solver: time anew what was timed before.")] = False,
    drug: Annotated[
        list[str] | None, typer.Option(help="clearance: only this; may be repeated.")
    ] = None,
    areas: Annotated[
        bool, typer.Option(help="clearance: the areas of drugs that are dosed by them.")
    ] = False,
    silence_h: Annotated[
        float, typer.Option(min=0.0, help="clearance: hours without a reading from the change on.")
    ] = 0.0,
    target: Annotated[str, typer.Option(help="clearance: twin or emulator.")] = "twin",
    seed: Annotated[int, typer.Option(min=0, help="clearance: of the sensor's noise.")] = 1,
    scenario: Annotated[
        str, typer.Option(help="tick: whose program and patient.")
    ] = DEFAULT_SCENARIO,
    as_json: JsonOption = False,
) -> None:
    """Measure the tick by stage, our solver beside its rivals, or levels whose clearance changes.

    Tick and solver are measured on the emulated Pico.
    """
    if name == "tick":
        _bench_tick(scenario, as_json)
    elif name == "occlusion":
        _bench_occlusion(as_json)
    elif name == "detectors":
        _bench_detectors(as_json)
    elif name == "solver":
        rows = _compared(horizon, quick, fresh, page)
        _show_rows(rows, plot, page, as_json)
    elif name == "clearance":
        _bench_clearance(drug or (), target, seed, areas, silence_h, as_json)
    else:
        known = "tick, solver, occlusion, detectors, clearance"
        raise ScenarioError(f"There is no benchmark {name!r}; there are: {known}.")


def soak(
    seeds: Annotated[int, typer.Option(min=1, help="How many stories.")] = 100,
    first: Annotated[int, typer.Option(min=0, help="Seed of the first.")] = 0,
    scenario: Annotated[str, typer.Option(help="Whose program.")] = DEFAULT_SCENARIO,
    target: Annotated[str, typer.Option(help="twin or emulator.")] = "twin",
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Let random things go wrong, seed by seed, and check every trace."""
    from mesor_hil.scenarios import load_scenario
    from mesor_hil.soak import Programs, soak_seeds

    programs = Programs(load_scenario(scenario).problem(), _SOAK_SAMPLES)
    began_s = time.monotonic()
    broken = []
    for seed, told in soak_seeds(programs, range(first, first + seeds), target, jobs):
        again = f"mesor soak --scenario {scenario} --target {target} --first {seed} --seeds 1"
        for sentence in told:
            broken.append({"seed": seed, "violation": sentence, "again": again})
            _say(f"seed {seed}: {sentence}\n  {again}")
    per_minute = 60.0 * seeds / (time.monotonic() - began_s)
    if as_json:
        content = {"seeds": seeds, "first": first, "target": target, "violations": broken}
        _print_json(content)
    else:
        Console().print(f"{seeds} seeds, {len(broken)} violations, {per_minute:.0f} a minute")
    if broken:
        raise typer.Exit(EXIT_FAILED)


def campaign(
    spec: Annotated[str, typer.Argument(help="Shipped name, or path of a campaign's TOML.")],
    patients: Annotated[int, typer.Option(min=2, help="How many virtual patients.")] = 200,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = os.cpu_count() or 1,
    seed: SeedOption = None,
    out: Annotated[Path | None, typer.Option(help="Folder for result and report.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Dose the same virtual patients by the standard dose, a priori, and closed loop."""
    from mesor_hil.campaign import load_campaign, run_campaign
    from mesor_hil.campaign.report import print_result, write_result

    loaded = load_campaign(spec)
    loaded = loaded.model_copy(update={"seed": _seed(seed, loaded.seed)})
    folder = _folder(out, f"{loaded.name}-{patients}-seed{loaded.seed}")
    with _counting(Console(stderr=True)) as bar:
        task = bar.add_task(loaded.name, total=patients)
        result, people = run_campaign(
            loaded, patients, jobs, lambda done, _of: bar.update(task, completed=done)
        )
    report = write_result(folder, loaded, result, people)
    for reason, count in Counter(
        f"{way}: {why}" for one in people for way, why in one.refused.items()
    ).most_common():
        _say(f"{count} of {patients} not dosed, {reason}")
    if as_json:
        _print_json(result)
    else:
        print_result(result)
        Console().print(f"Report: {report}", soft_wrap=True)


def _counting(console: Console) -> Progress:
    """Return the bar of a campaign: patients done, time, and time that is left."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} patients"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


def _bench_tick(scenario: str, as_json: bool) -> None:
    """Time the tick by stage."""
    from mesor_hil.bench_tick import bench_tick

    stages = bench_tick(_say, name=scenario)
    if as_json:
        _print_json([asdict(stage) for stage in stages])
        return
    table = Table("stage", "median us", "mean us", "max us", box=None)
    for stage in stages:
        figures = (stage.median_us, stage.mean_us, stage.max_us)
        table.add_row(stage.name, *(f"{us:,.0f}" for us in figures))
    Console().print(table)


def _bench_occlusion(as_json: bool) -> None:
    """Block the line at four rates."""
    from mesor_hil.bench_occlusion import bench_occlusion

    rows = list(bench_occlusion(_say))
    if as_json:
        _print_json([asdict(row) for row in rows])
        return
    heads = ("mL/h", "found s", "bolus mL", "unrelieved mL", "by limit alone s", "bolus then mL")
    table = Table(*heads, box=None)
    for row in rows:
        table.add_row(
            f"{row.rate_ml_h:g}",
            f"{row.found_s:,.1f}",
            f"{row.bolus_ml:.4f}",
            f"{row.bolus_unrelieved_ml:.3f}",
            f"{row.found_by_limit_s:,.0f}",
            f"{row.bolus_by_limit_ml:.2f}",
        )
    Console().print(table)


def _bench_detectors(as_json: bool) -> None:
    """Bring about what the pump must find; leave with 1 where it is not found as promised."""
    from mesor_hil.bench_detectors import bench_detectors
    from pump.spec.alarm_words import WORDS

    rows = sorted(bench_detectors(_say), key=lambda row: (row.alarm, row.text))
    if as_json:
        _print_json([asdict(row) | {"failures": row.failures} for row in rows])
    else:
        heads = ("what goes wrong", "alarm", "promised s", "told s", "last step s", "state")
        table = Table(*heads, box=None)
        for row in rows:
            last_step = "" if row.last_step_s is None else f"{row.last_step_s:.2f}"
            times = (f"{row.within_s:.2f}", f"{row.told_s:.2f}", last_step)
            table.add_row(row.text, WORDS[row.alarm][0], *times, row.state_name)
        Console(width=_DETECTORS_COLUMNS).print(table)
        for row in rows:
            for failure in row.failures:
                _say(f"{row.text}: {failure}")
    if any(row.failures for row in rows):
        raise typer.Exit(EXIT_FAILED)


def _bench_clearance(
    drugs: Sequence[str], target: str, seed: int, areas: bool, silence_h: float, as_json: bool
) -> None:
    """Hold levels or fill areas while clearances halve or double; leave with 1 where one fails."""
    from mesor_hil import bench_clearance as bench

    results: Sequence[bench.AreaChange | bench.ClearanceChange]
    if areas:
        results = filled = list(bench.bench_areas(drugs, target, _say, seed, silence_h))
        table = bench.table_of_areas(filled)
    else:
        results = held = list(bench.bench_clearance(drugs, target, _say, seed, silence_h))
        table = bench.table_of(held)
    if as_json:
        _print_json([asdict(result) | {"passed": result.passed} for result in results])
    else:
        Console().print(table)
    if not all(result.passed for result in results):
        raise typer.Exit(EXIT_FAILED)


def _compared(
    asked: Sequence[int] | None, quick: bool, fresh: bool, page: Path | None
) -> list[Row]:
    """Compare the solvers; the markers of the page are looked for first."""
    from mesor_hil.bench_solver.compare import HORIZONS, compare, require_horizons
    from mesor_hil.bench_solver.report import require_markers

    horizons = asked or HORIZONS
    require_horizons(horizons)
    if page is not None:
        require_markers(page)
    return list(compare(_say, horizons, quick, fresh))


def _show_rows(rows: list[Row], plot: Path | None, page: Path | None, as_json: bool) -> None:
    """Write chart and page, and print the rows."""
    from mesor_hil.bench_solver.report import TABLE_WIDTH, tables, update_page, write_chart

    if plot is not None:
        write_chart(plot, rows)
    if page is not None:
        update_page(page, rows)
    if as_json:
        _print_json([asdict(row) for row in rows])
        return
    console = Console()
    console.width = max(console.width, TABLE_WIDTH)
    for table in tables(rows):
        console.print(table)


def _say(text: str) -> None:
    """Report progress where it does not mix with the result."""
    Console(stderr=True).print(text)


def _warn(therapy: TherapyFile) -> None:
    """Say what of the plan is beyond a soft limit."""
    from mesor.program.soft_limits import beyond

    for sentence in beyond(therapy.problem()).values():
        _say(f"Warning: {sentence}")


def _progress(console: Console) -> Progress:
    """Return the bar of a run: ticks done, true level, time."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} ticks"),
        TextColumn("{task.fields[level]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )


def _print_json(content: Any) -> None:
    """Print one JSON value and nothing else."""
    json.dump(content, sys.stdout, indent=2, allow_nan=False)
    sys.stdout.write("\n")
