# SPDX-License-Identifier: MIT
"""What PATIENT.toml may say, and what had to be assumed because it did not.

Every number's unit is the end of its key.  A covariate that no human has is refused with
its range and unit; one that is missing is assumed only where a reference patient exists,
and then it is listed.  No genotype is ever filled in here: a model that asks for one takes
its own reference patient's and lists that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from mesor.dosing.figures import (
    AGE_YEARS,
    ALBUMIN_G_L,
    CYSTATIN_C_MG_L,
    GESTATION_WEEKS,
    HEIGHT_CM,
    WEIGHT_KG,
    Figure,
    Range,
    Sex,
)
from mesor.dosing.genes.phenotype import (
    Phenotype,
    phenotype,
    phenotype_of_score,
    with_score,
)
from mesor.dosing.genes.table import GENES
from mesor.dosing.kidneys import CLEARANCE_ML_MIN, creatinine
from mesor.errors import DosingError
from mesor.input_tables import Section, impossible, read_table

_WORD_MAX, _NUMBER_MAX = 60, 1e6
_HEMATOCRIT = Range("hematocrit", 5.0, 75.0, "%")
_BODY_MASS_INDEX = Range("body mass index", 6.0, 150.0, "kg/m2")
_ALBUMIN_REFERENCE_G_L = 40.0
_HEMATOCRIT_REFERENCE_PERCENT = 45.0  # Storset et al. 2014 standardise tacrolimus to it

Age = Annotated[float, Field(ge=AGE_YEARS.low, le=AGE_YEARS.high)]
Weight = Annotated[float, Field(ge=WEIGHT_KG.low, le=WEIGHT_KG.high)]
Height = Annotated[float, Field(ge=HEIGHT_CM.low, le=HEIGHT_CM.high)]
Gestation = Annotated[float | None, Field(ge=GESTATION_WEEKS.low, le=GESTATION_WEEKS.high)]
Albumin = Annotated[float | None, Field(ge=ALBUMIN_G_L.low, le=ALBUMIN_G_L.high)]
Hematocrit = Annotated[float | None, Field(ge=_HEMATOCRIT.low, le=_HEMATOCRIT.high)]
CystatinC = Annotated[float | None, Field(ge=CYSTATIN_C_MG_L.low, le=CYSTATIN_C_MG_L.high)]
Clearance = Annotated[float | None, Field(ge=CLEARANCE_ML_MIN.low, le=CLEARANCE_ML_MIN.high)]
Fluid = Annotated[float | None, Field(ge=0.0, le=50.0)]
Genotype = Annotated[str, Field(min_length=1, max_length=200)]
Score = Annotated[float | None, Field(ge=0.0, le=13.0)]


class Body(Section):
    """Who the patient is: what every model needs."""

    sex: Sex
    age_years: Age
    weight_kg: Weight
    height_cm: Height
    gestation_weeks: Gestation = None

    @model_validator(mode="after")
    def _is_one_body(self) -> Body:
        """Check that weight and height belong together: metres and pounds slip in here."""
        index = self.weight_kg / (self.height_cm / 100.0) ** 2
        if not _BODY_MASS_INDEX.low <= index <= _BODY_MASS_INDEX.high:
            raise impossible(
                f"weight_kg {self.weight_kg:g} and height_cm {self.height_cm:g} make a body "
                f"mass index of {index:.1f} kg/m2; it must be {_BODY_MASS_INDEX.low:g} to "
                f"{_BODY_MASS_INDEX.high:g} kg/m2."
            )
        return self


class Kidneys(Section):
    """Serum creatinine in one of two units, or a measured clearance, or both."""

    creatinine_mg_dl: float | None = None
    creatinine_umol_l: float | None = None
    cystatin_c_mg_l: CystatinC = None
    measured_clearance_ml_min: Clearance = None
    dialysis: bool = False

    @model_validator(mode="after")
    def _is_one_measurement(self) -> Kidneys:
        """Check that creatinine is given once."""
        if self.creatinine_mg_dl is not None and self.creatinine_umol_l is not None:
            raise impossible(
                "creatinine_mg_dl and creatinine_umol_l state the same quantity; keep one."
            )
        return self

    def creatinine(self, age_years: float) -> Figure | None:
        """Return serum creatinine in mg/dL, or None when it was not measured."""
        if self.creatinine_mg_dl is not None:
            return creatinine(self.creatinine_mg_dl, "mg/dL", age_years)
        if self.creatinine_umol_l is not None:
            return creatinine(self.creatinine_umol_l, "umol/L", age_years)
        return None


class Composition(Section):
    """What the patient's blood and water hold."""

    albumin_g_l: Albumin = None
    hematocrit_percent: Hematocrit = None
    excess_fluid_l: Fluid = None

    @model_validator(mode="before")
    @classmethod
    def _are_in_their_unit(cls, written: dict[str, Any]) -> dict[str, Any]:
        """Name the unit of two values that laboratories write ten or a hundred times smaller."""
        for key, allowed, times, unit in (
            ("albumin_g_l", ALBUMIN_G_L, 10.0, "g/dL"),
            ("hematocrit_percent", _HEMATOCRIT, 100.0, "L/L"),
        ):
            value = written.get(key)
            if isinstance(value, int | float) and value < allowed.low <= times * value:
                raise impossible(
                    f"{key} is {value:g} {allowed.unit}; it must be {allowed.low:g} to "
                    f"{allowed.high:g} {allowed.unit}. It was probably in {unit}: write "
                    f"{times * value:g} {allowed.unit}."
                )
        return written


