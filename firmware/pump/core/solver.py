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

from pump.compat import const, micropython
from pump.core import blocks, kernels
from pump.core.finish import Finish
from pump.spec import program as layout

_US_WRAP = const(0x3FFFFFFF)  # 2**30 would not be a small int


class Solver:
    """The QP of one model of a program, warm-started from tick to tick.

    Set the workspace's `demand` (N,), then call `solve`; `plan` and `outputs` give what it found.
    """

    def __init__(self, words, model: int, work):
        """Take the program's words, which of its models, and the workspace of them all."""
        section = layout.section_at(words, model)
        n = words[layout.AT_HORIZON]
        self.horizon = n
        self.work = work
        self._cap = words[layout.AT_ITERATIONS_MAX]
        self._burst = words[section + layout.IN_BURST]
        self._settled = 1 << words[layout.AT_SETTLED_BITS]
        self._before_gain = words[section + layout.IN_BEFORE_GAIN]
        self._before_shift = words[section + layout.IN_BEFORE_SHIFT]
        self._before_half = 1 << (self._before_shift - 1)
        self._move_before = 0
        self.iterations = 0
        self.solved = False
        # (N,) what the plan adds to the output, Q(data_bits + outputs_shift).
        self.outputs = work.tilde_outputs
        self.outputs_shift = 0
        self.solve_us = 0
        self._begin_block = self._make_begin_block(words, section)
        self._block = self._make_block(words, section, layout.table_offsets(words, model))
        self._finish = Finish(words, model, work, self._block)

    def _make_begin_block(self, words, section: int):
        """Return the block of what the iterations start from, in the order of core/blocks.py."""
        place, work = kernels.place, self.work
        return kernels.block(
            (
                place(work.carries),
                place(work.tilde_moves),
                place(work.tilde_outputs),
                place(work.goals),
                place(work.demand),
                self.horizon,
                words[layout.AT_BAND_LOW],
                words[section + layout.IN_ASKED_GAIN],
                words[section + layout.IN_ASKED_SHIFT],
            )
        )

    def _make_block(self, words, section: int, places):
        """Return the block of the iteration itself, in the order of core/blocks.py."""
        place, work = kernels.place, self.work
        _, _, _, pulled_at, factor_at, response_at, caps_at, _, _ = places
        entries = [
            place(words, factor_at),
            place(words, pulled_at),
            place(words, response_at),
            place(work.carries),
            place(words, caps_at),
            place(work.goals),
            place(work.pulls),
            place(work.pulls, self.horizon + 1),
            place(work.tilde_moves),
            place(work.tilde_outputs),
            self.horizon,
            words[layout.AT_CHANGE_MAX],
            1 << words[layout.AT_DATA_BITS],
            words[layout.AT_BAND_HIGH] - words[layout.AT_BAND_LOW],
            words[layout.AT_MOVE_MAX],
            words[layout.AT_SOFT_SHIFT],
            words[section + layout.IN_PULL_SHIFT],
            words[section + layout.IN_FACTOR_SHIFT],
            words[section + layout.IN_RESPONSE_SHIFT],
        ]
        return kernels.block(entries + [0] * (blocks.ITERATE_WORDS - len(entries)))

    def follow(self, before) -> None:
        """Say what `before`, of another program, said of its last tick."""
        work = self.work
        fine = before.outputs is before.work.outputs
        self.outputs = work.outputs if fine else work.tilde_outputs
        self.outputs_shift = before.outputs_shift
        self.iterations = before.iterations
        self.solved = before.solved

    @micropython.native
    def solve(self, move_before: int) -> None:
        """Solve for `demand`, with the last tick's move; sets solved and iterations."""
        began_us = self.work.now_us()
        self._move_before = move_before
        self.iterations = 0
        finish, work = self._finish, self.work
        self.outputs = work.outputs
        self.outputs_shift = blocks.FINE_BITS
        self.solved = False
        if work.finished:
            finish.shift()
            self.solved = finish.run(move_before)
        if not self.solved:
            self._iterate(move_before)
        work.finished = self.solved
        self.solve_us = (work.now_us() - began_us) & _US_WRAP

    @micropython.native
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
                self.outputs = self.work.tilde_outputs
                self.outputs_shift = 0
                self.solved = True

    @micropython.native
    def skip(self) -> None:
        """Say that this tick solved nothing."""
        self.solved = False
        self.iterations = 0
        self.solve_us = 0

    @micropython.native
    def plan(self, moves) -> None:
        """Write the plan (N,), 0..1 and no change beyond its bound, Q(data_bits)."""
        self._finish.plan(moves, self._move_before)
