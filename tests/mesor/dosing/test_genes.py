# SPDX-License-Identifier: MIT
"""Genotypes: the consensus tables' own examples, ambiguous calls, and what is refused."""

from __future__ import annotations

import math

import pytest

from mesor.dosing.genes.phenotype import (
    GeneFactor,
    UnquantifiedEffect,
    gene_advice,
    gene_factors,
    phenotype,
    phenotype_of_score,
    with_score,
)
from mesor.dosing.genes.table import GENES, gene_table
from mesor.errors import DosingError


@pytest.mark.parametrize(
    ("genotype", "score", "name"),
    [
        ("*1/*1", 2.0, "normal"),
        ("*1/*1x2", 3.0, "ultrarapid"),
        ("*1/*3", 1.0, "intermediate"),
        ("*1/*4", 1.0, "intermediate"),
        ("*1/*4x2", 1.0, "intermediate"),
        ("*1/*10", 1.25, "normal"),
        ("*1/*10x2", 1.5, "normal"),
        ("*1/*17", 1.5, "normal"),
        ("*1/*35x2", 3.0, "ultrarapid"),
        ("*10/*10", 0.5, "intermediate"),
        ("*10/*10x2", 0.75, "intermediate"),
        ("*10/*11", 0.25, "intermediate"),
        ("*1/*9", 1.25, "normal"),
        ("*3/*4", 0.0, "poor"),
        ("*5/*5", 0.0, "poor"),
    ],
)
def test_cyp2d6_diplotypes_have_the_score_and_phenotype_of_the_consensus(
    genotype: str, score: float, name: str
) -> None:
    """Expected: rows of CPIC's diplotype table; before 2019 a sum of 1 was called normal."""
    found = phenotype("CYP2D6", genotype)
    assert found.score is not None
    assert (found.score.low, found.score.high) == (score, score)
    assert found.names == (f"{name} metabolizer",) and not found.is_ambiguous


@pytest.mark.parametrize(
    ("genotype", "name"),
    [
        ("*17/*17", "ultrarapid metabolizer"),
        ("*1/*17", "rapid metabolizer"),
        ("*1/*1", "normal metabolizer"),
        ("*1/*38", "normal metabolizer"),
        ("*1/*2", "intermediate metabolizer"),
        ("*2/*17", "intermediate metabolizer"),
        ("*1/*9", "likely intermediate metabolizer"),
        ("*10/*10", "likely intermediate metabolizer"),
        ("*10/*17", "likely intermediate metabolizer"),
        ("*10/*22", "likely poor metabolizer"),
        ("*2/*3", "poor metabolizer"),
        ("*1/*12", "indeterminate"),
        ("*10/*14", "indeterminate"),
    ],
)
def test_cyp2c19_goes_by_the_pair_and_not_by_a_sum(genotype: str, name: str) -> None:
    """Expected: rows of CPIC's diplotype table; *17 does not make good for *2."""
    found = phenotype("CYP2C19", genotype)
    assert found.names == (name,) and found.score is None


@pytest.mark.parametrize(
    ("genotype", "name", "factor"),
    [
        ("*1/*1", "normal metabolizer", 1.6),
        ("*1/*6", "intermediate metabolizer", 1.6),
        ("*3/*3", "poor metabolizer", 1.0),
        ("*6/*7", "poor metabolizer", 1.0),
    ],
)
def test_cyp3a5_expressers_clear_tacrolimus_faster(
    genotype: str, name: str, factor: float
) -> None:
    """CPIC's rows; Andrews 2019's factor against the non-expresser, the usual patient."""
    found = phenotype("CYP3A5", genotype)
    assert found.names == (name,)
    (effect,) = gene_factors(found, "tacrolimus")
    assert effect.factor == factor and effect.parameter == "oral clearance"


