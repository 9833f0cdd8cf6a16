# SPDX-License-Identifier: MIT
"""Integer Kalman filters with an input disturbance: what is there, and what each model misses.

One filter for every model of the program, on the same moves and readings; core/weights.py says
how far each is believed.  A filter's last state is a constant extra infusion, in units of the
move.  Once it has settled, predictions meet readings without offset, whatever the clearance
is (Pannocchia & Rawlings, AIChE J 49(2), 2003).  Only the likeliest model's is for ever: that
of the others fades, else it would explain away what tells the models apart.  Gains are
designed on the host: one for each of the first readings, the last one ever after.  States are
Q(estimate_bits); products are summed in 64 bits by kernels.multiply.
"""

from array import array

from pump.compat import const, micropython, ptr32
from pump.core import kernels, weights
from pump.core.kernels import multiply
from pump.core.weights import Weights
from pump.spec import program as layout

# Words of an estimator's sizes.
_MODELS = const(0)
_STATES = const(1)  # n
_STATE_MAX = const(2)
_FADE_SHIFT = const(3)
_SECTION_WORDS = const(4)
_GAINS_AT = const(5)  # of the first model, for the coming reading
_GAINS_LAST = const(6)
_LIKELIEST = const(7)
_HORIZON = const(8)

COARSE_BITS = const(10)  # of an innovation, that the mean does without


@micropython.viper
def _predict(blocks, sizes: ptr32, state: ptr32, values: ptr32, estimate: ptr32, moves: ptr32):
    """Move every model's state one tick on, inside the range that the certificate assumes."""
    states = sizes[_STATES]
    most = sizes[_STATE_MAX]
    at = 0
    for model in range(sizes[_MODELS]):
        state[at + states] = moves[model]
        multiply(blocks[model])
        for i in range(states):
            value = values[i]
            if value > most:
                value = most
            if value < -most:
                value = -most
            state[at + i] = value
        if model == sizes[_LIKELIEST]:
            for i in range(states):
                estimate[i] = state[at + i]
        else:
            last = at + states - 1
            state[last] = state[last] - (state[last] >> sizes[_FADE_SHIFT])
        at += states + 1


@micropython.viper
def _innovate(
    words: ptr32, sizes: ptr32, gains: ptr32, innovations: ptr32, state: ptr32, level: int
):
    """Take every model's gains of this reading, and what it had not foreseen of the level."""
    states = sizes[_STATES]
    gains_at = sizes[_GAINS_AT]
    if gains_at < sizes[_GAINS_LAST]:
        sizes[_GAINS_AT] = gains_at + states
    at = 0
    for model in range(sizes[_MODELS]):
        innovations[model] = level - state[model * (states + 1)]
        for i in range(states):
            gains[at] = words[gains_at + i]
            at += 1
        gains_at += sizes[_SECTION_WORDS]


@micropython.viper
def _believe(innovations: ptr32, models: int, believed: ptr32) -> int:
    """Return the mean of the models' innovations, a little coarser: its products are int32."""
    half = 1 << COARSE_BITS >> 1
    total = 1 << weights.BITS >> 1
    for model in range(models):
        total += ((innovations[model] + half) >> COARSE_BITS) * believed[model]
    return (total >> weights.BITS) << COARSE_BITS


@micropython.viper
def _correct(blocks, steadying, sizes: ptr32, state: ptr32, values: ptr32, estimate: ptr32):
    """Add gain times innovation to every model's state, inside the same range.

    The likeliest one's disturbance answers the innovation of what is planned with, the mean:
    else the others, whose disturbance fades, would hold the level off its target.
    """
    states = sizes[_STATES]
    most = sizes[_STATE_MAX]
    at = 0
    models = sizes[_MODELS]
    for model in range(models):
        multiply(blocks[model])
        if models > 1 and model == sizes[_LIKELIEST]:
            multiply(steadying[model])  # one alone is the mean itself
        for i in range(states):
            value = state[at + i] + values[i]
            if value > most:
                value = most
            if value < -most:
                value = -most
            state[at + i] = value
            if model == sizes[_LIKELIEST]:
                estimate[i] = value
        at += states + 1


@micropython.viper
def _look_ahead(blocks, sizes: ptr32, values: ptr32, believed: ptr32, free: ptr32):
    """Write the mean of what the models foresee, each weighed as far as it is believed."""
    n = sizes[_HORIZON]
    for i in range(n):
        free[i] = 1 << weights.BITS >> 1
    for model in range(sizes[_MODELS]):
        weight = believed[model]
        if weight > 0:
            multiply(blocks[model])
            for i in range(n):
                free[i] += weight * values[i]
    for i in range(n):
        free[i] = free[i] >> weights.BITS


