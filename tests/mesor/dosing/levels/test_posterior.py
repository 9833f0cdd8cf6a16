# SPDX-License-Identifier: MIT
"""Bayesian estimation against closed forms, brute-force integrals and known patients."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from mesor.dosing.kinetics import Dose, KineticModel, conc_mg_l, disposition, repeated
from mesor.dosing.levels import (
    Level,
    PopulationModel,
    ResidualError,
    Target,
    Variability,
    advise,
    advise_averaged,
    average,
    estimate,
    independent,
    prior,
)
from mesor.dosing.levels.plot import levels_plot
from mesor.errors import DosingError
from mesor.patients import ClearanceChange, CompartmentPatient

# Vancomycin, Goti et al., Ther Drug Monit 2018;40:212, at CrCl 120 mL/min and 70 kg.
GOTI = PopulationModel(
    "Goti 2018",
    {
        "clearance_l_h": 4.5,
        "volume_central_l": 58.4,
        "clearance_intercompartmental_l_h": 6.5,
        "volume_peripheral_l": 38.4,
    },
    independent({"clearance_l_h": 0.398, "volume_central_l": 0.816, "volume_peripheral_l": 0.571}),
    ResidualError(0.227, 3.4),
)
DOSES = repeated(Dose(0.0, 1000.0, 2.0), 4, 12.0)
ONE = PopulationModel(
    "one", {"clearance_l_h": 4.0, "volume_central_l": 30.0},
    independent({"clearance_l_h": 0.4}), ResidualError(0.15, 0.2),
)  # fmt: skip
BOLUS = (Dose(0.0, 300.0),)
GRID = np.linspace(-8.0, 8.0, 8001)  # of z, whose prior is N(0, 1)


def level_of_one(z: np.ndarray, time_h: float, population: PopulationModel = ONE) -> np.ndarray:
    """Return the bolus's level at deviations z, written out."""
    clearance = 4.0 * np.exp(math.sqrt(population.subjects.omega[0, 0]) * z)
    return 10.0 * np.exp(-clearance / 30.0 * time_h)


def test_small_variability_gives_the_linear_gaussian_posterior() -> None:
    """Mean = (J'J/s2 + W^-1)^-1 J'r/s2 and that covariance, with full W (Kalman's update)."""
    omega = np.array([[4e-6, 1.5e-6], [1.5e-6, 2.25e-6]])
    names = ("clearance_l_h", "volume_central_l")
    sigma = 2e-3
    typical = {"clearance_l_h": 4.0, "volume_central_l": 30.0}
    model = PopulationModel("small", typical, Variability(names, omega), ResidualError(0, sigma))
    times = np.array([2.0, 9.0])
    level = 10.0 * np.exp(-4.0 / 30.0 * times)
    # d(level)/d(log CL) and d(level)/d(log V) of D/V exp(-CL t / V)
    slope = np.column_stack([-level * times * 4 / 30, level * (times * 4 / 30 - 1)])
    residual = np.array([3e-3, -1e-3])
    precision = slope.T @ slope / sigma**2 + np.linalg.inv(omega)
    mean = np.linalg.solve(precision, slope.T @ residual / sigma**2)
    seen = [Level(t, y) for t, y in zip(times, level + residual, strict=True)]
    found = estimate(model, BOLUS, seen)
    root = np.linalg.cholesky(omega)
    assert root @ found.deviations == pytest.approx(mean, rel=0.01)
    covariance = root @ found.covariance @ root.T
    assert covariance == pytest.approx(np.linalg.inv(precision), rel=0.01)
    assert found.shrinkage["clearance_l_h"] == pytest.approx(
        np.linalg.inv(precision)[0, 0] / omega[0, 0], rel=0.01
    )
    # The marginal likelihood is that of a normal with covariance J W J' + s2 I.
    spread = slope @ omega @ slope.T + sigma**2 * np.eye(2)
    log_density = -0.5 * (
        residual @ np.linalg.solve(spread, residual)
        + math.log(np.linalg.det(spread))
        + 2 * math.log(2 * math.pi)
    )
    assert found.log_evidence == pytest.approx(log_density, abs=0.01)


