# SPDX-License-Identifier: MIT
"""How well a level was held: the indices that papers on target-controlled infusion report.

Reports, verdicts and campaigns all take their figures from here.  The indices are those of
Varvel et al., J Pharmacokinet Biopharm 20:63, 1992, with the target in place of the
prediction.  Pure; time in s, concentrations in mg/L, errors in percent of the target.

Settling: a run has settled at the first sample inside the window, ends included.  That is
the least flattering start, for every later excursion then counts.  Each field of
`Performance` says from when it counts; a run that never settles counts from its start.
Where the window is changed in a run, the level has to settle anew, by the same rule.
"""

from __future__ import annotations

from collections.abc import Sequence
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

    From settling on, in each window: time_in_window (percent of the time), mdpe, mdape,
    wobble (percent of the target), divergence (percent of the target per hour).  From the
    start, but in a later window from settling on: overshoot (highest level above the target,
    percent of it, 0 when never above).  From the start:
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


def evaluate(
    time_s: npt.ArrayLike,
    conc_mg_l: npt.ArrayLike,
    window: TargetWindow | Sequence[TargetWindow],
) -> Performance:
    """Return the indices of a run from samples of the true level.

    time_s rises strictly; both arrays have the same length, two or more.  window: one, or
    that of each sample.  Times in the result are since time_s[0].  Raises RecordError for
    arrays that are not so.
    """
    times, levels = _checked(time_s, conc_mg_l)
    windows = [window] * len(times) if isinstance(window, TargetWindow) else list(window)
    target, low, high = np.array(
        [(one.target_mg_l, one.low_mg_l, one.high_mg_l) for one in windows]
    ).T
    inside = (levels >= low) & (levels <= high)
    begins = [0] + [at for at in range(1, len(times)) if windows[at] != windows[at - 1]]
    counted = _settled(inside, begins)
    error = performance_error_percent(levels, target)
    kept = error[counted]
    mdpe = float(np.median(kept))
    aimed = counted.copy()
    aimed[: begins[1] if begins[1:] else None] = True
    first = int(np.argmax(inside))
    return Performance(
        time_in_window=_inside_percent(times, levels, low, high, counted),
        mdpe=mdpe,
        mdape=float(np.median(np.abs(kept))),
        wobble=float(np.median(np.abs(kept - mdpe))),
        divergence=divergence_percent_h(times[counted], kept),
        overshoot=max(0.0, float(error[aimed].max())),
        settling_time_s=float(times[first] - times[0]) if inside.any() else None,
        steady_time_s=_steady_time_s(times, inside),
    )


def _settled(inside: npt.NDArray[np.bool_], begins: list[int]) -> npt.NDArray[np.bool_]:
    """Return which samples count: in each window from the first inside on, else from its start."""
    counted = np.zeros(len(inside), dtype=np.bool_)
    for begin, end in zip(begins, [*begins[1:], len(inside)], strict=True):
        counted[begin + int(np.argmax(inside[begin:end])) : end] = True
    return counted


def performance_error_percent(
    conc_mg_l: FloatArray, target_mg_l: float | FloatArray
) -> FloatArray:
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
    low = np.full(len(time_s), window.low_mg_l)
    high = np.full(len(time_s), window.high_mg_l)
    return _inside_percent(time_s, conc_mg_l, low, high, np.ones(len(time_s), dtype=np.bool_))


def _inside_percent(
    time_s: FloatArray,
    conc_mg_l: FloatArray,
    low: FloatArray,
    high: FloatArray,
    counted: npt.NDArray[np.bool_],
) -> float:
    """Return the share of the time that is counted; a sample's window holds until the next."""
    before, after = conc_mg_l[:-1], conc_mg_l[1:]
    low_now, high_now = low[:-1], high[:-1]
    duration_s = np.diff(time_s) * counted[:-1]
    if not duration_s.any():
        return 100.0 if low[-1] <= conc_mg_l[-1] <= high[-1] else 0.0
    rise = np.abs(after - before)
    rise_inside = np.abs(np.clip(after, low_now, high_now) - np.clip(before, low_now, high_now))
    level_inside = (before >= low_now) & (before <= high_now)
    share = np.where(rise > 0.0, rise_inside / np.where(rise > 0.0, rise, 1.0), level_inside)
    return float(share @ duration_s) / float(duration_s.sum()) * 100.0


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
