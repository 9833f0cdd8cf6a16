# SPDX-License-Identifier: MIT
"""What can be found, how it is brought about, and by when the pump must have told it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from mesor_hil.bench_detectors.therapy import BEGINS_S, Reading, RunningTherapy, Spoil
from mesor_hil.faults import PIN_STOP_S
from mesor_hil.soak.emulated_stage import wear_log
from mesor_hil.targets.board_faults import BOARD_FAULTS, BoardFault, PinFault, VoltageFault
from mesor_hil.targets.emulator import EmulatorTarget
from pump.spec import alarms, journal, reasons
from pump.spec import program as layout
from pump.spec import record as at

# A tick without its reading comes a tenth of a tick late, and its frame takes some ms.
_LATE_S = 0.12
_IN_TICK_S = 1.0 - BEGINS_S + _LATE_S  # until the next tick has looked
_DRIFT_TICKS = 20

Words = list[int]
Since = Callable[[Words], bool]  # says whether a record is the first with the cause in it


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that goes wrong."""

    text: str
    alarm: int
    begin: Callable[[RunningTherapy], None]
    end: Callable[[RunningTherapy], None]
    within_s: Callable[[Words], float]  # of the program's words, until it must be told
    since: Since | None = None  # where only the pump's record says when it began
    program: str = "standard"


def _input(text: str, fault: BoardFault, within_s: float) -> Cause:
    """Return a cause that an input of the board shows."""
    return Cause(
        text,
        fault.alarm,
        lambda therapy: therapy.show(fault),
        lambda therapy: therapy.show(fault, False),
        lambda _words: within_s,
    )


def _readings(text: str, alarm: int, spoil: Spoil, within_s: Callable[[Words], float]) -> Cause:
    """Return a cause that lies in the readings from the next one on."""

    def begin(therapy: RunningTherapy) -> None:
        therapy.spoil = spoil

    def end(therapy: RunningTherapy) -> None:
        therapy.spoil = lambda reading: reading

    return Cause(text, alarm, begin, end, within_s)


def _ticks(word: int, more: int) -> Callable[[Words], float]:
    """Return so many of the program's ticks and some more; the first reading is no tick away."""
    return lambda words: words[word] + more - 1 + _IN_TICK_S


def _within(seconds: float) -> Callable[[Words], float]:
    """Return a time that no program changes."""
    return lambda _words: seconds


def _stuck(reading: Reading) -> Reading:
    """Return the reading at a level that never changes."""
    return replace(reading, conc_ug_l=7_777)


def _sick_patient(therapy: RunningTherapy) -> None:
    """Let the drug do nothing: only limits end what the planner asks for."""
    therapy.ug_l_per_step = 0.0


def _well(therapy: RunningTherapy) -> None:
    """Let the drug work again."""
    therapy.ug_l_per_step = 0.16


def _hang(therapy: RunningTherapy) -> None:
    """Let the processor stand still over two ticks; the watchdog waits for longer."""
    assert isinstance(therapy.target, EmulatorTarget)
    therapy.target.board.hang(2.4e9)


def _wear(pages: int) -> Callable[[RunningTherapy], None]:
    """Return what lets the next pages of the log not hold."""

    def begin(therapy: RunningTherapy) -> None:
        assert isinstance(therapy.target, EmulatorTarget)
        wear_log(therapy.target.board, pages)

    return begin


def _nothing(_therapy: RunningTherapy) -> None:
    """Do nothing: it has ended by itself."""


_BOARD = {
    name: _input(
        name.replace("_", " "),
        fault,
        PIN_STOP_S if isinstance(fault, PinFault) or name == "pressure_high" else _IN_TICK_S,
    )
    for name, fault in BOARD_FAULTS.items()
}

