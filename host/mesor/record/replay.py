# SPDX-License-Identifier: MIT
"""Re-executes a run from its log alone, and names the first difference.

The program comes from the log's attachment, the inputs of each tick from its
record; pump.core decides again, in CPython.  What the pump measured about itself
(spec.record.MEASURED) decides nothing and is not compared.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mesor.errors import RecordError
from mesor.record.fields import field_names
from mesor.record.log import RunRecord, checksum_error, read_log
from pump.core import program
from pump.core.controller import Controller
from pump.core.supervisor import EVENT_PROGRAM, EVENT_START, Supervisor
from pump.spec import messages, reasons
from pump.spec import record as at

_READING_FIELDS = (at.SAMPLE_INDEX, at.READING_TIME_S, at.CONC_UG_L, at.QUALITY)


@dataclass(frozen=True, slots=True)
class Replay:
    """Outcome of a re-execution."""

    identical: bool
    ticks: int
    first_difference: str | None
    truncated: bool = False  # the log breaks off; only the ticks before that were re-executed


def replay(path: Path) -> Replay:
    """Re-execute every tick of a run's folder or log; raise RecordError where it cannot be."""
    run = read_log(path)
    if "program.bin" not in run.attachments:
        raise RecordError(f"{path} holds no program; a log without it cannot be re-executed.")
    if not len(run.telemetry):
        raise RecordError(f"{path} holds no tick; the run ended before its first decision.")
    difference = _first_unsent_reading(run) or _first_difference(run) or checksum_error(path)
    return Replay(difference is None, len(run.telemetry), difference, run.truncated)


def _first_difference(run: RunRecord) -> str | None:
    """Return a sentence on the first word that is decided otherwise, or None."""
    controller = _controller(run.attachments["program.bin"])
    names = field_names(run.telemetry.shape[1] - at.PLAN)
    skipped = set(range(at.INPUT_WORDS)) | set(at.MEASURED)
    for logged in run.telemetry:
        controller.record[: at.INPUT_WORDS] = array("i", logged[: at.INPUT_WORDS].tolist())
        controller.decide()
        for index, value in enumerate(controller.record):
            if index not in skipped and value != logged[index]:
                return (
                    f"tick {logged[at.TICK]}: {names[index]} is {logged[index]} in the log and "
                    f"{value} when re-executed"
                )
    return None


def _controller(content: bytes) -> Controller:
    """Return a controller that has started the program, as the pump does."""
    if len(content) % 4:
        raise RecordError(f"The log's program has {len(content)} bytes, not whole words.")
    words = array("i", content)
    result = program.check(words)
    if result != reasons.RESULT_OK:
        raise RecordError(
            f"The log's program is refused with result {result}; the log is damaged."
        )
    supervisor = Supervisor()
    supervisor.happen(EVENT_PROGRAM)
    supervisor.happen(EVENT_START)
    return Controller(words, supervisor)


def _first_unsent_reading(run: RunRecord) -> str | None:
    """Return a sentence on the first reading that the pump used and nobody sent, or None."""
    sent = {
        tuple(_reading_words(content).tolist())
        for _, direction, content in run.frames
        if direction == "to_pump" and content[0] == messages.READING
    }
    for logged in run.telemetry:
        reading = tuple(int(logged[field]) for field in _READING_FIELDS)
        if logged[at.READING_PRESENT] and reading not in sent:
            return f"tick {logged[at.TICK]}: the pump used reading {reading}, which was not sent"
    return None


def _reading_words(content: bytes) -> npt.NDArray[np.uint32]:
    """Return the words of a READING frame."""
    return np.frombuffer(content[messages.HEADER_BYTES :], dtype="<u4")
