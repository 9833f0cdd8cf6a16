# SPDX-License-Identifier: MIT
"""What the host says of soft limits: warnings by hand-made sums, and limits that cannot act."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mesor.dosing.library.drug import load_drug
from mesor.errors import ProgramError, ScenarioError
from mesor.program import Problem
from mesor.program.soft_limits import beyond, check_soft_limits
from mesor.soft_limits import NUMBERS, named


def with_soft(problem: Problem, **soft: float) -> Problem:
    """Return the therapy with soft limits."""
    return replace(problem, safety=replace(problem.safety, **soft))


@pytest.mark.parametrize(
    ("soft", "names"),
    [
        # Holding 20 mg/L against 4.5 L/h takes 90 mg/h, 2160 mg a day.
        ({"rate_soft_max_mg_h": 89.0}, {"rate"}),
        ({"rate_soft_max_mg_h": 90.0}, set()),
        ({"dose_hour_soft_max_mg": 89.0}, {"dose_hour"}),
        ({"dose_day_soft_max_mg": 2159.0}, {"dose_day"}),
        ({"dose_day_soft_max_mg": 2160.0}, set()),
        ({"target_soft_max_mg_l": 19.9}, {"target"}),
        ({"target_soft_max_mg_l": 20.0}, set()),
        ({}, set()),
    ],
)
def test_a_plan_beyond_a_soft_limit_is_told(
    problem: Problem, soft: dict[str, float], names: set[str]
) -> None:
    """Whoever prescribes must hear of it before the pump refuses."""
    found = beyond(with_soft(problem, **soft))
    assert set(found) == names
    assert all("until a person confirms" in sentence for sentence in found.values())


@pytest.mark.parametrize(
    "soft",
    [
        {"rate_soft_max_mg_h": 1001.0},
        {"dose_hour_soft_max_mg": 1001.0},
        {"dose_day_soft_max_mg": 6001.0},
    ],
)
def test_a_soft_limit_above_the_hard_one_is_refused(
    problem: Problem, soft: dict[str, float]
) -> None:
    """It could never act, so it was meant otherwise."""
    with pytest.raises(ProgramError, match="must be at most the hard limit"):
        check_soft_limits(with_soft(problem, **soft))


def test_an_unknown_soft_limit_is_refused_with_those_there_are() -> None:
    """A typing error must not confirm nothing."""
    assert [named(name) for name in NUMBERS] == list(NUMBERS)
    with pytest.raises(ScenarioError, match="there are: rate, dose_hour, dose_day, target"):
        named("ceiling")


def test_the_library_has_limits_that_a_person_may_confirm() -> None:
    """Amikacin's label has a daily dose that intensive care goes beyond."""
    quantities = {limit.quantity for limit in load_drug("amikacin").limits}
    assert "daily_dose" in quantities
