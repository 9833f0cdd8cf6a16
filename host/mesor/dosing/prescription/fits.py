# SPDX-License-Identifier: MIT
"""The patient in each published model that is asked for, before the levels and after them.

Binding enters a model's clearance here, and genes that no model can reckon with become
warnings.  Pure but for the drug library's own files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mesor.dosing.figures import Effect
from mesor.dosing.genes.phenotype import (
    GeneFactor,
    Phenotype,
    UnquantifiedEffect,
    gene_advice,
    gene_factors,
)
from mesor.dosing.genes.table import gene_table
from mesor.dosing.kinetics import Dose
from mesor.dosing.levels import Level, PopulationModel, Posterior, average, estimate, prior
from mesor.dosing.library import Drug, IndividualModel, PublishedModel
from mesor.dosing.library.covariates import wanted_besides
from mesor.dosing.patient_file import PatientCovariates
from mesor.errors import DosingError

AVERAGE = "average"
_EVIDENCE_DRAWS = 256


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for: whom, which drug, model and MIC, and what was given and measured.

    target replaces the library's, in the index's own unit.  next_at_h: when the next dose
    is to be given; None leaves it to the regimen.
    """

    patient: PatientCovariates
    drug: Drug
    model: str | None = None
    mic_mg_l: float | None = None
    target: float | None = None
    doses: tuple[Dose, ...] = ()
    levels: tuple[Level, ...] = ()
    next_at_h: float | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """The patient in one published model, as covariates alone tell."""

    published: PublishedModel
    individual: IndividualModel

    @property
    def knows_albumin(self) -> bool:
        """Say whether albumin is in the model already."""
        return any(effect.covariate == "albumin_g_l" for effect in self.individual.effects)

    @property
    def unbound(self) -> bool:
        """Say whether the model's levels are of free drug."""
        return self.published.section.analyte == "unbound"


@dataclass(frozen=True, slots=True)
class ModelFit:
    """One person before the levels, after them (None without), and the model's weight."""

    person: Person
    before: Posterior
    after: Posterior | None
    weight: float

    @property
    def now(self) -> Posterior:
        """Return what is known best."""
        return self.after or self.before


def people(order: Order, warnings: list[str]) -> tuple[Person, ...]:
    """Return the patient in the model asked for, or in each of the drug's models.

    Of several, one that cannot take this patient is left out, with a warning; so is one
    that was not made for such a patient while others were.  Raises DosingError where none is left.
    """
    asked = order.drug.models if order.model == AVERAGE else (order.drug.model(order.model),)
    _check_others(order, asked)
    if order.model != AVERAGE:
        published = asked[0]
        try:
            return (_person(order, published),)
        except DosingError as error:
            others = [each.name for each in order.drug.models if each is not published]
            also = f" Other models of {order.drug.name} are {', '.join(others)}." if others else ""
            raise DosingError(f"{published.name}: {error}{also}") from None
    found: list[Person] = []
    for published in order.drug.models:
        if published.section.route == "oral":
            warnings.append(f"{published.name} is of oral doses and was left out.")
            continue
        analyte = published.section.analyte
        if found and analyte != found[0].published.section.analyte:
            warnings.append(f"{published.name} is of {analyte} levels and was left out.")
            continue
        try:
            found.append(_person(order, published))
        except DosingError as error:
            warnings.append(f"{published.name} was left out: {error}")
    if not found:
        raise DosingError(f"no model of {order.drug.name} can take this patient: {warnings[-1]}")
    fitting = [person for person in found if not person.individual.outside]
    for person in found if fitting else ():
        if person not in fitting:
            why = " ".join(person.individual.outside)
            warnings.append(f"{person.published.name} was left out: {why}")
    return tuple(fitting or found)


def _person(order: Order, published: PublishedModel) -> Person:
    """Return the patient in one model, with those of the file's [covariates] that it takes."""
    known = wanted_besides(published.section)
    others = {name: value for name, value in order.patient.others.items() if name in known}
    return Person(published, published.individual(order.patient, others))


def _check_others(order: Order, asked: Sequence[PublishedModel]) -> None:
    """Raise DosingError for one of the file's [covariates] that no model asked for takes."""
    taken = sorted({name for model in asked for name in wanted_besides(model.section)})
    for name in order.patient.others:
        if name not in taken:
            names = " and ".join(model.name for model in asked)
            takes = f"takes there {', '.join(taken)}" if taken else "takes none there"
            raise DosingError(f"[covariates] {name} is no covariate of {names}, which {takes}.")


