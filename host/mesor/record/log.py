# SPDX-License-Identifier: MIT
"""The run log: an MCAP file with every frame both ways, the truth, and the pins.

MCAP (mcap.dev) with JSON messages, so that Foxglove and PlotJuggler open it.
Times are nanoseconds of device time since the target was opened, never wall time:
the same run gives the same bytes.  Attachments: program.bin and scenario.toml.
Every message but the decoded telemetry is a link of a chain (record/chain.py).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from mcap.writer import CompressionType, Writer

from mesor.errors import RecordError
from mesor.record.chain import Chain
from mesor.record.container import Container, checksum_error, read_container
from mesor.record.topics import (
    ATTACHMENT,
    END,
    FROM_PUMP,
    NOTES,
    PINS,
    SCHEMAS,
    TAKEOVER,
    TELEMETRY,
    TO_PUMP,
    TRUTH,
    is_telemetry,
    listed,
    telemetry_words,
)
from mesor.record.verify import follow, place, unbound
from pump.spec import messages

Direction = Literal["to_pump", "from_pump"]

_CHUNK_BYTES = 16 * 1024  # what a crash may cost
_READING = bytes([messages.READING])
_READING_BODY_BYTES = (
    4 * messages.READING_WORDS + messages.EPOCH_BYTES + messages.READING_TAG_BYTES
)


@dataclass(frozen=True, slots=True)
class TruthPoint:
    """What really was, at one tick; the dose and rate are those of the tick before it."""

    time_s: float  # therapy time
    conc_mg_l: float
    rate_mg_h: float
    dose_mg: float
    reading_mg_l: float | None


Frame = tuple[int, Direction, bytes]  # time_ns, direction, header and body


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A log that was read: T ticks.  What was measured and decided comes from the frames."""

    frames: list[Frame]
    telemetry: npt.NDArray[np.int32]  # (T, words)
    telemetry_ns: list[int]  # (T,) when each record came
    listed: list[tuple[int, dict[str, int]]]  # time_ns and words of what was listed beside them
    truth: list[TruthPoint]
    edges: npt.NDArray[np.int64]  # (T,) STEP edges in the tick before
    attachments: dict[str, bytes]
    notes: dict[str, str]
    truncated: bool  # the run ended without closing its log
    link: str  # the chain's last link
    alteration: str | None  # a sentence on the first thing that the chain does not hold
    wrong_checksum: str | None  # a sentence on a checksum of the file, for what no chain holds
    last_message: str  # the last one that was read, as the chain names it


class RunLog:
    """Writes a log; a context manager that leaves a readable file however the run ends."""

    def __init__(self, path: Path) -> None:
        """Create or replace the file; raise RecordError where that is not allowed."""
        try:
            self._stream = path.open("wb")
        except OSError as error:
            raise RecordError(f"{path} cannot be written: {error.strerror}.") from error
        self._writer = Writer(
            self._stream,
            chunk_size=_CHUNK_BYTES,
            compression=CompressionType.NONE,
            enable_data_crcs=True,
        )
        self._writer.start(profile="", library="mesor")
        self._channels = {topic: self._channel(topic) for topic in SCHEMAS}
        self._sequences = dict.fromkeys(SCHEMAS, 0)
        self._chain = Chain()
        self._last_ns = 0

    def _channel(self, topic: str) -> int:
        """Register a topic with its JSON schema; return its channel."""
        schema = self._writer.register_schema(
            name="mesor" + topic.replace("/", "."),
            encoding="jsonschema",
            data=json.dumps(SCHEMAS[topic], sort_keys=True).encode(),
        )
        return self._writer.register_channel(topic, message_encoding="json", schema_id=schema)

    def __enter__(self) -> Self:
        """Return the log itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write the chain's end and the summary, and close, also when the run failed."""
        self._add(END, self._last_ns, {"messages": self._chain.messages})
        self._writer.finish()
        self._stream.close()

    def frame(self, direction: Direction, time_ns: int, content: bytes) -> None:
        """Add one frame (header and body); telemetry is decoded beside it, for plotting."""
        topic = TO_PUMP if direction == "to_pump" else FROM_PUMP
        self._add(topic, time_ns, {"kind": content[0], "content_hex": content.hex()})
        if direction == "from_pump" and is_telemetry(content):
            self._add(TELEMETRY, time_ns, listed(telemetry_words(content)))

    def truth(self, time_ns: int, point: TruthPoint) -> None:
        """Add what really was at a tick."""
        self._add(TRUTH, time_ns, asdict(point))

    def pins(self, time_ns: int, edges_total: int, edges: int) -> None:
        """Add the STEP edges so far and since the tick before."""
        self._add(PINS, time_ns, {"edges_total": edges_total, "edges": edges})

    def takeover(self, time_ns: int, content: dict[str, Any]) -> None:
        """Add what was to take the running program over, and what became of it."""
        self._add(TAKEOVER, time_ns, content)

    def attach(self, name: str, content: bytes) -> None:
        """Add a whole file."""
        self._writer.add_attachment(0, 0, name, "application/octet-stream", content)
        digest = hashlib.sha256(content).hexdigest()
        self._add(ATTACHMENT, self._last_ns, {"name": name, "sha256": digest})

    def note(self, notes: dict[str, str]) -> None:
        """Add what names the run."""
        self._writer.add_metadata("mesor.run", notes)
        self._add(NOTES, self._last_ns, notes)

    def _add(self, topic: str, time_ns: int, content: dict[str, Any]) -> None:
        """Add one JSON message; all but what is decoded from another carries its link."""
        text = json.dumps(content, separators=(",", ":")).encode()
        if topic != TELEMETRY:
            text = self._chain.seal(topic, time_ns, text)
        self._last_ns = time_ns
        self._sequences[topic] += 1
        self._writer.add_message(
            channel_id=self._channels[topic],
            log_time=time_ns,
            publish_time=time_ns,
            sequence=self._sequences[topic],
            data=text,
        )


