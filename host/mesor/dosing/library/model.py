# SPDX-License-Identifier: MIT
"""A published model, and what it says of one patient.

`mesor prescribe` doses by IndividualModel and prints its effects, figures, assumptions and
warnings.  Pure; L, L/h, mg/L, h.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mesor.dosing.figures import Effect, Figure
from mesor.dosing.kinetics import KineticModel
from mesor.dosing.levels import PopulationModel, ResidualError
from mesor.dosing.library.covariates import reference_values, see
from mesor.dosing.library.parameters import kinetic_values
from mesor.dosing.library.relations import printed_parameters, steps
from mesor.dosing.library.schema import ModelSection, Source
from mesor.dosing.library.variability import occasions, only, subjects
from mesor.dosing.patient_file import PatientCovariates

# Where no residual error is published, a level is trusted no more than an assay's.
_RESIDUAL_ASSUMED = 0.1


@dataclass(frozen=True, slots=True)
class ActiveMetabolite:
    """What a prodrug becomes: the share of it, and that one's own disposition."""

    fraction: float
    clearance_l_h: float
    volume_l: float

    def auc_mg_h_l(self, dose_mg: float) -> float:
        """Return the metabolite's whole area after a dose, in the parent's mass: F dose / CL."""
        return self.fraction * dose_mg / self.clearance_l_h


@dataclass(frozen=True, slots=True)
class IndividualModel:
    """One patient in one published model.

    kinetics is the typical patient with these covariates; population the same with its
    variability, for levels.  effects tell each covariate's factor on each printed parameter
    against the model's reference patient.  outside: those of the warnings that say that the
    model was not made for this patient.  metabolite is None unless the drug is a prodrug.
    """

    model: str
    kinetics: KineticModel
    population: PopulationModel
    parameters: Mapping[str, float]
    reference: Mapping[str, float]
    effects: tuple[Effect, ...]
    figures: tuple[Figure, ...]
    assumed: tuple[str, ...]
    warnings: tuple[str, ...]
    outside: tuple[str, ...]
    metabolite: ActiveMetabolite | None = None


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """One model of one drug, as its paper has it."""

    drug: str
    section: ModelSection
    sources: Mapping[str, Source]

    @property
    def name(self) -> str:
        """Return its authors and year."""
        return self.section.name

    def citation(self, key: str) -> str:
        """Return the source behind a key, in one line."""
        return self.sources[key].cited()

    def reference_parameters(self) -> dict[str, float]:
        """Return the printed parameters of the model's own reference patient."""
        return printed_parameters(self.section, reference_values(self.section))

    def individual(
        self,
        patient: PatientCovariates,
        others: Mapping[str, float | str] | None = None,
    ) -> IndividualModel:
        """Return this patient's model.

        others: covariates that no patient file holds, like {"opiates": "yes"}; without
        them the reference patient's are taken, and listed as assumed.  Raises DosingError
        for a covariate that is missing and cannot be assumed, or leads to no patient.
        """
        seen = see(self.section, patient, others or {})
        before = reference_values(self.section)
        values = printed_parameters(self.section, seen.values)
        typical = kinetic_values(values)
        assumed = list(seen.assumed)
        population = PopulationModel(
            f"{self.drug} {self.name}",
            typical,
            only(typical, subjects(self.section)),
            self._residual(assumed),
            only(typical, occasions(self.section)),
        )
        effects = tuple(
            Effect(step.covariate, step.parameter, step.factor, self.citation(step.source))
            for step in steps(self.section, before, seen.values)
        )
        return IndividualModel(
            model=self.name,
            kinetics=population.kinetics({}),
            population=population,
            parameters=values,
            reference=self.reference_parameters(),
            effects=effects,
            figures=seen.figures,
            assumed=tuple(assumed),
            warnings=seen.warnings,
            outside=seen.outside,
            metabolite=_metabolite(values),
        )

    def _residual(self, assumed: list[str]) -> ResidualError:
        """Return the residual error; without a published one an assumed, which is listed."""
        own = self.section.residual
        if own is None:
            assumed.append(
                f"residual error {100 * _RESIDUAL_ASSUMED:g} %, {self.name} has none that was seen"
            )
            return ResidualError(_RESIDUAL_ASSUMED)
        return ResidualError(own.proportional, own.additive_mg_l, own.combine)


def _metabolite(values: Mapping[str, float]) -> ActiveMetabolite | None:
    """Return the active metabolite that printed parameters describe, if they do."""
    if "metabolite_fraction" not in values:
        return None
    return ActiveMetabolite(
        values["metabolite_fraction"],
        values["metabolite_clearance_l_h"],
        values["metabolite_volume_l"],
    )
