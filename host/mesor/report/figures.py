# SPDX-License-Identifier: MIT
"""The figures of a run as a person reads them, by name and unit; terminal and page agree.

From summary.json alone, but not all of it: times are left out where no chip took them
(they are 0 then), the indices of a held level where none is held, and what a course
reached where it is a level.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_DIGITS = 5  # of a measured figure; counts and limits are given whole


@dataclass(frozen=True, slots=True)
class Figure:
    """One entry of the summary: its place, its name in words, its unit and scale there."""

    group: str
    key: str
    name: str
    unit: str
    scale: float = 1.0


_PER_MINUTE, _PER_MILLI = 1.0 / 60.0, 1e-3
FIGURES = (
    Figure("performance", "settling_time_s", "first in the window", "min", _PER_MINUTE),
    Figure("performance", "steady_time_s", "in the window for good", "min", _PER_MINUTE),
    Figure("performance", "time_in_window", "time in the window since settling", "%"),
    Figure("performance", "mdpe", "median error, MDPE", "%"),
    Figure("performance", "mdape", "median absolute error, MDAPE", "%"),
    Figure("performance", "wobble", "wobble", "%"),
    Figure("performance", "divergence", "divergence", "%/h"),
    Figure("performance", "overshoot", "overshoot", "%"),
    Figure("volume", "commanded_ml", "volume commanded", "mL"),
    Figure("volume", "delivered_ml", "volume delivered", "mL"),
    Figure("volume", "ledger_error_steps", "error of the pump's account", "steps"),
    Figure("solver", "iterations_median", "ADMM iterations, median", ""),
    Figure("solver", "iterations_max", "ADMM iterations, most", ""),
    Figure("solver", "unsolved", "ticks without a solution", ""),
    Figure("solver", "solve_us_mean", "QP, mean", "ms", _PER_MILLI),
    Figure("solver", "solve_us_max", "QP, longest", "ms", _PER_MILLI),
    Figure("tick_us", "median", "tick, frame in to frame out, median", "ms", _PER_MILLI),
    Figure("tick_us", "max", "tick, frame in to frame out, longest", "ms", _PER_MILLI),
    Figure("heap_free_bytes", "first", "heap free, first count", "bytes"),
    Figure("heap_free_bytes", "last", "heap free, last count", "bytes"),
)
COURSE = (
    Figure("course", "peaks_mg_l", "peaks", "mg/L"),
    Figure("course", "troughs_mg_l", "troughs", "mg/L"),
    Figure("course", "shares_percent", "time above, of each interval", "%"),
    Figure("course", "areas_mg_h_l", "areas", "mg h/L"),
    Figure("course", "highest_mg_l", "highest level", "mg/L"),
    Figure("course", "dose_mg", "dose", "mg"),
)


def figures(summary: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield name and value of every figure that the summary has and this run can show."""
    for figure in FIGURES:
        group = summary.get(figure.group) or {}
        held = figure.group != "performance" or holds_level(summary)
        timed = figure.unit != "ms" or group.get(figure.key)
        if figure.key in group and held and timed:
            yield figure.name, in_words(figure, group[figure.key])


def holds_level(summary: dict[str, Any]) -> bool:
    """Return whether the therapy holds a level, which the indices of performance speak of."""
    return bool(summary.get("kind", "level") == "level")


def course_figures(summary: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield name and value of what a course reached, and what the standard dose does.

    Nothing for a level that is held; "none" beside a closed loop without standard dose.
    """
    course, standard = summary.get("course") or {}, summary.get("standard_dose") or {}
    if holds_level(summary):
        return
    for figure in COURSE:
        reached = course.get(figure.key)
        if reached not in (None, []):
            yield (
                figure.name,
                in_words(figure, reached),
                in_words(figure, standard.get(figure.key)),
            )


def in_words(figure: Figure, value: Any) -> str:
    """Return a value, or several of them, with their unit."""
    if value is None or value == []:
        return "none"
    values = value if isinstance(value, list) else [value]
    listed = ", ".join(_number(entry * figure.scale) for entry in values)
    return f"{listed} {figure.unit}".rstrip()


def _number(value: float) -> str:
    """Return a count whole, and a measured figure to a few digits."""
    if float(value).is_integer() or abs(value) >= 10**_DIGITS:
        return f"{value:,.0f}"
    return f"{value:,.{_DIGITS}g}"
