# SPDX-License-Identifier: MIT
"""The verdict of a run in the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mesor.report.figures import course_figures, holds_level

NOTICE = "Research software, not a medical device."


def print_verdict(summary: dict[str, Any], console: Console | None = None) -> None:
    """Print checks and key figures of a summary."""
    console = console or Console()
    passed = summary["verdict"] == "pass"
    title = f"{summary['scenario']} on {summary['target']}, seed {summary['seed']}"
    table = Table("check", "value", "limit", "", title=escape(title), title_justify="left")
    for column in table.columns[1:3]:
        column.justify = "right"
    for check in summary["checks"]:
        mark = "[green]pass[/]" if check["pass"] else "[red]FAIL[/]"
        unit = check["unit"]
        table.add_row(
            escape(check["id"]),
            escape(_number(check["value"], unit)),
            escape(_number(check["limit"], unit)),
            mark,
        )
    console.print(table)
    console.print(escape(_figures(summary)))
    colour = "green" if passed else "red"
    console.print(f"[bold {colour}]{summary['verdict'].upper()}[/]  {NOTICE}")


def _number(value: float, unit: str) -> str:
    """Return a figure as a person reads it."""
    return f"{value:,.6g} {unit}".rstrip()


def _figures(summary: dict[str, Any]) -> str:
    """Return the figures that no check covers, a line for each subject."""
    lines = [_held(summary["performance"])] if holds_level(summary) else []
    for name, reached, standard in course_figures(summary):
        beside = "" if standard == "none" else f" (standard dose {standard})"
        lines.append(f"{name} {reached}{beside}")
    lines += [takeover["sentence"] for takeover in summary.get("takeovers", ())]
    volume, solver, replayed = summary["volume"], summary["solver"], summary["replay"]
    where = "at the STEP pin" if volume["counted_at_pin"] else "by the pump"
    lines.append(f"delivered {volume['delivered_ml']:.3f} mL counted {where}")
    lines.append(
        f"solver {solver['iterations_median']:g} iterations (max {solver['iterations_max']})"
        f"{_times(solver, summary['tick_us'])}"
    )
    same = "identical" if replayed["identical"] else "DIFFERENT"
    lines.append(f"replay of {replayed['ticks']} ticks: {same}")
    return "\n".join(lines)


def _held(performance: dict[str, Any]) -> str:
    """Return how a level was held."""
    settled = performance["settling_time_s"]
    settling = (
        "never in the window" if settled is None else f"in the window at {settled / 60:g} min"
    )
    return (
        f"{settling}, overshoot {performance['overshoot']:.1f} %, "
        f"MDPE {performance['mdpe']:+.2f} %"
    )


def _times(solver: dict[str, Any], tick_us: dict[str, float]) -> str:
    """Return the times of solver and tick, nothing where no chip took them."""
    if not tick_us["max"]:
        return ""
    return (
        f", {solver['solve_us_mean'] / 1e3:.2f} ms mean; "
        f"tick {tick_us['median'] / 1e3:.2f} ms median, {tick_us['max'] / 1e3:.2f} ms max"
    )
