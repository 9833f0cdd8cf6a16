# SPDX-License-Identifier: MIT
"""From a scenario to what the pump needs: the compiler's problem and the certified program."""

from __future__ import annotations

from mesor.program import (
    ControlModel,
    EstimatorDesign,
    Problem,
    Program,
    PumpGeometry,
    SafetyLimits,
    Therapy,
    compile_program,
)
from mesor_hil.scenarios import Scenario

CERTIFICATE_SAMPLES = 10_000


def problem_of(scenario: Scenario) -> Problem:
    """Return what the scenario asks of the compiler."""
    therapy = scenario.therapy
    model = scenario.model
    return Problem(
        model=ControlModel(
            clearance_l_h=model.clearance_l_h,
            volume_central_l=model.volume_central_l,
            clearance_intercompartmental_l_h=model.clearance_intercompartmental_l_h or 0.0,
            volume_peripheral_l=model.volume_peripheral_l or 0.0,
        ),
        therapy=Therapy(
            target_mg_l=therapy.target_mg_l,
            window_low_mg_l=therapy.window_low_mg_l,
            window_high_mg_l=therapy.window_high_mg_l,
            rate_max_mg_h=therapy.rate_max_mg_h,
            rate_change_max_mg_h=therapy.rate_change_max_mg_h,
            fallback_rate_mg_h=therapy.fallback_rate_mg_h,
            tick_s=therapy.tick_s,
            horizon=therapy.horizon,
        ),
        safety=SafetyLimits(
            dose_hour_max_mg=therapy.dose_hour_max_mg,
            dose_day_max_mg=therapy.dose_day_max_mg,
            conc_max_mg_l=5.0 * therapy.target_mg_l,
            conc_change_max_mg_l=1.5 * therapy.target_mg_l,
        ),
        pump=PumpGeometry(
            microstep_nl=scenario.pump.mechanics().microstep_nl,
            drug_mg_ml=scenario.drug.conc_mg_ml,
        ),
        estimator=EstimatorDesign(),
    )


def program_of(scenario: Scenario, samples: int = CERTIFICATE_SAMPLES) -> Program:
    """Return the certified program of a scenario; raise ProgramError where there is none."""
    return compile_program(problem_of(scenario), samples)
