# SPDX-License-Identifier: MIT
"""The plots of a run, concentration, rate and solver over therapy time, from its log alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
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


@dataclass(frozen=True, slots=True)
class _Stretch:
    """The ticks that one program decided, (T,) of the run's, and its scales."""

    words: npt.NDArray[np.int32]
    ticks: slice
    hours: Any  # (T,) therapy time, float
    telemetry: npt.NDArray[np.int32]  # (T, words)

    @property
    def unit_mg_l(self) -> float:
        """Return the concentration unit."""
        return float(self.words[layout.AT_CONC_UNIT_UG_L]) / 1000.0

    def level_mg_l(self, value: Any) -> Any:
        """Return levels of the program's own format."""
        return value / (1 << int(self.words[layout.AT_DATA_BITS])) * self.unit_mg_l

    def estimate_mg_l(self, state: int) -> Any:
        """Return what was estimated of a compartment, (T,)."""
        one = 1 << int(self.words[layout.AT_ESTIMATE_BITS])
        return self.telemetry[:, at.ESTIMATE + state] / one * self.unit_mg_l

    @property
    def window_mg_l(self) -> tuple[float, float]:
        """Return the ends of the window."""
        words = self.words
        target = int(words[layout.AT_TARGET])
        low, high = int(words[layout.AT_BAND_LOW]), int(words[layout.AT_BAND_HIGH])
        return self.level_mg_l(target + low), self.level_mg_l(target + high)

    @property
    def target_mg_l(self) -> Any:
        """Return the target of each tick, (T,); not a number where the course rests."""
        chased = self.telemetry[:, at.PHASE] == reasons.PHASE_CHASE
        return self.level_mg_l(np.where(chased, self.telemetry[:, at.TARGET], np.nan))


def _stretches(run: RunRecord) -> list[_Stretch]:
    """Return what each program decided, in order, without those that decided nothing."""
    programs = deciding_programs(run)
    # The pump's ticks have their own count: one may lack its reading, or the bench its answer.
    tick_h = int(programs[0][1][layout.AT_TICK_S]) / 3600.0  # alike in all: the pump sees to it
    hours = run.telemetry[:, at.TICK] * tick_h
    ends = [first for first, _ in programs[1:]] + [len(hours)]
    return [
        _Stretch(words, slice(first, end), hours[first:end], run.telemetry[first:end])
        for (first, words), end in zip(programs, ends, strict=True)
        if first < end
    ]


def plots(run: RunRecord) -> str:
    """Return concentration, rate, solver and bank over time, as one linked figure."""
    stretches = _stretches(run)
    titles = ["Concentration, mg/L", "Rate, mg/h", "ADMM iterations", "Weights of the models"]
    rows = 4 if any(stretch.words[layout.AT_MODELS] > 1 for stretch in stretches) else 3
    figure = make_subplots(
        rows=rows,
        shared_xaxes=True,
        vertical_spacing=0.06,
        row_heights=[0.5, 0.28, 0.22, 0.25][:rows],
        subplot_titles=titles[:rows],
    )
    hours = np.array([point.time_s for point in run.truth]) / 3600.0
    tick_hours = np.concatenate([stretch.hours for stretch in stretches])
    tick_h = float(stretches[0].words[layout.AT_TICK_S]) / 3600.0
    _add_levels(figure, run, stretches, hours, tick_hours)
    _add_windows(figure, stretches, tick_hours, tick_h)
    _add_plans(figure, run, stretches, tick_h)
    _add_states(figure, run, tick_hours, tick_h)
    for stretch in stretches[1:]:
        figure.add_vline(x=stretch.hours[0], annotation_text="new program", **_TAKEOVER)
    rate = [point.rate_mg_h for point in run.truth]
    rate_line = {"color": _COLOURS["rate"], "shape": "vh"}
    figure.add_scatter(x=hours, y=rate, name="delivered", line=rate_line, row=2, col=1)
    iterations = run.telemetry[:, at.ITERATIONS]
    grey = {"color": "#7b8794", "line_width": 0}  # an outline would hide bars this narrow
    figure.add_bar(x=tick_hours, y=iterations, name="iterations", marker=grey, row=3, col=1)
    if rows == 4:
        _add_weights(figure, stretches)
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
    figure: go.Figure, run: RunRecord, stretches: list[_Stretch], hours: Any, tick_hours: Any
) -> None:
    """Add true level, readings and estimate."""
    courses = [
        ("level", hours, [point.conc_mg_l for point in run.truth]),
        ("estimate", tick_hours, np.concatenate([one.estimate_mg_l(0) for one in stretches])),
    ]
    if site := int(stretches[0].words[layout.AT_OUTPUT_STATE]):
        at_site = np.concatenate([one.estimate_mg_l(site) for one in stretches])
        courses.append(("effect site, estimate", tick_hours, at_site))
    readings = [point.reading_mg_l for point in run.truth]
    dots = {"color": _COLOURS["reading"], "size": 4}
    figure.add_scatter(
        x=hours, y=readings, name="reading", mode="markers", marker=dots, row=1, col=1
    )
    for name, times, values in courses:
        colour = _COLOURS.get(name, _COLOURS["rate"])  # of the effect site: it is what is chased
        line = {"color": colour, "width": 2 if name == "level" else 1}
        figure.add_scatter(x=times, y=values, name=name, line=line, row=1, col=1)


