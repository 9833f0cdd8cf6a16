# SPDX-License-Identifier: MIT
"""A patient as one published model wants it: each covariate by name, with its figure.

Models differ in which weight and which kidney measure they take; a wrong one is a silent
dosing error, so each name here is one equation.  What no patient file holds is the
model's reference, and listed as assumed.  Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mesor.dosing.body import (
    adjusted_body_weight,
    body_mass_index,
    body_surface_area_du_bois,
    body_surface_area_mosteller,
    fat_free_mass,
    ideal_body_weight,
    lean_body_mass_james,
    lean_body_weight,
)
from mesor.dosing.figures import Figure
from mesor.dosing.genes.phenotype import Phenotype, gene_factors
from mesor.dosing.kidneys import (
    CLEARANCE_ML_MIN,
    UMOL_L_PER_MG_DL,
    WeightKind,
    ckd_epi_creatinine,
    cockcroft_gault,
    cockcroft_gault_weight,
)
from mesor.dosing.library.filtration import ckd_epi_2009, mdrd
from mesor.dosing.library.schema import Gene, KidneySection, ModelSection
from mesor.dosing.patient_file import PatientCovariates
from mesor.errors import DosingError

_WEEKS_PER_YEAR = 52.0  # as the models of postmenstrual age count
_TERM_WEEKS = 40.0
_OBESE_KG_M2 = 30.0
_COMPARED_WEIGHTS: tuple[WeightKind, ...] = ("actual", "adjusted", "ideal")


def _measured(name: str, value: float, unit: str) -> Figure:
    """Return a covariate that was given as such."""
    return Figure(name, value, unit, "patient")


def _creatinine_mg_dl(patient: PatientCovariates) -> float:
    """Return serum creatinine; DosingError when it was not measured."""
    if patient.creatinine_mg_dl is None:
        raise DosingError(
            "creatinine is missing and this model needs it; give creatinine_mg_dl or "
            "creatinine_umol_l under [kidneys]."
        )
    return patient.creatinine_mg_dl


_FIGURES: dict[str, Callable[[PatientCovariates], Figure]] = {
    "age_years": lambda p: _measured("age", p.age_years, "years"),
    "weight_kg": lambda p: _measured("weight", p.weight_kg, "kg"),
    "height_cm": lambda p: _measured("height", p.height_cm, "cm"),
    "body_mass_index_kg_m2": lambda p: body_mass_index(p.weight_kg, p.height_cm),
    "body_surface_area_m2": lambda p: body_surface_area_mosteller(p.weight_kg, p.height_cm),
    "body_surface_area_du_bois_m2": lambda p: body_surface_area_du_bois(p.weight_kg, p.height_cm),
    "ideal_body_weight_kg": lambda p: ideal_body_weight(p.height_cm, p.sex),
    "adjusted_body_weight_kg": lambda p: adjusted_body_weight(p.weight_kg, p.height_cm, p.sex),
    "lean_body_weight_kg": lambda p: lean_body_weight(p.weight_kg, p.height_cm, p.sex),
    "lean_body_mass_james_kg": lambda p: lean_body_mass_james(p.weight_kg, p.height_cm, p.sex),
    "fat_free_mass_kg": lambda p: fat_free_mass(p.weight_kg, p.height_cm, p.sex, p.age_years),
    "creatinine_mg_dl": lambda p: _measured("creatinine", _creatinine_mg_dl(p), "mg/dL"),
    "creatinine_umol_l": lambda p: _measured(
        "creatinine", _creatinine_mg_dl(p) * UMOL_L_PER_MG_DL, "umol/L"
    ),
    "egfr_ml_min_1_73m2": lambda p: ckd_epi_creatinine(p.age_years, p.sex, _creatinine_mg_dl(p)),
    "egfr_mdrd_ml_min_1_73m2": lambda p: mdrd(p.age_years, p.sex, _creatinine_mg_dl(p)),
    "egfr_ckd_epi_2009_ml_min_1_73m2": lambda p: ckd_epi_2009(
        p.age_years, p.sex, _creatinine_mg_dl(p)
    ),
    "albumin_g_l": lambda p: _measured("albumin", p.albumin_g_l, "g/L"),
    "hematocrit_percent": lambda p: _measured("hematocrit", p.hematocrit_percent, "%"),
}
_FILE_HAS = {
    *_FIGURES,
    "sex",
    "dialysis",
    "creatinine_clearance_ml_min",
    "postmenstrual_age_years",
}
_ASSUMED_BY_FILE = {"albumin_g_l": "albumin", "hematocrit_percent": "hematocrit"}


@dataclass(frozen=True, slots=True)
class SeenPatient:
    """A patient through the eyes of one model: values by covariate, and how they came about.

    outside: the warnings that say that the model was not made for this patient.
    """

    values: dict[str, float | str]
    figures: tuple[Figure, ...]
    assumed: tuple[str, ...]
    warnings: tuple[str, ...]
    outside: tuple[str, ...]


def wanted_besides(model: ModelSection) -> tuple[str, ...]:
    """Return the covariates of a model that no other section of a patient's file has."""
    return tuple(name for name in model.reference.covariates() if name not in _FILE_HAS)


