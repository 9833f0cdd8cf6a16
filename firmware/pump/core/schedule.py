# SPDX-License-Identifier: MIT
"""When the next tick is due, in device milliseconds; pure arithmetic on times passed in.

A tick follows the reading that calls for it, so the pump keeps the host's beat, but
ticks never come closer than the program says: doses and caps are counted in ticks,
and a tick's steps need its time.  Without a reading a tick runs a tenth late; a
reading after two such ticks in a row shows where the host's beat is now.
Times wrap at 2**30 as MicroPython's do; differences are taken modulo that.
"""

from pump.compat import const, micropython
from pump.spec import limits

# 2**30 itself would not be a small int: computing with it takes memory, and a tick may not.
TIME_MASK = const(0x3FFFFFFF)
TIME_HALF = const(0x20000000)


def elapsed_ms(now_ms: int, since_ms: int) -> int:
    """Return now - since for wrapping times less than 2**29 ms (six days) apart."""
    return (((now_ms - since_ms) & TIME_MASK) ^ TIME_HALF) - TIME_HALF


def has_room(tick_ms: int, steps: int) -> bool:
    """Say whether a tick that runs late still leaves time for its work and `steps`."""
    window_ms = tick_ms - tick_ms // limits.LATE_DIVISOR - limits.WINDOW_MARGIN_MS
    fastest = window_ms * (limits.STEP_RATE_HZ_MAX // 1000)
    return tick_ms >= limits.TICK_MS_MIN and steps <= fastest


class Schedule:
    """Beat of one therapy."""

    def __init__(self, tick_ms: int, now_ms: int):
        """Let the first reading run its tick at once."""
        self.tick_ms = tick_ms
        self._early_ms = tick_ms // limits.EARLY_DIVISOR
        self._late_ms = tick_ms // limits.LATE_DIVISOR
        self._last_ms = (now_ms - tick_ms) & TIME_MASK  # when the last tick was due
        self._called = False
        self._uncalled = 0  # ticks in a row that no reading called for

    @micropython.native
    def call(self, now_ms: int) -> None:
        """Note that a reading arrived: it calls for the coming tick.

        One that comes long before it is a repeated or a late one; it may serve at the
        deadline, but it calls for nothing.  After two uncalled ticks the next is due one
        tick after this reading: later than otherwise, never sooner.
        """
        since = elapsed_ms(now_ms, self._last_ms)
        if since >= self.tick_ms - self._early_ms:
            self._called = True
        elif self._uncalled >= 2 and since > 0:
            self._last_ms = now_ms
            self._uncalled = 0

    @micropython.native
    def is_due(self, now_ms: int) -> bool:
        """Say whether the tick should run now."""
        return elapsed_ms(now_ms, self._last_ms) >= self._due_ms()

    @micropython.native
    def begin(self, now_ms: int) -> int:
        """Start the tick; return how many ticks went by since the last, 1 when on time."""
        since = elapsed_ms(now_ms, self._last_ms)
        ticks = (since + self.tick_ms // 2) // self.tick_ms
        if ticks < 1:
            ticks = 1
        if self._called and since > ticks * self.tick_ms:
            self._last_ms = now_ms
        else:
            # Their sum less 2**30: the sum itself might not be a small int.
            self._last_ms = (self._last_ms - (TIME_MASK - ticks * self.tick_ms) - 1) & TIME_MASK
        self._uncalled = 0 if self._called else min(self._uncalled + 1, 2)
        self._called = False
        return ticks

    @micropython.native
    def window_ms(self, now_ms: int) -> int:
        """Return how long the motor may run: until the soonest next tick."""
        next_ms = self.tick_ms - elapsed_ms(now_ms, self._last_ms)
        return next_ms - limits.WINDOW_MARGIN_MS

    def beat_ms(self, now_ms: int) -> int:
        """Return the time until a reading may call for the next tick; negative once it may."""
        return self.tick_ms - elapsed_ms(now_ms, self._last_ms) - limits.TICK_EARLY_MS

    @micropython.native
    def wait_ms(self, now_ms: int) -> int:
        """Return how long nothing needs doing unless a byte arrives."""
        wait = self._due_ms() - elapsed_ms(now_ms, self._last_ms)
        return min(max(wait, 0), limits.CHECK_INTERVAL_MS)

    @micropython.native
    def _due_ms(self) -> int:
        """Return how long after the last tick the next one is due."""
        if self._called:
            return self.tick_ms - limits.TICK_EARLY_MS
        return self.tick_ms + self._late_ms
