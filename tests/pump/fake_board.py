# SPDX-License-Identifier: MIT
"""A board without hardware: time stands still until a test moves it, and all is recorded.

The motor is modelled as far as safety needs it: a batch's steps are spread over its
window, so a tick that comes too soon finds them unfinished.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mesor_hil.targets.ram_flash import BOXES, SLOT, RamFlash
from pump.spec import record as at

from . import wire

WRAP = 1 << 30


@dataclass(slots=True)
class FakeBoard:
    """All that pump.app asks of a board; times wrap as MicroPython's do."""

    time_ms: int = 0
    raised: int = 0
    pressure: int = 20_000
    reservoir: int = 60_000
    battery: int = 60_000
    incoming: bytearray = field(default_factory=bytearray)
    sent: bytearray = field(default_factory=bytearray)
    batches: list[tuple[int, int, int]] = field(default_factory=list)  # ms, steps, window us
    aborts: list[int] = field(default_factory=list)  # ms
    grants: list[int] = field(default_factory=list)  # ms of credit
    watchdog_starts: int = 0
    overlaps: int = 0
    back_batches: list[tuple[int, int, int]] = field(default_factory=list)
    backs_told: int = 0
    flash: RamFlash = field(default_factory=lambda: RamFlash(8))
    box_flash: RamFlash = field(default_factory=lambda: RamFlash(BOXES))
    slot_flash: RamFlash = field(default_factory=lambda: RamFlash(SLOT))
    hung: bool = False
    key_content: bytes = wire.KEYS
    nonces: int = 0
    shown: list[tuple[int, int]] = field(default_factory=list)  # ms, bits of pump.core.alarms
    broken: int = 0  # bits of pump.core.self_test
    sensor_error: Exception | None = None
    _batch: tuple[int, int, int] = (0, 0, 1)
    _aborted_steps: int | None = None

    def now_ms(self) -> int:
        return self.time_ms % WRAP

    def now_us(self) -> int:
        return self.time_ms * 1000 % WRAP

    def wait(self, timeout_ms: int) -> None:
        self.time_ms += timeout_ms

    def read(self, buffer: bytearray) -> int:
        count = min(len(buffer), len(self.incoming))
        buffer[:count] = self.incoming[:count]
        del self.incoming[:count]
        return count

    def write(self, buffer: bytearray, count: int) -> None:
        self.sent += buffer[:count]

    def identity(self) -> bytes:
        return b"\x01\x02\x03\x04\x05\x06\x07\x08"

    def keys(self) -> bytes:
        return self.key_content

    def nonce(self) -> bytes:
        self.nonces += 1
        return self.nonces.to_bytes(16, "big")

    def steps_done(self) -> int:
        """Return the edges that the running or last batch has made by now."""
        if self._aborted_steps is not None:
            return self._aborted_steps
        began_ms, steps, window_us = self._batch
        return min(steps, steps * (self.time_ms - began_ms) * 1000 // window_us)

    def start_steps(self, step_count: int, window_us: int) -> None:
        assert step_count > 0 and window_us > 0
        if self.steps_done() < self._batch[1] and self._aborted_steps is None:
            self.overlaps += 1
        self._batch = (self.time_ms, step_count, window_us)
        self._aborted_steps = None
        self.batches.append(self._batch)

    def abort_steps(self) -> None:
        self._aborted_steps = self.steps_done()
        self.aborts.append(self.time_ms)

    def start_back(self, step_count: int, window_us: int) -> None:
        self.back_batches.append((self.time_ms, step_count, window_us))

    def steps_back(self) -> int:
        """Return the steps of the last batch back, made by now; each is told once."""
        if len(self.back_batches) == self.backs_told:
            return 0
        self.backs_told = len(self.back_batches)
        return self.steps_turned_back()

    def steps_turned_back(self) -> int:
        """Return what the last batch back has made by now."""
        began_ms, steps, window_us = self.back_batches[-1]
        return min(steps, steps * (self.time_ms - began_ms) * 1000 // window_us)

    def pressure_raw(self) -> int:
        return self.pressure

    def was_hung(self) -> bool:
        return self.hung

    def show(self, bits: int) -> None:
        self.shown.append((self.time_ms, bits))

    def self_test(self) -> int:
        return self.broken

    def known_answers(self) -> None:
        return None

    def flags(self) -> int:
        return self.raised

    def read_inputs(self, record: Any) -> None:
        if self.sensor_error is not None:
            raise self.sensor_error
        record[at.BOARD_FLAGS] = self.raised
        record[at.PRESSURE_RAW] = self.pressure
        record[at.RESERVOIR_RAW] = self.reservoir
        record[at.BATTERY_RAW] = self.battery
        record[at.STEPS_DONE] = self.steps_done()
        self._batch, self._aborted_steps = (self.time_ms, 0, 1), None

    def note_tick(self, record: Any, received_us: int) -> None:
        record[at.TICK_US] = 0

    def collect_garbage(self) -> None:
        pass

    def start_watchdog(self) -> None:
        self.watchdog_starts += 1

    def grant_feeds(self, credit_ms: int) -> None:
        self.grants.append(credit_ms)

    def feed_on_credit(self) -> None:
        pass
