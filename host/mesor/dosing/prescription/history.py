# SPDX-License-Identifier: MIT
"""Reads what was given and what was measured: [[dose]] tables, doses and levels as CSV.

A spreadsheet is what a ward has; so commas, semicolons and tabs separate, and each mistake
is told with its line.  Hours count from any zero, the same for doses and levels.
"""

from __future__ import annotations

import csv
import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mesor.dosing.kinetics import Dose, repeated
from mesor.dosing.levels import Level
from mesor.dosing.patient_file import GivenDose
from mesor.errors import DosingError
from mesor.input_tables import read_file

LEVEL_COLUMNS = ("time_h", "conc_mg_l", "lloq_mg_l")
# Laboratories print tacrolimus and 5-FU in these; read as mg/L they would be a thousandfold.
_MG_L_PER = {"mg_l": 1.0, "ug_ml": 1.0, "ug_l": 1e-3, "ng_ml": 1e-3}
_LEVEL_UNITS = {
    f"{column}_{unit}": (f"{column}_mg_l", size)
    for column in ("conc", "lloq")
    for unit, size in _MG_L_PER.items()
}
DOSE_COLUMNS = (
    "time_h",
    "amount_mg",
    "duration_h",
    "route",
    "count",
    "interval_h",
    "settled",
)
_CONC_MAX_MG_L = 100_000.0  # ten percent of the blood would be drug
_ROWS_MAX = 10_000
_YES_NO = {"yes": True, "no": False, "": False}


def read_levels(path: Path) -> tuple[Level, ...]:
    """Return the levels of a CSV file with columns time_h, conc_mg_l and perhaps lloq_mg_l.

    conc_ug_l, conc_ng_ml and conc_ug_ml are read too, and lloq likewise.  "<2" is a level below
    quantification, and so is a number below its row's lloq_mg_l.
    Raises DosingError in one sentence with file and line.
    """
    levels = [
        _level(_in_mg_l(row, f"{path} line {line}"), f"{path} line {line}")
        for line, row in _rows(path, LEVEL_COLUMNS, 2, "level", _LEVEL_UNITS)
    ]
    return tuple(sorted(levels, key=lambda level: level.time_h))


def read_doses(path: Path) -> tuple[Dose, ...]:
    """Return the doses of a CSV file; columns as the keys of [[dose]] in a patient's file.

    Raises DosingError in one sentence with file and line.
    """
    found: list[Dose] = []
    for line, row in _rows(path, DOSE_COLUMNS, 2, "dose"):
        where = f"{path} line {line}"
        try:
            found += given(_dose(row, where))
        except DosingError as error:
            raise DosingError(_at(where, error)) from None
    return _in_order(found)


def doses_of(entries: Sequence[GivenDose]) -> tuple[Dose, ...]:
    """Return the doses of a patient's file, each repetition written out."""
    return _in_order([dose for entry in entries for dose in given(entry)])


def given(entry: GivenDose) -> tuple[Dose, ...]:
    """Return one entry's doses; settled ones came at their interval for ever before."""
    dose = Dose(entry.time_h, entry.amount_mg, entry.duration_h, entry.route)
    if entry.interval_h is None:
        if entry.count > 1 or entry.settled:
            raise DosingError(
                f"the dose at {entry.time_h:g} h is repeated without interval_h; give it in h."
            )
        return (dose,)
    if entry.settled:
        dose = replace(dose, steady_interval_h=entry.interval_h)
    return repeated(dose, entry.count, entry.interval_h)


def _in_order(doses: Sequence[Dose]) -> tuple[Dose, ...]:
    return tuple(sorted(doses, key=lambda dose: dose.time_h))


