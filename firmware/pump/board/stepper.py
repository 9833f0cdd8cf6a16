# SPDX-License-Identifier: MIT
"""The motor: batches of evenly spaced STEP edges, made by PIO and ended by it.

A batch is the only motor command there is, and it expires: the state machine runs
out of steps and stalls, whether or not Python still lives.  Rising edges are the
truth; `steps_done` reads them off the state machine's own counter.
Nothing allocates after construction.  Counts are microsteps, times us.
"""

# ruff: noqa: F821 - the PIO assembler's own names

import machine
import rp2

from pump.board import pins
from pump.compat import const, micropython, ptr32
from pump.spec import limits

STEP_COUNT_MAX = const(1_000_000)  # more than a 60 mL syringe holds; keeps products in 30 bits

_CLOCK_HZ = const(125_000_000)  # what the divider arithmetic below is made for
_STATE_MACHINE = const(0)  # of PIO0; the masks below are for this one
_PERIOD_US_MIN = 1_000_000 // limits.STEP_RATE_HZ_MAX

# A fast step takes 32 cycles of the state machine, so at 125 MHz its divider in 1/256
# is 1000 x the period in us; at 2**24 the divider is at its largest, 65536.
_FAST_CYCLES_PER_US = const(1000)
_FAST_PERIOD_US_MAX = const(16_776)
# A slow step takes 16 cycles x (turns of the delay loop + 3).
_SLOW_CYCLES_PER_US = const(2000)
_SLOW_SLICE_US = const(8388)  # 16 cycles at the largest divider
_SLOW_SLICES = const(3)

_FAST = const(0)  # places of the two loops in the program below
_SLOW = const(3)

# Registers of PIO0 as word indexes, and its two aliases that set and clear bits.
_CTRL = const(0)
_FDEBUG = const(2)
_TXF = const(4)
_RXF = const(8)
_PADOUT = const(15)
_CLKDIV = const(50)
_ADDR = const(53)
_INSTR = const(54)

_ENABLED = const(1)
_RESTART = const(0x110)  # state machine and divider begin afresh
_STALLED_BIT = const(24)  # of FDEBUG: the state machine waits for the next batch

# Instructions that are executed from outside; bit 12 is the level of STEP meanwhile.
_SIDE_BIT = const(12)
_PULL = const(0x80A0)
_PUSH = const(0x8000)
_ISR_FROM_OSR = const(0xA0C7)
_ISR_FROM_X = const(0xA0C1)
_X_FROM_OSR = const(0xA027)
_NOP = const(0xA042)


@rp2.asm_pio(sideset_init=rp2.PIO.OUT_LOW)
def _edges():
    """X + 1 rising edges, two instructions each; ISR holds the turns of the slow loop.

    In both loops STEP is high exactly while X still counts the step that is under
    way, which is what `_remaining` relies on.
    """
    label("fast")
    nop().side(1)[15]
    jmp(x_dec, "fast").side(0)[15]
    jmp("stalled").side(0)
    label("slow")
    mov(y, isr).side(1)[15]
    label("delay")
    jmp(y_dec, "delay").side(1)[15]
    jmp(x_dec, "slow").side(0)[15]
    wrap_target()
    label("stalled")
    pull(block).side(0)
    wrap()


@micropython.viper
def _launch(divider: int, entry: int, count: int, delay: int):
    """Start `count` steps at `divider` / 256 from the loop at address `entry`."""
    pio = ptr32(0x50200000)
    ptr32(0x50203000)[_CTRL] = _ENABLED
    ptr32(0x50202000)[_CTRL] = _RESTART
    pio[_CLKDIV] = divider << 8
    pio[_TXF] = delay
    pio[_INSTR] = _PULL
    pio[_INSTR] = _ISR_FROM_OSR
    pio[_TXF] = count - 1
    pio[_INSTR] = _PULL
    pio[_INSTR] = _X_FROM_OSR
    pio[_INSTR] = entry
    pio[_FDEBUG] = 1 << _STALLED_BIT
    ptr32(0x50202000)[_CTRL] = _ENABLED


@micropython.viper
def _is_stalled() -> int:
    """Return 1 when the state machine has run out of steps."""
    return (ptr32(0x50200000)[_FDEBUG] >> _STALLED_BIT) & 1


@micropython.viper
def _halt():
    """Freeze the state machine where it is."""
    ptr32(0x50203000)[_CTRL] = _ENABLED


@micropython.viper
def _resume(delay: int):
    """Let a frozen state machine go on, with ISR as it was."""
    pio = ptr32(0x50200000)
    side = ((pio[_PADOUT] >> int(pins.STEP)) & 1) << _SIDE_BIT
    pio[_TXF] = delay
    pio[_INSTR] = _PULL | side
    pio[_INSTR] = _ISR_FROM_OSR | side
    ptr32(0x50202000)[_CTRL] = _ENABLED