def gene_name(relation: Gene) -> str:
    """Return the name under which a gene's factor stands among the covariates."""
    return relation.gene


def _gene_factor(relation: Gene, found: Phenotype) -> float | None:
    """Return a phenotype's factor, None where the gene's table has none for the drug.

    Raises DosingError where the genotype leaves more than one, or the model has none.
    """
    if relation.factors is None:
        assert relation.drug is not None, "the schema asks for one or the other"
        for effect in gene_factors(found, relation.drug):
            if effect.parameter == relation.effect:
                return effect.factor
        return None
    absent = [name for name in found.names if name not in relation.factors]
    if absent:
        raise DosingError(
            f"{found.gene} {found.genotype} is {absent[0]}, for which the model has no figure; "
            f"it has them for {', '.join(relation.factors)}."
        )
    values = sorted({relation.factors[name] for name in found.names})
    if len(values) > 1:
        raise DosingError(
            f"{found.gene} {found.genotype} can be {' or '.join(found.names)}; resolve the "
            "genotype, or leave the gene out and the reference patient is assumed."
        )
    return values[0]


def reference_values(model: ModelSection) -> dict[str, float | str]:
    """Return the covariates of the model's reference patient, genes as factors of one."""
    return model.reference.covariates() | {gene_name(item): 1.0 for item in model.gene}


def _of_its_kind(name: str, value: float | str, reference: float | str) -> float | str:
    """Return a covariate that was given; DosingError unless it is of the reference's kind."""
    if reference in ("yes", "no") and value not in ("yes", "no"):
        raise DosingError(f"{name} is {value!r}; it must be one of no, yes.")
    if isinstance(value, str) and not isinstance(reference, str):
        raise DosingError(f"{name} is {value!r}; it must be a number, like {reference:g}.")
    return value


