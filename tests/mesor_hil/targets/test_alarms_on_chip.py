# SPDX-License-Identifier: MIT
"""Buzzer and lights at the pins of the emulated Pico, and the black box in its flash.

Pulses are told from PWM edges on GP10: pauses of more than 20 ms separate them.  Limits are
those of IEC 60601-1-8: bursts of 10, 3 and 1 or 2 pulses, red 1.4 to 2.8 Hz, yellow 0.4 to 0.8.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest

from mesor.errors import LinkError
from mesor.link import PumpClient
from mesor.program import Program
from mesor.record.device_log import device_log
from mesor_hil.targets.board_faults import BOARD_FAULTS, VoltageFault
from mesor_hil.targets.emulator import EmulatorTarget
from mesor_hil.targets.virtual_pico import EdgeCounter
from pump.board import pins
from pump.spec import journal, limits, reasons
from pump.spec import record as at

_GAP_NS = 20e6
_BURST_NS = 2.4e9  # pauses of more separate bursts
_TONE_HZ = 2_400


class Bench:
    """A therapy on the emulated Pico whose pins are watched."""

    def __init__(self, program: Program) -> None:
        self.target = EmulatorTarget(lambda _text: None)
        board = self.target.board
        self.tone: EdgeCounter = board.count_rising_edges(pins.BUZZER, keep_times=True)
        self.red: EdgeCounter = board.count_rising_edges(pins.RED, keep_times=True)
        self.yellow: EdgeCounter = board.count_rising_edges(pins.YELLOW, keep_times=True)
        self.client = PumpClient(self.target, keys_of=self.target.keys_of)
        self.client.hello()
        self.client.upload(program.bytes)
        self.client.start(300, 0)
        self.index, self.level_ug_l, self.edges = 0, 2_000.0, 0

    def listen(self, seconds: int) -> list[list[float]]:
        """Let so many ticks go by with readings; return the beginnings of pulses, by bursts."""
        for counter in (self.tone, self.red, self.yellow):
            counter.times_ns.clear()
        for _ in range(seconds):
            until_s = self.target.now_s + 1.0
            made = self.target.step_edges()
            # A crude patient, lest the sensor be taken for a drifting one.
            self.level_ug_l = 0.985 * self.level_ug_l + 0.16 * (made - self.edges)
            self.edges = made
            self.client.send_reading(self.index, 300 * self.index, round(self.level_ug_l), 100)
            self.index += 1
            while self.target.now_s < until_s:
                self.target.advance(until_s)
                self.client.receive()
        return bursts(pulses(self.tone.times_ns))


def pulses(edges_ns: list[float]) -> list[tuple[float, float]]:
    """Return the beginning and end of each pulse, whose tone must be the buzzer's."""
    found: list[tuple[float, float]] = []
    begin = 0
    for i in range(1, len(edges_ns) + 1):
        if i == len(edges_ns) or edges_ns[i] - edges_ns[i - 1] > _GAP_NS:
            found.append((edges_ns[begin], edges_ns[i - 1]))
            if i - begin > 2:
                tone_hz = (i - begin - 1) / (edges_ns[i - 1] - edges_ns[begin]) * 1e9
                assert tone_hz == pytest.approx(_TONE_HZ, rel=0.01)
            begin = i
    return found


def bursts(found: list[tuple[float, float]]) -> list[list[float]]:
    """Return the beginnings of the pulses of each whole burst, the first and last cut off."""
    groups: list[list[float]] = [[]]
    for before, pulse in pairwise([(-1e18, -1e18), *found]):
        if pulse[0] - before[1] > _BURST_NS:
            groups.append([])
        groups[-1].append(pulse[0])
    return groups[1:]


def rate_hz(times_ns: list[float]) -> float:
    """Return how often a lamp lights up."""
    return (len(times_ns) - 1) / (times_ns[-1] - times_ns[0]) * 1e9


@pytest.fixture(scope="module")
def bench(program: Program) -> Iterator[Bench]:
    """Return a running therapy with nothing wrong yet."""
    bench = Bench(program)
    bench.listen(3)
    yield bench
    bench.target.close()


@pytest.mark.hazard("unheard_alarm")
def test_the_pins_sound_and_flash_as_the_standard_says(bench: Bench) -> None:
    """Low, medium, high, then a silence that ends by itself; two minutes are the most."""
    assert not bench.tone.times_ns
    target = bench.target
    target.set_fault(VoltageFault(at.RESERVOIR_RAW, 0.35, 0), True)  # low: reservoir_low
    assert [len(burst) for burst in bench.listen(8)] == [1]
    target.set_fault(VoltageFault(at.BATTERY_RAW, 1.7, 0), True)  # medium: battery_low
    assert [len(burst) for burst in bench.listen(7)] == [3]
    assert 0.4 <= rate_hz(bench.yellow.times_ns) <= 0.8
    assert not bench.red.count
    target.set_fault(BOARD_FAULTS["door_open"], True)  # high
    bench.listen(2)
    assert 10 in [len(burst) for burst in bench.listen(10)]
    assert 1.4 <= rate_hz(bench.red.times_ns) <= 2.8
    with pytest.raises(LinkError, match="out of its range"):
        bench.client.silence(limits.SILENCE_S_MAX + 1)
    bench.client.silence(5)
    silent_s = target.now_s
    bench.listen(4)
    assert not bench.tone.times_ns
    assert 1.4 <= rate_hz(bench.red.times_ns) <= 2.8  # no light is silenced
    bench.listen(2)
    assert bench.tone.times_ns[0] / 1e9 <= silent_s + 5.1


@pytest.mark.hazard("log_lost")
def test_the_black_box_survives_the_power(bench: Bench, program: Program) -> None:
    """Pulled over the wire from the flash of the chip, before and after a power cut."""
    bench.client.stop()
    whole = bench.client.read_log()
    held = device_log(whole[: journal.RING_BYTES], whole[journal.RING_BYTES :])
    (box,) = held.boxes
    assert box.broken is None
    assert box.pages[0].text.endswith("door open")
    assert {page.kind for page in box.pages[2:]} >= {"tick"}
    bench.target.power_cycle(bench.target.board.flash_image())
    client = PumpClient(bench.target, keys_of=bench.target.keys_of)
    client.hello()
    again = client.read_log()
    assert again[journal.RING_BYTES :] == whole[journal.RING_BYTES :]
    client.clear_box(0, box.pages[0].link)
    assert client.read_log()[journal.RING_BYTES :] == b"\xff" * journal.BOXES_BYTES
    assert box.pages[0].content[at.FAULT_REASON] == reasons.FAULT_DOOR_OPEN
