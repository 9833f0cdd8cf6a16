# SPDX-License-Identifier: MIT
"""Six ticks whose decisions are known beforehand: every kernel and every step of a decision.

The host decides them in exact Python when it builds the firmware (mesor.known_answers); a
pump that decides them otherwise computes wrongly.  Runs at power-on; allocates.
"""

import hashlib
from array import array

from pump.core.controller import Controller
from pump.core.supervisor import EVENT_PASSED, EVENT_PROGRAM, EVENT_START, Supervisor
from pump.spec import program as layout
from pump.spec import record as at

_TICKS = 6
_DIGEST_BYTES = 32
_CONC_UG_L = 2_000  # at the first, and what it rises by: far below the target, then nearing it
_RISE_UG_L = 2_500
_HEALTHY = (
    (at.PRESSURE_RAW, 20_000),
    (at.RESERVOIR_RAW, 60_000),
    (at.BATTERY_RAW, 60_000),
    (at.ELAPSED_TICKS, 1),
    (at.READING_PRESENT, 1),
    (at.QUALITY, 100),
)


def digest(words) -> bytes:
    """Return SHA-256 of what is decided in the known ticks of this program.

    Once as it is, and once with a solver that only iterates: its finish would mend the answer
    of a broken iteration.
    """
    decided = hashlib.sha256()
    _decide(words, decided)
    iterating = array("i", words)
    iterating[layout.SCALAR_WORDS + layout.IN_GUESSES_MAX] = 0
    _decide(iterating, decided)
    return decided.digest()


def _decide(words, decided) -> None:
    """Decide the ticks, and take every record into the hash."""
    supervised = Supervisor()
    for event in (EVENT_PASSED, EVENT_PROGRAM, EVENT_START):
        supervised.happen(event)
    controller = Controller(words, supervised)
    record = controller.record
    for tick in range(_TICKS):
        record[at.STEPS_DONE] = record[at.STEPS]
        for place, value in _HEALTHY:
            record[place] = value
        record[at.TICK] = record[at.SAMPLE_INDEX] = tick
        record[at.READING_TIME_S] = tick * words[layout.AT_TICK_S]
        record[at.CONC] = _CONC_UG_L + tick * _RISE_UG_L
        controller.decide()
        for place in at.MEASURED:
            record[place] = 0
        decided.update(record)


def are_right(content) -> bool:
    """Say whether the known ticks of these bytes, digest and program, come out as they must."""
    if len(content) <= _DIGEST_BYTES or len(content) % 4:
        return False
    try:
        return digest(array("i", content[_DIGEST_BYTES:])) == bytes(content[:_DIGEST_BYTES])
    except Exception:  # a wrong answer within may be out of all range
        return False
