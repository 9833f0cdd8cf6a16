# SPDX-License-Identifier: MIT
"""What a person sees of a campaign: a table in the terminal, campaign.json, a page with plots."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import tomli_w
from plotly.offline import get_plotlyjs
from plotly.subplots import make_subplots
from rich.console import Console
from rich.table import Table

from mesor.report.console import NOTICE
from mesor.report.page import STYLE
from mesor_hil.campaign.run import Treated
from mesor_hil.campaign.spec import Campaign
from mesor_hil.campaign.summary import ARMS

NAMES = {"fixed": "standard dose", "a_priori": "a priori", "closed_loop": "closed loop"}
_COLUMNS = (
    "",
    "at target and below the limit",
    "at target",
    "above the window",
    "beyond the limit",
    "index, median (5 to 95 %)",
    "dose, mg",
)
_COLOURS = {"fixed": "#7b8794", "a_priori": "#d9822b", "closed_loop": "#0b5cad"}
_BAND_OPACITY = 0.18
_JITTER = 0.28
_CONFIG = {"displaylogo": False, "responsive": True}
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>{style}</style><script>{plotly}</script></head><body><main>
<h1>{title}</h1>
<p class="quiet">{subtitle}</p>
<p>{target}</p>
{table}
<p>{pairs}</p>
<figure aria-labelledby="what-is-plotted">
{plots}
<figcaption id="what-is-plotted">Above, the index of each patient, with median and quartiles; the
band is what counts as reached. Below, the true level of the patients: median and the middle nine
tenths of them. Every patient is in campaign.json.</figcaption>
</figure>
<noscript><p>The plots need JavaScript; what they show is in campaign.json.</p></noscript>
<p class="quiet">{notice} Not for clinical use.</p>
</main></body></html>
"""


def write_result(
    folder: Path, campaign: Campaign, result: dict[str, Any], people: Sequence[Treated]
) -> Path:
    """Write campaign.toml, campaign.json and report.html; return the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    resolved = tomli_w.dumps(campaign.model_dump(mode="python", exclude_none=True))
    (folder / "campaign.toml").write_text(resolved, encoding="utf-8")
    text = json.dumps(result, indent=2, allow_nan=False) + "\n"
    (folder / "campaign.json").write_text(text, encoding="utf-8")
    page = folder / "report.html"
    page.write_text(_page(result, people), encoding="utf-8")
    return page


def print_result(result: dict[str, Any]) -> None:
    """Print the table and what stands below it."""
    console = Console()
    table = Table(*_COLUMNS, title=_title(result), title_justify="left")
    for row in rows(result):
        table.add_row(*row)
    console.print(table)
    for line in (_target(result), _pairs(result), NOTICE):
        console.print(line, highlight=False)


def rows(result: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return one row of text for each way of dosing."""
    return [_row(arm, result["arms"][arm]) for arm in ARMS]


def _row(arm: str, found: dict[str, Any]) -> tuple[str, ...]:
    """Return one row of the table."""
    return (
        NAMES[arm],
        _share(found["kept"]),
        _share(found["at_target"]),
        _share(found["above_window"]),
        _share(found["beyond_limit"]),
        _spread(found["index"]),
        _spread(found["dose_mg"]),
    )


def _share(share: dict[str, Any] | None) -> str:
    """Return a share with its interval, or a dash."""
    if share is None:
        return "-"
    low, high = share["low_percent"], share["high_percent"]
    return f"{share['percent']:.1f} % ({low:.1f} to {high:.1f})"


def _spread(centiles: dict[str, float] | None) -> str:
    """Return median and outer centiles, or a dash."""
    if centiles is None:
        return "-"
    low, middle, high = (centiles[f"centile_{at}"] for at in (5, 50, 95))
    return f"{middle:.4g} ({low:.4g} to {high:.4g})"


def _title(result: dict[str, Any]) -> str:
    """Return what names the campaign."""
    return f"{result['campaign']}, {result['patients']} patients, seed {result['seed']}"


def _target(result: dict[str, Any]) -> str:
    """Return what is asked for, and of whom."""
    target, arms = result["target"], result["arms"]
    high = "" if target["high"] is None else f" to {target['high']:g}"
    undosed = ", ".join(
        f"{NAMES[arm]} {arms[arm]['not_dosed']}" for arm in ARMS if arms[arm]["not_dosed"]
    )
    return (
        f"Reached: {target['says']}; index {target['low']:g}{high} {target['index_unit']}. "
        f"Patients of {result['truth']}, doses by {result['model']}. "
        f"Standard dose: {result['standard_dose']}. Shares with 95 % intervals (Wilson)"
        f"{f'; not dosed: {undosed}' if undosed else ''}."
    )


