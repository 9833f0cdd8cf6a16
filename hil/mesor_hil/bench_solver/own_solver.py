# SPDX-License-Identifier: MIT
"""Runs on the board as solver.py: our own solver, in the form that board_main.py times.

The one place that calls the firmware's solver.  What is timed is the way from the state, as the
estimator would hold it, to the plan.
"""

from array import array

from pump.core import kernels
from pump.core.solver import Solver
from pump.core.workspace import Workspace
from pump.spec import program as layout

_TABLE_BITS = 24  # of demand.bin
_STATE_BITS = 20  # as the firmware's estimator holds its state
_STATE_SIZE = 5


def _read(name):
    """Return the int32 words of a file."""
    with open(name, "rb") as stream:
        return array("i", stream.read())


class BoardSolver:
    """The firmware's solver with the benchmark's program, and one tick's demand and plan."""

    def __init__(self):
        """Read program.bin, and demand.bin, which turns a state into the demand."""
        self._words = _read("program.bin")
        self._table = _read("demand.bin")
        self._horizon = self._words[layout.AT_HORIZON]
        self._bits = self._words[layout.AT_DATA_BITS]
        self._state = array("i", [0] * (_STATE_SIZE - 1))
        self._plan = array("i", [0] * self._horizon)
        self._move_before = 0
        self._forget()

    def _forget(self):
        """Make the solver afresh, as a new program does, and the block that fills its demand."""
        words = self._words
        self._solver = Solver(words, 0, Workspace(self._horizon))
        self._demand_block = kernels.block(
            (
                kernels.place(self._table),
                kernels.place(self._state),
                kernels.place(self._solver.work.demand),
                words[layout.AT_OUTPUTS],
                len(self._state),
                _TABLE_BITS + _STATE_BITS - self._bits,
            )
        )

    def prepare(self, states, index, is_cold):
        """Take a state in as the estimator would have left it; forget the solve before if cold."""
        if is_cold:
            self._forget()
        at = _STATE_SIZE * index
        for i in range(len(self._state)):
            self._state[i] = round(states[at + i] * (1 << _STATE_BITS))
        self._move_before = round(states[at + len(self._state)] * (1 << self._bits))

    def solve(self, _states, _index, _is_cold):
        """Solve at the state; return the iterations, negative where the solver gave up."""
        solver = self._solver
        kernels.multiply(self._demand_block)
        solver.solve(self._move_before)
        solver.plan(self._plan)
        return solver.iterations if solver.solved else -1 - solver.iterations

    def move(self):
        """Return the first move of the last solve, in millionths of the full rate."""
        return round(self._plan[0] * 1e6 / (1 << self._bits))
