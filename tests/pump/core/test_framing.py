# SPDX-License-Identifier: MIT
"""Frames: what arrives damaged is dropped, what arrives whole is read, and nothing else."""

from __future__ import annotations

import random
import zlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pump.core import framing
from pump.spec import messages

from .. import wire

MAX = messages.FRAME_BYTES_MAX

# Cheshire & Baker (1999) and the examples commonly drawn from it: plain, coded with its zero.
WORKED_EXAMPLES = [
    (b"\x00", b"\x01\x01\x00"),
    (b"\x00\x00", b"\x01\x01\x01\x00"),
    (b"\x00\x11\x00", b"\x01\x02\x11\x01\x00"),
    (b"\x11\x22\x00\x33", b"\x03\x11\x22\x02\x33\x00"),
    (b"\x11\x22\x33\x44", b"\x05\x11\x22\x33\x44\x00"),
    (b"\x11\x00\x00\x00", b"\x02\x11\x01\x01\x01\x00"),
    (b"\x45\x00\x00\x2c\x4c\x79\x00\x00\x40\x06\x4f\x37",
     b"\x02\x45\x01\x04\x2c\x4c\x79\x01\x05\x40\x06\x4f\x37\x00"),
    (bytes(range(1, 255)) + b"\xff", b"\xff" + bytes(range(1, 255)) + b"\x02\xff\x00"),
    (bytes(range(255)), b"\x01\xff" + bytes(range(1, 255)) + b"\x01\x00"),
    (bytes(range(2, 256)) + b"\x00", b"\xff" + bytes(range(2, 256)) + b"\x01\x01\x00"),
    (bytes(range(3, 256)) + b"\x00\x01", b"\xfe" + bytes(range(3, 256)) + b"\x02\x01\x00"),
]  # fmt: skip


