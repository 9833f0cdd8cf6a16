# SPDX-License-Identifier: MIT
"""Integer Kalman filters with an input disturbance: what is there, and what each model misses.

One filter for every model of the program, on the same moves and readings; core/weights.py says
which of them to believe.  A filter's last state is a constant extra infusion, in units of
the move.  Once it has settled, predictions meet readings without offset, whatever the
clearance is (Pannocchia & Rawlings, AIChE J 49(2), 2003).  Gains are designed on the
host: one for each of the first readings, the last one ever after.  States are
Q(estimate_bits); products are summed in 64 bits by kernels.multiply.
"""

from array import array

from pump.compat import const, micropython, ptr32
from pump.core import kernels
from pump.core.kernels import multiply
from pump.spec import limits
from pump.spec import program as layout

WEIGHT_BITS = const(10)


@micropython.viper
def _predict(
    blocks, state: ptr32, values: ptr32, models: int, states: int, most: int, moves: ptr32
):
    """Move every model's state one tick on, inside the range that the certificate assumes."""
    for model in range(models):
        at = model * (states + 1)
        state[at + states] = moves[model]
        multiply(blocks[model])
        for i in range(states):
            value = values[model * states + i]
            if value > most:
                value = most
            if value < -most:
                value = -most
            state[at + i] = value


@micropython.viper
def _innovate(
    words: ptr32,
    gains_at: int,
    section_words: int,
    gains: ptr32,
    innovations: ptr32,
    state: ptr32,
    models: int,
    states: int,
    level: int,
):
    """Take every model's gains of this reading, and what it had not foreseen of the level."""
    for model in range(models):
        innovations[model] = level - state[model * (states + 1)]
        for i in range(states):
            gains[model * states + i] = words[gains_at + model * section_words + i]


@micropython.viper
def _correct(blocks, state: ptr32, values: ptr32, models: int, states: int, most: int):
    """Add gain times innovation to every model's state, inside the same range."""
    for model in range(models):
        at = model * (states + 1)
        multiply(blocks[model])
        for i in range(states):
            value = state[at + i] + values[model * states + i]
            if value > most:
                value = most
            if value < -most:
                value = -most
            state[at + i] = value


@micropython.viper
def _copy(source: ptr32, begin: int, target: ptr32, count: int):
    """Copy words from `begin` on."""
    for i in range(count):
        target[i] = source[begin + i]


class Estimator:
    """Predicts with every tick, corrects with every reading, and looks ahead: K models, n states.

    `estimate` (n,) is the state of the likeliest model, `free` (N,) what the output would do
    with the pump at rest, Q(data_bits).
    """

    def __init__(self, words):
        models, states, n = (
            words[layout.AT_MODELS],
            words[layout.AT_STATES],
            words[layout.AT_HORIZON],
        )
        self.models = models
        self.states = states
        self.likeliest = 0
        self._words = words
        self._state_max = words[layout.AT_STATE_MAX]
        self._gain_last = words[layout.AT_GAIN_COUNT] - 1
        self._gains_at = layout.table_offsets(words, 0)[1]
        self._section_words = layout.section_words(words)
        self._used = 0
        # K times (n + 1): the states and, last, the move that acts on them.
        self.state = array("i", [0] * (models * (states + 1)))
        self.estimate = array("i", [0] * states)
        self.free = array("i", [0] * n)
        self.weights = array("i", [1 << WEIGHT_BITS] + [0] * (limits.MODELS_MAX - 1))
        self.innovation = 0
        self._values = array("i", [0] * (models * states))
        self._gains = array("i", [0] * (models * states))
        self._innovations = array("i", [0] * models)
        self._predicting, self._correcting, self._looking = [], [], []
        for model in range(models):
            self._add_blocks(model, n)

    def _add_blocks(self, model: int, n: int) -> None:
        """Make the blocks of one model's products."""
        words, states, place = self._words, self.states, kernels.place
        model_at, _, free_at, _, _, _, _, _, _ = layout.table_offsets(words, model)
        state = place(self.state, model * (states + 1))
        values = place(self._values, model * states)
        gains = place(self._gains, model * states)
        innovation = place(self._innovations, model)
        shift = words[layout.AT_MODEL_SHIFT]
        self._predicting.append(
            kernels.block((place(words, model_at), state, values, states, states + 1, shift))
        )
        shift = words[layout.AT_GAIN_SHIFT]
        self._correcting.append(kernels.block((gains, innovation, values, states, 1, shift)))
        shift = words[layout.AT_FREE_SHIFT]
        self._looking.append(
            kernels.block((place(words, free_at), state, place(self.free), n, states, shift))
        )

    def follow(self, before, scales, move: int) -> None:
        """Go on with the estimates of `before`, while `move` (Q(data_bits)) is being given.

        scales: core.handover.Scales.  Each model goes on from the one in its place, or all from
        the likeliest where there were more or fewer.  Gains go on where they are: what is
        known stays known.
        """
        alike = before.models == self.models
        for model in range(self.models):
            self._follow_model(model, before, model if alike else before.likeliest, scales, move)
        if alike:
            self.likeliest = before.likeliest
            for model in range(self.models):
                self.weights[model] = before.weights[model]
        self.innovation = scales.level(before.innovation)
        self._used = min(before._used, self._gain_last)
        self._show()

    def _follow_model(self, model: int, before, model_before: int, scales, move: int) -> None:
        """Let one model go on from one of `before`."""
        states = self.states
        begin, last = model * (states + 1), states - 1
        begin_before = model_before * (states + 1)
        state_before = before.state[begin_before : begin_before + states]
        state = array("i", [scales.level(level) for level in state_before])
        state[last] = scales.disturbance(model_before, state_before, move, model, state)
        self.state[begin : begin + states] = state

    @micropython.native
    def predict(self, moves) -> None:
        """Move one tick on, with `moves` (K,), Q(estimate_bits) of the full rate, acting in it."""
        _predict(
            self._predicting,
            self.state,
            self._values,
            self.models,
            self.states,
            self._state_max,
            moves,
        )
        self._show()

    @micropython.native
    def correct(self, level: int) -> None:
        """Take in a reading, Q(estimate_bits) of the concentration unit."""
        models, states = self.models, self.states
        gain = self._used if self._used < self._gain_last else self._gain_last
        self._used = gain + 1
        _innovate(
            self._words,
            self._gains_at + gain * states,
            self._section_words,
            self._gains,
            self._innovations,
            self.state,
            models,
            states,
            level,
        )
        self.innovation = self._innovations[self.likeliest]
        _correct(self._correcting, self.state, self._values, models, states, self._state_max)
        self._show()

    @micropython.native
    def _show(self) -> None:
        """Bring `estimate` up to date."""
        _copy(self.state, self.likeliest * (self.states + 1), self.estimate, self.states)

    @micropython.native
    def look_ahead(self) -> None:
        """Bring `free` up to date."""
        multiply(self._looking[self.likeliest])
