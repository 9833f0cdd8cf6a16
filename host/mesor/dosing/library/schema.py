# SPDX-License-Identifier: MIT
"""What a drug's TOML file may say, table by table.

Strict: an unknown key is refused by name, and every table that holds a number names its
source.  How a covariate changes a parameter is one of a few typed tables (power, linear,
addition, exponential, factor, maturation, gene, following); a published equation that
none of them can say is a named Python function (mesor.dosing.library.equations).
Numbers are as the paper prints them, in the unit of the key.  Pure.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from mesor.dosing.genes.table import GENES
from mesor.dosing.library.parameters import PARAMETER_UNITS
from mesor.input_tables import Section, impossible

Positive = Annotated[float, Field(gt=0.0)]
NotNegative = Annotated[float, Field(ge=0.0)]
Share = Annotated[float, Field(gt=0.0, le=1.0)]
Text = Annotated[str, Field(min_length=1)]

Index = Literal[
    "free_time_above_mic",  # share of the interval with free drug above mic_multiple x MIC
    "peak_over_mic",  # peak of total drug over MIC
    "auc24_over_mic",  # area of total drug over 24 h, mg h/L, over MIC
    "auc",  # area over a course or interval, mg h/L
    "level",  # plasma (or whole-blood) concentration, mg/L
    "trough",  # concentration just before the next dose, mg/L
    "effect_site_level",  # effect-site concentration, mg/L
    "response",  # no concentration is aimed at; the measured effect is
]


class Source(Section):
    """One publication; seen_in says where its numbers were read, if not in itself."""

    key: Text
    text: Text
    doi: Text | None = None
    pmid: Text | None = None
    seen_in: Text | None = None

    def cited(self) -> str:
        """Return it in one line."""
        doi = f", doi:{self.doi}" if self.doi else ""
        pmid = f", PMID {self.pmid}" if self.pmid else ""
        return f"{self.text}{doi}{pmid}"


class Target(Section):
    """The index that goes with effect, and what it shall be; high is None where open above.

    low and high are in the index's unit: a share, a ratio, mg h/L or mg/L.
    """

    index: Index
    low: NotNegative | None = None
    high: Positive | None = None
    mic_multiple: Positive = 1.0
    mic_mg_l: Positive | None = None
    mic_of: Text | None = None
    mic_source: Text | None = None
    matrix: Literal["plasma", "whole blood", "effect site"] = "plasma"
    note: Text | None = None
    source: Text

    @model_validator(mode="after")
    def _is_a_target(self) -> Target:
        """Check that there is a goal and that low is below high."""
        if self.low is None and self.high is None and self.index != "response":
            raise impossible("low and high are both missing; give at least one.")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise impossible(f"low {self.low:g} is above high {self.high:g}.")
        if self.mic_mg_l is not None and self.mic_source is None:
            raise impossible("mic_mg_l is given without mic_source.")
        return self


class Limit(Section):
    """What toxicity forbids, or a label does: a value that must not be exceeded."""

    quantity: Literal["trough", "peak", "auc24", "auc", "level", "rate", "daily_dose"]
    most: Positive
    unit: Text
    note: Text | None = None
    source: Text

    def for_weight(self, weight_kg: float) -> Limit:
        """Return the limit of one patient: a rate by the kilogram becomes one in mg/h."""
        if self.unit != "mg/kg/h":
            return self
        update = {"most": self.most * weight_kg, "unit": "mg/h"}
        return self.model_copy(update=update)


class BindingSection(Section):
    """Protein binding: a free fraction at one albumin, or sites that saturate."""

    free_fraction: Share | None = None
    albumin_g_l: Positive | None = None
    sites: Literal["cefazolin"] | None = None
    note: Text | None = None
    source: Text

    @model_validator(mode="after")
    def _is_one_kind(self) -> BindingSection:
        """Check that the binding is told in one way."""
        if (self.free_fraction is None) == (self.sites is None):
            raise impossible("give free_fraction or sites, one of both.")
        return self


class FixedDoseSection(Section):
    """The dose for everybody, as a label or guideline gives it, by vein or by mouth."""

    says: Text
    route: Literal["iv", "oral"] = "iv"
    amount_mg: Positive | None = None
    amount_per_kg_mg: Positive | None = None
    amount_per_m2_mg: Positive | None = None
    weight: Literal["actual", "ideal", "adjusted"] = "actual"
    amount_most_mg: Positive | None = None
    interval_h: Positive | None = None
    duration_h: NotNegative = 0.0
    loading_mg: Positive | None = None
    loading_per_kg_mg: Positive | None = None
    loading_per_m2_mg: Positive | None = None
    source: Text

    @model_validator(mode="after")
    def _is_one_dose(self) -> FixedDoseSection:
        """Check that the amount is told in one way."""
        given = (self.amount_mg, self.amount_per_kg_mg, self.amount_per_m2_mg)
        if sum(value is not None for value in given) != 1:
            raise impossible("give amount_mg, amount_per_kg_mg or amount_per_m2_mg, one of them.")
        return self


class RhythmSection(Section):
    """A published daily course, by its name in mesor.dosing.rhythm."""

    course: Literal["fluorouracil"]
    source: Text


class KidneySection(Section):
    """Which measure of the kidneys the model was built on, and its authors' rules for it.

    weight is that in Cockcroft-Gault; "james" is James's lean body mass.
    """

    measure: Literal[
        "cockcroft_gault", "measured", "creatinine", "ckd_epi", "ckd_epi_2009", "mdrd"
    ]
    weight: Literal["actual", "ideal", "adjusted", "lean", "james"] = "actual"
    weight_least_kg: Positive | None = None
    weight_is_stated: bool = True
    cap_ml_min: Positive | None = None
    creatinine_least_mg_dl: Positive | None = None
    creatinine_least_from_years: NotNegative = 0.0
    note: Text | None = None
    source: Text


class Parameter(Section):
    """One parameter as printed: typical value and its variability between subjects.

    value is at the centre of every relation; `added` is a part that no relation changes.
    Variability is a CV (a fraction; the model's cv_is says how it was meant) or a variance
    of logarithms.  occasion_... is variability between occasions.
    """

    name: Text
    value: NotNegative
    added: NotNegative = 0.0
    cv: Positive | None = None
    omega_squared: Positive | None = None
    occasion_cv: Positive | None = None
    occasion_omega_squared: Positive | None = None
    source: Text

    @model_validator(mode="after")
    def _is_known(self) -> Parameter:
        """Check the name, and that variability is told in one way."""
        if self.name not in PARAMETER_UNITS:
            raise impossible(
                f"{self.name} is no parameter; known are {', '.join(PARAMETER_UNITS)}."
            )
        if self.cv is not None and self.omega_squared is not None:
            raise impossible("cv and omega_squared state the same quantity; keep one of them.")
        if self.occasion_cv is not None and self.occasion_omega_squared is not None:
            raise impossible("occasion_cv and occasion_omega_squared state the same quantity.")
        return self


class Covariance(Section):
    """Two parameters that vary together: the covariance or correlation of their logarithms."""

    first: Text
    second: Text
    covariance: float | None = None
    correlation: Annotated[float | None, Field(gt=-1.0, lt=1.0)] = None
    source: Text

    @model_validator(mode="after")
    def _is_one_number(self) -> Covariance:
        """Check that it is told in one way."""
        if (self.covariance is None) == (self.correlation is None):
            raise impossible("give covariance or correlation, one of both.")
        return self


class Power(Section):
    """Factor (covariate / reference)^exponent."""

    parameter: Text
    covariate: Text
    reference: Positive
    exponent: float
    source: Text


class Linear(Section):
    """Factor 1 + slope (covariate - reference).

    The covariate counts as no less than `least` and no more than `most`: two such tables
    make a line with a bend.
    """

    parameter: Text
    covariate: Text
    reference: float
    slope: float
    least: float | None = None
    most: float | None = None
    source: Text


class Addition(Section):
    """The parameter rises by slope (covariate - reference), in its own unit."""

    parameter: Text
    covariate: Text
    reference: float
    slope: float
    source: Text


class Exponential(Section):
    """Factor exp(slope (covariate - reference))."""

    parameter: Text
    covariate: Text
    reference: float
    slope: float
    source: Text


class Factor(Section):
    """Factor by category, like {male = 1.0, female = 0.8}."""

    parameter: Text
    covariate: Text
    factors: dict[str, float]
    source: Text


class Maturation(Section):
    """Factor base + x^hill / (half^hill + x^hill), over the same at `reference`.

    A negative hill is a decline.  reference None: not divided by anything.
    """

    parameter: Text
    covariate: Text
    half: Positive
    hill: float
    base: NotNegative = 0.0
    reference: Positive | None = None
    source: Text


class Gene(Section):
    """Factor by phenotype: this model's own, or `effect` on `drug` in the gene's table.

    reference: the phenotype of the reference patient, assumed where no genotype is known.
    """

    parameter: Text
    gene: Literal["CYP2C19", "CYP2D6", "CYP3A5", "DPYD"]
    reference: Text
    factors: dict[str, float] | None = None
    drug: Text | None = None
    effect: Text | None = None
    source: Text

    @model_validator(mode="after")
    def _is_one_table(self) -> Gene:
        """Check that the factors come from one place."""
        if (self.factors is None) == (self.drug is None or self.effect is None):
            raise impossible("give factors, or drug and effect.")
        return self


class Following(Section):
    """Factor (other parameter / reference)^exponent: its variability is carried over too."""

    parameter: Text
    follows: Text
    reference: Positive
    exponent: float
    source: Text


class Bound(Section):
    """Patients among whom the model was made; outside, there is a warning.

    Open where the source states one end only, as in "adults".
    """

    covariate: Text
    low: float | None = None
    high: float | None = None
    source: Text

    @model_validator(mode="after")
    def _is_a_bound(self) -> Bound:
        """Check that there is an end, and that low is below high."""
        if self.low is None and self.high is None:
            raise impossible("low and high are both missing; give at least one.")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise impossible(f"low {self.low:g} is above high {self.high:g}.")
        return self

    def holds(self, value: float) -> bool:
        """Return whether a value is among them."""
        above = self.low is None or value >= self.low
        return above and (self.high is None or value <= self.high)

    def says(self) -> str:
        """Return the range as people write it."""
        if self.high is None:
            return f"{self.low:.10g} and more"
        return f"up to {self.high:.10g}" if self.low is None else f"{self.low:g} to {self.high:g}"


class Residual(Section):
    """What a level differs by: a share of it and a fixed part; combine as ResidualError's."""

    proportional: NotNegative = 0.0
    additive_mg_l: NotNegative = 0.0
    combine: Literal["variance", "deviation"] = "variance"
    note: Text | None = None
    source: Text


class Reference(Section):
    """The patient against whom factors are told, by covariate."""

    sex: Literal["male", "female"] | None = None
    dialysis: Literal["yes", "no"] | None = None
    opiates: Literal["yes", "no"] | None = None
    azole: Literal["yes", "no"] | None = None
    cyp3a4_22: Literal["yes", "no"] | None = None
    prednisone_over_25_mg: Literal["yes", "no"] | None = None
    age_years: NotNegative | None = None
    weight_kg: Positive | None = None
    height_cm: Positive | None = None
    body_mass_index_kg_m2: Positive | None = None
    body_surface_area_m2: Positive | None = None
    body_surface_area_du_bois_m2: Positive | None = None
    ideal_body_weight_kg: Positive | None = None
    adjusted_body_weight_kg: Positive | None = None
    lean_body_weight_kg: Positive | None = None
    lean_body_mass_james_kg: Positive | None = None
    fat_free_mass_kg: Positive | None = None
    creatinine_mg_dl: Positive | None = None
    creatinine_umol_l: Positive | None = None
    creatinine_clearance_ml_min: NotNegative | None = None
    egfr_ml_min_1_73m2: NotNegative | None = None
    egfr_mdrd_ml_min_1_73m2: NotNegative | None = None
    egfr_ckd_epi_2009_ml_min_1_73m2: NotNegative | None = None
    albumin_g_l: Positive | None = None
    hematocrit_percent: Positive | None = None
    postmenstrual_age_years: Positive | None = None
    pao2_fio2_mmhg: Positive | None = None
    days_after_transplantation: NotNegative | None = None
    note: Text | None = None
    source: Text

    def covariates(self) -> dict[str, float | str]:
        """Return what was given, by covariate."""
        return self.model_dump(exclude={"note", "source"}, exclude_none=True)


class ModelSection(Section):
    """One published model.

    route "oral": clearances and volumes are apparent, over bioavailability.  analyte: which
    level its concentrations are.  equation: the named function that gives the typical
    parameters; the parameter tables then hold the reference patient's, and variability.
    """

    name: Text
    population: Text
    route: Literal["iv", "oral", "both"] = "iv"
    analyte: Literal["total", "unbound"] = "total"
    equation: Text | None = None
    cv_is: Literal["log-normal", "omega"] = "log-normal"
    note: Text | None = None
    source: Text
    parameter: tuple[Parameter, ...]
    residual: Residual | None = None
    reference: Reference
    kidneys: KidneySection | None = None
    covariance: tuple[Covariance, ...] = ()
    power: tuple[Power, ...] = ()
    linear: tuple[Linear, ...] = ()
    addition: tuple[Addition, ...] = ()
    exponential: tuple[Exponential, ...] = ()
    factor: tuple[Factor, ...] = ()
    maturation: tuple[Maturation, ...] = ()
    gene: tuple[Gene, ...] = ()
    following: tuple[Following, ...] = ()
    bound: tuple[Bound, ...] = ()


class DrugFile(Section):
    """One drug."""

    name: Text
    also_called: Text | None = None
    drug_class: Text
    summary: Text
    note: Text | None = None
    target: Target
    limit: tuple[Limit, ...] = ()
    binding: BindingSection | None = None
    fixed_dose: FixedDoseSection | None = None
    rhythm: RhythmSection | None = None
    model: tuple[ModelSection, ...] = ()
    source: tuple[Source, ...]


assert GENES == ("CYP2C19", "CYP2D6", "CYP3A5", "DPYD"), "the literal in Gene must follow"
