# SPDX-License-Identifier: MIT
"""Holds each drug's level while the clearance halves or doubles at 8 h, as kidney injury may.

The therapy is what `mesor prescribe` writes for one adult, held as a level; the patient is
the published model's own, with all its compartments, and the change is a step, the worst that
can be.  Passed: back inside the window within 2 h of leaving it, overshoot at most 15 %.
A label's dose of the day is confirmed: twice the clearance may want more than that.
Drugs that are dosed by an area are held to that as well (`areas`), over the interval of the
change and the next one.  The sensor may fall silent as the clearance changes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tomli_w
from rich.table import Table

from mesor.dosing.library import load_drug
from mesor.dosing.patient_file import Body, Composition, Kidneys, PatientFile, covariates
from mesor.dosing.prescription import Order, Prescription, prescribe
from mesor.dosing.prescription.therapy import level_therapy_file, likeliest, therapy_file
from mesor.errors import ScenarioError
from mesor.link import PumpClient
from mesor.performance import TargetWindow, evaluate
from mesor.program import Program, compile_program
from mesor.program.therapy_file import TherapyFile
from mesor_hil.course_figures import course_figures, nominal_begins_h
from mesor_hil.scenarios import Scenario, draw_patient, make_sensor, read_scenario
from mesor_hil.session import Session, Trace
from mesor_hil.targets import open_target
from pump.spec import reasons
from pump.spec import record as at

FloatArray = npt.NDArray[np.float64]
CHANGE_H, END_H = 8.0, 16.0
FACTORS = (0.5, 2.0)
OUTSIDE_MAX_H, OVERSHOOT_MAX_PERCENT = 2.0, 15.0
_SENSOR_CV = 0.05
_START_TIME = "08:00"  # where a clearance follows the clock, the patient's as the program's
_SAMPLES = 1000
_DAY_H = 24.0
# Dosed by an area; the error that a run's verdict allows.
AREAS = ("vancomycin", "ciprofloxacin", "fluorouracil")
AREA_ERROR_MAX_PERCENT = 5.0
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


@dataclass(frozen=True, slots=True)
class AreaChange:
    """One drug's areas around one change: of the interval in which it falls, and of the next.

    highest: the true level's highest, percent above the mean one that the area asks for.
    fallback_h: how long the pump gave the program's fallback rate; stopped: it gave up.
    """

    drug: str
    factor: float
    silence_h: float
    asked_mg_h_l: float
    areas_mg_h_l: list[float]
    highest_percent: float
    fallback_h: float
    stopped: bool

    @property
    def error_percent(self) -> list[float]:
        """Return each area's error."""
        return [100.0 * (area / self.asked_mg_h_l - 1.0) for area in self.areas_mg_h_l]

    @property
    def passed(self) -> bool:
        """Say whether every area was reached."""
        return all(abs(error) <= AREA_ERROR_MAX_PERCENT for error in self.error_percent)


def bench_clearance(
    drugs: Sequence[str],
    target: str,
    say: Callable[[str], None],
    seed: int = 1,
    silence_h: float = 0.0,
) -> Iterator[ClearanceChange]:
    """Yield both changes of each drug, of all where none is named; seed: of the sensor's noise.

    silence_h: how long no reading comes from the change on.  Raises ScenarioError for a drug
    without a level to hold.
    """
    for drug, found in _prescribed(drugs, LEVELS, "level is held"):
        say(f"{drug}: compiling, then twice {END_H:g} h on the {target}")
        therapy = level_therapy_file(found, LEVELS[drug])
        scenarios = [
            scenario_of(found, factor, seed, therapy, END_H, silence_h) for factor in FACTORS
        ]
        for factor, scenario, trace in _changes(scenarios, target, say):
            yield judged(drug, factor, scenario, trace)


