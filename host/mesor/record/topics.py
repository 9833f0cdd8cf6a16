# SPDX-License-Identifier: MIT
"""What a log's messages are called and hold; the writer, the reader and the check agree here."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mesor.record.fields import field_names, is_record
from pump.spec import messages
from pump.spec import record as at

TO_PUMP: Final = "/frames/to_pump"
FROM_PUMP: Final = "/frames/from_pump"
TELEMETRY: Final = "/telemetry"  # decoded from the frame before it, for plotting; no evidence
TRUTH: Final = "/truth"
PINS: Final = "/pins"
ATTACHMENT: Final = "/attachment"  # binds an attachment into the chain
NOTES: Final = "/notes"  # binds the notes
TAKEOVER: Final = "/takeovers"  # what was to take over, and what became of it
END: Final = "/end"  # the last message of a run that closed its log

_NUMBER = {"type": "number"}
_TEXT = {"type": "string"}
_LINK = {"link": _TEXT}


def _schema(kinds: dict[str, dict[str, str]]) -> dict[str, Any]:
    """Return the JSON schema of a linked message with these members."""
    return {"type": "object", "properties": kinds | _LINK}


_FRAME_SCHEMA = _schema({"kind": {"type": "integer"}, "content_hex": _TEXT})
_TRUTH_NAMES = ("time_s", "conc_mg_l", "rate_mg_h", "dose_mg", "reading_mg_l")
SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    TO_PUMP: _FRAME_SCHEMA,
    FROM_PUMP: _FRAME_SCHEMA,
    TELEMETRY: {"type": "object", "additionalProperties": _NUMBER},
    TRUTH: _schema(dict.fromkeys(_TRUTH_NAMES, _NUMBER)),
    PINS: _schema({"edges_total": _NUMBER, "edges": _NUMBER}),
    ATTACHMENT: _schema({"name": _TEXT, "sha256": _TEXT}),
    NOTES: {"type": "object", "additionalProperties": _TEXT},
    TAKEOVER: _schema(
        {
            "t_s": _NUMBER,
            "source": _TEXT,
            "program": _TEXT,
            "taken_over": {"type": "boolean"},
            "sentence": _TEXT,
        }
    ),
    END: _schema({"messages": {"type": "integer"}}),
}


def is_telemetry(content: bytes) -> bool:
    """Say whether a frame is a whole tick record."""
    return is_record(content[messages.HEADER_BYTES :]) and content[0] == int(messages.TELEMETRY)


def telemetry_words(content: bytes) -> npt.NDArray[np.int32]:
    """Return the words of a TELEMETRY frame."""
    return np.frombuffer(content[messages.HEADER_BYTES :], dtype="<i4").astype(np.int32)


def listed(words: npt.NDArray[np.int32]) -> dict[str, int]:
    """Return a tick record's words by name."""
    return dict(zip(field_names(len(words) - at.PLAN), words.tolist(), strict=True))
