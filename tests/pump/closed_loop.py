# SPDX-License-Identifier: MIT
"""A short, eventful closed loop that two copies of the firmware can be run through.

Noise, missing and refused readings, missed ticks, dose caps that act, an overshoot that
drives the solver, without its finish, into its cap and the states into their clamp, and
a fault at the end: whatever a constant of the control path does should show in its records.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from pump.spec import messages, reasons
from pump.spec import program as layout
from pump.spec import record as at

TICKS = 24
GIVEN_BEFORE = [26_000, 2_000, 1_000, 500]  # microsteps by quarter hours, the newest first
_GAINS = 8
HEALTHY = ((at.PRESSURE_RAW, 20_000), (at.RESERVOIR_RAW, 60_000), (at.BATTERY_RAW, 60_000))


def eventful(words: array[int]) -> array[int]:
    """Return the program with caps and windows so tight that two hours meet all of them."""
    states, offsets = words[layout.AT_STATES], layout.table_offsets(words, 0)
    section = words[layout.SCALAR_WORDS : offsets[1] + _GAINS * states] + words[offsets[2] : -1]
    tight = words[: layout.SCALAR_WORDS] + section + _slower(section, states) + words[-1:]
    tight[layout.AT_MODELS] = 2
    tight[layout.AT_GAIN_COUNT] = _GAINS
    tight[layout.AT_STEPS_TICK_MAX] = 14_000
    tight[layout.AT_STEPS_HOUR_MAX] = 40_000
    tight[layout.AT_STEPS_DAY_MAX] = 70_001
    tight[layout.AT_TICKS_HOUR] = 4
    tight[layout.AT_TICKS_DAY] = 11
    tight[layout.AT_ITERATIONS_MAX] = 25
    for model in range(2):
        tight[layout.section_at(tight, model) + layout.IN_GUESSES_MAX] = 0
        tight[layout.section_at(tight, model) + layout.IN_SURPRISE_GAIN] *= 4
    tight[layout.AT_SWITCH_MARGIN] = 1 << 13
    tight[layout.AT_STALE_TICKS_MAX] = 1
    tight[layout.AT_STATE_MAX] = 3 << 20
    return tight


def _slower(section: array[int], states: int) -> array[int]:
    """Return the section of a second model, whose central compartment loses half as much."""
    other = array("i", section)
    stays = layout.SECTION_SCALARS
    other[stays] = (other[stays] + (1 << 28)) // 2
    other[layout.IN_PRIOR] = -(1 << 13)
    free = stays + states * (states + 1 + _GAINS)
    for row in range(0, 20 * states, states):
        other[free + row] += other[free + row] >> 5
    return other


def finishing(words: array[int]) -> array[int]:
    """Return the eventful program with the solver's exact finish, which then meets no cap."""
    tight = eventful(words)
    guesses_max = layout.SCALAR_WORDS + layout.IN_GUESSES_MAX
    tight[guesses_max] = words[guesses_max]
    second = layout.section_at(tight, 1) + layout.IN_GUESSES_MAX
    tight[second] = words[guesses_max]
    return tight


def started(controller: ModuleType, supervisor: ModuleType, words: array[int]) -> Any:
    """Return a running controller of that copy of the firmware."""
    supervised = supervisor.Supervisor()
    supervised.happen(supervisor.EVENT_PASSED)
    supervised.happen(supervisor.EVENT_PROGRAM)
    supervised.happen(supervisor.EVENT_START)
    history = array("i", GIVEN_BEFORE + [0] * (messages.HISTORY_WORDS - len(GIVEN_BEFORE)))
    return controller.Controller(words, supervised, history)


def records(controller: Any, seed: int = 1, ticks: int = TICKS) -> Iterator[list[int]]:
    """Yield the record of every tick, and last what the limiter hands on.

    The patient is a crude one that leaks what it is given.
    """
    draw = random.Random(seed)
    record, level, tick = controller.record, 3_000.0, -1
    for decision in range(ticks):
        elapsed = {9: 2, 17: 4}.get(decision, 1)
        level += 15_000 if decision == 19 else 0
        tick += elapsed
        present = 0 if decision in (6, 14, 15, 16) else 1
        conc = 90_000 if decision == 11 else level * (1.0 + draw.gauss(0.0, 0.1))
        record[at.TICK] = tick
        record[at.ELAPSED_TICKS] = elapsed
        record[at.READING_PRESENT] = present
        record[at.SAMPLE_INDEX] = decision
        record[at.READING_TIME_S] = 300 * tick
        record[at.CONC] = int(conc)
        record[at.QUALITY] = 100
        record[at.DAY_S] = (84_000 + 300 * tick) % 86_400
        record[at.BOARD_FLAGS] = reasons.FLAG_AIR_IN_LINE if decision == TICKS - 1 else 0
        for word, value in HEALTHY:
            record[word] = value
        record[at.STEPS_DONE] = record[at.STEPS]
        steps = controller.decide()
        level = 0.985 * level + 0.16 * steps
        yield record.tolist()
    yield controller.limiter.quarters(200).tolist()
