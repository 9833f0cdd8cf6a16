# SPDX-License-Identifier: MIT
"""A prescription in the terminal, readable at 80 columns: why, what, what was assumed."""

from __future__ import annotations

import math
from itertools import groupby

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from mesor.dosing.figures import Effect
from mesor.dosing.prescription.aim import limits_of
from mesor.dosing.prescription.labels import (
    Sources,
    activity,
    chance,
    covariate_value,
    label,
    limit_name,
    number,
    percent,
)
from mesor.dosing.prescription.measures import measures
from mesor.dosing.prescription.parameters import Estimate, parameter_rows
from mesor.dosing.prescription.prescription import Column, Prescription
from mesor.report.console import NOTICE


def print_prescription(found: Prescription, console: Console) -> None:
    """Print all of it."""
    sources = Sources()
    console.print(f"[bold]{escape(_title(found))}[/]\n{NOTICE}", highlight=False)
    console.print(_measures_table(found))
    if found.order.patient.phenotypes:
        console.print(_genes_table(found))
    if found.effects:
        console.print(_effects_table(found, sources))
    if found.fits:
        console.print(_parameters_table(found))
    if found.columns:
        console.print(_regimen_table(found))
    for line in _below(found, sources):
        console.print(escape(line), highlight=False)
    _print_list(console, "Assumed", found.assumed)
    _print_list(console, "Warnings", found.warnings)
    _print_list(console, "Sources", tuple(sources.lines()))


def _title(found: Prescription) -> str:
    """Return whom and what this is for."""
    patient, drug = found.order.patient, found.order.drug
    names = [fit.person.published.name for fit in found.fits]
    if len(names) > 1:
        names = [f"{n} {100 * f.weight:.0f}%" for n, f in zip(names, found.fits, strict=True)]
    model = ", ".join(names)
    who = f"{patient.sex}, {patient.age_years:g} years, {patient.weight_kg:g} kg"
    return f"{drug.name}: {who}, {patient.height_cm:g} cm" + (f"; {model}" if model else "")


def _table(title: str, *headings: str) -> Table:
    return Table(*headings, title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)


def _measures_table(found: Prescription) -> Table:
    """Return the body and the kidneys by each usual measure."""
    table = _table("Body and kidneys, by each usual measure", "measure", "value", "")
    table.columns[1].justify = "right"
    for figure in measures(found.order.patient):
        table.add_row(figure.name, f"{number(figure.value)} {figure.unit}", figure.note)
    return table


def _genes_table(found: Prescription) -> Table:
    """Return what each genotype means, whether the drug depends on it or not."""
    table = _table("Genes", "gene", "genotype", "activity", "phenotype")
    for gene in found.order.patient.phenotypes:
        says = " or ".join(gene.names) + (", ambiguous" if gene.is_ambiguous else "")
        says += ", as stated" if gene.stated else ""
        table.add_row(gene.gene, escape(gene.genotype), activity(gene.score), says)
    return table


def _effects_table(found: Prescription, sources: Sources) -> Table:
    """Return what each covariate did to each parameter."""
    individual = found.fits[0].person.individual if found.fits else None
    of = f", {individual.model}" if individual is not None and len(found.fits) > 1 else ""
    title = f"What each covariate did{escape(of)}"
    table = _table(title, "parameter", "covariate", "patient", "factor", "")
    table.columns[3].justify = "right"
    order = [] if individual is None else list(individual.parameters)
    ordered = sorted(
        found.effects,
        key=lambda e: (order.index(e.parameter) if e.parameter in order else 99, e.parameter),
    )
    for parameter, effects in groupby(ordered, key=lambda effect: effect.parameter):
        own = list(effects)
        for index, effect in enumerate(own):
            table.add_row(
                label(parameter)[0] if index == 0 else "",
                escape(label(effect.covariate)[0]),
                escape(covariate_value(found.order.patient, found.figures, effect.covariate)),
                f"x {effect.factor:.3f}",
                escape(sources.cite(effect.source)),
            )
        if individual is not None and parameter in individual.reference:
            table.add_row(*_whole(parameter, own, individual.reference[parameter]))
    return table


def _whole(parameter: str, effects: list[Effect], reference: float) -> tuple[str, ...]:
    """Return the row that says what all factors together make of the reference."""
    factor = math.prod(effect.factor for effect in effects)
    unit = label(parameter)[1]
    change = f"{number(reference)} -> {number(reference * factor)} {unit}".rstrip()
    return (
        "",
        "[dim]all, from the reference[/]",
        f"[dim]{change}[/]",
        f"[dim]x {factor:.3f}[/]",
        "",
    )


def _parameters_table(found: Prescription) -> Table:
    """Return the parameters before and after the levels."""
    levels = len(found.order.levels)
    headings = ["parameter", "a priori", "90 %"]
    if levels:
        headings += ["a posteriori", "90 %", "shrinkage"]
    title = f"Parameters, {levels} level{'s' * (levels != 1)}" if levels else "Parameters"
    table = _table(title, *headings)
    for column in table.columns[1:]:
        column.justify = "right"
        column.no_wrap = True
    for fit in found.fits:
        if len(found.fits) > 1:
            table.add_row(f"[bold]{escape(fit.person.published.name)}[/]")
        for row in parameter_rows(fit):
            name, unit = label(row.name)
            cells = [f"{name}, {unit}" if unit else name, *_shown(row.before)]
            if levels and row.after is not None:
                left = "-" if row.shrinkage is None else percent(row.shrinkage)
                cells += [*_shown(row.after), left]
            table.add_row(*cells)
    return table


