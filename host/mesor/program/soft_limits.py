# SPDX-License-Identifier: MIT
"""Soft limits: what a patient usually needs at most; the pump holds to them until confirmed.

A person may confirm one for one therapy, with START or while it runs; a hard limit never.
Here is how they must lie, and what of a therapy's plan is beyond them.
"""

from __future__ import annotations

from mesor.errors import ProgramError
from mesor.program.problem import Problem
from mesor.soft_limits import SoftLimit, named


def check_soft_limits(problem: Problem) -> None:
    """Raise ProgramError where a soft limit lies beyond the hard one, and so could never act."""
    safety, therapy = problem.safety, problem.therapy
    for name, soft, hard, unit in (
        ("rate", safety.rate_soft_max_mg_h, therapy.rate_max_mg_h, "mg/h"),
        ("dose_hour", safety.dose_hour_soft_max_mg, safety.dose_hour_max_mg, "mg"),
        ("dose_day", safety.dose_day_soft_max_mg, safety.dose_day_max_mg, "mg"),
    ):
        if soft > hard:
            raise ProgramError(
                f"{name}_soft_max is {soft:g} {unit}; it must be at most the hard limit, "
                f"{hard:g} {unit}, or be left out."
            )


def beyond(problem: Problem) -> dict[SoftLimit, str]:
    """Return the soft limits that the plan exceeds, each with a sentence.

    The plan: its target, its fallback rate, and what holding the target takes by the model.
    """
    safety, therapy = problem.safety, problem.therapy
    target = therapy.target_mg_l
    if problem.course.kind != "area":
        target = max(target, problem.targets_mg_l[1])
    steady_mg_h = problem.model.clearance_l_h * target
    of_target = f"holding {target:g} mg/L takes {steady_mg_h:.4g} mg/h by the model"
    if problem.course.kind == "pulse":  # nothing is held
        steady_mg_h = 0.0
    rate_mg_h, of_rate = steady_mg_h, of_target
    if therapy.fallback_rate_mg_h > steady_mg_h:
        rate_mg_h, of_rate = therapy.fallback_rate_mg_h, "it is the fallback rate"
    found: dict[SoftLimit, str] = {}
    for name, planned, soft, unit, why in (
        ("rate", rate_mg_h, safety.rate_soft_max_mg_h, "mg/h", of_rate),
        ("dose_hour", steady_mg_h, safety.dose_hour_soft_max_mg, "mg", of_target),
        ("dose_day", 24.0 * steady_mg_h, safety.dose_day_soft_max_mg, "mg", of_target),
        ("target", target, safety.target_soft_max_mg_l, "mg/L", "it is what the course asks for"),
    ):
        if 0.0 < soft < planned:
            found[named(name)] = (
                f"The plan's {name} of {planned:.4g} {unit} is beyond the soft limit of {soft:g} "
                f"{unit} ({why}): the pump holds to it until a person confirms {name}."
            )
    return found
