# SPDX-License-Identifier: MIT
"""What the drug does to the body, and to bacteria: effects, windows and indices."""

from mesor.dosing.dynamics.bacteria import Infection, Strain
from mesor.dosing.dynamics.effects import SigmoidEmax
from mesor.dosing.dynamics.indices import Indices, steady_indices
from mesor.dosing.dynamics.neutropenia import Neutropenia
from mesor.dosing.dynamics.turnover import Turnover
from mesor.dosing.dynamics.windows import (
    TherapeuticIndex,
    TherapeuticWindow,
    toxicity_over_window,
    toxicity_probability,
)

__all__ = [
    "Indices",
    "Infection",
    "Neutropenia",
    "SigmoidEmax",
    "Strain",
    "TherapeuticIndex",
    "TherapeuticWindow",
    "Turnover",
    "steady_indices",
    "toxicity_over_window",
    "toxicity_probability",
]
