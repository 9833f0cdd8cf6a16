# SPDX-License-Identifier: MIT
"""Names and size of the tick record's words, taken from the firmware's own specification."""

from __future__ import annotations

from pump.spec import limits, record


def field_names(horizon: int) -> list[str]:
    """Return one name for each word of a record, in order."""
    names = [f"word_{index}" for index in range(record.word_count(horizon))]
    for name, index in vars(record).items():
        is_place = name.isupper() and isinstance(index, int) and name != "INPUT_WORDS"
        if is_place and index < record.PLAN:
            names[index] = name.lower()
    for index in range(limits.STATES_MAX):
        names[record.ESTIMATE + index] = f"estimate_{index}"
    for index in range(limits.MODELS_MAX):
        names[record.WEIGHTS + index] = f"weight_{index}"
    for index in range(horizon):
        names[record.PLAN + index] = f"plan_{index}"
    return names


def is_record(body: bytes) -> bool:
    """Say whether a telemetry body can be a tick record: whole words, all but the plan or more."""
    return len(body) % 4 == 0 and len(body) >= 4 * record.PLAN
