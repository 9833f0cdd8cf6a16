# SPDX-License-Identifier: MIT
"""Decides whether a concentration reading may be believed.

Range, rate of change, age, order and quality are checked, in that order of
cost; a refused reading leaves everything as it was.  Pure integers: counts of a
reading, s.
"""

from pump.compat import micropython
from pump.spec import program as layout
from pump.spec import reasons

_CHANGE_TICKS_MAX = 1000  # keeps the allowance below 2**30 for any gap


class Sense:
    """Remembers the last reading that was used, to judge the next."""

    def __init__(self, words):
        self._tick_s = words[layout.AT_TICK_S]
        self._conc_min = words[layout.AT_CONC_MIN]
        self._conc_max = words[layout.AT_CONC_MAX]
        self._change_max = words[layout.AT_CONC_CHANGE_MAX]
        self._age_max_s = words[layout.AT_AGE_S_MAX]
        self._quality_min = words[layout.AT_QUALITY_MIN]
        self._last_index = -1
        self._last_time_s = 0
        self._last_conc = -1

    def follow(self, before) -> None:
        """Judge the next reading by the last one that `before`, of another program, used."""
        self._last_index = before._last_index
        self._last_time_s = before._last_time_s
        self._last_conc = before._last_conc

    @micropython.native
    def judge(self, now_s: int, index: int, time_s: int, conc: int, quality: int) -> int:
        """Return reasons.READING_*; READING_USED also makes this reading the last one."""
        if conc < self._conc_min or conc > self._conc_max:
            return reasons.READING_OUT_OF_RANGE
        if quality < self._quality_min or quality > 100:
            return reasons.READING_LOW_QUALITY
        if time_s > now_s + self._tick_s:
            return reasons.READING_FROM_FUTURE
        if now_s - time_s > self._age_max_s:
            return reasons.READING_TOO_OLD
        if index <= self._last_index or time_s < self._last_time_s:
            return reasons.READING_OUT_OF_ORDER
        if self._last_conc >= 0 and self._changes_too_fast(time_s, conc):
            return reasons.READING_TOO_FAST
        self._last_index = index
        self._last_time_s = time_s
        self._last_conc = conc
        return reasons.READING_USED

    @micropython.native
    def _changes_too_fast(self, time_s: int, conc: int) -> bool:
        """Say whether the level moved further than the program allows in that time."""
        # Begun ticks between the two, at least one.
        ticks = (time_s - self._last_time_s + self._tick_s - 1) // self._tick_s
        if ticks < 1:
            ticks = 1
        if ticks > _CHANGE_TICKS_MAX:
            return False
        change = conc - self._last_conc
        if change < 0:
            change = -change
        # Compared by division: the product of change_max and ticks may pass 2**30.
        return (change + ticks - 1) // ticks > self._change_max