def bench_areas(
    drugs: Sequence[str],
    target: str,
    say: Callable[[str], None],
    seed: int = 1,
    silence_h: float = 0.0,
) -> Iterator[AreaChange]:
    """Yield both changes of each drug that is dosed by an area, of all where none is named."""
    for drug, found in _prescribed(drugs, AREAS, "area is filled"):
        file = therapy_file(found)
        end_h = (file.therapy.chase_h or 0.0) + (file.therapy.interval_h or 0.0)
        say(f"{drug}: compiling, then twice {end_h:g} h on the {target}")
        scenarios = [
            scenario_of(found, factor, seed, file, end_h, silence_h) for factor in FACTORS
        ]
        for factor, scenario, trace in _changes(scenarios, target, say):
            yield judged_area(drug, factor, silence_h, scenario, trace)


def _prescribed(
    drugs: Sequence[str], known: Iterable[str], what: str
) -> Iterator[tuple[str, Prescription]]:
    """Yield each drug's prescription, of all known ones where none is named."""
    unknown = [drug for drug in drugs if drug not in known]
    if unknown:
        raise ScenarioError(f"No {what} of {unknown[0]!r}; of {', '.join(known)} one is.")
    for drug in drugs or known:
        yield drug, prescribe(Order(patient=covariates(PATIENT), drug=load_drug(drug)))


def _changes(
    scenarios: Sequence[Scenario], target: str, say: Callable[[str], None]
) -> Iterator[tuple[float, Scenario, Trace]]:
    """Yield each change with its scenario and what a closed loop did, by one program."""
    program = compile_program(scenarios[0].problem(), _SAMPLES)
    for factor, scenario in zip(FACTORS, scenarios, strict=True):
        yield factor, scenario, _run(scenario, program, target, say)


def scenario_of(
    found: Prescription,
    factor: float,
    seed: int = 1,
    file: TherapyFile | None = None,
    end_h: float = END_H,
    silence_h: float = 0.0,
) -> Scenario:
    """Return the prescribed therapy, the level where none is given, in the changing patient."""
    drug = found.order.drug.name
    file = file or level_therapy_file(found, LEVELS[drug])
    therapy = file.model_dump(exclude_none=True)
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
        "duration_h": end_h,
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
    if silence_h:
        table["faults"] = [{"kind": "sensor_silent", "at_h": CHANGE_H, "lasts_h": silence_h}]
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


def judged_area(
    drug: str, factor: float, silence_h: float, scenario: Scenario, trace: Trace
) -> AreaChange:
    """Return the areas of the true level."""
    time_h = np.array([step.time_s for step in trace.steps] + [scenario.duration_s]) / 3600.0
    levels = np.array([step.conc_mg_l for step in trace.steps] + [trace.final_conc_mg_l])
    therapy = scenario.therapy
    begins_h = nominal_begins_h(therapy, float(time_h[-1]))
    states = [int(step.record[at.STATE]) for step in trace.steps]
    return AreaChange(
        drug=drug,
        factor=factor,
        silence_h=silence_h,
        asked_mg_h_l=therapy.area_mg_h_l or 0.0,
        areas_mg_h_l=course_figures(therapy, time_h, levels, begins_h, 0.0).areas_mg_h_l,
        highest_percent=100.0 * (float(levels.max()) / therapy.target_mg_l - 1.0),
        fallback_h=states.count(reasons.STATE_FALLBACK) * therapy.tick_s / 3600.0,
        stopped=reasons.STATE_STOPPED in states,
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


def table_of_areas(results: Sequence[AreaChange]) -> Table:
    """Return the areas as a table for the terminal."""
    table = Table(
        "drug", "clearance", "silent", "asked", "areas, mg h/L", "errors", "highest", "fallback",
        "", box=None
    )  # fmt: skip
    for one in results:
        table.add_row(
            one.drug,
            f"x {one.factor:g}",
            f"{one.silence_h:g} h",
            f"{one.asked_mg_h_l:g} mg h/L",
            ", ".join(f"{area:.4g}" for area in one.areas_mg_h_l),
            ", ".join(f"{error:+.1f} %" for error in one.error_percent),
            f"{one.highest_percent:+.1f} %",
            f"{one.fallback_h:.3g} h" + (", then stopped" if one.stopped else ""),
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
