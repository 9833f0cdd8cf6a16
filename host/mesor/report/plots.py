# SPDX-License-Identifier: MIT
"""The plots of a run, concentration, rate and solver over therapy time, from its log alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mesor.record.log import RunRecord
from mesor.record.uploads import deciding_programs
from pump.spec import program as layout
from pump.spec import reasons
from pump.spec import record as at

_COLOURS = {
    "level": "#0b5cad",
    "reading": "#9aa7b4",
    "estimate": "#d9822b",
    "rate": "#14733f",
}
_PLANS_SHOWN = 8
_STATE_WORDS = {
    reasons.STATE_IDLE: "not started",
    reasons.STATE_READY: "not started",
    reasons.STATE_FAULT: "fault",
    reasons.STATE_FALLBACK: "fallback",
    reasons.STATE_STOPPED: "stopped",
}
_TAKEOVER = {"line": {"color": "#1c2733", "width": 1, "dash": "dash"}, "row": 1, "col": 1}
_CONFIG = {
    "displaylogo": False,
    "responsive": True,
    "modeBarButtonsToRemove": ["select2d", "lasso2d"],
}


def plots(run: RunRecord) -> str:
    """Return concentration, rate, solver and bank over time, as one linked figure."""
    words = np.frombuffer(run.attachments["program.bin"], dtype="<i4")
    titles = ["Concentration, mg/L", "Rate, mg/h", "ADMM iterations", "Weights of the models"]
    rows = 4 if words[layout.AT_MODELS] > 1 else 3
    figure = make_subplots(
        rows=rows,
        shared_xaxes=True,
        vertical_spacing=0.06,
        row_heights=[0.5, 0.28, 0.22, 0.25][:rows],
        subplot_titles=titles[:rows],
    )
    # The pump's ticks have their own count: one may lack its reading, or the bench its answer.
    tick_hours = run.telemetry[:, at.TICK] * (int(words[layout.AT_TICK_S]) / 3600.0)
    hours = np.array([point.time_s for point in run.truth]) / 3600.0
    _add_levels(figure, run, words, hours, tick_hours)
    _add_plans(figure, run, words, tick_hours)
    _add_states(figure, run, tick_hours, float(words[layout.AT_TICK_S]) / 3600.0)
    for first, _ in deciding_programs(run)[1:]:
        if first < len(tick_hours):
            figure.add_vline(x=tick_hours[first], annotation_text="new program", **_TAKEOVER)
    rate = [point.rate_mg_h for point in run.truth]
    rate_line = {"color": _COLOURS["rate"], "shape": "vh"}
    figure.add_scatter(x=hours, y=rate, name="delivered", line=rate_line, row=2, col=1)
    iterations = run.telemetry[:, at.ITERATIONS]
    grey = {"color": "#7b8794", "line_width": 0}  # an outline would hide bars this narrow
    figure.add_bar(x=tick_hours, y=iterations, name="iterations", marker=grey, row=3, col=1)
    if rows == 4:
        _add_weights(figure, run, words, tick_hours)
    figure.update_layout(
        height=820 if rows == 3 else 1000,
        bargap=0.1,
        template="plotly_white",
        hovermode="x unified",
        margin={"l": 50, "r": 20, "t": 70, "b": 90},
        legend={"orientation": "h", "yref": "container", "yanchor": "bottom", "y": 0.0},
    )
    figure.update_xaxes(title_text="therapy time, h", row=rows, col=1)
    text: str = figure.to_html(
        full_html=False, include_plotlyjs=False, div_id="plots", config=_CONFIG
    )
    return text


def _add_levels(
    figure: go.Figure, run: RunRecord, words: Any, hours: Any, tick_hours: Any
) -> None:
    """Add window, target, true level, readings and estimate."""
    unit_mg_l = words[layout.AT_CONC_UNIT_UG_L] / 1000.0
    one = float(1 << int(words[layout.AT_DATA_BITS]))
    target = words[layout.AT_TARGET] / one * unit_mg_l
    low = target + words[layout.AT_BAND_LOW] / one * unit_mg_l
    high = target + words[layout.AT_BAND_HIGH] / one * unit_mg_l
    estimate = run.telemetry[:, at.ESTIMATE] / (1 << int(words[layout.AT_ESTIMATE_BITS]))
    courses = [
        ("level", hours, [point.conc_mg_l for point in run.truth]),
        ("estimate", tick_hours, estimate * unit_mg_l),
    ]
    if site := int(words[layout.AT_OUTPUT_STATE]):
        at_site = run.telemetry[:, at.ESTIMATE + site] / (1 << int(words[layout.AT_ESTIMATE_BITS]))
        courses.append(("effect site, estimate", tick_hours, at_site * unit_mg_l))
    readings = [point.reading_mg_l for point in run.truth]
    dots = {"color": _COLOURS["reading"], "size": 4}
    figure.add_scatter(
        x=hours, y=readings, name="reading", mode="markers", marker=dots, row=1, col=1
    )
    for name, times, values in courses:
        colour = _COLOURS.get(name, _COLOURS["rate"])  # of the effect site: it is what is chased
        line = {"color": colour, "width": 2 if name == "level" else 1}
        figure.add_scatter(x=times, y=values, name=name, line=line, row=1, col=1)
    # After the curves: plotly draws no band into a subplot that is still empty.
    band = {"fillcolor": "#d5ecdd", "opacity": 0.6, "line_width": 0, "layer": "below"}
    figure.add_hrect(y0=low, y1=high, row=1, col=1, **band)
    # The target of each tick; a gap where the course rests.
    chased = np.where(
        run.telemetry[:, at.PHASE] == reasons.PHASE_CHASE, run.telemetry[:, at.TARGET], np.nan
    )
    dots = {"color": "#14733f", "dash": "dot", "width": 1, "shape": "hv"}
    figure.add_scatter(
        x=tick_hours, y=chased / one * unit_mg_l, name="target", line=dots, row=1, col=1
    )


def _add_weights(figure: go.Figure, run: RunRecord, words: Any, tick_hours: Any) -> None:
    """Add how far each model of the bank was believed, under its share of the clearance."""
    for model in range(int(words[layout.AT_MODELS])):
        place = layout.section_at(words, model) + layout.IN_CLEARANCE_FACTOR
        weights = run.telemetry[:, at.WEIGHTS + model] / 1024.0
        name = f"clearance x {words[place] / 1024.0:.3g}"
        figure.add_scatter(x=tick_hours, y=weights, name=name, line_width=1, row=4, col=1)


def _add_plans(figure: go.Figure, run: RunRecord, words: Any, hours: Any) -> None:
    """Add the planned trajectories of a few ticks, as the pump sent them."""
    unit_mg_l = words[layout.AT_CONC_UNIT_UG_L] / 1000.0
    scale = 4.0 / (1 << int(words[layout.AT_DATA_BITS])) * unit_mg_l
    tick_h = words[layout.AT_TICK_S] / 3600.0
    every = max(1, len(hours) // _PLANS_SHOWN)
    for index in range(0, len(hours), every):
        if run.telemetry[index, at.STATE] != reasons.STATE_RUNNING:
            continue  # nothing was planned
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


def _add_states(figure: go.Figure, run: RunRecord, hours: Any, tick_h: float) -> None:
    """Shade, and name, where the pump did anything but infuse in closed loop."""
    states = run.telemetry[:, at.STATE]
    changes = np.flatnonzero(np.diff(states)) + 1
    for ticks in np.split(np.arange(len(states)), changes):
        state = int(states[ticks[0]])
        if state != reasons.STATE_RUNNING:
            figure.add_vrect(
                x0=hours[ticks[0]],
                x1=hours[ticks[-1]] + tick_h,
                annotation_text=_STATE_WORDS.get(state, f"state {state}"),
                annotation_position="top left",
                fillcolor="#7b8794",
                opacity=0.15,
                line_width=0,
                row=1,
                col=1,
            )
