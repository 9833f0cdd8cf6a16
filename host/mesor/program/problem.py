# SPDX-License-Identifier: MIT
"""What a therapy asks of the pump, in clinical units: the compiler's only input.

Frozen records, checked where they meet (`Problem.__post_init__`); floats in mg,
L, h, mg/L.  Everything the pump later does follows from one `Problem`.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, field, fields, replace
from typing import Literal

from mesor.dosing.rhythm import DAY_H, Rhythm
from mesor.errors import ProgramError
from mesor.program.course import Course
from pump.spec import limits

TargetSite = Literal["plasma", "effect_site"]

_LOW_TARGET_MG_L = 0.1  # below it whole ug/L would be too coarse to tell a change from noise


@dataclass(frozen=True, slots=True)
class ControlModel:
    """The controller's own linear mammillary model: one to three compartments.

    A periphery exists where its volume is above zero, an effect site where ke0_per_h is.
    """

    clearance_l_h: float
    volume_central_l: float
    clearance_intercompartmental_l_h: float = 0.0
    volume_peripheral_l: float = 0.0
    clearance_intercompartmental_2_l_h: float = 0.0
    volume_peripheral_2_l: float = 0.0
    ke0_per_h: float = 0.0

    @property
    def peripheries(self) -> tuple[tuple[float, float], ...]:
        """Return (intercompartmental clearance L/h, volume L) of each periphery in use."""
        pairs = (
            (self.clearance_intercompartmental_l_h, self.volume_peripheral_l),
            (self.clearance_intercompartmental_2_l_h, self.volume_peripheral_2_l),
        )
        return tuple(pair for pair in pairs if pair[1] > 0.0)

    def with_clearance(self, factor: float) -> ControlModel:
        """Return the same patient with that share of the clearance."""
        return replace(self, clearance_l_h=factor * self.clearance_l_h)


@dataclass(frozen=True, slots=True)
class Therapy:
    """Target, soft window and how hard to chase them.

    The weights are those of core/solver.py with concentrations in half targets and
    moves in full rates.  demand_max_fraction clips, in targets, how far one plan
    reaches for.
    """

    target_mg_l: float
    window_low_mg_l: float
    window_high_mg_l: float
    rate_max_mg_h: float
    rate_change_max_mg_h: float
    fallback_rate_mg_h: float = 0.0
    tick_s: int = 300
    horizon: int = 20
    change_weight: float = 0.2
    soft_weight: float = 5.0
    demand_max_fraction: float = 0.375
    target_site: TargetSite = "plasma"


@dataclass(frozen=True, slots=True)
class SafetyLimits:
    """Hard limits of dose, what a reading may be, and when the pump falls back or warns.

    on_board_max_mg and conc_ceiling_mg_l of zero follow from the model and the window.
    drift_* are in standard deviations of a reading at the target.  Soft limits hold until a
    person confirms them; zero is none.  line_compliance_max_ul_mmhg is that of the softest
    line: a blocked one's pressure rises by at least one over it, and four times slower is no
    blockage; back_off_max_ml bounds what a blocked line is relieved of.
    """

    dose_hour_max_mg: float
    dose_day_max_mg: float
    conc_max_mg_l: float = 100.0
    conc_change_max_mg_l: float = 30.0
    age_max_s: int = 600
    quality_min_percent: int = 50
    stale_ticks_max: int = 6
    pressure_raw_max: int = 52_000
    reservoir_raw_min: int = 2_000
    battery_raw_min: int = 30_000
    fallback_ticks_max: int = 24
    unsolved_ticks_max: int = 3
    stuck_ticks_max: int = 24
    drift_slack_sd: float = 1.0
    drift_max_sd: float = 12.0
    pressure_raw_min: int = 1_000
    reservoir_raw_low: int = 8_000
    battery_raw_low: int = 36_000
    on_board_max_mg: float = 0.0
    conc_ceiling_mg_l: float = 0.0
    rate_soft_max_mg_h: float = 0.0
    dose_hour_soft_max_mg: float = 0.0
    dose_day_soft_max_mg: float = 0.0
    target_soft_max_mg_l: float = 0.0
    pressure_rise_mmhg: float = 80.0
    line_compliance_max_ul_mmhg: float = 4.0
    back_off_max_ml: float = 0.5


@dataclass(frozen=True, slots=True)
class PumpGeometry:
    """Volume of one microstep, and the drug in it; a drug without a name is like no other."""

    microstep_nl: float
    drug_mg_ml: float
    drug_name: str = ""

    @property
    def mg_per_step(self) -> float:
        """Return the drug in one microstep."""
        return self.microstep_nl * 1e-6 * self.drug_mg_ml

    @property
    def pg_per_step(self) -> int:
        """Return the same in whole picograms: by it the pump tells another drug or syringe."""
        return round(self.mg_per_step * 1e9)

    @property
    def drug_check(self) -> int:
        """Return the word that stands for the drug's name, whatever its case."""
        return zlib.crc32(self.drug_name.strip().casefold().encode()) & ((1 << 30) - 1)


