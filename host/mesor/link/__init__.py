# SPDX-License-Identifier: MIT
"""Talks to a pump over any byte pipe: frames, commands with retry, readings, telemetry."""

from mesor.link.client import Held, Identity, PumpClient
from mesor.link.pipe import Pipe
from mesor.link.port import SerialPipe

__all__ = ["Held", "Identity", "Pipe", "PumpClient", "SerialPipe"]
