# SPDX-License-Identifier: MIT
"""The therapy that runs, or ran last: its controller, its beat, and what its next tick will see.

Begun and ended by commands, ticked by the App.  It outlives its end by a day, because the next
one's caps begin with what was given.  Times are device ms and wrap at 2**30.
"""

from pump.compat import micropython, ptr32
from pump.core import intake
from pump.core.controller import Controller
from pump.core.line import Line
from pump.core.schedule import Schedule, elapsed_ms
from pump.spec import limits
from pump.spec import record as at


@micropython.viper
def _write_inputs(
    record: ptr32, tick: int, ticks: int, has_reading: bool, day_s: int, confirmed: int
):
    """Write what a tick sees of its therapy."""
    record[at.TICK] = tick
    record[at.ELAPSED_TICKS] = ticks
    record[at.READING_PRESENT] = int(has_reading)
    record[at.DAY_S] = day_s
    record[at.CONFIRMED] = confirmed


class Therapy:
    """At most one: `schedule` is None while nothing beats, `controller` after a day of that."""

    def __init__(self):
        self.controller = None
        self.schedule = None
        self.line = None
        self.tick = 0
        self.has_reading = False
        self.alarm_flags = 0  # of spec.reasons.FLAG_*, seen since the last tick
        self.confirmed = 0  # soft limits that a person has confirmed, bits 1 << LIMIT_SOFT_*
        self.day_s = 0  # time of day of that tick
        self._tick_s = 0
        self._decided_ms = 0  # when the last tick began
        self._clock_factor = 1

    @micropython.native
    def begin(
        self,
        controller: Controller,
        tick_s: int,
        factor: int,
        day_s: int,
        now_ms: int,
        confirmed: int,
    ) -> None:
        """Let `controller` tick every `tick_s` of its own time, which runs `factor` times faster.

        day_s: the time of day at its first tick; confirmed: soft limits that do not act in
        this therapy, until it ends.
        """
        tick_ms = tick_s * 1000 // factor
        self.controller = controller
        self.line = Line(controller.words)
        self.schedule = Schedule(tick_ms, now_ms)
        self._tick_s = tick_s
        self._clock_factor = factor
        self.day_s = (day_s + limits.DAY_S - tick_s) % limits.DAY_S
        self._decided_ms = now_ms - tick_ms
        self.tick = -1
        self.has_reading = False
        self.alarm_flags = 0
        self.confirmed = confirmed

    @micropython.native
    def end(self) -> None:
        """Let it tick no more; what was confirmed ends with it."""
        self.schedule = None
        self.confirmed = 0

    @micropython.native
    def begin_tick(self, now_ms: int) -> int:
        """Note that a tick begins; return how many went by since the last, 1 when on time."""
        self._decided_ms = now_ms
        ticks = self.schedule.begin(now_ms)
        self.tick += ticks
        day_s = self.day_s + self._tick_s
        if ticks > 1:
            day_s += (ticks - 1) % (limits.DAY_S // self._tick_s) * self._tick_s
        self.day_s = day_s % limits.DAY_S
        return ticks

    @micropython.native
    def write_inputs(self, record, ticks: int) -> None:
        """Write what the tick that began sees of its therapy; ticks: what `begin_tick` said."""
        _write_inputs(record, self.tick, ticks, self.has_reading, self.day_s, self.confirmed)

    @micropython.native
    def end_tick(self) -> None:
        """Forget what that tick has seen."""
        self.has_reading = False
        self.alarm_flags = 0

    @micropython.native
    def credit_ms(self) -> int:
        """Return how long the watchdog may be fed: until a second tick is overdue."""
        return 2 * self.schedule.tick_ms + limits.FEED_INTERVAL_MS

    @micropython.native
    def take_reading(self, frame, length: int, now_ms: int) -> None:
        """Keep a reading for the coming tick; a later one replaces it."""
        intake.write_reading(frame, length, self.controller.record)
        self.has_reading = True
        self.schedule.call(now_ms)

    def quarters(self, now_ms: int):
        """Return what was given in the last day, by quarter hours (Limiter.quarters)."""
        since_ms = elapsed_ms(now_ms, self._decided_ms)
        return self.controller.limiter.quarters(since_ms * self._clock_factor // 1000)

    @micropython.native
    def forget_old(self, now_ms: int) -> None:
        """Let go of a therapy that ended a day ago, long before its age would wrap."""
        if self.controller is not None:
            if elapsed_ms(now_ms, self._decided_ms) > limits.HISTORY_MS_MAX:
                self.controller = None
