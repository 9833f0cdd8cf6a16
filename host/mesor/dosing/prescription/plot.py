# SPDX-License-Identifier: MIT
"""Prior, posterior and levels of a prescription as a page of its own, one plot per model."""

from __future__ import annotations

from html import escape

from mesor.dosing.levels.plot import levels_plot
from mesor.dosing.prescription.prescription import Prescription
from mesor.errors import DosingError
from mesor.report.console import NOTICE

_AFTER_H = 24.0


def plot_page(found: Prescription) -> str:
    """Return the page, HTML; DosingError where there is nothing to plot."""
    order = found.order
    if not order.levels:
        raise DosingError("--plot shows levels and there are none; give them with --levels.")
    end_h = max([*(level.time_h for level in order.levels), order.doses[-1].end_h]) + _AFTER_H
    plots: list[str] = []
    for fit in found.fits:
        assert fit.after is not None, "with levels there is a fit"
        figure = levels_plot(fit.after, order.levels, end_h)
        title = f"{order.drug.name}, {fit.person.published.name}"
        if len(found.fits) > 1:
            title += f", {100.0 * fit.weight:.0f} % of the models' weight"
        figure.update_layout(title=title)
        if fit.person.unbound:
            figure.update_layout(yaxis_title="unbound concentration, mg/L")
        plots.append(
            figure.to_html(full_html=False, include_plotlyjs="inline" if not plots else False)
        )
    head = f"<!doctype html><meta charset=utf-8><title>{escape(order.drug.name)}</title>"
    return f"{head}<p>{escape(NOTICE)}</p>{''.join(plots)}\n"
