# SPDX-License-Identifier: MIT
"""Receding-horizon planner: from the estimated state to the rate of this tick.

Forms the tick's demand (target minus what would happen with the pump at rest),
solves the QP and applies its first move only.  When the solver hits its cap the
plan of the tick before goes on, one tick later: it was feasible then and still
is, since moves and changes keep their bounds under the shift.  A plan that has been
shifted to its end is over; then the fallback move is held.
"""

from array import array

from pump.compat import micropython, ptr32
from pump.core import blocks
from pump.core.solver import Solver
from pump.core.workspace import Workspace
from pump.spec import program as layout
from pump.spec import reasons


@micropython.viper
def _demand_from(free: ptr32, demand: ptr32, n: int, targets: ptr32, most: int):
    """Write each tick's target minus free response, clipped to +-most.

    The clip bounds every number of the QP, so that its certificate holds for any
    state, and it changes nothing near the target.
    """
    for i in range(n):
        value = targets[i + 1] - free[i]
        if value > most:
            value = most
        if value < -most:
            value = -most
        demand[i] = value


class Planner:
    """Holds the plan: `moves` (N,) Q(data_bits) and `free` (N,), the output at rest."""

    def __init__(self, words, estimator, rhythm):
        """Take the program's words, and estimator and rhythm, which look ahead for it."""
        n = words[layout.AT_HORIZON]
        self.horizon = n
        # Moves beyond these outputs cost nothing but change, so they follow the last.
        self.output_count = words[layout.AT_OUTPUTS]
        self.source = reasons.PLAN_FALLBACK
        self.resting = False  # the plan is what happens without the pump
        self._left = 1  # moves of the plan that have not been made yet
        self._estimator = estimator
        self._rhythm = rhythm
        self.free = estimator.free
        self.moves = array("i", [0] * n)
        self.work = Workspace(n)
        self.solvers = [Solver(words, model, self.work) for model in range(estimator.models)]
        self.solver = self.solvers[0]  # of the model that is planned with
        self._demand_max = words[layout.AT_DEMAND_MAX]
        self._one = 1 << words[layout.AT_DATA_BITS]
        self._change_max = words[layout.AT_CHANGE_MAX]
        self._fallback = words[layout.AT_FALLBACK_MOVE]

    def follow(self, before, scales) -> None:
        """Go on with the plan of `before`, of another program; scales: core.handover.Scales."""
        self.source = before.source
        self.resting = before.resting
        self._left = before._left
        for i in range(self.horizon):
            self.free[i] = scales.data(before.free[i])
            self.moves[i] = scales.move(before.moves[i], self._one)
        self.work.follow(before.work, scales, self._one << blocks.FINE_BITS)
        self.solver = self.solvers[self._estimator.likeliest]
        self.solver.follow(before.solver)

    @micropython.native
    def plan(self, move_before: int) -> int:
        """Return this tick's move towards the rhythm's targets, 0..1, Q(data_bits)."""
        self.resting = False
        estimator, rhythm, free = self._estimator, self._rhythm, self.free
        estimator.look_ahead()
        model = estimator.likeliest
        rhythm.bend(free, model)
        solver = self.solver = self.solvers[model]
        _demand_from(free, self.work.demand, self.output_count, rhythm.targets, self._demand_max)
        solver.solve(move_before)
        if solver.solved:
            solver.plan(self.moves)
            self.source = reasons.PLAN_SOLVED
            self._left = self.horizon
        elif self.source == reasons.PLAN_FALLBACK or self._left == 1:
            self._hold(self._fallback)
        else:
            self._shift()
        return self._within_change(self.moves[0], move_before)

    @micropython.native
    def fall_back(self, move_before: int) -> int:
        """Return the programmed fallback move, reached no faster than the change bound."""
        self.resting = False
        self.solver.skip()
        self._hold(self._fallback)
        return self._within_change(self._fallback, move_before)

    @micropython.native
    def stand_still(self) -> int:
        """Return no move: pump or course ask for none, and the plan is the free response."""
        self._estimator.look_ahead()
        self.resting = True
        self.solver.skip()
        self._hold(0)
        return 0

    @micropython.native
    def _hold(self, move: int) -> None:
        """Make the plan one constant move."""
        for i in range(self.horizon):
            self.moves[i] = move
        self.source = reasons.PLAN_FALLBACK

    @micropython.native
    def _shift(self) -> None:
        """Let the plan of the tick before go on, its last move held."""
        for i in range(self.horizon - 1):
            self.moves[i] = self.moves[i + 1]
        self.source = reasons.PLAN_SHIFTED
        self._left -= 1

    @micropython.native
    def _within_change(self, move: int, move_before: int) -> int:
        """Return `move`, no farther from the move before than the program allows upwards.

        Less drug is never delayed: a fall below the plan's bound stays allowed.
        """
        if move > move_before + self._change_max:
            return move_before + self._change_max
        return move
