# SPDX-License-Identifier: MIT
"""Effects over time against closed forms, steady states and balances."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from mesor.dosing.dynamics import (
    Infection,
    Neutropenia,
    SigmoidEmax,
    Strain,
    TherapeuticIndex,
    TherapeuticWindow,
    Turnover,
    steady_indices,
    toxicity_over_window,
    toxicity_probability,
)
from mesor.dosing.kinetics import Dose, KineticModel, disposition
from mesor.errors import DosingError

SENSITIVE = Strain(6.0, 0.8, 3.0, 1.0, 2.0)


def steady(conc_mg_l: float):  # type: ignore[no-untyped-def]
    """Return a profile that never changes."""
    return lambda times: np.full_like(times, conc_mg_l)


def test_half_of_the_greatest_effect_is_at_ec50_and_hill_gives_81_fold_over_its_span() -> None:
    """From 10 % to 90 % of Emax takes 81^(1/hill) times the concentration."""
    curve = SigmoidEmax(-60.0, 3.0, 2.5, baseline=97.0)
    assert curve.effect([0.0, 3.0]) == pytest.approx([97.0, 67.0])
    low, high = curve.conc_mg_l(97.0 - 6.0), curve.conc_mg_l(97.0 - 54.0)
    assert high / low == pytest.approx(81.0 ** (1 / 2.5))
    assert curve.effect(1e300) == pytest.approx(37.0)


@pytest.mark.parametrize(
    ("mechanism", "share", "factor"),
    [
        ("inhibits_input", 0.9, 1 - 0.45),
        ("inhibits_loss", 0.9, 1 / (1 - 0.45)),
        ("stimulates_input", 2.0, 2.0),
        ("stimulates_loss", 2.0, 1 / 2.0),
    ],
)
def test_each_turnover_type_relaxes_to_its_own_plateau(
    mechanism: str, share: float, factor: float
) -> None:
    """At C = C50, S is half of its maximum; the way there is exponential with kout's factor."""
    response = Turnover(mechanism, 12.0, 0.3, share, 5.0)  # type: ignore[arg-type]
    times = np.array([0.0, 1.0, 4.0, 80.0])
    rate = 0.3 / factor if mechanism.endswith("loss") else 0.3
    plateau = 40.0 * factor
    expected = plateau + (40.0 - plateau) * np.exp(-rate * times)
    assert response.course(steady(5.0), times) == pytest.approx(expected, rel=1e-7)


def test_neutrophils_rest_without_drug_and_settle_where_feedback_balances_it() -> None:
    """(1 - slope C) (N0/N)^gamma = 1 at rest, so N = N0 (1 - slope C)^(1/gamma)."""
    model = Neutropenia(5.05, 88.7, 0.161, 8.58)
    assert model.course(steady(0.0), [10.0, 500.0]) == pytest.approx([5.05, 5.05])
    long = model.course(steady(0.01), [20000.0])
    assert long == pytest.approx(5.05 * (1 - 0.0858) ** (1 / 0.161), rel=1e-4)


def test_a_pulse_of_cytotoxic_has_a_late_nadir_a_rebound_and_full_recovery() -> None:
    """Cells in transit are spared: the count falls only after a mean transit's share."""
    model = Neutropenia(5.05, 88.7, 0.161, 8.58)
    times = np.arange(0.0, 2500.0, 2.0)
    course = model.course(lambda t: np.where(t < 24.0, 0.2, 0.0), times, (24.0,))
    nadir = times[np.argmin(course)]
    assert 88.7 < nadir < 4 * 88.7 and course.min() < 2.5
    assert course.max() > 5.05
    assert course[-1] == pytest.approx(5.05, rel=0.1)


def test_bacteria_stand_still_at_their_mic_and_grow_logistically_without_drug() -> None:
    """Verhulst's closed form without drug; net growth zero at the MIC far below the ceiling."""
    infection = Infection((SENSITIVE,), 9.0)
    times = np.array([0.0, 3.0, 9.0, 24.0])
    free = 1e9 / (1 + (1e9 / 1e6 - 1) * np.exp(-0.8 * times))
    assert infection.course(steady(0.0), times)[:, 0] == pytest.approx(np.log10(free), rel=1e-8)
    rare = Infection((Strain(0.0, 0.8, 3.0, 1.0, 2.0),), 12.0)
    assert rare.course(steady(1.0), times)[:, 0] == pytest.approx(0.0, abs=1e-8)
    assert SENSITIVE.killing_per_h(1e9) == pytest.approx(0.8 + 3.0)


