# SPDX-License-Identifier: MIT
"""From a genotype to the phenotypes it can have, and to factors on a drug's parameters.

An ambiguous genotype keeps all its phenotypes and the whole range of each factor: which
one to dose by is the prescriber's choice and never made here.  The prescriber makes it by
stating the activity score, of a gene that has one.  Pure; no units.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from mesor.dosing.genes.genotype import Diplotype, GeneCopies, read_genotype
from mesor.dosing.genes.table import UNCERTAIN, GeneEffect, GeneTable, gene_table
from mesor.errors import DosingError

INDETERMINATE = "indeterminate"
_UNSURE = (INDETERMINATE, "possible intermediate metabolizer")  # of an allele nobody knows


@dataclass(frozen=True, slots=True)
class ScoreRange:
    """Sum of activity, from low to high; high is infinite where copies were not counted."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Phenotype:
    """What a genotype means: one phenotype, or several when the call leaves it open.

    score is None for a gene that goes by pairs, or when a function is uncertain.
    differing says what another published table makes of it, if that differs; stated, what the
    genotype left open where the prescriber stated the score, and "" where nobody did.
    """

    gene: str
    genotype: str
    diplotypes: tuple[str, ...]
    names: tuple[str, ...]
    score: ScoreRange | None
    sources: tuple[str, ...]
    differing: str = ""
    stated: str = ""

    @property
    def is_ambiguous(self) -> bool:
        """Say whether more than one phenotype is left, or none could be told for sure."""
        return len(self.names) > 1 or self.is_unsure

    @property
    def is_unsure(self) -> bool:
        """Say whether an allele of uncertain function is in it."""
        return any(name in _UNSURE for name in self.names)


@dataclass(frozen=True, slots=True)
class GeneFactor:
    """Factor on a parameter against the reference patient: low = high unless ambiguous."""

    gene: str
    drug: str
    parameter: str
    low: float
    high: float
    source: str

    @property
    def factor(self) -> float:
        """Return the factor; DosingError when the genotype leaves a range."""
        if self.low != self.high:
            raise DosingError(
                f"{self.gene} leaves {self.low:g} to {self.high:g} as the factor on "
                f"{self.drug} {self.parameter}; resolve the genotype{_choice(self.gene)}."
            )
        return self.low


@dataclass(frozen=True, slots=True)
class UnquantifiedEffect:
    """The drug is affected, and the gene's consensus gives no figure: a warning, no number."""

    gene: str
    drug: str
    parameter: str
    says: str
    source: str

    @property
    def factor(self) -> float:
        """Raise DosingError: there is none, and one must not be taken for it."""
        raise DosingError(
            f"{self.gene} changes {self.drug} {self.parameter} and its consensus gives no figure: "
            f"{self.says}; no dose follows from it."
        )


def _choice(gene: str) -> str:
    """Return how the prescriber chooses, for a gene whose activity is a sum."""
    table = gene_table(gene)
    if not table.activity:
        return ""
    phase = f" ({table.phase})" if table.phase else ""
    return f"{phase}, or state {gene.lower()}_activity_score under [genes]"


def phenotype_of_score(gene: str, score: float) -> Phenotype:
    """Return what an activity score means that was stated without a genotype."""
    table = gene_table(gene)
    return Phenotype(
        gene=gene,
        genotype=f"activity score {score:g}",
        diplotypes=(),
        names=_names_of_score(table, score),
        score=ScoreRange(score, score),
        sources=table.sources,
        stated="no genotype was given",
    )


def with_score(found: Phenotype, score: float) -> Phenotype:
    """Return a phenotype under the score that the prescriber states, of those left open.

    Raises DosingError for a score that the genotype cannot have.
    """
    names, left = _names_of_score(gene_table(found.gene), score), "any score"
    if found.score is not None:
        low, high = found.score.low, found.score.high
        left = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        if not low <= score <= high:
            raise DosingError(
                f"{found.gene} {found.genotype} has an activity score of {left}, and "
                f"{found.gene.lower()}_activity_score states {score:g}; mend one of them."
            )
    return replace(
        found, names=names, score=ScoreRange(score, score), stated=f"the genotype leaves {left}"
    )


def _names_of_score(table: GeneTable, score: float) -> tuple[str, ...]:
    """Return the phenotype of a score; raise DosingError for one that no alleles make."""
    names = tuple(band.phenotype for band in table.bands if band.low <= score <= band.high)
    step = min(value for value in table.activity.values() if value > 0.0)
    if not names or score % step:
        listed = ", ".join(
            f"{band.low:g} to {band.high:g} {band.phenotype}" for band in table.bands
        )
        raise DosingError(
            f"{table.gene} has no activity score of {score:g}; it goes in steps of {step:g}: "
            f"{listed}."
        )
    return names


