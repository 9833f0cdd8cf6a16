# SPDX-License-Identifier: MIT
"""Re-executes a run from its log alone, and names the first difference.

The program comes from the log's attachment, everything else from the raw frames: at
each START the pump's HISTORY begins a therapy, at each TAKEN_OVER a program that was uploaded
meanwhile goes on with it, each TELEMETRY frame holds the inputs of a tick, and pump.core
decides again, in CPython.  What the pump measured about itself
(spec.record.MEASURED) decides nothing and is not compared.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mesor.errors import RecordError
from mesor.record.fields import field_names
from mesor.record.log import RunRecord, read_log
from mesor.record.topics import is_telemetry, listed, telemetry_words
from mesor.record.uploads import uploads_and_frames
from pump.core import handover, program
from pump.core.controller import Controller
from pump.core.supervisor import EVENT_PASSED, EVENT_PROGRAM, EVENT_START, Supervisor
from pump.spec import messages, reasons
from pump.spec import record as at

_READING_FIELDS = (at.SAMPLE_INDEX, at.READING_TIME_S, at.CONC, at.QUALITY)
_NOT_DECIDED = {*range(at.INPUT_WORDS), *at.MEASURED}
_FILES = ("program.bin", "scenario.toml")


@dataclass(frozen=True, slots=True)
class Replay:
    """Outcome of a re-execution; `identical` only for a whole log, as it was written."""

    identical: bool
    ticks: int
    first_difference: str | None
    truncated: bool = False  # the log breaks off; only the ticks before that were re-executed
    link: str = ""  # the chain's last link: whoever noted it can tell a log that was made again


def replay(path: Path) -> Replay:
    """Re-execute every tick of a run's folder or log; raise RecordError where it cannot be."""
    run = read_log(path)
    for name in _FILES:
        if name not in run.attachments:
            raise RecordError(f"{path} holds no {name}; without it nothing can be re-executed.")
    if not len(run.telemetry):
        raise RecordError(f"{path} holds no tick; the run ended before its first decision.")
    difference = (
        run.alteration
        or _first_disagreement(run)
        or _wrong_program(run)
        or _first_unsent_reading(run)
        or _first_difference(run)
        or run.wrong_checksum
        or _breaking_off(run)
    )
    return Replay(difference is None, len(run.telemetry), difference, run.truncated, run.link)


def _breaking_off(run: RunRecord) -> str | None:
    """Return a sentence on where the log ends before the run did, or None."""
    if not run.truncated:
        return None
    return (
        f"the log breaks off after {run.last_message}; up to there it is as it was written, and "
        f"its {len(run.telemetry)} ticks are decided alike"
    )


def _first_disagreement(run: RunRecord) -> str | None:
    """Return a sentence on what the log lists beside its frames and they do not say, or None."""
    sent = zip(run.telemetry_ns, run.telemetry, strict=True)
    for (time_ns, words), (listed_ns, members) in zip(sent, run.listed, strict=False):
        tick = words[at.TICK]
        if listed_ns != time_ns:
            return f"tick {tick} is listed at {listed_ns} ns and its frame came at {time_ns} ns"
        named = listed(words)
        for name in [*named, *members]:
            if members.get(name) != named.get(name):
                return (
                    f"tick {tick}: {name[:40]} is {members.get(name)} in the log's list and "
                    f"{named.get(name)} in its frame"
                )
    # What broke off may have lost the listing of its last frame.
    ticks = len(run.telemetry)
    if ticks - len(run.listed) not in ((0, 1) if run.truncated else (0,)):
        return f"the log lists {len(run.listed)} ticks, and its frames hold {ticks}"
    return None


def _wrong_program(run: RunRecord) -> str | None:
    """Return a sentence where what was started is not the log's program, or None.

    That is the last one uploaded before the first START was answered.
    """
    started = None
    for uploaded, content in uploads_and_frames(run):
        if uploaded:
            started = content
        elif content[0] in (messages.HISTORY, messages.TELEMETRY):
            break
    if started is None:
        return "the log holds no frames that upload its program"
    if started != run.attachments["program.bin"]:
        return "the program in the log is not the one that its frames uploaded"
    return None