def fits(
    order: Order, persons: tuple[Person, ...], clearance_factor: float
) -> tuple[ModelFit, ...]:
    """Return each person before and after the levels; several models weighed by evidence.

    clearance_factor: of protein binding, on models that do not have albumin themselves.
    """
    before, after = [], []
    oral = next((dose for dose in order.doses if dose.route == "oral"), None)
    for person in persons:
        if oral is not None and person.individual.kinetics.absorption is None:
            raise DosingError(
                f"the dose at {oral.time_h:g} h is oral, and {person.published.name} is of doses "
                "by vein only; take a model with absorption, or route iv."
            )
        factor = 1.0 if person.knows_albumin or person.unbound else clearance_factor
        population = _with_clearance(person.individual.population, factor)
        before.append(prior(population, order.doses))
        if order.levels:
            draws = _EVIDENCE_DRAWS if len(persons) > 1 else 0
            after.append(estimate(population, order.doses, order.levels, evidence_draws=draws))
    weights = average(after or before).weights
    return tuple(
        ModelFit(person, before[i], after[i] if after else None, weights[i])
        for i, person in enumerate(persons)
    )


def _with_clearance(population: PopulationModel, factor: float) -> PopulationModel:
    """Return the model with its typical elimination multiplied."""
    if factor == 1.0:
        return population
    typical = {
        name: value * (factor if name in ("clearance_l_h", "vmax_mg_h") else 1.0)
        for name, value in population.typical.items()
    }
    return replace(population, typical=typical)


def refuse_without_activity(order: Order) -> None:
    """Raise DosingError where a gene leaves nothing of what eliminates the drug."""
    for found in order.patient.phenotypes:
        drug = order.drug.name
        for effect in _effects(found, drug):
            if isinstance(effect, GeneFactor) and effect.high == 0.0:
                raise DosingError(
                    f"{_called(found)} leaves no activity, so no dose of {drug} follows: "
                    f"{_advised(found, drug)}."
                )


def gene_warnings(order: Order, persons: Sequence[Person]) -> tuple[str, ...]:
    """Return what the patient's genes do to the drug that no number says, and what is advised."""
    said: list[str] = []
    for found in order.patient.phenotypes:
        drug, called = order.drug.name, _called(found)
        if found.stated and gene_table(found.gene).affects(drug):
            assert found.score is not None, "a stated phenotype has the score that was stated"
            said.append(f"{called}: activity score {found.score.low:g} as stated; {found.stated}.")
        try:
            effects = gene_factors(found, drug)
        except DosingError as error:
            said.append(str(error))
            continue
        for effect in effects:
            if isinstance(effect, UnquantifiedEffect):
                said.append(f"{called}: {effect.says} ({effect.source}, which gives no figure).")
        advised = _advised(found, drug)
        if advised:
            said.append(f"{called}: {advised}.")
        for person in persons if effects else ():
            if found.gene not in [gene.gene for gene in person.published.section.gene]:
                said.append(
                    f"{called} changes {drug} {effects[0].parameter}, and "
                    f"{person.published.name} does not reckon with it: so neither does this dose."
                )
        if effects and found.is_ambiguous:
            said.append(f"{called} is ambiguous; resolve the genotype.")
        if effects and found.differing:
            said.append(f"{called}: another table differs: {found.differing}.")
    return tuple(said)


def _effects(found: Phenotype, drug: str) -> tuple[GeneFactor | UnquantifiedEffect, ...]:
    """Return a phenotype's effects on a drug, none where its function is not sure."""
    return () if found.is_unsure else gene_factors(found, drug)


def _called(found: Phenotype) -> str:
    """Return a genotype with what it means."""
    return f"{found.gene} {found.genotype} ({' or '.join(found.names)})"


def _advised(found: Phenotype, drug: str) -> str:
    """Return what the consensus recommends, with its sources, or nothing."""
    return "; ".join(f"{says} ({source})" for says, source in gene_advice(found, drug))


def rhythm_effects(drug: Drug) -> tuple[Effect, ...]:
    """Return what the clock does to clearance at its best and worst hour."""
    if drug.rhythm is None:
        return ()
    rhythm = drug.rhythm.clearance_rhythm()
    hours = (rhythm.peak_h, (rhythm.peak_h + rhythm.period_h / 2.0) % 24.0)
    return tuple(
        Effect(
            f"clock {int(hour):02d}:{int(60 * (hour % 1)):02d}",
            "clearance",
            rhythm.factor_at(hour),
            drug.rhythm.source,
        )
        for hour in hours
    )


def rhythm_assumed(drug: Drug) -> tuple[str, ...]:
    """Return what is left out of the dose of a drug with a daily rhythm."""
    if drug.rhythm is None:
        return ()
    return ("clearance at its mean of the day; only the pump's program follows its rhythm",)
