# SPDX-License-Identifier: MIT
"""The comparison of solvers as a table on the console, as a page's section, and as a chart."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import plotly.graph_objects as go
from rich.table import Table

from mesor.errors import MesorError
from mesor_hil.bench_solver.compare import Outcome, Row

TABLE_WIDTH: Final = 118  # columns of the widest table on a console
BEGIN: Final = "<!-- mesor bench solver: begin -->"
END: Final = "<!-- mesor bench solver: end -->"
_NOTES: Final = """\
`mesor bench solver` makes this section.  One emulated RP2040 at 125 MHz, interrupts off, memory \
without wait states: on a board, code in flash (all rivals) will be slower than here, kernels in \
RAM (Mesor's) should not be.  Each time is from the state to the whole plan.  Rivals are float32 \
with the chip's ROM routines, `-O2`, from their own packages.  Warm: from the solve of the step \
before, in closed loops of 30 steps (the first not counted); cold: random states, from nothing. \
Slow solvers were given the first of the same states.  Errors: first move against OSQP in \
float64 at 1e-8, in full rates.  Settings were chosen on other states.  Mesor's iterations \
are those of ADMM, none where the plan before is finished exactly; its code lies in RAM and is \
counted there too.  TinyMPC weights the end of the horizon as if it went on, so it errs even \
where it converges."""
# Operations of one iteration, N the horizon; of DAQP, with k rows active.
_ORDERS: Final = {
    "Mesor": ("N^2", "dense factor of (N, N)"),
    "DAQP": ("N^2", "all rows tried; and k^2 for its factor"),
    "OSQP condensed": ("N^2", "dense response"),
    "OSQP sparse": ("N", "banded factor"),
    "TinyMPC": ("N", "Riccati recursion"),
}
_HEADINGS: Final = (
    "solver", "N", "states", "mean ms", "median", "max",
    "iterations", "max", "gave up", "error median", "max",
)  # fmt: skip


def ordered(rows: Sequence[Row]) -> list[Row]:
    """Return the rows by horizon (20 first), then by warm mean."""
    return sorted(rows, key=lambda row: (row.horizon != 20, row.horizon, row.warm.mean_ms))


def tables(rows: Sequence[Row]) -> list[Table]:
    """Return the tables for the console."""
    parts = []
    for title, headings, lines in _sections(rows):
        table = Table(*headings, title=title, box=None, title_justify="left")
        for line in lines:
            table.add_row(*line)
        parts.append(table)
    return parts


def markdown(rows: Sequence[Row]) -> str:
    """Return the section of the page, its markers included."""
    parts = [BEGIN, _NOTES]
    for title, headings, lines in _sections(rows):
        table = [headings, ["---"] * len(headings), *lines]
        parts.append(f"**{title}**\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in table))
    return "\n\n".join([*parts, END])


def require_markers(path: Path) -> None:
    """Raise MesorError unless the page has both markers, before an hour is spent on it."""
    page = path.read_text()
    if END not in page.partition(BEGIN)[2]:
        raise MesorError(
            f"{path} has no section between '{BEGIN}' and '{END}'; put these two lines where the "
            f"tables are to go."
        )


def update_page(path: Path, rows: Sequence[Row]) -> None:
    """Put the section where the page has its markers."""
    before, _, rest = path.read_text().partition(BEGIN)
    path.write_text(before + markdown(rows) + rest.partition(END)[2])


def write_chart(path: Path, rows: Sequence[Row]) -> None:
    """Write time against error, of all rows, as a page that needs nothing else."""
    figure = go.Figure()
    kinds: tuple[tuple[str, str, Callable[[Row], Outcome]], ...] = (
        ("warm", "circle", lambda row: row.warm),
        ("cold", "x", lambda row: row.cold),
    )
    for name, symbol, of in kinds:
        figure.add_scatter(
            x=[of(row).error_max for row in rows],
            y=[of(row).mean_ms for row in rows],
            error_y={
                "array": [of(row).max_ms - of(row).mean_ms for row in rows],
                "arrayminus": [0] * len(rows),
            },
            text=[f"{row.solver}, N = {row.horizon}" for row in rows],
            mode="markers+text",
            textposition="middle right",
            marker={"symbol": symbol, "size": 10},
            name=f"{name}: mean, and up to the maximum",
        )
    figure.update_xaxes(type="log", title="largest error of the first move, full rates")
    figure.update_yaxes(type="log", title="ms on the emulated RP2040")
    figure.write_html(path, include_plotlyjs=True)


def _sections(rows: Sequence[Row]) -> list[tuple[str, Sequence[str], list[list[str]]]]:
    """Return title, headings and lines of each table."""
    rows = ordered(rows)
    sizes = ("solver", "N", "code", "tables", "RAM", "setting")
    growth = ("solver", "theory, an iteration", "why", "measured, an iteration", "a warm solve")
    return [
        ("Warm", _HEADINGS, [_line(row, row.warm) for row in rows]),
        ("Cold", _HEADINGS, [_line(row, row.cold) for row in rows]),
        ("Bytes, and settings", sizes, [_size(row) for row in rows]),
        ("Growth with N", growth, _growth(rows)),
    ]


def _line(row: Row, outcome: Outcome) -> list[str]:
    """Return one line of the table of times."""
    times = (outcome.mean_ms, outcome.median_ms, outcome.max_ms)
    errors = (outcome.error_median, outcome.error_max)
    return [
        row.solver,
        str(row.horizon),
        f"{outcome.count:,}",
        *(f"{time:,.3g}" if time < 1000 else f"{time:,.0f}" for time in times),
        f"{outcome.iterations_mean:.1f}",
        str(outcome.iterations_max),
        str(outcome.gave_up),
        *(f"{error:.1e}" for error in errors),
    ]


def _size(row: Row) -> list[str]:
    """Return one line of the table of sizes."""
    taken = row.footprint
    sizes = (f"{size:,}" for size in (taken.code, taken.tables, taken.ram))
    return [row.solver, str(row.horizon), *sizes, row.setting]


def _growth(rows: Sequence[Row]) -> list[list[str]]:
    """Return theory and measured exponent of N between the shortest and longest horizon."""
    lines = []
    for solver, (order, why) in _ORDERS.items():
        own = sorted((row for row in rows if row.solver == solver), key=lambda row: row.horizon)
        if len(own) < 2 or own[0].horizon == own[-1].horizon:
            continue
        ratio = math.log(own[-1].horizon / own[0].horizon)
        iteration = math.log(_iteration_ms(own[-1]) / _iteration_ms(own[0])) / ratio
        warm = math.log(own[-1].warm.mean_ms / own[0].warm.mean_ms) / ratio
        lines.append([solver, order, why, f"N^{iteration:.2f}", f"N^{warm:.2f}"])
    return lines


def _iteration_ms(row: Row) -> float:
    """Return what an iteration takes, over the cold solves."""
    return row.cold.mean_ms / max(1.0, row.cold.iterations_mean)
