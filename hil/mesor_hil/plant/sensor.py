# SPDX-License-Identifier: MIT
"""The concentration sensor: what the pump gets to see of the patient.

Lag, gain error, noise, whole counts and dropped readings, each from its
own random stream, so that switching one on leaves the others' numbers as they were.
Seeded; concentrations in mg/L in, counts out; time in s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np

from mesor.errors import ScenarioError

# First word of the spawn key: what the random numbers are for.  The patients use 0.
_SENSOR_STREAM = 1
_CONC_MAX = (1 << 30) - 1  # the firmware's small integers end here
_QUALITY_PERCENT = 100  # the sensor believes in every reading that it sends


@dataclass(frozen=True, slots=True)
class SensorSettings:
    """How good the sensor is; all zero is a perfect one.

    noise_cv and gain_error_cv are fractions of the level, noise_sd_mg_l is added
    whatever the level, lag_s is a first-order time constant, dropout_probability
    is per reading, 0 to 1.
    """

    noise_cv: float = 0.0
    noise_sd_mg_l: float = 0.0
    gain_error_cv: float = 0.0
    lag_s: float = 0.0
    dropout_probability: float = 0.0

    def __post_init__(self) -> None:
        """Raise ScenarioError unless every figure is finite, not negative and possible."""
        for item in fields(self):
            value = getattr(self, item.name)
            if not (math.isfinite(value) and value >= 0.0):
                raise ScenarioError(f"The sensor's {item.name} is {value}; it must be 0 or more.")
        if self.dropout_probability > 1.0:
            raise ScenarioError(
                f"The sensor's dropout_probability is {self.dropout_probability:g}; "
                "it must be 0 to 1."
            )


@dataclass(frozen=True, slots=True)
class SensorReading:
    """One reading as it goes over the wire; sample_index counts dropped ones too."""

    sample_index: int
    time_s: int
    conc: int  # counts
    conc_mg_l: float  # the same
    quality: int  # percent


class ConcentrationSensor:
    """Samples a patient's level; the same seed and run_index give the same errors."""

    def __init__(
        self,
        settings: SensorSettings,
        seed: int,
        run_index: int = 0,
        *,
        count_ng_l: int = 1000,
    ) -> None:
        """Draw this run's gain and make one random stream for each kind of error.

        count_ng_l: what a count is, a program's AT_READING_NG_L.
        """
        self._counts_per_mg_l = 1e6 / count_ng_l
        gain, proportional, additive, dropout = (
            np.random.default_rng(
                np.random.SeedSequence(seed, spawn_key=(_SENSOR_STREAM, run_index, kind))
            )
            for kind in range(4)
        )
        self._settings = settings
        self._proportional, self._additive, self._dropout = proportional, additive, dropout
        omega = math.sqrt(math.log1p(settings.gain_error_cv**2))
        self.gain = math.exp(omega * float(gain.standard_normal()))  # log-normal, median 1
        self._sample_index = 0
        self._last_time_s = 0
        self._last_conc_mg_l = 0.0
        self._lagged_mg_l = 0.0

    def sample(self, conc_mg_l: float, time_s: int) -> SensorReading | None:
        """Return the reading of a true level at time_s, or None when it is dropped.

        Call once per sample, with time_s never falling.  The first call finds the
        sensor in equilibrium with the level.
        """
        self._follow(conc_mg_l, time_s)
        index = self._sample_index
        self._sample_index += 1
        # All three are drawn each time, so that the streams stay in step with the samples.
        relative = 1.0 + self._settings.noise_cv * float(self._proportional.standard_normal())
        offset_mg_l = self._settings.noise_sd_mg_l * float(self._additive.standard_normal())
        if float(self._dropout.random()) < self._settings.dropout_probability:
            return None
        measured_mg_l = self._lagged_mg_l * self.gain * relative + offset_mg_l
        conc = min(max(round(measured_mg_l * self._counts_per_mg_l), 0), _CONC_MAX)
        return SensorReading(index, time_s, conc, conc / self._counts_per_mg_l, _QUALITY_PERCENT)

    def _follow(self, conc_mg_l: float, time_s: int) -> None:
        """Move the lagged level on to time_s; exact where the true level moves linearly."""
        dt_s = time_s - self._last_time_s
        lag_s = self._settings.lag_s
        if self._sample_index == 0 or lag_s == 0.0:
            self._lagged_mg_l = conc_mg_l
        elif dt_s > 0:
            # Behind a ramp the lagged level trails by slope x lag, once the start has decayed.
            trail = (conc_mg_l - self._last_conc_mg_l) / dt_s * lag_s
            start = self._lagged_mg_l - (self._last_conc_mg_l - trail)
            self._lagged_mg_l = conc_mg_l - trail + start * math.exp(-dt_s / lag_s)
        self._last_time_s = time_s
        self._last_conc_mg_l = conc_mg_l