@pytest.mark.parametrize(
    ("genotype", "score", "name"),
    [
        ("Reference/Reference", 2.0, "normal"),
        ("Reference/HapB3", 1.5, "intermediate"),
        ("Reference/c.1236G>A", 1.5, "intermediate"),
        ("Reference/c.2846A>T", 1.5, "intermediate"),
        ("*1/*2A", 1.0, "intermediate"),
        ("Reference/c.1679T>G", 1.0, "intermediate"),
        ("HapB3/c.2846A>T", 1.0, "intermediate"),
        ("HapB3/c.1905+1G>A", 0.5, "poor"),
        ("*2A/*13", 0.0, "poor"),
    ],
)
def test_dpyd_scores_and_what_they_leave_of_the_enzyme(
    genotype: str, score: float, name: str
) -> None:
    """Expected: the genotype table of PMC8301551; score over 2 is the enzyme's share."""
    found = phenotype("DPYD", genotype)
    assert found.score is not None and found.score.low == score
    assert found.names == (f"{name} metabolizer",)
    (effect,) = gene_factors(found, "fluorouracil")
    assert effect.factor == score / 2 and effect.parameter == "vmax"


CPIC_TABLE = """
CYP2D6 *1/*1x≥3 ultrarapid | CYP2D6 *1/*2x2 ultrarapid | CYP2D6 *1/*4x≥3 intermediate
CYP2D6 *1/*5 intermediate | CYP2D6 *1/*8 intermediate | CYP2D6 *1/*9x2 normal
CYP2D6 *1/*14 normal | CYP2D6 *1/*17x2 normal | CYP2D6 *1/*22 indeterminate
CYP2C19 *1/*4 intermediate | CYP2C19 *1/*11 normal | CYP2C19 *1/*16 likely_intermediate
CYP2C19 *1/*19 likely_intermediate | CYP2C19 *1/*22 intermediate | CYP2C19 *1/*23 indeterminate
CYP2C19 *1/*25 likely_intermediate | CYP2C19 *1/*35 intermediate | CYP2C19 *1/*36 intermediate
CYP2C19 *1/*39 indeterminate | CYP2C19 *10/*24 likely_poor | CYP2C19 *10/*16 likely_intermediate
CYP3A5 *1/*1 normal | CYP3A5 *1/*3 intermediate | CYP3A5 *1/*7 intermediate
CYP3A5 *1/*8 possible_intermediate | CYP3A5 *1/*9 possible_intermediate | CYP3A5 *3/*6 poor
CYP3A5 *7/*7 poor | CYP3A5 *3/*8 indeterminate | CYP3A5 *8/*9 indeterminate
DPYD Reference/c.46C>G normal | DPYD Reference/c.61C>T intermediate
DPYD Reference/c.557A>G intermediate | DPYD Reference/c.868A>G intermediate
DPYD Reference/c.85T>C_(*9A) normal | DPYD Reference/c.1003G>T_(*11) normal
DPYD Reference/c.703C>T_(*8) intermediate | DPYD Reference/c.1156G>T_(*12) intermediate
DPYD Reference/c.295_298delTCAT_(*7) intermediate | DPYD Reference/c.1314T>G intermediate
DPYD Reference/c.1129-5923C>G,_c.1236G>A_(HapB3) intermediate
DPYD Reference/c.1475C>T intermediate
"""
CPIC_ROWS = [row.split() for row in CPIC_TABLE.replace("\n", "|").split("|") if row.strip()]


@pytest.mark.parametrize(("gene", "genotype", "name"), CPIC_ROWS)
def test_rows_of_the_consensus_tables_are_read_as_they_are_printed(
    gene: str, genotype: str, name: str
) -> None:
    """Expected: diplotypes of PharmCAT's copies of CPIC's tables (2023-09 to 2024-03)."""
    spelled = genotype.replace("_(", " (").replace(",_", ", ")
    said = name.replace("_", " ") + ("" if name == "indeterminate" else " metabolizer")
    assert phenotype(gene, spelled).names == (said,)


