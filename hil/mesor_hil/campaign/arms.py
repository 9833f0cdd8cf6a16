# SPDX-License-Identifier: MIT
"""Three ways to dose the same patient: the label's dose, a priori from covariates, closed loop.

All are followed tick by tick in the patient's true kinetics.  The a priori arm knows what
the program knows: each dose reaches the aim within its own interval, and where a
level is to be held it is a target-controlled infusion (open loop, the level at the end of
the next tick foreseen by the published model; Jacobs, IEEE Trans Biomed Eng 1990;37:107).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tomli_w

from mesor.dosing.kinetics import Dose, KineticModel
from mesor.dosing.levels import Target
from mesor.dosing.prescription import Prescription
from mesor.dosing.prescription.prescription import A_PRIORI
from mesor.dosing.prescription.regimen import Regimen, profile
from mesor.dosing.prescription.therapy import likeliest, therapy_file
from mesor.errors import DosingError
from mesor.link import PumpClient
from mesor.patients import PatientParameters, make_patient
from mesor.patients.compartments import transition
from mesor.program import compile_program
from mesor_hil.bench_clearance import confirmed_day
from mesor_hil.campaign.people import sensor_seed
from mesor_hil.campaign.spec import Campaign
from mesor_hil.course_figures import nominal_begins_h
from mesor_hil.scenarios import Scenario, make_sensor, read_scenario
from mesor_hil.session import Session, Trace
from mesor_hil.targets.twin import TwinTarget
from pump.spec import reasons
from pump.spec import record as at

FloatArray = npt.NDArray[np.float64]
SAMPLES = 300  # of each program's certificate: nobody reads two hundred of them
_START_TIME = "08:00"  # for a program that follows the clock, as no true patient here does
_LOADING_H = 0.5  # a loading dose that comes before its regimen


@dataclass(frozen=True, slots=True)
class Course:
    """What one way of dosing did to one patient: levels (T + 1,) at the ticks, straight between.

    begins_h: when doses began.  held: share of the ticks in which the pump held to its
    fallback or stood; None where there is no pump.
    """

    time_h: FloatArray
    conc_mg_l: FloatArray
    begins_h: list[float]
    dose_mg: float
    held: float | None = None


@dataclass(frozen=True, slots=True)
class Clock:
    """The ticks that all three ways are followed by."""

    tick_s: int
    tick_count: int

    @property
    def tick_h(self) -> float:
        """Return one tick in hours."""
        return self.tick_s / 3600.0

    @property
    def end_h(self) -> float:
        """Return the end of the course."""
        return self.tick_h * self.tick_count


def closed_loop_scenario(
    found: Prescription, truth: PatientParameters, campaign: Campaign
) -> Scenario:
    """Return the prescribed therapy with the true patient to try it on."""
    therapy = therapy_file(found).model_dump(exclude_none=True)
    tick_s = therapy["therapy"]["tick_s"]
    table: dict[str, Any] = {
        **therapy,
        "name": campaign.name,
        "seed": campaign.seed,
        "start_time": _START_TIME,
        "duration_h": round(campaign.duration_h * 3600.0 / tick_s) * tick_s / 3600.0,
        "patient": _patient_table(truth),
        "sensor": campaign.sensor.model_dump(),
        "bench": {"clock_factor": tick_s},  # a tick lasts a second, whatever the drug
        # Somebody confirms the day's soft limit: no limit holds the other two ways either.
        "confirmations": confirmed_day(therapy["therapy"]),
    }
    return read_scenario(tomli_w.dumps(table), campaign.name)


def closed_loop(scenario: Scenario, campaign: Campaign, index: int) -> Course:
    """Return the course of the prescribed program on the twin.

    Raises ProgramError where no program can be certified.
    """
    program = compile_program(scenario.problem(), SAMPLES)
    target = TwinTarget()
    client = PumpClient(target, None, target.keys_of)
    client.hello()
    client.upload(program.bytes)
    patient = make_patient(scenario.patient.parameters())
    sensor = make_sensor(scenario, sensor_seed(campaign, index))
    trace = Session(scenario, target, client, patient, sensor).run()
    return _course_of(scenario, trace)


def fixed(found: Prescription, truth: PatientParameters, clock: Clock) -> Course:
    """Return the course of the label's dose, its loading dose first where it has one.

    A larger loading dose replaces the first dose, at its rate; another comes before the
    regimen, over half an hour; of a continuous infusion it is a bolus.
    """
    regimen = found.fixed
    if regimen is None or regimen.route != "iv":
        raise DosingError(f"{found.order.drug.name} has no standard dose by vein.")
    interval_h = regimen.interval_h or clock.end_h + 1.0
    loading_mg, start_h, doses = regimen.loading_mg, 0.0, []
    if loading_mg is not None and regimen.duration_h >= interval_h:
        doses = [Dose(0.0, loading_mg)]
    elif loading_mg is not None and loading_mg > regimen.amount_mg:
        longer_h = regimen.duration_h * loading_mg / regimen.amount_mg
        doses, start_h = [Dose(0.0, loading_mg, longer_h)], interval_h
    elif loading_mg is not None:
        doses, start_h = [Dose(0.0, loading_mg, _LOADING_H)], _LOADING_H
    doses += _repeated(regimen.amount_mg, regimen.duration_h, interval_h, start_h, clock)
    return _open_loop(doses, truth, clock)


def a_priori(
    found: Prescription, truth: PatientParameters, clock: Clock, rate_max_mg_h: float
) -> Course:
    """Return the course of what covariates alone advise."""
    column, aim, model = found.column(A_PRIORI), found.aim, likeliest(found)
    if column is None or aim is None:
        raise DosingError(f"no regimen of {found.order.drug.name} was found.")
    regimen = column.regimen
    if aim.quantity in ("level", "trough"):
        assert aim.aimed is not None, "a level has a middle"
        rates = controlled_rates_mg_h(model, aim.aimed, rate_max_mg_h, clock)
        return _followed(rates, truth, clock, [0.0])
    interval_h = regimen.shape.interval_h
    if interval_h is None:
        doses = [regimen.shape.dose(regimen.amount_mg)]
        return _open_loop(doses, truth, clock)
    return _open_loop(planned_doses(model, regimen, aim.quantity, clock), truth, clock)


def planned_doses(
    model: KineticModel, regimen: Regimen, quantity: str, clock: Clock
) -> list[Dose]:
    """Return doses of the regimen's shape, each reaching in its own interval what that settles at.

    So the first one loads, and the likeliest patient is at the aim from the beginning.
    """
    shape, interval_h = regimen.shape, regimen.shape.interval_h
    assert interval_h is not None, "a course has one dose"
    settled = profile(model, regimen)
    match quantity:
        case "auc24":
            target = Target("auc", settled.auc24_mg_h_l * interval_h / 24.0, interval_h)
        case "peak":
            target = Target("end", settled.peak_mg_l, interval_h)
        case _:
            target = Target("trough", settled.trough_mg_l, interval_h)
    doses: list[Dose] = []
    for time_h in np.arange(0.0, clock.end_h - 1e-9, interval_h).tolist():
        one_mg = shape.dose(1.0, time_h)
        left = target.reached(model, doses, one_mg) if doses else 0.0
        missing = max(target.value - left, 0.0)
        doses.append(shape.dose(missing / target.reached(model, [one_mg], one_mg), time_h))
    return doses


def controlled_rates_mg_h(
    model: KineticModel, target_mg_l: float, rate_max_mg_h: float, clock: Clock
) -> FloatArray:
    """Return the rate of each tick, (T,), that brings the model's level to target at its end."""
    decay, gain = transition(model.disposition, clock.tick_h)
    amounts, rates = np.zeros(len(gain)), np.zeros(clock.tick_count)
    wanted_mg = target_mg_l * model.disposition.volume_central_l
    for tick in range(clock.tick_count):
        left = decay @ amounts
        rates[tick] = min(max((wanted_mg - left[0]) / gain[0], 0.0), rate_max_mg_h)
        amounts = left + gain * rates[tick]
    return rates


