# SPDX-License-Identifier: MIT
"""From drug levels to this patient's parameters, their uncertainty and the next dose."""

from mesor.dosing.levels.advice import (
    Advice,
    AveragedPosterior,
    Target,
    advise,
    advise_averaged,
    average,
)
from mesor.dosing.levels.population import (
    PopulationModel,
    ResidualError,
    Variability,
    independent,
)
from mesor.dosing.levels.posterior import Level, Posterior, estimate, prior

__all__ = [
    "Advice",
    "AveragedPosterior",
    "Level",
    "PopulationModel",
    "Posterior",
    "ResidualError",
    "Target",
    "Variability",
    "advise",
    "advise_averaged",
    "average",
    "estimate",
    "independent",
    "prior",
]
