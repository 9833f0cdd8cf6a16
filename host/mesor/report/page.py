# SPDX-License-Identifier: MIT
"""report.html: verdict and plots of one run, from its folder alone; it needs no net."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs
from plotly.subplots import make_subplots

from mesor.record.log import RunRecord, log_path, read_log
from mesor.report.console import NOTICE
from mesor.report.summary import read_summary
from pump.spec import program as layout
from pump.spec import record as at

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2733; max-width: 68rem; margin: 2rem auto;
  padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } .quiet { color: #5b6b7a; }
.pass { color: #14733f; } .fail { color: #b3261e; } .verdict { font-weight: 600; }
table { border-collapse: collapse; margin: 1rem 0; } td, th { padding: .25rem .9rem .25rem 0;
  text-align: left; border-bottom: 1px solid #e3e8ee; } td.number { text-align: right;
  font-variant-numeric: tabular-nums; }
@media print { body { margin: 0; } }
"""
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>{style}</style><script>{plotly}</script></head><body>
<h1>{title}</h1>
<p class="quiet">{subtitle}</p>
<p class="verdict {verdict}">{verdict_text}</p>
{checks}
{plots}
<p class="quiet">{notice}</p>
</body></html>
"""
_COLOURS = {"level": "#0b5cad", "reading": "#9aa7b4", "estimate": "#d9822b", "rate": "#14733f"}
_PLANS_SHOWN = 8


def write_report(folder: Path) -> Path:
    """Write report.html into a run's folder; return its path.

    Raises RecordError where the folder has no summary or no log.
    """
    summary = read_summary(folder)
    run = read_log(log_path(folder))
    title = f"{summary['scenario']} on {summary['target']}"
    content = _PAGE.format(
        title=html.escape(title),
        style=_STYLE,
        plotly=get_plotlyjs(),
        subtitle=html.escape(_subtitle(summary)),
        verdict=summary["verdict"],
        verdict_text="All checks passed." if summary["verdict"] == "pass" else "A check failed.",
        checks=_check_table(summary["checks"]),
        plots=_plots(run),
        notice=NOTICE,
    )
    path = folder / "report.html"
    path.write_text(content, encoding="utf-8")
    return path


def _subtitle(summary: dict[str, Any]) -> str:
    """Return what names the run."""
    replayed = "identical" if summary["replay"]["identical"] else "different"
    return (
        f"{summary['drug']}, {summary['duration_s'] / 3600:g} h, {summary['ticks']} ticks, "
        f"seed {summary['seed']}; {summary['volume']['delivered_ml']:.2f} mL delivered; "
        f"re-execution {replayed}"
    )


def _check_table(checks: list[dict[str, Any]]) -> str:
    """Return the checks as a table."""
    rows = []
    for check in checks:
        mark = "pass" if check["pass"] else "fail"
        unit = html.escape(check["unit"])
        rows.append(
            f"<tr><td>{html.escape(check['id'])}</td>"
            f"<td class=number>{check['value']:,.5g} {unit}</td>"
            f"<td class=number>{check['limit']:,.5g} {unit}</td>"
            f"<td class={mark}>{mark}</td></tr>"
        )
    head = "<tr><th>check</th><th>value</th><th>limit</th><th></th></tr>"
    return f"<table>{head}{''.join(rows)}</table>"


def _plots(run: RunRecord) -> str:
    """Return concentration, rate, and solver over time, as one linked figure."""
    figure = make_subplots(
        rows=3,
        shared_xaxes=True,
        vertical_spacing=0.06,
        row_heights=[0.5, 0.28, 0.22],
        subplot_titles=("Concentration, mg/L", "Rate, mg/h", "ADMM iterations"),
    )
    words = np.frombuffer(run.attachments["program.bin"], dtype="<i4")
    hours = np.array([point.time_s for point in run.truth]) / 3600.0
    _add_levels(figure, run, words, hours)
    _add_plans(figure, run, words, hours)
    rate = [point.rate_mg_h for point in run.truth]
    rate_line = {"color": _COLOURS["rate"], "shape": "vh"}
    figure.add_scatter(x=hours, y=rate, name="delivered", line=rate_line, row=2, col=1)
    iterations = run.telemetry[:, at.ITERATIONS]
    figure.add_bar(x=hours, y=iterations, name="iterations", marker_color="#7b8794", row=3, col=1)
    figure.update_layout(
        height=820,
        template="plotly_white",
        hovermode="x unified",
        margin={"l": 50, "r": 20, "t": 40, "b": 40},
        legend={"orientation": "h", "y": -0.08},
    )
    figure.update_xaxes(title_text="therapy time, h", row=3, col=1)
    text: str = figure.to_html(full_html=False, include_plotlyjs=False, div_id="plots")
    return text


def _add_levels(figure: go.Figure, run: RunRecord, words: Any, hours: Any) -> None:
    """Add window, target, true level, readings and estimate."""
    unit_mg_l = words[layout.AT_CONC_UNIT_UG_L] / 1000.0
    one = float(1 << int(words[layout.AT_DATA_BITS]))
    target = words[layout.AT_TARGET] / one * unit_mg_l
    low = target + words[layout.AT_BAND_LOW] / one * unit_mg_l
    high = target + words[layout.AT_BAND_HIGH] / one * unit_mg_l
    estimate = run.telemetry[:, at.ESTIMATE] / (1 << int(words[layout.AT_ESTIMATE_BITS]))
    readings = [point.reading_mg_l for point in run.truth]
    dots = {"color": _COLOURS["reading"], "size": 4}
    figure.add_scatter(
        x=hours, y=readings, name="reading", mode="markers", marker=dots, row=1, col=1
    )
    for name, values in (
        ("level", [point.conc_mg_l for point in run.truth]),
        ("estimate", estimate * unit_mg_l),
    ):
        line = {"color": _COLOURS[name], "width": 2 if name == "level" else 1}
        figure.add_scatter(x=hours, y=values, name=name, line=line, row=1, col=1)
    # After the curves: plotly draws no band into a subplot that is still empty.
    band = {"fillcolor": "#d5ecdd", "opacity": 0.6, "line_width": 0, "layer": "below"}
    figure.add_hrect(y0=low, y1=high, row=1, col=1, **band)
    figure.add_hline(y=target, line_dash="dot", line_color="#14733f", row=1, col=1)


def _add_plans(figure: go.Figure, run: RunRecord, words: Any, hours: Any) -> None:
    """Add the planned trajectories of a few ticks, as the pump sent them."""
    unit_mg_l = words[layout.AT_CONC_UNIT_UG_L] / 1000.0
    scale = 4.0 / (1 << int(words[layout.AT_DATA_BITS])) * unit_mg_l
    tick_h = words[layout.AT_TICK_S] / 3600.0
    every = max(1, len(hours) // _PLANS_SHOWN)
    for index in range(0, len(hours), every):
        plan = run.telemetry[index, at.PLAN :] & at.PLAN_CONC_MAX
        ahead = hours[index] + tick_h * np.arange(1, len(plan) + 1)
        figure.add_scatter(
            x=ahead,
            y=plan * scale,
            name="plans",
            legendgroup="plans",
            showlegend=index == 0,
            line={"color": "#8e63c7", "width": 1, "dash": "dash"},
            hoverinfo="skip",
            row=1,
            col=1,
        )
