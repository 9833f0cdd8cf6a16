# SPDX-License-Identifier: MIT
"""Compiles a therapy into the fixed-point program that the pump runs, with its certificate."""

from mesor.program.compiler import Program, compile_program
from mesor.program.problem import (
    Bank,
    ControlModel,
    EstimatorDesign,
    Problem,
    PumpGeometry,
    SafetyLimits,
    Therapy,
)

__all__ = [
    "Bank",
    "ControlModel",
    "EstimatorDesign",
    "Problem",
    "Program",
    "PumpGeometry",
    "SafetyLimits",
    "Therapy",
    "compile_program",
]