def _add_windows(
    figure: go.Figure, stretches: list[_Stretch], tick_hours: Any, tick_h: float
) -> None:
    """Add each program's window, and the target of each tick; a gap where the course rests.

    After the curves: plotly draws no band into a subplot that is still empty.
    """
    band = {"fillcolor": "#d5ecdd", "opacity": 0.6, "line_width": 0, "layer": "below"}
    ends_h = [stretch.hours[0] for stretch in stretches[1:]] + [tick_hours[-1] + tick_h]
    for stretch, end_h in zip(stretches, ends_h, strict=True):
        low, high = stretch.window_mg_l
        figure.add_shape(
            type="rect", x0=stretch.hours[0], x1=end_h, y0=low, y1=high, row=1, col=1, **band
        )
    target = np.concatenate([stretch.target_mg_l for stretch in stretches])
    dots = {"color": "#14733f", "dash": "dot", "width": 1, "shape": "hv"}
    figure.add_scatter(x=tick_hours, y=target, name="target", line=dots, row=1, col=1)


def _add_weights(figure: go.Figure, stretches: list[_Stretch]) -> None:
    """Add how far each model of a bank was believed, under its share of the clearance."""
    for number, stretch in enumerate(stretches):
        words = stretch.words
        later = f", program {number + 1}" if number else ""
        for model in range(int(words[layout.AT_MODELS])):
            place = layout.section_at(words, model) + layout.IN_CLEARANCE_FACTOR
            weights = stretch.telemetry[:, at.WEIGHTS + model] / 1024.0
            name = f"clearance x {words[place] / 1024.0:.3g}{later}"
            figure.add_scatter(x=stretch.hours, y=weights, name=name, line_width=1, row=4, col=1)


def _add_plans(
    figure: go.Figure, run: RunRecord, stretches: list[_Stretch], tick_h: float
) -> None:
    """Add the planned trajectories of a few ticks, as the pump sent them."""
    every = max(1, len(run.telemetry) // _PLANS_SHOWN)
    for stretch in stretches:
        for index in range(-stretch.ticks.start % every, len(stretch.hours), every):
            if stretch.telemetry[index, at.STATE] != reasons.STATE_RUNNING:
                continue  # nothing was planned
            plan = stretch.telemetry[index, at.PLAN :] & at.PLAN_CONC_MAX
            ahead = stretch.hours[index] + tick_h * np.arange(1, len(plan) + 1)
            figure.add_scatter(
                x=ahead,
                y=4.0 * stretch.level_mg_l(plan),
                name="plans",
                legendgroup="plans",
                showlegend=stretch.ticks.start + index == 0,
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
