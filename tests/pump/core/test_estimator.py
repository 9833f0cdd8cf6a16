# SPDX-License-Identifier: MIT
"""The integer Kalman filter against the textbook's in float64, and what it is for: no offset.

The float64 filter and its design are written here from the equations (Kalman 1960, with
the matrix exponential of the compartments by scipy); nothing of the compiler is used.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from scipy.linalg import expm

from mesor.program import Problem
from pump.core.estimator import Estimator
from pump.spec import program as layout

Floats = npt.NDArray[np.float64]
ESTIMATE_ONE = float(1 << 20)
UNIT_MG_L = 10.0  # half the target


@dataclass(slots=True)
class TextbookFilter:
    """x = [central, peripheral, disturbance], in half targets and full rates."""

    transition: Floats  # (3, 3)
    into: Floats  # (3,)
    walk: Floats  # (3, 3)
    reading_variance: float
    state: Floats  # (3,)
    covariance: Floats  # (3, 3)

    def predict(self, move: float) -> None:
        """Move one tick on."""
        self.state = self.transition @ self.state + self.into * move
        self.covariance = self.transition @ self.covariance @ self.transition.T + self.walk

    def correct(self, level: float) -> float:
        """Take in a reading of the central compartment; return the innovation."""
        observe = np.array([[1.0, 0.0, 0.0]])
        variance = (observe @ self.covariance @ observe.T).item() + self.reading_variance
        gain = (self.covariance @ observe.T / variance)[:, 0]
        innovation = level - float(self.state[0])
        self.state = self.state + gain * innovation
        self.covariance = (np.eye(3) - np.outer(gain, observe)) @ self.covariance
        return innovation


def acting(pump: Estimator, move: int) -> array[int]:
    """Return the move that acts on each model of the pump's."""
    return array("i", [move] * pump.models)


def discrete(problem: Problem, clearance_l_h: float) -> tuple[Floats, Floats]:
    """Return transition (2, 2) and input (2,) of one tick of the two compartments."""
    model, tick_h = problem.model, problem.therapy.tick_s / 3600.0
    flow, v1 = model.clearance_intercompartmental_l_h, model.volume_central_l
    v2 = model.volume_peripheral_l
    mg_per_step = problem.pump.microstep_nl * 1e-6 * problem.pump.drug_mg_ml
    steps = int(problem.therapy.rate_max_mg_h * tick_h / mg_per_step)
    rate = steps * mg_per_step / tick_h / UNIT_MG_L
    whole = np.zeros((3, 3))
    whole[0] = [-(clearance_l_h + flow) / v1, flow / v1, rate / v1]
    whole[1, :2] = [flow / v2, -flow / v2]
    step = expm(whole * tick_h)
    return step[:2, :2], step[:2, 2]


def textbook(problem: Problem) -> TextbookFilter:
    """Return the filter as the estimator's design describes it, before any tick."""
    noise = problem.estimator
    inner, into = discrete(problem, problem.model.clearance_l_h)
    transition = np.eye(3)
    transition[:2, :2], transition[:2, 2] = inner, into
    walk = np.diag([noise.state_walk_mg_l / UNIT_MG_L] * 2 + [noise.disturbance_walk_sd]) ** 2
    start = np.diag([1e-3, 1e-3, noise.disturbance_start_sd]) ** 2
    # The design's first reading comes after one walk of a patient known to be empty.
    return TextbookFilter(
        transition,
        np.append(into, 0.0),
        walk,
        (noise.sensor_cv * 20.0 / UNIT_MG_L) ** 2,
        np.zeros(3),
        transition @ start @ transition.T + walk,
    )


def integer(words: array[int]) -> Estimator:
    """Return the pump's estimator on the program's words."""
    return Estimator(words)


def state_of(estimator: Estimator) -> Floats:
    """Return the estimate in half targets and full rates."""
    return np.array(estimator.state[: estimator.states]) / ESTIMATE_ONE


def test_it_follows_the_textbook_filter_through_a_noisy_therapy(
    problem: Problem, words: array[int], seed: int
) -> None:
    """Over 96 designed gains and 200 ticks integers and float64 stay within 1e-4 half targets."""
    random = np.random.default_rng(seed)
    exact, pump = textbook(problem), integer(words)
    for tick in range(96):
        if tick:
            move = int(random.integers(0, 1 << 20))
            exact.predict(move / ESTIMATE_ONE)
            pump.predict(acting(pump, move))
        level = int(random.integers(0, 4 << 20))
        innovation = exact.correct(level / ESTIMATE_ONE)
        pump.correct(level)
        assert pump.innovation / ESTIMATE_ONE == pytest.approx(innovation, abs=1e-4)
        np.testing.assert_allclose(state_of(pump), exact.state, rtol=0, atol=1e-4)