CAUSES = (
    *_BOARD.values(),
    _input(
        "pressure low",
        VoltageFault(at.PRESSURE_RAW, 0.01, reasons.FAULT_PRESSURE_LOW),
        _IN_TICK_S,
    ),
    _input(
        "reservoir low", VoltageFault(at.RESERVOIR_RAW, 0.35, alarms.RESERVOIR_LOW), _IN_TICK_S
    ),
    _input("battery low", VoltageFault(at.BATTERY_RAW, 1.7, alarms.BATTERY_LOW), _IN_TICK_S),
    _readings("host silent", alarms.HOST_SILENT, lambda _: None, _within(2.0 + _IN_TICK_S)),
    _readings(
        "no readings", alarms.SENSOR_STALE, lambda _: None, _ticks(layout.AT_STALE_TICKS_MAX, 1)
    ),
    _readings(
        "no readings until the fallback is over",
        alarms.FALLBACK_OVER,
        lambda _: None,
        lambda words: (
            words[layout.AT_STALE_TICKS_MAX] + words[layout.AT_FALLBACK_TICKS_MAX] + _IN_TICK_S
        ),
    ),
    _readings("sensor stuck", alarms.SENSOR_STUCK, _stuck, _ticks(layout.AT_STUCK_TICKS_MAX, 1)),
    _readings(
        "readings rise by 2 mg/L more in each tick",
        alarms.SENSOR_DRIFT,
        lambda reading: replace(reading, conc_ug_l=reading.conc_ug_l + 2_000 * reading.index),
        _within(_DRIFT_TICKS),
    ),
    _readings(
        "a reading of poor quality",
        alarms.READING_REFUSED,
        lambda reading: replace(reading, quality=10),
        _within(_IN_TICK_S),
    ),
    _readings(
        "a reading beyond the sensor's range",
        alarms.READING_REFUSED,
        lambda reading: replace(reading, conc_ug_l=150_000),
        _within(_IN_TICK_S),
    ),
    _readings(
        "a reading 60 mg/L higher",
        alarms.READING_JUMP,
        lambda reading: replace(reading, conc_ug_l=reading.conc_ug_l + 60_000),
        _within(_IN_TICK_S),
    ),
    _readings(
        "a reading from the future",
        alarms.CLOCK_DISAGREES,
        lambda reading: replace(reading, time_s=reading.time_s + 90_000),
        _within(_IN_TICK_S),
    ),
    _readings(
        "readings held back",
        alarms.CLOCK_DISAGREES,
        lambda reading: replace(reading, time_s=max(0, reading.time_s - 1_200)),
        _within(_IN_TICK_S),
    ),
    Cause(
        "firmware hangs for 2.4 ticks",
        alarms.TICK_OVERRUN,
        _hang,
        _nothing,
        _within(2.4 + _IN_TICK_S),
    ),
    Cause(
        "a page of the log does not hold",
        alarms.FLASH_WORN,
        _wear(1),
        _nothing,
        _within(1.0 + _IN_TICK_S),
    ),
    Cause(
        "three pages of the log do not hold",
        reasons.FAULT_LOG,
        _wear(journal.WORN_MAX),
        _nothing,
        _within(1.0 + _IN_TICK_S),
    ),
    Cause(
        "the hour's cap",
        alarms.DOSE_LIMITED,
        _sick_patient,
        _well,
        _within(1.0 + _LATE_S),
        since=lambda record: record[at.LIMIT_REASON] == reasons.LIMIT_HOUR,
        program="narrow",
    ),
    Cause(
        "a soft limit of the hour",
        alarms.SOFT_LIMIT,
        _sick_patient,
        _well,
        _within(1.0 + _LATE_S),
        since=lambda record: record[at.LIMIT_REASON] == reasons.LIMIT_SOFT_HOUR,
        program="soft",
    ),
)

# What main.py does wrong, its alarm, and ticks until it must be told.
INNER_CAUSES = (
    ("a step fewer than told", reasons.FAULT_STEPS_MISMATCH, "mismatch", 1),
    ("the plan raises", reasons.FAULT_INTERNAL, "raises", 0),
    ("no plan is found", alarms.UNSOLVED, "unsolved", 4),
    ("14 kB of memory are left", alarms.MEMORY_LOW, "memory", 12),
    ("a decision takes 45 ms more", alarms.SOLVER_LATE, "late", 1),
)
