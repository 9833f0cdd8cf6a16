# SPDX-License-Identifier: MIT
"""The compiler: its proof is sound, its errors name the cause, its answers are OSQP's."""

from __future__ import annotations

import zlib
from array import array
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import solve_discrete_are

from mesor.errors import ProgramError
from mesor.program import (
    Bank,
    ControlModel,
    Problem,
    Program,
    PumpGeometry,
    SafetyLimits,
    Therapy,
    compile_program,
    fixed,
)
from mesor.program.design import design, discretise
from mesor.program.exact import ExactSolver, by_group
from mesor.program.exact_plan import ExactPlan
from mesor.program.proof import prove
from mesor.program.reference import ReferenceSolver
from mesor.program.sampling import sample_demands
from pump.core import program as firmware_program
from pump.spec import program as layout
from pump.spec import reasons

PROBLEM = Problem(
    ControlModel(4.5, 30.0, 5.0, 35.0),
    Therapy(20.0, 15.0, 25.0, 1000.0, 400.0, 60.0),
    SafetyLimits(1000.0, 6000.0),
    PumpGeometry(69.25, 83.3),
)
SEED = 5


@pytest.fixture(scope="module")
def program() -> Program:
    """Return the default therapy's program."""
    return compile_program(PROBLEM, samples=400)


def test_the_model_moves_as_its_differential_equation_does() -> None:
    """The discretisation is exact, so an adaptive integrator must agree."""
    transition, into = discretise(PROBLEM)
    rate_mg_h, start = PROBLEM.rate_full_mg_h, np.array([1.2, 0.4])

    def slope(_time_h: float, conc: np.ndarray) -> list[float]:
        infusion = rate_mg_h / 30.0 / 10.0
        return [
            -(4.5 + 5.0) / 30.0 * conc[0] + 5.0 / 30.0 * conc[1] + infusion,
            5.0 / 35.0 * (conc[0] - conc[1]),
        ]

    end = solve_ivp(slope, (0.0, 300.0 / 3600.0), start, rtol=1e-10, atol=1e-12).y[:, -1]
    assert transition @ start + into == pytest.approx(end, rel=1e-8)


def test_the_last_gain_is_the_steady_kalman_gain() -> None:
    """Scipy's Riccati solution is the oracle of the recursion's limit."""
    many = replace(PROBLEM, estimator=replace(PROBLEM.estimator, gain_count=5000))
    controller = design(many)
    noise, unit = PROBLEM.estimator, controller.conc_unit_mg_l
    walk = np.diag([noise.state_walk_mg_l / unit] * 2 + [noise.disturbance_walk_sd]) ** 2
    reading = np.array([[(noise.sensor_cv * 20.0 / unit) ** 2]])
    output = np.array([[1.0, 0.0, 0.0]])
    covariance = solve_discrete_are(controller.transition.T, output.T, walk, reading)
    steady = covariance[:, 0] / (covariance[0, 0] + reading[0, 0])
    assert controller.gains[-1] == pytest.approx(steady, rel=1e-6)


def test_the_firmware_accepts_what_the_compiler_makes(program: Program) -> None:
    """Both sides read the same layout."""
    assert firmware_program.check(array("i", program.bytes)) == reasons.RESULT_OK


def test_compiling_twice_gives_the_same_bytes(program: Program) -> None:
    """A program must be reproducible from its therapy."""
    assert compile_program(PROBLEM, samples=400).bytes == program.bytes


def test_the_certificate_holds_what_the_therapy_needs(program: Program) -> None:
    """Closed loops never meet the cap; errors stay within half a per cent of the full rate."""
    certificate = program.certificate
    assert all(bound.holds for bound in certificate.bounds)
    assert certificate.warm_unsolved == 0
    assert certificate.warm_error.maximum < 5e-3
    assert certificate.cold_error.maximum < 5e-3


def test_no_sampled_signal_exceeds_its_proved_bound(program: Program) -> None:
    """A proof that a sample contradicts is no proof.  Checked on the iteration's outcomes."""
    bounds = {bound.signal: bound.magnitude for bound in prove(program.words)}
    solver = ExactSolver(program.words)
    drawn = sample_demands(PROBLEM, program.design, 500, SEED)
    outcome, rows = solver.solve(drawn.demand, drawn.move_before)
    pull = rows.z - rows.w
    assert np.abs(pull).max() <= bounds["solver.pull"]
    pulled = np.abs(pull[:, -solver.horizon :] @ solver.pulled.T).max()
    assert pulled <= bounds["solver.pulled_sum"]
    response = np.abs(outcome.moves @ solver.response.T).max()
    assert response <= bounds["solver.outputs_sum"]


