# SPDX-License-Identifier: MIT
"""Integer Kalman filter with an input disturbance: what is there, and what the model misses.

The last state is a constant extra infusion, in units of the move.  Once it has
settled, predictions meet readings without offset, whatever the clearance is
(Pannocchia & Rawlings, AIChE J 49(2), 2003).  Gains are designed on the host:
one for each of the first readings, the last one ever after.  States are
Q(estimate_bits); products are summed in 64 bits by kernels.multiply.
"""

from array import array

from pump.compat import micropython, ptr32
from pump.core import blocks, kernels
from pump.spec import program as layout


@micropython.viper
def _take(state: ptr32, values: ptr32, n: int, most: int):
    """Set the state to `values`, inside the range that the certificate assumes."""
    for i in range(n):
        value = values[i]
        if value > most:
            value = most
        if value < -most:
            value = -most
        state[i] = value


@micropython.viper
def _add(state: ptr32, values: ptr32, n: int):
    """Add the state to `values`."""
    for i in range(n):
        values[i] += state[i]


class Estimator:
    """Predicts with every tick, corrects with every reading."""

    def __init__(self, words, model_at: int, gains_at: int):
        states = words[layout.AT_STATES]
        self.states = states
        self._state_max = words[layout.AT_STATE_MAX]
        self._gain_last = words[layout.AT_GAIN_COUNT] - 1
        self._model_at = model_at
        self._gains_at = gains_at
        self._words = words
        self._used = 0
        # (states + 1,) the states and, last, the move that acts on them.
        self.state = array("i", [0] * (states + 1))
        self._next = array("i", [0] * states)
        self._innovation = array("i", [0])
        self.innovation = 0
        place = kernels.place
        self._predict = kernels.block(
            (
                place(words, model_at),
                place(self.state),
                place(self._next),
                states,
                states + 1,
                words[layout.AT_MODEL_SHIFT],
            )
        )
        self._correct = kernels.block(
            (
                place(words, gains_at),
                place(self._innovation),
                place(self._next),
                states,
                1,
                words[layout.AT_GAIN_SHIFT],
            )
        )

    def follow(self, before, scales, move: int) -> None:
        """Go on with the estimate of `before`, while `move` (Q(data_bits)) is being given.

        scales: core.handover.Scales.  Gains go on where they are: what is known stays known.
        """
        states, last = self.states, self.states - 1
        for i in range(last):
            self.state[i] = scales.level(before.state[i])
        self.state[last] = scales.disturbance(
            self._model_at, before.state[:states], move, self.state
        )
        self.innovation = scales.level(before.innovation)
        self._used = min(before._used, self._gain_last)

    def predict(self, move: int) -> None:
        """Move one tick on, with `move` (Q(estimate_bits) of the full rate) delivered in it."""
        state = self.state
        state[self.states] = move
        kernels.multiply(self._predict)
        _take(state, self._next, self.states, self._state_max)

    def correct(self, level: int) -> None:
        """Take in a reading, Q(estimate_bits) of the concentration unit."""
        state = self.state
        self.innovation = level - state[0]
        self._innovation[0] = self.innovation
        gain = self._used if self._used < self._gain_last else self._gain_last
        self._used = gain + 1
        self._correct[blocks.MULTIPLY_MATRIX] = kernels.place(
            self._words, self._gains_at + gain * self.states
        )
        kernels.multiply(self._correct)
        _add(state, self._next, self.states)
        _take(state, self._next, self.states, self._state_max)
