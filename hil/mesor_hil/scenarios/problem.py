# SPDX-License-Identifier: MIT
"""States a scenario's therapy as the compiler's problem.

The controller gets [model], [therapy], [drug] and [pump]; the patient's truth and the
sensor's faults stay on the bench.  Pure.
"""

from __future__ import annotations

from mesor.program import ControlModel, Problem, PumpGeometry, SafetyLimits, Therapy
from mesor_hil.scenarios.schema import Scenario


def control_problem(scenario: Scenario) -> Problem:
    """Return what the compiler turns into a program; raises ProgramError where it cannot be."""
    therapy = scenario.therapy
    model = scenario.model.model_dump(exclude={"model"}, exclude_none=True)
    return Problem(
        model=ControlModel(**model),
        therapy=Therapy(
            **therapy.model_dump(exclude={"dose_hour_max_mg", "dose_day_max_mg"}),
        ),
        safety=SafetyLimits(
            dose_hour_max_mg=therapy.dose_hour_max_mg,
            dose_day_max_mg=therapy.dose_day_max_mg,
        ),
        pump=PumpGeometry(
            microstep_nl=scenario.pump.mechanics().microstep_nl,
            drug_mg_ml=scenario.drug.conc_mg_ml,
        ),
    )