def _rows(
    path: Path,
    columns: Sequence[str],
    needed: int,
    what: str,
    others: Mapping[str, tuple[str, float]] | None = None,
) -> list[tuple[int, dict[str, str]]]:
    """Return (line, values by column) of each row that is not empty; the first are needed.

    others: further names of a column, each with that column.
    """
    known = [*columns, *(name for name in others or {} if name not in columns)]
    text = read_file(path).removeprefix("\ufeff")
    lines = [line for line in enumerate(text.splitlines(), 1) if line[1].strip(" ,;\t")]
    if not lines:
        raise DosingError(f"{path} is empty; its first line must name {', '.join(columns)}.")
    separator = max(",;\t", key=lines[0][1].count)
    header = [name.strip() for name in next(csv.reader([lines[0][1]], delimiter=separator))]
    for name in header:
        if name not in known:
            nearest = difflib.get_close_matches(name, columns, n=1, cutoff=0.0)[0]
            raise DosingError(
                f"{path}: {name!r} is no column; the nearest one is {nearest}. "
                f"Known are {', '.join(known)}."
            )
    meant = [(others or {}).get(name, (name, 1.0))[0] for name in header]
    twice = next((name for name in meant if meant.count(name) > 1), None)
    if twice is not None:
        raise DosingError(f"{path}: the first line names {twice} twice; keep one column of it.")
    missing = [name for name in columns[:needed] if name not in meant]
    if missing:
        raise DosingError(f"{path}: the column {missing[0]} is missing in the first line.")
    if not 1 < len(lines) <= _ROWS_MAX:
        raise DosingError(f"{path} has {len(lines) - 1} rows; 1 to {_ROWS_MAX} are allowed.")
    found = []
    for number, line in lines[1:]:
        values = [value.strip() for value in next(csv.reader([line], delimiter=separator))]
        if len(values) > len(header):
            raise DosingError(
                f"{path} line {number} has {len(values)} values for {len(header)} columns; a "
                f"decimal comma looks like this: write a {what} with a point."
            )
        values += [""] * (len(header) - len(values))
        found.append((number, dict(zip(header, values, strict=True))))
    return found


def _in_mg_l(row: Mapping[str, str], where: str) -> dict[str, str]:
    """Return a row of levels with its numbers in mg/L, "<" kept; what is no number stays."""
    found: dict[str, str] = {}
    for name, text in row.items():
        column, size = _LEVEL_UNITS.get(name, (name, 1.0))
        found[column] = text
        if size != 1.0 and text:
            sign = "<" if text.startswith("<") else ""
            unit = name.partition("_")[2].replace("_", "/").replace("l", "L")
            high = _CONC_MAX_MG_L / size
            value = _number({name: text.removeprefix("<").strip()}, name, where, 0.0, high, unit)
            found[column] = f"{sign}{value * size!r}"
    return found


def _level(row: Mapping[str, str], where: str) -> Level:
    """Return one row's level."""
    time_h = _number(row, "time_h", where, 0.0, math.inf, "h")
    text = row["conc_mg_l"]
    below = text.startswith("<")
    conc = _number(
        {"conc_mg_l": text.removeprefix("<").strip()},
        "conc_mg_l",
        where,
        0.0,
        _CONC_MAX_MG_L,
        "mg/L, or as <2 where it was below quantification at 2 mg/L",
    )
    if row.get("lloq_mg_l"):
        limit = _number(row, "lloq_mg_l", where, 0.0, _CONC_MAX_MG_L, "mg/L")
        if conc < limit or below:
            conc, below = limit, True
    if conc == 0.0:
        raise DosingError(
            f"{where}: conc_mg_l is {text}; no assay measures nothing, so write it as < with the "
            "limit of quantification, such as <2, in mg/L."
        )
    return Level(time_h, conc, below)


def _dose(row: Mapping[str, str], where: str) -> GivenDose:
    """Return one row's dose."""
    settled = row.get("settled", "").lower()
    if settled not in _YES_NO:
        raise DosingError(f"{where}: settled is {settled!r}; it must be yes or no.")
    route = row.get("route") or "iv"
    if route not in ("iv", "oral"):
        raise DosingError(f"{where}: route is {route!r}; it must be iv or oral.")
    count = _number(row, "count", where, 1.0, 1000.0, "doses") if row.get("count") else 1.0
    if not count.is_integer():
        raise DosingError(
            f"{where}: count is {row['count']!r}; it must be a whole number, 1 to 1000 doses."
        )
    interval_h = None
    if row.get("interval_h"):
        interval_h = _number(row, "interval_h", where, 0.01, 10_000.0, "h")
    duration = _number(row, "duration_h", where, 0.0, 1000.0, "h") if row.get("duration_h") else 0
    return GivenDose(
        time_h=_number(row, "time_h", where, 0.0, math.inf, "h"),
        amount_mg=_number(row, "amount_mg", where, 1e-6, 1e6, "mg"),
        duration_h=float(duration),
        route="oral" if route == "oral" else "iv",
        count=int(count),
        interval_h=interval_h,
        settled=_YES_NO[settled],
    )


def _number(
    row: Mapping[str, str], column: str, where: str, low: float, high: float, unit: str
) -> float:
    """Return a value as a number in its range; DosingError says what may stand there."""
    text = row[column]
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and low <= value <= high):
        ends = f"at least {low:g}" if math.isinf(high) else f"{low:g} to {high:g}"
        allowed = f"a number with a decimal point, {ends} {unit}".rstrip()
        raise DosingError(f"{where}: {column} is {text!r}; it must be {allowed}.")
    return value


def _at(where: str, error: DosingError) -> str:
    """Return an error's sentence with its place, once."""
    text = str(error)
    return text if text.startswith(where) else f"{where}: {text}"
