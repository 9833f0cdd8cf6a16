# SPDX-License-Identifier: MIT
"""When the next tick is due, in device milliseconds; pure arithmetic on times passed in.

A tick follows the reading that calls for it, so the pump keeps the host's beat,
within a quarter of a tick early and a tenth late.  Times wrap at 2**30 as
MicroPython's do; differences are taken modulo that.
"""

from pump.spec import limits

_WRAP = 1 << 30
_HALF = 1 << 29


def elapsed_ms(now_ms: int, since_ms: int) -> int:
    """Return now - since for wrapping times less than 2**29 ms (six days) apart."""
    return ((now_ms - since_ms + _HALF) & (_WRAP - 1)) - _HALF


class Schedule:
    """Beat of one therapy."""

    def __init__(self, tick_ms: int, now_ms: int):
        """Make the first tick due at once."""
        self.tick_ms = tick_ms
        self._early_ms = tick_ms // limits.EARLY_DIVISOR
        self._late_ms = tick_ms // limits.LATE_DIVISOR
        self._last_ms = (now_ms - tick_ms) & (_WRAP - 1)

    def is_due(self, now_ms: int, has_reading: bool) -> bool:
        """Say whether the tick should run now."""
        since = elapsed_ms(now_ms, self._last_ms)
        if has_reading:
            return since >= self.tick_ms - self._early_ms
        return since >= self.tick_ms + self._late_ms

    def begin(self, now_ms: int, has_reading: bool) -> int:
        """Start the tick; return how many ticks went by since the last, 1 when on time."""
        since = elapsed_ms(now_ms, self._last_ms)
        ticks = (since + self.tick_ms // 2) // self.tick_ms
        if ticks < 1:
            ticks = 1
        if has_reading:
            self._last_ms = now_ms
        else:
            self._last_ms = (self._last_ms + ticks * self.tick_ms) & (_WRAP - 1)
        return ticks

    def window_ms(self, now_ms: int) -> int:
        """Return how long the motor may run: until shortly before the next tick."""
        next_ms = self.tick_ms - elapsed_ms(now_ms, self._last_ms)
        return next_ms - limits.WINDOW_MARGIN_MS

    def wait_ms(self, now_ms: int) -> int:
        """Return how long nothing needs doing unless a byte arrives."""
        late = self.tick_ms + self._late_ms - elapsed_ms(now_ms, self._last_ms)
        return min(max(late, 0), limits.FEED_INTERVAL_MS)
