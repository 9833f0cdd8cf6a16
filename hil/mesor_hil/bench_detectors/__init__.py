# SPDX-License-Identifier: MIT
"""`mesor bench detectors`: every detector, seen on the emulated Pico from outside.

Each cause befalls a copy of one therapy that runs; what only the pump itself can do wrong is
done by a main.py in place of the firmware's own.  How soon the alarm is told, when the motor
makes its last step and what state the pump is in are held against the promises of docs/safety.
"""

from mesor_hil.bench_detectors.causes import CAUSES, INNER_CAUSES, Cause
from mesor_hil.bench_detectors.measure import Detection, bench_detectors, detect

__all__ = ("CAUSES", "INNER_CAUSES", "Cause", "Detection", "bench_detectors", "detect")