class Genes(Section):
    """Genotypes as the laboratory wrote them, like "*1/*4".

    An activity score is the prescriber's choice where a genotype leaves several, or stands
    where none was given.
    """

    cyp2c19: Genotype | None = None
    cyp2d6: Genotype | None = None
    cyp3a5: Genotype | None = None
    dpyd: Genotype | None = None
    cyp2d6_activity_score: Score = None
    dpyd_activity_score: Score = None

    @model_validator(mode="after")
    def _are_genotypes(self) -> Genes:
        """Check every allele against the table of its gene."""
        try:
            self.phenotypes()
        except DosingError as error:
            raise impossible(str(error)) from None
        return self

    def phenotypes(self) -> tuple[Phenotype, ...]:
        """Return what the genotypes that were given mean."""
        found = []
        for gene in GENES:
            genotype = getattr(self, gene.lower())
            score = getattr(self, f"{gene.lower()}_activity_score", None)
            if genotype is not None:
                called = phenotype(gene, genotype)
                found.append(called if score is None else with_score(called, score))
            elif score is not None:
                found.append(phenotype_of_score(gene, score))
        return tuple(found)


class GivenDose(Section):
    """One dose that the patient had, or several alike: `count` of them, interval_h apart.

    settled: equal doses came at interval_h for ever before the first.
    """

    time_h: Annotated[float, Field(ge=0.0)]
    amount_mg: Annotated[float, Field(gt=0.0, le=1e6)]
    duration_h: Annotated[float, Field(ge=0.0, le=1000.0)] = 0.0
    route: Literal["iv", "oral"] = "iv"
    count: Annotated[int, Field(ge=1, le=1000)] = 1
    interval_h: Annotated[float | None, Field(gt=0.0)] = None
    settled: bool = False


class PatientFile(Section):
    """The whole file, as it was written.

    covariates: what single models want besides, like opiates = "yes" (mesor drugs NAME).
    """

    patient: Body
    kidneys: Kidneys = Kidneys()
    composition: Composition = Composition()
    genes: Genes = Genes()
    covariates: dict[str, Any] = Field(default_factory=dict)
    dose: tuple[GivenDose, ...] = ()

    @model_validator(mode="after")
    def _are_numbers_or_words(self) -> PatientFile:
        """Check what no other section knows: the model that takes it knows its kind."""
        for name, value in self.covariates.items():
            number = isinstance(value, int | float) and not isinstance(value, bool)
            word = isinstance(value, str) and 0 < len(value) <= _WORD_MAX
            if not (word or (number and 0.0 <= value <= _NUMBER_MAX)):
                raise impossible(
                    f"covariates.{name} is {str(value)[:_WORD_MAX]}; it must be a number, 0 to "
                    f'{_NUMBER_MAX:g}, or a word like "yes".'
                )
        return self

    @model_validator(mode="after")
    def _is_a_creatinine_of_that_age(self) -> PatientFile:
        """Check creatinine against the age: a child's 22 mg/dL was 22 umol/L."""
        try:
            self.kidneys.creatinine(self.patient.age_years)
        except DosingError as error:
            raise impossible(f"[kidneys] {error}") from None
        return self


@dataclass(frozen=True, slots=True)
class PatientCovariates:
    """A patient as the models see one; assumed lists every value that the file lacked.

    creatinine_mg_dl is None when not measured: no kidney is ever assumed.  gestation_weeks
    is that at birth; others are the file's [covariates].
    """

    sex: Sex
    age_years: float
    weight_kg: float
    height_cm: float
    creatinine_mg_dl: float | None
    cystatin_c_mg_l: float | None
    measured_clearance_ml_min: float | None
    dialysis: bool
    albumin_g_l: float
    hematocrit_percent: float
    excess_fluid_l: float
    gestation_weeks: float | None
    others: Mapping[str, float | str]
    phenotypes: tuple[Phenotype, ...]
    assumed: tuple[Figure, ...]


def read_patient(text: str, source: str) -> PatientCovariates:
    """Return the patient that a PATIENT.toml describes; source names the file in errors.

    Raises ScenarioError in one sentence for anything that no patient can be.
    """
    return covariates(read_table(PatientFile, text, source))


def covariates(file: PatientFile) -> PatientCovariates:
    """Return the covariates, with the reference patient's where the file has none."""
    assumed: list[Figure] = []

    def or_assumed(value: float | None, name: str, reference: float, unit: str) -> float:
        if value is not None:
            return value
        assumed.append(Figure(name, reference, unit, "reference patient", "assumed"))
        return reference

    blood, kidneys = file.composition, file.kidneys
    measured = kidneys.creatinine(file.patient.age_years)
    return PatientCovariates(
        sex=file.patient.sex,
        age_years=file.patient.age_years,
        weight_kg=file.patient.weight_kg,
        height_cm=file.patient.height_cm,
        creatinine_mg_dl=None if measured is None else measured.value,
        cystatin_c_mg_l=kidneys.cystatin_c_mg_l,
        measured_clearance_ml_min=kidneys.measured_clearance_ml_min,
        dialysis=kidneys.dialysis,
        albumin_g_l=or_assumed(blood.albumin_g_l, "albumin", _ALBUMIN_REFERENCE_G_L, "g/L"),
        hematocrit_percent=or_assumed(
            blood.hematocrit_percent, "hematocrit", _HEMATOCRIT_REFERENCE_PERCENT, "%"
        ),
        excess_fluid_l=or_assumed(blood.excess_fluid_l, "excess fluid", 0.0, "L"),
        gestation_weeks=file.patient.gestation_weeks,
        others=dict(file.covariates),
        phenotypes=file.genes.phenotypes(),
        assumed=tuple(assumed),
    )
