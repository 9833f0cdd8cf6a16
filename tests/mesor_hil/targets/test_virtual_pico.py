# SPDX-License-Identifier: MIT
"""The virtual Pico is deterministic, keeps time while it sleeps, and loses no byte and no edge.

Expected values are arithmetic on what the board's own small programs do.
"""

from __future__ import annotations

import hashlib
import random
from itertools import pairwise
from pathlib import Path

import pytest

from mesor.errors import ImageError
from mesor_hil.targets.virtual_pico import EdgeCounter, Reset, VirtualPico

_PULSES = """
import rp2, time
from machine import Pin
@rp2.asm_pio(sideset_init=rp2.PIO.OUT_LOW)
def pulses():
    pull(block).side(0)
    mov(x, osr).side(0)
    label('step')
    nop().side(1)[15]
    jmp(x_dec, 'step').side(0)[15]
machine = rp2.StateMachine(0, pulses, freq=32_000, sideset_base=Pin(2))
machine.active(1)
"""

_ECHO = """
import micropython, select, sys
micropython.kbd_intr(-1)
poll = select.poll()
poll.register(sys.stdin, select.POLLIN)
buffer = bytearray(1)
def echo():
    while poll.poll(0):
        sys.stdin.buffer.readinto(buffer)
        sys.stdout.buffer.write(buffer)
"""


def _board(image: Path, program: str) -> VirtualPico:
    board = VirtualPico(image, {"main.py": program.encode()})
    board.boot()
    return board


def _read_line(board: VirtualPico, limit_ns: float = 2e9) -> str:
    text = bytearray()

    def is_incomplete() -> bool:
        text.extend(board.received())
        return not text.endswith(b"\n")

    assert board.run_while(is_incomplete, limit_ns), bytes(text)
    return text.decode().strip()


def test_a_pulse_train_keeps_time_while_the_processor_sleeps(micropython_image: Path) -> None:
    """The stock emulator loses nearly every edge then, and a bench would underdose the patient."""
    program = _PULSES + "time.sleep_ms(100)\nmachine.put(499)\ntime.sleep_ms(1000)\n"
    board = _board(micropython_image, program)
    edges = board.count_rising_edges(2, keep_times=True)
    board.run_until_ns(1.2e9)
    assert edges.count == 500
    assert {later - earlier for earlier, later in pairwise(edges.times_ns)} == {1_000_000.0}


def _history(image: Path, step_ns: float) -> tuple[str, list[float], list[tuple[float, bytes]]]:
    """Return memory, edges and timed output of one run, cut into steps of step_ns."""
    program = f"{_PULSES}{_ECHO}\nmachine.put(2000)\n" + (
        "while True:\n    time.sleep_ms(3)\n    for i in range(60): pass\n    echo()\n"
    )
    board = VirtualPico(image, {"main.py": program.encode()})
    edges: EdgeCounter = board.count_rising_edges(2, keep_times=True)
    written: list[tuple[float, bytes]] = []
    board.on_bytes = lambda content: written.append((board.now_ns, content))
    for stimulus in range(1, 4):
        until_ns = stimulus * 40_000_100.0
        while board.now_ns + step_ns < until_ns:
            board.run_until_ns(board.now_ns + step_ns)
        board.run_until_ns(until_ns)
        board.send(b"dose %d" % stimulus)
        board.drive(6, stimulus % 2 == 0)
    board.run_until_ns(150e6)
    return hashlib.sha256(board.flash_image()).hexdigest(), edges.times_ns, written


def test_the_size_of_the_hosts_steps_changes_neither_edges_nor_bytes_nor_their_times(
    micropython_image: Path,
) -> None:
    """A verdict must not depend on how the bench happens to cut up time."""
    whole = _history(micropython_image, 1e12)
    assert len(whole[1]) > 50
    assert b"".join(content for _, content in whole[2]).startswith(b"dose 1dose 2dose 3")
    assert _history(micropython_image, 1e12) == whole
    assert _history(micropython_image, 777_777.0) == whole
    assert _history(micropython_image, 100_003.0) == whole


