# SPDX-License-Identifier: MIT
"""A log is evidence only if re-executing it can fail: each test alters one thing, or nothing."""

from __future__ import annotations

import re
import struct
import zlib
from array import array
from pathlib import Path

import pytest

from mesor.errors import RecordError
from mesor.record.log import RunLog, read_log
from mesor.record.replay import replay
from pump.spec import messages
from pump.spec import program as layout
from pump.spec import record as at

from .synthetic import begin, decided, log_tick, upload

TICKS = 30


@pytest.fixture(scope="module")
def ticks(program: bytes) -> list[list[int]]:
    """Return the records of a pump that sees its level rise by 0.5 mg/L a tick."""
    return decided(program, TICKS)


def write(
    path: Path, program: bytes | None, records: list[list[int]], uploaded: bytes | None = None
) -> Path:
    """Write a log of these records; `uploaded` went to the pump before them."""
    with RunLog(path) as log:
        if program is not None:
            begin(log, program, uploaded)
        for tick, record in enumerate(records):
            log_tick(log, tick, record)
    return path


def altered(records: list[list[int]], tick: int, word: int) -> list[list[int]]:
    """Return the records with one word of one tick raised by one."""
    changed = [list(record) for record in records]
    changed[tick][word] += 1
    return changed


def test_ticks_that_ran_without_their_reading_are_re_executed(
    tmp_path: Path, program: bytes
) -> None:
    """A late reading must not cost the evidence; had it been there, it would count."""
    records = decided(program, TICKS, gaps={4, 11, 12})
    assert replay(write(tmp_path / "run.mcap", program, records)).identical
    outcome = replay(
        write(tmp_path / "run.mcap", program, altered(records, 11, at.READING_PRESENT))
    )
    assert not outcome.identical
    assert str(outcome.first_difference).startswith("tick 11: ")


def test_an_untouched_run_is_re_executed_identically(
    tmp_path: Path, program: bytes, ticks: list[list[int]]
) -> None:
    """The folder and the file name the same run."""
    log = write(tmp_path / "run.mcap", program, ticks)
    assert replay(log) == replay(tmp_path)
    assert replay(log).identical
    assert replay(log).ticks == TICKS


@pytest.mark.parametrize(
    ("word", "name"), [(at.STEPS, "steps"), (at.MOVE, "move"), (at.ITERATIONS, "iterations")]
)
def test_one_changed_output_is_found_and_named(
    tmp_path: Path, program: bytes, ticks: list[list[int]], word: int, name: str
) -> None:
    """A reviewer needs the tick and the field, not a yes or no."""
    outcome = replay(write(tmp_path / "run.mcap", program, altered(ticks, 17, word)))
    assert not outcome.identical
    assert outcome.first_difference is not None
    assert outcome.first_difference.startswith(f"tick 17: {name} is {ticks[17][word] + 1} ")


def test_two_therapies_in_one_log_are_each_re_executed(
    tmp_path: Path, program: bytes, ticks: list[list[int]]
) -> None:
    """A HISTORY frame begins a therapy; what it says was given before counts in the caps."""

    def write_twice(history: list[int]) -> Path:
        path = tmp_path / f"{history[0]}.mcap"
        with RunLog(path) as log:
            begin(log, program)
            for _ in range(2):
                header = struct.pack("<BBH", messages.HISTORY, 1, 0)
                log.frame("from_pump", 0, header + array("i", history).tobytes())
                for tick, record in enumerate(ticks):
                    log_tick(log, tick, record)
        return path

    nothing = [0] * messages.HISTORY_WORDS
    assert replay(write_twice(nothing)).identical
    a_day_full = [10**6, *nothing[1:]]
    assert "LIMIT_REASON" in str(replay(write_twice(a_day_full)).first_difference).upper()


def test_a_program_that_was_not_uploaded_is_a_difference(
    tmp_path: Path, program: bytes, ticks: list[list[int]]
) -> None:
    """The attachment must be what the pump was given."""
    path = write(tmp_path / "run.mcap", program, ticks, uploaded=program[:-4] + b"\0\0\0\0")
    outcome = replay(path)
    assert not outcome.identical
    assert "uploaded" in str(outcome.first_difference)
    assert replay(write(tmp_path / "same.mcap", program, ticks, uploaded=program)).identical


def test_a_reading_that_nobody_sent_is_a_difference(
    tmp_path: Path, program: bytes, ticks: list[list[int]]
) -> None:
    """The decision may be right for its inputs and the inputs still be invented."""
    outcome = replay(write(tmp_path / "run.mcap", program, altered(ticks, 9, at.CONC)))
    assert outcome.first_difference is not None
    assert outcome.first_difference.startswith("tick 9: the pump used reading")


def test_what_the_pump_measures_about_itself_is_not_compared(
    tmp_path: Path, program: bytes, ticks: list[list[int]]
) -> None:
    """Times differ between a chip and its twin; decisions may not."""
    for word in at.MEASURED:
        assert replay(write(tmp_path / "run.mcap", program, altered(ticks, 5, word))).identical


def test_the_same_run_gives_the_same_bytes(
    tmp_path: Path, program: bytes, ticks: list[list[int]]
) -> None:
    """Two logs can then be compared by checksum."""
    first, second = (write(tmp_path / name, program, ticks) for name in ("a.mcap", "b.mcap"))
    assert first.read_bytes() == second.read_bytes()


