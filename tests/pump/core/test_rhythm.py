# SPDX-License-Identifier: MIT
"""What follows the clock, against the cosine itself and a patient whose clearance follows it.

The patient is integrated in float64 (mesor.patients, held to the closed form by its own
test) and knows nothing of equivalent rates.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import replace

import numpy as np
import pytest

from mesor.dosing.rhythm import Rhythm as Cosine
from mesor.errors import ProgramError
from mesor.patients import PatientParameters, VirtualPatient, make_patient
from mesor.program import Problem, Program, compile_program
from mesor.program.fixed import to_bytes
from mesor.program.proof import prove
from pump.core import program as checker
from pump.core.controller import Controller
from pump.core.estimator import Estimator
from pump.core.planner import Planner
from pump.core.rhythm import Rhythm, _equivalents
from pump.core.supervisor import EVENT_PASSED, EVENT_PROGRAM, EVENT_START, Supervisor
from pump.spec import program as layout
from pump.spec import reasons
from pump.spec import record as at

CLEARANCE, TARGET = Cosine(0.30, 15.0), Cosine(0.25, 4.0)
SAMPLES = 200
DAY_S, TICK_S = 86_400, 300
ONE, ESTIMATE_ONE = 1 << 14, 1 << 20
HEALTHY = ((at.PRESSURE_RAW, 20_000), (at.RESERVOIR_RAW, 60_000), (at.BATTERY_RAW, 60_000))


@pytest.fixture(scope="module")
def followed(problem: Problem) -> Problem:
    """Return vancomycin with 30 % of rhythm, as if a sensor might be silent for hours."""
    safety = replace(problem.safety, stale_ticks_max=100)
    return replace(problem, safety=safety, clearance_rhythm=CLEARANCE)


@pytest.fixture(scope="module")
def following(followed: Problem) -> Program:
    """Return a program that follows the clock in both, clearance and target."""
    return compile_program(replace(followed, target_rhythm=TARGET), SAMPLES)


@pytest.fixture(scope="module")
def known(followed: Problem) -> Program:
    """Return a program in which only the clearance follows the clock."""
    return compile_program(followed, SAMPLES)


def words_of(program: Program) -> array[int]:
    """Return the words as the pump holds them."""
    return array("i", program.bytes)


def patient_of(problem: Problem, day_s: int, rhythm: Cosine = CLEARANCE) -> VirtualPatient:
    """Return the controller's own model as a patient whose clearance follows the clock."""
    model = problem.model
    parameters = PatientParameters(
        model.clearance_l_h,
        model.volume_central_l,
        model.clearance_intercompartmental_l_h,
        model.volume_peripheral_l,
    )
    return make_patient(parameters, rhythm=rhythm, day_s=day_s)


@pytest.mark.parametrize("day_s", [0, 300, 53_000, 86_100])
def test_targets_and_shares_are_the_cosine_at_each_coming_tick(
    following: Program, day_s: int
) -> None:
    """Straight between half-hourly knots: off by a (pi / 48)^2 / 2 and the rounding, no more."""
    rhythm = Rhythm(words_of(following))
    rhythm.look_ahead(day_s, 2 * ONE)
    for k, target in enumerate(rhythm.targets[:21]):
        exact = 2 * ONE * TARGET.factor_at((day_s + k * TICK_S) / 3600.0)
        assert target == pytest.approx(exact, abs=2 * ONE * 0.25 * (math.pi / 48) ** 2 / 2 + 4)
    for k, share in enumerate(rhythm._shares[:20]):
        middle_s = day_s + k * TICK_S + TICK_S / 2
        exact = ONE * (CLEARANCE.factor_at(middle_s / 3600.0) - 1.0)
        assert share == pytest.approx(exact, abs=ONE * 0.30 * (math.pi / 48) ** 2 / 2 + 2)


