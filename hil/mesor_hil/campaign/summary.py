# SPDX-License-Identifier: MIT
"""Counts a campaign: shares with Wilson's intervals, centiles, and pairs of the same patient.

A patient whom a way could not dose at all counts as not at target, and is told of.
Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import binomtest

from mesor.dosing.prescription import Prescription
from mesor_hil.campaign.judge import Judgement, index_unit, index_window
from mesor_hil.campaign.spec import Campaign

if TYPE_CHECKING:
    from mesor_hil.campaign.run import Treated

ARMS = ("fixed", "a_priori", "closed_loop")
_CENTILES = (5.0, 50.0, 95.0)


def summarise(
    campaign: Campaign, example: Prescription, people: Sequence[Treated]
) -> dict[str, Any]:
    """Return the content of campaign.json."""
    aim = example.aim
    assert aim is not None, "a campaign's drug has a target"
    low, high = index_window(aim)
    truth = campaign.drug.truth or example.fits[0].person.published.name
    return {
        "campaign": campaign.name,
        "drug": example.order.drug.name,
        "model": example.fits[0].person.published.name,
        "truth": truth,
        "seed": campaign.seed,
        "patients": len(people),
        "duration_h": campaign.duration_h,
        "target": {
            "says": aim.says,
            "index_unit": index_unit(aim),
            "low": low,
            "high": high if np.isfinite(high) else None,
            "level_low_mg_l": aim.low if aim.quantity in ("level", "trough", "held") else None,
            "level_high_mg_l": aim.high if aim.quantity in ("level", "trough") else None,
            "source": aim.source,
        },
        "standard_dose": None if example.fixed is None else example.fixed.says,
        "arms": {arm: _arm(arm, people) for arm in ARMS},
        "pairs": {
            f"closed_loop_against_{other}": _pairs(other, people)
            for other in ("fixed", "a_priori")
        },
        "people": [_person(one) for one in people],
    }


def share(count: int, of: int) -> dict[str, Any]:
    """Return a share in percent, with Wilson's interval of 95 %."""
    interval = binomtest(count, of).proportion_ci(0.95, method="wilson")
    return {
        "count": count,
        "of": of,
        "percent": 100.0 * count / of,
        "low_percent": 100.0 * float(interval.low),
        "high_percent": 100.0 * float(interval.high),
    }


def _arm(arm: str, people: Sequence[Treated]) -> dict[str, Any]:
    """Return the figures of one way of dosing."""
    judged = [one.judged[arm] for one in people if arm in one.judged]
    beyond = [one.beyond_limit for one in judged if one.beyond_limit is not None]
    return {
        "at_target": share(sum(one.at_target for one in judged), len(people)),
        "kept": share(sum(one.kept for one in judged), len(people)),
        "above_window": share(sum(one.above_window for one in judged), len(people)),
        "beyond_limit": share(sum(beyond), len(people)) if beyond else None,
        "index": _centiles([one.index for one in judged]),
        "dose_mg": _centiles([one.dose_mg for one in judged]),
        "not_dosed": len(people) - len(judged),
    }


def _centiles(values: list[float]) -> dict[str, float] | None:
    """Return the 5th, 50th and 95th centile, or None where nobody was dosed."""
    if not values:
        return None
    found = np.percentile(values, _CENTILES)
    return {f"centile_{at:g}": float(value) for at, value in zip(_CENTILES, found, strict=True)}


def _pairs(other: str, people: Sequence[Treated]) -> dict[str, Any]:
    """Return how many only one of two ways brought to target unharmed; McNemar's exact p."""
    ours = np.array([_reached(one.judged.get("closed_loop")) for one in people])
    theirs = np.array([_reached(one.judged.get(other)) for one in people])
    only_ours, only_theirs = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    split = only_ours + only_theirs
    p = float(binomtest(only_ours, split).pvalue) if split else 1.0
    return {"only_closed_loop": only_ours, f"only_{other}": only_theirs, "mcnemar_p": p}


def _reached(found: Judgement | None) -> bool:
    """Say whether target and limit were kept; never by a way that could not dose."""
    return found is not None and found.kept


def _person(one: Treated) -> dict[str, Any]:
    """Return one patient without the curves."""
    entry = asdict(one)
    del entry["curves_mg_l"], entry["curve_h"]
    return entry