def log_path(path: Path) -> Path:
    """Return the log of a run's folder, or the log itself; raise RecordError without one."""
    log = path / "run.mcap" if path.is_dir() else path
    if not log.is_file():
        raise RecordError(f"{path} is neither a run's folder nor a log; there is no {log}.")
    return log


def read_log(path: Path) -> RunRecord:
    """Return what a log holds, up to its last whole chunk.

    Raises RecordError for what is no log, and for one that cannot be read on before its end.
    """
    log = log_path(path)
    content = log.read_bytes()
    container = read_container(log, content)
    if not container.messages and not container.attachments:
        raise RecordError(f"{log} holds no run of Mesor; name a run's folder or its run.mcap.")
    chain, alteration = follow(container)
    try:
        alteration = alteration or unbound(container)
        wrong_checksum = None if container.broke_off else checksum_error(content)
        return _run_record(container, chain, alteration, wrong_checksum)
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError) as error:
        raise RecordError(
            f"{log} holds a message that no run writes, {alteration or error}; "
            "it is no evidence, run it again."
        ) from error


def _run_record(
    container: Container, chain: Chain, alteration: str | None, wrong_checksum: str | None
) -> RunRecord:
    """Take the messages apart; raises ValueError and its like where one is not as it should be."""
    members: dict[str, list[tuple[int, dict[str, Any]]]] = {topic: [] for topic in SCHEMAS}
    frames: list[Frame] = []
    for topic, time_ns, text in container.messages:
        content = json.loads(text)
        if topic != TELEMETRY:
            del content["link"]
        members[topic].append((time_ns, content))
        if topic in (TO_PUMP, FROM_PUMP):
            frame = _whole(bytes.fromhex(content["content_hex"]))
            frames.append((time_ns, "to_pump" if topic == TO_PUMP else "from_pump", frame))
    sent = [
        (time_ns, telemetry_words(frame))
        for time_ns, direction, frame in frames
        if direction == "from_pump" and is_telemetry(frame)
    ]
    topic, time_ns, text = container.messages[-1] if container.messages else (END, 0, b"")
    return RunRecord(
        frames=frames,
        telemetry=np.array([words for _, words in sent], dtype=np.int32),
        telemetry_ns=[time_ns for time_ns, _ in sent],
        listed=members[TELEMETRY],
        truth=[TruthPoint(**content) for _, content in members[TRUTH]],
        edges=np.array([content["edges"] for _, content in members[PINS]], dtype=np.int64),
        attachments=dict(container.attachments),
        notes=container.notes,
        truncated=container.broke_off or not members[END],
        link=chain.link,
        alteration=alteration,
        wrong_checksum=wrong_checksum,
        last_message=place(len(container.messages), topic, time_ns, text),
    )


def _whole(frame: bytes) -> bytes:
    """Return `frame`; raise ValueError for one that cannot have crossed the wire."""
    words = (messages.TELEMETRY, messages.HISTORY, messages.TAKEN_OVER)
    body_bytes = len(frame) - messages.HEADER_BYTES
    longest = messages.FRAME_BYTES_MAX - messages.CRC_BYTES
    odd = (frame[:1] == _READING and body_bytes != _READING_BODY_BYTES) or (
        body_bytes > 0 and frame[0] in words and body_bytes % 4
    )
    if body_bytes < 0 or len(frame) > longest or odd:
        raise ValueError(f"a frame of {len(frame)} bytes that cannot have crossed the wire")
    return frame
