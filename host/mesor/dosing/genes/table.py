# SPDX-License-Identifier: MIT
"""Reads the table of one gene: alleles, what they do, and what two of them make.

The tables are the published consensus with their citation; nothing about an allele is
in the code, so that a new edition is a new file.  Values have no unit.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from mesor.errors import DosingError

GENES = ("CYP2C19", "CYP2D6", "CYP3A5", "DPYD")
UNCERTAIN = "uncertain"
_TWICE_NAMED = re.compile(r"(.+?)\s*\(([^()]+)\)")


@dataclass(frozen=True, slots=True)
class Band:
    """The phenotype of sums of activity from low to high, both included."""

    phenotype: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class GeneEffect:
    """What the gene does to one parameter of one drug.

    factors and unquantified are by phenotype: the former where a source states a figure,
    the latter says in words what is known where none does.  Without either the factor is
    the activity over 2.  advice is what the consensus recommends, by phenotype.
    """

    drug: str
    parameter: str
    source: str
    factors: dict[str, float]
    unquantified: dict[str, str]
    advice: dict[str, str]
    advice_source: str


@dataclass(frozen=True, slots=True)
class GeneTable:
    """One gene: allele values (or functions), phenotypes, effects, and their sources.

    activity and others are empty for a gene that goes by pairs of functions; functions
    and pairs are empty for one that goes by sums.
    """

    gene: str
    sources: tuple[str, ...]
    others_source: str
    copies: bool
    uncertain: frozenset[str]
    activity: dict[str, float]
    others: dict[str, float]
    bands: tuple[Band, ...]
    functions: dict[str, str]
    pairs: dict[frozenset[str], str]
    also_called: dict[str, str]
    phase: str  # what the consensus says of variants whose phase is not known
    effects: tuple[GeneEffect, ...]

    @property
    def alleles(self) -> tuple[str, ...]:
        """Return the names of all alleles that the table knows."""
        known = {*self.activity, *self.functions, *self.uncertain, *self.also_called}
        return tuple(sorted(known))

    def affects(self, drug: str) -> bool:
        """Say whether the gene does anything to a drug."""
        return any(effect.drug == drug for effect in self.effects)

    def allele(self, name: str) -> str:
        """Return the table's own name of an allele; DosingError names the nearest known.

        The consensus prints c.1905+1G>A (*2A); both names must then be of one allele.
        """
        twice = _TWICE_NAMED.fullmatch(name)
        if twice:
            first, second = (self.allele(part) for part in twice.groups())
            if first == second:
                return first
        name = self.also_called.get(name, name)
        if name in self.activity or name in self.functions or name in self.uncertain:
            return name
        nearest = difflib.get_close_matches(name, self.alleles, n=1, cutoff=0.0)[0]
        raise DosingError(
            f"{self.gene} {name} is not a known allele; the nearest one is {nearest}. "
            f"Known are those of: {self.sources[0]}."
        )


@cache
def gene_table(gene: str) -> GeneTable:
    """Return the table of a gene; DosingError names the nearest known gene."""
    if gene not in GENES:
        nearest = difflib.get_close_matches(gene.upper(), GENES, n=1, cutoff=0.0)[0]
        raise DosingError(f"{gene} is not a known gene; the nearest one is {nearest}.")
    text = resources.files(__package__).joinpath(f"{gene.lower()}.toml").read_text("utf-8")
    table = tomllib.loads(text)
    return GeneTable(
        gene=gene,
        sources=(table["alleles_source"], table["phenotypes_source"]),
        others_source=table.get("others_source", ""),
        copies=table["copies"],
        uncertain=frozenset(table["uncertain"]),
        activity=table.get("activity", {}),
        others=table.get("others", {}),
        bands=tuple(Band(**band) for band in table.get("band", ())),
        functions={
            allele: function
            for function, alleles in table.get("functions", {}).items()
            for allele in alleles
        },
        pairs={
            frozenset(functions): pair["phenotype"]
            for pair in table.get("pair", ())
            for functions in pair["functions"]
        },
        also_called=table.get("also_called", {}),
        phase=table.get("phase", ""),
        effects=tuple(
            GeneEffect(
                drug=effect["drug"],
                parameter=effect["parameter"],
                source=effect["source"],
                factors=effect.get("factors", {}),
                unquantified=effect.get("unquantified", {}),
                advice=effect.get("advice", {}),
                advice_source=effect.get("advice_source", effect["source"]),
            )
            for effect in table.get("effect", ())
        ),
    )
