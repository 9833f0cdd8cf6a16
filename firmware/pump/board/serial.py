# SPDX-License-Identifier: MIT
"""USB-CDC as a byte pipe: never blocks on reading, never lets a byte stop the program."""

import select
import sys

import micropython


class UsbSerial:
    """The board's own USB port, taken from the REPL."""

    def __init__(self):
        micropython.kbd_intr(-1)  # 0x03 is data here, not an interrupt
        self._readinto = sys.stdin.buffer.readinto
        self._output = sys.stdout.buffer
        self._poll = select.poll()
        self._poll.register(sys.stdin, select.POLLIN)
        # Bound once: each look-up of a method would take a little of the heap.
        self._ipoll = self._poll.ipoll
        self._buffer = None  # the one that was read into last
        self._places = ()  # its bytes one by one

    def release(self) -> None:
        """Give the port back to the REPL."""
        micropython.kbd_intr(3)

    def wait(self, timeout_ms: int) -> None:
        """Sleep until a byte is there or the time is over."""
        for _ in self._ipoll(timeout_ms):
            pass

    @micropython.native
    def read(self, buffer) -> int:
        """Fill `buffer` with what has arrived; return how many bytes that is.

        Byte by byte: MicroPython's stdin can only wait for as many as it is asked for.
        """
        if buffer is not self._buffer:
            self._buffer = buffer
            self._places = [memoryview(buffer)[i : i + 1] for i in range(len(buffer))]
        readinto, ipoll = self._readinto, self._ipoll
        count = 0
        for place in self._places:
            for _ in ipoll(0):
                break
            else:
                return count
            readinto(place)
            count += 1
        return count

    @micropython.native
    def write(self, buffer, count: int) -> None:
        """Send buffer[:count]; once asked for each packet of 64 bytes, USB hands it on sooner."""
        self._output.write(buffer, count)
        ipoll = self._ipoll
        for _ in range(count >> 6):
            for _ in ipoll(0):
                pass