def test_a_level_below_the_limit_counts_by_its_probability() -> None:
    """M3: mode and evidence of prior times Phi((limit - f)/sd), on a grid of 8001 points."""
    seen = [Level(3.0, 6.2), Level(20.0, 1.0, below_limit=True)]
    early, late = level_of_one(GRID, 3.0), level_of_one(GRID, 20.0)
    density = (
        norm.pdf(GRID)
        * norm.pdf(6.2, early, np.hypot(0.15 * early, 0.2))
        * norm.cdf((1.0 - late) / np.hypot(0.15 * late, 0.2))
    )
    found = estimate(ONE, BOLUS, seen)
    assert found.deviations[0] == pytest.approx(GRID[np.argmax(density)], abs=2e-3)
    # Laplace's integral from the grid's own peak and curvature; the true one is skewed.
    log, at, step = np.log(density), int(np.argmax(density)), 10 * (GRID[1] - GRID[0])
    curvature = -(log[at + 10] - 2 * log[at] + log[at - 10]) / step**2
    laplace = log[at] + 0.5 * math.log(2 * math.pi / curvature)
    assert found.log_evidence == pytest.approx(laplace, abs=1e-3)
    integral = math.log(np.trapezoid(density, GRID))
    assert found.log_evidence == pytest.approx(integral, abs=0.2)
    drawn = estimate(ONE, BOLUS, seen, evidence_draws=256)
    assert drawn.log_evidence == pytest.approx(integral, abs=0.01)
    # Substituting the limit for the level would be another patient.
    substituted = estimate(ONE, BOLUS, [seen[0], Level(20.0, 1.0)])
    assert found.deviations[0] > substituted.deviations[0] + 0.05


def test_the_residual_may_add_deviations_instead_of_variances() -> None:
    """Xuan 2003's form: sd = a + b f, again by a grid."""
    model = replace(ONE, residual=ResidualError(0.15, 0.2, "deviation"))
    level = level_of_one(GRID, 5.0)
    density = norm.pdf(GRID) * norm.pdf(3.0, level, 0.2 + 0.15 * level)
    found = estimate(model, BOLUS, [Level(5.0, 3.0)])
    assert found.deviations[0] == pytest.approx(GRID[np.argmax(density)], abs=2e-3)


def test_a_known_patient_is_found_from_levels_at_irregular_times() -> None:
    """Twelve nearly exact levels, one during an infusion: parameters within 2 %."""
    true = KineticModel(disposition(2.7, 80.0, 6.5, 30.0))
    times = [1.1, 2.0, 3.7, 11.9, 12.8, 14.0, 19.0, 24.5, 27.0, 36.7, 40.0, 60.0]
    exact = replace(GOTI, residual=ResidualError(0.01))
    seen = [Level(t, y) for t, y in zip(times, conc_mg_l(true, DOSES, times), strict=True)]
    own = estimate(exact, DOSES, seen).kinetics.disposition
    assert own.clearance_l_h == pytest.approx(2.7, rel=0.02)
    assert own.volume_central_l == pytest.approx(80.0, rel=0.02)
    assert own.volume_peripheral_l == pytest.approx(30.0, rel=0.05)


def test_nine_of_ten_patients_lie_within_their_ninety_per_cent() -> None:
    """Calibration over simulated patients and levels: clearance's z within 1.645 sd."""
    rng = np.random.default_rng(4)
    inside, count = 0, 60
    for _ in range(count):
        z = rng.standard_normal(1)
        level = level_of_one(z, 5.0) * (1 + 0.15 * rng.standard_normal(1))
        found = estimate(replace(ONE, residual=ResidualError(0.15)), BOLUS, [Level(5.0, level[0])])
        inside += abs(found.deviations[0] - z[0]) < 1.645 * math.sqrt(found.covariance[0, 0])
    assert 0.78 <= inside / count <= 0.98  # 3 sd of a binomial of 60 at 0.9


def test_occasions_carry_the_drug_from_one_clearance_to_the_next() -> None:
    """A halved clearance from 12 h on must be the virtual patient's ClearanceChange."""
    model = replace(ONE, occasions=independent({"clearance_l_h": 0.3}))
    doses = (Dose(0.0, 300.0, 1.0), Dose(12.0, 300.0, 1.0))
    patient = CompartmentPatient(disposition(4.0, 30.0), [ClearanceChange(12.0, 0.5)])
    for rate, hours in ((300.0, 1.0), (0.0, 11.0), (300.0, 1.0), (0.0, 7.0)):
        patient.advance(rate, hours * 3600.0)
    before = prior(model, doses, (0.0, 12.0))
    halved = math.log(0.5) / math.sqrt(math.log1p(0.09))
    changed = replace(before, deviations=np.array([0.0, 0.0, halved]))
    assert changed.conc_mg_l([20.0])[0] == pytest.approx(patient.conc_mg_l, rel=1e-10)
    levels = [Level(2.0, 8.0), Level(10.0, 2.9), Level(13.5, 12.0), Level(22.0, 6.0)]
    fitted = estimate(model, doses, levels, (0.0, 12.0))
    assert (
        fitted.kinetics_now.disposition.clearance_l_h < fitted.kinetics.disposition.clearance_l_h
    )


