# SPDX-License-Identifier: MIT
"""Exact finish of the QP: solve on a guessed active set, and prove the answer optimal.

OSQP polishes what its iterations found; here the polish also judges it.  A plan is
accepted only when primal feasibility, the multipliers' signs and stationarity all
hold within the program's tolerance, which bounds its distance from the optimum.
Everything is made once; a solve allocates nothing.
"""

from array import array

from pump.compat import const, micropython, ptr32
from pump.core import active_set, blocks
from pump.core.kernels import block, judge, place, read, refine, shift, tie
from pump.spec import program as layout

# Words of the limits of a search.
_GUESSES = const(0)
_DESCENTS = const(1)
_DIRECTIONS = const(2)
_ACCEPTED = const(3)  # the residual's mask must be below
_SPARE = const(4)
_SOFT_SPARE = const(5)
_MOVES = const(6)

SLACK_LEAST = const(32)  # of bounds and multipliers, in fine units: half a unit of the data
OUTPUT_SLACK_LEAST = const(4)
RESIDUAL_MOST = const(1 << 18)  # of what widens the slack while the residual is not small
SCALED_BITS = const(11)
SCALED_MIN = const(32)  # a descent from far away stops early: the next one is as cheap
GAINED_BITS = const(2)  # a descent that leaves more than a quarter of the residual is the last
_ONE_BITS = const(10)  # of segments' reciprocals


@micropython.viper
def _settle(refine_block, refine_words: ptr32, set_block, set_words: ptr32, limits: ptr32) -> int:
    """Solve on the guess that was tied; return 1 accepted, 0 holds, -1 mended.

    It is judged after every descent: most wrong guesses show long before the plan is exact.
    """
    refine_words[blocks.REFINE_DIRECTIONS_MAX] = 0
    mask = int(refine(refine_block))
    accepted = limits[_ACCEPTED]
    descents = limits[_DESCENTS]
    while True:
        if mask >= accepted and descents > 0:
            # Half of what is accepted, in the descent's own scale, but above its rounding.
            small = (accepted << SCALED_BITS) // mask
            if small < SCALED_MIN:
                small = SCALED_MIN
            refine_words[blocks.REFINE_STOP] = limits[_MOVES] * small * small >> 1
            refine_words[blocks.REFINE_DIRECTIONS_MAX] = limits[_DIRECTIONS]
            before = mask
            mask = int(refine(refine_block))
            descents -= 1
            if mask > before >> GAINED_BITS:
                descents = 0
        widened = mask
        if widened > RESIDUAL_MOST:
            widened = RESIDUAL_MOST
        set_words[blocks.SET_SLACK] = SLACK_LEAST + 2 * widened
        set_words[blocks.SET_OUTPUT_SLACK] = OUTPUT_SLACK_LEAST + widened
        if int(judge(set_block)) != 0:
            return -1
        if mask < accepted:
            return 1
        if descents == 0:
            return 0


@micropython.viper
def _search(refine_block, refine_words: ptr32, set_block, set_words: ptr32, limits: ptr32) -> int:
    """Go from guess to guess until one holds; say whether its plan is accepted."""
    for _ in range(limits[_GUESSES]):
        refine_words[blocks.REFINE_SPARE_SHIFT] = limits[_SPARE]
        if int(tie(set_block)) != 0:
            refine_words[blocks.REFINE_SPARE_SHIFT] = limits[_SOFT_SPARE]
        found = int(_settle(refine_block, refine_words, set_block, set_words, limits))
        if found >= 0:
            return found
    return 0


