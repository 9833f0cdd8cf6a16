# SPDX-License-Identifier: MIT
"""What must hold of every story, judged from outside the pump."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mesor.program import Program
from mesor.record.device_log import device_log
from mesor_hil.soak.witness import Life, Standstill, Witness
from pump.core.supervisor import NEXT
from pump.spec import alarms, journal, limits, reasons
from pump.spec import program as layout
from pump.spec import record as at

_TOLD_WITHIN_S = 1.5  # of the moment by which the motor must stand


def violations(program: Program, witness: Witness) -> list[str]:
    """Return a sentence for each invariant that the trace breaks."""
    words = program.words
    return [
        *_over_limits(witness, words),
        *(sentence for life in witness.lives for sentence in _ledger(life)),
        *_late_stops(witness),
        *_unnamed(witness),
        *(sentence for life in witness.lives for sentence in _illegal_states(life.records)),
        *(sentence for life in witness.lives for sentence in _wrong_clock(life, words)),
        *(f"after a power cut the pump had {had}" for had in witness.restored_wrongly),
        *_log_faults(witness, int(words[layout.AT_STEPS_TICK_MAX])),
    ]


def _over_limits(witness: Witness, words: Any) -> Iterator[str]:
    """Rate, hour and day, summed from what the motor was set to do, across all restarts.

    A tick comes early or late by a quarter at most: windows are shorter by one tick.
    """
    tick_s = int(words[layout.AT_TICK_S]) / 300.0
    for count, most, name in (
        (1, words[layout.AT_STEPS_TICK_MAX], "batch"),
        (int(words[layout.AT_TICKS_HOUR]), words[layout.AT_STEPS_HOUR_MAX], "hour"),
        (int(words[layout.AT_TICKS_DAY]), words[layout.AT_STEPS_DAY_MAX], "day"),
    ):
        window_s = max(0.0, (count - 1) * tick_s - 1e-3)
        worst = _most_within(witness.batches, window_s)
        if worst > most + 2 * witness.batch_slack:
            yield f"{worst} steps in one {name}; {most} are allowed"
    for record in witness.records:
        if record[at.ON_BOARD] > words[layout.AT_ON_BOARD_MAX]:
            yield f"tick {record[at.TICK]}: {record[at.ON_BOARD]} steps on board"


def _wrong_clock(life: Life, words: Any) -> Iterator[str]:
    """Time of day goes on by ticks from what START stated, through missed ones and midnight."""
    for record in life.records:
        due_s = (life.day_s + record[at.TICK] * int(words[layout.AT_TICK_S])) % limits.DAY_S
        if record[at.DAY_S] != due_s:
            yield f"tick {record[at.TICK]} is at second {record[at.DAY_S]} of the day, not {due_s}"
            return


def _most_within(batches: list[tuple[float, int]], window_s: float) -> int:
    """Return the most steps of batches that began within any window of that length."""
    worst = total = first = 0
    for time_s, steps in batches:
        total += steps
        while batches[first][0] < time_s - window_s:
            total -= batches[first][1]
            first += 1
        worst = max(worst, total)
    return worst


def _ledger(life: Life) -> Iterator[str]:
    """Every step that the motor made is accounted for, and each batch in full or not at all."""
    made = life.edges_after - life.edges_before
    accounted = sum(record[at.STEPS_DONE] for record in life.records)
    # A therapy's last batch is accounted for by no tick.
    last = life.records[-1][at.STEPS] if life.records else 0
    if not -1 <= made - accounted <= last + 1:
        yield f"the motor made {made} steps and the records account for {accounted}"
    total = 0
    for record in life.records:
        total += record[at.STEPS]
        if record[at.STEPS_TOTAL] != total % (1 << 30):
            yield f"tick {record[at.TICK]}: the total is {record[at.STEPS_TOTAL]}, not {total}"
            return


def _late_stops(witness: Witness) -> Iterator[str]:
    """After a stopping cause has had its time, not one step until a person starts again."""
    for still in witness.standstills:
        counts = [
            count for time_s, count in witness.edges if still.begin_s <= time_s <= still.end_s
        ]
        if counts and counts[-1] != counts[0]:
            yield f"{still.cause}: {counts[-1] - counts[0]} steps after {still.begin_s:.2f} s"


def _unnamed(witness: Witness) -> Iterator[str]:
    """Each stopping cause that the story had time for is told by its own number."""
    ended_s = witness.edges[-1][0]
    for still in witness.standstills:
        if (
            not still.alarm
            or still.begin_s > ended_s
            or _ended_early(still, witness)
            or _was_not_needed(still, witness)
        ):
            continue
        if not any(present >> still.alarm & 1 for _, present in witness.told):
            yield f"{still.cause}: alarm {still.alarm} was never told"


def _ended_early(still: Standstill, witness: Witness) -> bool:
    """Say whether a person ended the therapy before its cause had to be told."""
    ended_s = witness.stopped_by_host_s
    return ended_s is not None and ended_s <= still.begin_s + _TOLD_WITHIN_S


def _was_not_needed(still: Standstill, witness: Witness) -> bool:
    """Say whether a worn page was to be written by a pump that another cause had stopped.

    The first cause is kept once, and ticks of a latched fault need no page.
    """
    latched = {record[at.FAULT_REASON] for record in witness.records}
    return still.cause == "flash_worn" and any(
        other.alarm in latched
        for other in witness.standstills
        if other.alarm not in (0, still.alarm)
    )


def _illegal_states(records: list[list[int]]) -> Iterator[str]:
    """States follow one another as the table allows; a standstill gives nothing."""
    before = reasons.STATE_RUNNING
    follow = {(a, b) for ways in NEXT.values() for a, b in ways.items()}
    delivering = (reasons.STATE_RUNNING, reasons.STATE_FALLBACK)
    holding = alarms.with_action(alarms.HOLD)
    stopping = alarms.with_action(alarms.STOP)
    for record in records:
        state, present = record[at.STATE], record[at.ALARMS]
        if state != before and (before, state) not in follow:
            yield f"tick {record[at.TICK]}: state {before} became {state}"
        if state not in delivering and record[at.STEPS]:
            yield f"tick {record[at.TICK]}: {record[at.STEPS]} steps in state {state}"
        if state == reasons.STATE_RUNNING and present & (holding | stopping):
            yield f"tick {record[at.TICK]}: closed loop with alarms {present:#x}"
        before = state


def _log_faults(witness: Witness, tick_max: int) -> Iterator[str]:
    """Whole is the log, with every tick that was told, and what it counts is never too little.

    What it counts too much is at most what each life had reserved and not given.
    """
    log = device_log(witness.log)
    made = witness.lives[-1].edges_after
    counted = log.pages[-1].volume_steps + log.pages[-1].reserve_steps if log.pages else 0
    most = made + (len(witness.lives) + 1) * 2 * tick_max
    if not made <= counted <= most:
        yield f"the motor made {made} steps and the log accounts for {counted}"
    if log.broken is not None:
        yield f"the log is broken: {log.broken}"
    if any(life.flash_worn for life in witness.lives):
        return  # what it could not keep has stopped the pump
    kept = {_decided(page.content) for page in log.pages if page.kind in ("tick", "fault")}
    for life in witness.lives:
        # The page of a life's last tick may have been under way; a fault is kept once.
        for record in _until_fault(life.records[:-1]):
            if _decided(record) not in kept:
                yield f"tick {record[at.TICK]} of the life from {life.begun_s:.1f} s is not kept"


def _until_fault(records: list[list[int]]) -> Iterator[list[int]]:
    """Yield the records up to the first of a latched fault."""
    for record in records:
        yield record
        if record[at.STATE] == reasons.STATE_FAULT:
            return


def _decided(record: Sequence[int]) -> tuple[int, ...]:
    """Return the words of a record that its log page holds and that decide something.

    What the pump measures of itself is noted between frame and page.
    """
    kept = enumerate(record[: min(at.PLAN, journal.CONTENT_WORDS)])
    return tuple(word for place, word in kept if place not in at.MEASURED)
