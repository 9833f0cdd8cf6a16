# SPDX-License-Identifier: MIT
"""The end of a chase in time: the fall against float64, share and drug against the least possible.

The least drug is that of a linear program (HiGHS by scipy) over the whole interval, which knows
the patient exactly and needs no margin: rates between nothing and the full rate, the level at
the threshold or above for the share, wherever in the interval that takes least.
"""

from __future__ import annotations

from array import array
from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.optimize import linprog

from mesor.patients import PatientParameters, make_patient
from mesor.patients.compartments import transition
from mesor.program import ControlModel, Problem, Program, compile_program
from mesor.program.course import Course
from mesor.program.design import compartment_rates
from mesor.program.proof import prove
from pump.core.controller import Controller
from pump.core.estimator import Estimator
from pump.core.fall import Fall
from pump.core.supervisor import EVENT_PASSED, EVENT_PROGRAM, EVENT_START, Supervisor
from pump.spec import program as layout
from pump.spec import record as at

SAMPLES = 60
THRESHOLD_MG_L, SHARE, INTERVAL_H, TICK_H = 10.0, 0.6, 8.0, 1.0 / 12.0
TICKS = round(INTERVAL_H / TICK_H)
ESTIMATE_ONE = 1 << 20
UNIT_MG_L = 6.25
# L/h, L: references of the drugs' default models, and kidneys that clear next to nothing.
MODELS = {
    "cefepime": ControlModel(2.526, 13.4, 12.0, 7.52),
    "piperacillin": ControlModel(8.5, 12.4, 3.54, 3.48),
    "penicillin_g": ControlModel(17.4, 28.9),
    "failing_kidneys": ControlModel(1.0, 13.4, 12.0, 7.5),
}
HEALTHY = ((at.PRESSURE_RAW, 20_000), (at.RESERVOIR_RAW, 60_000), (at.BATTERY_RAW, 60_000))


@pytest.fixture(scope="module", params=MODELS)
def asked(request: pytest.FixtureRequest, problem: Problem) -> Problem:
    """Return 10 mg/L for 60 % of every 8 h, chased at 12.5 mg/L."""
    course = Course.time_above(THRESHOLD_MG_L, SHARE, INTERVAL_H)
    therapy = replace(
        problem.therapy,
        target_mg_l=12.5,
        window_low_mg_l=10.0,
        window_high_mg_l=20.0,
        rate_max_mg_h=600.0,
        rate_change_max_mg_h=600.0,
    )
    safety = replace(problem.safety, dose_hour_max_mg=600.0, dose_day_max_mg=9000.0)
    parts = {"therapy": therapy, "safety": safety, "course": course}
    return replace(problem, model=MODELS[request.param], **parts)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def counting(asked: Problem) -> Program:
    """Return its program."""
    return compile_program(asked, SAMPLES)


def parameters_of(model: ControlModel) -> PatientParameters:
    """Return the controller's own model as a patient."""
    return PatientParameters(
        model.clearance_l_h,
        model.volume_central_l,
        model.clearance_intercompartmental_l_h,
        model.volume_peripheral_l,
    )


def test_the_fall_is_that_of_the_exponentials(
    asked: Problem, counting: Program, seed: int
) -> None:
    """Counted tick by tick in float64, from levels of every kind; a tick for the rounding."""
    words = array("i", counting.bytes)
    estimator = Estimator(words)
    fall, draw = Fall(words, estimator), np.random.default_rng(seed)
    chase_ticks, states = words[layout.AT_CHASE_TICKS], words[layout.AT_STATES]
    step = expm(compartment_rates(asked.model)[0] * TICK_H)
    level = words[layout.AT_COUNTED_LEVEL] * (1.0 + 1.0 / 64.0) / ESTIMATE_ONE
    for _ in range(40):
        levels = draw.uniform(0.0, 3.0, states - 1)
        levels[0] = draw.uniform(1.5, 4.0)
        for i, one in enumerate(levels):
            estimator.estimate[i] = round(one * ESTIMATE_ONE)
        expected, now = 0, levels
        while expected < 2 * chase_ticks and levels[0] >= level:
            now = step @ now
            if now[0] < level:
                break
            expected += 1
        if expected < chase_ticks:
            assert abs(fall.ticks_above() - expected) <= 1
        else:
            assert fall.ticks_above() >= chase_ticks


