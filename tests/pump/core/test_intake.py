# SPDX-License-Identifier: MIT
"""A program arrives in pieces: repeated, lost or wrong ones, and every number out of range."""

from __future__ import annotations

import random
import struct
import zlib
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesor.program import Program
from pump.core import intake
from pump.core import program as program_check
from pump.core.intake import ProgramIntake
from pump.spec import limits, messages, reasons
from pump.spec import program as layout
from pump.spec import record as at

from .. import wire

CHUNK = messages.CHUNK_BYTES_MAX
OK = reasons.RESULT_OK


def an_intake(seal_key: bytes = wire.KEYS[32:]) -> ProgramIntake:
    """Return an intake that has seen nothing."""
    return ProgramIntake(seal_key)


def header(kind: int, body: bytes) -> tuple[bytes, int]:
    """Return a checked frame as the reader hands it on, and its length."""
    frame = struct.pack("<BBH", kind, 1, 0) + body
    return frame, len(frame)


def begin(taking: ProgramIntake, word_count: int) -> int:
    """Announce a program."""
    return taking.begin(*header(messages.PROGRAM_BEGIN, struct.pack("<I", word_count)))


def chunk(taking: ProgramIntake, offset: int, piece: bytes) -> int:
    """Send one piece."""
    return taking.take(*header(messages.PROGRAM_CHUNK, struct.pack("<I", offset) + piece))


def end(taking: ProgramIntake, checksum: bytes, seal: bytes = bytes(32)) -> int:
    """Close the program."""
    return taking.end(*header(messages.PROGRAM_END, checksum + seal))


def pieces(content: bytes) -> list[tuple[int, bytes]]:
    """Return offsets and chunks."""
    return [(i, content[i : i + CHUNK]) for i in range(0, len(content), CHUNK)]


