# SPDX-License-Identifier: MIT
"""How well a level was held: the indices that papers on target-controlled infusion report.

Reports, verdicts and campaigns all take their figures from here.  The indices are those of
Varvel et al., J Pharmacokinet Biopharm 20:63, 1992, with the target in place of the
prediction.  Pure; time in s, concentrations in mg/L, errors in percent of the target.

Settling: a run has settled at the first sample inside the window, ends included.  That is
the least flattering start, for every later excursion then counts.  Each field of
`Performance` says from when it counts; a run that never settles counts from its start.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from mesor.errors import RecordError

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TargetWindow:
    """The level to hold and the window around it, mg/L."""

    target_mg_l: float
    low_mg_l: float
    high_mg_l: float


@dataclass(frozen=True, slots=True)
class Performance:
    """The indices of one run, under the names of summary.json.

    From settling on: time_in_window (percent of the time), mdpe, mdape, wobble (percent
    of the target), divergence (percent of the target per hour).  From the start:
    overshoot (highest level above the target, percent of it, 0 when never above),
    settling_time_s (first sample inside the window), steady_time_s (first sample after
    which the level never leaves it again).  The two times are None when it never happens.
    """

    time_in_window: float
    mdpe: float
    mdape: float
    wobble: float
    divergence: float
    overshoot: float
    settling_time_s: float | None
    steady_time_s: float | None

    def summary(self) -> dict[str, float | None]:
        """Return the indices as summary.json holds them."""
        return asdict(self)


def evaluate(time_s: npt.ArrayLike, conc_mg_l: npt.ArrayLike, window: TargetWindow) -> Performance:
    """Return the indices of a run from samples of the true level.

    time_s rises strictly; both arrays have the same length, two or more.  Times in the
    result are since time_s[0].  Raises RecordError for arrays that are not so.
    """
    times, levels = _checked(time_s, conc_mg_l)
    inside = (levels >= window.low_mg_l) & (levels <= window.high_mg_l)
    settled = bool(inside.any())
    first = int(np.argmax(inside)) if settled else 0
    error = performance_error_percent(levels[first:], window.target_mg_l)
    mdpe = float(np.median(error))
    return Performance(
        time_in_window=time_in_window_percent(times[first:], levels[first:], window),
        mdpe=mdpe,
        mdape=float(np.median(np.abs(error))),
        wobble=float(np.median(np.abs(error - mdpe))),
        divergence=divergence_percent_h(times[first:], error),
        overshoot=max(0.0, float(performance_error_percent(levels, window.target_mg_l).max())),
        settling_time_s=float(times[first] - times[0]) if settled else None,
        steady_time_s=_steady_time_s(times, inside),
    )


def performance_error_percent(conc_mg_l: FloatArray, target_mg_l: float) -> FloatArray:
    """Return PE = (level - target) / target x 100 of every sample."""
    return (conc_mg_l - target_mg_l) / target_mg_l * 100.0


def divergence_percent_h(time_s: FloatArray, error_percent: FloatArray) -> float:
    """Return the least-squares slope of |PE| over time, percent per hour; 0 for one sample."""
    hours = (time_s - time_s.mean()) / 3600.0
    spread = float(hours @ hours)
    return float(hours @ np.abs(error_percent)) / spread if spread > 0.0 else 0.0


def time_in_window_percent(
    time_s: FloatArray, conc_mg_l: FloatArray, window: TargetWindow
) -> float:
    """Return the share of the time that the level, drawn straight between samples, is inside.

    A single sample has no duration; it counts as all or nothing.
    """
    low, high = window.low_mg_l, window.high_mg_l
    if len(time_s) == 1:
        return 100.0 if low <= conc_mg_l[0] <= high else 0.0
    rise = np.abs(np.diff(conc_mg_l))
    rise_inside = np.abs(np.diff(np.clip(conc_mg_l, low, high)))
    level_inside = (conc_mg_l[:-1] >= low) & (conc_mg_l[:-1] <= high)
    share = np.where(rise > 0.0, rise_inside / np.where(rise > 0.0, rise, 1.0), level_inside)
    return float(share @ np.diff(time_s)) / float(time_s[-1] - time_s[0]) * 100.0


def _steady_time_s(time_s: FloatArray, inside: npt.NDArray[np.bool_]) -> float | None:
    """Return when the level came inside for good, or None when it ends outside."""
    if not inside[-1]:
        return None
    outside = np.flatnonzero(~inside)
    first = int(outside[-1]) + 1 if len(outside) else 0
    return float(time_s[first] - time_s[0])


def _checked(time_s: npt.ArrayLike, conc_mg_l: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return both as arrays; raises RecordError for what no run can have recorded."""
    times, levels = np.asarray(time_s, np.float64), np.asarray(conc_mg_l, np.float64)
    if times.ndim != 1 or times.shape != levels.shape or len(times) < 2:
        raise RecordError(
            f"The run has {times.size} times and {levels.size} concentrations; performance "
            "needs two samples or more, and as many of one as of the other."
        )
    if not (np.isfinite(times).all() and np.isfinite(levels).all()):
        raise RecordError("The run holds a time or concentration that is not finite.")
    if not (np.diff(times) > 0.0).all():
        raise RecordError("The run's times do not rise strictly; sort its samples by time (s).")
    return times, levels
