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
from mesor.input_tables import Section, impossible
from mesor.patients import BetweenSubjectVariability, ClearanceChange, PatientParameters
from mesor_hil.plant import PumpMechanics, SensorSettings
from pump.core.schedule import has_room
from pump.spec import limits

# The upper ends keep every product of two keys finite; no unit used here comes near them.
Positive = Annotated[float, Field(gt=0, le=1_000_000)]
OptionalPositive = Annotated[float | None, Field(gt=0, le=1_000_000)]
NotNegative = Annotated[float, Field(ge=0, le=1_000_000)]
# What a microstep's dose is divided by: a nanometre or a nanogram would be a slip of the unit.
Tangible = Annotated[float, Field(ge=0.001, le=1_000_000)]
Name = Annotated[str, Field(min_length=1, max_length=100)]

_TICK_TOLERANCE = 1e-6  # of a tick: durations in hours are seldom exact in binary
_COMPARTMENTS = {"one_compartment": 1, "two_compartment": 2, "three_compartment": 3}
_PERIPHERAL_KEYS = (
    ("clearance_intercompartmental_l_h", "volume_peripheral_l"),
    ("clearance_intercompartmental_2_l_h", "volume_peripheral_2_l"),
)


class Drug(Section):
    """What is in the syringe."""

    name: Name
    conc_mg_ml: Tangible


class ClearanceChangeEntry(Section):
    """From at_h on, elimination is factor times the nominal one."""

    at_h: NotNegative
    factor: Annotated[float, Field(gt=0, le=20)]


class Kinetics(Section):
    """Keys that the patient and the controller's model of it share."""

    clearance_l_h: NotNegative
    volume_central_l: Positive
    clearance_intercompartmental_l_h: OptionalPositive = None
    volume_peripheral_l: OptionalPositive = None

    def _check_peripheries(self, model: str) -> None:
        """Raise unless exactly the peripheries that the model has are given."""
        for number, keys in enumerate(_PERIPHERAL_KEYS, start=2):
            for key in keys:
                given = getattr(self, key, None) is not None
                if given and number > _COMPARTMENTS[model]:
                    raise impossible(f"{key} has no place in a {model} model; leave it out.")
                if not given and number <= _COMPARTMENTS[model]:
                    raise impossible(f"{key} is missing; a {model} model needs it.")


class Patient(Kinetics):
    """The simulated patient before variability: the truth that the pump does not know."""

    model: Literal["one_compartment", "two_compartment", "three_compartment"]
    clearance_intercompartmental_2_l_h: OptionalPositive = None
    volume_peripheral_2_l: OptionalPositive = None
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
        figures = self.model_dump(exclude={"model", "clearance_change"}, exclude_none=True)
        return PatientParameters(**figures)

    def changes(self) -> tuple[ClearanceChange, ...]:
        """Return the clearance schedule for mesor.patients."""
        return tuple(
            ClearanceChange(at_h=entry.at_h, factor=entry.factor)
            for entry in self.clearance_change
        )


class ControlModel(Kinetics):
    """The controller's own linear model; the nominal patient when the section is left out."""

    model: Literal["one_compartment", "two_compartment"]

    @model_validator(mode="after")
    def _is_linear(self) -> ControlModel:
        """Check the peripheries and that the model eliminates."""
        self._check_peripheries(self.model)
        if self.clearance_l_h == 0.0:
            raise impossible("clearance_l_h is 0 L/h; the controller's model needs more than 0.")
        return self


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


class Therapy(Section):
    """What the pump is to reach, and within which limits."""

    target_mg_l: Positive
    window_low_mg_l: Positive
    window_high_mg_l: Positive
    rate_max_mg_h: Positive
    rate_change_max_mg_h: Positive
    dose_hour_max_mg: Positive
    dose_day_max_mg: Positive
    fallback_rate_mg_h: NotNegative
    tick_s: Annotated[int, Field(ge=limits.TICK_S_MIN, le=limits.TICK_S_MAX)] = 300
    horizon: Annotated[int, Field(ge=limits.HORIZON_MIN, le=limits.HORIZON_MAX)] = 20

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
        return self

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


FaultKind = Literal[
    "door_open",
    "air_in_line",
    "occlusion",
    "driver_fault",
    "pressure_high",
    "reservoir_empty",
    "battery_low",
    "sensor_silent",
    "line_noise",
]


class FaultEntry(Section):
    """From at_h on, for lasts_h or to the end, something is wrong with board, sensor or line."""

    kind: FaultKind
    at_h: NotNegative
    lasts_h: OptionalPositive = None


class Bench(Section):
    """How the bench runs the pump: clock_factor therapy seconds in each device second."""

    clock_factor: Annotated[int, Field(ge=1, le=limits.CLOCK_FACTOR_MAX)] = 300


class Checks(Section):
    """Limits of the verdict; a run passes when every one is met."""

    time_in_window_min_percent: Annotated[float, Field(ge=0, le=100)] = 90.0
    mdape_max_percent: NotNegative = 20.0
    ledger_error_steps_max: Annotated[int, Field(ge=0)] = 1
    tick_median_max_ms: Positive = 10.0
    tick_max_ms: Positive = 25.0
    solve_mean_max_ms: Positive = 1.5
    heap_free_min_bytes: Annotated[int, Field(ge=0)] = 65536


class Scenario(Section):
    """One run: a patient, a drug, a therapy, a sensor, and how it is judged."""

    name: Name
    description: Annotated[str, Field(max_length=300)] = ""
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 1
    duration_h: Annotated[float, Field(gt=0, le=744)]  # a month
    drug: Drug
    patient: Patient
    variability: Variability = Variability()
    sensor: Sensor = Sensor()
    therapy: Therapy
    model: ControlModel
    pump: Pump = Pump()
    bench: Bench = Bench()
    faults: tuple[FaultEntry, ...] = ()
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
        if patient.get("model") == "three_compartment" or "vmax_mg_h" in patient:
            raise impossible(
                "the section [model] is missing; the controller plans with one or two linear "
                "compartments, which this [patient] does not have."
            )
        shared = {key: patient[key] for key in ControlModel.model_fields if key in patient}
        return {**table, "model": shared}

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
    def tick_count(self) -> int:
        """Return the number of control ticks in the run."""
        return round(self.duration_h * 3600.0 / self.therapy.tick_s)
