# SPDX-License-Identifier: MIT
"""The sensor's errors have the stated size, and each its own random stream.

Statistics come from fixed seeds and are held to four standard errors, derived beside
each assertion; so a correct sensor fails for one seed in some ten thousand, and the
seeds here are not among them.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from mesor.errors import ScenarioError
from mesor.patients import BetweenSubjectVariability, PatientParameters, draw_parameters
from mesor_hil.plant import ConcentrationSensor, SensorReading, SensorSettings

COUNT = 10_000


def _readings(settings: SensorSettings, conc_mg_l: float, seed: int = 11) -> np.ndarray:
    """Return COUNT readings of a constant level in mg/L, those dropped left out."""
    sensor = ConcentrationSensor(settings, seed)
    samples = (sensor.sample(conc_mg_l, 300 * index) for index in range(COUNT))
    return np.array([sample.conc / 1000.0 for sample in samples if sample is not None])


def test_a_perfect_sensor_reports_the_level_in_whole_micrograms_per_litre() -> None:
    """19.9996 mg/L lies nearest to 20 000 ug/L; the wire has no fractions."""
    sensor = ConcentrationSensor(SensorSettings(), seed=1)
    assert sensor.sample(19.9996, 0) == SensorReading(0, 0, 20_000, 20.0, 100)
    assert sensor.sample(20.0004, 300) == SensorReading(1, 300, 20_000, 20.0, 100)
    assert sensor.sample(20.0006, 600) == SensorReading(2, 600, 20_001, 20.001, 100)


@pytest.mark.parametrize("level", [5.0, 20.0, 60.0])
def test_proportional_noise_has_its_cv_at_every_level(level: float) -> None:
    """SE of the mean is sd/sqrt(n), of an SD sd/sqrt(2n)."""
    found = _readings(SensorSettings(noise_cv=0.1), level)
    spread = 0.1 * level
    assert abs(found.mean() - level) < 4 * spread / math.sqrt(COUNT)
    assert abs(found.std(ddof=1) - spread) < 4 * spread / math.sqrt(2 * COUNT)


@pytest.mark.parametrize("level", [10.0, 40.0])
def test_additive_noise_has_its_sd_whatever_the_level(level: float) -> None:
    """SE of the mean is sd/sqrt(n), of an SD sd/sqrt(2n)."""
    found = _readings(SensorSettings(noise_sd_mg_l=0.5), level)
    assert abs(found.mean() - level) < 4 * 0.5 / math.sqrt(COUNT)
    assert abs(found.std(ddof=1) - 0.5) < 4 * 0.5 / math.sqrt(2 * COUNT)


def test_both_noises_add_in_square() -> None:
    """They are independent: variance is the sum of (0.05 x 20)^2 and 0.75^2."""
    found = _readings(SensorSettings(noise_cv=0.05, noise_sd_mg_l=0.75), 20.0)
    spread = math.hypot(1.0, 0.75)
    assert abs(found.std(ddof=1) - spread) < 4 * spread / math.sqrt(2 * COUNT)


def test_readings_are_dropped_at_their_probability_and_still_counted() -> None:
    """SE of a share is sqrt(p (1 - p) / n); sample_index shows the gap to the pump."""
    sensor = ConcentrationSensor(SensorSettings(dropout_probability=0.1), seed=5)
    samples = [sensor.sample(20.0, 300 * index) for index in range(COUNT)]
    dropped = sum(sample is None for sample in samples) / COUNT
    assert abs(dropped - 0.1) < 4 * math.sqrt(0.1 * 0.9 / COUNT)
    assert all(s is None or s.sample_index == index for index, s in enumerate(samples))


def test_a_dropout_probability_of_one_drops_everything() -> None:
    """The scenario for a dead sensor."""
    assert len(_readings(SensorSettings(dropout_probability=1.0), 20.0)) == 0


def test_the_gain_is_drawn_once_a_run_with_its_cv_between_runs() -> None:
    """The log of the gain over runs has SD sqrt(ln(1 + cv^2)) and mean 0."""
    settings, runs = SensorSettings(gain_error_cv=0.05), 2000
    gains = np.log([ConcentrationSensor(settings, 9, run).gain for run in range(runs)])
    omega = math.sqrt(math.log1p(0.05**2))
    assert abs(gains.mean()) < 4 * omega / math.sqrt(runs)
    assert abs(gains.std(ddof=1) - omega) < 4 * omega / math.sqrt(2 * runs)
    assert len(set(_readings(settings, 20.0))) == 1


def test_the_gain_multiplies_every_reading_of_its_run() -> None:
    """Without noise a reading is level x gain, so two levels give the same ratio."""
    sensor = ConcentrationSensor(SensorSettings(gain_error_cv=0.2), seed=4)
    low, high = sensor.sample(1_000.0, 0), sensor.sample(3_000.0, 300)
    assert low is not None
    assert high is not None
    assert low.conc != 1_000_000
    assert high.conc == pytest.approx(3 * low.conc, abs=2)
    assert sensor.gain == pytest.approx(low.conc / 1e6, abs=1e-6)


def test_the_same_seed_gives_the_same_readings_and_another_seed_others() -> None:
    """A run can be repeated from its summary alone."""
    settings = SensorSettings(0.1, 0.2, 0.05, 60.0, 0.1)
    first, again = _readings(settings, 20.0), _readings(settings, 20.0)
    assert np.array_equal(first, again)
    assert not np.array_equal(first[:100], _readings(settings, 20.0, seed=12)[:100])


def test_dropping_readings_leaves_the_noise_of_the_others_as_it_was() -> None:
    """Independent streams: switching one error on may not reshuffle the rest."""
    whole = ConcentrationSensor(SensorSettings(noise_cv=0.1), seed=3)
    holed = ConcentrationSensor(SensorSettings(noise_cv=0.1, dropout_probability=0.3), seed=3)
    pairs = [(whole.sample(20.0, t), holed.sample(20.0, t)) for t in range(0, 30_000, 300)]
    kept = [(left, right) for left, right in pairs if right is not None]
    assert 0 < len(kept) < len(pairs)
    assert all(left == right for left, right in kept)


def test_additive_noise_does_not_disturb_the_proportional_stream() -> None:
    """At level zero only the additive part shows; subtracting it leaves the other run."""
    both = SensorSettings(noise_cv=0.1, noise_sd_mg_l=1.0)
    alone = _readings(SensorSettings(noise_cv=0.1), 50.0)
    added = _readings(SensorSettings(noise_sd_mg_l=1.0), 50.0) - 50.0
    assert _readings(both, 50.0) == pytest.approx(alone + added, abs=0.0016)


def test_the_sensor_and_the_patient_do_not_share_random_numbers() -> None:
    """With one seed for all, a patient with a high clearance must not mean a high gain."""
    spread = BetweenSubjectVariability(clearance_cv=0.4)
    for seed in range(20):
        nominal = PatientParameters(4.5, 30.0)
        patient = draw_parameters(nominal, spread, seed)
        deviate = math.log(patient.clearance_l_h / 4.5) / math.sqrt(math.log1p(0.16))
        sensor = ConcentrationSensor(SensorSettings(gain_error_cv=0.05), seed)
        gain_deviate = math.log(sensor.gain) / math.sqrt(math.log1p(0.0025))
        assert abs(deviate - gain_deviate) > 1e-6


def test_behind_a_ramp_a_lagging_sensor_trails_by_slope_times_lag() -> None:
    """y(t) = a (t - tau (1 - exp(-t / tau))) for a ramp of slope a from zero."""
    sensor = ConcentrationSensor(SensorSettings(lag_s=600.0), seed=1)
    for time_s in range(0, 12_000, 300):
        sample = sensor.sample(0.005 * time_s, time_s)
        expected = 0.005 * (time_s + 600.0 * math.expm1(-time_s / 600.0))
        assert sample is not None
        assert sample.conc == pytest.approx(expected * 1000.0, abs=0.51)


def test_the_lag_agrees_with_an_integrator_on_an_uneven_curve() -> None:
    """dy/dt = (c - y) / tau with c straight between samples, dropouts and gaps included."""
    times = np.array([0.0, 300.0, 350.0, 1500.0, 1800.0, 4000.0])
    levels = np.array([10.0, 22.0, 18.0, 25.0, 12.0, 12.0])
    settings = SensorSettings(lag_s=400.0, dropout_probability=0.3)
    found = solve_ivp(
        lambda t, y: (np.interp(t, times, levels) - y) / 400.0,
        (0.0, 4000.0),
        [10.0],
        t_eval=times,
        rtol=1e-10,
        atol=1e-12,
        max_step=10.0,
    )
    sensor = ConcentrationSensor(settings, seed=2)
    samples = [sensor.sample(c, int(t)) for c, t in zip(levels, times, strict=True)]
    assert any(sample is None for sample in samples[:-1])
    for sample, expected in zip(samples, found.y[0], strict=True):
        if sample is not None:
            assert sample.conc == pytest.approx(expected * 1000.0, abs=0.6)


def test_noise_never_makes_a_level_negative() -> None:
    """A negative count cannot travel in the frame's unsigned field."""
    found = _readings(SensorSettings(noise_sd_mg_l=2.0), 0.5)
    assert found.min() == 0.0


@pytest.mark.parametrize(
    ("figure", "value"),
    [("noise_cv", -0.1), ("lag_s", math.nan), ("dropout_probability", 1.5)],
)
def test_impossible_settings_are_refused(figure: str, value: float) -> None:
    """The sentence names the figure."""
    with pytest.raises(ScenarioError, match=figure):
        SensorSettings(**{figure: value})


def test_a_fine_sensor_counts_nanograms_per_litre() -> None:
    """Remifentanil at 3.5 ug/L would stand still for minutes in whole ug/L."""
    sensor = ConcentrationSensor(SensorSettings(), seed=1, count_ng_l=1)
    assert sensor.sample(0.0035004, 0) == SensorReading(0, 0, 3_500, 0.0035, 100)
    assert sensor.sample(0.0035006, 10) == SensorReading(1, 10, 3_501, 0.003501, 100)