def test_every_byte_value_passes_both_ways_in_any_amount(
    micropython_image: Path, seed: int
) -> None:
    """The stock host end drops what exceeds 512 bytes without a word."""
    board = _board(micropython_image, _ECHO + "while True:\n    poll.poll()\n    echo()\n")
    board.run_until_ns(60e6)
    sent = bytes(range(256)) + random.Random(seed).randbytes(1280)
    board.received()
    board.send(sent)
    taken = bytearray()

    def is_incomplete() -> bool:
        taken.extend(board.received())
        return len(taken) < len(sent)

    assert board.run_while(is_incomplete, 1e9)
    assert bytes(taken) == sent


def test_a_sleeping_board_leaves_its_processor_asleep(micropython_image: Path) -> None:
    """A host that never says "not now" keeps it busy 95 % of the time, and spoils all timing."""
    board = _board(micropython_image, "import time\ntime.sleep_ms(1500)\n")
    board.run_until_ns(100e6)
    before = board.cycles
    board.run_until_ns(1100e6)
    assert board.cycles - before < 0.02 * 125e6


def test_a_run_can_end_with_the_first_answer(micropython_image: Path) -> None:
    """The link waits for frames, not for time slices."""
    board = _board(micropython_image, "import time\ntime.sleep_ms(200)\nprint(1)\n")
    assert board.run_until_bytes(10e9)
    assert 0.2e9 < board.now_ns < 0.3e9
    assert board.received().startswith(b"1")
    quiet = _board(micropython_image, "import time\ntime.sleep_ms(2000)\n")
    assert not quiet.run_until_bytes(1e9)
    assert 1e9 <= quiet.now_ns < 1e9 + 100


def test_the_watchdog_resets_once_stops_the_motor_and_lets_the_board_start_again(
    micropython_image: Path,
) -> None:
    """The stock watchdog stays armed and fires again 2148 s later, in the middle of a therapy."""
    program = (
        "import machine as chip, time\n"
        "time.sleep_ms(100)\n"
        "print(chip.reset_cause() == chip.WDT_RESET)\n"
        "if chip.reset_cause() != chip.WDT_RESET:\n"
        + "".join(f"    {line}\n" for line in _PULSES.splitlines() if line)
        + "    machine.put(10000)\n"
        "    chip.WDT(timeout=500)\n"
        "while True: time.sleep_ms(1000000)\n"
    )
    board = _board(micropython_image, program)
    edges = board.count_rising_edges(2, keep_times=True)
    assert _read_line(board) == "False"
    board.run_until_ns(680e6)
    assert [reset.timed_out for reset in board.resets] == [True]
    assert board.resets[0].time_ns == pytest.approx(edges.times_ns[0] + 500e6, abs=1e6)
    assert edges.times_ns[-1] < board.resets[0].time_ns
    assert _read_line(board) == "True"
    assert board.connected
    made = edges.count
    board.run_until_ns(2500e9)
    assert (len(board.resets), edges.count) == (1, made)


def test_a_reset_the_board_asks_for_is_told_from_a_timeout(micropython_image: Path) -> None:
    """A report that mistakes one for the other sends the reader after the wrong fault."""
    program = "import machine, time\ntime.sleep_ms(50)\nmachine.reset()\n"
    board = _board(micropython_image, program)
    assert board.run_while(lambda: not board.resets, 1e9)
    assert board.resets == [Reset(board.resets[0].time_ns, timed_out=False)]


_PINS = """
import time
from machine import ADC, Pin
pin = Pin(6, Pin.IN, Pin.PULL_UP)
edges = 0
def on_edge(_):
    global edges
    edges += 1
pin.irq(on_edge, Pin.IRQ_RISING | Pin.IRQ_FALLING)
while True:
    time.sleep_ms(10)
    print(pin.value(), edges, *(ADC(channel).read_u16() for channel in (26, 27, 28)))
"""