def encoded(plain: bytes) -> bytes:
    """Return what the firmware's encoder writes."""
    out = bytearray(len(plain) + len(plain) // 254 + 2)
    return bytes(out[: framing.encode(plain, len(plain), out)])


def decoded(coded: bytes, room: int = MAX) -> bytes | None:
    """Return what the firmware's decoder makes of `coded`, None when it refuses."""
    out = bytearray(room)
    length = framing.decode(coded, len(coded), out, room)
    return None if length < 0 else bytes(out[:length])


def read(stream: bytes, reader: framing.FrameReader | None = None) -> list[bytes]:
    """Return the frames that a reader cuts from `stream`."""
    reader = reader or framing.FrameReader(MAX)
    found = []
    at = 0
    while at < len(stream):
        at = reader.feed(stream, at, len(stream))
        if reader.length:
            found.append(bytes(reader.frame[: reader.length]))
    return found


def test_cutting_a_stream_anywhere_reads_the_same_frames() -> None:
    """USB cuts where it likes; a frame must not depend on where."""
    stream = b"".join(
        wire.frame(kind, bytes(number), number) for number, kind in enumerate(b"abc")
    )
    whole = read(stream)
    assert len(whole) == 3
    for cut in range(len(stream) + 1):
        reader = framing.FrameReader(MAX)
        assert read(stream[:cut], reader) + read(stream[cut:], reader) == whole


def plain_of(coded_frame: bytes) -> bytes:
    """Return what a reader should make of one good frame."""
    return wire.uncobs(coded_frame[:-1])[:-4]


def test_the_checksum_is_ieee_802_3s() -> None:
    """The host checks frames with its own library; the check value is the catalogue's."""
    assert framing.crc32(b"123456789") == 0xCBF43926


@given(st.binary(max_size=600))
def test_the_checksum_agrees_with_zlib(plain: bytes) -> None:
    """Another tool computes the same number for any bytes."""
    assert framing.crc32(plain) == zlib.crc32(plain)


@pytest.mark.parametrize(("plain", "coded"), WORKED_EXAMPLES)
def test_encoding_follows_the_published_examples(plain: bytes, coded: bytes) -> None:
    """Any COBS library must be able to talk to the pump."""
    assert encoded(plain) == coded


@pytest.mark.parametrize(("plain", "coded"), WORKED_EXAMPLES)
def test_decoding_follows_the_published_examples(plain: bytes, coded: bytes) -> None:
    """The pump must understand any COBS library."""
    assert decoded(coded[:-1]) == plain


@given(st.binary(max_size=MAX))
@example(bytes(300))
@example(b"\x01" * 254)
@example(b"\x01" * 508)
@example(b"\x01" * MAX)
def test_what_is_encoded_is_decoded_and_holds_no_zero(plain: bytes) -> None:
    """A zero inside would cut the frame in two; up to the very largest all must come back."""
    coded = encoded(plain)
    assert coded.find(0) == len(coded) - 1
    assert len(coded) <= len(plain) + len(plain) // 254 + 2
    assert decoded(coded[:-1]) == plain


def test_a_block_of_254_without_its_trailing_one_is_decoded_too() -> None:
    """Some encoders leave the last, empty block away."""
    run = bytes(range(1, 255))
    assert decoded(b"\xff" + run) == run


@pytest.mark.parametrize(
    "coded", [b"", b"\x00", b"\x02", b"\x03\x01", b"\x03\x01\x00", b"\xff\x01"]
)
def test_what_no_encoder_writes_is_refused(coded: bytes) -> None:
    """A block past the end would read stale bytes as new ones."""
    assert decoded(coded) is None


@given(st.binary(max_size=80), st.integers(0, 40))
def test_decoding_never_writes_beyond_its_room(coded: bytes, room: int) -> None:
    """On the chip the decoder writes through a bare pointer."""
    out = bytearray(b"\xa5" * 100)
    length = framing.decode(coded, len(coded), out, room)
    assert length <= room
    assert out[room:] == b"\xa5" * (100 - room)


@pytest.mark.parametrize(("plain", "coded"), WORKED_EXAMPLES)
def test_decoding_needs_room_for_the_very_last_byte(plain: bytes, coded: bytes) -> None:
    """Zeros that stand between blocks need room too, and are written without a look at one."""
    assert decoded(coded[:-1], len(plain)) == plain
    for room in range(len(plain)):
        assert decoded(coded[:-1], room) is None


@given(
    st.integers(0, 255), st.integers(0, 255), st.integers(0, 65535), st.binary(max_size=MAX - 8)
)
@example(1, 1, 0, b"\xff" * (MAX - 8))
@example(1, 1, 65535, bytes(MAX - 8))
def test_what_the_writer_seals_the_host_and_the_reader_read(
    kind: int, version: int, sequence: int, body: bytes
) -> None:
    """A frame of any size up to FRAME_BYTES_MAX passes both ways."""
    writer = framing.FrameWriter(MAX)
    writer.body[: len(body)] = body
    coded = bytes(writer.coded[: writer.finish(kind, version, sequence, len(body))])
    assert wire.frames(coded) == [wire.Received(kind, version, sequence, body)]
    assert coded == wire.frame(kind, body, sequence, version)
    assert read(coded) == [plain_of(coded)]


def test_a_truncated_frame_is_dropped_and_the_next_one_is_read() -> None:
    """A cable pulled in the middle of a frame must cost that frame only."""
    first, second = wire.reading(1, 300, 20_000), wire.reading(2, 600, 21_000)
    for length in range(1, len(first) - 1):
        reader = framing.FrameReader(MAX)
        assert read(first[:length] + b"\0" + second, reader) == [plain_of(second)]
        assert reader.dropped == 1


def test_a_frame_that_lost_its_end_takes_only_the_next_with_it() -> None:
    """Without the zero between them two frames read as one bad one."""
    first, second, third = (wire.reading(i, 300 * i, 20_000) for i in range(3))
    assert read(first[:-1] + second + third) == [plain_of(third)]


def test_frames_are_read_in_the_order_and_number_they_came_in() -> None:
    """The reader judges bytes; order and repetition are for those who know the meaning."""
    sent = [wire.reading(i, 300 * i, 20_000 + i) for i in range(5)]
    order = [3, 0, 0, 4, 1, 1, 2]
    assert read(b"".join(sent[i] for i in order)) == [plain_of(sent[i]) for i in order]


def test_runs_of_zeros_are_silence() -> None:
    """A host may send zeros to flush a half-sent frame."""
    reader = framing.FrameReader(MAX)
    good = wire.frame(messages.HELLO)
    assert read(bytes(1000) + good + bytes(1000) + good, reader) == [plain_of(good)] * 2
    assert reader.dropped == 0


def test_garbage_before_a_frame_costs_at_most_that_frame() -> None:
    """A terminal program on the port, or the boot messages of the host."""
    good = wire.frame(messages.HELLO, sequence=7)
    noise = bytes(random.Random(1).randrange(1, 256) for _ in range(5000))
    reader = framing.FrameReader(MAX)
    assert read(noise + good + good, reader) == [plain_of(good)]
    assert reader.dropped == 1


@settings(max_examples=300)
@given(st.binary(max_size=400))
def test_random_bytes_never_make_a_frame(noise: bytes) -> None:
    """What is read out of noise must carry its own right checksum, which chance does not give."""
    for found in read(noise + b"\0"):
        assert wire.frame(found[0], found[4:], found[2] | found[3] << 8, found[1]) in noise + b"\0"


@pytest.mark.parametrize("excess", [1, 2, 8, 300, 3000])
def test_an_oversized_frame_is_dropped_and_the_next_one_is_read(excess: int) -> None:
    """A frame too long must neither be cut to fit nor spoil its neighbour."""
    reader = framing.FrameReader(MAX)
    good = wire.frame(messages.HELLO)
    assert read(wire.frame(1, b"\x55" * (MAX - 8 + excess)) + good, reader) == [plain_of(good)]
    assert reader.dropped == 1


def test_an_endless_frame_in_many_pieces_is_dropped_without_a_trace() -> None:
    """The line may bring megabytes without a zero; nothing may grow, and the next frame counts."""
    reader = framing.FrameReader(MAX)
    good = wire.frame(messages.HELLO)
    for _ in range(3_000):
        assert read(b"\x55" * 64, reader) == []
        assert reader._count <= 2 * MAX
    assert read(b"\0" + good, reader) == [plain_of(good)]
    assert reader.dropped == 1


def test_a_frame_without_header_is_dropped() -> None:
    """A right checksum over fewer than four bytes still is no frame."""
    for length in range(4):
        short = bytes([messages.STOP] * length)
        check = zlib.crc32(short).to_bytes(4, "little")
        assert read(wire.cobs(short + check) + b"\0") == []


def test_every_single_bit_flip_is_dropped_or_harmless() -> None:
    """One flipped bit on the line must never become another message.

    Harmless is a flip that leaves the very same frame, which none does, or one that
    ends in fewer frames; the frame after it is always read unless the flip took the zero.
    """
    good, after = wire.reading(4711, 1_420_500, 20_000, 97), wire.frame(messages.HELLO)
    for bit in range(8 * len(good)):
        flipped = bytearray(good)
        flipped[bit // 8] ^= 1 << bit % 8
        found = read(bytes(flipped) + after)
        assert found in ([plain_of(after)], [])
        if bit // 8 < len(good) - 1:
            assert found == [plain_of(after)]


def test_every_pair_of_neighbouring_bits_flipped_is_dropped() -> None:
    """CRC-32 finds every burst up to 32 bits; COBS must not undo that."""
    good = wire.reading(1, 300, 20_000)
    for bit in range(8 * len(good) - 9):
        number = int.from_bytes(good, "little") ^ (0b11 << bit)
        assert read(number.to_bytes(len(good), "little")) == []