def _pairs(result: dict[str, Any]) -> str:
    """Return the comparison of the same patients in words."""
    said = []
    for other in ("fixed", "a_priori"):
        pair = result["pairs"][f"closed_loop_against_{other}"]
        said.append(
            f"only closed loop {pair['only_closed_loop']}, only {NAMES[other]} "
            f"{pair[f'only_{other}']} (McNemar's exact p {pair['mcnemar_p']:.2g})"
        )
    return f"At target and below the limit in the same patients: {'; '.join(said)}."


def _page(result: dict[str, Any], people: Sequence[Treated]) -> str:
    """Return the whole page."""
    return _PAGE.format(
        title=html.escape(_title(result)),
        style=STYLE,
        plotly=get_plotlyjs(),
        subtitle=html.escape(f"{result['drug']}, {result['duration_h']:g} h of treatment"),
        target=html.escape(_target(result)),
        table=_html_table(result),
        pairs=html.escape(_pairs(result)),
        plots=_plots(result, people),
        notice=NOTICE,
    )


def _html_table(result: dict[str, Any]) -> str:
    """Return the table of the page."""
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in _COLUMNS)
    body = "".join(
        f'<tr><th scope="row">{html.escape(name)}</th>'
        + "".join(f"<td>{html.escape(value)}</td>" for value in values)
        + "</tr>"
        for name, *values in rows(result)
    )
    head = f"<thead><tr>{head}</tr></thead>"
    return f'<div class="wide"><table>{head}<tbody>{body}</tbody></table></div>'


def _plots(result: dict[str, Any], people: Sequence[Treated]) -> str:
    """Return indices and levels as one figure."""
    target = result["target"]
    figure = make_subplots(
        rows=2,
        vertical_spacing=0.12,
        row_heights=[0.45, 0.55],
        subplot_titles=(f"Index, {target['index_unit']}", "Level, mg/L"),
    )
    for arm in ARMS:
        _add_indices(figure, arm, people)
        _add_levels(figure, arm, people)
    band = {"fillcolor": "#d5ecdd", "opacity": 0.6, "line_width": 0, "layer": "below"}
    if target["high"] is not None:
        figure.add_hrect(y0=target["low"], y1=target["high"], row=1, col=1, **band)
    low, high = target["level_low_mg_l"], target["level_high_mg_l"]
    if low is not None and high is not None:
        figure.add_hrect(y0=low, y1=high, row=2, col=1, **band)
    elif low is not None:
        line = {"line_dash": "dot", "line_color": "#14733f"}
        figure.add_hline(y=low, row=2, col=1, **line)
    figure.update_layout(
        height=860,
        template="plotly_white",
        margin={"l": 50, "r": 20, "t": 70, "b": 90},
        legend={"orientation": "h", "yref": "container", "yanchor": "bottom", "y": 0.0},
    )
    figure.update_xaxes(title_text="time, h", row=2, col=1)
    text: str = figure.to_html(
        full_html=False, include_plotlyjs=False, div_id="plots", config=_CONFIG
    )
    return text


def _add_indices(figure: go.Figure, arm: str, people: Sequence[Treated]) -> None:
    """Add a box with every patient's index beside it."""
    figure.add_box(
        y=[one.judged[arm].index for one in people if arm in one.judged],
        name=NAMES[arm],
        boxpoints="all",
        jitter=_JITTER,
        pointpos=-1.6,
        marker={"color": _COLOURS[arm], "size": 3, "opacity": 0.6},
        line_width=1.5,
        showlegend=False,
        row=1,
        col=1,
    )


def _add_levels(figure: go.Figure, arm: str, people: Sequence[Treated]) -> None:
    """Add the median level and the middle nine tenths of the patients."""
    curves = [one.curves_mg_l[arm] for one in people if arm in one.curves_mg_l]
    if not curves:
        return
    hours, colour = np.array(people[0].curve_h), _COLOURS[arm]
    low, middle, high = np.percentile(np.array(curves), (5.0, 50.0, 95.0), axis=0)
    figure.add_scatter(
        x=np.concatenate([hours, hours[::-1]]),
        y=np.concatenate([low, high[::-1]]),
        fill="toself",
        fillcolor=colour,
        opacity=_BAND_OPACITY,
        line_width=0,
        hoverinfo="skip",
        legendgroup=arm,
        showlegend=False,
        row=2,
        col=1,
    )
    line = {"color": colour, "width": 2}
    figure.add_scatter(
        x=hours, y=middle, name=NAMES[arm], line=line, legendgroup=arm, row=2, col=1
    )
