# SPDX-License-Identifier: MIT
"""Scenarios: what a run simulates, doses and judges, read from TOML."""

from mesor_hil import DEFAULT_SCENARIO
from mesor_hil.scenarios.loader import (
    draw_patient,
    load_scenario,
    load_therapy,
    make_sensor,
    read_scenario,
    resolved_toml,
    shipped_scenarios,
)
from mesor_hil.scenarios.schema import Confirmation, LaterProgram, Scenario

__all__ = [
    "DEFAULT_SCENARIO",
    "Confirmation",
    "LaterProgram",
    "Scenario",
    "draw_patient",
    "load_scenario",
    "load_therapy",
    "make_sensor",
    "read_scenario",
    "resolved_toml",
    "shipped_scenarios",
]