def test_resistance_takes_over_where_only_the_sensitive_die() -> None:
    """Between the two MICs one falls at its net rate and the other grows."""
    resistant = Strain(2.0, 0.6, 3.0, 32.0, 2.0)
    course = Infection((SENSITIVE, resistant)).course(steady(8.0), [4.0, 24.0])
    assert course[0, 0] < 2.0 and course[1, 1] > 6.0 and course[1, 0] < 0.0


def test_the_after_effect_delays_regrowth_once_the_drug_is_gone() -> None:
    """With a site of mean delay 2 h, action at t is C exp(-(t - 1)/2) (1 - exp(-1/2))."""
    pulse = lambda t: np.where(t < 1.0, 8.0, 0.0)  # noqa: E731
    with_delay = Infection((SENSITIVE,), 12.0, after_effect_h=2.0).course(pulse, [1, 4], (1.0,))
    without = Infection((SENSITIVE,), 12.0).course(pulse, [1.0, 4.0], (1.0,))
    assert without[1, 0] - without[0, 0] == pytest.approx(0.8 * 3 / math.log(10), rel=1e-4)
    grid = np.linspace(1.0, 4.0, 30001)
    acting = 8.0 * (1 - math.exp(-0.5)) * np.exp(-(grid - 1) / 2)
    net = np.trapezoid([0.8 - SENSITIVE.killing_per_h(c) for c in acting], grid)
    assert with_delay[1, 0] - with_delay[0, 0] == pytest.approx(net / math.log(10), rel=1e-4)


def test_indices_of_a_bolus_are_the_textbooks() -> None:
    """T>MIC = ln(fCmax/MIC)/k, AUC24 = dose/CL 24/tau, Cmax = D/V/(1 - e^-k tau)."""
    rate = 4.0 / 20.0
    found = steady_indices(KineticModel(disposition(4.0, 20.0)), Dose(0, 500), 12.0, 2.0, 0.5)
    peak = 25.0 / (1 - math.exp(-rate * 12.0))
    assert found.conc_max_over_mic == pytest.approx(0.5 * peak / 2)
    assert found.auc24_over_mic_h == pytest.approx(0.5 * 500 / 4 * 2 / 2)
    assert found.share_above_mic == pytest.approx(math.log(0.5 * peak / 2) / rate / 12, rel=1e-7)


def test_windows_index_and_toxicity() -> None:
    """A ramp from 0 to 10 is 40 % of its time in 2 to 6; a log-normal exceeds its quantile."""
    window = TherapeuticWindow(2.0, 6.0)
    assert window.share_inside([0.0, 10.0], [0.0, 10.0]) == pytest.approx(0.4)
    assert window.share_inside([0.0, 5.0, 10.0], [3.0, 3.0, 3.0]) == 1.0
    assert TherapeuticIndex(50.0, 5.0).value == 10.0
    quantiles = np.exp(norm.ppf((np.arange(10000) + 0.5) / 10000))
    assert toxicity_probability(quantiles, math.e) == pytest.approx(norm.sf(1.0), abs=1e-4)
    # A log-logistic response to its own median, symmetric in log exposure, averages a half.
    assert toxicity_probability(quantiles, SigmoidEmax(1.0, 1.0, 3.0)) == pytest.approx(0.5)
    courses = [np.array([1.0, 7.0]), np.array([5.0, 4.0])]
    assert toxicity_over_window(courses, window) == 0.5


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: SigmoidEmax(1.0, 0.0), "ec50_mg_l is 0"),
        (lambda: SigmoidEmax(1.0, 1.0).conc_mg_l(1.0), "up to but not 1"),
        (lambda: Turnover("inhibits_input", 1, 1, 1.5, 1), "at most 1"),
        (lambda: Turnover("helps", 1, 1, 1, 1), "one of"),  # type: ignore[arg-type]
        (lambda: Neutropenia(-1.0, 1, 1, 1), "baseline_1e9_l is -1"),
        (lambda: Infection(()), "at least one"),
        (lambda: TherapeuticWindow(5.0, 2.0), "low must be less"),
        (lambda: toxicity_probability([1.0], SigmoidEmax(2.0, 1.0)), "within 0 and 1"),
        (
            lambda: steady_indices(KineticModel(disposition(1, 1)), Dose(0, 1), 8, 0.0),
            "mic_mg_l is 0",
        ),
    ],
)
def test_the_impossible_is_refused_in_one_sentence(wrong: object, says: str) -> None:
    """The command line prints it as it is."""
    with pytest.raises(DosingError, match=says):
        wrong()  # type: ignore[operator]
