# SPDX-License-Identifier: MIT
"""Holds each drug's level while the clearance halves or doubles at 8 h, as kidney injury may.

The therapy is what `mesor prescribe` writes for one adult, held as a level; the patient is
the published model's own, with all its compartments, and the change is a step, the worst that
can be.  Passed: back inside the window within 2 h of leaving it, overshoot at most 15 %.
A label's dose of the day is confirmed: twice the clearance may want more than that.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tomli_w
from rich.table import Table

from mesor.dosing.library import load_drug
from mesor.dosing.patient_file import Body, Composition, Kidneys, PatientFile, covariates
from mesor.dosing.prescription import Order, Prescription, prescribe
from mesor.dosing.prescription.therapy import level_therapy_file, likeliest
from mesor.errors import ScenarioError
from mesor.link import PumpClient
from mesor.performance import TargetWindow, evaluate
from mesor.program import Program, compile_program
from mesor_hil.scenarios import Scenario, draw_patient, make_sensor, read_scenario
from mesor_hil.session import Session, Trace
from mesor_hil.targets import open_target

FloatArray = npt.NDArray[np.float64]
CHANGE_H, END_H = 8.0, 16.0
FACTORS = (0.5, 2.0)
OUTSIDE_MAX_H, OVERSHOOT_MAX_PERCENT = 2.0, 15.0
_SENSOR_CV = 0.05
_START_TIME = "08:00"  # where a clearance follows the clock, the patient's as the program's
_SAMPLES = 1000
_DAY_H = 24.0
# Target, low and high in mg/L: the library's window, spread over the day for an area; the
# area of 110 over the MIC that is asked of aminoglycosides, within a fifth.
LEVELS: dict[str, tuple[float, float, float]] = {
    "vancomycin": (500.0 / _DAY_H, 400.0 / _DAY_H, 600.0 / _DAY_H),
    "cefazolin": (15.73, 12.59, 20.0),
    "penicillin-g": (0.292, 0.234, 0.468),
    "piperacillin": (20.9, 16.7, 33.4),
    "cefepime": (12.5, 10.0, 20.0),
    "ciprofloxacin": (93.75 / _DAY_H, 62.5 / _DAY_H, 125.0 / _DAY_H),
    "gentamicin": (220.0 / _DAY_H, 176.0 / _DAY_H, 264.0 / _DAY_H),
    "tobramycin": (110.0 / _DAY_H, 88.0 / _DAY_H, 132.0 / _DAY_H),
    "amikacin": (440.0 / _DAY_H, 352.0 / _DAY_H, 528.0 / _DAY_H),
    "tacrolimus": (0.0075, 0.004, 0.011),
    "propofol": (4.5, 3.0, 6.0),
    "remifentanil": (0.0035, 0.002, 0.005),
    "fluorouracil": (25.0 / 46.0, 20.0 / 46.0, 30.0 / 46.0),
}
PATIENT = PatientFile(
    patient=Body(sex="male", age_years=60.0, weight_kg=80.0, height_cm=175.0),
    kidneys=Kidneys(creatinine_mg_dl=1.1),
    composition=Composition(albumin_g_l=40.0),
)


@dataclass(frozen=True, slots=True)
class ClearanceChange:
    """One drug after one change; percentages are of the target.

    mdape: from settling to the change.  outside_h: the longest time outside the window after
    it; highest and lowest: the true level's furthest from the target after it.
    """

    drug: str
    factor: float
    tick_s: int
    mdape_percent: float
    outside_h: float
    highest_percent: float
    lowest_percent: float

    @property
    def passed(self) -> bool:
        """Say whether the level was back in time and did not overshoot."""
        back = self.outside_h <= OUTSIDE_MAX_H
        return back and self.highest_percent <= OVERSHOOT_MAX_PERCENT


def bench_clearance(
    drugs: Sequence[str], target: str, say: Callable[[str], None], seed: int = 1
) -> Iterator[ClearanceChange]:
    """Yield both changes of each drug, of all where none is named; seed: of the sensor's noise.

    Raises ScenarioError for a drug without a level to hold.
    """
    unknown = [drug for drug in drugs if drug not in LEVELS]
    if unknown:
        raise ScenarioError(f"No level is held of {unknown[0]!r}; of {', '.join(LEVELS)} one is.")
    for drug in drugs or LEVELS:
        say(f"{drug}: compiling, then twice {END_H:g} h on the {target}")
        found = prescribe(Order(patient=covariates(PATIENT), drug=load_drug(drug)))
        program: Program | None = None
        for factor in FACTORS:
            scenario = scenario_of(found, factor, seed)
            program = program or compile_program(scenario.problem(), _SAMPLES)
            yield judged(drug, factor, scenario, _run(scenario, program, target, say))


def scenario_of(found: Prescription, factor: float, seed: int = 1) -> Scenario:
    """Return the prescribed level with the patient whose clearance changes."""
    drug = found.order.drug.name
    therapy = level_therapy_file(found, LEVELS[drug]).model_dump(exclude_none=True)
    own = dataclasses.asdict(likeliest(found).disposition)
    kinds = ("one_compartment", "two_compartment", "three_compartment")
    peripheries = len(likeliest(found).disposition.peripheries)
    patient = {key: value for key, value in own.items() if value > 0.0}
    rhythm = {key: value for key, value in therapy["model"].items() if key == "rhythm"}
    table: dict[str, Any] = {
        **therapy,
        **({"start_time": _START_TIME} if rhythm else {}),
        "name": f"{drug}_clearance_times_{factor:g}",
        "seed": seed,
        "duration_h": END_H,
        "patient": {
            **patient,
            **rhythm,
            "model": kinds[peripheries],
            "clearance_change": [{"at_h": CHANGE_H, "factor": factor}],
        },
        "sensor": {"noise_cv": _SENSOR_CV},
        "confirmations": confirmed_day(therapy["therapy"]),
        "bench": {"clock_factor": therapy["therapy"]["tick_s"]},  # a tick lasts a second
    }
    return read_scenario(tomli_w.dumps(table), drug)


def confirmed_day(therapy: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the confirmation of the day's soft limit, where the therapy has one."""
    return [{"limit": "dose_day", "at_h": 0.0}] if "dose_day_soft_max_mg" in therapy else []


