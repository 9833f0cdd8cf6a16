# SPDX-License-Identifier: MIT
"""The quadratic program of one tick, by OSQP's splitting in int32.

    minimise   sum (y_i - e_i)^2 + change_weight (u_i - u_{i-1})^2 + soft_weight s_i^2
    over       moves u (N,), outputs y = response @ u, slacks s (N,)
    subject to |u_i - u_{i-1}| <= change_max, 0 <= u_i <= 1, low_i - s_i <= y_i <= high_i + s_i

OSQP (Stellato et al., Math. Prog. Comp. 12, 2020) with alpha = 1.5 and no sigma, x
reduced to the moves, whose KKT matrix the host inverted, and slacks removed by their
proximal step.  The iterations find the active set; core/finish.py solves on it and judges
the answer, and needs none of them where the last tick's set, shifted, is right at once.
All state lives in arrays made once; data is Q(data_bits), moves in units of the full rate.
"""

from array import array

from pump.compat import const
from pump.core import blocks, kernels
from pump.core.finish import Finish
from pump.spec import program as layout

_US_WRAP = const(0x3FFFFFFF)  # 2**30 would not be a small int


def _no_clock() -> int:
    """Stand in for a clock where nobody measures."""
    return 0


class Solver:
    """One QP, warm-started from tick to tick.

    Set `demand` (N,), then call `solve`; `plan` and `outputs` give what it found.
    """

    def __init__(self, words, places):
        """Take the program's words and its table offsets."""
        n = words[layout.AT_HORIZON]
        self.horizon = n
        self._cap = words[layout.AT_ITERATIONS_MAX]
        self._burst = words[layout.AT_BURST]
        self._settled = 1 << words[layout.AT_SETTLED_BITS]
        self._before_gain = words[layout.AT_BEFORE_GAIN]
        self._before_shift = words[layout.AT_BEFORE_SHIFT]
        self._before_half = 1 << (self._before_shift - 1)
        self._move_before = 0
        self.demand = array("i", [0] * n)  # target minus free response
        self._carries = array("i", [0] * (3 * n))
        self._goals = array("i", [0] * (2 * n))
        self._moves = array("i", [0] * n)
        self._outputs = array("i", [0] * n)
        # The right-hand side behind a spare word, then what the outputs pull.
        self._pulls = array("i", [0] * (2 * n + 1))
        self.iterations = 0
        self.solved = False
        # (N,) what the plan adds to the output, Q(data_bits + outputs_shift).
        self.outputs = self._outputs
        self.outputs_shift = 0
        self.now_us = _no_clock  # the app hands in the board's, to measure solve_us
        self.solve_us = 0
        self._begin_block = self._make_begin_block(words)
        self._block = self._make_block(words, places)
        self._finish = Finish(words, places[5], places[7], self.demand, self._block)
        self._finished = False  # whether the finish knows the last tick's plan

    def _make_begin_block(self, words):
        """Return the block of what the iterations start from, in the order of core/blocks.py."""
        place = kernels.place
        return kernels.block(
            (
                place(self._carries),
                place(self._moves),
                place(self._outputs),
                place(self._goals),
                place(self.demand),
                self.horizon,
                words[layout.AT_BAND_LOW],
                words[layout.AT_ASKED_GAIN],
                words[layout.AT_ASKED_SHIFT],
            )
        )

    def _make_block(self, words, places):
        """Return the block of the iteration itself, in the order of core/blocks.py."""
        place = kernels.place
        _, _, _, pulled_at, factor_at, response_at, caps_at, _, _ = places
        entries = [
            place(words, factor_at),
            place(words, pulled_at),
            place(words, response_at),
            place(self._carries),
            place(words, caps_at),
            place(self._goals),
            place(self._pulls),
            place(self._pulls, self.horizon + 1),
            place(self._moves),
            place(self._outputs),
            self.horizon,
            words[layout.AT_CHANGE_MAX],
            1 << words[layout.AT_DATA_BITS],
            words[layout.AT_BAND_HIGH] - words[layout.AT_BAND_LOW],
            words[layout.AT_MOVE_MAX],
            words[layout.AT_SOFT_SHIFT],
            words[layout.AT_PULL_SHIFT],
            words[layout.AT_FACTOR_SHIFT],
            words[layout.AT_RESPONSE_SHIFT],
        ]
        return kernels.block(entries + [0] * (blocks.ITERATE_WORDS - len(entries)))

    def follow(self, before, scales) -> None:
        """Begin the next search where `before`, of another program, found its last plan."""
        self._finish.follow(before._finish, scales)
        self._finished = before._finished
        for i in range(self.horizon):
            self._outputs[i] = scales.data(before._outputs[i])
        fine = before.outputs is not before._outputs
        self.outputs = self._finish.outputs if fine else self._outputs
        self.outputs_shift = before.outputs_shift
        self.iterations = before.iterations
        self.solved = before.solved

    def solve(self, move_before: int) -> None:
        """Solve for `demand`, with the last tick's move; sets solved and iterations."""
        began_us = self.now_us()
        self._move_before = move_before
        self.iterations = 0
        finish = self._finish
        self.outputs = finish.outputs
        self.outputs_shift = blocks.FINE_BITS
        self.solved = False
        if self._finished:
            finish.shift()
            self.solved = finish.run(move_before)
        if not self.solved:
            self._iterate(move_before)
        self._finished = self.solved
        self.solve_us = (self.now_us() - began_us) & _US_WRAP

    def _iterate(self, move_before: int) -> None:
        """Iterate by bursts, each followed by a try to finish; sets solved.

        Iterations that changed nothing more are an answer too, should no set be found.
        """
        finish, block = self._finish, self._block
        kernels.begin(self._begin_block)
        block[blocks.ITERATE_MOVE_BEFORE] = move_before
        before = move_before * self._before_gain + self._before_half
        block[blocks.ITERATE_BEFORE] = before >> self._before_shift
        while not self.solved and self.iterations < self._cap:
            burst = min(self._burst, self._cap - self.iterations)
            block[blocks.ITERATE_COUNT] = burst
            kernels.iterate(block)
            self.iterations += burst
            settled = finish.read() < self._settled
            self.solved = finish.run(move_before)
            if settled and not self.solved:
                finish.read()
                self.outputs = self._outputs
                self.outputs_shift = 0
                self.solved = True

    def skip(self) -> None:
        """Say that this tick solved nothing."""
        self.solved = False
        self.iterations = 0
        self.solve_us = 0

    def plan(self, moves) -> None:
        """Write the plan (N,), 0..1 and no change beyond its bound, Q(data_bits)."""
        self._finish.plan(moves, self._move_before)