def test_saturable_elimination_is_estimated_from_its_settled_level() -> None:
    """C = Km R / (Vmax - R) after a long infusion: mode of prior times likelihood, on a grid."""
    vmax, km, rate, seen = 1390.0, 5.57, 300.0, 2.4
    model = PopulationModel(
        "saturable",
        {"clearance_l_h": 0.0, "volume_central_l": 20.0, "vmax_mg_h": vmax, "km_mg_l": km},
        independent({"vmax_mg_h": 0.2}),
        ResidualError(0.15),
    )
    own = vmax * np.exp(math.sqrt(math.log1p(0.04)) * GRID)
    level = np.where(own > rate, km * rate / np.maximum(own - rate, 1e-9), 1e9)
    density = norm.pdf(GRID) * norm.pdf(seen, level, 0.15 * level)
    found = estimate(model, [Dose(0.0, 46.0 * rate, 46.0)], [Level(45.0, seen)])
    assert found.deviations[0] == pytest.approx(GRID[np.argmax(density)], abs=3e-3)
    at, step = int(np.argmax(density)), 10 * (GRID[1] - GRID[0])
    before, top, after = np.log(density[at - 10 : at + 11 : 10])
    curvature = -(after - 2 * top + before) / step**2
    assert found.covariance[0, 0] == pytest.approx(1.0 / curvature, rel=0.01)


TWO = {
    "clearance_l_h": 3.2,
    "volume_central_l": 40.0,
    "clearance_intercompartmental_l_h": 5.0,
    "volume_peripheral_l": 35.0,
}
CORRELATED = Variability(
    ("clearance_l_h", "volume_central_l", "volume_peripheral_l"),
    np.array([[0.15, 0.05, 0.02], [0.05, 0.3, 0.0], [0.02, 0.0, 0.25]]),
)


@pytest.mark.parametrize(
    ("combine", "doses", "levels", "expected"),
    [
        (  # the third infusion is still running at the second level
            "variance",
            (Dose(0.0, 1500.0, 1.5), Dose(12.0, 1000.0, 1.0), Dose(23.5, 1000.0, 2.0)),
            (Level(11.3, 9.0), Level(24.4, 25.0), Level(31.0, 14.0)),
            (3.933548, 28.53074, 38.06279),
        ),
        (
            "variance",
            (Dose(0.0, 1000.0, 1.0), Dose(8.0, 1000.0, 1.0)),
            (Level(30.0, 2.0, below_limit=True), Level(9.5, 33.0)),
            (5.607938, 26.22949, 29.42102),
        ),
        (
            "deviation",
            (Dose(0.0, 1000.0, 1.0),),
            (Level(20.0, 12.0),),
            (1.795451, 29.30613, 23.27186),
        ),
        (
            "deviation",
            (Dose(0.0, 500.0), Dose(6.0, 500.0)),
            (Level(0.5, 11.0), Level(5.9, 3.0), Level(40.0, 0.4, below_limit=True)),
            (4.857114, 41.68041, 37.22097),
        ),
    ],
)
def test_the_mode_is_that_of_another_implementation(
    combine: str, doses: tuple[Dose, ...], levels: tuple[Level, ...], expected: tuple[float, ...]
) -> None:
    """Expected: matrix exponentials and a simplex search over eta, written apart from this."""
    residual = ResidualError(0.15, 1.2, combine)  # type: ignore[arg-type]
    found = estimate(PopulationModel("two", TWO, CORRELATED, residual), doses, levels)
    own = found.kinetics.disposition
    reached = (own.clearance_l_h, own.volume_central_l, own.volume_peripheral_l)
    assert reached == pytest.approx(expected, rel=1e-5)


def test_two_occasions_are_those_of_another_implementation() -> None:
    """Clearance of the second day 5.7647 L/h, of the patient 4.5596, by hand-carried amounts."""
    population = PopulationModel(
        "occasions",
        {"clearance_l_h": 4.0, "volume_central_l": 50.0},
        Variability(("clearance_l_h", "volume_central_l"), np.diag([0.1, 0.08])),
        ResidualError(0.1, 0.3),
        Variability(("clearance_l_h",), np.array([[0.05]])),
    )
    doses = repeated(Dose(0.0, 1000.0, 1.0), 3, 12.0)
    levels = (Level(11.5, 9.0), Level(26.0, 30.0), Level(35.0, 7.0))
    found = estimate(population, doses, levels, (0.0, 24.0))
    assert found.kinetics_now.disposition.clearance_l_h == pytest.approx(5.764652, rel=1e-5)
    assert found.kinetics.disposition.clearance_l_h == pytest.approx(4.559648, rel=1e-5)


