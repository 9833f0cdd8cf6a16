# SPDX-License-Identifier: MIT
"""Whether one patient's course reached the drug's target, and did harm: the same rule for all.

| dosed by | index, from true levels | harm: above the library's limit |
| area of 24 h | area of the last 24 h over the MIC | the same area |
| area of a course | area from the beginning to the end | above the window |
| peak over MIC | highest level after the last dose, over the MIC | level before the next dose |
| time above the MIC | percent of the last 24 h above the (total) level | its lowest level |
| level, trough | percent of the judged time inside the window | highest level in that time |
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mesor.dosing.library import Drug
from mesor.dosing.prescription.aim import Aim
from mesor.performance import TargetWindow, time_in_window_percent
from mesor_hil.campaign.arms import Course

FloatArray = npt.NDArray[np.float64]
TIME_IN_WINDOW_LEAST = 90.0  # percent: a level is kept when it is inside for so long
_TOLERANCE = 1e-6
_DAY_H = 24.0
_LIMITED_BY = {"auc24": "auc24", "peak": "trough", "held": "trough", "level": "level"}


@dataclass(frozen=True, slots=True)
class Judgement:
    """One patient by one way of dosing; beyond_limit None where the library has no limit."""

    index: float
    at_target: bool
    above_window: bool
    beyond_limit: bool | None
    dose_mg: float

    @property
    def kept(self) -> bool:
        """Say whether the target was reached and no limit exceeded."""
        return self.at_target and not self.beyond_limit


def index_unit(aim: Aim) -> str:
    """Return the unit of the index."""
    per_mic = aim.mic_mg_l is not None
    return {
        "auc24": "h" if per_mic else "mg h/L",
        "course_auc": "mg h/L",
        "peak": "x MIC" if per_mic else "mg/L",
    }.get(aim.quantity, "% of the time")


def index_window(aim: Aim) -> tuple[float, float]:
    """Return the low and high end of the index that count as reached."""
    if aim.quantity == "held":
        return 100.0 * aim.share, 100.0
    if aim.quantity in ("level", "trough"):
        return TIME_IN_WINDOW_LEAST, 100.0
    scale = aim.mic_mg_l or 1.0
    low = 0.0 if aim.low is None else aim.low / scale
    return low, np.inf if aim.high is None else aim.high / scale


def judge(course: Course, aim: Aim, drug: Drug, judged_from_h: float) -> Judgement:
    """Return the judgement of one course."""
    index, harm = _index_and_harm(course, aim, judged_from_h)
    low, high = index_window(aim)
    name = "trough" if aim.quantity == "trough" else _LIMITED_BY.get(aim.quantity)
    limits = [limit.most for limit in drug.limits if limit.quantity == name]
    if aim.quantity == "course_auc" and aim.high is not None:
        limits = [aim.high]
    return Judgement(
        index=index,
        at_target=bool(low - _TOLERANCE <= index <= high + _TOLERANCE),
        above_window=bool(index > high + _TOLERANCE),
        beyond_limit=bool(harm > min(limits)) if limits else None,
        dose_mg=course.dose_mg,
    )


def _index_and_harm(course: Course, aim: Aim, judged_from_h: float) -> tuple[float, float]:
    """Return the index, and what the limit is about, in mg/L or mg h/L."""
    time_h, levels = course.time_h, course.conc_mg_l
    scale, end_h = aim.mic_mg_l or 1.0, float(time_h[-1])
    match aim.quantity:
        case "course_auc":
            area = float(np.trapezoid(levels, time_h))
            return area, area
        case "auc24":
            area = _area_mg_h_l(course, end_h - _DAY_H, end_h)
            return area / scale, area
        case "peak":
            last = _last_whole(course.begins_h, end_h)
            peak = float(levels[time_h >= last - _TOLERANCE].max())
            return peak / scale, _trough_mg_l(course, last)
        case "held":
            assert aim.low is not None, "a level that is held has a low end"
            day = time_h >= end_h - _DAY_H - _TOLERANCE
            window = TargetWindow(aim.low, aim.low, np.inf)
            share = time_in_window_percent(3600.0 * time_h[day], levels[day], window)
            return share, float(levels[day].min())
        case _:
            assert aim.low is not None, "a level has a window"
            assert aim.high is not None, "a level has a window"
            late = time_h >= judged_from_h - _TOLERANCE
            window = TargetWindow(0.5 * (aim.low + aim.high), aim.low, aim.high)
            share = time_in_window_percent(3600.0 * time_h[late], levels[late], window)
            return share, float(levels[late].max())


def _area_mg_h_l(course: Course, from_h: float, to_h: float) -> float:
    """Return the area between two times of the course, which are ticks."""
    inside = (course.time_h >= from_h - _TOLERANCE) & (course.time_h <= to_h + _TOLERANCE)
    return float(np.trapezoid(course.conc_mg_l[inside], course.time_h[inside]))


def _last_whole(begins_h: list[float], end_h: float) -> float:
    """Return when the last dose began whose peak the course has seen, two hours at most."""
    return max((begin for begin in begins_h if begin + 2.0 <= end_h), default=0.0)


def _trough_mg_l(course: Course, last_h: float) -> float:
    """Return the level before the last dose, or at the end where there was only one."""
    if last_h > 0.0:
        return float(np.interp(last_h, course.time_h, course.conc_mg_l))
    return float(course.conc_mg_l[-1])
