# SPDX-License-Identifier: MIT
"""A program takes a running one over: what must be alike, and how figures are put into its units.

Between two ticks a new Controller goes on from where the old one is (`follow`, in each of its
parts), so that the same program goes on to the bit.  Levels are counted in the program's
concentration unit and moves in its full rate: both are put over by exact integers, levels
rounded to the nearest, half up, and moves down.  What is counted in microsteps, ticks or
readings stays.  Allocates: runs between ticks.
"""

from pump.spec import program as layout
from pump.spec import reasons

# What must be the same word in both, and what is said where it is not.
_ALIKE = (
    (layout.AT_DRUG, reasons.RESULT_OTHER_DRUG),
    (layout.AT_DRUG_PG_PER_STEP, reasons.RESULT_OTHER_DRUG),
    (layout.AT_TICK_S, reasons.RESULT_OTHER_TICK),
    (layout.AT_HORIZON, reasons.RESULT_OTHER_TICK),
    (layout.AT_STATES, reasons.RESULT_OTHER_MODEL),
    (layout.AT_OUTPUT_STATE, reasons.RESULT_OTHER_MODEL),
    (layout.AT_COURSE, reasons.RESULT_OTHER_COURSE),
    (layout.AT_READING_NG_L, reasons.RESULT_OTHER_MODEL),
)


def name_of(words) -> int:
    """Return what a record calls a program: the bits of its checksum that a small int holds."""
    return words[-1] & 0x3FFFFFFF


def obstacle(before, words) -> int:
    """Return RESULT_OK when program `words` may take over from `before`, or why it may not."""
    for at, result in _ALIKE:
        if words[at] != before[at]:
            return result
    return reasons.RESULT_OK


def nearest(numerator: int, denominator: int) -> int:
    """Return the quotient, rounded to the nearest, half up; denominator > 0."""
    return (2 * numerator + denominator) // (2 * denominator)


class Scales:
    """Puts figures of one program into the units of another."""

    def __init__(self, before, words):
        self.before = before
        self.words = words
        self._units = before[layout.AT_CONC_UNIT_UG_L]
        self._units_new = words[layout.AT_CONC_UNIT_UG_L]
        self._same_levels = self._units == self._units_new
        self._full = before[layout.AT_STEPS_FULL]
        self._full_new = words[layout.AT_STEPS_FULL]
        self._bits = before[layout.AT_ESTIMATE_BITS]
        self._bits_new = words[layout.AT_ESTIMATE_BITS]
        self._most = words[layout.AT_STATE_MAX]

    def level(self, level: int) -> int:
        """Return a level, Q(estimate_bits), inside the range that the certificate assumes."""
        if self._same_levels and self._bits == self._bits_new:
            return self.bounded(level)
        return self.bounded(
            nearest((level * self._units) << self._bits_new, self._units_new << self._bits)
        )

    def bounded(self, value: int) -> int:
        """Return a state as the estimator would clamp it."""
        return min(self._most, max(-self._most, value))

    def data(self, level: int) -> int:
        """Return a level, or one times ticks, in Q(data_bits) or any finer format of it."""
        return level if self._same_levels else nearest(level * self._units, self._units_new)

    def move(self, move: int, full: int) -> int:
        """Return a move, rounded down; `full` is what the full rate is in its format."""
        if self._full != self._full_new:
            move = move * self._full // self._full_new
        return min(full, move)

    def disturbance(self, model_before: int, state_before, move: int, model: int, state) -> int:
        """Return the disturbance with which both models expect the same next level.

        What the old one explained by its disturbance, the new one may explain by itself; handed
        on as it is, it would be counted twice, and the rate would bump.  model_before, model:
        which of each program's.  state_before: of the old one, disturbance last.  move: of
        the tick that runs, Q(data_bits) of the old full rate.  state: the new one's levels.
        """
        before, words, last = self.before, self.words, len(state_before) - 1
        before_at = layout.table_offsets(before, model_before)[0]
        model_at = layout.table_offsets(words, model)[0]
        shift, shift_new = before[layout.AT_MODEL_SHIFT], words[layout.AT_MODEL_SHIFT]
        into_new = words[model_at + last]
        if into_new <= 0:
            return self.bounded(nearest(state_before[last] * self._full, self._full_new))
        moved = move << (self._bits - before[layout.AT_DATA_BITS])
        expected = before[before_at + last + 1] * moved
        for i in range(last + 1):
            expected += before[before_at + i] * state_before[i]
        explained = 0
        for i in range(last):
            explained += words[model_at + i] * state[i]
        # All over one denominator: nothing is rounded before the end.
        up, down = self._bits_new + shift_new, self._bits + shift
        units, units_new = self._units * self._full_new, self._units_new * self._full_new
        moved_new = words[model_at + last + 1] * moved * self._full * self._units_new
        numerator = (
            ((expected * units) << up)
            - ((explained * units_new) << down)
            - (moved_new << (self._bits_new + shift))
        )
        return self.bounded(nearest(numerator, (into_new * units_new) << down))