def test_an_estimate_without_readings_follows_the_patient_for_two_days(
    following: Program, followed: Problem
) -> None:
    """The mean clearance alone would be up to 20 % wrong; half a percent is what is left."""
    words = words_of(following)
    estimator, rhythm, plain = Estimator(words), Rhythm(words), Estimator(words)
    begin_s = 10 * 3600
    patient = patient_of(followed, begin_s)
    rate_mg_h = followed.model.clearance_l_h * 20.0
    move = round(rate_mg_h / followed.rate_full_mg_h * ESTIMATE_ONE)
    errors, plain_errors = [], []
    for tick in range(1, 48 * 12 + 1):
        patient.advance(rate_mg_h, TICK_S)
        rhythm.delivered(move, (begin_s + tick * TICK_S) % DAY_S, estimator.state)
        estimator.predict(rhythm.moves)
        plain.predict(array("i", [move]))
        level = patient.conc_mg_l / 10.0 * ESTIMATE_ONE
        errors.append(abs(estimator.state[0] / level - 1.0))
        plain_errors.append(abs(plain.state[0] / level - 1.0))
    assert max(errors[12:]) < 0.005
    assert max(plain_errors[12:]) > 0.08


@pytest.mark.parametrize("hour", [3, 9, 15, 21])
def test_a_plan_foresees_what_the_clock_does_to_the_level(
    followed: Problem, following: Program, known: Program, hour: int
) -> None:
    """From a level on target, planned outputs are those of the patient given the planned moves."""
    words = words_of(known if hour == 3 else following)
    estimator, rhythm = Estimator(words), Rhythm(words)
    patient = patient_of(followed, hour * 3600)
    target_mg_l = 20.0 if hour == 3 else 20.0 * TARGET.factor_at(hour)
    patient._amounts_mg = np.array([target_mg_l * 30.0, target_mg_l * 35.0])  # type: ignore[attr-defined]
    for i in range(2):
        estimator.state[i] = estimator.estimate[i] = round(target_mg_l / 10.0 * ESTIMATE_ONE)
    rhythm.look_ahead(hour * 3600, 2 * ONE)
    planner = Planner(words, estimator, rhythm)
    planner.plan(round(90.0 / followed.rate_full_mg_h * ONE))
    assert planner.source == reasons.PLAN_SOLVED
    solver = planner.solver
    for k in range(20):
        patient.advance(planner.moves[k] / ONE * followed.rate_full_mg_h, TICK_S)
        planned = planner.free[k] + (solver.outputs[k] >> solver.outputs_shift)
        assert planned / ONE * 10.0 == pytest.approx(patient.conc_mg_l, rel=0.004)


def errors_percent(problem: Problem, program: Program, silent_ticks: int, seed: int) -> np.ndarray:
    """Return |PE| of a noisy day from 4 h on, the sensor silent so long in every 3 h."""
    supervised = Supervisor()
    for event in (EVENT_PASSED, EVENT_PROGRAM, EVENT_START):
        supervised.happen(event)
    controller = Controller(words_of(program), supervised)
    record, draw, begin_s, steps = controller.record, np.random.default_rng(seed), 36_000, 0
    patient, errors = patient_of(problem, begin_s), []
    for tick in range(24 * 12):
        patient.advance(steps * problem.pump.mg_per_step * 12.0, TICK_S if tick else 0.0)
        conc_mg_l = patient.conc_mg_l
        record[at.TICK], record[at.ELAPSED_TICKS], record[at.STEPS_DONE] = tick, 1, steps
        record[at.DAY_S] = (begin_s + tick * TICK_S) % DAY_S
        record[at.READING_PRESENT] = 0 if tick >= 72 and tick % 36 < silent_ticks else 1
        record[at.SAMPLE_INDEX], record[at.READING_TIME_S] = tick, tick * TICK_S
        record[at.CONC] = int(conc_mg_l * 1000.0 * draw.normal(1.0, 0.05))
        record[at.QUALITY] = 100
        for word, value in HEALTHY:
            record[word] = value
        steps = controller.decide()
        errors.append(abs(conc_mg_l / 20.0 - 1.0) * 100.0)
    return np.array(errors[48:])


