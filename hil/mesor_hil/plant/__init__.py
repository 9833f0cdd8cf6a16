# SPDX-License-Identifier: MIT
"""What stands between the patient and the pump's decision: the sensor and the line."""

from mesor_hil.plant.line import BLOCKS, Line
from mesor_hil.plant.sensor import ConcentrationSensor, SensorReading, SensorSettings

__all__ = ["BLOCKS", "ConcentrationSensor", "Line", "SensorReading", "SensorSettings"]