class Estimator:
    """Predicts with every tick, corrects with every reading, and looks ahead: K models, n states.

    `estimate` (n,) is the state of the likeliest model, `free` (N,) what the output would do
    with the pump at rest, Q(data_bits): the mean of all models.
    """

    def __init__(self, words):
        models, states, n = (
            words[layout.AT_MODELS],
            words[layout.AT_STATES],
            words[layout.AT_HORIZON],
        )
        self.models = models
        self.states = states
        self.weights = Weights(words)
        gains_at = layout.table_offsets(words, 0)[1]
        self._words = words
        self._sizes = array(
            "i",
            (
                models,
                states,
                words[layout.AT_STATE_MAX],
                words[layout.AT_FADE_SHIFT],
                layout.section_words(words),
                gains_at,
                gains_at + (words[layout.AT_GAIN_COUNT] - 1) * states,
                self.weights.likeliest,
                n,
            ),
        )
        # K times (n + 1): the states and, last, the move that acts on them.
        self.state = array("i", [0] * (models * (states + 1)))
        self.estimate = array("i", [0] * states)
        self.free = array("i", [0] * n)
        self.innovation = 0
        self._values = array("i", [0] * states)
        self._ahead = self.free if models == 1 else array("i", [0] * n)
        self._gains = array("i", [0] * (models * states))
        self._innovations = array("i", [0] * models)
        self._mean = array("i", [0])  # innovation
        self._predicting, self._correcting, self._steadying, self._looking = [], [], [], []
        for model in range(models):
            self._add_blocks(model, n)

    def _add_blocks(self, model: int, n: int) -> None:
        """Make the blocks of one model's products."""
        words, states, place = self._words, self.states, kernels.place
        model_at, _, free_at, _, _, _, _, _, _ = layout.table_offsets(words, model)
        state, values = place(self.state, model * (states + 1)), place(self._values)
        gains = place(self._gains, model * states)
        innovation = place(self._innovations, model)
        shift = words[layout.AT_MODEL_SHIFT]
        self._predicting.append(
            kernels.block((place(words, model_at), state, values, states, states + 1, shift))
        )
        shift = words[layout.AT_GAIN_SHIFT]
        self._correcting.append(kernels.block((gains, innovation, values, states, 1, shift)))
        gain = place(self._gains, (model + 1) * states - 1)
        last = place(self._values, states - 1)
        self._steadying.append(kernels.block((gain, place(self._mean), last, 1, 1, shift)))
        shift = words[layout.AT_FREE_SHIFT]
        self._looking.append(
            kernels.block((place(words, free_at), state, place(self._ahead), n, states, shift))
        )

    @property
    def likeliest(self) -> int:
        """Return which model is planned with."""
        return self._sizes[_LIKELIEST]

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
            self.weights.follow(before.weights)
        sizes, old = self._sizes, before._sizes
        sizes[_LIKELIEST] = self.weights.likeliest
        used = (old[_GAINS_AT] - layout.table_offsets(before._words, 0)[1]) // self.states
        sizes[_GAINS_AT] = min(sizes[_GAINS_AT] + used * self.states, sizes[_GAINS_LAST])
        self.innovation = scales.level(before.innovation)
        begin = self.likeliest * (self.states + 1)
        self.estimate[:] = self.state[begin : begin + self.states]

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
        _predict(self._predicting, self._sizes, self.state, self._values, self.estimate, moves)

    @micropython.native
    def correct(self, level: int) -> None:
        """Take in a reading, Q(estimate_bits) of the concentration unit."""
        sizes, state, innovations = self._sizes, self.state, self._innovations
        _innovate(self._words, sizes, self._gains, innovations, state, level)
        self.innovation = self._mean[0] = innovations[sizes[_LIKELIEST]]
        if self.models > 1:
            self.weights.take(innovations)
            sizes[_LIKELIEST] = self.weights.likeliest
            self._mean[0] = _believe(innovations, self.models, self.weights.of)
        _correct(self._correcting, self._steadying, sizes, state, self._values, self.estimate)

    @micropython.native
    def look_ahead(self) -> None:
        """Bring `free` up to date."""
        if self.models == 1:
            multiply(self._looking[0])
        else:
            _look_ahead(self._looking, self._sizes, self._ahead, self.weights.of, self.free)
