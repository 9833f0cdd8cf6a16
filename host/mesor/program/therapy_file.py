# SPDX-License-Identifier: MIT
"""What a therapy file may say: drug, the controller's model, target and limits, pump.

`mesor prescribe` writes one, `mesor compile` takes one, and a scenario is one with a
patient to try it on.  Whatever doses the patient has no default.  Cross-checks that
need two keys stand beside the section that owns both.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from mesor.dosing.rhythm import Rhythm
from mesor.errors import ProgramError
from mesor.input_tables import (
    Name,
    NotNegative,
    OptionalPositive,
    Positive,
    Section,
    Tangible,
    TimeOfDay,
    impossible,
    read_file,
    read_table,
)
from mesor.program import problem
from mesor.program.course import Course, Kind
from mesor.program.reach import check_reach, demand_max_fraction
from mesor.program.soft_limits import check_soft_limits
from mesor.pump_mechanics import PumpMechanics
from mesor.quantities import time_of_day_s
from pump.spec import limits

_CONC_MAX_TARGETS = 5.0  # a reading beyond this many targets is not believed
_CONC_CHANGE_MAX_TARGETS = 1.5  # nor one that moved farther than this in a tick
# How far a compartment may wander in a tick without any infusion that explains it.
_STATE_WALK_TARGETS = 0.015
# From this share of the level cleared in a tick on, the disturbance may wander faster: a wrong
# clearance then moves the level further before the next readings tell.
_CLEARED_SLOWLY = 0.02
_HASTE_MAX = 6.0  # beyond it a patient of a seventh of the volume is driven ever higher
# With a bank a model explains less of a wrong clearance away, else none could be told apart.
_BANK_STATE_WALK = 0.25
_BANK_DISTURBANCE = 0.25
_COMPARTMENTS = {"one_compartment": 1, "two_compartment": 2, "three_compartment": 3}
# What each kind of therapy needs beside target and window; interval_h of an area may be left out.
_KIND_KEYS: dict[Kind, tuple[str, ...]] = {
    "level": (),
    "pulse": ("chase_h", "interval_h", "trough_max_mg_l"),
    "time_above": ("threshold_mg_l", "share_percent", "interval_h"),
    "area": ("area_mg_h_l", "chase_h"),
}
_ALL_KIND_KEYS = sorted({key for keys in _KIND_KEYS.values() for key in keys})
_FALLBACK_H = 2.0  # of the fallback rate, where a therapy does not say for how long
_FALLBACK_TICKS_MAX = 1000  # that a program holds (pump.core.program)
_AREA_TOLERANCE = 0.001  # of the target, where both it and the area are stated
_PERIPHERAL_KEYS = (
    ("clearance_intercompartmental_l_h", "volume_peripheral_l"),
    ("clearance_intercompartmental_2_l_h", "volume_peripheral_2_l"),
)


class Drug(Section):
    """What is in the syringe."""

    name: Name
    conc_mg_ml: Tangible


class DailyRhythm(Section):
    """A cosine over the day: by how much of its mean a value rises, and when it is highest."""

    amplitude_percent: Annotated[float, Field(gt=0, lt=100)]
    acrophase: TimeOfDay

    def course(self) -> Rhythm:
        """Return the same as mesor.dosing knows it."""
        return Rhythm(self.amplitude_percent / 100.0, time_of_day_s(self.acrophase) / 3600.0)


class Kinetics(Section):
    """Keys that the controller's model and a simulated patient share.

    The rhythm is that of the clearance, whose mean over the day is clearance_l_h.
    """

    clearance_l_h: NotNegative
    volume_central_l: Positive
    clearance_intercompartmental_l_h: OptionalPositive = None
    volume_peripheral_l: OptionalPositive = None
    rhythm: DailyRhythm | None = None

    def _check_peripheries(self, model: str) -> None:
        """Raise unless exactly the peripheries that the model has are given."""
        for number, keys in enumerate(_PERIPHERAL_KEYS, start=2):
            for key in keys:
                given = getattr(self, key, None) is not None
                if given and number > _COMPARTMENTS[model]:
                    raise impossible(f"{key} has no place in a {model} model; leave it out.")
                if not given and number <= _COMPARTMENTS[model]:
                    raise impossible(f"{key} is missing; a {model} model needs it.")


class Model(Kinetics):
    """The controller's own linear model of the patient; ke0_per_h gives it an effect site."""

    model: Literal["one_compartment", "two_compartment", "three_compartment"]
    clearance_intercompartmental_2_l_h: OptionalPositive = None
    volume_peripheral_2_l: OptionalPositive = None
    ke0_per_h: OptionalPositive = None

    @model_validator(mode="after")
    def _is_linear(self) -> Model:
        """Check the peripheries and that the model eliminates."""
        self._check_peripheries(self.model)
        if self.clearance_l_h == 0.0:
            raise impossible("clearance_l_h is 0 L/h; the controller's model needs more than 0.")
        return self