def send(taking: ProgramIntake, content: bytes) -> int:
    """Send all of a program; return the verdict on it."""
    assert begin(taking, len(content) // 4) == OK
    for offset, piece in pieces(content):
        assert chunk(taking, offset, piece) == OK
    return end(taking, content[-4:], wire.seal(content))


def resealed(words: array[int]) -> bytes:
    """Return the words as bytes with the checksum that a host would give them."""
    body = words.tobytes()[:-4]
    return body + struct.pack("<I", zlib.crc32(body))


def test_a_program_that_arrives_whole_is_kept_word_for_word(program: Program) -> None:
    """What runs is what was compiled."""
    taking = an_intake()
    assert send(taking, program.bytes) == OK
    assert taking.words is not None
    assert list(taking.words) == program.words.tolist()


def test_repeated_pieces_change_nothing(program: Program) -> None:
    """A lost acknowledgement makes the host send a piece again, or two of them."""
    taking = an_intake()
    draw = random.Random(3)
    begin(taking, len(program.bytes) // 4)
    done: list[tuple[int, bytes]] = []
    for piece in pieces(program.bytes):
        done.append(piece)
        for offset, content in [piece, draw.choice(done), piece]:
            assert chunk(taking, offset, content) == OK
    assert end(taking, program.bytes[-4:], wire.seal(program.bytes)) == OK
    assert list(taking.words) == program.words.tolist()


def test_a_gap_is_refused_and_can_be_filled(program: Program) -> None:
    """A missing piece must never be zeros in a model."""
    taking = an_intake()
    first, second, third, *rest = pieces(program.bytes)
    begin(taking, len(program.bytes) // 4)
    assert chunk(taking, *first) == OK
    assert chunk(taking, *third) == reasons.RESULT_PROGRAM_GAP
    assert end(taking, program.bytes[-4:]) == reasons.RESULT_PROGRAM_GAP
    for piece in [second, third, *rest]:
        assert chunk(taking, *piece) == OK
    assert end(taking, program.bytes[-4:], wire.seal(program.bytes)) == OK


def test_a_program_without_its_last_piece_is_refused(program: Program) -> None:
    """The end must not be taken on trust."""
    taking = an_intake()
    begin(taking, len(program.bytes) // 4)
    for piece in pieces(program.bytes)[:-1]:
        chunk(taking, *piece)
    assert end(taking, program.bytes[-4:]) == reasons.RESULT_PROGRAM_GAP
    assert taking.words is None


def test_a_piece_beyond_the_end_is_refused(program: Program) -> None:
    """On the chip a longer slice assignment would grow the buffer."""
    taking = an_intake()
    begin(taking, 10)
    assert chunk(taking, 0, bytes(41)) == reasons.RESULT_PROGRAM_TOO_LARGE
    assert chunk(taking, 0, bytes(40)) == OK
    assert chunk(taking, 40, b"x") == reasons.RESULT_PROGRAM_TOO_LARGE


@pytest.mark.parametrize("count", [0, limits.PROGRAM_WORDS_MAX + 1, 1 << 29, 0xFFFFFFFF])
def test_a_program_of_impossible_size_is_refused_before_memory_is_taken(count: int) -> None:
    """A single wrong word must not exhaust the heap."""
    assert begin(an_intake(), count) == reasons.RESULT_PROGRAM_TOO_LARGE


@pytest.mark.parametrize("size", [0, CHUNK + 1])
def test_a_piece_of_wrong_size_is_refused(size: int) -> None:
    """The frame format bounds a piece."""
    taking = an_intake()
    begin(taking, 1000)
    assert chunk(taking, 0, bytes(size)) == reasons.RESULT_BAD_LENGTH


def test_bodies_of_wrong_length_are_refused() -> None:
    """Nothing is read past the end of what came."""
    taking = an_intake()
    for body in (b"", b"\1\0\0", b"\1\0\0\0\0"):
        assert taking.begin(*header(2, body)) == reasons.RESULT_BAD_LENGTH
        assert end(taking, body) == reasons.RESULT_BAD_LENGTH
    assert taking.take(*header(3, b"\0\0\0\0")) == reasons.RESULT_BAD_LENGTH


def test_pieces_and_an_end_without_a_beginning_are_refused() -> None:
    """Order of the conversation is checked on the pump."""
    taking = an_intake()
    assert chunk(taking, 0, b"x") == reasons.RESULT_WRONG_STATE
    assert end(taking, bytes(4)) == reasons.RESULT_PROGRAM_GAP


def test_beginning_a_new_program_forgets_the_old_one(program: Program) -> None:
    """Half a new program beside an old one leaves in doubt which would run."""
    taking = an_intake()
    send(taking, program.bytes)
    begin(taking, 100)
    assert taking.words is None


def test_a_wrong_checksum_at_the_end_is_refused(program: Program) -> None:
    """The host means another program than the one that arrived."""
    taking = an_intake()
    begin(taking, len(program.bytes) // 4)
    for piece in pieces(program.bytes):
        chunk(taking, *piece)
    assert end(taking, b"\0\0\0\0") == reasons.RESULT_PROGRAM_CHECKSUM
    assert taking.words is None


@settings(max_examples=40)
@given(st.integers(0, 10**9))
def test_any_flipped_bit_of_a_program_is_found(program: Program, place: int) -> None:
    """Every bit of a program doses."""
    content = bytearray(program.bytes)
    content[place // 8 % len(content)] ^= 1 << place % 8
    assert send(an_intake(), bytes(content)) != OK


# Each scalar with a value just below and just above what integer code can bear.  Written
# from the formats' meaning (spec/program.py), not from the firmware's own table.
OUT_OF_RANGE = {
    "AT_MAGIC": (layout.MAGIC - 1, layout.MAGIC + 1),
    "AT_LAYOUT": (6, 8),
    "AT_WORDS": (0, 9999),
    "AT_HORIZON": (4, 44),
    "AT_STATES": (1, 6),
    "AT_MODELS": (0, 6),
    "AT_OUTPUT_STATE": (-1, 2),  # the last of this program's three is the disturbance
    "AT_TICK_S": (9, 901),
    "AT_DATA_BITS": (9, 15),
    "AT_ESTIMATE_BITS": (15, 23),
    "AT_CONC_UNIT_UG_L": (0, -1),
    "AT_READING_NG_L": (0, (1 << 20) + 1),
    "AT_CONC_GAIN": (0, 1 << 30),
    "AT_CONC_SHIFT": (-1, 25),
    "AT_CONC_MIN": (-1, (1 << 29) + 1),
    "AT_CONC_MAX": (0, (1 << 29) + 1),
    "AT_CONC_CHANGE_MAX": (0, (1 << 29) + 1),
    "AT_AGE_S_MAX": (-1, 86_401),
    "AT_QUALITY_MIN": (-1, 101),
    "AT_STALE_TICKS_MAX": (-1, 1001),
    "AT_MODEL_SHIFT": (0, 32),
    "AT_GAIN_COUNT": (0, 513),
    "AT_GAIN_SHIFT": (0, 32),
    "AT_STATE_MAX": (0, 1 << 28),
    "AT_STEP_GAIN": (0, 1 << 30),
    "AT_STEP_SHIFT": (-1, 25),
    "AT_FREE_SHIFT": (0, 32),
    "AT_TARGET": (-1, 1 << 20),
    "AT_BAND_LOW": (-(1 << 20) - 1, 1),
    "AT_BAND_HIGH": (-1, (1 << 20) + 1),
    "AT_DEMAND_MAX": (0, (1 << 20) + 1),
    "AT_CHANGE_MAX": (0, (1 << 15) + 1),
    "AT_SOFT_SHIFT": (0, 9),
    "AT_MOVE_MAX": (0, (1 << 20) + 1),
    "AT_SETTLED_BITS": (-1, 16),
    "AT_ITERATIONS_MAX": (0, limits.ITERATIONS_MAX + 1),
    "AT_STEPS_FULL": (0, 1 << 15),
    "AT_STEPS_TICK_MAX": (-1, 1 << 15),
    "AT_STEPS_HOUR_MAX": (-1, 1 << 30),
    "AT_STEPS_DAY_MAX": (-1, 1 << 30),
    "AT_TICKS_HOUR": (0, 361),
    "AT_TICKS_DAY": (0, 8641),
    "AT_FALLBACK_MOVE": (-1, (1 << 14) + 1),
    "AT_PRESSURE_RAW_MAX": (-1, 65_536),
    "AT_RESERVOIR_RAW_MIN": (-1, 65_536),
    "AT_BATTERY_RAW_MIN": (-1, 65_536),
    "AT_DESCENTS_MAX": (0, 17),
    "AT_DIRECTIONS_MAX": (0, 33),
    "AT_CHANGE_GAIN": (0, 1 << 14),
    "AT_CHANGE_SHIFT": (6, 31),
    "AT_OUTPUTS": (4, 21),
    "AT_CHASE_TICKS": (0, (1 << 28) + 1),
    "AT_COUNTED_LEVEL": (-(1 << 28) - 1, (1 << 28) + 1),
    "AT_REACHED_LEVEL": (0, (1 << 28) + 1),
    "AT_INTERVAL_TICKS": (0, (1 << 28) + 1),
    "AT_REST_LEVEL": (0, (1 << 28) + 1),
    "AT_AREA": (-1, (1 << 28) + 1),
    "AT_TARGET_LOW": (-1, (2 << 14) + 1),
    "AT_TARGET_HIGH": ((2 << 14) - 1, 1 << 20),
    "AT_FALLBACK_TICKS_MAX": (-1, 1001),
    "AT_UNSOLVED_TICKS_MAX": (-1, 1001),
    "AT_STUCK_TICKS_MAX": (0, 1001),
    "AT_DRIFT_SLACK": (-1, 1 << 28),
    "AT_DRIFT_MAX": (0, 1 << 28),
    "AT_PRESSURE_RAW_MIN": (-1, 65_536),
    "AT_RESERVOIR_RAW_LOW": (-1, 65_536),
    "AT_BATTERY_RAW_LOW": (-1, 65_536),
    "AT_ON_BOARD_MAX": (-1, 1 << 28),
    "AT_ON_BOARD_KEEP": (-1, (1 << 14) + 1),
    "AT_CEILING": (0, 1 << 28),
    "AT_DRUG": (-1, 1 << 30),
    "AT_DRUG_PG_PER_STEP": (0, 1 << 30),
    "AT_COURSE": (-1, 4),
    "AT_SOFT_MOVE": (-1, (1 << 14) + 1),
    "AT_SOFT_STEPS_HOUR": (-1, 1 << 30),
    "AT_SOFT_STEPS_DAY": (-1, 1 << 30),
    "AT_SOFT_TARGET": (-1, 1 << 20),
    "AT_PRESSURE_RISE_RAW": (0, 65_536),
    "AT_PRESSURE_SLACK": (-1, (1 << 14) + 1),
    "AT_BACK_OFF_STEPS_MAX": (-1, 1 << 15),
    "AT_FORGET_SHIFT": (0, 9),
    "AT_SWITCH_MARGIN": (-1, (1 << 24) + 1),
    "AT_FADE_SHIFT": (0, 32),
    # Of a model's section.
    "IN_ASKED_GAIN": (0, 1 << 30),
    "IN_ASKED_SHIFT": (0, 29),
    "IN_BEFORE_GAIN": (0, 1 << 16),
    "IN_BEFORE_SHIFT": (0, 16),
    "IN_FACTOR_SHIFT": (0, 25),
    "IN_PULL_SHIFT": (0, 25),
    "IN_RESPONSE_SHIFT": (12, 25),
    "IN_BURST": (0, limits.ITERATIONS_MAX + 1),
    "IN_GUESSES_MAX": (-1, 17),
    "IN_STATIONARY_BITS": (2, 11),
    "IN_WEIGHT_SHIFT": (-1, 9),
    "IN_SOFT_WEIGHT": (0, (1 << 14) + 1),
    "IN_SOFT_OFFSET_LOW": (-(1 << 28) - 1, 1),
    "IN_SOFT_OFFSET_HIGH": (-1, (1 << 28) + 1),
    "IN_SOFT_SPARE_SHIFT": (-1, 13),
    "IN_SPARE_SHIFT": (-1, 13),
    "IN_CLEARANCE_GAIN": (-1, 1 << 13),
    "IN_CLEARANCE_SHIFT": (-1, 31),
    "AT_RHYTHM": (-1, 2),
    "IN_CLEARANCE_FACTOR": (0, (1 << 20) + 1),
    "IN_PRIOR": (-(1 << 24) - 1, 1),
    "IN_SURPRISE_MAX": (0, 1 << 28),
    "IN_SURPRISE_GAIN": (0, 1 << 20),
    "IN_SURPRISE_SHIFT": (-1, 32),
}


def test_every_scalar_of_the_layout_has_a_case_here() -> None:
    """A scalar added to the layout must not slip past the check."""
    names = [name for name in dir(layout) if name.startswith(("AT_", "IN_"))]
    assert sorted(names) == sorted(OUT_OF_RANGE)
    for prefix, count in (("AT_", layout.SCALAR_WORDS), ("IN_", layout.SECTION_SCALARS)):
        places = [getattr(layout, name) for name in names if name.startswith(prefix)]
        assert sorted(places) == list(range(count))


def place_of(name: str) -> int:
    """Return where that scalar stands in a program of one model."""
    place: int = getattr(layout, name)
    return place if name.startswith("AT_") else layout.SCALAR_WORDS + place


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, pair in OUT_OF_RANGE.items() for value in pair]
)
@pytest.mark.hazard("wrong_program")
def test_a_program_with_one_scalar_out_of_range_does_not_run(
    words: array[int], name: str, value: int
) -> None:
    """Its checksum is right, so only the range check stands between it and the patient."""
    words[place_of(name)] = value
    taking = an_intake()
    assert send(taking, resealed(words)) != OK
    assert taking.words is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("AT_TICKS_HOUR", 11), ("AT_TICKS_HOUR", 13), ("AT_TICKS_DAY", 287), ("AT_TICKS_DAY", 289),
     ("AT_TICKS_DAY", 11), ("AT_TICK_S", 150), ("AT_TICK_S", 301)],
)  # fmt: skip
def test_the_caps_windows_must_be_an_hour_and_a_day_of_ticks(
    words: array[int], name: str, value: int
) -> None:
    """A cap per hour counted over five minutes is no cap per hour."""
    words[getattr(layout, name)] = value
    assert send(an_intake(), resealed(words)) == reasons.RESULT_OUT_OF_RANGE


@pytest.mark.parametrize(
    "change",
    [
        {layout.AT_CONC_MAX: 1 << 29, layout.AT_CONC_GAIN: 1 << 15},
        {layout.AT_STEPS_TICK_MAX: 32_767, layout.AT_STEP_GAIN: 1 << 29},
        {layout.AT_FALLBACK_MOVE: (1 << 14) + 1},
    ],
)
def test_products_that_would_leave_the_small_ints_are_refused(
    words: array[int], change: dict[int, int]
) -> None:
    """Each factor is in range; together they would overflow in the tick."""
    for word, value in change.items():
        words[word] = value
    assert program_check.check(array("i", resealed(words))) == reasons.RESULT_OUT_OF_RANGE


def test_a_program_of_a_few_words_is_refused() -> None:
    """Shorter than its own scalars."""
    for count in (1, layout.SCALAR_WORDS, layout.SCALAR_WORDS + 1):
        assert send(an_intake(), resealed(array("i", [0] * count))) != OK


def test_a_program_longer_or_shorter_than_it_says_is_refused(program: Program) -> None:
    """Its tables would lie elsewhere than where they were proved to lie."""
    words = array("i", program.bytes)
    for wrong in (words[:-2], words[:-1] + array("i", [0]) + words[-1:]):
        assert program_check.check(array("i", resealed(wrong))) == reasons.RESULT_BAD_LENGTH


@given(st.lists(st.integers(0, 0xFFFFFFFF), min_size=4, max_size=4))
def test_a_reading_is_copied_and_huge_numbers_stay_small_ints(values: list[int]) -> None:
    """Any u32 may come over the wire; 2**29 stands for what a small int cannot hold."""
    record = array("i", [0] * at.INPUT_WORDS)
    frame, length = header(messages.READING, struct.pack("<4I", *values))
    assert intake.write_reading(frame, length, record)
    assert record[at.SAMPLE_INDEX : at.SAMPLE_INDEX + 4].tolist() == [
        min(value, 1 << 29) for value in values
    ]


@pytest.mark.parametrize("size", [0, 12, 15, 17, 20, 300])
def test_a_reading_of_wrong_length_leaves_the_record_alone(size: int) -> None:
    """Half a reading is no reading."""
    record = array("i", [7] * at.INPUT_WORDS)
    assert not intake.write_reading(*header(messages.READING, bytes(size)), record)
    assert set(record) == {7}


@given(st.lists(st.integers(-(1 << 31), (1 << 31) - 1), max_size=80))
def test_words_go_out_little_endian(values: list[int]) -> None:
    """The host reads int32 words."""
    out = bytearray(4 * len(values))
    assert intake.copy_words(array("i", values), out) == len(out)
    assert list(struct.unpack(f"<{len(values)}i", out)) == values
