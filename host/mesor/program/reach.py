# SPDX-License-Identifier: MIT
"""Whether the pump can reach at all what a therapy asks of it, by the controller's own model.

Caught here, an impossible target is one sentence; later it would be a pump that runs at
its full rate for ever.  Raises ProgramError only.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.linalg import expm

from mesor.errors import ProgramError
from mesor.program.design import compartment_rates
from mesor.program.problem import ControlModel, Problem, amplitude_of

_SLOW_FALL = 0.75
_FAST_REACH = 2.0  # the whole level, and as much again for the clearance that doubled


def check_reach(problem: Problem) -> None:
    """Raise ProgramError where the target is beyond what the full rate or the caps can give."""
    _check_holding(problem)
    if problem.course.kind == "pulse":
        _check_peak(problem)


def level_after_infusion_mg_l(
    model: ControlModel, rate_mg_h: float, hours: float, state: int = 0
) -> float:
    """Return the level of an empty patient after a constant infusion, of plasma or that state."""
    rates, into = compartment_rates(model)
    count = len(into)
    whole = np.zeros((count + 1, count + 1))
    whole[:count, :count] = rates
    whole[:count, count] = into * rate_mg_h
    return float(expm(whole * hours)[state, count])


def demand_max_fraction(problem: Problem) -> float:
    """Return how far one plan has to reach, in targets.

    Without drug the level falls by a share of itself over the horizon, and by twice that once
    the clearance has doubled; a plan that reaches for less leaves a fast drug below its target
    for ever.  Where the level falls less the disturbance makes up for it in time.
    """
    therapy = problem.therapy
    rates, _ = compartment_rates(problem.model)
    hours = therapy.horizon * problem.tick_h
    fall = 1.0 - float((expm(rates * hours) @ np.ones(len(rates)))[0])
    return therapy.demand_max_fraction if fall <= _SLOW_FALL else _FAST_REACH


def _check_holding(problem: Problem) -> None:
    """Raise ProgramError where holding the highest target needs more than rate or day allow."""
    if problem.course.kind == "pulse":
        return
    target_mg_l = problem.targets_mg_l[1]
    clearance_l_h = problem.model.clearance_l_h
    clearance_l_h *= 1.0 + amplitude_of(problem.clearance_rhythm)
    needed_mg_h = clearance_l_h * target_mg_l
    if needed_mg_h > problem.rate_full_mg_h:
        raise ProgramError(
            f"Holding {target_mg_l:g} mg/L takes {needed_mg_h:.4g} mg/h "
            f"({'highest clearance of the day' if problem.clearance_rhythm else 'clearance_l_h'} "
            f"times the target) and rate_max_mg_h is "
            f"{problem.therapy.rate_max_mg_h:g} mg/h: raise the rate or lower the target."
        )


def _check_peak(problem: Problem) -> None:
    """Raise ProgramError where full rate and hourly cap leave a pulse below its peak."""
    course, rate_mg_h = problem.course, problem.rate_full_mg_h
    hour_mg = problem.safety.dose_hour_max_mg
    infusing_h = min(course.chase_h, max(1.0, math.floor(course.chase_h)) * hour_mg / rate_mg_h)
    reached_mg_l = level_after_infusion_mg_l(
        problem.model, rate_mg_h, infusing_h, problem.output_state
    )
    if reached_mg_l < problem.therapy.target_mg_l:
        raise ProgramError(
            f"The peak of {problem.therapy.target_mg_l:g} mg/L cannot be reached: "
            f"rate_max_mg_h {problem.therapy.rate_max_mg_h:g} mg/h within dose_hour_max_mg "
            f"{hour_mg:g} mg gives {reached_mg_l:.4g} mg/L in {course.chase_h:g} h; raise them "
            "or chase_h, or lower the target."
        )