class Finish:
    """The guess, the plan on it, and the blocks of its kernels; N moves."""

    def __init__(self, words, response_at: int, inverse_at: int, demand, admm):
        n = words[layout.AT_HORIZON]
        self._n = n
        self._change = words[layout.AT_CHANGE_MAX]
        self._one = 1 << words[layout.AT_DATA_BITS]
        self._limits = array(
            "i",
            [
                words[layout.AT_GUESSES_MAX],
                words[layout.AT_DESCENTS_MAX],
                words[layout.AT_DIRECTIONS_MAX],
                1 << words[layout.AT_STATIONARY_BITS],
                words[layout.AT_SPARE_SHIFT],
                words[layout.AT_SOFT_SPARE_SHIFT],
                n,
            ],
        )
        self._sets = array("i", [0] * (3 * n))
        self._moves = array("i", [0] * n)
        self.outputs = array("i", [0] * n)
        # Segments, weights, offsets, gradient: written by one kernel and read by another.
        self._shared = array("i", [0] * (5 * n))
        self._duals = array("i", [0] * (2 * n))
        self._scratch = array("i", [0] * (6 * n))
        self._reciprocals = array("i", [0] + [(1 << _ONE_BITS) // i for i in range(1, n + 1)])
        self._refine_block = self._make_refine_block(words, response_at, inverse_at, demand)
        self._set_block = self._make_set_block(words, demand)
        self._guess_block = block((place(self._sets), place(self._moves), n, place(admm)))

    def _make_refine_block(self, words, response_at: int, inverse_at: int, demand):
        """Return the block of `refine`, in the order of core/blocks.py."""
        n = self._n
        entries = [place(words, response_at), place(words, inverse_at)]
        entries += [place(self._shared, part * n) for part in (0, 2, 3)]
        entries += [place(demand), place(self._moves), place(self.outputs)]
        entries += [place(self._shared, 4 * n)]
        entries += [place(self._scratch, part * n) for part in range(6)]
        entries += [
            n,
            words[layout.AT_RESPONSE_SHIFT],
            words[layout.AT_WEIGHT_SHIFT],
            0,
            words[layout.AT_CHANGE_GAIN],
            words[layout.AT_CHANGE_SHIFT],
        ]
        return block(entries + [0] * (blocks.REFINE_WORDS - len(entries)))

    def _make_set_block(self, words, demand):
        """Return the block of `tie` and `judge`, in the order of core/blocks.py."""
        n = self._n
        entries = [
            place(self._sets),
            place(self._shared),
            place(self._reciprocals),
            place(self._moves),
            place(self._shared, 2 * n),
            place(self._shared, 3 * n),
            place(self._shared, 4 * n),
            place(self._duals),
            place(self.outputs),
            place(demand),
            n,
            self._change << blocks.FINE_BITS,
            self._one << blocks.FINE_BITS,
            0,
            words[layout.AT_BAND_LOW] << blocks.FINE_BITS,
            words[layout.AT_BAND_HIGH] << blocks.FINE_BITS,
            1 << words[layout.AT_WEIGHT_SHIFT],
            words[layout.AT_SOFT_WEIGHT],
            words[layout.AT_SOFT_OFFSET_LOW],
            words[layout.AT_SOFT_OFFSET_HIGH],
            0,
            0,
            words[layout.AT_OUTPUTS],
        ]
        return block(entries)

    def follow(self, before, scales) -> None:
        """Take the guess and plan of `before`, of another program: judged anew, like any guess."""
        one = self._one << blocks.FINE_BITS
        for i in range(3 * self._n):
            self._sets[i] = before._sets[i]
        for i in range(self._n):
            self._moves[i] = scales.move(before._moves[i], one)
            self.outputs[i] = scales.data(before.outputs[i])

    def shift(self) -> None:
        """Warm start: guess and plan of the last tick, one tick on."""
        shift(self._guess_block)

    def read(self) -> int:
        """Guess from the iteration; return the or of how far it would still change a carry."""
        return read(self._guess_block)

    def run(self, move_before: int) -> bool:
        """Say whether a plan was found and proved optimal, from the guess as it stands."""
        refine_block = self._refine_block
        set_block = self._set_block
        before = move_before << blocks.FINE_BITS
        refine_block[blocks.REFINE_MOVE_BEFORE] = before
        set_block[blocks.SET_MOVE_BEFORE] = before
        return _search(refine_block, refine_block, set_block, set_block, self._limits) == 1

    def plan(self, moves, move_before: int) -> None:
        """Write the plan (N,), Q(data_bits), feasible exactly."""
        active_set.feasible(self._moves, moves, self._n, self._change, self._one, move_before)
