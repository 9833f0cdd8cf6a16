# SPDX-License-Identifier: MIT
"""The pressure sensor of the line: what the pump's converter shows for a pressure.

0.6 V at 0 mmHg and 4 mV for each mmHg, of 3.3 V in 16 bits: -150 to +675 mmHg.  Compiler and
bench share it.
"""

from __future__ import annotations

from typing import Final

VOLTS_AT_REST: Final = 0.6
VOLTS_PER_MMHG: Final = 0.004
_FULL_SCALE_V: Final = 3.3
RAW_PER_MMHG: Final = VOLTS_PER_MMHG / _FULL_SCALE_V * 65_535  # 79.4


def volts(pressure_mmhg: float) -> float:
    """Return what the sensor gives, within what the converter takes."""
    return min(max(VOLTS_AT_REST + VOLTS_PER_MMHG * pressure_mmhg, 0.0), _FULL_SCALE_V)
