# SPDX-License-Identifier: MIT
"""Runs that no pump made: a program's upload, and ticks as the pump's sources decide them."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Collection

from mesor.record.log import RunLog, TruthPoint
from pump.core.controller import Controller
from pump.core.supervisor import EVENT_PASSED, EVENT_PROGRAM, EVENT_START, Supervisor
from pump.spec import messages
from pump.spec import record as at

_HEALTHY = {at.PRESSURE_RAW: 12_000, at.RESERVOIR_RAW: 60_000, at.BATTERY_RAW: 50_000}
# A log needs no key: epochs and tags are passed over.
COMMAND_TAG = bytes(messages.EPOCH_BYTES + messages.TAG_BYTES)
READING_TAG = bytes(messages.EPOCH_BYTES + messages.READING_TAG_BYTES)
_READING_FIELDS = (at.SAMPLE_INDEX, at.READING_TIME_S, at.CONC, at.QUALITY)


def reading_of(tick: int) -> tuple[int, int, int, int]:
    """Return index, time, level and quality of a tick's reading: 0.5 mg/L more at each."""
    return (tick, tick * 300, tick * 500, 100)


def decided(
    program: bytes,
    ticks: int,
    gaps: Collection[int] = (),
    taken: tuple[int, bytes] | None = None,
) -> list[list[int]]:
    """Return the records of a pump that ran the ticks `gaps` without their reading.

    taken: tick before which another program takes over, and that program.
    """
    supervisor = Supervisor()
    supervisor.happen(EVENT_PASSED)
    supervisor.happen(EVENT_PROGRAM)
    supervisor.happen(EVENT_START)
    controller = Controller(array("i", program), supervisor)
    records, steps = [], 0
    for tick in range(ticks):
        if taken is not None and tick == taken[0]:
            controller = Controller(array("i", taken[1]), supervisor, None, controller)
        record = controller.record
        inputs = _HEALTHY | {at.TICK: tick, at.ELAPSED_TICKS: 1, at.STEPS_DONE: steps}
        inputs[at.READING_PRESENT] = int(tick not in gaps)
        if tick not in gaps:
            inputs |= dict(zip(_READING_FIELDS, reading_of(tick), strict=True))
        for word, value in inputs.items():
            record[word] = value
        steps = controller.decide()
        records.append(record.tolist())
    return records


def begin(log: RunLog, program: bytes, uploaded: bytes | None = None, seed: int = 1) -> None:
    """Attach the files of a run and upload its program, or another in its place."""
    log.note({"scenario": "synthetic", "seed": str(seed)})
    log.attach("program.bin", program)
    log.attach("scenario.toml", f"seed = {seed}".encode())
    upload(log, program if uploaded is None else uploaded)


def upload(log: RunLog, content: bytes) -> None:
    """Write the frames that upload a program."""
    begin = struct.pack("<BBHI", messages.PROGRAM_BEGIN, 1, 0, len(content) // 4)
    log.frame("to_pump", 0, begin + COMMAND_TAG)
    for offset in range(0, len(content), messages.CHUNK_BYTES_MAX):
        chunk = content[offset : offset + messages.CHUNK_BYTES_MAX]
        header = struct.pack("<BBHI", messages.PROGRAM_CHUNK, 1, 0, offset)
        log.frame("to_pump", 0, header + chunk + COMMAND_TAG)
    end = struct.pack("<BBH", messages.PROGRAM_END, 1, 0) + content[-4:]
    log.frame("to_pump", 0, end + bytes(messages.SEAL_BYTES) + COMMAND_TAG)


def log_tick(log: RunLog, tick: int, record: list[int], start_s: int = 0) -> None:
    """Write one tick, its answer 5 ms after the reading that the unaltered run was sent."""
    time_ns = (start_s + tick) * 10**9
    header = struct.pack("<BBH", messages.READING, 1, tick)
    log.frame("to_pump", time_ns, header + struct.pack("<4I", *reading_of(tick)) + READING_TAG)
    header = struct.pack("<BBH", messages.TELEMETRY, 1, tick)
    log.frame("from_pump", time_ns + 5_000_000, header + array("i", record).tobytes())
    log.pins(time_ns, tick, 1)
    log.truth(time_ns, TruthPoint(tick * 300.0, tick / 2, 0.0, 0.0, None))