@micropython.viper
def _remaining() -> int:
    """Return the steps that a frozen state machine still had to make; STEP keeps its level."""
    pio = ptr32(0x50200000)
    high = (pio[_PADOUT] >> int(pins.STEP)) & 1
    pio[_INSTR] = _ISR_FROM_X | (high << _SIDE_BIT)
    pio[_INSTR] = _PUSH | (high << _SIDE_BIT)
    return pio[_RXF] + 1 - high


@micropython.viper
def _lower_step():
    """Bring STEP low."""
    ptr32(0x50200000)[_INSTR] = _NOP


@micropython.viper
def _address() -> int:
    """Return where the state machine stands; before it first runs, where its program is."""
    return ptr32(0x50200000)[_ADDR]


class Stepper:
    """One motor: forward, and back only by the batch that relieves a blocked line."""

    def __init__(self):
        """Claim the pins and the state machine; the motor is not held."""
        if machine.freq() != _CLOCK_HZ:
            machine.freq(_CLOCK_HZ)
        self._enable = machine.Pin(pins.ENABLE, machine.Pin.OUT, value=1)
        self._direction = machine.Pin(pins.DIRECTION, machine.Pin.OUT, value=1)
        step = machine.Pin(pins.STEP, machine.Pin.OUT, value=0)
        self._machine = rp2.StateMachine(_STATE_MACHINE, _edges, sideset_base=step)
        self._program = _address()
        self._running = False
        self._delay = 0
        self._count = 0  # steps of the latest batch
        self._made = 0  # of those, made by a batch that is over
        self._told = 0  # of those, already returned by steps_done
        self._owed = 0  # steps of earlier batches that it has yet to return
        self._is_back = False  # the latest batch turns the motor back
        self._owed_back = 0

    @micropython.native
    def start(self, step_count: int, window_us: int) -> bool:
        """Spread `step_count` edges evenly over `window_us`, the first at once.

        The last falls before the window ends.  A batch that still runs is cut short.
        False, and nothing changes, for more than STEP_RATE_HZ_MAX or STEP_COUNT_MAX
        or a window that is not positive.
        """
        return self._begin_batch(step_count, window_us, False)

    @micropython.native
    def start_back(self, step_count: int, window_us: int) -> bool:
        """Do the same backwards; `steps_back` counts these edges, `steps_done` does not."""
        return self._begin_batch(step_count, window_us, True)

    @micropython.native
    def _begin_batch(self, step_count: int, window_us: int, is_back: bool) -> bool:
        """Check, set the direction and start."""
        if step_count < 0 or step_count > STEP_COUNT_MAX or window_us <= 0:
            return False
        if step_count > window_us // _PERIOD_US_MIN:
            return False
        self._end_batch()
        if step_count == 0:
            return True
        self._is_back = is_back
        self._direction.value(0 if is_back else 1)
        self._enable.value(0)
        self._count = step_count
        self._running = True
        self._launch_batch(step_count, window_us)
        return True

    @micropython.native
    def _launch_batch(self, step_count: int, window_us: int) -> None:
        """Choose loop and divider; every product stays below 2**30."""
        period_us = window_us // step_count
        if period_us <= _FAST_PERIOD_US_MAX:
            rest = (window_us % step_count) * _FAST_CYCLES_PER_US // step_count
            self._delay = 0
            _launch(period_us * _FAST_CYCLES_PER_US + rest, self._program + _FAST, step_count, 0)
            return
        slices = period_us // _SLOW_SLICE_US + 1
        divider = period_us // slices * _SLOW_CYCLES_PER_US
        divider += period_us % slices * _SLOW_CYCLES_PER_US // slices
        self._delay = slices - _SLOW_SLICES
        _launch(divider, self._program + _SLOW, step_count, self._delay)

    def abort(self) -> None:
        """Stop at once and let go of the motor."""
        self._end_batch()
        self._enable.value(1)

    @micropython.native
    def busy(self) -> bool:
        """Say whether a batch still makes edges."""
        if self._running and _is_stalled():
            self._running = False
            self._made = self._count
        return self._running

    @micropython.native
    def steps_done(self) -> int:
        """Return the edges made since the call before, of a running batch too.

        Reading a running batch holds it for some 25 us.
        """
        if self._is_back:
            done = self._owed
            self._owed = 0
            return done
        if self.busy():
            _halt()
            self._made = self._count - _remaining()
            _resume(self._delay)
        done = self._owed + self._made - self._told
        self._owed = 0
        self._told = self._made
        return done

    @micropython.native
    def steps_back(self) -> int:
        """Return the backward edges of batches that are over, since the call before."""
        done = self._owed_back
        self._owed_back = 0
        return done

    @micropython.native
    def _end_batch(self) -> None:
        """Stop the batch if it runs, and keep what `steps_done` has yet to return."""
        if self.busy():
            _halt()
            self._made = self._count - _remaining()
            _lower_step()
            self._running = False
        if self._is_back:
            self._owed_back += self._made
            self._is_back = False
            self._direction.value(1)
        else:
            self._owed += self._made - self._told
        self._count = 0
        self._made = 0
        self._told = 0
