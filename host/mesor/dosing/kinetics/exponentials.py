# SPDX-License-Identifier: MIT
"""Chains of first-order steps in closed form, right also where two rates are equal.

Everything linear in this room is a sum of such chains: a compartment's mode, absorption,
the effect site, and, as a step of rate zero, integration.  The textbooks' formulas divide
by ka - ke; these do not.  Pure; per hour, h.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import gammaincinv, roots_jacobi

from mesor.dosing.kinetics.model import FloatArray
from mesor.errors import DosingError
from mesor.patients.compartments import rate_matrix_per_h
from mesor.patients.patient import PatientParameters

_SERIES_TERMS = 20
_QUADRATURE_NODES = 96
_GAMMA_LEFT_OUT = 1e-16


@dataclass(frozen=True, slots=True)
class Modes:
    """A unit bolus's concentration as sum of coefficients_per_l exp(-rates_per_h t), each (k,)."""

    coefficients_per_l: FloatArray
    rates_per_h: FloatArray


@dataclass(frozen=True, slots=True)
class Spectrum:
    """The eigen-decomposition of disposition: rates_per_h (k,), vectors (k, k), root volumes."""

    rates_per_h: FloatArray
    vectors: FloatArray
    root_volumes: FloatArray

    def transition(self, dt_h: float) -> tuple[FloatArray, FloatArray]:
        """Return (k, k) and (k,): amounts later = first @ amounts + second * rate_mg_h."""
        into = self.root_volumes[:, None] * self.vectors
        back = self.vectors / self.root_volumes[:, None]
        decay = (into * np.exp(-self.rates_per_h * dt_h)) @ back.T
        gain = (into * (-np.expm1(-self.rates_per_h * dt_h) / self.rates_per_h)) @ back[0]
        return decay, gain


def spectrum(parameters: PatientParameters) -> Spectrum:
    """Return the decomposition, slowest rate first.

    With each amount divided by the root of its volume, the mammillary matrix is
    symmetric, so its eigenvectors are orthogonal even where eigenvalues coincide.
    Raises DosingError for a saturable patient, who has no modes.
    """
    if parameters.saturable:
        raise DosingError(
            f"vmax_mg_h is {parameters.vmax_mg_h:g} mg/h: saturable elimination has no closed "
            "form; use kinetics.simulate."
        )
    volumes = np.array([parameters.volume_central_l, *(v for _, v in parameters.peripheries)])
    root = np.sqrt(volumes)
    symmetric = rate_matrix_per_h(parameters) * root / root[:, None]
    values, vectors = np.linalg.eigh(-symmetric)
    return Spectrum(values, vectors, root)


def modes(parameters: PatientParameters) -> Modes:
    """Return the modes of the central concentration, slowest first; errors as spectrum's."""
    found = spectrum(parameters)
    return Modes(found.vectors[0] ** 2 / parameters.volume_central_l, found.rates_per_h)


def chain(rates_per_h: Sequence[float], time_h: FloatArray) -> FloatArray:
    """Return the convolution of exp(-rate t) over all rates at time_h (any shape, >= 0).

    It is, but for the sign, the divided difference of exp(-x t) over the rates, which
    has a value where rates are equal.  To about 1e-13 relative for up to four rates.
    """
    rates = sorted(float(rate) for rate in rates_per_h)
    slowest = np.exp(-rates[0] * time_h)
    if len(rates) == 1:
        return slowest
    spread = rates[-1] - rates[0]
    if len(rates) == 2:
        return slowest * (-np.expm1(-spread * time_h) / spread if spread > 0.0 else time_h)
    near = spread * time_h < 1.0
    result = np.empty_like(time_h)
    result[near] = _chain_of_like_rates(rates, time_h[near])
    far = time_h[~near]
    if far.size:
        result[~near] = (chain(rates[:-1], far) - chain(rates[1:], far)) / spread
    return result


def _chain_of_like_rates(rates: Sequence[float], time_h: FloatArray) -> FloatArray:
    """Return chain() by its power series about the mean rate, for spread times time < 1."""
    mean = sum(rates) / len(rates)
    symmetric = [1.0] + [0.0] * _SERIES_TERMS  # complete homogeneous polynomials
    for rate in rates:
        for degree in range(1, _SERIES_TERMS + 1):
            symmetric[degree] += (mean - rate) * symmetric[degree - 1]
    order = len(rates) - 1
    terms = [value / math.factorial(degree + order) for degree, value in enumerate(symmetric)]
    series: FloatArray = np.polynomial.polynomial.polyval(time_h, np.array(terms))
    return series * time_h**order * np.exp(-mean * time_h)


@lru_cache(maxsize=64)
def _gauss_jacobi(shape: float) -> tuple[FloatArray, FloatArray]:
    """Return nodes and weights on 0..1 for the weight x^shape."""
    nodes, weights = roots_jacobi(_QUADRATURE_NODES, 0.0, shape)
    return (nodes + 1.0) / 2.0, weights / 2.0 ** (shape + 1.0)


def after_gamma_delay(
    rates_per_h: Sequence[float], time_h: FloatArray, transits: float, transit_rate_per_h: float
) -> FloatArray:
    """Return chain() after a delay drawn from Savic's gamma density, at time_h (any shape).

    By Gauss-Jacobi quadrature, whose weight holds the power of time that is not smooth
    at zero; to about 1e-9 where no rate is above ten times the transit rate.
    """
    share, weights = _gauss_jacobi(transits)
    shape = transits + 1.0
    delay_max_h = float(gammaincinv(shape, 1.0 - _GAMMA_LEFT_OUT)) / transit_rate_per_h
    span = np.minimum(time_h, delay_max_h)[..., None]
    delay_h = span * share
    reach = np.maximum(transit_rate_per_h * span, np.finfo(float).tiny)
    log_density = shape * np.log(reach) - math.lgamma(shape) - transit_rate_per_h * delay_h
    # span * share may round to a hair above the time itself.
    later = chain(rates_per_h, np.maximum(time_h[..., None] - delay_h, 0.0))
    total: FloatArray = (np.exp(log_density) * later) @ weights
    return total
