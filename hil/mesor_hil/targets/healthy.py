# SPDX-License-Identifier: MIT
"""What a healthy pump's board sensors show, the same on every simulated target."""

from __future__ import annotations

from pump.board import pins
from pump.spec import record as at

_FULL_SCALE_V = 3.3
_CODE_MAX = 4095  # the RP2040's converter has 12 bits

# ADC channel: volts.
PRESSURE_V = {0: 0.6}
RESERVOIR_V = {1: 3.0}
BATTERY_V = {2: 2.6}
VOLTS = {**PRESSURE_V, **RESERVOIR_V, **BATTERY_V}
CLOSED_SWITCHES = (pins.DOOR, pins.AIR, pins.OCCLUSION, pins.DRIVER_FAULT)


def raw_u16(volts: float) -> int:
    """Return what `ADC.read_u16` gives for `volts`: 12 bits, stretched to 16."""
    code = round(volts / _FULL_SCALE_V * _CODE_MAX)
    return code << 4 | code >> 8


RAW = {
    at.PRESSURE_RAW: raw_u16(PRESSURE_V[0]),
    at.RESERVOIR_RAW: raw_u16(RESERVOIR_V[1]),
    at.BATTERY_RAW: raw_u16(BATTERY_V[2]),
}
