# SPDX-License-Identifier: MIT
"""What a scenario may say: one frozen model for each section of the file.

Whatever doses the patient has no default here; what describes the bench has.
Cross-checks that need two keys stand beside the section that owns both.
Every number's unit is the end of its key.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from mesor.errors import ScenarioError
from mesor.input_tables import (
    NotNegative,
    OptionalPositive,
    Positive,
    Section,
    TimeOfDay,
    check_table,
    impossible,
)
from mesor.patients import BetweenSubjectVariability, ClearanceChange, PatientParameters
from mesor.program.therapy_file import Kinetics, Model, TherapyFile
from mesor.quantities import time_of_day_s
from mesor.soft_limits import SoftLimit
from mesor_hil.plant import SensorSettings
from pump.core.schedule import has_room
from pump.spec import limits

_TICK_TOLERANCE = 1e-6  # of a tick: durations in hours are seldom exact in binary


class ClearanceChangeEntry(Section):
    """From at_h on, elimination is factor times the nominal one."""

    at_h: NotNegative
    factor: Annotated[float, Field(gt=0, le=20)]


class Patient(Kinetics):
    """The simulated patient before variability: the truth that the pump does not know."""

    model: Literal["one_compartment", "two_compartment", "three_compartment"]
    clearance_intercompartmental_2_l_h: OptionalPositive = None
    volume_peripheral_2_l: OptionalPositive = None
    ke0_per_h: OptionalPositive = None
    vmax_mg_h: OptionalPositive = None
    km_mg_l: OptionalPositive = None
    clearance_change: tuple[ClearanceChangeEntry, ...] = ()

    @model_validator(mode="after")
    def _is_a_patient(self) -> Patient:
        """Check the peripheries, then whatever else no patient can be."""
        self._check_peripheries(self.model)
        try:
            self.parameters()
        except ScenarioError as error:
            raise impossible(str(error)) from None
        return self

    def parameters(self) -> PatientParameters:
        """Return the nominal parameters for mesor.patients."""
        figures = self.model_dump(
            exclude={"model", "ke0_per_h", "clearance_change", "rhythm"}, exclude_none=True
        )
        return PatientParameters(**figures)

    def changes(self) -> tuple[ClearanceChange, ...]:
        """Return the clearance schedule for mesor.patients."""
        return tuple(
            ClearanceChange(at_h=entry.at_h, factor=entry.factor)
            for entry in self.clearance_change
        )


class Variability(Section):
    """Between-subject coefficients of variation, as fractions."""

    clearance_cv: Annotated[float, Field(ge=0, le=2)] = 0.0
    volume_cv: Annotated[float, Field(ge=0, le=2)] = 0.0

    def settings(self) -> BetweenSubjectVariability:
        """Return the same for mesor.patients."""
        return BetweenSubjectVariability(**self.model_dump())


class Sensor(Section):
    """How good the concentration sensor is; perfect when the section is left out."""

    noise_cv: Annotated[float, Field(ge=0, le=1)] = 0.0
    noise_sd_mg_l: NotNegative = 0.0
    gain_error_cv: Annotated[float, Field(ge=0, le=1)] = 0.0
    lag_s: Annotated[float, Field(ge=0, le=86400)] = 0.0
    dropout_probability: Annotated[float, Field(ge=0, le=1)] = 0.0

    def settings(self) -> SensorSettings:
        """Return the same for the plant."""
        return SensorSettings(**self.model_dump())


FaultKind = Literal[
    "door_open",
    "air_in_line",
    "occlusion",
    "line_blocked",
    "line_blocked_upstream",
    "driver_fault",
    "pressure_high",
    "reservoir_empty",
    "battery_empty",
    "sensor_silent",
    "line_noise",
]


class FaultEntry(Section):
    """From at_h on, for lasts_h or to the end, something is wrong with board, sensor or line."""

    kind: FaultKind
    at_h: NotNegative
    lasts_h: OptionalPositive = None


class Confirmation(Section):
    """At at_h a person confirms a soft limit; at 0 h with START."""

    limit: SoftLimit
    at_h: NotNegative


class LaterProgram(Section):
    """A program that is sent at_h into the therapy and takes the running one over.

    model and therapy: the keys of these sections that change; the rest is the scenario's.
    """

    at_h: Positive
    model: dict[str, Any] = Field(default_factory=dict)
    therapy: dict[str, Any] = Field(default_factory=dict)


class StandardDose(Section):
    """What is given without a controller: the same dose again and again, by infusion."""

    dose_mg: Positive
    infusion_h: Positive
    interval_h: Positive

    @model_validator(mode="after")
    def _fits_its_interval(self) -> StandardDose:
        """Check that an infusion is over before the next begins."""
        if self.infusion_h > self.interval_h:
            raise impossible(
                f"infusion_h is {self.infusion_h:g} h; it must be at most interval_h, "
                f"{self.interval_h:g} h."
            )
        return self


class Bench(Section):
    """How the bench runs the pump: clock_factor therapy seconds in each device second."""

    clock_factor: Annotated[int, Field(ge=1, le=limits.CLOCK_FACTOR_MAX)] = 300


class Checks(Section):
    """Limits of the verdict; a run passes when every one is met.

    Time in window and MDAPE are those of a level, the errors those of a pulse's peak and of
    an area.
    """

    time_in_window_min_percent: Annotated[float, Field(ge=0, le=100)] = 90.0
    mdape_max_percent: NotNegative = 20.0
    peak_error_max_percent: NotNegative = 10.0
    area_error_max_percent: NotNegative = 5.0
    ledger_error_steps_max: Annotated[int, Field(ge=0)] = 1
    tick_median_max_ms: Positive = 10.0
    tick_max_ms: Positive = 25.0
    solve_mean_max_ms: Positive = 1.5
    heap_free_min_bytes: Annotated[int, Field(ge=0)] = 65536


class Scenario(TherapyFile):
    """One run: a patient, a drug, a therapy, a sensor, and how it is judged."""

    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 1
    duration_h: Annotated[float, Field(gt=0, le=744)]  # a month
    start_time: TimeOfDay | None = None
    patient: Patient
    variability: Variability = Variability()
    sensor: Sensor = Sensor()
    bench: Bench = Bench()
    faults: tuple[FaultEntry, ...] = ()
    programs: tuple[LaterProgram, ...] = ()
    confirmations: tuple[Confirmation, ...] = ()
    standard_dose: StandardDose | None = None
    checks: Checks = Checks()

    @model_validator(mode="before")
    @classmethod
    def _model_defaults_to_the_patient(cls, table: Any) -> Any:
        """Copy the nominal patient into [model] where that section is left out."""
        if not isinstance(table, dict) or "model" in table:
            return table
        patient = table.get("patient")
        if not isinstance(patient, dict):
            return table
        if "vmax_mg_h" in patient:
            raise impossible(
                "the section [model] is missing; the controller plans with a linear model, "
                "which this [patient] is not."
            )
        shared = {key: patient[key] for key in Model.model_fields if key in patient}
        return {**table, "model": shared}

    @model_validator(mode="after")
    def _knows_its_time_of_day(self) -> Scenario:
        """Check that what follows the clock has one."""
        follows = (self.patient.rhythm, self.model.rhythm, self.therapy.target_rhythm)
        if self.start_time is None and any(follows):
            raise impossible(
                "start_time is missing; a rhythm needs the time of day at which the run begins, "
                'like start_time = "08:00".'
            )
        return self

    @model_validator(mode="after")
    def _fits_the_clock(self) -> Scenario:
        """Check that the run is whole ticks and that the motor can keep up with the bench."""
        ticks = self.duration_h * 3600.0 / self.therapy.tick_s
        if abs(ticks - round(ticks)) > _TICK_TOLERANCE or round(ticks) < 1:
            raise impossible(
                f"duration_h is {self.duration_h:g} h, {ticks:g} ticks of "
                f"{self.therapy.tick_s} s; it must be a whole number of ticks, at least one."
            )
        self._check_step_rate()
        return self

    @model_validator(mode="after")
    def _later_programs_are_therapies(self) -> Scenario:
        """Check that each program that is sent later can be compiled, and comes in its turn."""
        before_h = 0.0
        for entry in self.programs:
            if not before_h < entry.at_h < self.duration_h:
                raise impossible(
                    f"a program is sent at {entry.at_h:g} h; it must come after the one before "
                    f"it, at {before_h:g} h, and before the end at {self.duration_h:g} h."
                )
            before_h = entry.at_h
            try:
                self.therapy_from(entry)
            except ScenarioError as error:
                raise impossible(str(error)) from None
        return self

    def therapy_from(self, entry: LaterProgram) -> TherapyFile:
        """Return what a later program is compiled from; raise ScenarioError for a mistake."""
        whole = self.model_dump(include=set(TherapyFile.model_fields), exclude_none=True)
        whole["model"] |= entry.model
        whole["therapy"] |= entry.therapy
        return check_table(TherapyFile, whole, f"the program sent at {entry.at_h:g} h")

    def with_therapy(self, therapy: TherapyFile) -> Scenario:
        """Return this scenario under another therapy; raise ScenarioError where it cannot be.

        A therapy file without [pump] is for the pump that is there.
        """
        whole = self.model_dump(mode="json", exclude_none=True) | {"programs": []}
        sections = {"drug", "model", "therapy", "bank"} | ({"pump"} & therapy.model_fields_set)
        whole |= therapy.model_dump(mode="json", include=sections, exclude_none=True)
        return check_table(Scenario, whole, f"the therapy {therapy.name!r} in this run")

    def _check_step_rate(self) -> None:
        """Raise when the full rate asks for more steps than fit into a device tick."""
        per_step_mg = self.pump.mechanics().dose_mg(1, self.drug.conc_mg_ml)
        steps = int(self.therapy.rate_max_mg_h * self.therapy.tick_s / 3600.0 / per_step_mg)
        tick_ms = self.therapy.tick_s * 1000 // self.bench.clock_factor
        if not has_room(tick_ms, steps):
            raise impossible(
                f"rate_max_mg_h asks for {steps} microsteps a tick, which do not fit into the "
                f"{tick_ms} ms that bench.clock_factor {self.bench.clock_factor} makes of it at "
                f"{limits.STEP_RATE_HZ_MAX} steps/s, less what a late tick and its work take; "
                "lower the clock factor or the rate, or raise the concentration."
            )

    @property
    def duration_s(self) -> int:
        """Return the length of the run in therapy time."""
        return self.tick_count * self.therapy.tick_s

    @property
    def start_day_s(self) -> int:
        """Return the time of day at the first tick, s since midnight."""
        return 0 if self.start_time is None else time_of_day_s(self.start_time)

    @property
    def tick_count(self) -> int:
        """Return the number of control ticks in the run."""
        return round(self.duration_h * 3600.0 / self.therapy.tick_s)
