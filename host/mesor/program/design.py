# SPDX-License-Identifier: MIT
"""Designs estimator and planner in float64: the matrices that are then put into fixed point.

Units: concentrations in half targets, moves in full rates, time in ticks.
States are the concentrations of the compartments and of the effect site, where there is
one, and last a constant extra infusion.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import block_diag, expm, toeplitz

from mesor.program.problem import ControlModel, Problem
from pump.spec import limits

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Design:
    """Float64 controller; n states with disturbance, N rows, K gains.

    N is the horizon, padded to the kernels' blocks of four rows: outputs beyond it cost
    nothing, so the moves beyond it follow the last one.
    """

    conc_unit_mg_l: float
    transition: Matrix  # (n, n)
    input: Matrix  # (n,) of the move
    gains: Matrix  # (K, n)
    innovation_sd: float  # of a reading, by the last gain's design
    output_count: int  # the horizon
    output_state: int  # the state that is the output; readings are of the first
    free: Matrix  # (N, n) output 1..N with the pump at rest
    response: Matrix  # (N, N) lower triangular, output answer to the moves
    counted: Matrix  # (N, N) the same, zero in the rows of outputs that cost nothing
    difference: Matrix  # (N, N) rate changes of the moves
    hessian: Matrix  # (N, N) of the reduced cost
    change_weight: float
    soft_weight: float


@dataclass(frozen=True, slots=True)
class Splitting:
    """ADMM in the moves alone, for one rho of rates and changes and one of outputs."""

    rho: float  # of rate and rate-change rows
    rho_soft: float  # of output rows; follows from soft_shift
    soft_shift: int
    factor: Matrix  # (N, N) rho M, M the inverse of the reduced KKT matrix
    pulled: Matrix  # (N, N) upper triangular: rho_soft / rho response'
    asked: float  # what a demand adds to its output's pull
    before: float  # what the move before adds to the first move's pull


def conc_unit_ug_l(problem: Problem) -> int:
    """Return the concentration unit: half the target, in whole ug/L."""
    return max(1, round(problem.therapy.target_mg_l * 500.0))


def discretise(problem: Problem) -> tuple[Matrix, Matrix]:
    """Return transition (n, n) and input (n,) over one tick, zero-order hold.

    Exact matrix exponential of [A B; 0 0] (Van Loan, IEEE TAC 23(3), 1978).
    """
    rates, into = compartment_rates(problem.model)
    unit_mg_l = conc_unit_ug_l(problem) / 1000.0
    into = into * problem.rate_full_mg_h / unit_mg_l
    states = len(into)
    whole = np.zeros((states + 1, states + 1))
    whole[:states, :states] = rates
    whole[:states, states] = into
    step = expm(whole * problem.tick_h)
    return step[:states, :states], step[:states, states]


def compartment_rates(model: ControlModel) -> tuple[Matrix, Matrix]:
    """Return dC/dt = rates @ C + into * (mg/h) for concentrations in mg/L, per hour.

    The effect site, last, follows the plasma and takes nothing from it (Sheiner et al.,
    Clin Pharmacol Ther 25:358, 1979).
    """
    volume, peripheries = model.volume_central_l, model.peripheries
    states = 1 + len(peripheries) + (1 if model.ke0_per_h else 0)
    rates, into = np.zeros((states, states)), np.zeros(states)
    into[0] = 1.0 / volume
    rates[0, 0] = -model.clearance_l_h / volume
    for index, (between, periphery) in enumerate(peripheries, start=1):
        rates[0, 0] -= between / volume
        rates[0, index] = between / volume
        rates[index, [0, index]] = between / periphery, -between / periphery
    if model.ke0_per_h:
        rates[-1, [0, -1]] = model.ke0_per_h, -model.ke0_per_h
    return rates, into


def padded(horizon: int) -> int:
    """Return the rows that the kernels need for a horizon."""
    multiple = limits.TABLE_ROWS_MULTIPLE
    return int(max(limits.TABLE_ROWS_MIN, -(-horizon // multiple) * multiple))


def design(problem: Problem, weight_shift: int = 4) -> Design:
    """Return the float64 controller of `problem`.

    The soft weight is rounded to 2**-weight_shift, so that what the pump's integers weigh
    is what was designed and what the certificate holds them against.
    """
    inner, into = discretise(problem)
    states = len(into) + 1
    transition = block_diag(inner, np.ones((1, 1)))
    transition[:-1, -1] = into
    move_input = np.append(into, 0.0)
    horizon = padded(problem.therapy.horizon)
    free, impulse = np.zeros((horizon, states)), np.zeros(horizon)
    power, output = np.eye(states), problem.output_state
    for k in range(horizon):
        impulse[k] = (power @ move_input)[output]
        power = transition @ power
        free[k] = power[output]
    response = toeplitz(impulse, np.zeros(horizon))
    counted = response.copy()
    counted[problem.therapy.horizon :] = 0.0
    difference = np.eye(horizon) - np.eye(horizon, k=-1)
    weight, steps = problem.therapy.change_weight, 1 << weight_shift
    gains, innovation_sd = _kalman_gains(problem, transition)
    return Design(
        conc_unit_mg_l=conc_unit_ug_l(problem) / 1000.0,
        transition=transition,
        input=move_input,
        gains=gains,
        innovation_sd=innovation_sd,
        output_count=problem.therapy.horizon,
        output_state=output,
        free=free,
        response=response,
        counted=counted,
        difference=difference,
        hessian=2.0 * (counted.T @ counted + weight * difference.T @ difference),
        change_weight=weight,
        soft_weight=max(1, round(problem.therapy.soft_weight * steps)) / steps,
    )


def _kalman_gains(problem: Problem, transition: Matrix) -> tuple[Matrix, float]:
    """Return the gains (K, n) of the first K readings, from an exactly known empty patient.

    With them comes the standard deviation of the last one's innovation.
    """
    noise = problem.estimator
    unit = conc_unit_ug_l(problem) / 1000.0
    states = len(transition)
    walk = np.full(states, noise.state_walk_mg_l / unit)
    walk[-1] = noise.disturbance_walk_sd
    start = np.full(states, 1e-3)
    start[-1] = noise.disturbance_start_sd
    covariance = np.diag(start**2)
    reading_variance = (noise.sensor_cv * problem.therapy.target_mg_l / unit) ** 2
    gains = np.zeros((noise.gain_count, states))
    for k in range(noise.gain_count):
        covariance = transition @ covariance @ transition.T + np.diag(walk**2)
        variance = covariance[0, 0] + reading_variance
        gains[k] = covariance[:, 0] / variance
        covariance = covariance - np.outer(gains[k], covariance[0])
    return gains, math.sqrt(variance)


def split(controller: Design, rho: float, soft_shift: int) -> Splitting:
    """Return the matrices of OSQP's linear system for fixed rho, and no sigma.

    Sigma is only needed where rows do not determine x; here the moves are rows themselves.
    A soft row's proximal step moves 2**-soft_shift of the way back towards its
    bound, which fixes rho_soft = 2 weight k / (1 - k), k = 2**-soft_shift.
    """
    step = 2.0**-soft_shift
    rho_soft = 2.0 * controller.soft_weight * step / (1.0 - step)
    horizon = len(controller.response)
    response, difference = controller.counted, controller.difference
    system = controller.hessian + rho * (np.eye(horizon) + difference.T @ difference)
    system += rho_soft * response.T @ response
    return Splitting(
        rho=rho,
        rho_soft=rho_soft,
        soft_shift=soft_shift,
        factor=np.asarray(rho * np.linalg.inv(system), dtype=np.float64),
        pulled=rho_soft / rho * response.T,
        asked=2.0 / rho_soft,
        before=1.0 + 2.0 * controller.change_weight / rho,
    )