def test_the_advised_dose_reaches_its_target_with_what_is_left_counted() -> None:
    """Area by quadrature; at steady state the dose is target times clearance."""
    found = estimate(GOTI, DOSES, [Level(13.5, 24.0), Level(35.5, 14.0)])
    advice = advise(found, Dose(48.0, 0.0, 2.0), Target("auc", 450.0, 24.0))
    times = np.linspace(48.0, 72.0, 20001)
    area = np.trapezoid(conc_mg_l(found.kinetics, [*DOSES, advice.dose], times), times)
    assert area == pytest.approx(450.0, rel=1e-5)
    assert advice.reached_low < 450.0 < advice.reached_high
    settled = advise(
        found, Dose(48.0, 0.0, 2.0, steady_interval_h=12.0), Target("auc", 225.0, 12.0)
    )
    expected = 225.0 * found.kinetics.disposition.clearance_l_h
    assert settled.dose.amount_mg == pytest.approx(expected, rel=1e-6)


def test_a_least_level_is_advised_for_nine_of_ten() -> None:
    """Of those whom the levels allow nine in ten keep it; the likeliest's dose keeps half."""
    found = estimate(GOTI, DOSES, [Level(13.5, 24.0), Level(35.5, 14.0)])
    shape, target = Dose(48.0, 0.0, 2.0), Target("trough", 12.0, 12.0)
    patients = found.sampled_kinetics(2000, 5)
    shares = []
    for attainment in (None, 0.9):
        dose = advise(found, shape, target, attainment=attainment).dose
        troughs = [conc_mg_l(model, [*DOSES, dose], [60.0])[0] for model in patients]
        shares.append(float(np.mean(np.array(troughs) >= 12.0)))
    assert shares[0] == pytest.approx(0.5, abs=0.1)
    assert shares[1] == pytest.approx(0.9, abs=0.02)


def test_models_are_weighted_by_how_likely_they_found_the_levels() -> None:
    """Weights are those of the integrals over the prior, by brute force."""
    other = replace(ONE, name="other", typical={**ONE.typical, "clearance_l_h": 8.0})
    seen = [Level(5.0, 3.4)]
    integrals = []
    for factor in (1.0, 2.0):
        level = 10.0 * (level_of_one(GRID, 5.0) / 10.0) ** factor
        density = norm.pdf(GRID) * norm.pdf(3.4, level, np.hypot(0.15 * level, 0.2))
        integrals.append(np.trapezoid(density, GRID))
    both = average([estimate(m, BOLUS, seen, evidence_draws=256) for m in (ONE, other)])
    assert both.weights[0] == pytest.approx(integrals[0] / sum(integrals), rel=0.005)
    dose = advise_averaged(both, Dose(12.0, 0.0), Target("trough", 1.5, 12.0))
    each = [conc_mg_l(p.kinetics, [*BOLUS, dose], [24.0])[0] for p in both.posteriors]
    assert np.average(each, weights=both.weights) == pytest.approx(1.5, rel=1e-6)


def test_the_plot_shows_prior_posterior_and_levels() -> None:
    """Both bands, both curves and the level; the posterior's band is the narrower."""
    found = estimate(GOTI, DOSES, [Level(13.5, 24.0), Level(35.5, 2.0, below_limit=True)])
    names = [trace.name for trace in levels_plot(found, [Level(13.5, 24.0)], 48.0).data]
    assert names == ["prior, 90 %", "prior", "posterior, 90 %", "posterior", "level"]
    wide, narrow = prior(GOTI, DOSES).band_mg_l([20.0]), found.band_mg_l([20.0])
    assert np.ptp(narrow) < np.ptp(wide)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: estimate(ONE, [Dose(5.0, 1.0)], [Level(4.0, 1.0)]), "must come after a dose"),
        (lambda: estimate(ONE, BOLUS, []), "1 doses and 0 levels"),
        (lambda: estimate(ONE, BOLUS, [Level(1.0, 1.0)], (0.0, 0.0)), "must ascend"),
        (lambda: Level(-1.0, 2.0), "time is -1.0 h"),
        (lambda: Level(1.0, math.inf), "level is inf mg/L"),
        (lambda: ResidualError(0.0), "residual error"),
        (lambda: Variability(("clearance_l_h",), np.array([[-1.0]])), "no covariance"),
        (lambda: replace(ONE, typical={"clearence_l_h": 1.0}), "no parameter"),
        (lambda: Target("peak", 1.0, 1.0), "must be one of"),  # type: ignore[arg-type]
        (
            lambda: advise(prior(ONE, BOLUS), Dose(1.0, 0.0), Target("trough", 0.1, 2.0)),
            "give the next dose later",
        ),
    ],
)
def test_the_impossible_is_refused_in_one_sentence(wrong: object, says: str) -> None:
    """The command line prints it as it is."""
    with pytest.raises(DosingError, match=says):
        wrong()  # type: ignore[operator]