def test_at_least_three_copies_are_a_least_sum() -> None:
    """CPIC's table: *1/*1x≥3 has an activity of at least 4."""
    found = phenotype("CYP2D6", "*1/*1x≥3")
    assert found.score is not None and (found.score.low, found.score.high) == (4.0, math.inf)
    assert found.diplotypes == ("*1/*1x≥3",)
    assert phenotype("CYP2D6", "*1/*1x>=3").score == found.score


def test_two_names_of_an_allele_must_be_of_one_allele() -> None:
    """c.2846A>T is not *2A; which of the two was found is not for us to say."""
    with pytest.raises(DosingError, match=r"c\.2846A>T \(\*2A\) is not a known allele"):
        phenotype("DPYD", "Reference/c.2846A>T (*2A)")


@pytest.mark.parametrize(
    ("gene", "genotype", "drug", "says"),
    [  # CPIC for DPYD, table 2 with the update of 2018; for CYP3A5, table 2
        ("DPYD", "Reference/HapB3", "fluorouracil", "half the starting dose"),
        ("DPYD", "*1/*2A", "fluorouracil", "half the starting dose"),
        ("DPYD", "HapB3/*2A", "fluorouracil", "avoid it"),
        ("CYP3A5", "*1/*3", "tacrolimus", "1.5 to 2 times the starting dose, at most 0.3 mg/kg"),
    ],
)
def test_what_the_consensus_recommends_is_told(
    gene: str, genotype: str, drug: str, says: str
) -> None:
    """A factor alone does not say that half the dose is the consensus."""
    ((advice, source),) = gene_advice(phenotype(gene, genotype), drug)
    assert says in advice and source.startswith("CPIC: ")
    assert gene_advice(phenotype("DPYD", "*1/*1"), "fluorouracil") == ()


def test_a_call_with_alternatives_keeps_every_phenotype() -> None:
    """The assay cannot tell: neither may we."""
    found = phenotype("CYP2D6", "*1/*2 or *4/*10")
    assert found.diplotypes == ("*1/*2", "*4/*10") and found.is_ambiguous
    assert found.names == ("intermediate metabolizer", "normal metabolizer")


def test_uncounted_copies_are_a_range_without_a_top() -> None:
    """Two or more: sure to be ultrarapid for *1, anything from intermediate for *10."""
    assert phenotype("CYP2D6", "*1/*1xN").names == ("ultrarapid metabolizer",)
    found = phenotype("CYP2D6", "*10/*10xN")
    assert found.score is not None and found.score.low == 0.75 and found.score.high == math.inf
    assert len(found.names) == 3
    assert phenotype("CYP2D6", "*4/*4xN").names == ("poor metabolizer",)


def test_copies_of_an_unknown_allele_are_tried_on_both() -> None:
    """A duplicated *4 stays intermediate, a duplicated *1 becomes normal."""
    found = phenotype("CYP2D6", "(*1/*4)x2")
    assert found.diplotypes == ("*1x2/*4", "*1/*4x2")
    assert found.names == ("intermediate metabolizer", "normal metabolizer")


@pytest.mark.parametrize(
    ("tandem", "score"),
    [("*36+*10", 0.25), ("*36x2+*10", 0.25), ("*1x2+*4x2+*10", 2.25), ("*68+*4", 0.0)],
)
def test_genes_in_tandem_on_one_chromosome_add_up(tandem: str, score: float) -> None:
    """Expected: pypgx's documented scores of the tandem; *36 is no function, *10 is 0.25.

    *36+*10 is the most frequent tandem of East Asians, and was refused as unknown.
    """
    found = phenotype("CYP2D6", f"{tandem}/*5")
    assert found.score is not None and (found.score.low, found.score.high) == (score, score)
    assert found.diplotypes == (f"{tandem}/*5",)
    assert phenotype("CYP2D6", f"*5/{tandem}").names == found.names


def test_copies_within_a_tandem_may_be_uncounted() -> None:
    """Two or more of *36 change nothing, of *10 they leave the top open."""
    none = phenotype("CYP2D6", "*36xN+*10/*10")
    assert none.score is not None and (none.score.low, none.score.high) == (0.5, 0.5)
    more = phenotype("CYP2D6", "*36+*10xN/*10")
    assert more.score is not None and (more.score.low, more.score.high) == (0.75, math.inf)


