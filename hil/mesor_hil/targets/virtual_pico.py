# SPDX-License-Identifier: MIT
"""A Raspberry Pi Pico without a Pico: real MicroPython on an emulated RP2040, in lockstep.

Scenarios run against this when no board is at hand; what it counts at the STEP pin doses the
patient.  Synchronous and deterministic: time moves only in `boot` and the `run_` calls, one
input gives the same bytes and edges every time, however the run is cut into steps.
Times are nanoseconds since power-on, of emulated time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from littlefs import LittleFS, UserContext
from littlefs.errors import LittleFSError

from mesor.errors import ImageError, LinkError
from mesor_hil.targets.rp2040_internals import (
    ADC_CODE_MAX,
    PIN_HIGH,
    HostPort,
    Machine,
    repair_watchdog,
)

FLASH_SIZE: Final = 2 * 1024 * 1024
FILESYSTEM_OFFSET: Final = 0xA0000  # MicroPython's RPI_PICO keeps the last 1408 KiB for files
BLOCK_SIZE: Final = 4096
BLOCK_COUNT: Final = (FLASH_SIZE - FILESYSTEM_OFFSET) // BLOCK_SIZE
ADC_REFERENCE_V: Final = 3.3

_PROGRAM_SIZE: Final = 256
_LITTLEFS_VERSION: Final = 0x0002_0000  # what MicroPython 1.25 mounts
_BOOT_LIMIT_NS: Final = 3_000_000_000
_TEMPERATURE_V: Final = 0.706  # of the chip's own sensor at 27 C
_TEMPERATURE_CHANNEL: Final = 4
_STEP_NS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Reset:
    """A reset that the watchdog made, and whether by a timeout or because the board asked."""

    time_ns: float
    timed_out: bool


class EdgeCounter:
    """Rising edges of one pin since it was attached."""

    __slots__ = ("_now_ns", "count", "times_ns")

    def __init__(self, now_ns: Callable[[], float] | None) -> None:
        """Count from zero; with `now_ns`, keep the time of each edge as well."""
        self.count = 0
        self.times_ns: list[float] = []
        self._now_ns = now_ns

    def on_change(self, new: object, _old: object) -> None:
        """Take one change of the pin's level."""
        if new is PIN_HIGH:
            self.count += 1
            if self._now_ns is not None:
                self.times_ns.append(self._now_ns())


def filesystem_image(files: Mapping[str, bytes]) -> bytes:
    """Return a littlefs2 partition as MicroPython's RPI_PICO mounts it, with `files` in it.

    Raises ImageError if they do not fit.
    """
    context = UserContext(buffsize=BLOCK_SIZE * BLOCK_COUNT)
    filesystem = LittleFS(
        context=context,
        block_size=BLOCK_SIZE,
        block_count=BLOCK_COUNT,
        prog_size=_PROGRAM_SIZE,
        disk_version=_LITTLEFS_VERSION,
    )
    try:
        for name, content in files.items():
            folder = str(PurePosixPath(name).parent)
            if folder not in (".", "/"):
                filesystem.makedirs(folder, exist_ok=True)
            with filesystem.open(name, "wb") as stream:
                stream.write(content)
    except (OSError, LittleFSError) as failure:
        size = sum(map(len, files.values()))
        raise ImageError(
            f"{len(files)} files of {size} bytes do not fit into the board's file system of "
            f"{BLOCK_SIZE * BLOCK_COUNT} bytes: {failure}"
        ) from failure
    filesystem.unmount()
    return bytes(context.buffer)


