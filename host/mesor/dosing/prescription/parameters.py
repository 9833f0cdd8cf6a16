# SPDX-License-Identifier: MIT
"""The patient's parameters before and after the levels, with what is uncertain of each.

Pure; units are in the names.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mesor.dosing.levels import Posterior
from mesor.dosing.prescription.fits import ModelFit

_NINETY_PERCENT = 1.6448536269514722  # standard normal deviate


@dataclass(frozen=True, slots=True)
class Estimate:
    """The likeliest value, and where nine of ten patients believed possible are.

    low and high are None for a parameter that does not vary.
    """

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class ParameterRow:
    """One parameter of one model; after and shrinkage are None without levels."""

    model: str
    name: str
    before: Estimate
    after: Estimate | None
    shrinkage: float | None


def parameter_rows(fit: ModelFit) -> tuple[ParameterRow, ...]:
    """Return the rows of one model, in its own order of parameters."""
    before = _estimates(fit.before)
    after = _estimates(fit.after) if fit.after else None
    return tuple(
        ParameterRow(
            fit.person.published.name,
            name,
            before[name],
            None if after is None else after[name],
            None if fit.after is None else fit.after.shrinkage.get(name),
        )
        for name, value in fit.before.population.typical.items()
        if value > 0.0
    )


def _estimates(posterior: Posterior) -> dict[str, Estimate]:
    """Return each parameter on the last occasion with its 90 % interval, log-normal."""
    logs, spread = _logs(posterior)
    found = {}
    for name, typical in posterior.population.typical.items():
        value = typical * math.exp(logs.get(name, 0.0))
        if name not in spread:
            found[name] = Estimate(value, None, None)
            continue
        wide = math.exp(_NINETY_PERCENT * spread[name])
        found[name] = Estimate(value, value / wide, value * wide)
    return found


def _logs(posterior: Posterior) -> tuple[dict[str, float], dict[str, float]]:
    """Return the deviation of each varied parameter's logarithm, and its standard error.

    That of the subject and that of the last occasion together: it is what is dosed by.
    """
    subjects, occasions = posterior.population.subjects, posterior.population.occasions
    names = list(dict.fromkeys((*subjects.names, *occasions.names)))
    own, last = len(subjects.names), len(posterior.deviations) - len(occasions.names)
    taken = [*range(own), *range(last, len(posterior.deviations))]
    matrix = np.zeros((len(names), len(taken)))
    matrix[[names.index(name) for name in subjects.names], :own] = subjects.root
    matrix[[names.index(name) for name in occasions.names], own:] = occasions.root
    logs = matrix @ posterior.deviations[taken]
    covariance = matrix @ posterior.covariance[np.ix_(taken, taken)] @ matrix.T
    errors = np.sqrt(np.diag(covariance))
    return dict(zip(names, logs.tolist(), strict=True)), dict(
        zip(names, errors.tolist(), strict=True)
    )
