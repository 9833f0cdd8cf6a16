# SPDX-License-Identifier: MIT
"""The motor's batches, on the emulated Pico's own STEP pin: every edge, and none too many.

Expected counts and times are arithmetic: N edges, one every window / N.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from mesor.firmware import build_firmware
from mesor_hil.targets.virtual_pico import EdgeCounter, VirtualPico
from pump.board import pins
from pump.spec import limits

_CONSOLE = b"""
import machine, micropython, sys, time
micropython.kbd_intr(-1)
from pump.board.stepper import Stepper
stepper = Stepper()
answer = 0
def start(count, window_us):
    global answer
    micropython.heap_lock()
    try:
        answer = stepper.start(count, window_us)
    finally:
        micropython.heap_unlock()
    return answer
def start_twice(first, second):
    start(*first)
    time.sleep_ms(50)
    return start(*second)
def allocate_locked():
    micropython.heap_lock()
    try:
        return [0] * 9
    except MemoryError:
        return 'locked'
    finally:
        micropython.heap_unlock()
def spin(ms):
    end = time.ticks_add(time.ticks_ms(), ms)
    while time.ticks_diff(end, time.ticks_ms()) > 0:
        pass
def hang(count, window_us):
    machine.disable_irq()
    stepper.start(count, window_us)
    while True:
        pass
print('ready')
while True:
    print('=', eval(sys.stdin.readline()))
"""

_COUNTS = (1, 2, 59, 60, 1000, 14_400, 30_000)
_WINDOWS_US = (160_000, 960_000, 4_960_000, 299_960_000)
_ALLOWED = [
    (count, window_us)
    for window_us in _WINDOWS_US
    for count in _COUNTS
    if count * 1_000_000 <= limits.STEP_RATE_HZ_MAX * window_us
]
_CLOCK_NS = 8.0
_TURN_NS = 20e6  # the console reads, calls and answers well within this


class Console:
    """A board that evaluates lines with a Stepper at hand."""

    def __init__(self, image: Path) -> None:
        files = build_firmware()
        files["main.py"] = _CONSOLE
        self.board = VirtualPico(image, files)
        self.board.boot()
        self._text = ""
        self._wait_for("ready")

    def _wait_for(self, word: str) -> str:
        def is_missing() -> bool:
            self._text += self.board.received().decode()
            return word not in self._text or not self._text.endswith("\n")

        assert self.board.run_while(is_missing, 500e6, step_ns=50_000), self._text
        text, self._text = self._text, ""
        return text

    def ask(self, line: str) -> str:
        """Return what the board makes of `line`."""
        self.board.send(line.encode() + b"\r")
        return self._wait_for("= ").rpartition("= ")[2].strip()

    def tell(self, line: str) -> None:
        """Send a line that has no answer."""
        self.board.send(line.encode() + b"\r")

    def run_ns(self, duration_ns: float) -> None:
        """Let the board run."""
        self.board.run_until_ns(self.board.now_ns + duration_ns)

    def watch(self) -> EdgeCounter:
        """Return a counter of STEP edges from now on."""
        return self.board.count_rising_edges(pins.STEP, keep_times=True)


@pytest.fixture(scope="module")
def shared_console(micropython_image: Path) -> Console:
    """Return one board for all tests that leave it alive."""
    return Console(micropython_image)


@pytest.fixture
def console(shared_console: Console) -> Iterator[Console]:
    """Return the board; afterwards its motor is at rest and its steps are told."""
    yield shared_console
    shared_console.ask("stepper.abort()")
    shared_console.ask("stepper.steps_done()")


@pytest.mark.parametrize(("count", "window_us"), _ALLOWED)
def test_a_batch_makes_exactly_its_edges_evenly_and_before_the_window_ends(
    console: Console, count: int, window_us: int
) -> None:
    """An edge is a dose: one too many, too few or too late is a wrong dose."""
    edges = console.watch()
    asked_ns = console.board.now_ns
    assert console.ask(f"start({count}, {window_us})") == "True"
    started_ns = console.board.now_ns
    console.board.run_until_ns(started_ns + window_us * 1e3)
    assert edges.count == count
    assert asked_ns < edges.times_ns[0] < started_ns
    assert edges.times_ns[-1] - edges.times_ns[0] <= window_us * 1e3 * (count - 1) / count
    gaps_ns = [later - earlier for earlier, later in pairwise(edges.times_ns)]
    if gaps_ns:
        assert max(gaps_ns) - min(gaps_ns) <= _CLOCK_NS
        assert min(gaps_ns) >= window_us * 1e3 / count * (1 - 110e-6)
    console.run_ns(_TURN_NS)
    assert edges.count == count
    assert console.ask("stepper.busy()") == "False"
    assert console.ask("stepper.steps_done()") == str(count)


def test_a_batch_of_no_steps_makes_none(console: Console) -> None:
    """Zero is the commonest dose of a patient above target."""
    edges = console.watch()
    assert console.ask("start(0, 960000)") == "True"
    console.run_ns(1e9)
    assert (edges.count, console.ask("stepper.steps_done()")) == (0, "0")


@pytest.mark.parametrize(
    "arguments",
    ["16001, 160000", "30000, 160000", "-1, 960000", "10, 0", "10, -5", "1000001, 1073741823"],
)
def test_an_impossible_batch_is_refused_and_nothing_moves(
    console: Console, arguments: str
) -> None:
    """Above the driver's rate steps would be lost unseen."""
    edges = console.watch()
    assert console.ask(f"start({arguments})") == "False"
    console.run_ns(200e6)
    assert (edges.count, console.ask("stepper.busy()")) == (0, "False")