class Bank(Section):
    """Models that the pump weighs by its own readings, as shares of [model]'s clearance.

    clearance_sd is that of the clearance's logarithm before any reading: how far the patient
    may be from [model].
    """

    clearance_factors: tuple[float, ...] = (1.0,)
    clearance_sd: Annotated[float, Field(gt=0, le=2)] = 0.5

    def settings(self) -> problem.Bank:
        """Return the same for the compiler."""
        return problem.Bank(**self.model_dump())

    @model_validator(mode="after")
    def _is_a_bank(self) -> Bank:
        """Check that the factors are different ones and not too many."""
        try:
            self.settings()
        except ProgramError as error:
            raise impossible(str(error)) from None
        return self


class Therapy(Section):
    """What the pump is to reach, and within which limits.

    kind says what the target is: a level to hold, the peak of a pulse, a level just above
    a threshold for a share of each interval, or (area_mg_h_l / chase_h, and may be left
    out) the mean level of an area.  The fallback rate is given for fallback_h at most,
    two hours if not stated.
    """

    kind: Kind = "level"
    target_mg_l: Positive
    window_low_mg_l: Positive
    window_high_mg_l: Positive
    rate_max_mg_h: Positive
    rate_change_max_mg_h: Positive
    dose_hour_max_mg: Positive
    dose_day_max_mg: Positive
    fallback_rate_mg_h: NotNegative
    fallback_h: OptionalPositive = None
    rate_soft_max_mg_h: OptionalPositive = None
    dose_hour_soft_max_mg: OptionalPositive = None
    dose_day_soft_max_mg: OptionalPositive = None
    target_soft_max_mg_l: OptionalPositive = None
    tick_s: Annotated[int, Field(ge=limits.TICK_S_MIN, le=limits.TICK_S_MAX)] = 300
    horizon: Annotated[int, Field(ge=limits.HORIZON_MIN, le=limits.HORIZON_MAX)] = 20
    chase_h: OptionalPositive = None
    interval_h: OptionalPositive = None
    trough_max_mg_l: OptionalPositive = None
    threshold_mg_l: OptionalPositive = None
    share_percent: Annotated[float | None, Field(gt=0, le=100)] = None
    area_mg_h_l: OptionalPositive = None
    target_site: problem.TargetSite = "plasma"
    plasma_ceiling_mg_l: OptionalPositive = None
    target_rhythm: DailyRhythm | None = None

    @model_validator(mode="before")
    @classmethod
    def _target_follows_from_the_area(cls, table: Any) -> Any:
        """Fill in the mean level of an area where no target is stated."""
        if not isinstance(table, dict) or table.get("target_mg_l") is not None:
            return table
        if table.get("kind") != "area":
            return table
        for key in _KIND_KEYS["area"]:
            if key not in table:
                raise impossible(f"{key} is missing; a therapy of kind area needs it.")
        area, hours = table["area_mg_h_l"], table["chase_h"]
        if not all(isinstance(value, int | float) and value > 0 for value in (area, hours)):
            return table
        return {**table, "target_mg_l": area / hours}

    @model_validator(mode="after")
    def _says_what_its_kind_needs(self) -> Therapy:
        """Check that exactly the keys of this kind are there, and that they agree."""
        needed = _KIND_KEYS[self.kind]
        for key in _ALL_KIND_KEYS:
            given = getattr(self, key) is not None
            if key in needed and not given:
                raise impossible(f"{key} is missing; a therapy of kind {self.kind} needs it.")
            optional = self.kind == "area" and key == "interval_h"
            if given and key not in needed and not optional:
                raise impossible(
                    f"{key} has no place in a therapy of kind {self.kind}; leave it out."
                )
        self._check_times()
        self._check_levels()
        return self

    def _check_times(self) -> None:
        """Raise for a chase longer than the interval, or shorter than a tick."""
        if self.chase_h is not None and self.chase_h * 3600.0 < self.tick_s:
            raise impossible(
                f"chase_h is {self.chase_h:g} h; it must be at least one tick, {self.tick_s} s."
            )
        if self.chase_h is not None and self.chase_h > (self.interval_h or self.chase_h):
            raise impossible(
                f"chase_h is {self.chase_h:g} h; it must be at most interval_h, "
                f"{self.interval_h:g} h."
            )

    def _check_levels(self) -> None:
        """Raise for a trough, threshold or area that contradicts the target."""
        target, trough, threshold = self.target_mg_l, self.trough_max_mg_l, self.threshold_mg_l
        if trough is not None and trough >= target:
            raise impossible(
                f"trough_max_mg_l is {trough:g} mg/L; it must be below the peak, target_mg_l, "
                f"{target:g} mg/L."
            )
        if threshold is not None and threshold >= target:
            raise impossible(
                f"threshold_mg_l is {threshold:g} mg/L; it must be below target_mg_l, "
                f"{target:g} mg/L, which is chased to keep the level above it."
            )
        if self.area_mg_h_l is not None and self.chase_h is not None:
            mean = self.area_mg_h_l / self.chase_h
            if abs(target - mean) > _AREA_TOLERANCE * mean:
                raise impossible(
                    f"target_mg_l is {target:g} mg/L; for an area it is area_mg_h_l / chase_h, "
                    f"{mean:.4g} mg/L: leave it out."
                )

    def course(self) -> Course:
        """Return what is chased, and when."""
        chase_h, interval_h = self.chase_h or math.inf, self.interval_h or math.inf
        if self.trough_max_mg_l is not None:
            return Course.pulse(self.target_mg_l, chase_h, interval_h, self.trough_max_mg_l)
        if self.threshold_mg_l is not None and self.share_percent is not None:
            return Course.time_above(self.threshold_mg_l, self.share_percent / 100, interval_h)
        if self.area_mg_h_l is not None:
            return Course.area(self.area_mg_h_l, chase_h, interval_h)
        return Course()

    @model_validator(mode="after")
    def _is_consistent(self) -> Therapy:
        """Check what needs more than one key, or more than a range."""
        low, target, high = self.window_low_mg_l, self.target_mg_l, self.window_high_mg_l
        if low >= high:
            raise impossible(
                f"window_low_mg_l is {low:g} mg/L and window_high_mg_l is {high:g} mg/L; "
                "the low end must be below the high end."
            )
        if not low < target < high:
            raise impossible(
                f"target_mg_l is {target:g} mg/L; it must lie inside the window, "
                f"between {low:g} and {high:g} mg/L."
            )
        if self.fallback_rate_mg_h > self.rate_max_mg_h:
            raise impossible(
                f"fallback_rate_mg_h is {self.fallback_rate_mg_h:g} mg/h; it must be at most "
                f"rate_max_mg_h, {self.rate_max_mg_h:g} mg/h."
            )
        if self.dose_day_max_mg < self.dose_hour_max_mg:
            raise impossible(
                f"dose_day_max_mg is {self.dose_day_max_mg:g} mg; it must be at least "
                f"dose_hour_max_mg, {self.dose_hour_max_mg:g} mg."
            )
        self._check_grid()
        self._check_fallback()
        return self

    def _check_fallback(self) -> None:
        """Raise for a fallback that the pump cannot count."""
        if self.fallback_h is not None and not 1 <= self.fallback_ticks <= _FALLBACK_TICKS_MAX:
            most_h = _FALLBACK_TICKS_MAX * self.tick_s / 3600.0
            raise impossible(
                f"fallback_h is {self.fallback_h:g} h; it must be one tick, {self.tick_s} s, to "
                f"{_FALLBACK_TICKS_MAX} ticks, {most_h:.4g} h."
            )

    @property
    def fallback_ticks(self) -> int:
        """Return for how many ticks the fallback rate is given at most."""
        if self.fallback_h is None:
            return min(round(_FALLBACK_H * 3600.0 / self.tick_s), _FALLBACK_TICKS_MAX)
        return round(self.fallback_h * 3600.0 / self.tick_s)

    def _check_grid(self) -> None:
        """Raise for a tick that no hour is made of."""
        if 3600 % self.tick_s:
            raise impossible(
                f"tick_s is {self.tick_s} s; it must divide an hour, as 60, 300 and 600 s do."
            )