@dataclass(frozen=True, slots=True)
class EstimatorDesign:
    """Noise that the Kalman gains are designed for.

    disturbance_* are in full rates, state_walk_mg_l per tick.  The first gains
    answer `disturbance_start_sd`, how wrong the model may be before any reading.
    """

    sensor_cv: float = 0.10
    disturbance_walk_sd: float = 0.004
    disturbance_start_sd: float = 0.10
    state_walk_mg_l: float = 0.3
    gain_count: int = 96


@dataclass(frozen=True, slots=True)
class Bank:
    """Models that the pump weighs by its readings, as shares of the therapy's own clearance.

    The therapy's own, 1, is always among them; by default it is the only one.  clearance_sd is
    that of the clearance's logarithm, before any reading.
    """

    clearance_factors: tuple[float, ...] = (1.0,)
    clearance_sd: float = 0.5

    def prior_bits(self, factor: float) -> float:
        """Return the log2 of a factor's density beside that of the therapy's own clearance."""
        return -0.5 * (math.log(factor) / self.clearance_sd) ** 2 / math.log(2.0)

    def __post_init__(self) -> None:
        """Check that they are a few different shares, 1 among them."""
        factors = self.clearance_factors
        if not all(0.1 <= factor <= 10.0 for factor in factors):
            raise ProgramError(
                f"clearance_factors are {list(factors)}; each must lie between 0.1 and 10."
            )
        if not math.isfinite(self.clearance_sd) or self.clearance_sd <= 0.0:
            raise ProgramError(f"clearance_sd is {self.clearance_sd}; it must be more than 0.")
        if len(set(factors)) != len(factors):
            raise ProgramError(f"clearance_factors are {list(factors)}; they must differ.")
        if len({1.0, *factors}) > limits.MODELS_MAX:
            raise ProgramError(
                f"clearance_factors make {len({1.0, *factors})} models, the therapy's own "
                f"counted; the pump weighs at most {limits.MODELS_MAX}."
            )


