# SPDX-License-Identifier: MIT
"""Line pressure, reservoir and battery on the ADC; door, air, occlusion and driver on pins.

A pin reads low when all is well: an open circuit is pulled up and reads as a
fault, so a broken wire stops the pump.
"""

from machine import ADC, Pin

from pump.board import pins
from pump.compat import const, micropython
from pump.spec import reasons
from pump.spec import record as at

# The chip's own temperature on ADC4: 0.706 V at 27 C, 1.721 mV less for each degree more
# (RP2040 data sheet, 4.9.5); these are 85 C and -20 C, of 3.3 V in 16 bits.
_TEMPERATURE = const(4)
_HOT_RAW = const(12_040)
_COLD_RAW = const(15_630)


class Sensors:
    """Reads all board sensors into a tick record."""

    def __init__(self):
        # Bound once: each look-up of a method takes time.
        self.pressure_raw = ADC(pins.PRESSURE).read_u16
        self._reservoir_raw = ADC(pins.RESERVOIR).read_u16
        self._battery_raw = ADC(pins.BATTERY).read_u16
        self._temperature = ADC(_TEMPERATURE)
        self._door = Pin(pins.DOOR, Pin.IN, Pin.PULL_UP).value
        self._air = Pin(pins.AIR, Pin.IN, Pin.PULL_UP).value
        self._occlusion = Pin(pins.OCCLUSION, Pin.IN, Pin.PULL_UP).value
        self._driver = Pin(pins.DRIVER_FAULT, Pin.IN, Pin.PULL_UP).value

    def are_plausible(self) -> bool:
        """Say whether the converter finds the chip at a temperature that chips have."""
        return _HOT_RAW <= self._temperature.read_u16() <= _COLD_RAW

    @micropython.native
    def flags(self) -> int:
        """Return what door, air, occlusion and driver show, spec.reasons.FLAG_*."""
        flags = 0
        if self._door():
            flags |= reasons.FLAG_DOOR_OPEN
        if self._air():
            flags |= reasons.FLAG_AIR_IN_LINE
        if self._occlusion():
            flags |= reasons.FLAG_OCCLUSION
        if self._driver():
            flags |= reasons.FLAG_DRIVER_FAULT
        return flags

    @micropython.native
    def read(self, record) -> None:
        """Write flags and raw ADC values, 0..65535, into the record's inputs."""
        record[at.BOARD_FLAGS] = self.flags()
        record[at.PRESSURE_RAW] = self.pressure_raw()
        record[at.RESERVOIR_RAW] = self._reservoir_raw()
        record[at.BATTERY_RAW] = self._battery_raw()