class VirtualPico:
    """One emulated board: power it, talk to it, work its pins, watch its edges."""

    def __init__(
        self,
        image: Path,
        files: Mapping[str, bytes] | None = None,
        flash: bytes | None = None,
    ) -> None:
        """Make a board that is off.

        image: MicroPython's .uf2.  files: what its file system holds; without them it is blank and
        the board formats it.  flash: a whole flash image from `flash_image`, instead of both.
        Raises ImageError if an image or the files cannot be loaded, EmulatorChangedError if the
        emulator is one this bench does not know.
        """
        self.resets: list[Reset] = []
        self.on_bytes: Callable[[bytes], None] | None = None
        self._received = bytearray()
        self._stop_on_bytes = False
        self._machine = Machine()
        self._port = HostPort(self._machine, self._take_bytes)
        self._clock = self._machine.clock
        repair_watchdog(self._machine, self._note_reset)
        self._fill_flash(image, files, flash)
        self.set_adc(_TEMPERATURE_CHANNEL, _TEMPERATURE_V)

    def _fill_flash(
        self, image: Path, files: Mapping[str, bytes] | None, flash: bytes | None
    ) -> None:
        memory = self._machine.mcu.flash
        if flash is not None:
            if len(flash) != FLASH_SIZE:
                raise ImageError(
                    f"the flash image has {len(flash)} bytes; a Pico's has {FLASH_SIZE} bytes"
                )
            memory[:FLASH_SIZE] = flash
            return
        self._machine.load_image(image)
        if files is not None:
            partition = filesystem_image(files)
            memory[FILESYSTEM_OFFSET : FILESYSTEM_OFFSET + len(partition)] = partition

    @property
    def now_ns(self) -> float:
        """Emulated time since power-on."""
        return float(self._clock.nanos)

    @property
    def connected(self) -> bool:
        """Whether the board has enumerated on USB since its last reset."""
        return self._port.connected

    @property
    def cycles(self) -> int:
        """Cycles the processor was awake since power-on or reset."""
        return int(self._machine.mcu.core.cycles)

    def boot(self) -> None:
        """Run until the board has enumerated on USB.  Raises LinkError if it does not in 3 s."""
        if not self.run_while(lambda: not self._port.connected, _BOOT_LIMIT_NS):
            raise LinkError(
                f"the emulated board did not enumerate on USB within {_BOOT_LIMIT_NS / 1e9:g} s; "
                f"check the MicroPython image and that main.py does not block at once"
            )

    def run_until_ns(self, end_ns: float) -> None:
        """Run to `end_ns`; the instruction that crosses it ends first (under 100 ns late)."""
        self._machine.run_until_ns(end_ns)

    def run_until_bytes(self, end_ns: float) -> bool:
        """Run until the board has written something, to `end_ns` at most; return whether."""
        if not self._received:
            self._stop_on_bytes = True
            self._machine.run_until_ns(end_ns)
            self._stop_on_bytes = False
        return bool(self._received)

    def run_while(
        self, condition: Callable[[], bool], limit_ns: float, step_ns: float = _STEP_NS
    ) -> bool:
        """Run while `condition()` holds, for `limit_ns` at most; return whether it ceased.

        The condition is looked at every `step_ns`.
        """
        end_ns = self.now_ns + limit_ns
        run, clock = self._machine.run_until_ns, self._clock
        while condition():
            now_ns = clock.nanos
            if now_ns >= end_ns:
                return False
            run(min(now_ns + step_ns, end_ns))
        return True

    def hang(self, duration_ns: float) -> bool:
        """Let the firmware hang while everything else goes on; return whether that reset it."""
        resets = len(self.resets)

        def run() -> bool:
            return self.run_while(lambda: len(self.resets) == resets, duration_ns)

        self._machine.hang(run)
        return len(self.resets) > resets

    def send(self, sent: bytes) -> None:
        """Queue bytes for the board's serial port; it takes them at its own speed."""
        self._port.send(sent)

    def received(self) -> bytes:
        """Return, once, what the board wrote since the last call; `on_bytes` sees it too."""
        taken = bytes(self._received)
        self._received.clear()
        return taken

    def _take_bytes(self, written: bytes) -> None:
        self._received += written
        if self._stop_on_bytes:
            self._machine.stop()
        if self.on_bytes is not None:
            self.on_bytes(written)

    def _note_reset(self, reason: int) -> None:
        self.resets.append(Reset(self.now_ns, timed_out=reason == 1))

    def count_rising_edges(self, pin: int, *, keep_times: bool = False) -> EdgeCounter:
        """Return a counter of the rising edges of GP`pin` from now on.

        keep_times: keep each edge's time as well, at 8 bytes and some 50 ns of work per edge.
        """
        counter = EdgeCounter((lambda: self._clock.nanos) if keep_times else None)
        self._machine.mcu.gpio[pin].add_listener(counter.on_change)
        return counter

    def count_by_level(self, pin: int, other: int) -> tuple[EdgeCounter, EdgeCounter]:
        """Return counters of GP`pin`'s rising edges: those while GP`other` is high, and low."""
        gpio = self._machine.mcu.gpio
        high, low = EdgeCounter(None), EdgeCounter(None)

        def on_change(new: object, old: object) -> None:
            counter = high if gpio[other].value is PIN_HIGH else low
            counter.on_change(new, old)

        gpio[pin].add_listener(on_change)
        return high, low

    def level(self, pin: int) -> bool:
        """Return whether the board drives GP`pin` high."""
        return bool(self._machine.mcu.gpio[pin].value is PIN_HIGH)

    def drive(self, pin: int, level: bool) -> None:
        """Drive GP`pin` from outside, as a switch or a sensor would."""
        self._machine.drive(pin, bool(level))

    def release(self, pin: int) -> None:
        """Let go of GP`pin`: an open circuit, that its pull resistor decides."""
        self._machine.release(pin)

    def set_adc(self, channel: int, volts: float) -> None:
        """Put `volts` on ADC`channel` (0..2 are GP26..GP28); beyond 0..3.3 V it saturates."""
        code = round(volts / ADC_REFERENCE_V * ADC_CODE_MAX)
        self._machine.mcu.adc.channel_values[channel] = max(0, min(ADC_CODE_MAX, code))

    def flash_image(self) -> bytes:
        """Return what the flash holds, for a board that is powered up again from it."""
        return bytes(self._machine.mcu.flash[:FLASH_SIZE])

    def spoil_flash(self, begin: int, content: bytes) -> None:
        """Let the flash hold `content` from the byte `begin` on."""
        self._machine.mcu.flash[begin : begin + len(content)] = content