def test_without_readings_it_predicts_what_the_patient_equations_say(
    problem: Problem, words: array[int]
) -> None:
    """A day of constant infusion on the model alone: the closed form, by one exponential."""
    pump = integer(words)
    for _ in range(288):
        pump.predict(acting(pump, 1 << 19))
    inner, into = discrete(problem, problem.model.clearance_l_h)
    still = np.linalg.solve(np.eye(2) - inner, into * 0.5)
    expected = still - np.linalg.matrix_power(inner, 288) @ still
    expected = np.clip(expected, None, words[layout.AT_STATE_MAX] / ESTIMATE_ONE)
    np.testing.assert_allclose(state_of(pump)[:2], expected, atol=2e-4)


@pytest.mark.parametrize("clearance_share", [0.5, 0.8, 1.25, 2.0])
def test_a_wrong_clearance_leaves_no_steady_prediction_error(
    problem: Problem, words: array[int], clearance_share: float
) -> None:
    """Offset-free (Pannocchia & Rawlings 2003): otherwise every patient is held off target."""
    inner, into = discrete(problem, problem.model.clearance_l_h * clearance_share)
    patient, pump = np.zeros(2), integer(words)
    move = 0.08
    innovations = []
    for tick in range(4000):
        if tick:
            patient = inner @ patient + into * move
            pump.predict(acting(pump, round(move * ESTIMATE_ONE)))
        pump.correct(round(patient[0] * ESTIMATE_ONE))
        innovations.append(abs(pump.innovation) / ESTIMATE_ONE)
    assert max(innovations[:50]) > 1e-3
    # Integers stop correcting once gain times innovation rounds to nothing; a reading rounds too.
    offsets = layout.table_offsets(words, 0)
    disturbance_gain = words[offsets[2] - 1] / (1 << 28)
    assert max(innovations[-50:]) <= (0.5 / disturbance_gain + 1.0) / ESTIMATE_ONE < 1e-4
    # The disturbance found is the missing clearance, as an infusion: -(CL' - CL) C / rate.
    per_full_rate = 1.0 / (np.linalg.solve(np.eye(2) - inner, into)[0])
    true_clearance = problem.model.clearance_l_h * clearance_share
    missing = per_full_rate * patient[0] * (problem.model.clearance_l_h / true_clearance - 1.0)
    assert state_of(pump)[2] == pytest.approx(missing, abs=1e-3)


def test_the_gains_are_used_one_a_reading_and_the_last_for_ever(words: array[int]) -> None:
    """Missed readings must not use up the cautious first gains."""
    offsets = layout.table_offsets(words, 0)
    count, states = words[layout.AT_GAIN_COUNT], words[layout.AT_STATES]
    table = np.array(words[offsets[1] : offsets[2]], dtype=np.int64).reshape(count, states)
    pump = integer(words)
    for reading in range(count + 5):
        for _ in range(reading % 3):
            pump.predict(acting(pump, 0))
        for i in range(states):
            pump.state[i] = 0
        pump.correct(1 << 20)
        expected = (table[min(reading, count - 1)] * (1 << 20) + (1 << 27)) >> 28
        assert pump.state[:states].tolist() == expected.tolist()


@pytest.mark.parametrize("sign", [1, -1])
def test_every_state_stays_inside_the_range_that_the_proof_assumes(
    words: array[int], sign: int
) -> None:
    """Whatever comes in, the clamp holds, at its exact value."""
    most = words[layout.AT_STATE_MAX]
    pump = integer(words)
    for _ in range(200):
        for i in range(pump.states):
            pump.state[i] = sign * most
        pump.predict(acting(pump, 1 << 20 if sign > 0 else 0))
        assert max(map(abs, pump.state[: pump.states])) <= most
        pump.correct(most if sign > 0 else 0)
        assert max(map(abs, pump.state[: pump.states])) <= most
    for i in range(pump.states):
        pump.state[i] = sign * most
    pump.predict(acting(pump, 1 << 20 if sign > 0 else 0))
    assert sign * most in pump.state[: pump.states]
