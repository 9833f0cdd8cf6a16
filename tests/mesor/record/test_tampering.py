# SPDX-License-Identifier: MIT
"""What was done to a log after its run is found and named; nothing gives a traceback.

Two adversaries: one who changes bytes, and one who writes the whole file again with MCAP's own
library, so that every checksum is right and only the chain can tell.
"""

from __future__ import annotations

import json
import random
import re
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from mcap.reader import NonSeekingReader
from mcap.writer import CompressionType, Writer

from mesor.cli import main
from mesor.errors import RecordError
from mesor.record.log import RunLog, read_log
from mesor.record.replay import Replay, replay
from pump.spec import record as at

from .synthetic import begin, decided, log_tick

TICKS = 12
FLIPS = 60
CUTS = 40
FROM_PUMP, TO_PUMP = "/frames/from_pump", "/frames/to_pump"
Entry = tuple[str, int, bytes]  # topic, time_ns, text
Change = Callable[[list[Entry]], list[Entry]]


def written_run(path: Path, program: bytes, seed: int) -> Path:
    """Write a sound log: files, upload, and ticks with readings that rise by 0.5 mg/L."""
    with RunLog(path) as written:
        begin(written, program, seed=seed)
        for tick, record in enumerate(decided(program, TICKS)):
            log_tick(written, tick, record, start_s=1)
    return path


@pytest.fixture(scope="module")
def log(program: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a sound log."""
    return written_run(tmp_path_factory.mktemp("sound") / "run.mcap", program, seed=1)


def entries_of(log: Path) -> list[Entry]:
    """Return a log's messages, read with MCAP's own library."""
    with log.open("rb") as stream:
        found = NonSeekingReader(stream).iter_messages(log_time_order=False)
        return [(channel.topic, message.log_time, message.data) for _, channel, message in found]


def written_again(
    log: Path, path: Path, change: Change, files: dict[str, bytes] | None = None
) -> Path:
    """Write the log again with `change` made to its messages, and every MCAP checksum right."""
    run = read_log(log)
    with path.open("wb") as stream:
        writer = Writer(stream, compression=CompressionType.NONE, enable_data_crcs=True)
        writer.start(profile="", library="mesor")
        writer.add_metadata("mesor.run", run.notes)
        for name, content in (files or run.attachments).items():
            writer.add_attachment(0, 0, name, "application/octet-stream", content)
        channels: dict[str, int] = {}
        for topic, time_ns, text in change(entries_of(log)):
            if topic not in channels:
                channels[topic] = writer.register_channel(topic, "json", 0)
            writer.add_message(channels[topic], time_ns, text, time_ns)
        writer.finish()
    return path


def judged(path: Path) -> Replay | str:
    """Return what replay says, or the sentence with which it refuses."""
    try:
        return replay(path)
    except RecordError as error:
        return str(error)


def index_of(entries: list[Entry], topic: str, count: int) -> int:
    """Return the place of the `count`-th message of a topic."""
    return [at_entry for at_entry, entry in enumerate(entries) if entry[0] == topic][count]


def edited(topic: str, count: int, pattern: bytes, replacement: bytes) -> Change:
    """Return a change that edits the text of one message."""

    def change(entries: list[Entry]) -> list[Entry]:
        place = index_of(entries, topic, count)
        _, time_ns, text = entries[place]
        new = re.sub(pattern, replacement, text, count=1)
        assert new != text
        return [*entries[:place], (topic, time_ns, new), *entries[place + 1 :]]

    return change


def removed(entries: list[Entry]) -> list[Entry]:
    """Remove the sixth reading."""
    place = index_of(entries, TO_PUMP, -TICKS + 5)
    return entries[:place] + entries[place + 1 :]


def doubled(entries: list[Entry]) -> list[Entry]:
    """Send the sixth reading twice."""
    place = index_of(entries, TO_PUMP, -TICKS + 5)
    return entries[: place + 1] + entries[place:]


def exchanged(entries: list[Entry]) -> list[Entry]:
    """Exchange the sixth reading with its answer."""
    place, answer = index_of(entries, TO_PUMP, -TICKS + 5), index_of(entries, FROM_PUMP, 5)
    changed = list(entries)
    changed[place], changed[answer] = changed[answer], changed[place]
    return changed


def delayed(entries: list[Entry]) -> list[Entry]:
    """Let the sixth reading arrive a nanosecond later."""
    place = index_of(entries, TO_PUMP, -TICKS + 5)
    topic, time_ns, text = entries[place]
    return [*entries[:place], (topic, time_ns + 1, text), *entries[place + 1 :]]


def beheaded(entries: list[Entry]) -> list[Entry]:
    """Leave the first message out."""
    return entries[1:]


def added(entries: list[Entry]) -> list[Entry]:
    """Let a frame follow the end."""
    return [*entries, entries[index_of(entries, TO_PUMP, 3)]]


def ended_early(entries: list[Entry]) -> list[Entry]:
    """Cut the last tick off, with the chain's end."""
    return entries[: index_of(entries, TO_PUMP, -1)]


def unchanged(entries: list[Entry]) -> list[Entry]:
    """Change nothing."""
    return entries


def test_a_log_that_is_only_written_again_stays_identical(log: Path, tmp_path: Path) -> None:
    """Otherwise the refusals below would prove nothing about the chain."""
    outcome = replay(written_again(log, tmp_path / "run.mcap", unchanged))
    assert outcome.first_difference is None
    assert outcome == replay(log)
    assert outcome.identical


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (removed, f"{FROM_PUMP} at 6.005 s, tick 5"),
        (doubled, f"{TO_PUMP} at 6.000 s"),
        (exchanged, f"{FROM_PUMP} at 6.005 s, tick 5"),
        (delayed, f"{TO_PUMP} at 6.000 s"),
        (beheaded, "message 1 "),
        (added, "added after the log's end"),
        (ended_early, "were removed"),
        (edited(TO_PUMP, -3, rb'"content_hex":"10', b'"content_hex":"11'), "at 10.000 s"),
        (edited(FROM_PUMP, 7, rb"0(?=[0-9a-f]{404}\")", b"1"), "at 8.005 s, tick 7"),
        (edited("/truth", 2, rb'"conc_mg_l":1.0', b'"conc_mg_l":9.0'), "/truth at 3.000 s"),
        (edited("/pins", 3, rb'"edges":1', b'"edges":2'), "/pins at 4.000 s"),
        (edited("/notes", 0, rb'"seed":"1"', b'"seed":"2"'), "/notes"),
    ],
)
def test_the_chain_names_the_message_where_a_log_with_right_checksums_was_altered(
    log: Path, tmp_path: Path, change: Change, named: str
) -> None:
    """MCAP's checksums guard against accidents; anyone's tools make them right again."""
    outcome = replay(written_again(log, tmp_path / "run.mcap", change))
    assert not outcome.identical
    assert named in str(outcome.first_difference)