def test_unknown_phase_leaves_both_scores() -> None:
    """Lunenburg's Suppl. Table 3: c.2846A>T with *2A is 0.5 or 1; with HapB3, 1 to 1.5."""
    lost = phenotype("DPYD", "c.2846A>T;*2A")
    assert lost.score is not None and (lost.score.low, lost.score.high) == (0.5, 1.0)
    assert lost.names == ("poor metabolizer", "intermediate metabolizer")
    weak = phenotype("DPYD", "c.2846A>T;HapB3")
    assert weak.score is not None and (weak.score.low, weak.score.high) == (1.0, 1.5)
    (effect,) = gene_factors(weak, "fluorouracil")
    with pytest.raises(
        DosingError, match=r"leaves 0\.5 to 0\.75 as the factor on fluorouracil vmax"
    ):
        _ = effect.factor


def test_two_variants_on_one_chromosome_leave_the_other_whole() -> None:
    """The phase can be written once it is known; PMC8301551 has the score of the other one."""
    together = phenotype("DPYD", "c.2846A>T;*2A/Reference")
    assert together.score is not None and (together.score.low, together.score.high) == (1.0, 1.0)
    apart = phenotype("DPYD", "c.2846A>T/*2A")
    assert apart.score is not None and (apart.score.low, apart.score.high) == (0.5, 0.5)


def test_a_prescriber_chooses_among_the_scores_that_a_genotype_leaves() -> None:
    """CPIC presumes different copies where the phase is not known: 0.5, a poor metabolizer."""
    chosen = with_score(phenotype("DPYD", "c.2846A>T;*2A"), 0.5)
    assert chosen.names == ("poor metabolizer",)
    assert not chosen.is_ambiguous
    assert chosen.stated == "the genotype leaves 0.5 to 1"
    (effect,) = gene_factors(chosen, "fluorouracil")
    assert effect.factor == 0.25
    with pytest.raises(DosingError, match=r"activity score of 0\.5 to 1, .* states 1\.5"):
        with_score(phenotype("DPYD", "c.2846A>T;*2A"), 1.5)


@pytest.mark.parametrize(
    ("score", "name"), [(2.0, "normal"), (1.5, "intermediate"), (0.5, "poor")]
)
def test_a_score_alone_is_a_phenotype(score: float, name: str) -> None:
    """Many laboratories report the score; CPIC's table of phenotypes is by it."""
    assert phenotype_of_score("DPYD", score).names == (f"{name} metabolizer",)


@pytest.mark.parametrize("score", [0.75, 2.5, 1.25])
def test_a_score_that_no_alleles_make_is_refused(score: float) -> None:
    """A typing slip must not pass between two phenotypes."""
    with pytest.raises(DosingError, match=r"goes in steps of 0\.5: 0 to 0\.5 poor metabolizer"):
        phenotype_of_score("DPYD", score)


def test_an_open_phase_is_refused_with_the_ways_to_choose() -> None:
    """A refusal without a way out leaves the patient without a dose."""
    (effect,) = gene_factors(phenotype("DPYD", "c.2846A>T;*2A"), "fluorouracil")
    with pytest.raises(DosingError, match=r"different copies.*dpyd_activity_score under"):
        _ = effect.factor


def test_two_published_tables_that_differ_are_both_told() -> None:
    """*41 is 0.25 for CPIC since 2024 and 0.5 in the consensus of 2019 and for DPWG."""
    found = phenotype("CYP2D6", "*1/*41")
    assert found.score is not None and found.score.low == 1.25
    assert found.differing.endswith("activity 1.5, normal metabolizer")
    assert phenotype("CYP2D6", "*1/*10").differing == ""


