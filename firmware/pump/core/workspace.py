# SPDX-License-Identifier: MIT
"""Room for solving one tick's QP, and what is kept of it for the next: N moves.

Made once and shared by the solvers of all models of a program, so that the plan and the
active set of the tick before go on when the tables are changed.
"""

from array import array

from pump.compat import const

_ONE_BITS = const(10)  # of segments' reciprocals


def _no_clock() -> int:
    """Stand in for a clock where nobody measures."""
    return 0


class Workspace:
    """Arrays that the blocks of core/solver.py and core/finish.py point into."""

    def __init__(self, n: int):
        self.horizon = n
        self.demand = array("i", [0] * n)  # target minus free response
        # The iteration: what rows carry, its goals, tilde, and what they pull.
        self.carries = array("i", [0] * (3 * n))
        self.goals = array("i", [0] * (2 * n))
        self.tilde_moves = array("i", [0] * n)
        self.tilde_outputs = array("i", [0] * n)
        # The right-hand side behind a spare word, then what the outputs pull.
        self.pulls = array("i", [0] * (2 * n + 1))
        # The finish: active set, the plan on it, with FINE_BITS more than the data.
        self.sets = array("i", [0] * (3 * n))
        self.moves = array("i", [0] * n)
        self.outputs = array("i", [0] * n)
        # Segments, weights, offsets, gradient: written by one kernel and read by another.
        self.shared = array("i", [0] * (5 * n))
        self.duals = array("i", [0] * (2 * n))
        self.scratch = array("i", [0] * (6 * n))
        self.reciprocals = array("i", [0] + [(1 << _ONE_BITS) // i for i in range(1, n + 1)])
        self.now_us = _no_clock  # the app hands in the board's, to measure a solver's solve_us
        self.finished = False  # whether the set and its plan are the last tick's answer

    def follow(self, before, scales, one: int) -> None:
        """Take guess and plan of `before`, of another program: judged anew, like any guess.

        scales: core.handover.Scales.  one: the full rate in this format of moves.
        """
        n = self.horizon
        for i in range(3 * n):
            self.sets[i] = before.sets[i]
        for i in range(n):
            self.moves[i] = scales.move(before.moves[i], one)
            self.outputs[i] = scales.data(before.outputs[i])
            self.tilde_outputs[i] = scales.data(before.tilde_outputs[i])
        self.finished = before.finished