def test_a_removal_before_the_first_tick_is_found(log: Path, tmp_path: Path) -> None:
    """The frame after the gap is the first that does not follow."""

    def without_a_chunk(entries: list[Entry]) -> list[Entry]:
        place = index_of(entries, TO_PUMP, 7)
        return entries[:place] + entries[place + 1 :]

    outcome = replay(written_again(log, tmp_path / "run.mcap", without_a_chunk))
    place = index_of(entries_of(log), TO_PUMP, 7)
    assert str(outcome.first_difference).startswith(f"message {place + 1} ")


@pytest.mark.parametrize("name", ["program.bin", "scenario.toml"])
def test_an_exchanged_attachment_is_named(log: Path, tmp_path: Path, name: str) -> None:
    """The checksum of the new attachment is right; its digest in the chain is not."""
    files = dict(read_log(log).attachments)
    files[name] = files[name][:-1] + b"!"
    outcome = replay(written_again(log, tmp_path / "run.mcap", unchanged, files))
    assert not outcome.identical
    assert f"the attachment '{name}' is not the one" in str(outcome.first_difference)


def test_a_word_that_is_altered_only_where_it_is_listed_is_named(
    log: Path, tmp_path: Path
) -> None:
    """The list is for plots; the frame is the evidence, and the two must agree."""
    change = edited("/telemetry", 4, rb'"steps":(\d+)', rb'"steps":1\1')
    outcome = replay(written_again(log, tmp_path / "run.mcap", change))
    assert str(outcome.first_difference).startswith("tick 4: steps is 1")
    steps = read_log(log).telemetry[4, at.STEPS]
    assert str(outcome.first_difference).endswith(f"in the log's list and {steps} in its frame")


def test_one_flipped_bit_anywhere_is_never_identical(log: Path, tmp_path: Path, seed: int) -> None:
    """Whatever record the byte belongs to: magic, length, text, attachment, index or checksum."""
    whole = log.read_bytes()
    draw = random.Random(seed)
    places = [*range(24), *range(len(whole) - 60, len(whole))]
    places += draw.sample(range(len(whole)), FLIPS)
    path = tmp_path / "run.mcap"
    for place in places:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << draw.randrange(8)
        path.write_bytes(flipped)
        outcome = judged(path)
        if isinstance(outcome, Replay):
            assert not outcome.identical, f"byte {place}"
        else:
            assert "\n" not in outcome, f"byte {place}"


