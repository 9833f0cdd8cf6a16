# SPDX-License-Identifier: MIT
"""From a patient, a drug and perhaps levels to a prescription: everything, nothing printed.

`mesor prescribe` prints this record, writes it as JSON, plots it, and makes the therapy
file of it.  Pure but for the drug library's own files.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mesor.dosing.figures import Effect, Figure
from mesor.dosing.levels import Advice
from mesor.dosing.library import FixedRegimen, Limit
from mesor.dosing.prescription.aim import Aim, Protein, aim_of, bound_at, limits_of, mic_of
from mesor.dosing.prescription.belief import Belief, belief
from mesor.dosing.prescription.choice import CONTINUOUS, choose, next_dose, usual_shape
from mesor.dosing.prescription.fits import (
    ModelFit,
    Order,
    Person,
    fits,
    gene_warnings,
    people,
    refuse_without_activity,
    rhythm_assumed,
    rhythm_effects,
)
from mesor.dosing.prescription.labels import number
from mesor.dosing.prescription.regimen import Expected, Regimen, Shape, expect
from mesor.dosing.prescription.scrutiny import (
    history_warnings,
    level_warnings,
    target_warnings,
    unused_values,
)
from mesor.errors import DosingError

_TARGET_MAX = 1e6
_RISK_WARNED = 0.3
_USUAL_SHARES = (0.2, 3.0)  # of the label's daily dose: beyond, a prescriber should look twice
FIXED, A_PRIORI, PERSONAL, INFUSION = "fixed dose", "a priori", "personal", "infusion"


@dataclass(frozen=True, slots=True)
class Column:
    """One regimen of the comparison, and what it is expected to reach."""

    name: str
    regimen: Regimen
    expected: Expected
    loading_mg: float | None = None


@dataclass(frozen=True, slots=True)
class Prescription:
    """All of it.  fits is empty for a drug without a model, aim None where it has no target.

    columns: fixed dose, a priori, personal (with levels), and the continuous infusion that
    the pump would give; all are judged by what is known best of the patient.
    """

    order: Order
    fits: tuple[ModelFit, ...]
    effects: tuple[Effect, ...]
    figures: tuple[Figure, ...]
    aim: Aim | None
    protein: Protein
    columns: tuple[Column, ...]
    fixed: FixedRegimen | None
    next_dose: Advice | None
    assumed: tuple[str, ...]
    warnings: tuple[str, ...]

    def column(self, name: str) -> Column | None:
        """Return a column by its name, if it is there."""
        return next((column for column in self.columns if column.name == name), None)


def prescribe(order: Order) -> Prescription:
    """Return the prescription.

    Raises DosingError for a missing covariate that has no reference value, a level before
    the first dose, an aim that no rate reaches, and everything else that no dose follows from.
    """
    drug = order.drug.for_weight(order.patient.weight_kg)
    order = replace(order, drug=drug)
    if order.levels and not order.doses:
        raise DosingError(
            f"there are {len(order.levels)} levels and no doses; give what was infused as [[dose]]"
            " in the patient's file or with --doses."
        )
    if order.next_at_h is not None and not order.doses:
        raise DosingError(
            f"the next dose is asked for at {order.next_at_h:g} h and no dose was given before; "
            "give what was as [[dose]] or with --doses."
        )
    refuse_without_activity(order)
    warnings: list[str] = []
    mic_mg_l, assumed = mic_of(drug, order.mic_mg_l)
    fixed = None if drug.fixed_dose is None else drug.fixed_dose.regimen(order.patient)
    if not drug.models:
        return _without_model(order, fixed, assumed, [*gene_warnings(order, ()), *warnings])
    try:
        persons = people(order, warnings)
    except DosingError as error:
        if drug.target.index != "response":
            raise
        said = [*gene_warnings(order, ()), str(error)]
        return _without_model(order, fixed, assumed, said)
    warnings = [*gene_warnings(order, persons), *warnings]
    protein, aim = _target(order, persons[0], mic_mg_l)
    fitted = fits(order, persons, protein.clearance_factor)
    warnings += history_warnings(order) + level_warnings(order.levels, fitted)
    warnings += target_warnings(order) + unused_values(order, fitted)
    limits = limits_of(drug, persons[0].unbound)
    free_mg_l = _free_level(protein, persons[0], mic_mg_l)
    comparison = _Comparison(order, fitted, aim, fixed, free_mg_l, limits)
    if _apparent(persons[0], fixed):
        columns: tuple[Column, ...] = ()  # by vein they would be several times too large
    else:
        columns = comparison.columns(warnings)
    _refuse_extrapolation(order, persons, columns)
    advice = comparison.next_dose(columns, warnings)
    warnings += _dose_warnings(order, columns)
    said = [*assumed, *protein.assumed, *rhythm_assumed(drug)]
    if any(dose.route == "iv" and dose.duration_h == 0.0 for dose in order.doses):
        said.append("doses by vein without duration_h were boluses")
    if persons[0].unbound:
        said.append(
            f"levels, areas and limits are of unbound drug, as in {persons[0].published.name}"
        )
    for person in persons:
        said += [text for text in person.individual.assumed if text not in said]
        warnings += [text for text in person.individual.warnings if text not in warnings]
    first = persons[0].individual
    return Prescription(
        order=order,
        fits=fitted,
        effects=(*first.effects, *protein.effects, *rhythm_effects(drug)),
        figures=(*first.figures, *protein.figures),
        aim=aim,
        protein=protein,
        columns=columns,
        fixed=fixed,
        next_dose=advice,
        assumed=tuple(said),
        warnings=tuple(warnings),
    )


def _apparent(person: Person, fixed: FixedRegimen | None) -> bool:
    """Say whether a model of oral doses is asked for doses by vein."""
    by_mouth = fixed is not None and fixed.dose().route == "oral"
    return person.published.section.route == "oral" and not by_mouth


def _refuse_extrapolation(
    order: Order, persons: Sequence[Person], columns: Sequence[Column]
) -> None:
    """Raise DosingError for a dose far above the label's in whom the model was not made for.

    A level would show whether the patient is such a one; without any, an adult's clearance
    is no dose of a newborn.
    """
    usual = next((column for column in columns if column.name == FIXED), None)
    outside = [text for person in persons for text in person.individual.outside]
    if usual is None or not outside or order.levels:
        return
    for column in columns:
        daily_mg, usual_mg = column.regimen.daily_mg, usual.regimen.daily_mg
        if daily_mg > _USUAL_SHARES[1] * usual_mg:
            raise DosingError(
                f"{outside[0]} Its {number(daily_mg)} mg a day would be "
                f"{number(100.0 * daily_mg / usual_mg)} % of the fixed dose's "
                f"{number(usual_mg)} mg, so no dose follows without a level: take another "
                "model, or give levels."
            )


def _dose_warnings(order: Order, columns: tuple[Column, ...]) -> list[str]:
    """Return what is to be said against the regimens that were found."""
    said = []
    usual = next((column for column in columns if column.name == FIXED), None)
    for column in columns:
        if column.name == FIXED:
            said += _too_fast(column, order.drug.limits)
            continue
        if usual is not None:
            said += _unusual(column, usual)
        for limit in order.drug.limits:
            if limit.quantity == "daily_dose" and column.regimen.daily_mg > limit.most:
                said.append(
                    f"{column.name}: {number(column.regimen.daily_mg)} mg a day is above the "
                    f"limit of {number(limit.most)} {limit.unit}."
                )
        share = column.expected.exceeds_limit
        if share is not None and share > _RISK_WARNED:
            said.append(
                f"{column.name}: {100 * share:.0f} % of the patients believed possible are above "
                "a limit; weigh target against harm."
            )
    return said


def _unusual(column: Column, usual: Column) -> list[str]:
    """Return a sentence where a dose is far from the label's, as a slip would make it."""
    daily_mg, usual_mg = column.regimen.daily_mg, usual.regimen.daily_mg
    if _USUAL_SHARES[0] * usual_mg <= daily_mg <= _USUAL_SHARES[1] * usual_mg:
        return []
    return [
        f"{column.name}: {number(daily_mg)} mg a day is {number(100.0 * daily_mg / usual_mg)} % "
        f"of the fixed dose's {number(usual_mg)} mg; check the patient, the target and the MIC."
    ]