def rates_of(doses: list[Dose], clock: Clock) -> FloatArray:
    """Return the mean rate of each tick, mg/h, (T,); a bolus is given within one tick."""
    begins = clock.tick_h * np.arange(clock.tick_count)
    rates = np.zeros(clock.tick_count)
    for dose in doses:
        lasts_h = max(dose.duration_h, clock.tick_h)
        ends = np.minimum(begins + clock.tick_h, dose.time_h + lasts_h)
        overlap_h = np.maximum(ends - np.maximum(begins, dose.time_h), 0.0)
        rates += dose.amount_mg / lasts_h * overlap_h / clock.tick_h
    return rates


def _repeated(
    amount_mg: float, duration_h: float, interval_h: float, start_h: float, clock: Clock
) -> list[Dose]:
    """Return equal doses from start_h to the end of the course."""
    times = np.arange(start_h, clock.end_h - 1e-9, interval_h)
    return [Dose(float(time_h), amount_mg, duration_h) for time_h in times]


def _open_loop(doses: list[Dose], truth: PatientParameters, clock: Clock) -> Course:
    """Return what doses do to the patient."""
    return _followed(rates_of(doses, clock), truth, clock, [dose.time_h for dose in doses])


def _followed(
    rates_mg_h: FloatArray, truth: PatientParameters, clock: Clock, begins_h: list[float]
) -> Course:
    """Return the course of the patient under these rates, (T,)."""
    patient, levels = make_patient(truth), [0.0]
    for rate_mg_h in rates_mg_h.tolist():
        patient.advance(rate_mg_h, clock.tick_s)
        levels.append(patient.conc_mg_l)
    time_h: FloatArray = clock.tick_h * np.arange(clock.tick_count + 1, dtype=np.float64)
    dose_mg = float(rates_mg_h.sum()) * clock.tick_h
    return Course(time_h, np.array(levels), begins_h, dose_mg)


def _course_of(scenario: Scenario, trace: Trace) -> Course:
    """Return a closed loop's course; doses began where the pump began a chase."""
    levels = [*(step.conc_mg_l for step in trace.steps), trace.final_conc_mg_l]
    time_h = np.array([step.time_s for step in trace.steps] + [scenario.duration_s]) / 3600.0
    records = np.stack([step.record for step in trace.steps])
    chasing = records[:, at.PHASE] == reasons.PHASE_CHASE
    begins_h = time_h[:-1][chasing & ~np.append(False, chasing[:-1])].tolist()
    if len(begins_h) < 2:
        begins_h = nominal_begins_h(scenario.therapy, float(time_h[-1]))
    dose_mg = scenario.pump.mechanics().dose_mg(trace.edges_total, scenario.drug.conc_mg_ml)
    held = float((records[:, at.STATE] != reasons.STATE_RUNNING).mean())
    return Course(time_h, np.array(levels), begins_h, dose_mg, held)


def _patient_table(truth: PatientParameters) -> dict[str, Any]:
    """Return a scenario's [patient] with these kinetics."""
    kinds = ("one_compartment", "two_compartment", "three_compartment")
    figures = {key: value for key, value in dataclasses.asdict(truth).items() if value > 0.0}
    if truth.clearance_l_h == 0.0:
        figures["clearance_l_h"] = 0.0
    return {"model": kinds[len(truth.peripheries)], **figures}