def judged(drug: str, factor: float, scenario: Scenario, trace: Trace) -> ClearanceChange:
    """Return what the true level did."""
    time_h = np.array([step.time_s for step in trace.steps] + [scenario.duration_s]) / 3600.0
    levels = np.array([step.conc_mg_l for step in trace.steps] + [trace.final_conc_mg_l])
    therapy = scenario.therapy
    window = TargetWindow(therapy.target_mg_l, therapy.window_low_mg_l, therapy.window_high_mg_l)
    before, after = time_h <= CHANGE_H, time_h >= CHANGE_H
    error_percent = (levels[after] / window.target_mg_l - 1.0) * 100.0
    return ClearanceChange(
        drug=drug,
        factor=factor,
        tick_s=therapy.tick_s,
        mdape_percent=evaluate(3600.0 * time_h[before], levels[before], window).mdape,
        outside_h=longest_outside_h(time_h[after], levels[after], window),
        highest_percent=float(error_percent.max()),
        lowest_percent=float(error_percent.min()),
    )


def longest_outside_h(time_h: FloatArray, conc_mg_l: FloatArray, window: TargetWindow) -> float:
    """Return the longest time outside the window, from the last sample inside to the next.

    A level that does not come back counts to the end, and at least as too long.
    """
    outside = (conc_mg_l < window.low_mg_l) | (conc_mg_l > window.high_mg_l)
    longest_h, left_h = 0.0, None
    for index in range(len(time_h)):
        if outside[index] and left_h is None:
            left_h = float(time_h[max(index - 1, 0)])
        elif not outside[index] and left_h is not None:
            longest_h, left_h = max(longest_h, float(time_h[index]) - left_h), None
    if left_h is not None:
        longest_h = max(longest_h, float(time_h[-1]) - left_h, 2.0 * OUTSIDE_MAX_H)
    return longest_h


def table_of(results: Sequence[ClearanceChange]) -> Table:
    """Return the results as a table for the terminal."""
    table = Table(
        "drug", "tick", "MDAPE", "clearance", "outside", "highest", "lowest", "", box=None
    )
    for column in table.columns[1:7]:
        column.justify = "right"
    for one in results:
        outside = f"{60.0 * one.outside_h:.1f} min" if one.outside_h else "never"
        table.add_row(
            one.drug,
            f"{one.tick_s} s",
            f"{one.mdape_percent:.1f} %",
            f"x {one.factor:g}",
            outside,
            f"{one.highest_percent:+.1f} %",
            f"{one.lowest_percent:+.1f} %",
            "pass" if one.passed else "FAIL",
        )
    return table


def _run(
    scenario: Scenario, program: Program, target_name: str, say: Callable[[str], None]
) -> Trace:
    """Return one closed loop against a simulated pump."""
    target = open_target(target_name, say)
    try:
        client = PumpClient(target, None, target.keys_of)
        client.hello()
        client.upload(program.bytes)
        patient = draw_patient(scenario, scenario.seed)
        sensor = make_sensor(scenario, scenario.seed)
        return Session(scenario, target, client, patient, sensor).run()
    finally:
        target.close()