def test_a_level_is_held_through_the_day_and_through_hours_of_silence(
    followed: Problem, known: Program, seed: int
) -> None:
    """30 % of amplitude: within 5 % by the median with the rhythm; without it silence costs."""
    unknown = compile_program(replace(followed, clearance_rhythm=None), SAMPLES)
    assert np.median(errors_percent(followed, known, 0, seed)) < 2.0
    silent = errors_percent(followed, known, 24, seed)
    silent_unknown = errors_percent(followed, unknown, 24, seed)
    assert np.median(silent) < 2.0
    assert silent.max() < 5.0 < silent_unknown.max()


def test_without_a_rhythm_a_program_has_no_table_and_no_equivalent_rate(program: Program) -> None:
    """What was delivered is all that acts, at any time of day."""
    words = words_of(program)
    assert words[layout.AT_RHYTHM] == 0
    assert layout.section_at(words, 0) == layout.SCALAR_WORDS
    rhythm = Rhythm(words)
    for day_s in (0, 54_000):
        rhythm.delivered(777, day_s, array("i", [2 * ESTIMATE_ONE] * 4))
        rhythm.look_ahead(day_s, 12_345)
        assert rhythm.moves.tolist() == [777]
        assert set(rhythm.targets[:21]) == {12_345}


def test_an_equivalent_rate_is_the_full_rate_at_most_and_never_of_less_than_nothing() -> None:
    """At the ends of every format, where only clamps keep what the proof assumes."""
    rates = array("i", [0])
    gain_most = (1 << 30) // layout.RHYTHM_LEVEL_MAX - 1
    for share in (ONE - 1, 1 - ONE):
        _equivalents(array("i", [share]), array("i", [(1 << 28) - 1]), gain_most, 0, 1, rates)
        assert rates[0] == (-ONE if share > 0 else ONE)
        _equivalents(array("i", [share]), array("i", [-(1 << 22)]), gain_most, 0, 1, rates)
        assert rates[0] == 0


def test_the_certificate_proves_what_follows_the_clock(following: Program) -> None:
    """Each of its products has a bound, and all hold."""
    bounds = {bound.signal: bound for bound in prove(following.words)}
    wanted = {"between", "target", "steady", "rate", "response_sum"}
    assert {f"rhythm.{name}" for name in wanted} <= bounds.keys()
    assert all(bound.holds for bound in bounds.values())


@pytest.mark.parametrize(
    ("word", "value"),
    [
        (layout.CLEARANCE_KNOTS + 7, ONE),
        (layout.TARGET_KNOTS + 7, -ONE),
        (layout.CLEARANCE_KNOTS, 5),
        (layout.AT_RHYTHM, 2),
    ],
)
def test_a_day_that_is_none_is_refused(following: Program, word: int, value: int) -> None:
    """A clearance of nothing or less, and a midnight that does not meet itself."""
    words = following.words.copy()
    words[word] = value
    assert checker.check(array("i", to_bytes(words))) in (
        reasons.RESULT_OUT_OF_RANGE,
        reasons.RESULT_PROGRAM_LAYOUT,
    )


def test_what_the_pump_has_no_table_for_is_refused_with_its_reason(problem: Problem) -> None:
    """A rhythm of half a day; and a pulse's peak that would follow the clock."""
    with pytest.raises(ProgramError, match="a period of 12 h; the pump knows one of 24 h"):
        replace(problem, clearance_rhythm=Cosine(0.3, 6.0, 12.0))
    course = type(problem.course).pulse(20.0, 1.0, 8.0, 2.0)
    with pytest.raises(ProgramError, match="kind pulse has a rhythm; only a level's may have"):
        replace(problem, course=course, target_rhythm=TARGET)
