# SPDX-License-Identifier: MIT
"""Draws the patients of a campaign: covariates first, then the kinetics that nobody knows.

Patient i is the same whether ten or a thousand are drawn.  Kinetics come from the
published model's whole covariance between subjects, and between occasions where it has
one.  Pure; seeded.
"""

from __future__ import annotations

import math

import numpy as np

from mesor.dosing.levels import PopulationModel, Variability
from mesor.dosing.patient_file import (
    Body,
    Composition,
    Genes,
    Kidneys,
    PatientCovariates,
    PatientFile,
    covariates,
)
from mesor.patients import PatientParameters
from mesor_hil.campaign.spec import Campaign, GenotypeShare, People, Spread

_COVARIATES, _KINETICS, _SENSOR = range(3)
_PEOPLE_STREAM = 3  # first word of the spawn key; patients use 0, sensors 1, the line 2
_REDRAWS_MAX = 1000


def draw_covariates(campaign: Campaign, index: int) -> PatientCovariates:
    """Return what is known of patient number `index`."""
    random = _random(campaign, index, _COVARIATES)
    people = campaign.people
    female = bool(random.random() < people.female_share)
    height_cm = _draw(people.height_female_cm if female else people.height_male_cm, random)
    mass_index = _draw(people.body_mass_index_kg_m2, random)
    creatinine = people.creatinine_female_mg_dl if female else people.creatinine_male_mg_dl
    return covariates(
        PatientFile(
            patient=Body(
                sex="female" if female else "male",
                age_years=_draw(people.age_years, random),
                weight_kg=mass_index * (height_cm / 100.0) ** 2,
                height_cm=height_cm,
            ),
            kidneys=Kidneys(creatinine_mg_dl=_draw(creatinine, random)),
            composition=Composition(albumin_g_l=_draw(people.albumin_g_l, random)),
            genes=Genes.model_validate(_genotypes(people, random)),
        )
    )


def draw_kinetics(
    population: PopulationModel, campaign: Campaign, index: int
) -> PatientParameters:
    """Return the kinetics that patient number `index` has in truth."""
    random = _random(campaign, index, _KINETICS)
    logs: dict[str, float] = {}
    for variability in (population.subjects, population.occasions):
        for name, value in _deviations(variability, random).items():
            logs[name] = logs.get(name, 0.0) + value
    return population.kinetics(logs).disposition


def sensor_seed(campaign: Campaign, index: int) -> int:
    """Return the seed of this patient's sensor."""
    return int(_random(campaign, index, _SENSOR).integers(2**31))


def _random(campaign: Campaign, index: int, purpose: int) -> np.random.Generator:
    """Return the random numbers of one patient for one purpose."""
    key = (_PEOPLE_STREAM, index, purpose)
    return np.random.default_rng(np.random.SeedSequence(campaign.seed, spawn_key=key))


def _draw(spread: Spread, random: np.random.Generator) -> float:
    """Return one log-normal value inside its bounds."""
    omega = math.sqrt(math.log1p(spread.cv**2))
    for _ in range(_REDRAWS_MAX):
        value = spread.median * math.exp(omega * float(random.standard_normal()))
        if spread.low <= value <= spread.high:
            return value
    return spread.median


def _genotypes(people: People, random: np.random.Generator) -> dict[str, str]:
    """Return one genotype for each gene that the population is told of."""
    found: dict[str, str] = {}
    for gene in dict.fromkeys(entry.gene for entry in people.genotypes):
        own: list[GenotypeShare] = [entry for entry in people.genotypes if entry.gene == gene]
        drawn, reached = float(random.random()), 0.0
        found[gene] = own[0].genotype
        for entry in own:
            reached += entry.share
            if drawn < reached:
                found[gene] = entry.genotype
                break
    return found


def _deviations(variability: Variability, random: np.random.Generator) -> dict[str, float]:
    """Return one draw of the logarithms' deviations, correlated as published."""
    if not variability.names:
        return {}
    drawn = variability.root @ random.standard_normal(len(variability.names))
    return dict(zip(variability.names, drawn.tolist(), strict=True))