def _shown(estimate: Estimate) -> tuple[str, str]:
    """Return a value and its interval."""
    if estimate.low is None or estimate.high is None:
        return number(estimate.value), "fixed"
    return number(estimate.value), f"{number(estimate.low)}-{number(estimate.high)}"


def _regimen_table(found: Prescription) -> Table:
    """Return the regimens side by side."""
    table = _table("Regimen, and what it reaches at steady state", "")
    for column in found.columns:
        table.add_column(column.name, justify="right")
    rows: list[tuple[str, list[str]]] = [
        ("loading dose, mg", [_loading(column) for column in found.columns]),
        ("dose, mg", [_dose(column) for column in found.columns]),
        ("every, h", [_every(column) for column in found.columns]),
        ("over, h", [_over(column) for column in found.columns]),
        ("rate, mg/h", [number(c.regimen.rate_mg_h) for c in found.columns]),
        ("daily dose, mg", [number(c.regimen.daily_mg) for c in found.columns]),
        ("peak, mg/L", [number(c.expected.peak_mg_l) for c in found.columns]),
        ("trough, mg/L", [number(c.expected.trough_mg_l) for c in found.columns]),
        ("AUC24, mg h/L", [_optional(c.expected.auc24_mg_h_l) for c in found.columns]),
        ("AUC, mg h/L", [_optional(c.expected.course_auc_mg_h_l) for c in found.columns]),
        ("fT>MIC", [percent(c.expected.free_share) for c in found.columns]),
        ("chance to reach target", [chance(c.expected.reaches_target) for c in found.columns]),
        ("chance to exceed it", [chance(c.expected.exceeds_target) for c in found.columns]),
        ("chance above a limit", [chance(c.expected.exceeds_limit) for c in found.columns]),
    ]
    for name, cells in rows:
        if any(cell != "-" for cell in cells):
            table.add_row(name, *cells)
    return table


def _dose(column: Column) -> str:
    """Return the amount of one dose; an infusion without end has a rate and a daily dose only."""
    return "-" if column.regimen.shape.continuous else number(column.regimen.amount_mg)


def _loading(column: Column) -> str:
    return _optional(column.loading_mg)


def _every(column: Column) -> str:
    shape = column.regimen.shape
    if shape.interval_h is None:
        return "once"
    return "always" if shape.continuous else number(shape.interval_h)


def _over(column: Column) -> str:
    shape = column.regimen.shape
    if shape.route == "oral":
        return "oral"
    return "always" if shape.continuous else number(shape.duration_h)


def _optional(value: float | None) -> str:
    return "-" if value is None else number(value)


def _below(found: Prescription, sources: Sources) -> list[str]:
    """Return the sentences below the regimens."""
    lines = []
    if found.order.drug.file.note and found.fits:
        lines.append(" ".join(found.order.drug.file.note.split()))
    if found.aim is not None:
        lines.append(f"Target: {found.aim.says} {sources.cite(found.aim.source)}.")
    if found.order.drug.limits:
        unbound = bool(found.fits) and found.fits[0].person.unbound
        limits = (
            f"{limit_name(item.quantity)} {item.most:.4g} {item.unit} "
            f"{'unbound ' if unbound and item.unit == 'mg/L' else ''}"
            f"{sources.cite(found.order.drug.sources[item.source].text)}"
            for item in limits_of(found.order.drug, unbound)
        )
        lines.append(f"Limits: {', '.join(limits)}.")
    if found.fixed is not None:
        lines.append(f"Fixed dose: {found.fixed.says} {sources.cite(found.fixed.source)}.")
    metabolite = found.fits[0].person.individual.metabolite if found.fits else None
    if metabolite is not None and found.fixed is not None:
        area = metabolite.auc_mg_h_l(found.fixed.amount_mg)
        lines.append(f"Active metabolite after the fixed dose: {number(area)} mg h/L.")
    if found.next_dose is not None:
        lines.append(_next(found))
    return lines


def _next(found: Prescription) -> str:
    """Return the advice on the next dose."""
    advice = found.next_dose
    assert advice is not None, "the caller looked"
    assert found.aim is not None, "no dose is advised without an aim"
    dose = advice.dose
    return (
        f"Next dose: {number(dose.amount_mg)} mg at {dose.time_h:g} h over {dose.duration_h:g} h; "
        f"with what is left it reaches {number(advice.reached)} {found.aim.unit} in its interval "
        f"(90 %: {number(advice.reached_low)} to {number(advice.reached_high)})."
    )


def _print_list(console: Console, title: str, lines: tuple[str, ...]) -> None:
    """Print a list under its title, hanging; nothing when it is empty."""
    if not lines:
        return
    console.print(f"\n[bold]{title}[/]")
    for line in lines:
        console.print(Padding(escape(line), (0, 0, 0, 2)), highlight=False)