def _without_model(
    order: Order, fixed: FixedRegimen | None, assumed: tuple[str, ...], warnings: list[str]
) -> Prescription:
    """Return what can be said of a drug without a model of this patient."""
    warnings.append(f"no model follows {order.drug.name} in this patient; nothing is computed.")
    if order.drug.file.note:
        warnings.append(order.drug.file.note)
    return Prescription(
        order, (), (), (), None, Protein(None), (), fixed, None, assumed, tuple(warnings)
    )


def _too_fast(column: Column, limits: Sequence[Limit]) -> list[str]:
    """Return that a label's dose is infused faster than a limit: in heavy patients it may be."""
    regimen = column.regimen
    most = min((limit.most for limit in limits if limit.quantity == "rate"), default=math.inf)
    if regimen.shape.route == "oral" or not most < regimen.rate_mg_h < math.inf:
        return []
    return [
        f"{column.name}: {number(regimen.amount_mg)} mg over {regimen.shape.duration_h:g} h is "
        f"{number(regimen.rate_mg_h)} mg/h, above the limit of {number(most)} mg/h; give it "
        "slower."
    ]


def _target(order: Order, person: Person, mic_mg_l: float | None) -> tuple[Protein, Aim | None]:
    """Return the binding that the target asks for, and the aim."""
    drug, protein = order.drug, Protein(None)
    if drug.target.index == "free_time_above_mic" and not person.unbound:
        assert mic_mg_l is not None, "this index is over a MIC"
        free_mg_l = drug.target.mic_multiple * mic_mg_l
        protein = bound_at(drug, order.patient, free_mg_l, person.knows_albumin)
    aim = aim_of(drug, mic_mg_l, protein, person.unbound)
    if order.target is None:
        return protein, aim
    if aim is None or aim.quantity == "held":
        raise DosingError(
            f"--target {order.target:g} is given, and {drug.name} is dosed by "
            f"{drug.target.index}; leave it out."
        )
    if not (math.isfinite(order.target) and 0.0 < order.target <= _TARGET_MAX):
        raise DosingError(
            f"--target is {order.target:g}; it must be more than 0 and at most {_TARGET_MAX:g}, "
            f"in the unit of {drug.target.index}."
        )
    says = f"{aim.says}, aimed at {order.target:g} as asked"
    return protein, replace(aim, goal=order.target * aim.scale, says=says)


