# SPDX-License-Identifier: MIT
"""The control problem on which the pump's solver is set beside others.

One two-compartment drug, written as the condensed quadratic program that every solver of the
benchmark must answer, so that no solver is given an easier problem than another.
Units: moves in full rates (1 = 1000 mg/h), levels in 10 mg/L, time in hours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm, toeplitz

FloatArray = NDArray[np.float64]

CLEARANCE_L_H: Final = 4.5
CENTRAL_VOLUME_L: Final = 30.0
EXCHANGE_L_H: Final = 5.0
PERIPHERAL_VOLUME_L: Final = 35.0
FULL_RATE_MG_H: Final = 1000.0
LEVEL_UNIT_MG_L: Final = 10.0
STEP_H: Final = 5 / 60

CHANGE_MAX: Final = 0.4  # full rates in one step
BAND: Final = (-0.8, 0.7)  # 8 mg/L below the target to 7 above it, soft
CHANGE_WEIGHT: Final = 0.1
SLACK_WEIGHT: Final = 20.0


@dataclass(frozen=True, slots=True)
class State:
    """What a solver is given: levels in 10 mg/L, the move before in full rates."""

    central: float
    peripheral: float
    disturbance: float
    target: float
    move_before: float


@dataclass(frozen=True, slots=True)
class Vectors:
    """The part of the quadratic program that changes with the state."""

    linear: FloatArray  # (2 n,)
    lower: FloatArray  # (3 n,)
    upper: FloatArray  # (3 n,)


@dataclass(frozen=True, slots=True)
class Problem:
    """Minimise v'Pv/2 + q'v over lower <= Av <= upper, v = moves (n) then slacks (n)."""

    transition: FloatArray  # (2, 2)
    dose: FloatArray  # (2,) levels after one step at the full rate
    free: FloatArray  # (n, 2) levels to come from the levels now, without any dose
    response: FloatArray  # (n, n) levels to come from the moves
    difference: FloatArray  # (n, n) changes from the moves
    cost: FloatArray  # P, (2 n, 2 n)
    rows: FloatArray  # A, (3 n, 2 n): moves, changes, levels less their slack

    @property
    def horizon(self) -> int:
        """Steps looked ahead."""
        return len(self.free)

    def vectors(self, state: State) -> Vectors:
        """Return q and the bounds at `state`."""
        n = self.horizon
        levels = self.free @ (state.central, state.peripheral) + state.disturbance
        before = np.zeros(n)
        before[0] = state.move_before
        pull = self.response.T @ (levels - state.target)
        linear = 2 * (pull - CHANGE_WEIGHT * self.difference.T @ before)
        low, high = (state.target + edge for edge in BAND)
        return Vectors(
            np.concatenate([linear, np.zeros(n)]),
            np.concatenate([np.zeros(n), before - CHANGE_MAX, low - levels]),
            np.concatenate([np.ones(n), before + CHANGE_MAX, high - levels]),
        )


def make_problem(horizon: int) -> Problem:
    """Return the benchmark problem that looks `horizon` steps ahead, at least one."""
    transition, dose = _discretised()
    levels = [np.eye(2)]
    for _ in range(horizon):
        levels.append(transition @ levels[-1])
    impulse = np.array([(power @ dose)[0] for power in levels[:-1]])
    response = toeplitz(impulse, np.zeros(horizon))
    difference = np.eye(horizon) - np.eye(horizon, k=-1)
    curvature = response.T @ response + CHANGE_WEIGHT * difference.T @ difference
    none, one = np.zeros((horizon, horizon)), np.eye(horizon)
    return Problem(
        transition=transition,
        dose=dose,
        free=np.array([power[0] for power in levels[1:]]),
        response=response,
        difference=difference,
        cost=2 * np.block([[curvature, none], [none, SLACK_WEIGHT * one]]),
        rows=np.block([[one, none], [difference, none], [response, -one]]),
    )


def _discretised() -> tuple[FloatArray, FloatArray]:
    """Return the levels' exact step under a constant rate (van Loan's block exponential)."""
    flow = np.zeros((3, 3))
    flow[0] = (
        -(CLEARANCE_L_H + EXCHANGE_L_H) / CENTRAL_VOLUME_L,
        EXCHANGE_L_H / CENTRAL_VOLUME_L,
        FULL_RATE_MG_H / CENTRAL_VOLUME_L / LEVEL_UNIT_MG_L,
    )
    exchange_per_h = EXCHANGE_L_H / PERIPHERAL_VOLUME_L
    flow[1, :2] = exchange_per_h, -exchange_per_h
    step = expm(flow * STEP_H)
    return step[:2, :2], step[:2, 2]
