# SPDX-License-Identifier: MIT
"""From covariates to printed parameters, by the typed relations of a drug's file.

    parameter = value x product of factors + added + sum of additions

Each form is one function of one number; nothing is evaluated from text.  Pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from mesor.dosing.library.covariates import gene_name
from mesor.dosing.library.equations import equation
from mesor.dosing.library.schema import (
    Addition,
    Exponential,
    Factor,
    Gene,
    Linear,
    Maturation,
    ModelSection,
    Power,
)
from mesor.dosing.library.sigmoid import sigmoid
from mesor.errors import DosingError

Covariates = Mapping[str, float | str]
Multiplying = Power | Linear | Exponential | Factor | Maturation | Gene
Relation = Multiplying | Addition


def covariate_of(relation: Relation) -> str:
    """Return the covariate that a relation reads."""
    return gene_name(relation) if isinstance(relation, Gene) else relation.covariate


def relations(model: ModelSection) -> tuple[Relation, ...]:
    """Return all of a model's relations to covariates."""
    return (
        *model.power,
        *model.linear,
        *model.exponential,
        *model.factor,
        *model.maturation,
        *model.gene,
        *model.addition,
    )


def factor(relation: Multiplying, covariates: Covariates) -> float:
    """Return what a relation multiplies its parameter by; DosingError without its covariate."""
    if isinstance(relation, Factor):
        category = str(_given(covariates, relation.covariate))
        if category not in relation.factors:
            raise DosingError(
                f"{relation.covariate} is {category!r}; it must be one of "
                f"{', '.join(relation.factors)}."
            )
        return relation.factors[category]
    if isinstance(relation, Gene):
        return _number(covariates, gene_name(relation))
    value = _number(covariates, relation.covariate)
    if isinstance(relation, Power):
        if value < 0.0 or (value == 0.0 and relation.exponent < 0.0):
            raise DosingError(f"{relation.covariate} is {value:g}; it must be more than 0.")
        return float((value / relation.reference) ** relation.exponent)
    if isinstance(relation, Linear):
        held = max(value, relation.least if relation.least is not None else value)
        held = min(held, relation.most if relation.most is not None else held)
        return 1.0 + relation.slope * (held - relation.reference)
    if isinstance(relation, Exponential):
        return math.exp(relation.slope * (value - relation.reference))
    grown = relation.base + sigmoid(value, relation.half, relation.hill)
    if relation.reference is None:
        return grown
    return grown / (relation.base + sigmoid(relation.reference, relation.half, relation.hill))


def printed_parameters(model: ModelSection, covariates: Covariates) -> dict[str, float]:
    """Return every parameter of a model under its printed name, for these covariates.

    Raises DosingError where a relation leads to what no patient can have.
    """
    if model.equation is not None:
        return equation(model.equation)(covariates)
    values = {item.name: item.value for item in model.parameter}
    for relation in relations(model):
        if not isinstance(relation, Addition):
            values[relation.parameter] *= factor(relation, covariates)
    for item in model.parameter:
        values[item.name] += item.added
    for added in model.addition:
        change = _number(covariates, added.covariate) - added.reference
        values[added.parameter] += added.slope * change
    for follower in model.following:
        ratio = values[follower.follows] / follower.reference
        values[follower.parameter] *= ratio**follower.exponent
    for name in ("clearance_l_h", "clearance_l_min", "vmax_mg_h", "k10_per_h", "k10_per_min"):
        if values.get(name) == 0.0:
            raise DosingError(
                f"{model.name} gives {name} = 0: this patient would eliminate nothing, and no "
                "dose follows from that; look at the kidneys' values, or take another model."
            )
    for name, value in values.items():
        if not (math.isfinite(value) and value >= 0.0):
            raise DosingError(
                f"{model.name} gives {name} = {value:.3g} for this patient, which nobody has; "
                "the patient is outside the model, so take another one."
            )
    return values


@dataclass(frozen=True, slots=True)
class Step:
    """One covariate's factor on one parameter, with the others as far as they had come."""

    covariate: str
    parameter: str
    factor: float
    source: str


def steps(model: ModelSection, reference: Covariates, covariates: Covariates) -> tuple[Step, ...]:
    """Return what each covariate did to each parameter against the reference patient.

    Covariates are exchanged one after the other in the reference's order, so that the
    factors of a parameter multiply to its whole change, interactions included.
    """
    linked = {(covariate_of(item), item.parameter): item.source for item in relations(model)}
    now, found = dict(reference), []
    before = printed_parameters(model, now)
    for covariate in reference:
        now[covariate] = covariates[covariate]
        after = printed_parameters(model, now)
        for name, value in after.items():
            ratio = value / before[name] if before[name] > 0.0 else 1.0
            if (covariate, name) in linked or abs(ratio - 1.0) > 1e-12:
                source = linked.get((covariate, name), model.source)
                found.append(Step(covariate, name, ratio, source))
        before = after
    return tuple(found)


def _given(covariates: Covariates, name: str) -> float | str:
    """Return a covariate; DosingError when it is missing."""
    if name not in covariates:
        raise DosingError(f"the covariate {name} is missing.")
    return covariates[name]


def _number(covariates: Covariates, name: str) -> float:
    """Return a covariate that is a number."""
    value = _given(covariates, name)
    if isinstance(value, str):
        raise DosingError(f"{name} is {value!r}; it must be a number.")
    return value
