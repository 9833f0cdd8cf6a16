# SPDX-License-Identifier: MIT
"""From a scenario to what the pump needs: the compiler's problem and the certified program."""

from __future__ import annotations

from mesor.program import (
    ControlModel,
    Problem,
    Program,
    PumpGeometry,
    SafetyLimits,
    Therapy,
    compile_program,
)
from mesor_hil.scenarios import Scenario

CERTIFICATE_SAMPLES = 100_000  # of the state box, besides those searched for around the worst


def problem_of(scenario: Scenario) -> Problem:
    """Return what the scenario asks of the compiler."""
    therapy = scenario.therapy
    doses = {"dose_hour_max_mg", "dose_day_max_mg"}
    return Problem(
        model=ControlModel(**scenario.model.model_dump(exclude={"model"}, exclude_none=True)),
        therapy=Therapy(**therapy.model_dump(exclude=doses)),
        safety=SafetyLimits(
            **therapy.model_dump(include=doses),
            conc_max_mg_l=5.0 * therapy.target_mg_l,
            conc_change_max_mg_l=1.5 * therapy.target_mg_l,
        ),
        pump=PumpGeometry(
            microstep_nl=scenario.pump.mechanics().microstep_nl,
            drug_mg_ml=scenario.drug.conc_mg_ml,
        ),
    )


def program_of(scenario: Scenario, samples: int = CERTIFICATE_SAMPLES) -> Program:
    """Return the certified program of a scenario; raise ProgramError where there is none."""
    return compile_program(problem_of(scenario), samples)