def test_the_console_that_starts_batches_truly_locks_the_heap(console: Console) -> None:
    """All batches here start under that lock, so none allocates; this shows the lock bites."""
    assert console.ask("allocate_locked()") == "locked"


@pytest.mark.parametrize(
    ("count", "window_us", "after_ns"),
    [
        (1000, 960_000, 1e6),
        (1000, 960_000, 333.3e6),
        (1000, 960_000, 333.9e6),
        (14_400, 160_000, 71e6),
        (16_000, 160_000, 99.99e6),
        (20, 960_000, 470e6),
        (20, 960_000, 505e6),
        (1, 960_000, 400e6),
    ],
)
def test_abort_stops_at_once_and_the_count_is_that_of_the_pin(
    console: Console, count: int, window_us: int, after_ns: float
) -> None:
    """What an interrupted batch has delivered must be known to the step."""
    edges = console.watch()
    console.ask(f"start({count}, {window_us})")
    assert not console.board.level(pins.ENABLE)
    console.run_ns(after_ns)
    console.ask("stepper.abort()")
    at_abort = edges.count
    assert 0 < at_abort <= count
    assert console.board.level(pins.ENABLE)
    assert not console.board.level(pins.STEP)
    console.run_ns(2 * window_us * 1e3)
    assert edges.count == at_abort
    assert console.ask("stepper.steps_done()") == str(at_abort)
    assert console.ask("stepper.busy()") == "False"


@pytest.mark.parametrize(("count", "window_us"), [(1000, 960_000), (20, 960_000)])
def test_counts_read_while_the_motor_runs_add_up_to_its_edges(
    console: Console, count: int, window_us: int
) -> None:
    """A reading that arrives early ends its tick early; no step may fall between two counts."""
    edges = console.watch()
    console.ask(f"start({count}, {window_us})")
    total = 0
    for _ in range(7):
        console.run_ns(77.7e6)
        total += int(console.ask("stepper.steps_done()"))
        assert total <= edges.count <= total + 10e6 * count / (window_us * 1e3) + 1
    console.run_ns(window_us * 1e3)
    total += int(console.ask("stepper.steps_done()"))
    assert (total, edges.count) == (count, count)
    gaps_ns = [later - earlier for earlier, later in pairwise(edges.times_ns)]
    assert max(gaps_ns) - min(gaps_ns) < 50_000  # each count holds the motor for some 25 us


def test_a_new_batch_replaces_a_running_one_and_both_are_counted(console: Console) -> None:
    """The newest decision rules, and the ledger still balances."""
    edges = console.watch()
    assert console.ask("start_twice((1000, 960000), (100, 400000))") == "True"
    first = edges.count - 1
    assert 45 <= first <= 60
    console.run_ns(1.5e9)
    assert console.ask("stepper.steps_done()") == str(edges.count)
    assert 100 + first - 1 <= edges.count <= 100 + first + 1


def test_a_busy_processor_delays_no_edge(console: Console) -> None:
    """The solver computes while the motor runs; neither may feel the other."""
    edges = console.watch()
    console.ask("start(1000, 50000)")
    console.ask("spin(30)")
    console.run_ns(50e6)
    gaps_ns = {later - earlier for earlier, later in pairwise(edges.times_ns)}
    assert edges.count == 1000
    assert max(gaps_ns) - min(gaps_ns) <= _CLOCK_NS


def test_the_direction_pin_says_forward_while_the_motor_runs(console: Console) -> None:
    """There is no command to pull the plunger back."""
    console.ask("start(10, 100000)")
    assert console.board.level(pins.DIRECTION)


def test_a_batch_ends_by_itself_when_python_hangs(micropython_image: Path) -> None:
    """Silence is safe: with interrupts off and the interpreter stuck, the motor still stops."""
    console = Console(micropython_image)
    edges = console.watch()
    console.tell("hang(100, 10000)")
    console.run_ns(30e6)
    assert edges.count == 100
    assert edges.times_ns[-1] < console.board.now_ns - 10e6