def test_a_sum_that_cannot_fit_fails_the_proof(program: Program) -> None:
    """Doubling the factor's format must break the proof, since the compiler took the finest."""
    words = program.words.copy()
    offsets = layout.table_offsets(words, 0)
    words[offsets[4] : offsets[5]] *= 4
    failed = [bound.signal for bound in prove(words) if not bound.holds]
    assert "solver.moves" in failed


@pytest.mark.parametrize(
    ("part", "change", "sentence"),
    [
        ("therapy", {"horizon": 41}, "horizon of 41 ticks .* 5 to 40"),
        ("therapy", {"horizon": 40, "soft_weight": 90.0}, "errors_sum .* soft_weight 18 instead"),
        ("therapy", {"change_weight": 1e4}, "change_weight is 10000; .* 128"),
        (
            "estimator",
            {"gain_count": 5000},
            r"165\d\d words; .* gain_count 1000 instead of 5000",
        ),
        ("therapy", {"window_low_mg_l": 21.0}, "does not hold the target"),
        ("therapy", {"rate_max_mg_h": 1.0}, "microsteps a tick"),
        ("therapy", {"fallback_rate_mg_h": 2000.0}, "fallback rate"),
        ("therapy", {"tick_s": 7}, "must divide an hour"),
        ("model", {"clearance_l_h": float("nan")}, "clearance_l_h is nan"),
        ("model", {"volume_central_l": -1.0}, "volume_central_l is -1.0"),
        ("safety", {"conc_max_mg_l": 1e7}, "conc_max_mg_l"),
        ("pump", {"drug_mg_ml": 1e7}, "microstep gives 6.92e.08 ng .* 1,073,741 ng"),
    ],
)
def test_a_therapy_that_cannot_be_compiled_is_refused_with_the_reason(
    part: str, change: dict[str, float], sentence: str
) -> None:
    """The engineer must learn what to change."""
    with pytest.raises(ProgramError, match=sentence):
        compile_program(
            replace(PROBLEM, **{part: replace(getattr(PROBLEM, part), **change)}), samples=100
        )


@pytest.mark.parametrize(
    ("model", "therapy"),
    [
        (ControlModel(10.7, 9.0), Therapy(4.0, 2.6, 5.3, 300.0, 300.0, 20.0, tick_s=120)),
        (ControlModel(3.1, 14.0), Therapy(30.0, 20.0, 44.0, 900.0, 90.0, 50.0, soft_weight=14.77)),
        (
            ControlModel(2.0, 40.0, 3.0, 90.0),
            Therapy(8.0, 6.0, 10.0, 200.0, 80.0, 10.0, 600, 22, 0.2, 1.4653),
        ),
    ],
    ids=["short half-life", "slow changes", "coarse ticks"],
)
def test_other_drugs_are_answered_as_osqp_answers_them(
    model: ControlModel, therapy: Therapy
) -> None:
    """No therapy is tuned by hand: formats, tolerances and search are the compiler's choice."""
    problem = replace(PROBLEM, model=model, therapy=therapy)
    certificate = compile_program(problem, samples=300).certificate
    assert certificate.cold_unsolved == certificate.warm_unsolved == 0
    assert max(certificate.cold_error.maximum, certificate.warm_error.maximum) < 5e-4


@pytest.mark.parametrize("horizon", [5, 7, 13, 20, 40])
def test_a_horizon_that_is_padded_has_the_answers_of_the_bare_problem(horizon: int) -> None:
    """OSQP solves the problem of that many moves, without any padding."""
    problem = replace(PROBLEM, therapy=replace(PROBLEM.therapy, horizon=horizon))
    made = compile_program(problem, samples=100)
    drawn = sample_demands(problem, made.design, 40, 5)
    plan = ExactPlan(made.words)
    outcome = plan.solve(plan.fresh(40), drawn.demand, drawn.move_before)
    few = slice(0, horizon)
    response, difference = made.design.response[few, few], made.design.difference[few, few]
    cost = response.T @ response + problem.therapy.change_weight * difference.T @ difference
    bare = replace(
        made.design,
        response=response,
        counted=response,
        difference=difference,
        hessian=2.0 * cost,
    )
    reference = ReferenceSolver(bare, made.words)
    expected = reference.first_moves(drawn.demand[:, few], drawn.move_before)
    assert outcome.solved.all()
    assert np.abs(outcome.moves[:, 0] / (1 << 14) - expected).max() < 5e-4