@dataclass(frozen=True, slots=True)
class Problem:
    """All that the compiler needs; raises ProgramError where the parts disagree.

    The rhythms are those of the clearance, whichever model it is, and of a level's target.
    """

    model: ControlModel
    therapy: Therapy
    safety: SafetyLimits
    pump: PumpGeometry
    estimator: EstimatorDesign = field(default_factory=EstimatorDesign)
    course: Course = field(default_factory=Course)
    bank: Bank = field(default_factory=Bank)
    clearance_rhythm: Rhythm | None = None
    target_rhythm: Rhythm | None = None

    def __post_init__(self) -> None:
        """Check every number and how they fit together."""
        for part in (self.model, self.therapy, self.safety, self.pump, self.estimator):
            _check_numbers(part)
        _check_site(self)
        _check_rhythm(self)
        _check_window(self.therapy)
        _check_horizon(self.therapy)
        _check_steps(self)

    @property
    def reading_ng_l(self) -> int:
        """Return what a count of a reading is: whole ug/L or, for a low target, whole ng/L."""
        return 1 if self.therapy.target_mg_l < _LOW_TARGET_MG_L else 1000

    @property
    def of_each_model(self) -> tuple[Problem, ...]:
        """Return the same with each model of the bank as the only one, the therapy's own first."""
        factors = (1.0, *(factor for factor in self.bank.clearance_factors if factor != 1.0))
        return tuple(
            replace(
                self,
                model=self.model.with_clearance(factor),
                bank=replace(self.bank, clearance_factors=(factor,)),
            )
            for factor in factors
        )

    @property
    def clearance_factor(self) -> float:
        """Return the share of the therapy's own clearance, of a problem of one model."""
        return self.bank.clearance_factors[0]

    @property
    def output_state(self) -> int:
        """Return which state is chased: plasma, or the effect site behind the compartments."""
        at_site = self.therapy.target_site == "effect_site"
        return 1 + len(self.model.peripheries) if at_site else 0

    @property
    def tick_h(self) -> float:
        """Return the control period in hours."""
        return self.therapy.tick_s / 3600.0

    @property
    def steps_full(self) -> int:
        """Return the microsteps of one tick at the full rate, a whole number."""
        return int(self.therapy.rate_max_mg_h * self.tick_h / self.pump.mg_per_step)

    @property
    def targets_mg_l(self) -> tuple[float, float]:
        """Return the lowest and the highest target that the course can ask for."""
        therapy = self.therapy
        low_mg_l, high_mg_l = self.course.targets_mg_l(
            therapy.window_low_mg_l, therapy.target_mg_l, therapy.window_high_mg_l
        )
        swing_mg_l = amplitude_of(self.target_rhythm) * therapy.target_mg_l
        return low_mg_l - swing_mg_l, high_mg_l + swing_mg_l

    @property
    def level_high_mg_l(self) -> float:
        """Return the upper end of the window when it is highest: it moves with the target."""
        swing_mg_l = amplitude_of(self.target_rhythm) * self.therapy.target_mg_l
        return self.therapy.window_high_mg_l + swing_mg_l

    @property
    def band_mg_l(self) -> tuple[float, float]:
        """Return the soft bounds around a tick's target, minus that target."""
        therapy = self.therapy
        return self.course.band_mg_l(
            therapy.window_low_mg_l, therapy.target_mg_l, therapy.window_high_mg_l
        )

    @property
    def rate_full_mg_h(self) -> float:
        """Return the rate that move 1 stands for: the full rate, rounded to whole steps."""
        return self.steps_full * self.pump.mg_per_step / self.tick_h


_MAY_BE_ZERO = frozenset(
    {
        "clearance_intercompartmental_2_l_h",
        "volume_peripheral_2_l",
        "ke0_per_h",
        "clearance_intercompartmental_l_h",
        "volume_peripheral_l",
        "fallback_rate_mg_h",
        "quality_min_percent",
        "stale_ticks_max",
        "age_max_s",
        "reservoir_raw_min",
        "battery_raw_min",
        "fallback_ticks_max",
        "unsolved_ticks_max",
        "drift_slack_sd",
        "pressure_raw_min",
        "reservoir_raw_low",
        "battery_raw_low",
        "on_board_max_mg",
        "conc_ceiling_mg_l",
        "rate_soft_max_mg_h",
        "dose_hour_soft_max_mg",
        "dose_day_soft_max_mg",
        "target_soft_max_mg_l",
        "back_off_max_ml",
    }
)


