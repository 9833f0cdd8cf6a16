# SPDX-License-Identifier: MIT
"""A serial port or pyserial URL as a pipe, on wall time."""

from __future__ import annotations

import time

import serial

from mesor.errors import LinkError

_SLICE_S = 0.05  # how long one blocking read may last


class SerialPipe:
    """A pump on a port: a Pico's USB-CDC, a pty, or any URL that pyserial opens."""

    def __init__(self, port: str) -> None:
        """Open `port`; raise LinkError where there is none or it is taken."""
        try:
            self._port = serial.serial_for_url(port, baudrate=115_200, timeout=0)
        except (serial.SerialException, ValueError, OSError) as error:
            raise LinkError(
                f"No pump on port {port!r} ({_cause(error)}); "
                "name a serial device or a pyserial URL, such as /dev/ttyACM0."
            ) from error
        self._name = port
        self._start_s = time.monotonic()
        self._arrived = b""

    @property
    def now_s(self) -> float:
        """Return seconds since the port was opened."""
        return time.monotonic() - self._start_s

    def write(self, content: bytes) -> None:
        """Send `content`; raise LinkError when the port is gone."""
        try:
            self._port.write(content)
        except (serial.SerialException, OSError) as error:
            raise self._lost(error) from error

    def read(self) -> bytes:
        """Return what has arrived, without waiting; raise LinkError when the port is gone."""
        arrived, self._arrived = self._arrived, b""
        try:
            return arrived + bytes(self._port.read(4096))
        except (serial.SerialException, OSError) as error:
            raise self._lost(error) from error

    def advance(self, until_s: float) -> None:
        """Wait until `until_s` or until a byte has arrived."""
        try:
            while not self._arrived and self.now_s < until_s:
                self._port.timeout = min(_SLICE_S, max(0.0, until_s - self.now_s))
                self._arrived = bytes(self._port.read(1))
            self._port.timeout = 0
        except (serial.SerialException, OSError) as error:
            raise self._lost(error) from error

    def close(self) -> None:
        """Close the port."""
        self._port.close()

    def _lost(self, error: Exception) -> LinkError:
        """Return the error for a port that went away."""
        return LinkError(
            f"The pump on {self._name!r} went away ({_cause(error)}); plug it in again."
        )


def _cause(error: Exception) -> str:
    """Return the operating system's words for an error, or the error's own."""
    strerror = getattr(error, "strerror", None)
    return str(strerror or error).strip().rstrip(".")
