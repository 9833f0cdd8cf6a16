# SPDX-License-Identifier: MIT
"""The firmware on the emulated Pico where only a chip can show it: watchdog, heap, the REPL."""

from __future__ import annotations

from array import array
from collections.abc import Callable

import pytest

from mesor.firmware import build_firmware
from mesor.link import Held, PumpClient
from mesor.program import Program
from mesor.record.device_log import device_log
from mesor_hil.targets import emulator
from mesor_hil.targets.emulator import EmulatorTarget
from mesor_hil.targets.target import Target
from mesor_hil.targets.twin import TwinTarget
from pump.spec import messages, reasons
from pump.spec import record as at

FACTOR = 300
_ALTERED_MAIN = """
import gc
gc.threshold(32_768)
import time
from pump.app import App
from pump.board.pico import PicoBoard
from pump.core.controller import Controller

decide = Controller.decide

def altered(controller):
    if controller.record[0] == 2 and controller.words[3] > 8:  # not in the self-test
        {deed}
    return decide(controller)

Controller.decide = altered
App(PicoBoard()).run()
"""


@pytest.fixture
def pump_that() -> Callable[[str], EmulatorTarget]:
    """Return a maker of emulated Picos whose third tick does something it must not."""

    def make(deed: str) -> EmulatorTarget:
        main = _ALTERED_MAIN.format(deed=deed).encode()
        return EmulatorTarget(lambda _text: None, main=main)

    return make


def start(target: Target, program: Program) -> PumpClient:
    """Upload the program and start the therapy."""
    client = PumpClient(target, keys_of=target.keys_of)
    client.hello()
    client.upload(program.bytes)
    client.start(FACTOR, 0)
    return client


def pass_seconds(target: Target, client: PumpClient, seconds: float) -> None:
    """Let the board's time pass."""
    until_s = target.now_s + seconds
    while target.now_s < until_s:
        target.advance(until_s)
        client.receive()


def test_a_tick_that_hangs_is_ended_by_the_watchdog_with_the_motor_at_rest(
    pump_that: Callable[[str], EmulatorTarget], program: Program
) -> None:
    """Its batch ends by itself, the board starts afresh, and no therapy goes on by itself."""
    target = pump_that("time.sleep_ms(1_000_000)")
    client = start(target, program)
    pass_seconds(target, client, 3.2)  # two ticks ran, the third hangs
    made = target.step_edges()
    pass_seconds(target, client, 9.0)
    assert [reset.timed_out for reset in target.board.resets] == [True]
    pass_seconds(target, client, 2.0)
    assert target.step_edges() == made > 0
    client = PumpClient(target, keys_of=target.keys_of)
    assert client.hello().firmware_version == messages.FIRMWARE_VERSION
    assert client.held == Held(int(program.words[-1]) & 0xFFFFFFFF, is_restored=True)


def test_a_tick_that_takes_memory_stops_the_motor_and_latches_a_fault(
    pump_that: Callable[[str], EmulatorTarget], program: Program
) -> None:
    """The heap is locked in the tick: whatever asks for it fails there, not months later."""
    target = pump_that("bytearray(8)")
    client = start(target, program)
    pass_seconds(target, client, 4.0)
    states = []
    while (record := client.await_telemetry(target.now_s)) is not None:
        states.append(tuple(int(record[word]) for word in (at.TICK, at.STATE, at.FAULT_REASON)))
    fallback, fault = reasons.STATE_FALLBACK, reasons.STATE_FAULT  # there are no readings
    assert states[:2] == [(0, fallback, 0), (1, fallback, 0)]
    assert {state[1:] for state in states[2:]} == {(fault, reasons.FAULT_INTERNAL)}


def test_maintenance_leaves_a_prompt_that_the_watchdog_lets_live(
    chip: EmulatorTarget, program: Program
) -> None:
    """Files are copied through the REPL after a therapy as well, which takes minutes."""
    client = start(chip, program)
    pass_seconds(chip, client, 1.2)
    client.stop()
    client.make_way()
    chip.advance(chip.now_s + 0.5)
    chip.read()
    chip.write(b"\x03")
    pass_raw(chip, 20.0)
    chip.write(b"print(6 * 7)\r\n")
    assert b"42" in pass_raw(chip, 1.0)
    assert chip.board.resets == []


