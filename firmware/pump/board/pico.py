# SPDX-License-Identifier: MIT
"""The Raspberry Pi Pico as the App sees it: time, bytes, motor, sensors, watchdog."""

import gc
import hashlib
import os
import time

import machine
import micropython

from pump.board import integrity
from pump.board.alarm_lights import AlarmLights
from pump.board.flash import BOXES_BEGIN, RING_BEGIN, SLOT_BEGIN, PageFlash
from pump.board.sensors import Sensors
from pump.board.serial import UsbSerial
from pump.board.stepper import Stepper
from pump.board.watchdog import Watchdog
from pump.spec import integrity as check
from pump.spec import journal, messages, reasons, slot
from pump.spec import record as at

# Bits of pump.core.self_test that only the board can find.
_CLOCK = 8
_ADC = 16
_MOTOR_DRIVER = 32
_BUZZER = 64
_FIRMWARE = 128
_PAUSE_MS = 10
_HEAP_EVERY_TICKS = 12  # collecting and counting the heap takes as long as a tick


class PicoBoard:
    """All of the hardware; the bench's twin has the same methods."""

    def __init__(self):
        self._serial = UsbSerial()
        self._stepper = Stepper()
        self._sensors = Sensors()
        self._watchdog = Watchdog()
        self.flash = PageFlash(RING_BEGIN, journal.RING_BYTES)
        self.box_flash = PageFlash(BOXES_BEGIN, journal.BOXES_BYTES)
        self.slot_flash = PageFlash(SLOT_BEGIN, slot.SLOT_BYTES)
        self._lights = AlarmLights()
        self._noted = integrity.content()
        self._ticks = 0
        self._nonces = 0  # made since power-up
        self.read = self._serial.read
        self.write = self._serial.write
        self.wait = self._serial.wait
        self.now_ms = time.ticks_ms
        self.now_us = time.ticks_us
        self.abort_steps = self._stepper.abort
        self.start_back = self._stepper.start_back
        self.steps_back = self._stepper.steps_back
        self.pressure_raw = self._sensors.pressure_raw
        self.show = self._lights.show
        self.flags = self._sensors.flags
        self.collect_garbage = gc.collect
        self.start_watchdog = self._watchdog.start
        self.grant_feeds = self._watchdog.grant
        self.feed_on_credit = self._watchdog.feed_on_credit

    def release(self) -> None:
        """Give the board back to the REPL: motor off, no watchdog, Ctrl-C as usual."""
        self._stepper.abort()
        self._lights.show(0)
        self._watchdog.stop()
        self._serial.release()

    def self_test(self) -> int:
        """Return what of the board and its firmware failed, pump.core.self_test's bits."""
        found = 0
        began_ms, began_us = time.ticks_ms(), time.ticks_us()
        time.sleep_ms(_PAUSE_MS)
        passed_us = time.ticks_diff(time.ticks_us(), began_us)
        passed_ms = time.ticks_diff(time.ticks_ms(), began_ms)
        if abs(passed_us - 1000 * _PAUSE_MS) > 2000 or abs(passed_ms - _PAUSE_MS) > 2:
            found |= _CLOCK
        if not self._sensors.are_plausible():
            found |= _ADC
        if self._sensors.flags() & reasons.FLAG_DRIVER_FAULT or self._stepper.steps_done():
            found |= _MOTOR_DRIVER
        if not self._lights.buzzer_works:
            found |= _BUZZER
        if not integrity.is_whole(self._noted):
            found |= _FIRMWARE
        return found

    def known_answers(self) -> bytes:
        """Return digest and program of the known ticks; they are asked for once."""
        answers, self._noted = self._noted[check.ANSWERS :], b""
        return answers

    def was_hung(self) -> bool:
        """Say whether the watchdog, or main.py after a failure, started the firmware anew."""
        return machine.reset_cause() == machine.WDT_RESET

    def identity(self) -> bytes:
        """Return the board's own 8 bytes."""
        return machine.unique_id()

    def keys(self) -> bytes:
        """Return what `mesor flash` put here: device key and seal key, or nothing."""
        try:
            with open(messages.KEY_FILE, "rb") as stream:
                keys = stream.read()
        except OSError:
            return b""
        return keys if len(keys) == 2 * messages.KEY_BYTES else b""

    def nonce(self) -> bytes:
        """Return bytes that never come again: ring oscillator's noise, clock and a count."""
        self._nonces += 1
        clock = time.ticks_us().to_bytes(4, "little") + self._nonces.to_bytes(4, "little")
        return hashlib.sha256(os.urandom(32) + clock).digest()[: messages.NONCE_BYTES]

    @micropython.native
    def start_steps(self, step_count: int, window_us: int) -> None:
        """Start one batch; it ends by itself."""
        self._stepper.start(step_count, window_us)

    @micropython.native
    def read_inputs(self, record) -> None:
        """Write what the board's sensors and the stepper show into the record's inputs."""
        self._sensors.read(record)
        record[at.STEPS_DONE] = self._stepper.steps_done()

    def note_tick(self, record, received_us: int) -> None:
        """Write what the tick cost into the record, for the next one to report."""
        record[at.TICK_US] = time.ticks_diff(time.ticks_us(), received_us)
        if self._ticks % _HEAP_EVERY_TICKS == 0:
            gc.collect()  # what the checks of readings left; here the motor waits for nothing
            record[at.HEAP_FREE] = gc.mem_free()
        self._ticks += 1
