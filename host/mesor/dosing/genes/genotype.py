# SPDX-License-Identifier: MIT
"""Reads a genotype as laboratories write it into every diplotype that it can mean.

    *1/*4                  one diplotype
    *1/*2x2, *1/*2xN       copies of one allele; N of them: two or more
    *1/*2x≥3               three copies or more, as the consensus tables write it
    (*1/*4)xN              copies, but not known of which
    *36+*10/*1             genes in tandem on one chromosome, each perhaps with copies
    *1/*2 or *4/*10        the assay cannot tell
    c.2846A>T;HapB3        two variants, not known whether on one chromosome
    c.2846A>T;HapB3/*1     two variants that are on one

Nothing is guessed: what is open stays open as several diplotypes.  Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mesor.dosing.genes.table import GeneTable
from mesor.errors import DosingError

# Laboratories write the copies with a letter x or with a multiplication sign.
_COUNT = r"(?P<count>N|(?:\u2265|>=)?[0-9]{1,2})"
_COPIES = re.compile(rf"(?P<name>.+?)(?:[x\u00d7]{_COUNT})?")
_UNPLACED = re.compile(rf"\((?P<first>[^/()]+)/(?P<second>[^/()]+)\)[x\u00d7]{_COUNT}")
_TANDEM = re.compile(r"\+(?=\s*\*)")  # the plus in c.1905+1G>A joins nothing
_COPIES_MAX = 13
_SHOWN_MAX = 60


@dataclass(frozen=True, slots=True)
class GeneCopies:
    """One gene and its copies: variants (several only if phase allows it) and their count.

    copies_max is None when the laboratory counted only "N", two or more, or a least number.
    """

    alleles: tuple[str, ...]
    copies_min: int = 1
    copies_max: int | None = 1

    def __str__(self) -> str:
        """Return it as laboratories write it."""
        name = ";".join(self.alleles)
        if self.copies_max is None:
            return f"{name}xN" if self.copies_min == 2 else f"{name}x\u2265{self.copies_min}"
        return name if self.copies_max == 1 else f"{name}x{self.copies_max}"


@dataclass(frozen=True, slots=True)
class Haplotype:
    """What is on one chromosome: one gene, or several different ones in tandem."""

    genes: tuple[GeneCopies, ...]

    def __str__(self) -> str:
        """Return it as laboratories write it."""
        return "+".join(str(gene) for gene in self.genes)


@dataclass(frozen=True, slots=True)
class Diplotype:
    """Both chromosomes, in the order written."""

    first: Haplotype
    second: Haplotype

    def __str__(self) -> str:
        """Return it as laboratories write it."""
        return f"{self.first}/{self.second}"


def read_genotype(table: GeneTable, text: str) -> tuple[Diplotype, ...]:
    """Return every diplotype that text can mean, at least one.

    Raises DosingError for an unknown allele, naming the nearest, and for what is no
    genotype; a single allele is refused, the other one is never assumed.
    """
    found: list[Diplotype] = []
    for option in re.split(r"\s+or\s+", text.strip()):
        found += [item for item in _options(table, option.strip()) if item not in found]
    return tuple(found)


def _options(table: GeneTable, text: str) -> list[Diplotype]:
    """Return what one of the alternatives of a call can mean."""
    unplaced = _UNPLACED.fullmatch(text)
    if unplaced:
        first, second, count = unplaced.group("first", "second", "count")
        placed = (f"{first}x{count}/{second}", f"{first}/{second}x{count}")
        return [item for option in placed for item in _options(table, option)]
    if text.count(";") == 1 and "/" not in text:
        one, other = (table.allele(part.strip()) for part in text.split(";"))
        return _either_phase(table, one, other)
    parts = text.split("/")
    if len(parts) != 2 or not all(part.strip() for part in parts):
        raise DosingError(
            f"{table.gene} genotype {text[:_SHOWN_MAX]!r} is not two alleles; write it like "
            f"{_example(table)}, alternatives joined by ' or '."
        )
    return [Diplotype(_haplotype(table, parts[0]), _haplotype(table, parts[1]))]


def _either_phase(table: GeneTable, one: str, other: str) -> list[Diplotype]:
    """Return two variants on two chromosomes, and on one with a reference opposite."""
    if "Reference" not in table.activity:
        raise DosingError(
            f"{table.gene} goes by whole alleles; write {one}/{other}, not {one};{other}."
        )
    first, second, reference = (_single(name) for name in (one, other, "Reference"))
    together = Haplotype((GeneCopies((one, other)),))
    return [Diplotype(first, second), Diplotype(reference, together)]


def _single(allele: str) -> Haplotype:
    """Return a chromosome with one gene that has one variant."""
    return Haplotype((GeneCopies((allele,)),))


def _haplotype(table: GeneTable, text: str) -> Haplotype:
    """Return one chromosome: its genes from one end to the other."""
    parts = _TANDEM.split(text.strip()) if table.copies else [text]
    return Haplotype(tuple(_gene_copies(table, part.strip()) for part in parts))


def _gene_copies(table: GeneTable, text: str) -> GeneCopies:
    """Return an allele and its copies."""
    if ";" in text and not table.copies and "Reference" in table.activity:
        return GeneCopies(tuple(table.allele(part.strip()) for part in text.split(";")))
    match = _COPIES.fullmatch(text)
    if match is None:
        raise DosingError(
            f"{table.gene} has nothing on one side of a +; write a tandem like *36+*10."
        )
    name, count = table.allele(match["name"].strip()), match["count"]
    if count is None:
        return GeneCopies((name,))
    if not table.copies:
        raise DosingError(f"{table.gene} {text}: copies are counted for CYP2D6 only.")
    if count == "N":
        return GeneCopies((name,), 2, None)
    number = int(count.lstrip("\u2265>="))
    if not 1 <= number <= _COPIES_MAX:
        raise DosingError(
            f"{table.gene} {text} has {count} copies; it must be 1 to {_COPIES_MAX}, or N."
        )
    return GeneCopies((name,), number, number if count.isdecimal() else None)


def _example(table: GeneTable) -> str:
    """Return a genotype of this gene as an example."""
    return "Reference/c.2846A>T" if "Reference" in table.activity else "*1/*3"