def test_no_prompt_opens_to_whoever_holds_the_line(program: Program) -> None:
    """Ctrl-C, Ctrl-A, Ctrl-D and text from the first moment on, while modules load and after."""
    target = EmulatorTarget(lambda _text: None)
    knocking = b"\x03\x03\x01\x04\r\nprint(6 * 7)\r\n"
    written = b""
    for _ in range(200):
        target.write(knocking)
        written += pass_raw(target, 0.01)
    assert b"42" not in written
    assert b">" not in written
    client = PumpClient(target, keys_of=target.keys_of)
    target.write(b"\0")  # ends the nonsense frame
    client.hello()
    client.upload(program.bytes)
    assert target.board.resets == []


def test_a_program_that_fails_restarts_the_board_instead_of_opening_a_prompt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever raises outside of the tick: MicroPython would print it and wait for orders."""
    files = build_firmware()
    app = b"class App:\n    def __init__(self, board):\n        raise ValueError('no')\n"
    del files["pump/app.mpy"]
    files["pump/app.py"] = app
    monkeypatch.setattr(emulator, "build_firmware", lambda: files)
    target = EmulatorTarget(lambda _text: None)
    written = pass_raw(target, 2.0)
    assert len(target.board.resets) > 1
    assert b">>>" not in written
    assert not any(reset.timed_out for reset in target.board.resets)


def test_the_log_survives_in_the_chips_flash_and_the_account_goes_on(
    chip: EmulatorTarget, program: Program
) -> None:
    """Real MicroPython programs the pages; after a power cut they are all there, and count.

    The program is there too, and decides as it does on the twin, which lived through the same.
    """
    twin = TwinTarget()
    for pump in (twin, chip):
        pass_seconds(pump, start(pump, program), 3.5)
    made = chip.step_edges()
    twin_again = TwinTarget(twin.board.flash, twin.board.slot_flash)
    again = EmulatorTarget(lambda _text: None, chip.board.flash_image())
    client = PumpClient(again, keys_of=again.keys_of)
    client.hello()
    log = device_log(client.read_log())
    assert log.broken is None
    assert log.spoilt == 0
    kinds = ["boot", "command", "command", "tick", "tick", "tick", "tick", "boot", "restored"]
    assert [page.kind for page in log.pages] == kinds
    assert made <= log.pages[-1].volume_steps
    histories: list[bytes] = []
    client = PumpClient(
        again,
        lambda _direction, _time_s, frame: (
            histories.append(frame.body) if frame.kind == messages.HISTORY else None
        ),
        again.keys_of,
    )
    client.hello()
    assert again.step_edges() == 0
    client_of_twin = PumpClient(twin_again, keys_of=twin_again.keys_of)
    client_of_twin.hello()
    assert client.held == client_of_twin.held == Held(int(program.words[-1]) & 0xFFFFFFFF, True)
    assert decided(again, client) == decided(twin_again, client_of_twin)
    (history,) = histories
    assert sum(array("i", history)) == log.pages[-1].volume_steps


def decided(target: Target, client: PumpClient) -> list[list[int]]:
    """Start what the pump has, send four readings; return what was decided."""
    client.start(FACTOR, 0)
    words = []
    for tick in range(4):
        client.send_reading(tick, 300 * tick, 8_000 + 300 * tick, 100)
        record = client.await_telemetry(target.now_s + 0.5)
        assert record is not None
        words.append([int(w) for i, w in enumerate(record) if i not in at.MEASURED])
        pass_seconds(target, client, 1.0)
    assert any(record[at.STEPS] for record in words)
    return words


def pass_raw(target: EmulatorTarget, seconds: float) -> bytes:
    """Let the board's time pass; return what it wrote."""
    until_s = target.now_s + seconds
    written = b""
    while target.now_s < until_s:
        target.advance(until_s)
        written += target.read()
    return written
