# SPDX-License-Identifier: MIT
"""Exact finish of the QP: solve on a guessed active set, and prove the answer optimal.

OSQP polishes what its iterations found; here the polish also judges it.  A plan is
accepted only when primal feasibility, the multipliers' signs and stationarity all
hold within the program's tolerance, which bounds its distance from the optimum.
Everything is made once; a solve allocates nothing, and the models share a workspace.
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
    """The guess and the plan on it, for one model of a program: the blocks of its kernels."""

    def __init__(self, words, model: int, work, admm):
        """Take the program's words, which of its models, the workspace, and `iterate`'s block."""
        section = layout.section_at(words, model)
        n = words[layout.AT_HORIZON]
        self._n = n
        self._work = work
        self._change = words[layout.AT_CHANGE_MAX]
        self._one = 1 << words[layout.AT_DATA_BITS]
        self._limits = array(
            "i",
            [
                words[section + layout.IN_GUESSES_MAX],
                words[layout.AT_DESCENTS_MAX],
                words[layout.AT_DIRECTIONS_MAX],
                1 << words[section + layout.IN_STATIONARY_BITS],
                words[section + layout.IN_SPARE_SHIFT],
                words[section + layout.IN_SOFT_SPARE_SHIFT],
                n,
            ],
        )
        self._refine_block = self._make_refine_block(words, section, model)
        self._set_block = self._make_set_block(words, section)
        self._guess_block = block((place(work.sets), place(work.moves), n, place(admm)))

    def _make_refine_block(self, words, section: int, model: int):
        """Return the block of `refine`, in the order of core/blocks.py."""
        n, work = self._n, self._work
        _, _, _, _, _, response_at, _, inverse_at, _ = layout.table_offsets(words, model)
        entries = [place(words, response_at), place(words, inverse_at)]
        entries += [place(work.shared, part * n) for part in (0, 2, 3)]
        entries += [place(work.demand), place(work.moves), place(work.outputs)]
        entries += [place(work.shared, 4 * n)]
        entries += [place(work.scratch, part * n) for part in range(6)]
        entries += [
            n,
            words[section + layout.IN_RESPONSE_SHIFT],
            words[section + layout.IN_WEIGHT_SHIFT],
            0,
            words[layout.AT_CHANGE_GAIN],
            words[layout.AT_CHANGE_SHIFT],
        ]
        return block(entries + [0] * (blocks.REFINE_WORDS - len(entries)))

    def _make_set_block(self, words, section: int):
        """Return the block of `tie` and `judge`, in the order of core/blocks.py."""
        n, work = self._n, self._work
        entries = [
            place(work.sets),
            place(work.shared),
            place(work.reciprocals),
            place(work.moves),
            place(work.shared, 2 * n),
            place(work.shared, 3 * n),
            place(work.shared, 4 * n),
            place(work.duals),
            place(work.outputs),
            place(work.demand),
            n,
            self._change << blocks.FINE_BITS,
            self._one << blocks.FINE_BITS,
            0,
            words[layout.AT_BAND_LOW] << blocks.FINE_BITS,
            words[layout.AT_BAND_HIGH] << blocks.FINE_BITS,
            1 << words[section + layout.IN_WEIGHT_SHIFT],
            words[section + layout.IN_SOFT_WEIGHT],
            words[section + layout.IN_SOFT_OFFSET_LOW],
            words[section + layout.IN_SOFT_OFFSET_HIGH],
            0,
            0,
            words[layout.AT_OUTPUTS],
        ]
        return block(entries)

    @micropython.native
    def shift(self) -> None:
        """Warm start: guess and plan of the last tick, one tick on."""
        shift(self._guess_block)

    @micropython.native
    def read(self) -> int:
        """Guess from the iteration; return the or of how far it would still change a carry."""
        return read(self._guess_block)

    @micropython.native
    def run(self, move_before: int) -> bool:
        """Say whether a plan was found and proved optimal, from the guess as it stands."""
        refine_block = self._refine_block
        set_block = self._set_block
        before = move_before << blocks.FINE_BITS
        refine_block[blocks.REFINE_MOVE_BEFORE] = before
        set_block[blocks.SET_MOVE_BEFORE] = before
        return _search(refine_block, refine_block, set_block, set_block, self._limits) == 1

    @micropython.native
    def plan(self, moves, move_before: int) -> None:
        """Write the plan (N,), Q(data_bits), feasible exactly."""
        active_set.feasible(self._work.moves, moves, self._n, self._change, self._one, move_before)