def _first_difference(run: RunRecord) -> str | None:
    """Return a sentence on the first word that is decided otherwise, or None."""
    controller = _started(_checked_program(run.attachments["program.bin"]), None)
    uploaded: dict[bytes, bytes] = {}  # by their checksums
    expected = {
        messages.HISTORY: messages.HISTORY_WORDS,
        messages.TELEMETRY: len(controller.record),
        messages.TAKEN_OVER: 1,
    }
    for is_program, content in uploads_and_frames(run):
        if is_program:
            uploaded[content[-4:]] = content
            continue
        if content[0] not in expected:
            continue
        body = content[messages.HEADER_BYTES :]
        if len(body) != 4 * expected[content[0]]:
            return f"a frame holds {len(body) // 4} words where {expected[content[0]]} are right"
        words = array("i", body)
        if content[0] == messages.HISTORY:
            controller = _started(controller.words, words)
        elif content[0] == messages.TAKEN_OVER:
            if obstacle := _cannot_take_over(controller, uploaded.get(body)):
                return f"after tick {controller.record[at.TICK]}: {obstacle}"
            taken = array("i", uploaded[body])
            controller = Controller(taken, controller.supervisor, None, controller)
        elif difference := _decided_otherwise(controller, words):
            return difference
    return None


def _cannot_take_over(controller: Controller, program_bytes: bytes | None) -> str | None:
    """Return why no pump can have let this program take over, or None."""
    if program_bytes is None:
        return "a program took over that no frames of the log uploaded, or not as it is here"
    words = array("i", program_bytes) if len(program_bytes) % 4 == 0 else array("i")
    result = program.check(words)
    if result == reasons.RESULT_OK:
        result = handover.obstacle(controller.words, words)
    return f"a program took over that is refused with result {result}" if result else None


def _decided_otherwise(controller: Controller, logged: array[int]) -> str | None:
    """Let the controller decide on the inputs of that record; name the first word that differs."""
    controller.record[: at.INPUT_WORDS] = logged[: at.INPUT_WORDS]
    controller.decide()
    for index, value in enumerate(controller.record):
        if index not in _NOT_DECIDED and value != logged[index]:
            name = field_names(len(logged) - at.PLAN)[index]
            return (
                f"tick {logged[at.TICK]}: {name} is {logged[index]} in the log and "
                f"{value} when re-executed"
            )
    return None


def _checked_program(content: bytes) -> array[int]:
    """Return the log's program as words; raise RecordError where the pump would refuse it."""
    if len(content) % 4:
        raise RecordError(f"The log's program has {len(content)} bytes, not whole words.")
    words = array("i", content)
    result = program.check(words)
    if result != reasons.RESULT_OK:
        raise RecordError(
            f"The log's program is refused with result {result}; the log is damaged."
        )
    return words


def _started(words: array[int], history: array[int] | None) -> Controller:
    """Return a controller that has started the program, as the pump does."""
    supervisor = Supervisor()
    supervisor.happen(EVENT_PASSED)
    supervisor.happen(EVENT_PROGRAM)
    supervisor.happen(EVENT_START)
    return Controller(words, supervisor, history)


def _first_unsent_reading(run: RunRecord) -> str | None:
    """Return a sentence on the first reading that the pump used and nobody had sent, or None."""
    sent: set[tuple[int, ...]] = set()
    for _, direction, content in run.frames:
        if direction == "to_pump" and content[0] == messages.READING:
            body = content[messages.HEADER_BYTES :][: 4 * messages.READING_WORDS]
            sent.add(tuple(np.frombuffer(body, dtype="<u4").tolist()))
        elif direction == "from_pump" and is_telemetry(content):
            words = telemetry_words(content)
            reading = tuple(int(words[field]) for field in _READING_FIELDS)
            if words[at.READING_PRESENT] and reading not in sent:
                return (
                    f"tick {words[at.TICK]}: the pump used reading {reading}, which was not sent"
                )
    return None
