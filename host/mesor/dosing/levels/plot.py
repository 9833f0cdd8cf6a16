# SPDX-License-Identifier: MIT
"""Prior, posterior and levels on one plot: what the levels taught, to be seen at a glance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from mesor.dosing.kinetics.model import FloatArray
from mesor.dosing.levels.posterior import Level, Posterior, prior

_PRIOR, _POSTERIOR = "#9aa7b4", "#0b5cad"
_BAND = 0.9
_POINTS = 300


def levels_plot(posterior: Posterior, levels: Sequence[Level], end_h: float) -> go.Figure:
    """Return the figure: fitted and typical level with 90 % bands, and the levels, 0 to end_h."""
    # Between points of an even grid a peak would be cut off.
    corners = [time for dose in posterior.doses for time in (dose.time_h, dose.end_h)]
    inside = [time for time in corners if time <= end_h]
    times = np.union1d(np.linspace(0.0, end_h, _POINTS), inside)
    figure = go.Figure()
    before = prior(posterior.population, posterior.doses, posterior.occasion_starts_h)
    for name, patient, colour in (("prior", before, _PRIOR), ("posterior", posterior, _POSTERIOR)):
        _add_band(figure, times, patient.band_mg_l(times, _BAND), name, colour)
        line = {"color": colour}
        figure.add_scatter(x=times, y=patient.conc_mg_l(times), name=name, line=line)
    for name, below, symbol in (("level", False, "circle"), ("below limit", True, "arrow-down")):
        own = [level for level in levels if level.below_limit is below]
        if own:
            figure.add_scatter(
                x=[level.time_h for level in own],
                y=[level.conc_mg_l for level in own],
                name=name,
                mode="markers",
                marker={"color": "#d9822b", "size": 9, "symbol": symbol},
            )
    figure.update_layout(
        template="plotly_white",
        xaxis_title="time, h",
        yaxis_title="concentration, mg/L",
        hovermode="x unified",
    )
    return figure


def _add_band(
    figure: go.Figure, times_h: FloatArray, band_mg_l: FloatArray, name: str, colour: str
) -> None:
    """Add a filled band, (2, n), without an outline."""
    figure.add_scatter(
        x=np.concatenate([times_h, times_h[::-1]]),
        y=np.concatenate([band_mg_l[0], band_mg_l[1][::-1]]),
        name=f"{name}, 90 %",
        fill="toself",
        fillcolor=colour,
        opacity=0.2,
        line_width=0,
        hoverinfo="skip",
    )