class _Reader:
    """Gathers one patient's covariates for one model."""

    def __init__(
        self, model: ModelSection, patient: PatientCovariates, others: Mapping[str, float | str]
    ) -> None:
        self.model, self.patient, self.others = model, patient, others
        self.values: dict[str, float | str] = {}
        self.figures: list[Figure] = []
        self.assumed: list[str] = []
        self.warnings: list[str] = []
        self.outside: list[str] = []

    def read(self, name: str, reference: float | str) -> None:
        """Put one covariate's value, and all that is to be said of it."""
        if name in self.others:
            self.values[name] = _of_its_kind(name, self.others[name], reference)
        elif name == "sex":
            self.values[name] = self.patient.sex
        elif name == "dialysis":
            self.values[name] = "yes" if self.patient.dialysis else "no"
        elif name == "creatinine_clearance_ml_min":
            self._put(name, self._clearance())
        elif name == "postmenstrual_age_years":
            born_weeks = self.patient.gestation_weeks or _TERM_WEEKS
            age_years = self.patient.age_years + born_weeks / _WEEKS_PER_YEAR
            how = f"age and {born_weeks:g} weeks"
            self._put(name, Figure("postmenstrual age", age_years, "years", how))
            if self.patient.age_years < 2.0 and self.patient.gestation_weeks is None:
                self.assumed.append("birth at 40 weeks of gestation, for the postmenstrual age")
        elif name in _FIGURES:
            self._put(name, _FIGURES[name](self.patient))
            self._repeat_assumption(name)
        else:
            self.values[name] = reference
            shown = reference if isinstance(reference, str) else f"{reference:g}"
            self.assumed.append(f"{name} {shown}, as {self.model.name}'s reference patient")

    def read_gene(self, relation: Gene) -> None:
        """Put a gene's factor; without a genotype the reference patient's, as assumed."""
        name = gene_name(relation)
        for found in self.patient.phenotypes:
            if found.gene != relation.gene:
                continue
            factor = _gene_factor(relation, found)
            if factor is not None:
                called = f"{found.genotype}, {' or '.join(found.names)}"
                self.figures.append(Figure(name, factor, "factor", found.sources[0], called))
                self.values[name] = factor
                return
        self.values[name] = 1.0
        self.assumed.append(f"{relation.gene} {relation.reference}, for want of a genotype")

    def check_bounds(self) -> None:
        """Warn of each covariate outside those of the patients the model was made of."""
        for bound in self.model.bound:
            value = self.values.get(bound.covariate)
            if value is None and bound.covariate in _FIGURES:
                value = _FIGURES[bound.covariate](self.patient).value
            if isinstance(value, str) or value is None or bound.holds(value):
                continue
            self.outside.append(
                f"{bound.covariate} {value:.4g} is outside {bound.says()}, "
                f"the patients of {self.model.name}."
            )

    def check_route(self) -> None:
        """Warn that apparent parameters are of no use by vein."""
        if self.model.route == "oral":
            self.outside.append(
                f"{self.model.name} has apparent clearance and volumes, for oral doses only; no "
                "regimen by vein follows from them."
            )

    def check_dialysis(self) -> None:
        """Warn of a patient on dialysis in a model that has none."""
        if self.patient.dialysis and "dialysis" not in self.values:
            self.outside.append(
                f"the patient is on dialysis and {self.model.name} has none in it: creatinine "
                "tells little of clearance then, and what a session takes away is not reckoned."
            )

    def _put(self, name: str, figure: Figure) -> None:
        self.values[name] = figure.value
        self.figures.append(figure)

    def _repeat_assumption(self, name: str) -> None:
        """List a value that the patient file already had to assume."""
        for figure in self.patient.assumed:
            if figure.name == _ASSUMED_BY_FILE.get(name):
                self.assumed.append(f"{figure.name} {figure.value:g} {figure.unit}")

    def _clearance(self) -> Figure:
        """Return creatinine clearance as the model's authors took it."""
        kidneys = self.model.kidneys
        assert kidneys is not None, "a test holds that such a model says how"
        measured = self.patient.measured_clearance_ml_min
        if kidneys.measure == "measured" and measured is None:
            self.warnings.append(
                f"{self.model.name} was made on measured creatinine clearance; Cockcroft-Gault "
                "stands in for it."
            )
        if measured is not None and (
            kidneys.measure == "measured" or self.patient.creatinine_mg_dl is None
        ):
            if kidneys.measure != "measured":
                self.warnings.append(
                    f"{self.model.name} was made on Cockcroft-Gault; the measured clearance "
                    "stands in for it."
                )
            return _capped(
                Figure("creatinine clearance", measured, "mL/min", "patient", "measured"), kidneys
            )
        found = _capped(self._cockcroft_gault(kidneys), kidneys)
        if found.value > CLEARANCE_ML_MIN.high:
            raise DosingError(
                f"creatinine clearance by Cockcroft-Gault is {found.value:.0f} mL/min "
                f"{found.note}; kidneys do {CLEARANCE_ML_MIN.low:g} to {CLEARANCE_ML_MIN.high:g} "
                "mL/min, so check weight and creatinine, or give measured_clearance_ml_min in "
                "place of creatinine."
            )
        return found

    def _cockcroft_gault(self, kidneys: KidneySection) -> Figure:
        """Return Cockcroft-Gault on the model's weight, with its rule for low creatinine."""
        own, creatinine = self.patient, _creatinine_mg_dl(self.patient)
        least = kidneys.creatinine_least_mg_dl
        if least and creatinine < least and own.age_years > kidneys.creatinine_least_from_years:
            self.warnings.append(
                f"creatinine {creatinine:.3g} mg/dL is taken as {least:g} mg/dL, as "
                f"{self.model.name} does above {kidneys.creatinine_least_from_years:g} years."
            )
            creatinine = least
        if not kidneys.weight_is_stated:
            self.assumed.append(
                f"{kidneys.weight} body weight in Cockcroft-Gault; the source seen does not say"
            )
            self._warn_of_weight(creatinine)
        weight = _clearance_weight(kidneys, own)
        return cockcroft_gault(own.age_years, own.sex, creatinine, weight)

    def _warn_of_weight(self, creatinine_mg_dl: float) -> None:
        """Warn of an obese patient whose clearance rests on a weight that nobody stated."""
        own = self.patient
        if body_mass_index(own.weight_kg, own.height_cm).value < _OBESE_KG_M2:
            return
        size = (own.weight_kg, own.height_cm, own.sex)
        by_kind = {
            kind: cockcroft_gault(
                own.age_years, own.sex, creatinine_mg_dl, cockcroft_gault_weight(kind, *size)
            ).value
            for kind in _COMPARED_WEIGHTS
        }
        said = ", ".join(f"{value:.0f} mL/min on {kind}" for kind, value in by_kind.items())
        self.warnings.append(f"in obesity the weight in Cockcroft-Gault decides: {said} weight.")