def test_a_course_of_another_kind_foresees_nothing(words: array[int]) -> None:
    """A level is held for ever, and no tick is spent on its fall."""
    estimator = Estimator(words)
    estimator.estimate[0] = 3 * ESTIMATE_ONE
    assert Fall(words, estimator).ticks_above() == 0


def test_the_certificate_proves_every_leap(counting: Program) -> None:
    """No sum of a leap is beyond an int32, whatever the estimate is."""
    bounds = [bound for bound in prove(counting.words) if bound.signal == "fall.foreseen"]
    assert len(bounds) == int(counting.words[layout.AT_CHASE_TICKS]).bit_length()
    assert all(bound.holds for bound in bounds)


def given(asked: Problem, program: Program, noise: float, seed: int) -> tuple[float, float]:
    """Return the share above the threshold, and the drug, of a first interval from empty."""
    supervised = Supervisor()
    for event in (EVENT_PASSED, EVENT_PROGRAM, EVENT_START):
        supervised.happen(event)
    controller = Controller(array("i", program.bytes), supervised)
    record, draw = controller.record, np.random.default_rng(seed)
    patient, steps, total, above = make_patient(parameters_of(asked.model)), 0, 0, 0
    for tick in range(TICKS):
        record[at.TICK], record[at.ELAPSED_TICKS], record[at.STEPS_DONE] = tick, 1, steps
        record[at.READING_PRESENT], record[at.SAMPLE_INDEX] = 1, tick
        record[at.READING_TIME_S], record[at.QUALITY] = tick * 300, 100
        record[at.CONC] = int(patient.conc_mg_l * 1000.0 * draw.normal(1.0, noise))
        for word, value in HEALTHY:
            record[word] = value
        steps = controller.decide()
        total += steps
        patient.advance(steps * asked.pump.mg_per_step / TICK_H, 300.0)
        above += patient.conc_mg_l >= THRESHOLD_MG_L
    return above / TICKS, total * asked.pump.mg_per_step


def least_mg(asked: Problem) -> float:
    """Return the least drug with which one interval from empty can reach the share."""
    decay, gain = transition(parameters_of(asked.model), TICK_H)
    impulse, amounts = [], gain
    for _ in range(TICKS):
        impulse.append(amounts[0] / asked.model.volume_central_l)
        amounts = decay @ amounts
    lags = np.subtract.outer(np.arange(TICKS), np.arange(TICKS))
    response = np.where(lags >= 0, np.array(impulse)[np.maximum(lags, 0)], 0.0)
    needed = int(np.ceil(SHARE * TICKS))
    found = []
    for begin in range(12):
        rows = response[begin : begin + needed]
        solved = linprog(
            np.full(TICKS, TICK_H),
            A_ub=-rows,
            b_ub=np.full(needed, -THRESHOLD_MG_L),
            bounds=[(0.0, asked.rate_full_mg_h)] * TICKS,
        )
        if solved.status == 0:
            found.append(solved.fun)
    return float(min(found))


def test_the_share_is_reached_with_little_more_than_the_least_drug(
    asked: Problem, counting: Program, seed: int
) -> None:
    """A level a quarter above the threshold is a quarter more drug at most; the fall is free."""
    share, drug_mg = given(asked, counting, 0.0, seed)
    assert SHARE <= share <= SHARE + 0.06
    assert drug_mg <= 1.25 * least_mg(asked)


def test_a_noisy_sensor_does_not_cost_the_share(
    asked: Problem, counting: Program, seed: int
) -> None:
    """5 %: the estimate decides, and where it fell too soon the chase goes on."""
    share, _ = given(asked, counting, 0.05, seed)
    assert SHARE - 0.01 <= share <= SHARE + 0.20
