# SPDX-License-Identifier: MIT
"""The figures of the comparison and where they go, on figures worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mesor.errors import MesorError
from mesor_hil.bench_solver.compare import Outcome, Row, outcome
from mesor_hil.bench_solver.link_map import Footprint, footprint
from mesor_hil.bench_solver.measure import Solve
from mesor_hil.bench_solver.report import (
    BEGIN,
    END,
    markdown,
    require_markers,
    update_page,
    write_chart,
)

LINK_MAP = """\
Discarded input sections

 .text.unused   0x00000000      0x100 librival.a(their.c.o)

Linker script and memory map

 .text.short    0x10000100       0x10 librival.a(their.c.o)
                0x10000100                short
 .text.a_function_with_a_long_name
                0x10000110       0x20 librival.a(their.c.o)
                0x10000110                a_function_with_a_long_name
 .rodata.table  0x10001000      0x300 librival.a(their_glue.c.o)
 .data.settings
                0x20000000       0x08 librival.a(their_glue.c.o)
 .bss.work      0x20000100      0x400 librival.a(their_glue.c.o)
 .text.other    0x10000200      0x999 libother.a(other.c.o)
 .ARM.exidx     0x10000300        0x8 librival.a(their.c.o)
"""


def test_a_footprint_counts_what_the_linker_kept_of_the_rival() -> None:
    """By hand: 0x10 + 0x20; 0x300 + 0x08; 0x08 + 0x400, since .data is in flash and in RAM."""
    assert footprint(LINK_MAP) == Footprint(code=0x30, tables=0x308, ram=0x408)


def test_an_outcome_is_the_figures_of_its_solves() -> None:
    """Three solves, one of which gave up after nine iterations."""
    solves = [Solve(2, 1000, 0.5), Solve(-9, 4000, 0.7), Solve(4, 2500, 0.1)]
    found = outcome(solves, np.array([0.5, 0.4, 0.2]))
    assert (found.mean_ms, found.median_ms, found.max_ms) == pytest.approx((2.5, 2.5, 4.0))
    assert (found.iterations_mean, found.iterations_max, found.gave_up) == (5.0, 9, 1)
    assert (found.error_median, found.error_max) == pytest.approx((0.1, 0.3))


def _row(solver: str, horizon: int, iteration_ms: float) -> Row:
    """Return a row whose every iteration takes `iteration_ms`."""
    of_ten = Outcome(
        5, 10 * iteration_ms, iteration_ms, 20 * iteration_ms, 10.0, 20, 0, 1e-4, 1e-3
    )
    return Row(solver, horizon, of_ten, of_ten, Footprint(1, 2, 3), "as is")


def test_growth_is_the_exponent_of_the_horizon() -> None:
    """A time of N^2 must be reported as N^2.00."""
    rows = [_row("DAQP", horizon, 1e-3 * horizon**2) for horizon in (10, 20, 40)]
    assert "| DAQP | N^2 | all rows tried; and k^2 for its factor | N^2.00 | N^2.00 |" in markdown(
        rows
    )


def test_only_the_section_of_the_page_is_made_anew(tmp_path: Path) -> None:
    """What a person wrote around it stays, and a second time changes nothing."""
    page = tmp_path / "page.md"
    page.write_text(f"# Before\n\n{BEGIN}\nSTALE\n{END}\n\nAfter.\n")
    require_markers(page)
    update_page(page, [_row("DAQP", 20, 1.0)])
    once = page.read_text()
    assert once.startswith(f"# Before\n\n{BEGIN}\n") and once.endswith(f"{END}\n\nAfter.\n")
    assert "STALE" not in once and "| DAQP | 20 |" in once
    update_page(page, [_row("DAQP", 20, 1.0)])
    assert page.read_text() == once


def test_a_page_without_markers_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    """An hour of measuring must not end in an error that was there to be seen."""
    page = tmp_path / "page.md"
    page.write_text("# Nothing here\n")
    with pytest.raises(MesorError, match="has no section between"):
        require_markers(page)


def test_the_chart_needs_nothing_else(tmp_path: Path) -> None:
    """It is looked at where there is no network."""
    write_chart(tmp_path / "chart.html", [_row("DAQP", 20, 1.0)])
    text = (tmp_path / "chart.html").read_text()
    assert "DAQP, N = 20" in text
    assert '<script src="http' not in text
