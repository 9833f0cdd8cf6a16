# SPDX-License-Identifier: MIT
"""Holds what is to be annunciated, and beats it out on buzzer and lights.

An alarm is latched when its condition appears and stays until its condition is gone and
a person has acknowledged it.  Bursts, pulses and flashing are those of IEC 60601-1-8:
high priority ten pulses and red at 2 Hz, medium three pulses and yellow at 0.6 Hz, low
one pulse and steady yellow.  Nothing blocks: the App asks when the next change is due.
Times are device ms and wrap at 2**30.
"""

from pump.compat import const, micropython
from pump.core.schedule import elapsed_ms
from pump.spec import alarms, limits

QUIET = const(-1)  # no alarm
SOUND = const(1)  # bits of what the board is to show
RED = const(2)
YELLOW = const(4)

_MASK = const(0x3FFFFFFF)
_IDLE_MS = const(60_000)
_ALL_BITS = const((1 << 30) - 1)

# By priority: on, off, on, … in ms, summing to the time from burst to burst.
SOUNDS = (
    (200, 15_800),
    (200, 200, 200, 200, 200, 7_000),
    (
        (150, 100, 150, 100, 150, 300, 150, 100, 150, 850)
        + (150, 100, 150, 100, 150, 300, 150, 100, 150, 3_000)
    ),
)
LIGHTS = ((_IDLE_MS, 0), (833, 833), (250, 250))
LAMPS = (YELLOW, YELLOW, RED)


class _Beat:
    """Walks through a pattern of times, on and off in turn."""

    def __init__(self):
        self.on = False
        self._pattern = None
        self._at = 0
        self._since_ms = 0

    def set(self, pattern, now_ms: int) -> None:
        """Begin `pattern`; None is off for ever."""
        self._pattern = pattern
        self._at = 0
        self._since_ms = now_ms
        self.on = pattern is not None

    def advance(self, now_ms: int) -> None:
        """Go on to where the pattern is at `now_ms`; after a long pause one step at a time."""
        pattern = self._pattern
        if pattern is None or elapsed_ms(now_ms, self._since_ms) < pattern[self._at]:
            return
        self._since_ms = (self._since_ms + pattern[self._at]) & _MASK
        self._at = self._at + 1 if self._at + 1 < len(pattern) else 0
        self.on = not self._at & 1

    @micropython.native
    def wait_ms(self, now_ms: int) -> int:
        """Return the time to the next change."""
        if self._pattern is None:
            return _IDLE_MS
        return max(0, self._pattern[self._at] - elapsed_ms(now_ms, self._since_ms))


class Annunciator:
    """Latches, acknowledges and silences alarms, given as bits of spec.alarms."""

    def __init__(self):
        self.present = 0  # conditions that are there now
        self.latched = 0  # and those that nobody has acknowledged yet
        self.waiting = 0  # of the latched, not acknowledged
        self.priority = QUIET
        self._high = alarms.with_priority(alarms.HIGH)
        self._medium = alarms.with_priority(alarms.MEDIUM)
        self._sound = _Beat()
        self._light = _Beat()
        self._lamp = 0
        self._sounds = QUIET  # priority that the buzzer beats
        self._lights = QUIET
        self._silent_ms = 0  # how long from _silenced_ms on
        self._silenced_ms = 0

    @micropython.native
    def update(self, present: int, now_ms: int) -> bool:
        """Take the conditions that are present now; return whether the latched ones changed."""
        if present == self.present:
            return False
        self.present = present
        return self._settle(present & ~self.latched & _ALL_BITS, now_ms)

    def add(self, appeared: int, now_ms: int) -> bool:
        """Take conditions that appeared between two updates; return whether any is new."""
        self.present |= appeared
        return self._settle(appeared & ~self.latched & _ALL_BITS, now_ms)

    def _settle(self, new: int, now_ms: int) -> bool:
        """Latch `new`, let go of what is over and acknowledged, choose the patterns."""
        before = self.latched
        self.waiting |= new
        self.latched = self.present | self.waiting
        if new:
            self._silent_ms = 0  # a new alarm is heard
        self._choose(now_ms)
        return self.latched != before

    def acknowledge(self, number: int, now_ms: int) -> bool:
        """Note that a person has seen this alarm; False when it is not waiting for that."""
        if not 0 <= number <= alarms.ALARM_MAX or not self.waiting & 1 << number:
            return False
        self.waiting &= ~(1 << number)
        self._settle(0, now_ms)
        return True

    def silence(self, silent_s: int, now_ms: int) -> bool:
        """Keep the buzzer quiet, at most SILENCE_S_MAX and only for what sounds now."""
        if not 0 <= silent_s <= limits.SILENCE_S_MAX:
            return False
        self._silent_ms = silent_s * 1000
        self._silenced_ms = now_ms
        self._choose(now_ms)
        return True

    def _priority_of(self, bits: int) -> int:
        """Return the highest priority among `bits`."""
        if not bits:
            return QUIET
        if bits & self._high:
            return alarms.HIGH
        return alarms.MEDIUM if bits & self._medium else alarms.LOW

    def _choose(self, now_ms: int) -> None:
        """Set buzzer and lamp to the most urgent alarm; one that goes on keeps its beat."""
        self.priority = self._priority_of(self.latched)
        sounds = QUIET if self._silent_ms else self._priority_of(self.waiting)
        if sounds != self._sounds:
            self._sounds = sounds
            self._sound.set(None if sounds == QUIET else SOUNDS[sounds], now_ms)
        if self.priority != self._lights:
            self._lights = self.priority
            self._lamp = 0 if self.priority == QUIET else LAMPS[self.priority]
            self._light.set(None if not self._lamp else LIGHTS[self.priority], now_ms)

    @micropython.native
    def show(self, now_ms: int) -> int:
        """Return what buzzer and lights show now: bits SOUND, RED, YELLOW."""
        if self.priority == QUIET:
            return 0
        if self._silent_ms and elapsed_ms(now_ms, self._silenced_ms) >= self._silent_ms:
            self._silent_ms = 0
            self._choose(now_ms)
        self._sound.advance(now_ms)
        self._light.advance(now_ms)
        shown = SOUND if self._sound.on else 0
        return shown | self._lamp if self._light.on else shown

    @micropython.native
    def wait_ms(self, now_ms: int) -> int:
        """Return how long until what is shown changes."""
        if self.priority == QUIET:
            return _IDLE_MS
        wait = min(self._sound.wait_ms(now_ms), self._light.wait_ms(now_ms))
        if self._silent_ms:
            left = self._silent_ms - elapsed_ms(now_ms, self._silenced_ms)
            wait = min(wait, max(0, left))
        return wait
