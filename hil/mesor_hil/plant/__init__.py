# SPDX-License-Identifier: MIT
"""What stands between the pump's pins and the patient: pump mechanics and the sensor."""

from mesor_hil.plant.pump_mechanics import PumpMechanics
from mesor_hil.plant.sensor import ConcentrationSensor, SensorReading, SensorSettings

__all__ = ["ConcentrationSensor", "PumpMechanics", "SensorReading", "SensorSettings"]