def test_an_uncertain_allele_yields_no_factor() -> None:
    """Drugs that depend on it get none, others have none to get."""
    with pytest.raises(DosingError, match="uncertain function"):
        gene_factors(phenotype("CYP3A5", "*1/*8"), "tacrolimus")
    with pytest.raises(DosingError, match="uncertain function"):
        gene_factors(phenotype("CYP2C19", "*1/*12"), "clopidogrel")
    assert gene_factors(phenotype("CYP2C19", "*1/*12"), "vancomycin") == ()


@pytest.mark.parametrize(
    ("genotype", "says"),
    [
        ("*2/*2", "much less active metabolite is formed; CPIC: avoid clopidogrel"),
        ("*1/*2", "less active metabolite is formed; CPIC: avoid the standard dose"),
        ("*2/*17", "less active metabolite is formed; CPIC: avoid the standard dose"),
        ("*1/*17", "as much or more active metabolite is formed; CPIC: standard dose"),
        ("*17/*17", "more active metabolite is formed; CPIC: standard dose"),
    ],
)
def test_an_effect_without_a_figure_is_not_taken_for_no_effect(genotype: str, says: str) -> None:
    """Clopidogrel is a prodrug: CPIC 2022 tells *2/*2 to avoid it, no source gives a factor."""
    (effect,) = gene_factors(phenotype("CYP2C19", genotype), "clopidogrel")
    assert isinstance(effect, UnquantifiedEffect) and effect.says == says
    assert effect.parameter == "active metabolite formation"
    with pytest.raises(DosingError, match="its consensus gives no figure"):
        _ = effect.factor


def test_the_reference_of_an_unquantified_effect_is_unchanged() -> None:
    """A normal metabolizer is the reference by definition; in doubt there is no number."""
    (usual,) = gene_factors(phenotype("CYP2C19", "*1/*1"), "clopidogrel")
    assert isinstance(usual, GeneFactor) and usual.factor == 1.0
    (either,) = gene_factors(phenotype("CYP2C19", "*1/*1 or *1/*2"), "clopidogrel")
    assert isinstance(either, UnquantifiedEffect)


@pytest.mark.parametrize(
    ("gene", "genotype", "sentence"),
    [
        ("CYP2D6", "*1/*4A", "CYP2D6 *4A is not a known allele; the nearest one is *4."),
        ("DPYD", "Reference/c.2846A>G", "is not a known allele; the nearest one is c.2846A>T."),
        ("CYP2D7", "*1/*1", "CYP2D7 is not a known gene; the nearest one is CYP2D6."),
        ("CYP2C19", "*2", "CYP2C19 genotype '*2' is not two alleles; write it like *1/*3"),
        ("CYP2C19", "", "is not two alleles"),
        ("CYP2C19", "*1/*2/*3", "is not two alleles"),
        ("CYP2C19", "*1/*2x2", "copies are counted for CYP2D6 only"),
        ("CYP2D6", "*1/*2x0", "has 0 copies; it must be 1 to 13, or N."),
        ("CYP2D6", "*36+*1000/*1", "CYP2D6 *1000 is not a known allele"),
        ("CYP2D6", "+*10/*1", "nothing on one side of a +"),
        ("CYP2C19", "*2+*3/*1", "CYP2C19 *2+*3 is not a known allele"),
        ("CYP2D6", "*1;*4", "goes by whole alleles; write *1/*4, not *1;*4."),
    ],
)
def test_what_is_no_genotype_is_refused_by_name(gene: str, genotype: str, sentence: str) -> None:
    """An allele is never taken for another, and a missing one never for normal."""
    with pytest.raises(DosingError) as caught:
        phenotype(gene, genotype)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("gene", GENES)
def test_order_of_the_two_alleles_means_nothing(gene: str) -> None:
    """Every pair of the table's alleles, both ways round; none falls between two bands."""
    table = gene_table(gene)
    for first in table.alleles:
        for second in table.alleles:
            one, other = phenotype(gene, f"{first}/{second}"), phenotype(gene, f"{second}/{first}")
            assert one.names == other.names and len(one.names) == 1