def _clearance_weight(kidneys: KidneySection, patient: PatientCovariates) -> Figure:
    """Return the weight that the model's authors put into Cockcroft-Gault."""
    size = (patient.weight_kg, patient.height_cm, patient.sex)
    if kidneys.weight == "james":
        weight = lean_body_mass_james(*size)
    else:
        weight = cockcroft_gault_weight(kidneys.weight, *size)
    least = kidneys.weight_least_kg
    if least is not None and weight.value < least:
        return Figure(weight.name, least, "kg", weight.source, f"{weight.value:.3g} kg raised")
    return weight


def _capped(figure: Figure, kidneys: KidneySection) -> Figure:
    """Return the clearance no higher than the model's cap."""
    cap = kidneys.cap_ml_min
    if cap is None or figure.value <= cap:
        return figure
    note = f"{figure.note}; {figure.value:.4g} mL/min capped"
    return Figure(figure.name, cap, figure.unit, figure.source, note)


def see(
    model: ModelSection, patient: PatientCovariates, others: Mapping[str, float | str]
) -> SeenPatient:
    """Return the covariates that a model uses, as this patient has them.

    others: covariates that a patient file lacks, like {"opiates": "yes"}.  Raises
    DosingError for an unknown one, or a missing one that cannot be assumed.
    """
    reader = _Reader(model, patient, others)
    for name, reference in model.reference.covariates().items():
        reader.read(name, reference)
    for relation in model.gene:
        reader.read_gene(relation)
    unknown = [name for name in others if name not in reader.values]
    if unknown:
        raise DosingError(
            f"{unknown[0]} is no covariate of {model.name}; it takes "
            f"{', '.join(model.reference.covariates())}."
        )
    reader.check_bounds()
    reader.check_route()
    reader.check_dialysis()
    return SeenPatient(
        reader.values,
        tuple(reader.figures),
        tuple(reader.assumed),
        (*reader.warnings, *reader.outside),
        tuple(reader.outside),
    )
