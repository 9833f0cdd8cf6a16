# SPDX-License-Identifier: MIT
"""A prescription as one JSON object; every number's unit is the end of its key."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from mesor.dosing.prescription.measures import measures
from mesor.dosing.prescription.parameters import parameter_rows
from mesor.dosing.prescription.prescription import Column, Prescription
from mesor.report.console import NOTICE


def as_json_object(found: Prescription) -> dict[str, Any]:
    """Return all of it; infinite and missing numbers are null."""
    order = found.order
    aim, advice, genes = found.aim, found.next_dose, order.patient.phenotypes
    whole = {
        "notice": NOTICE,
        "drug": order.drug.name,
        "models": [
            {"name": fit.person.published.name, "weight": fit.weight} for fit in found.fits
        ],
        "measures": [asdict(figure) for figure in measures(order.patient)],
        "genes": [asdict(gene) | {"is_ambiguous": gene.is_ambiguous} for gene in genes],
        "effects": [asdict(effect) for effect in found.effects],
        "figures": [asdict(figure) for figure in found.figures],
        "parameters": [asdict(row) for fit in found.fits for row in parameter_rows(fit)],
        "target": None if aim is None else {**asdict(aim), "unit": aim.unit},
        "limits": [limit.model_dump() for limit in order.drug.limits],
        "regimens": [_column(column) for column in found.columns],
        "next_dose": None if advice is None else asdict(advice),
        "assumed": list(found.assumed),
        "warnings": list(found.warnings),
    }
    return _plain(whole)  # type: ignore[no-any-return]


def _column(column: Column) -> dict[str, Any]:
    """Return one regimen with what it reaches."""
    regimen = column.regimen
    return {
        "name": column.name,
        "loading_mg": column.loading_mg,
        "amount_mg": regimen.amount_mg,
        **asdict(regimen.shape),
        "rate_mg_h": regimen.rate_mg_h,
        "daily_mg": regimen.daily_mg,
        "expected": asdict(column.expected),
    }


def _plain(value: Any) -> Any:
    """Return value with every number that JSON has not as null."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
