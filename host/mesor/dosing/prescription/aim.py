# SPDX-License-Identifier: MIT
"""A drug's target for one patient and one pathogen, as levels and areas of total drug.

The library says AUC24/MIC of 400 or free level above the MIC; a dose is sought for mg h/L
and mg/L of what an assay measures.  MIC and protein binding go in here, once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from mesor.dosing.binding import LinearBinding, SaturableBinding, binding_effects
from mesor.dosing.figures import Effect, Figure
from mesor.dosing.library import Drug, Limit
from mesor.dosing.library.formulas import target_line
from mesor.dosing.patient_file import PatientCovariates
from mesor.errors import DosingError

Quantity = Literal["auc24", "course_auc", "peak", "trough", "level", "held"]

MIC_RANGE_MG_L = (0.001, 1024.0)  # of dilution series
_AIMED_SHARE = 0.5  # of a window, from its low end: its middle

_QUANTITIES: dict[str, Quantity] = {
    "free_time_above_mic": "held",
    "peak_over_mic": "peak",
    "auc24_over_mic": "auc24",
    "auc": "course_auc",
    "level": "level",
    "effect_site_level": "level",
    "trough": "trough",
}
UNITS: dict[Quantity, str] = {
    "auc24": "mg h/L",
    "course_auc": "mg h/L",
    "peak": "mg/L",
    "trough": "mg/L",
    "level": "mg/L",
    "held": "mg/L",
}


@dataclass(frozen=True, slots=True)
class Aim:
    """What a regimen is to reach, of total drug in its unit; share is of "held" alone.

    low or high is None where open.  "held": a level exceeded for `share` of the interval.
    says is the same in the words of the drug's target.  goal, if given, is aimed at instead
    of the window's middle.  scale: times the drug's target it is low and high.
    """

    quantity: Quantity
    low: float | None
    high: float | None
    says: str
    source: str
    share: float = 1.0
    mic_mg_l: float | None = None
    goal: float | None = None
    scale: float = 1.0

    @property
    def unit(self) -> str:
        """Return the unit of low and high."""
        return UNITS[self.quantity]

    @property
    def aimed(self) -> float | None:
        """Return the middle of a window; None where it is open above, and a share decides."""
        if self.goal is not None:
            return self.goal
        if self.high is None:
            return None
        if self.low is None:
            return self.high
        return self.low + _AIMED_SHARE * (self.high - self.low)

    def reached(self, value: float) -> bool:
        """Say whether a value is at or above the low end (or below the high, if no other)."""
        if self.low is None:
            return self.high is None or value <= self.high
        return value >= self.low * (1.0 - 1e-9)


@dataclass(frozen=True, slots=True)
class Protein:
    """What binding makes of this patient: the total level for a free one, and its effects.

    clearance_factor acts on a model's clearance of total drug.
    """

    binding: LinearBinding | SaturableBinding | None
    figures: tuple[Figure, ...] = ()
    effects: tuple[Effect, ...] = ()
    clearance_factor: float = 1.0
    assumed: tuple[str, ...] = ()

    def total_mg_l(self, free_mg_l: float) -> float:
        """Return the total level with that much free, mg/L."""
        if self.binding is None:
            return free_mg_l
        if isinstance(self.binding, SaturableBinding):
            return self.binding.total_mg_l(free_mg_l)
        return free_mg_l / self.binding.free_fraction


def free_of_total(drug: Drug, total_mg_l: float) -> float:
    """Return the free level beside a total one at usual albumin; all of it without binding."""
    if isinstance(drug.binding, SaturableBinding):
        return drug.binding.free_mg_l(total_mg_l)
    return total_mg_l * (1.0 if drug.binding is None else drug.binding.free_fraction)


def bound_at(
    drug: Drug, patient: PatientCovariates, free_mg_l: float, knows_albumin: bool
) -> Protein:
    """Return the drug's binding at the patient's albumin.

    free_mg_l: the free level at which saturable sites are judged.  knows_albumin: the
    model already has albumin in its clearance, which then is left alone.
    """
    usual = drug.binding
    if usual is None:
        said = f"all {drug.name} is taken as free, no binding is known to the library"
        return Protein(None, assumed=(said,))
    own: LinearBinding | SaturableBinding
    albumin_g_l = patient.albumin_g_l
    if isinstance(usual, SaturableBinding):
        own = usual.at_albumin(albumin_g_l)
        before = free_mg_l / usual.total_mg_l(free_mg_l)
        now = free_mg_l / own.total_mg_l(free_mg_l)
    else:
        before, now = usual.free_fraction, usual.at_albumin(albumin_g_l).value
        own = LinearBinding(now, albumin_g_l, usual.source)
    figure = Figure("free fraction", now, "", usual.source, f"at albumin {albumin_g_l:g} g/L")
    assumed = tuple(
        f"albumin {figure.value:g} {figure.unit}, for the free fraction"
        for figure in patient.assumed
        if figure.name == "albumin"
    )
    effects = [Effect("albumin_g_l", "free_fraction", now / before, usual.source)]
    factor = 1.0
    if not knows_albumin and not math.isclose(now, before):
        changed = binding_effects(now, before).clearance
        factor = changed.factor
        effects.append(Effect("albumin_g_l", "clearance_l_h", factor, changed.source))
    return Protein(own, (figure,), tuple(effects), factor, assumed)


def mic_of(drug: Drug, mic_mg_l: float | None) -> tuple[float | None, tuple[str, ...]]:
    """Return the MIC to dose for, and what was assumed; DosingError for one outside."""
    target = drug.target
    if "mic" not in target.index:
        if mic_mg_l is not None:
            raise DosingError(
                f"--mic {mic_mg_l:g} mg/L is given, and {drug.name} is dosed by {target.index}, "
                "which has no MIC; leave it out."
            )
        return None, ()
    if mic_mg_l is None:
        if target.mic_mg_l is None:
            raise DosingError(f"{drug.name} is dosed by its MIC; give --mic in mg/L.")
        return target.mic_mg_l, (f"MIC {target.mic_mg_l:g} mg/L: {target.mic_of or 'breakpoint'}",)
    low, high = MIC_RANGE_MG_L
    if not low <= mic_mg_l <= high:
        raise DosingError(f"the MIC is {mic_mg_l:g} mg/L; it must be {low:g} to {high:g} mg/L.")
    return mic_mg_l, ()


def aim_of(drug: Drug, mic_mg_l: float | None, protein: Protein, unbound: bool) -> Aim | None:
    """Return what to aim at, or None where the drug is dosed by its response.

    unbound: the model's levels are of free drug, so that binding has no say in free levels,
    and a target of total drug becomes that of its free share.
    """
    target = drug.target
    if target.index == "response":
        return None
    quantity = _QUANTITIES[target.index]
    source = drug.sources[target.source].text
    if quantity == "held":
        assert mic_mg_l is not None, "the library's tests hold this"
        assert target.low is not None, "and this"
        free_mg_l = target.mic_multiple * mic_mg_l
        total_mg_l = free_mg_l if unbound else protein.total_mg_l(free_mg_l)
        says = f"free level above {free_mg_l:g} mg/L for {100 * target.low:g} % of the time"
        return Aim("held", total_mg_l, None, says, source, min(target.low, 1.0), mic_mg_l)
    scale, says = mic_mg_l if mic_mg_l is not None else 1.0, target_line(target)
    if unbound and isinstance(drug.binding, LinearBinding):
        scale *= drug.binding.free_fraction
        says += f" of total drug, {drug.binding.free_fraction:g} of it unbound"
    low = None if target.low is None else target.low * scale
    high = None if target.high is None else target.high * scale
    return Aim(quantity, low, high, says, source, mic_mg_l=mic_mg_l, scale=scale)


def limits_of(drug: Drug, unbound: bool) -> tuple[Limit, ...]:
    """Return the drug's limits as the model's levels are: those of total levels made free."""
    if not unbound:
        return drug.limits
    return tuple(
        limit.model_copy(update={"most": free_of_total(drug, limit.most)})
        if limit.quantity in ("trough", "peak", "level")
        else limit
        for limit in drug.limits
        if limit.quantity != "auc24"
    )