def _free_level(protein: Protein, person: Person, mic_mg_l: float | None) -> float | None:
    """Return the total level at which the free one is the MIC; None without a MIC."""
    if mic_mg_l is None or (protein.binding is None and not person.unbound):
        return None
    return mic_mg_l if person.unbound else protein.total_mg_l(mic_mg_l)


@dataclass(frozen=True, slots=True)
class _Comparison:
    """The regimens side by side."""

    order: Order
    fitted: tuple[ModelFit, ...]
    aim: Aim | None
    fixed: FixedRegimen | None
    free_above_mg_l: float | None
    limits: tuple[Limit, ...]

    def columns(self, warnings: list[str]) -> tuple[Column, ...]:
        """Return every column that can be; what cannot be becomes a warning.

        Raises DosingError where not even the best known regimen can be found.
        """
        limits, aim, fitted = self.limits, self.aim, self.fitted
        weights = [fit.weight for fit in fitted]
        now = belief([fit.now for fit in fitted], weights)
        found: list[Column] = []
        if self.fixed is not None:
            found += self._fixed(now, warnings)
        if aim is None:
            return tuple(found)
        saturable = any(model.disposition.saturable for model in now.likeliest)
        shape = usual_shape(self.fixed, aim, saturable)
        if any(fit.after for fit in fitted):
            even = [1.0 / len(fitted)] * len(fitted)
            before = belief([fit.before for fit in fitted], even)
            usual = choose(before, aim, shape, limits)
            found.append(self._column(A_PRIORI, usual, now))
            found.append(self._column(PERSONAL, choose(now, aim, shape, limits), now))
        else:
            found.append(self._column(A_PRIORI, choose(now, aim, shape, limits), now))
        if aim.quantity not in ("peak", "course_auc") and found[-1].regimen.shape != CONTINUOUS:
            found += self._infusion(now, aim, warnings)
        return tuple(found)

    def _column(
        self, name: str, regimen: Regimen, now: Belief, loading_mg: float | None = None
    ) -> Column:
        expected = expect(regimen, now, self.aim, self.limits, self.free_above_mg_l)
        return Column(name, regimen, expected, loading_mg)

    def _fixed(self, now: Belief, warnings: list[str]) -> list[Column]:
        """Return the label's dose as a column, if its kinetics can be followed."""
        assert self.fixed is not None
        dose = self.fixed.dose()
        regimen = Regimen(
            dose.amount_mg, Shape(dose.duration_h, self.fixed.interval_h, dose.route)
        )
        try:
            return [self._column(FIXED, regimen, now, self.fixed.loading_mg)]
        except DosingError as error:
            warnings.append(f"the fixed dose is not followed: {error}")
            return []

    def _infusion(self, now: Belief, aim: Aim, warnings: list[str]) -> list[Column]:
        """Return the same aim as a continuous infusion, which is what the pump gives."""
        try:
            regimen = choose(now, aim, CONTINUOUS, self.limits)
        except DosingError as error:
            warnings.append(f"no continuous infusion: {error}")
            return []
        return [self._column(INFUSION, regimen, now)]

    def next_dose(self, columns: tuple[Column, ...], warnings: list[str]) -> Advice | None:
        """Return the next dose after those given, or None where there is none to advise."""
        doses = self.order.doses
        best = next((c for c in columns if c.name == PERSONAL), None) or next(
            (c for c in columns if c.name == A_PRIORI), None
        )
        if not doses or best is None or self.aim is None:
            return None
        interval_h = best.regimen.shape.interval_h or 0.0
        at_h = self.order.next_at_h
        if at_h is None:
            at_h = max(doses[-1].time_h + interval_h, *(dose.end_h for dose in doses))
        if not doses[-1].time_h <= at_h < math.inf:
            raise DosingError(
                f"the next dose is asked for at {at_h:g} h; the last one was given at "
                f"{doses[-1].time_h:g} h, so it must be no earlier than that."
            )
        try:
            fitted = tuple(fit.now for fit in self.fitted)
            return next_dose(fitted, best.regimen, self.aim, at_h)
        except DosingError as error:
            warnings.append(f"next dose: {error}")
            return None
