# SPDX-License-Identifier: MIT
"""What the pump is to chase for a prescription's aim: kind, target, window, times.

A peak is a pulse, a free level above the MIC is time above a threshold, an area stays an
area, and the rest is a level to hold.  Of total drug; mg/L, mg h/L, h.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mesor.dosing.kinetics import KineticModel
from mesor.dosing.library import Limit
from mesor.dosing.prescription.aim import Aim
from mesor.dosing.prescription.prescription import A_PRIORI, PERSONAL, Prescription
from mesor.dosing.prescription.regimen import Regimen, profile
from mesor.errors import DosingError
from mesor.program.course import Kind

_MARGIN = 1.25  # over a level that must be exceeded: readings scatter by 5 to 10 %
_WIDE = 2.0  # a window open above ends at so many times its low end
_BAND = 0.2  # around an aim that is one value
# The pump may move an area's level over this much of its mean: what was missed while filling
# is made up, and a ceiling is kept all the same.
_AREA_WINDOW = (0.6, 1.4)
_AREA_DAY_H = 24.0
LONGER = 1.5  # a pulse may take so many times its regimen's infusion, if the patient is larger


@dataclass(frozen=True, slots=True)
class Chase:
    """The target part of a [therapy]; None has no place in a therapy of this kind."""

    kind: Kind
    target_mg_l: float
    low_mg_l: float
    high_mg_l: float
    chase_h: float | None = None
    interval_h: float | None = None
    trough_max_mg_l: float | None = None
    threshold_mg_l: float | None = None
    share_percent: float | None = None
    area_mg_h_l: float | None = None

    def course_keys(self) -> dict[str, float]:
        """Return what the therapy file wants beside kind, target and window."""
        names = ("chase_h", "interval_h", "trough_max_mg_l", "threshold_mg_l", "share_percent")
        found = {name: getattr(self, name) for name in (*names, "area_mg_h_l")}
        return {name: value for name, value in found.items() if value is not None}


def chase_of(found: Prescription, model: KineticModel) -> Chase:
    """Return what reaches the aim; DosingError where a drug has none that a pump can chase."""
    aim = found.aim
    if aim is None:
        raise DosingError(
            f"{found.order.drug.name} is dosed by its response, and no level or area is its "
            "target; leave out --out, for a pump has nothing to chase."
        )
    match aim.quantity:
        case "peak":
            return _pulse(found, aim, model)
        case "held":
            return _time_above(found, aim)
        case "auc24":
            return _area(found, aim, _AREA_DAY_H, _AREA_DAY_H)
        case "course_auc":
            return _area(found, aim, best_regimen(found).shape.duration_h, None)
        case _:
            return Chase("level", *_window(aim))


def best_regimen(found: Prescription) -> Regimen:
    """Return the regimen that rests on most: with levels if there are any."""
    best = found.column(PERSONAL) or found.column(A_PRIORI)
    if best is None:
        raise DosingError(
            f"no regimen of {found.order.drug.name} was found, so no therapy can be made of it."
        )
    return best.regimen


def _window(aim: Aim) -> tuple[float, float, float]:
    """Return (target, low, high) of an aim in its own unit."""
    low, high = aim.low, aim.high
    if aim.goal is not None and not (low or 0.0) < aim.goal < (high or math.inf):
        low = high = aim.goal
    if low is not None and high is not None and low < high:
        assert aim.aimed is not None, "a window has a middle"
        return aim.aimed, low, high
    if low is not None and high is None:
        return aim.goal or _MARGIN * low, low, max(_WIDE * low, _MARGIN * (aim.goal or 0.0))
    value = low if low is not None else high
    assert value is not None, "an aim has at least one end"
    return value, (1.0 - _BAND) * value, (1.0 + _BAND) * value


def _pulse(found: Prescription, aim: Aim, model: KineticModel) -> Chase:
    """Return pulses to the peak in the regimen's own time, each after the trough's limit."""
    regimen = best_regimen(found)
    interval_h = regimen.shape.interval_h
    assert interval_h is not None, "a peak is of a repeated dose"
    target, low, high = _window(aim)
    trough = _limit_mg_l(found.order.drug.limits, ("trough",))
    if not math.isfinite(trough):
        # Without a limit the pulses follow the clock: what the regimen leaves, and some more.
        trough = _MARGIN * profile(model, regimen).trough_mg_l
    return Chase(
        "pulse",
        target,
        low,
        high,
        chase_h=min(LONGER * regimen.shape.duration_h, interval_h),
        interval_h=interval_h,
        trough_max_mg_l=min(trough, 0.5 * target),
    )


def _time_above(found: Prescription, aim: Aim) -> Chase:
    """Return a total level just above the one at which the free one is the target."""
    assert aim.low is not None, "a level held has a low end"
    target = _MARGIN * aim.low
    ceiling = _limit_mg_l(found.order.drug.limits, ("trough", "level", "peak"))
    high = ceiling if target < ceiling < _WIDE * aim.low else _WIDE * aim.low
    return Chase(
        "time_above",
        target,
        aim.low,
        high,
        interval_h=best_regimen(found).shape.interval_h or _AREA_DAY_H,
        threshold_mg_l=aim.low,
        share_percent=100.0 * aim.share,
    )


def _area(found: Prescription, aim: Aim, chase_h: float, interval_h: float | None) -> Chase:
    """Return an area to be filled in chase_h, whose level stays under the drug's ceiling."""
    area = _window(aim)[0]
    mean = area / chase_h
    ceiling = _limit_mg_l(found.order.drug.limits, ("level", "peak"))
    low, high = (share * mean for share in _AREA_WINDOW)
    return Chase(
        "area",
        mean,
        low,
        ceiling if mean < ceiling < high else high,
        chase_h=chase_h,
        interval_h=interval_h,
        area_mg_h_l=area,
    )


def _limit_mg_l(limits: tuple[Limit, ...], quantities: tuple[str, ...]) -> float:
    """Return the lowest of the drug's limits on these levels; infinite without one."""
    return min((item.most for item in limits if item.quantity in quantities), default=math.inf)