def phenotype(gene: str, genotype: str) -> Phenotype:
    """Return what a genotype means by the gene's consensus table.

    Raises DosingError for an unknown gene or allele, naming the nearest.
    """
    table = gene_table(gene)
    diplotypes = read_genotype(table, genotype)
    names, score = _names(table, diplotypes, table.activity)
    return Phenotype(
        gene=gene,
        genotype=genotype,
        diplotypes=tuple(str(item) for item in diplotypes),
        names=names,
        score=score,
        sources=table.sources,
        differing=_differing(table, diplotypes, score),
    )


def gene_factors(found: Phenotype, drug: str) -> tuple[GeneFactor | UnquantifiedEffect, ...]:
    """Return what a phenotype does to a drug; empty when the gene's table has no such drug.

    An ambiguous genotype any of whose phenotypes has no figure is unquantified.  Raises
    DosingError when the phenotype is not sure and the drug depends on the gene.
    """
    effects = [effect for effect in gene_table(found.gene).effects if effect.drug == drug]
    if effects and found.is_unsure:
        raise DosingError(
            f"{found.gene} {found.genotype} has an allele of uncertain function, and {drug} "
            "depends on it; leave the genotype out, and a model takes its own reference patient "
            "and lists that as assumed."
        )
    return tuple(_effect_on(found, effect) for effect in effects)


def gene_advice(found: Phenotype, drug: str) -> tuple[tuple[str, str], ...]:
    """Return what the consensus recommends for a drug, each with its source; often nothing."""
    said = [
        (effect.advice[name], effect.advice_source)
        for effect in gene_table(found.gene).effects
        if effect.drug == drug
        for name in found.names
        if name in effect.advice
    ]
    return tuple(dict.fromkeys(said))


def _effect_on(found: Phenotype, effect: GeneEffect) -> GeneFactor | UnquantifiedEffect:
    """Return one effect of a phenotype: its factor, or what is known instead of one."""
    known = [effect.unquantified[name] for name in found.names if name in effect.unquantified]
    if known:
        says = " or ".join(dict.fromkeys(known))
        return UnquantifiedEffect(found.gene, effect.drug, effect.parameter, says, effect.source)
    if effect.factors:
        values = [effect.factors[name] for name in found.names]
    else:
        assert found.score is not None, "only genes with a score have such an effect"
        values = [found.score.low / 2.0, found.score.high / 2.0]
    low, high = min(values), max(values)
    return GeneFactor(found.gene, effect.drug, effect.parameter, low, high, effect.source)


def _names(
    table: GeneTable, diplotypes: tuple[Diplotype, ...], activity: dict[str, float]
) -> tuple[tuple[str, ...], ScoreRange | None]:
    """Return all phenotypes of these diplotypes, in the table's order, and their scores."""
    if not table.activity:
        made = {_by_pair(table, diplotype) for diplotype in diplotypes}
        order = [*table.pairs.values(), INDETERMINATE]
        return tuple(dict.fromkeys(name for name in order if name in made)), None
    scores = [_score(table, diplotype, activity) for diplotype in diplotypes]
    known = [score for score in scores if score is not None]
    names = tuple(
        band.phenotype
        for band in table.bands
        if any(score.low <= band.high and score.high >= band.low for score in known)
    )
    if len(known) < len(scores):
        return (*names, INDETERMINATE), None
    return names, ScoreRange(min(s.low for s in known), max(s.high for s in known))


def _by_pair(table: GeneTable, diplotype: Diplotype) -> str:
    """Return the phenotype of two functions."""
    functions = frozenset(
        table.functions.get(haplotype.genes[0].alleles[0], UNCERTAIN)
        for haplotype in (diplotype.first, diplotype.second)
    )
    return table.pairs.get(functions, INDETERMINATE)


def _score(
    table: GeneTable, diplotype: Diplotype, activity: dict[str, float]
) -> ScoreRange | None:
    """Return the sum over all genes of both chromosomes, or None if one is uncertain."""
    genes = (*diplotype.first.genes, *diplotype.second.genes)
    if any(allele in table.uncertain for gene in genes for allele in gene.alleles):
        return None
    low = sum(_value(gene, activity) * gene.copies_min for gene in genes)
    high = sum(_most(gene, activity) for gene in genes)
    return ScoreRange(low, high)


def _value(gene: GeneCopies, activity: dict[str, float]) -> float:
    """Return the activity of one copy: of several variants on it, the worst counts."""
    return min(activity[allele] for allele in gene.alleles)


def _most(gene: GeneCopies, activity: dict[str, float]) -> float:
    """Return the highest activity that a gene's copies can have."""
    value = _value(gene, activity)
    if gene.copies_max is None:
        return math.inf if value > 0.0 else 0.0
    return value * gene.copies_max


def _differing(
    table: GeneTable, diplotypes: tuple[Diplotype, ...], score: ScoreRange | None
) -> str:
    """Say what the other published table makes of these diplotypes, if it differs."""
    if score is None or not table.others:
        return ""
    names, other = _names(table, diplotypes, table.activity | table.others)
    if other is None or other == score:
        return ""
    span = f"{other.low:g}" if other.low == other.high else f"{other.low:g} to {other.high:g}"
    return f"{table.others_source}: activity {span}, {' or '.join(names)}"