class Pump(Section):
    """Geometry of syringe and screw; the default is a 60 mL BD syringe, 69.25 nL a microstep."""

    syringe_area_mm2: Tangible = 554.0
    pitch_mm: Tangible = 0.8
    steps_per_rev: Annotated[int, Field(ge=1, le=10_000)] = 200
    microsteps: Annotated[int, Field(ge=1, le=256)] = 32
    syringe_volume_ml: Tangible = 60.0

    def mechanics(self) -> PumpMechanics:
        """Return the same for the plant."""
        return PumpMechanics(**self.model_dump())


class TherapyFile(Section):
    """One therapy, whole: all that a program is compiled from."""

    name: Name
    description: Annotated[str, Field(max_length=300)] = ""
    drug: Drug
    model: Model
    therapy: Therapy
    bank: Bank = Bank()
    pump: Pump = Pump()

    @model_validator(mode="after")
    def _is_within_reach(self) -> TherapyFile:
        """Check that the pump can give what the target takes."""
        try:
            asked = self.problem()
            check_reach(asked)
            check_soft_limits(asked)
        except ProgramError as error:
            raise impossible(str(error)) from None
        return self

    def _estimator(self) -> problem.EstimatorDesign:
        """Return how far the patient may wander from the model; less where a bank explains it."""
        usual = problem.EstimatorDesign(
            state_walk_mg_l=_STATE_WALK_TARGETS * self.therapy.target_mg_l
        )
        cleared = self.model.clearance_l_h / self.model.volume_central_l * self.therapy.tick_s
        haste = -math.expm1(-cleared / 3600.0) / _CLEARED_SLOWLY
        haste = min(max(1.0, haste), _HASTE_MAX)
        usual = replace(usual, disturbance_walk_sd=haste * usual.disturbance_walk_sd)
        if set(self.bank.clearance_factors) == {1.0}:
            return usual
        return replace(
            usual,
            state_walk_mg_l=_BANK_STATE_WALK * usual.state_walk_mg_l,
            disturbance_walk_sd=_BANK_DISTURBANCE * usual.disturbance_walk_sd,
            disturbance_start_sd=_BANK_DISTURBANCE * usual.disturbance_start_sd,
        )

    def problem(self) -> problem.Problem:
        """Return what this asks of the compiler; raise ProgramError where the parts disagree."""
        therapy = self.therapy
        doses = {"dose_hour_max_mg", "dose_day_max_mg"} | {
            key for key in Therapy.model_fields if "_soft_max_" in key
        }
        elsewhere = {"kind", "fallback_h", "plasma_ceiling_mg_l", "target_rhythm"}
        elsewhere |= {*_ALL_KIND_KEYS}
        rhythm = self.model.rhythm
        target_rhythm = therapy.target_rhythm
        asked = problem.Problem(
            model=problem.ControlModel(
                **self.model.model_dump(exclude={"model", "rhythm"}, exclude_none=True)
            ),
            therapy=problem.Therapy(**therapy.model_dump(exclude=doses | elsewhere)),
            safety=problem.SafetyLimits(
                **therapy.model_dump(include=doses, exclude_none=True),
                conc_max_mg_l=_CONC_MAX_TARGETS * therapy.target_mg_l,
                conc_change_max_mg_l=_CONC_CHANGE_MAX_TARGETS * therapy.target_mg_l,
                conc_ceiling_mg_l=therapy.plasma_ceiling_mg_l or 0.0,
                fallback_ticks_max=therapy.fallback_ticks,
            ),
            bank=self.bank.settings(),
            course=therapy.course(),
            clearance_rhythm=None if rhythm is None else rhythm.course(),
            target_rhythm=None if target_rhythm is None else target_rhythm.course(),
            pump=problem.PumpGeometry(
                microstep_nl=self.pump.mechanics().microstep_nl,
                drug_mg_ml=self.drug.conc_mg_ml,
                drug_name=self.drug.name,
            ),
            estimator=self._estimator(),
        )
        reach = demand_max_fraction(asked)
        return replace(asked, therapy=replace(asked.therapy, demand_max_fraction=reach))


def load_therapy(path: Path) -> TherapyFile:
    """Return the therapy that a TOML file states; raise ScenarioError for any mistake in it."""
    return read_table(TherapyFile, read_file(path), str(path))
