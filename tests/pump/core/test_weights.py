# SPDX-License-Identifier: MIT
"""How far models are believed, against the likelihoods' own definition in float64."""

from __future__ import annotations

import math
from array import array
from dataclasses import replace

import numpy as np
import pytest

from mesor.program import Bank, Problem, Program, compile_program
from mesor.program.reference import ReferenceSolver
from pump.core import weights as module
from pump.core.estimator import Estimator
from pump.core.planner import Planner
from pump.core.rhythm import Rhythm
from pump.core.weights import Weights
from pump.spec import program as layout

FACTORS = (0.5, 2.0)
SCORE_ONE = 65_536.0
ESTIMATE_ONE = float(1 << 20)
TARGET = 2 << 14


@pytest.fixture(scope="module")
def bank(problem: Problem) -> Program:
    """Return the program of three models: the therapy's own, and half and twice its clearance."""
    return compile_program(replace(problem, bank=Bank(FACTORS)), samples=100)


@pytest.fixture
def bank_words(bank: Program) -> array[int]:
    """Return its words as the pump holds them."""
    return array("i", bank.bytes)


def test_halves_are_the_powers_of_two_that_they_stand_for() -> None:
    """Each to half a unit."""
    expected = [2.0**14 * 2.0 ** (-i / 16.0) for i in range(16)]
    assert module._HALVES.tolist() == [math.floor(value + 0.5) for value in expected]


def test_models_begin_with_their_prior(bank_words: array[int]) -> None:
    """A log-normal clearance, its logarithm's standard deviation 0.5, at 1, 1/2 and 2."""
    believed = Weights(bank_words)
    density = np.exp(-0.5 * (np.log([1.0, *FACTORS]) / 0.5) ** 2)
    got = np.array(believed.of[:3]) / 1024.0
    np.testing.assert_allclose(got, density / density.sum(), atol=0.02)
    assert sum(believed.of) == 1024


def test_weights_are_the_likelihoods_of_the_readings(
    bank: Program, bank_words: array[int], seed: int
) -> None:
    """Scores follow the recursion in float64; weights are their softmax, to the table's step."""
    random = np.random.default_rng(seed)
    believed = Weights(bank_words)
    sd = np.array([section.design.innovation_sd for section in bank.sections])
    prior = -0.5 * (np.log([1.0, *FACTORS]) / 0.5) ** 2 / math.log(2.0)
    score = prior.copy()
    for _ in range(200):
        error = random.normal(0.0, sd * [0.8, 1.0, 1.3])
        believed.take(array("i", (error * ESTIMATE_ONE).astype(int).tolist()))
        score += (prior - score) / 16.0
        score -= 0.5 * np.minimum(np.abs(error / sd), 4.0) ** 2 / math.log(2.0)
        np.testing.assert_allclose(np.array(believed.scores) / SCORE_ONE, score, atol=0.15)
        softmax = np.exp2(score - score.max()) / np.exp2(score - score.max()).sum()
        np.testing.assert_allclose(np.array(believed.of[:3]) / 1024.0, softmax, atol=0.05)
        assert sum(believed.of) == 1024
        assert min(believed.of) >= 0


def test_another_model_is_planned_with_only_by_the_margin(bank_words: array[int]) -> None:
    """Two models that are as likely as each other must not take turns."""
    believed, margin = Weights(bank_words), bank_words[layout.AT_SWITCH_MARGIN]
    nothing = array("i", [0, 0, 0])
    bank_words[layout.AT_FORGET_SHIFT] = 8
    for lead, expected in ((margin - 1000, 0), (margin + 1000, 1)):
        believed.scores[0], believed.scores[1] = -lead, 0
        believed.likeliest = 0
        believed.take(nothing)
        assert believed.likeliest == expected


def test_one_outlier_speaks_no_louder_than_four_standard_deviations(
    bank: Program, bank_words: array[int]
) -> None:
    """A wild reading that passed the sensor's checks must not settle who is right."""
    first, second = Weights(bank_words), Weights(bank_words)
    four = int(4.0 * bank.design.innovation_sd * ESTIMATE_ONE)
    first.take(array("i", [four + 50, 0, 0]))
    second.take(array("i", [(1 << 28) - 1, -(1 << 28), 0]))
    assert first.scores[0] == second.scores[0]
    assert second.scores[1] < -11 << 16


def test_tables_change_within_a_loop_and_each_plan_is_its_own_models(
    bank: Program, bank_words: array[int], seed: int
) -> None:
    """Whichever model comes to be likeliest, its QP is solved as OSQP solves it in float64."""
    random = np.random.default_rng(seed)
    references = [ReferenceSolver(section.design, bank.words) for section in bank.sections]
    estimator = Estimator(bank_words)
    rhythm = Rhythm(bank_words)
    rhythm.look_ahead(0, TARGET)
    planner, move, seen = Planner(bank_words, estimator, rhythm), 0, set()
    for tick in range(45):
        estimator._sizes[7] = model = tick // 2 % 3
        seen.add(model)
        states = estimator.states + 1
        for other in range(3):
            level = int(random.uniform(1.2, 2.4) * ESTIMATE_ONE)
            estimator.state[other * states : other * states + 2] = array("i", [level, level])
        before, move = move, planner.plan(move)
        demand = np.array([planner.work.demand.tolist()])
        expected = references[model].first_moves(demand, np.array([before]))[0]
        assert planner.solver is planner.solvers[model]
        assert planner.solver.solved
        assert abs(move / (1 << 14) - expected) < 5e-4
    assert seen == {0, 1, 2}


def test_what_is_foreseen_is_the_mean_of_the_models(bank_words: array[int]) -> None:
    """Against the exact mean of the free responses that each model has alone."""
    estimator = Estimator(bank_words)
    for place in range(len(estimator.state)):
        estimator.state[place] = (place % 4 + 1) << 18
    rows, n, states = [], bank_words[layout.AT_HORIZON], estimator.states
    for model in range(3):
        begin = layout.table_offsets(bank_words, model)[2]
        table = np.array(bank_words[begin : begin + n * states], dtype=object).reshape(n, states)
        at = model * (states + 1)
        total = table @ np.array(estimator.state[at : at + states], dtype=object)
        half = 1 << bank_words[layout.AT_FREE_SHIFT] >> 1
        rows.append([(value + half) >> bank_words[layout.AT_FREE_SHIFT] for value in total])
    estimator.weights.of[:3] = array("i", [200, 524, 300])
    estimator.look_ahead()
    for i in range(n):
        mean = 200 * rows[0][i] + 524 * rows[1][i] + 300 * rows[2][i]
        assert estimator.free[i] == (mean + 512) >> 10
