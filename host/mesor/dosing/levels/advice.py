# SPDX-License-Identifier: MIT
"""The next dose to a target, with what is still in the patient, and models averaged.

Pure; mg, mg/L, mg h/L, h.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from mesor.dosing.kinetics import Dose, KineticModel, auc_mg_h_l, conc_mg_l
from mesor.dosing.kinetics.model import FloatArray
from mesor.dosing.levels.posterior import Posterior
from mesor.errors import DosingError

Quantity = Literal["auc", "end", "trough"]
_QUANTITIES = ("auc", "end", "trough")


@dataclass(frozen=True, slots=True)
class Target:
    """What the next interval shall reach: its area (mg h/L), or a level (mg/L).

    "end" is the level as the dose ends, "trough" that just before the next.
    """

    quantity: Quantity
    value: float
    interval_h: float

    def __post_init__(self) -> None:
        """Raise DosingError for an unknown quantity or values that are not positive."""
        if self.quantity not in _QUANTITIES:
            raise DosingError(
                f"the target is {self.quantity!r}; it must be one of {', '.join(_QUANTITIES)}."
            )
        if not (0.0 < self.value < math.inf and 0.0 < self.interval_h < math.inf):
            raise DosingError(
                f"the target is {self.value:g} over {self.interval_h:g} h; both must be above 0."
            )

    def reached(self, model: KineticModel, doses: Sequence[Dose], next_dose: Dose) -> float:
        """Return the quantity that doses give over the interval of next_dose."""
        end_h = next_dose.time_h + self.interval_h
        if self.quantity == "auc":
            return auc_mg_h_l(model, doses, next_dose.time_h, end_h)
        at_h = next_dose.end_h if self.quantity == "end" else end_h
        return float(conc_mg_l(model, doses, [at_h])[0])


@dataclass(frozen=True, slots=True)
class Advice:
    """The dose, and what it reaches over 90 % of the patients whom the levels allow."""

    dose: Dose
    reached: float
    reached_low: float
    reached_high: float


def advise(
    posterior: Posterior,
    shape: Dose,
    target: Target,
    seed: int = 1,
    attainment: float | None = None,
) -> Advice:
    """Return the dose of shape's time, duration and route that reaches the target.

    In the likeliest patient; with attainment in that share of those whom the levels allow,
    where the target is a least level and half of them below it will not do.  What is left of
    the doses before counts.  With shape at steady state the interval is the regimen's own and
    earlier doses do not count.  Raises DosingError where what is left exceeds the target
    already.
    """
    settled = shape.steady_interval_h > 0.0
    if settled and shape.steady_interval_h != target.interval_h:
        raise DosingError(
            f"the regimen repeats every {shape.steady_interval_h:g} h and the target is of "
            f"{target.interval_h:g} h; make them equal."
        )
    before = () if settled else posterior.doses
    patients = posterior.sampled_kinetics(200, seed)
    if attainment is None:
        amount_mg = _amount_mg(posterior.kinetics_now, before, shape, target)
    else:
        amounts = [_missing_mg(model, before, shape, target) for model in patients]
        amount_mg = float(np.quantile(amounts, attainment))
        if amount_mg <= 0.0:
            raise _enough(target, target.reached(posterior.kinetics_now, before, shape))
    dose = replace(shape, amount_mg=amount_mg)
    spread = [target.reached(model, [*before, dose], dose) for model in patients]
    low, high = np.quantile(spread, [0.05, 0.95])
    own = target.reached(posterior.kinetics_now, [*before, dose], dose)
    return Advice(dose, own, float(low), float(high))


def _amount_mg(model: KineticModel, before: Sequence[Dose], shape: Dose, target: Target) -> float:
    """Return the amount: what is missing of the target over what each milligram gives."""
    left = target.reached(model, before, shape) if before else 0.0
    if left >= target.value:
        raise _enough(target, left)
    return _missing_mg(model, before, shape, target)


def _enough(target: Target, left: float) -> DosingError:
    """Return the error of a target that what is left reaches already."""
    return DosingError(
        f"the {target.quantity} is {left:.4g} from the doses before and shall be "
        f"{target.value:g}; give the next dose later."
    )


def _missing_mg(model: KineticModel, before: Sequence[Dose], shape: Dose, target: Target) -> float:
    """Return what is missing of the target over what each milligram gives; negative if none."""
    left = target.reached(model, before, shape) if before else 0.0
    each = target.reached(model, [replace(shape, amount_mg=1.0)], shape)
    if not each > 0.0:
        raise DosingError(
            f"no dose changes the {target.quantity} within {target.interval_h:g} h; take a longer "
            "interval."
        )
    return (target.value - left) / each


@dataclass(frozen=True, slots=True)
class AveragedPosterior:
    """Several published models of one drug, each weighted by how well it foresaw the levels."""

    posteriors: tuple[Posterior, ...]
    weights: tuple[float, ...]

    def conc_mg_l(self, times_h: npt.ArrayLike) -> FloatArray:
        """Return the weighted level at times, (n,)."""
        each = [posterior.conc_mg_l(times_h) for posterior in self.posteriors]
        return np.asarray(np.average(each, axis=0, weights=self.weights), dtype=np.float64)


def average(
    posteriors: Sequence[Posterior], prior_weights: Sequence[float] | None = None
) -> AveragedPosterior:
    """Weight models by prior weight times marginal likelihood (Laplace), summing to one.

    Hoeting et al., Stat Sci 1999;14:382.  All must be fitted to the same levels.  Raises
    DosingError without models or with weights that are not positive.
    """
    given = prior_weights if prior_weights is not None else [1.0] * len(posteriors)
    if not posteriors or len(given) != len(posteriors) or not all(w > 0.0 for w in given):
        raise DosingError(
            f"there are {len(posteriors)} models and {len(given)} weights; as many of each, at "
            "least one, and weights above 0 are needed."
        )
    logs = np.array([p.log_evidence for p in posteriors]) + np.log(given)
    share = np.exp(logs - logs.max())
    return AveragedPosterior(tuple(posteriors), tuple((share / share.sum()).tolist()))


def advise_averaged(averaged: AveragedPosterior, shape: Dose, target: Target) -> Dose:
    """Return the dose whose weighted quantity over all models is the target."""
    before = averaged.posteriors[0].doses if shape.steady_interval_h == 0.0 else ()

    def missing(amount_mg: float) -> float:
        doses = [*before, replace(shape, amount_mg=amount_mg)]
        each = [target.reached(p.kinetics_now, doses, shape) for p in averaged.posteriors]
        return float(np.average(each, weights=averaged.weights)) - target.value

    if missing(0.0) >= 0.0:
        raise DosingError(
            f"the {target.quantity} exceeds {target.value:g} from the doses before; give the next "
            "dose later."
        )
    alone = [_amount_mg(p.kinetics_now, (), shape, target) for p in averaged.posteriors]
    # The level is linear in the amount, so the highest that any model needs brackets it.
    return replace(shape, amount_mg=float(brentq(missing, 0.0, 2.0 * max(alone))))
