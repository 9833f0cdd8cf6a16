# SPDX-License-Identifier: MIT
"""How far each model of the bank is believed: by how well it foresaw the pump's own readings.

A score is a log-likelihood in bits, Q16: every reading takes from it half the square of the
innovation in standard deviations, over ln 2, and it is forgotten towards its prior, so that a
patient who changes is found.  Weights are 2**score, summing up to one: multiple-model adaptive
estimation (Magill, IEEE TAC 10(4):434, 1965).  The likeliest is replaced only by a margin.
"""

from array import array

from pump.compat import const, micropython, ptr32
from pump.spec import limits
from pump.spec import program as layout

BITS = const(10)  # of a weight
_SCORE_BITS = const(16)
_FRACTION_BITS = const(4)  # of a score, that the table below tells apart
_LEAST = const(14)  # bits below the best from which on a weight is nothing
# 2**14 times 2**-(i / 16), rounded.
_HALVES = array(
    "i",
    (16384, 15689, 15024, 14387, 13777, 13193, 12634, 12098)
    + (11585, 11094, 10624, 10173, 9742, 9329, 8933, 8555),
)


@micropython.viper
def _score(words: ptr32, section: int, section_words: int, models: int, errors: ptr32, out: ptr32):
    """Take from every model's score what its innovation says against it."""
    forget = words[layout.AT_FORGET_SHIFT]
    for model in range(models):
        error = errors[model]
        most = words[section + layout.IN_SURPRISE_MAX]
        if error > most:
            error = most
        if error < -most:
            error = -most
        surprise = error * words[section + layout.IN_SURPRISE_GAIN]
        surprise >>= words[section + layout.IN_SURPRISE_SHIFT]
        score = out[model]
        score -= (score - words[section + layout.IN_PRIOR]) >> forget
        out[model] = score - surprise * surprise
        section += section_words


@micropython.viper
def _likeliest(scores: ptr32, models: int, before: int, margin: int) -> int:
    """Return the model with the highest score, `before` unless another has the margin."""
    best = before
    most = scores[before] + margin
    for model in range(models):
        if scores[model] > most:
            best = model
            most = scores[model]
    return best


@micropython.viper
def _weigh(scores: ptr32, models: int, weights: ptr32, halves: ptr32):
    """Write the weights that the scores stand for; what rounding leaves goes to the best."""
    best = 0
    for model in range(models):
        if scores[model] > scores[best]:
            best = model
    total = 0
    for model in range(models):
        below = scores[best] - scores[model]
        whole = below >> _SCORE_BITS
        weight = 0
        if whole < _LEAST:
            weight = halves[(below >> (_SCORE_BITS - _FRACTION_BITS)) & 15] >> whole
        weights[model] = weight
        total += weight
    rest = 1 << BITS
    for model in range(models):
        weight = (weights[model] << BITS) // total
        weights[model] = weight
        rest -= weight
    weights[best] += rest


class Weights:
    """Scores and weights of a program's models; `likeliest` is the one to plan with."""

    def __init__(self, words):
        models = words[layout.AT_MODELS]
        self._words = words
        self._models = models
        self._section = layout.section_at(words, 0)
        self._section_words = layout.section_words(words)
        self._margin = words[layout.AT_SWITCH_MARGIN]
        self.likeliest = 0
        self.of = array("i", [0] * limits.MODELS_MAX)
        self.scores = array("i", [0] * models)
        for model in range(models):
            prior_at = layout.section_at(words, model) + layout.IN_PRIOR
            self.scores[model] = words[prior_at]
        _weigh(self.scores, models, self.of, _HALVES)

    def follow(self, before) -> None:
        """Go on with the scores of `before`, of another program with as many models."""
        for model in range(self._models):
            self.scores[model] = before.scores[model]
        self.likeliest = before.likeliest
        _weigh(self.scores, self._models, self.of, _HALVES)

    @micropython.native
    def take(self, innovations) -> None:
        """Judge the models by their innovations (K,), Q(estimate_bits)."""
        models, scores = self._models, self.scores
        _score(self._words, self._section, self._section_words, models, innovations, scores)
        self.likeliest = _likeliest(scores, models, self.likeliest, self._margin)
        _weigh(scores, models, self.of, _HALVES)
