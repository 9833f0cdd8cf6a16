# SPDX-License-Identifier: MIT
"""Runs a campaign: every patient by all three ways, shared out over processes.

One program per patient, as `mesor prescribe` and `mesor compile` would make it.  A patient
is the same on any number of processes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from typing import Any

import numpy as np

from mesor.dosing.library import load_drug
from mesor.dosing.patient_file import PatientCovariates
from mesor.dosing.prescription import Order, Prescription, prescribe
from mesor.errors import DosingError, MesorError
from mesor_hil.campaign.arms import (
    Clock,
    Course,
    a_priori,
    closed_loop,
    closed_loop_scenario,
    fixed,
)
from mesor_hil.campaign.judge import Judgement, judge
from mesor_hil.campaign.people import draw_covariates, draw_kinetics
from mesor_hil.campaign.spec import Campaign
from mesor_hil.campaign.summary import summarise

_CURVE_POINTS = 120  # of each course that are kept for the plot
_FALLBACK_TICK_S = 300  # where no program could be made

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Treated:
    """One patient: covariates, true kinetics, and each way's judgement or why there is none."""

    index: int
    covariates: dict[str, Any]
    kinetics: dict[str, float]
    judged: dict[str, Judgement]
    refused: dict[str, str]
    held: float
    curves_mg_l: dict[str, list[float]]
    curve_h: list[float]


def run_campaign(
    campaign: Campaign, patients: int, jobs: int, progress: Progress
) -> tuple[dict[str, Any], list[Treated]]:
    """Return the result as campaign.json holds it, and the patients with their curves."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # processes share the cores, their threads need not
    people: list[Treated] = []
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(treat, campaign, index) for index in range(patients)]
        try:
            for done in as_completed(waiting):
                people.append(done.result())
                progress(len(people), patients)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    people.sort(key=lambda one: one.index)
    example = prescription(campaign, draw_covariates(campaign, 0))
    return summarise(campaign, example, people), people


def treat(campaign: Campaign, index: int) -> Treated:
    """Return one patient by all three ways.

    Raises DosingError, with the patient's number, where no prescription can be found at all.
    """
    known = draw_covariates(campaign, index)
    try:
        found = prescription(campaign, known)
    except DosingError as error:
        raise DosingError(
            f"Patient {index}: {error}  Narrow the covariates under [people]."
        ) from None
    believed = found
    if campaign.drug.truth is not None:
        believed = prescribe(replace(found.order, model=campaign.drug.truth))
    truth = draw_kinetics(believed.fits[0].before.population, campaign, index)
    refused: dict[str, str] = {}
    courses: dict[str, Course] = {}
    clock = Clock(_FALLBACK_TICK_S, round(campaign.duration_h * 3600 / _FALLBACK_TICK_S))
    rate_max_mg_h = np.inf
    try:
        scenario = closed_loop_scenario(found, truth, campaign)
        clock = Clock(scenario.therapy.tick_s, scenario.tick_count)
        rate_max_mg_h = scenario.therapy.rate_max_mg_h
        courses["closed_loop"] = closed_loop(scenario, campaign, index)
    except MesorError as error:
        refused["closed_loop"] = str(error)
    ways: dict[str, Callable[[], Course]] = {
        "fixed": lambda: fixed(found, truth, clock),
        "a_priori": lambda: a_priori(found, truth, clock, rate_max_mg_h),
    }
    for name, way in ways.items():
        try:
            courses[name] = way()
        except MesorError as error:
            refused[name] = str(error)
    assert found.aim is not None, "a campaign's drug has a target"
    curve_h = np.linspace(0.0, clock.end_h, _CURVE_POINTS)
    return Treated(
        index=index,
        covariates=_shown(known),
        kinetics={name: value for name, value in asdict(truth).items() if value > 0.0},
        judged={
            name: judge(course, found.aim, found.order.drug, campaign.judged_from_h)
            for name, course in courses.items()
        },
        refused=refused,
        held=courses["closed_loop"].held or 0.0 if "closed_loop" in courses else 0.0,
        curves_mg_l={
            name: np.interp(curve_h, course.time_h, course.conc_mg_l).round(6).tolist()
            for name, course in courses.items()
        },
        curve_h=curve_h.tolist(),
    )


def prescription(campaign: Campaign, known: PatientCovariates) -> Prescription:
    """Return what `mesor prescribe` finds for this patient from covariates alone."""
    drug = campaign.drug
    order = Order(
        patient=known,
        drug=load_drug(drug.name),
        model=drug.model,
        mic_mg_l=drug.mic_mg_l,
        target=drug.target,
    )
    return prescribe(order)


def _shown(known: PatientCovariates) -> dict[str, Any]:
    """Return the covariates that campaign.json keeps."""
    names = ("sex", "age_years", "weight_kg", "height_cm", "creatinine_mg_dl", "albumin_g_l")
    found: dict[str, Any] = {name: getattr(known, name) for name in names}
    return found | {gene.gene: gene.genotype for gene in known.phenotypes}
