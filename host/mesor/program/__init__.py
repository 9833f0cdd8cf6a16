# SPDX-License-Identifier: MIT
"""Compiles a therapy into the fixed-point program that the pump runs, with its certificate."""

from mesor.program.compiler import CERTIFICATE_SAMPLES, Program, compile_program
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
    "CERTIFICATE_SAMPLES",
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