def test_a_log_that_broke_off_is_read_as_far_as_it_goes(
    tmp_path: Path, program: bytes, ticks: list[list[int]]
) -> None:
    """The run that crashed is the one whose log is wanted most."""
    log = write(tmp_path / "run.mcap", program, ticks)
    log.write_bytes(log.read_bytes()[: log.stat().st_size * 6 // 10])
    run = read_log(log)
    assert run.truncated
    assert 0 < len(run.telemetry) < TICKS
    assert run.telemetry.tolist() == ticks[: len(run.telemetry)]
    assert run.attachments["program.bin"] == program


def test_a_log_without_program_or_without_ticks_is_refused(
    tmp_path: Path, program: bytes, ticks: list[list[int]]
) -> None:
    """Nothing re-executed must not read as nothing different."""
    with pytest.raises(RecordError, match=r"holds no program\.bin"):
        replay(write(tmp_path / "a.mcap", None, ticks))
    without_scenario = tmp_path / "c.mcap"
    with RunLog(without_scenario) as log:
        log.attach("program.bin", program)
    with pytest.raises(RecordError, match=r"holds no scenario\.toml"):
        replay(without_scenario)
    with pytest.raises(RecordError, match="holds no tick"):
        replay(write(tmp_path / "b.mcap", program, []))


@pytest.mark.parametrize("content", [b"", b"no log at all", b"\x89MCAP0\r\n"])
def test_a_file_that_is_no_log_is_refused(tmp_path: Path, content: bytes) -> None:
    """The likeliest slip is naming another file of the run's folder."""
    path = tmp_path / "run.mcap"
    path.write_bytes(content)
    with pytest.raises(RecordError, match="holds no run of Mesor"):
        replay(path)
    with pytest.raises(RecordError, match="neither a run's folder nor a log"):
        replay(tmp_path / "absent")


def test_an_altered_byte_is_found_where_no_decision_depends_on_it(
    tmp_path: Path, program: bytes, ticks: list[list[int]]
) -> None:
    """The truth and the raw frames are evidence too, and re-execution never looks at them."""
    log = write(tmp_path / "run.mcap", program, ticks)
    content = bytearray(log.read_bytes())
    content[content.index(b'"conc_mg_l":', len(content) // 3) + 12] ^= 1
    log.write_bytes(content)
    outcome = replay(log)
    assert not outcome.identical
    assert outcome.first_difference is not None
    assert re.search(r"\(/truth at \d+\.000 s\) does not follow", outcome.first_difference)


def test_a_log_that_cannot_be_read_on_is_refused(
    tmp_path: Path, program: bytes, ticks: list[list[int]]
) -> None:
    """Re-executing only the ticks before the damage would pass an altered log as sound."""
    log = write(tmp_path / "run.mcap", program, ticks)
    content = bytearray(log.read_bytes())
    content[content.index(b'"content_hex":"83', len(content) // 3)] = ord("!")
    log.write_bytes(content)
    with pytest.raises(RecordError, match="holds a message that no run writes"):
        replay(log)


@pytest.fixture(scope="module")
def slower(program: bytes) -> bytes:
    """Return the program with a tighter bound on the change of rate."""
    words = array("i", program)
    words[layout.AT_CHANGE_MAX] //= 4
    body = words.tobytes()[:-4]
    return body + struct.pack("<I", zlib.crc32(body))


def taken_over(path: Path, program: bytes, uploaded: bytes | None, decider: bytes) -> Path:
    """Write a log in which `decider` takes over at tick 10, after `uploaded` was sent."""
    records = decided(program, TICKS, taken=(10, decider))
    with RunLog(path) as log:
        begin(log, program)
        for tick, record in enumerate(records):
            if tick == 10:
                if uploaded is not None:
                    upload(log, uploaded)
                header = struct.pack("<BBH", messages.TAKEN_OVER, 1, 0)
                log.frame("from_pump", 9_500_000_000, header + decider[-4:])
            log_tick(log, tick, record)
    return path


def test_a_program_that_took_over_decides_from_there_on(
    tmp_path: Path, program: bytes, slower: bytes
) -> None:
    """Its frames alone are the evidence; the same records with no takeover differ there."""
    assert replay(taken_over(tmp_path / "run.mcap", program, slower, slower)).identical
    records = decided(program, TICKS, taken=(10, slower))
    outcome = replay(write(tmp_path / "none.mcap", program, records))
    assert str(outcome.first_difference).startswith("tick 10: ")


def test_a_program_that_took_over_and_is_missing_or_altered_is_a_difference(
    tmp_path: Path, program: bytes, slower: bytes
) -> None:
    """Without it nobody can say why the pump did what it did."""
    words = array("i", slower)
    words[layout.AT_AGE_S_MAX] += 1
    altered = words.tobytes()  # the checksum at its end is the one that was taken over
    other = array("i", slower)
    other[layout.AT_DRUG] += 1
    another_drug = other.tobytes()[:-4]
    another_drug += struct.pack("<I", zlib.crc32(another_drug))
    for name, sent, decider, sentence in (
        ("missing", None, slower, "after tick 9: a program took over that no frames"),
        ("altered", altered, slower, "refused with result 6"),
        ("drug", another_drug, another_drug, "refused with result 18"),
    ):
        outcome = replay(taken_over(tmp_path / f"{name}.mcap", program, sent, decider))
        assert not outcome.identical
        assert sentence in str(outcome.first_difference)
