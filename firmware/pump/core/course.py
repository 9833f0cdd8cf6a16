# SPDX-License-Identifier: MIT
"""What is chased now: the target of the tick, or rest.

A therapy is a course of chases and rests.  A level is one chase without end; a pulse is
chased until it is reached, then rests until the interval is over and the level has
fallen; time above a threshold is chased until what was counted and what the fall will
add to it are the share; an area is chased by its
even share and what lags behind it, over the time that is left.  The planner and
its QP see nothing of all this but a target.  Levels are Q(estimate_bits), target and area
Q(data_bits) of the concentration unit, the area times ticks.
"""

from pump.compat import const, micropython
from pump.spec import program as layout
from pump.spec import reasons

_AREA_MAX = const(1 << 29)  # where the account stops: more than any program may ask for


class Course:
    """Phase and target of one therapy; `advance` once a tick, whatever the pump's state."""

    def __init__(self, words):
        self.phase = reasons.PHASE_NONE
        self.target = self._target = words[layout.AT_TARGET]
        self.area = 0  # of the estimated level since this chase began
        self._ticks = 0  # since this chase began
        self._counted = 0  # of those that the chase lasts by
        self._level_shift = words[layout.AT_ESTIMATE_BITS] - words[layout.AT_DATA_BITS]
        self._left_min = words[layout.AT_OUTPUTS]
        self._chase_ticks = words[layout.AT_CHASE_TICKS]
        self._counted_level = words[layout.AT_COUNTED_LEVEL]
        counted = self._counted_level >> self._level_shift
        self._just_above = counted + (counted >> 5)
        self._reached_level = words[layout.AT_REACHED_LEVEL]
        self._interval_ticks = words[layout.AT_INTERVAL_TICKS]
        self._rest_level = words[layout.AT_REST_LEVEL]
        self._area = words[layout.AT_AREA]
        self._target_low = words[layout.AT_TARGET_LOW]
        self._target_high = words[layout.AT_TARGET_HIGH]

    def follow(self, before, scales) -> None:
        """Go on in the phase of `before`, of another program; scales: core.handover.Scales."""
        self.phase = before.phase
        if self.phase == reasons.PHASE_CHASE and before.target == before._just_above:
            self.target = self._just_above
        self._ticks = before._ticks
        self._counted = before._counted
        self.area = min(_AREA_MAX, max(-_AREA_MAX, scales.data(before.area)))

    @micropython.native
    def advance(self, ticks: int, level: int, foreseen: int = 0) -> None:
        """Go on by `ticks` ticks, at the end of which `level` is the estimate.

        foreseen: ticks that will count all the same if the pump rests from now on (core.fall).
        """
        if self.phase == reasons.PHASE_NONE:
            self._chase()
        else:
            self._count(ticks, level)
        if self.phase == reasons.PHASE_CHASE and (
            self._counted + foreseen >= self._chase_ticks or level >= self._reached_level
        ):
            self.phase = reasons.PHASE_REST
        elif (
            self.phase == reasons.PHASE_REST
            and self._counted < self._chase_ticks
            and level < self._counted_level
        ):
            # It fell sooner than was foreseen: the chase goes on, no higher than it must.
            self.phase = reasons.PHASE_CHASE
            self.target = min(self._target_high, self._just_above)
        if (
            self.phase == reasons.PHASE_REST
            and self._ticks >= self._interval_ticks
            and level <= self._rest_level
        ):
            self._chase()
        if self._area:
            self._aim()

    @micropython.native
    def _chase(self) -> None:
        """Begin a chase, with an empty account."""
        self.phase = reasons.PHASE_CHASE
        self.target = self._target
        self.area = self._ticks = self._counted = 0

    @micropython.native
    def _count(self, ticks: int, level: int) -> None:
        """Add ticks to the account, the missed ones at the level that is estimated now."""
        gained = level >> self._level_shift
        for _ in range(ticks):
            self._ticks += 1
            if level >= self._counted_level:
                self._counted += 1
            if self._area:
                self.area = min(_AREA_MAX, max(-_AREA_MAX, self.area + gained))

    @micropython.native
    def _aim(self) -> None:
        """Take what would give the area evenly, and spread the lag over the time left.

        The lag is spread over no less than a plan, so that the last ticks are not asked for
        what they cannot give; the even share stays.
        """
        even = self._area // self._chase_ticks
        left = self._chase_ticks - self._ticks
        lag = self._area - self.area - even * left
        target = even + lag // max(self._left_min, left)
        self.target = min(self._target_high, max(self._target_low, target))