def _last_report(board: VirtualPico) -> list[int]:
    board.run_until_ns(board.now_ns + 25e6)
    board.received()
    return [int(word) for word in _read_line(board).splitlines()[-1].split()]


def test_inputs_reach_the_board_and_an_open_circuit_reads_high(micropython_image: Path) -> None:
    """Faults are injected here; the same level twice is no edge, as on a wire."""
    board = _board(micropython_image, _PINS)
    board.run_until_ns(60e6)
    assert _last_report(board)[:2] == [1, 0]
    board.drive(6, False)
    board.drive(6, False)
    assert _last_report(board)[:2] == [0, 1]
    board.drive(6, True)
    board.drive(6, True)
    assert _last_report(board)[:2] == [1, 2]
    board.drive(6, False)
    board.release(6)
    assert _last_report(board)[0] == 1


def test_a_voltage_reads_as_its_share_of_the_reference_and_saturates(
    micropython_image: Path,
) -> None:
    """12 bits of 3.3 V, that MicroPython stretches over 16 bits."""
    board = _board(micropython_image, _PINS)
    for channel, volts in enumerate((1.1, 3.3, -0.5)):
        board.set_adc(channel, volts)
    board.run_until_ns(60e6)
    assert _last_report(board)[2:] == [21845, 65535, 0]
    board.set_adc(2, 5.0)
    assert _last_report(board)[4] == 65535


def test_a_state_machine_that_waits_for_a_pin_sees_every_pulse(micropython_image: Path) -> None:
    """A stall that ends from outside must set the alarm again."""
    program = """
import rp2
from machine import Pin
@rp2.asm_pio(set_init=rp2.PIO.OUT_LOW)
def follow():
    wait(1, gpio, 10)
    set(pins, 1)
    wait(0, gpio, 10)
    set(pins, 0)
Pin(10, Pin.IN, Pin.PULL_DOWN)
rp2.StateMachine(5, follow, set_base=Pin(11)).active(1)
import time
time.sleep_ms(5000)
"""
    board = _board(micropython_image, program)
    board.run_until_ns(80e6)
    edges = board.count_rising_edges(11, keep_times=True)
    driven_ns = []
    for pulse in range(50):
        board.run_until_ns(board.now_ns + 1e6 + 333 * pulse)
        board.drive(10, True)
        driven_ns.append(board.now_ns)
        board.run_until_ns(board.now_ns + 1e5)
        board.drive(10, False)
    assert edges.count == 50
    delays_ns = [seen - driven for seen, driven in zip(edges.times_ns, driven_ns, strict=True)]
    assert min(delays_ns) >= 0
    assert max(delays_ns) <= 100


def test_flash_survives_a_power_cycle(micropython_image: Path) -> None:
    """The log that a reviewer reads after a power cut lives there."""
    program = (
        "import time\ntime.sleep_ms(100)\nwith open('log', 'a') as log: log.write('x')\n"
        "print(len(open('log').read()))\ntime.sleep_ms(1000)\n"
    )
    first = _board(micropython_image, program)
    assert _read_line(first).startswith("1")
    second = VirtualPico(micropython_image, flash=first.flash_image())
    second.boot()
    assert _read_line(second).startswith("2")


def test_what_cannot_be_loaded_is_refused_with_its_size_or_name(
    micropython_image: Path, tmp_path: Path
) -> None:
    """A bench that starts on half an image would blame the firmware."""
    with pytest.raises(ImageError, match="absent"):
        VirtualPico(tmp_path / "absent.uf2")
    (tmp_path / "text.uf2").write_bytes(b"not an image" * 100)
    with pytest.raises(ImageError, match="text"):
        VirtualPico(tmp_path / "text.uf2")
    with pytest.raises(ImageError, match="1000 bytes"):
        VirtualPico(micropython_image, flash=bytes(1000))
    with pytest.raises(ImageError, match="1500000 bytes"):
        VirtualPico(micropython_image, {"big": bytes(1_500_000)})