def _check_numbers(
    part: ControlModel | Therapy | SafetyLimits | PumpGeometry | EstimatorDesign,
) -> None:
    """Raise ProgramError unless every number of `part` is finite and positive, where it must."""
    for item in fields(part):
        value = getattr(part, item.name)
        if isinstance(value, str):
            continue
        may_be_zero = item.name in _MAY_BE_ZERO
        least = "zero or more" if may_be_zero else "more than zero"
        if not math.isfinite(value) or value < 0 or (value == 0 and not may_be_zero):
            name = type(part).__name__
            raise ProgramError(f"{name}.{item.name} is {value}; it must be finite and {least}.")


def amplitude_of(rhythm: Rhythm | None) -> float:
    """Return by which share of its mean a value rises and falls, 0 without a rhythm."""
    return 0.0 if rhythm is None else rhythm.amplitude


def _check_rhythm(problem: Problem) -> None:
    """Raise ProgramError for a rhythm that is not a day's, or of what is no level to hold."""
    for rhythm in (problem.clearance_rhythm, problem.target_rhythm):
        if rhythm is not None and rhythm.period_h != DAY_H:
            raise ProgramError(
                f"A rhythm has a period of {rhythm.period_h:g} h; the pump knows one of 24 h."
            )
    if problem.target_rhythm is not None and problem.course.kind != "level":
        raise ProgramError(
            f"A target of kind {problem.course.kind} has a rhythm; only a level's may have one."
        )


def _check_site(problem: Problem) -> None:
    """Raise ProgramError where an effect site is chased that the model does not have."""
    if problem.therapy.target_site == "effect_site" and not problem.model.ke0_per_h:
        raise ProgramError(
            "target_site is effect_site and the model has none; give its ke0_per_h, "
            "the rate (1/h) at which the effect site follows the plasma."
        )


def _check_window(therapy: Therapy) -> None:
    """Raise ProgramError unless low < target < high."""
    low, target, high = therapy.window_low_mg_l, therapy.target_mg_l, therapy.window_high_mg_l
    if not low < target < high:
        raise ProgramError(
            f"The window {low:g} to {high:g} mg/L does not hold the target {target:g} mg/L; "
            "the target must lie between its bounds."
        )


def _check_horizon(therapy: Therapy) -> None:
    """Raise ProgramError for a horizon or tick that the firmware does not have."""
    horizon = therapy.horizon
    if horizon not in range(limits.HORIZON_MIN, limits.HORIZON_MAX + 1):
        raise ProgramError(
            f"A horizon of {horizon} ticks was asked for; the kernels take "
            f"{limits.HORIZON_MIN} to {limits.HORIZON_MAX}."
        )
    if not limits.TICK_S_MIN <= therapy.tick_s <= limits.TICK_S_MAX or 3600 % therapy.tick_s:
        raise ProgramError(
            f"A tick of {therapy.tick_s} s was asked for; it must divide an hour and lie "
            f"between {limits.TICK_S_MIN} and {limits.TICK_S_MAX} s."
        )


def _check_steps(problem: Problem) -> None:
    """Raise ProgramError when steps are too large, or the full rate no good to count in them."""
    if not 1 <= problem.pump.pg_per_step < 1 << 30:
        raise ProgramError(
            f"A microstep gives {problem.pump.mg_per_step * 1e6:.3g} ng of drug; 0.001 to "
            "1,073,741 ng are allowed: change the drug's concentration or the syringe."
        )
    steps = problem.steps_full
    if not 100 <= steps < 1 << 15:
        raise ProgramError(
            f"The full rate {problem.therapy.rate_max_mg_h:g} mg/h is {steps} microsteps a tick; "
            "100 to 32767 are allowed: change the drug's concentration, the syringe or the tick."
        )
    if problem.therapy.fallback_rate_mg_h > problem.rate_full_mg_h:
        raise ProgramError(
            f"The fallback rate {problem.therapy.fallback_rate_mg_h:g} mg/h exceeds the full rate "
            f"{problem.rate_full_mg_h:g} mg/h (rate_max_mg_h)."
        )