def test_the_factors_roundings_cancel_along_every_row() -> None:
    """From any column to the end they sum to half an LSB at most; drawn afresh, to ever more."""
    random = np.random.default_rng(SEED)
    values = random.normal(0.0, 0.3, (6, 40))
    table = fixed.steady(values, 10, "factor")
    error = table / 2.0**10 - values
    tails = np.cumsum(error[:, ::-1], axis=1)
    assert np.abs(tails).max() <= 0.5 / 2**10 + 1e-12
    assert np.abs(error).max() <= 1.0 / 2**10 + 1e-12


def test_rows_are_kept_tick_by_tick_and_read_by_group() -> None:
    """Change and move of every tick side by side, then the outputs."""
    rows = np.arange(12)
    kept = fixed.by_tick(rows)
    assert kept.tolist() == [0, 4, 1, 5, 2, 6, 3, 7, 8, 9, 10, 11]
    assert by_group(kept).tolist() == rows.tolist()


@pytest.mark.parametrize("horizon", [8, 40])
def test_other_horizons_and_one_compartment_compile(horizon: int) -> None:
    """The shipped therapy is not the only one."""
    problem = replace(
        PROBLEM,
        model=ControlModel(4.5, 30.0),
        therapy=replace(PROBLEM.therapy, horizon=horizon),
    )
    made = compile_program(problem, samples=100)
    assert all(bound.holds for bound in made.certificate.bounds)
    assert firmware_program.check(array("i", made.bytes)) == reasons.RESULT_OK


def test_the_program_says_what_is_in_a_microstep_and_what_is_chased() -> None:
    """By these words the pump tells another drug, syringe or kind of therapy.

    69.25 nL of 83.3 mg/mL are 5,768,525 pg; the name's word is zlib's CRC-32 of it, as
    lower case letters, without its two highest bits.
    """
    named = replace(PROBLEM, pump=replace(PROBLEM.pump, drug_name="Vancomycin "))
    words = compile_program(named, samples=100).words
    assert words[layout.AT_DRUG] == zlib.crc32(b"vancomycin") % (1 << 30)
    assert words[layout.AT_DRUG_PG_PER_STEP] == 5_768_525
    assert words[layout.AT_COURSE] == layout.LEVEL


def test_five_states_are_designed_certified_and_accepted() -> None:
    """Three compartments, the effect site that is chased, and the disturbance: propofol, Marsh."""
    problem = replace(
        PROBLEM,
        model=ControlModel(113.9, 15.96, 107.25, 32.5, 40.1, 202.6, 15.6),
        therapy=Therapy(3.0, 2.4, 3.6, 1000.0, 500.0, 300.0, tick_s=30, target_site="effect_site"),
        pump=PumpGeometry(69.25, 20.0),
    )
    made = compile_program(problem, samples=200)
    certificate = made.certificate
    assert made.words[layout.AT_STATES] == 5
    assert made.words[layout.AT_OUTPUT_STATE] == 3
    assert all(bound.holds for bound in certificate.bounds)
    assert certificate.cold_unsolved == certificate.warm_unsolved == 0
    assert max(certificate.cold_error.maximum, certificate.warm_error.maximum) < 5e-4
    assert firmware_program.check(array("i", made.bytes)) == reasons.RESULT_OK
    # A steady infusion fills plasma and effect site alike, to rate over clearance.
    design_ = made.design
    inner = design_.transition[:-1, :-1]
    still = np.linalg.solve(np.eye(4) - inner, design_.input[:-1])
    expected = problem.rate_full_mg_h / 113.9 / design_.conc_unit_mg_l
    assert still == pytest.approx(np.full(4, expected), rel=1e-6)


def test_a_bank_s_models_are_each_certified_and_the_worst_is_named() -> None:
    """Every section is the program that its model would be alone."""
    bank = replace(PROBLEM, bank=Bank((0.5, 2.0)))
    made = compile_program(bank, samples=100)
    assert len(made.certificates) == 3
    assert made.certificate.badness == max(one.badness for one in made.certificates)
    for model, factor in enumerate((1.0, 0.5, 2.0)):
        alone = replace(PROBLEM, model=PROBLEM.model.with_clearance(factor))
        words = compile_program(alone, samples=100).words
        begin, end = (layout.section_at(made.words, one) for one in (model, model + 1))
        section, own = made.words[begin:end], words[layout.section_at(words, 0) : -1]
        differ = {layout.IN_CLEARANCE_FACTOR, layout.IN_PRIOR}
        assert set(np.flatnonzero(section != own).tolist()) <= differ
        assert all(bound.holds for bound in prove(made.words, model))
    assert firmware_program.check(array("i", made.bytes)) == reasons.RESULT_OK
