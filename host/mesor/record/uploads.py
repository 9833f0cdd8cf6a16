# SPDX-License-Identifier: MIT
"""The programs of a run, from its raw frames: what was uploaded, and which decided when."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from mesor.record.log import RunRecord
from mesor.record.topics import is_telemetry
from pump.spec import messages

_SIGNATURE_BYTES = messages.EPOCH_BYTES + messages.TAG_BYTES  # at the end of a command


def uploads_and_frames(run: RunRecord) -> Iterator[tuple[bool, bytes]]:
    """Yield each whole program that was sent, with True, and each frame from the pump."""
    uploaded = bytearray()
    for _, direction, frame in run.frames:
        if direction == "from_pump":
            yield False, frame
            continue
        body = frame[messages.HEADER_BYTES : -_SIGNATURE_BYTES]
        if frame[0] == messages.PROGRAM_BEGIN:
            uploaded.clear()
        elif frame[0] == messages.PROGRAM_CHUNK:
            offset = int.from_bytes(body[:4], "little")
            uploaded[offset : offset + len(body) - 4] = body[4:]
        elif frame[0] == messages.PROGRAM_END:
            yield True, bytes(uploaded)


def deciding_programs(run: RunRecord) -> list[tuple[int, npt.NDArray[np.int32]]]:
    """Return the first tick's index and the words of each program that decided, in order.

    One that took over and is not in the log is left out: `mesor replay` says so.
    """
    found = [(0, _words(run.attachments["program.bin"]))]
    uploaded: dict[bytes, bytes] = {}  # by their checksums
    ticks = 0
    for is_program, content in uploads_and_frames(run):
        body = content[messages.HEADER_BYTES :]
        if is_program:
            uploaded[content[-4:]] = content
        elif content[0] == messages.TAKEN_OVER and body in uploaded:
            found.append((ticks, _words(uploaded[body])))
        elif is_telemetry(content):
            ticks += 1
    return found


def _words(content: bytes) -> npt.NDArray[np.int32]:
    """Return a program's words."""
    return np.frombuffer(content, dtype="<i4")