def test_a_log_cut_anywhere_is_never_identical_and_says_where_it_ends(
    log: Path, tmp_path: Path
) -> None:
    """Its ticks are re-executed up to there; that nothing was cut on purpose, nobody can know."""
    whole = log.read_bytes()
    path = tmp_path / "run.mcap"
    seen = set()
    for part in range(CUTS):
        path.write_bytes(whole[: len(whole) * part // CUTS])
        outcome = judged(path)
        if isinstance(outcome, Replay):
            assert outcome.truncated
            assert not outcome.identical
            assert "breaks off after message" in str(outcome.first_difference)
            assert f"its {outcome.ticks} ticks are decided alike" in str(outcome.first_difference)
            seen.add(outcome.ticks)
        else:
            assert "holds no" in outcome
    assert len(seen) > 1


@pytest.mark.parametrize("length", [2**31, 2**40, 2**63, 2**64 - 1])
def test_a_huge_length_is_refused_without_taking_memory(
    log: Path, tmp_path: Path, length: int
) -> None:
    """The second record, before any tick, claims to be larger than the file."""
    content = bytearray(log.read_bytes())
    second = 8 + 9 + struct.unpack_from("<Q", content, 9)[0]
    struct.pack_into("<Q", content, second + 1, length)
    path = tmp_path / "run.mcap"
    path.write_bytes(content)
    outcome = judged(path)
    assert isinstance(outcome, str)
    assert "\n" not in outcome


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"1", b"null", b"{}", b"[" * 9000, b"\xff", b'{"kind":1,"content_hex":"zz"}'],
)
def test_a_message_that_no_run_writes_is_refused_in_one_sentence(
    log: Path, tmp_path: Path, text: bytes
) -> None:
    """JSON of any shape may stand where a frame belongs."""

    def change(entries: list[Entry]) -> list[Entry]:
        place = index_of(entries, FROM_PUMP, 3)
        return [*entries[:place], (FROM_PUMP, 0, text), *entries[place + 1 :]]

    outcome = judged(written_again(log, tmp_path / "run.mcap", change))
    assert isinstance(outcome, str)
    assert "it is no evidence" in outcome
    assert "\n" not in outcome


def test_links_that_were_all_made_again_show_in_the_last_one(
    log: Path, program: bytes, tmp_path: Path
) -> None:
    """The chain has no key: only a last link that was noted elsewhere tells this forgery."""
    forged = written_run(tmp_path / "run.mcap", program, seed=2)
    assert replay(forged).identical
    assert replay(forged).link != replay(log).link


def test_a_link_is_what_its_definition_says(log: Path) -> None:
    """Anyone can follow the chain without this program: SHA-256, in five lines."""
    from hashlib import sha256

    link = bytes(32)
    for topic, time_ns, text in entries_of(log):
        if topic == "/telemetry":
            continue
        members = json.loads(text)
        said = members.pop("link")
        plain = json.dumps(members, separators=(",", ":")).encode()
        link = sha256(
            link + topic.encode() + b"\0" + time_ns.to_bytes(8, "little") + plain
        ).digest()
        assert link.hex() == said
    assert link.hex() == replay(log).link


@pytest.mark.parametrize(
    ("name", "content", "status", "said"),
    [
        ("sound", lambda whole: whole, 0, "identical: 12 ticks; last link "),
        ("altered", lambda whole: whole.replace(b'"edges":1', b'"edges":2', 1), 1, "different: "),
        ("cut", lambda whole: whole[: len(whole) * 3 // 4], 1, "different: the log breaks off "),
        ("empty", lambda _whole: b"", 2, "mesor: "),
        ("text", lambda _whole: b"no log at all\n" * 100, 2, "mesor: "),
    ],
)
def test_the_command_says_one_line_and_its_status(
    log: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: Callable[[bytes], bytes],
    status: int,
    said: str,
) -> None:
    """Scripts read the status, people the line: 0 good, 1 a verdict failed, 2 could not run."""
    path = tmp_path / f"{name}.mcap"
    path.write_bytes(content(log.read_bytes()))
    monkeypatch.setattr(sys, "argv", ["mesor", "replay", str(path)])
    with pytest.raises(SystemExit) as left:
        main()
    captured = capsys.readouterr()
    assert left.value.code == status
    lines = (captured.out + captured.err).strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(said)
