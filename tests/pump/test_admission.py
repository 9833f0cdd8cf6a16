# SPDX-License-Identifier: MIT
"""Who may speak to the motor: whatever was forged, replayed, cut, bent or put out of order.

Each is refused with its own reason and nothing moves.  The attacker here has the line and
everything that ever crossed it, but not the key (docs/threat-model.md).
"""

from __future__ import annotations

import hmac
import random
import struct
import zlib
from dataclasses import replace

import pytest

from mesor.program import Program
from pump.app import App
from pump.core import authentic
from pump.spec import messages, reasons
from pump.spec import program as layout
from pump.spec import record as at

from . import wire
from .test_app import FACTOR, OK, START_BODY, TICK_MS, Bench, on_beat

NEEDS_KEY = (
    messages.PROGRAM_BEGIN, messages.PROGRAM_CHUNK, messages.PROGRAM_END,
    messages.START, messages.MAINTENANCE,
)  # fmt: skip
FLIPS = 300


@pytest.fixture
def bench(program: Program) -> Bench:
    """Return a bench whose pump has its program."""
    return Bench(program.bytes).load()


def verdict(bench: Bench, stream: bytes) -> int:
    """Send a frame; return the result in its one acknowledgement."""
    (ack,) = [answer for answer in bench.send(stream) if answer.kind == messages.ACK]
    return ack.body[2]


def assert_nothing_moved(bench: Bench) -> None:
    """Hold the pump to where it was: with its program, at rest."""
    assert bench.app.supervisor.state == reasons.STATE_READY
    assert bench.board.batches == []
    assert not bench.app.commands.leave
    assert bytes(bench.app.commands.intake.words) == bench.content


def plain_of(frame: bytes) -> bytes:
    """Return header and body of a frame."""
    return wire.uncobs(frame[:-1])[:-4]


def framed(plain: bytes) -> bytes:
    """Return a frame of this header and body, with the right checksum."""
    return wire.cobs(plain + struct.pack("<I", zlib.crc32(plain))) + b"\0"


# Forged.


@pytest.mark.parametrize("kind", NEEDS_KEY)
@pytest.mark.hazard("unauthorised_order")
def test_an_unsigned_order_is_refused(bench: Bench, kind: int) -> None:
    """A right checksum is no authority."""
    for body in (b"", START_BODY, bytes(40)):
        assert verdict(bench, wire.frame(kind, body, 900)) == reasons.RESULT_NOT_AUTHENTIC
    assert_nothing_moved(bench)


@pytest.mark.parametrize("kind", NEEDS_KEY)
def test_an_order_under_another_key_is_refused(bench: Bench, kind: int) -> None:
    """One wrong bit of the key is enough."""
    for bit in random.Random(5).sample(range(256), 16):
        key = (int.from_bytes(wire.KEYS[:32], "big") ^ 1 << bit).to_bytes(32, "big")
        forger = wire.Signer(bench.app.commands.session.nonce, key=key)
        frame = forger.frame(kind, START_BODY, 900)
        assert verdict(bench, frame) == reasons.RESULT_NOT_AUTHENTIC
    assert_nothing_moved(bench)


def test_the_tag_of_one_order_does_not_serve_another(bench: Bench) -> None:
    """Kind, sequence, version and body all stand under the tag."""
    plain = bytearray(plain_of(bench.host.frame(messages.PROGRAM_BEGIN, START_BODY)))
    plain[0] = messages.START
    assert verdict(bench, framed(bytes(plain))) == reasons.RESULT_NOT_AUTHENTIC
    assert_nothing_moved(bench)


@pytest.mark.hazard("unauthorised_order")
def test_every_flipped_bit_of_an_order_is_refused(bench: Bench) -> None:
    """Also in the tag; the checksum is made right again each time."""
    plain = plain_of(bench.host.frame(messages.START, START_BODY))
    kind_bits = 8
    for bit in range(kind_bits, 8 * len(plain)):
        bent = bytearray(plain)
        bent[bit // 8] ^= 1 << bit % 8
        wrong_version = bit // 8 == 1
        expected = reasons.RESULT_WRONG_PROTOCOL if wrong_version else reasons.RESULT_NOT_AUTHENTIC
        assert verdict(bench, framed(bytes(bent))) == expected, bit
    assert_nothing_moved(bench)
    assert verdict(bench, framed(plain)) == OK


def test_an_order_cut_short_or_grown_is_refused(bench: Bench) -> None:
    """However much of its end is missing, and whatever is appended."""
    plain = plain_of(bench.host.frame(messages.START, START_BODY))
    for length in range(4, len(plain)):
        assert verdict(bench, framed(plain[:length])) == reasons.RESULT_NOT_AUTHENTIC
    for extra in (b"\0", plain[4:], bytes(64)):
        assert verdict(bench, framed(plain + extra)) == reasons.RESULT_NOT_AUTHENTIC
    assert_nothing_moved(bench)


def test_a_forged_order_does_not_stand_in_the_way_of_the_true_one(bench: Bench) -> None:
    """Were its number remembered, anybody could make the pump deaf to its host."""
    true = bench.host.frame(messages.START, START_BODY)
    bent = bytearray(plain_of(true))
    bent[-1] ^= 1
    assert verdict(bench, framed(bytes(bent))) == reasons.RESULT_NOT_AUTHENTIC
    assert verdict(bench, true) == OK


# Replayed and reordered.


@pytest.mark.hazard("unauthorised_order")
def test_every_recorded_frame_of_a_session_is_refused_when_it_comes_again(
    program: Program,
) -> None:
    """Recorded in full, and played back in the same session and in the next."""
    bench = Bench(program.bytes)
    recorded: list[bytes] = []
    send = bench.send

    def listen(stream: bytes) -> list[wire.Received]:
        recorded.append(stream)
        return send(stream)

    bench.send = listen  # type: ignore[method-assign]
    bench.start()
    bench.command(messages.STOP)
    bench.send = send  # type: ignore[method-assign]
    begins = [f for f in recorded if wire.uncobs(f[:-1])[0] in NEEDS_KEY]
    assert {verdict(bench, frame) for frame in begins} == {reasons.RESULT_REPLAYED}
    verdict(bench, wire.frame(messages.HELLO, b"next one"))
    assert {verdict(bench, frame) for frame in begins} == {reasons.RESULT_NOT_AUTHENTIC}
    assert_nothing_moved(bench)


@pytest.mark.hazard("unauthorised_order")
def test_an_order_that_was_overtaken_is_refused(bench: Bench) -> None:
    """Held back on the line and let go later: what came after it holds."""
    early = bench.host.frame(messages.PROGRAM_BEGIN, struct.pack("<I", 500))
    late = bench.host.frame(messages.START, START_BODY)
    assert verdict(bench, late) == OK
    bench.command(messages.STOP)
    assert verdict(bench, early) == reasons.RESULT_REPLAYED
    assert_nothing_moved_since_stop(bench)


def assert_nothing_moved_since_stop(bench: Bench) -> None:
    """Hold the pump to having its program and resting."""
    assert bench.app.supervisor.state == reasons.STATE_READY
    assert bytes(bench.app.commands.intake.words) == bench.content


def test_hello_again_neither_ends_nor_rewinds_the_session(bench: Bench) -> None:
    """A host repeats HELLO until it hears the answer; a recorded one is worth no more."""
    used = bench.host.frame(messages.START, START_BODY)
    assert verdict(bench, used) == OK
    bench.command(messages.STOP)
    nonce = bench.app.commands.session.nonce
    assert verdict(bench, wire.frame(messages.HELLO, wire.CHALLENGE, 7)) == OK
    assert bench.app.commands.session.nonce == nonce
    assert verdict(bench, used) == reasons.RESULT_REPLAYED
    assert bench.command(messages.START, START_BODY) == OK


def test_each_session_has_a_nonce_of_its_own(bench: Bench) -> None:
    """Also when a host comes back with a challenge that it used before."""
    nonces = set()
    for challenge in (b"12345678", b"87654321") * 50:
        bench.send(wire.frame(messages.HELLO, challenge))
        nonces.add(bench.app.commands.session.nonce)
    assert len(nonces) == 100


def test_the_counter_goes_on_where_the_sequence_number_wraps(bench: Bench) -> None:
    """65,536 readings are a bench's day."""
    assert verdict(bench, bench.host.frame(messages.START, START_BODY, 65_535)) == OK
    bench.send(wire.frame(messages.STOP))
    assert verdict(bench, bench.host.frame(messages.START, START_BODY, 65_536)) == OK
    bench.send(wire.frame(messages.STOP))
    back = bench.host.frame(messages.START, START_BODY, 65_535)
    assert verdict(bench, back) == reasons.RESULT_REPLAYED
    beyond = bench.host.frame(messages.START, START_BODY, messages.EPOCHS << 16)
    assert verdict(bench, beyond) == reasons.RESULT_REPLAYED


# Without a key, without a session.


def test_a_pump_without_keys_takes_no_order_but_the_one_that_brings_them(program: Program) -> None:
    """HMAC under an empty key is something that anybody can compute."""
    bench = Bench(program.bytes)
    bench.app = App(replace(bench.board, key_content=b""))
    bench.board = bench.app.board
    bench.send(wire.frame(messages.HELLO, wire.CHALLENGE))
    forger = wire.Signer(bench.app.commands.session.nonce, key=b"")
    for kind in NEEDS_KEY[:-1]:
        assert verdict(bench, forger.frame(kind)) == reasons.RESULT_NO_KEY
    assert not bench.app.commands.leave
    assert verdict(bench, wire.frame(messages.MAINTENANCE)) == OK
    assert bench.app.commands.leave


def test_before_hello_there_is_no_session(program: Program) -> None:
    """A pump that was restarted has forgotten its sessions, and says so."""
    bench = Bench(program.bytes)
    bench.app = App(bench.board)
    for kind in NEEDS_KEY:
        assert verdict(bench, bench.host.frame(kind, bytes(4))) == reasons.RESULT_NO_SESSION
    assert bench.app.supervisor.state == reasons.STATE_IDLE


def test_before_hello_no_reading_of_a_running_therapy_is_used(program: Program) -> None:
    """A key that came later than the therapy would be the only way there; it must say so."""
    bench = Bench(program.bytes).start()
    frame = bench.host.sign_readings(wire.reading(0, 0, 10_000))
    bench.app.commands.session = authentic.Session(wire.KEYS[: messages.KEY_BYTES])
    assert verdict(bench, frame) == reasons.RESULT_NO_SESSION


@pytest.mark.parametrize("size", [0, 7, 9, 100])
def test_a_hello_of_wrong_length_opens_no_session(bench: Bench, size: int) -> None:
    """It is answered all the same: who is there is no secret."""
    nonce = bench.app.commands.session.nonce
    identity, _held, ack, *_ = bench.send(wire.frame(messages.HELLO, bytes(size)))
    assert identity.kind == messages.IDENTITY
    assert ack.body[2] == reasons.RESULT_BAD_LENGTH
    assert bench.app.commands.session.nonce == nonce


def test_stop_needs_neither_key_nor_session(program: Program) -> None:
    """Whoever sees that something is wrong may stop the motor."""
    bench = Bench(program.bytes).start()
    bench.run(on_beat(2), 1500)
    assert verdict(bench, wire.frame(messages.STOP, sequence=1)) == OK
    assert bench.board.aborts == [bench.board.time_ms]


def test_every_stop_is_carried_out(program: Program) -> None:
    """An attacker's STOP must not make the host's own look like a repeat that was done."""
    bench = Bench(program.bytes).load()
    for _ in range(2):
        assert bench.command(messages.START, START_BODY) == OK
        assert verdict(bench, wire.frame(messages.STOP, sequence=77)) == OK
        assert bench.app.supervisor.state == reasons.STATE_READY


# Programs.


def upload(bench: Bench, content: bytes, seal: bytes) -> int:
    """Send a program, signed as a host with the session's key would; return the verdict on it."""
    assert bench.command(messages.PROGRAM_BEGIN, struct.pack("<I", len(content) // 4)) == OK
    for i in range(0, len(content), messages.CHUNK_BYTES_MAX):
        piece = content[i : i + messages.CHUNK_BYTES_MAX]
        assert bench.command(messages.PROGRAM_CHUNK, struct.pack("<I", i) + piece) == OK
    return bench.command(messages.PROGRAM_END, content[-4:] + seal)


def with_checksum(content: bytes) -> bytes:
    """Return the program with its checksum made right."""
    return content[:-4] + struct.pack("<I", zlib.crc32(content[:-4]))


def test_a_program_altered_after_it_was_sealed_is_refused(bench: Bench) -> None:
    """Twice the hourly cap, with a right checksum: only the seal tells."""
    words = bytearray(bench.content)
    place = 4 * layout.AT_STEPS_HOUR_MAX
    (cap,) = struct.unpack_from("<i", words, place)
    struct.pack_into("<i", words, place, 2 * cap)
    altered = with_checksum(bytes(words))
    seal = wire.seal(bench.content)
    assert upload(bench, altered, seal) == reasons.RESULT_PROGRAM_SEAL
    assert bench.command(messages.START, START_BODY) == reasons.RESULT_WRONG_STATE
    assert upload(bench, altered, wire.seal(altered)) == OK


@pytest.mark.hazard("wrong_program")
def test_flipped_bits_of_a_program_with_its_checksum_made_right_are_refused(bench: Bench) -> None:
    """Whatever word it is: ranges are checked after the seal, so the seal is the reason."""
    draw = random.Random(11)
    for _ in range(12):
        words = bytearray(bench.content)
        words[draw.randrange(len(words) - 4)] ^= 1 << draw.randrange(8)
        altered = with_checksum(bytes(words))
        assert upload(bench, altered, wire.seal(bench.content)) == reasons.RESULT_PROGRAM_SEAL
    assert bench.app.commands.intake.words is None


def test_a_program_cut_short_is_refused(bench: Bench) -> None:
    """Its beginning, under the seal of the whole."""
    cut = with_checksum(bench.content[:-400])
    assert upload(bench, cut, wire.seal(bench.content)) == reasons.RESULT_PROGRAM_SEAL


@pytest.mark.hazard("wrong_program")
def test_a_program_sealed_for_another_pump_is_refused(bench: Bench) -> None:
    """Another patient's, perhaps."""
    seal = hmac.digest(bytes(32), bench.content, "sha256")
    assert upload(bench, bench.content, seal) == reasons.RESULT_PROGRAM_SEAL


# Readings decide the dose.


def running(program: Program) -> Bench:
    """Return a bench in a therapy, its first tick done."""
    bench = Bench(program.bytes).start()
    bench.run(on_beat(1), 600)
    return bench


@pytest.mark.hazard("unauthorised_order")
def test_every_flipped_bit_of_a_reading_is_refused(program: Program) -> None:
    """A reading bent to zero would ask for the full rate."""
    bench = running(program)
    plain = plain_of(bench.host.sign_readings(wire.reading(1, 300, 10_000)))
    for bit in range(8, 8 * len(plain)):
        bent = bytearray(plain)
        bent[bit // 8] ^= 1 << bit % 8
        result = verdict(bench, framed(bytes(bent)))
        assert result in (reasons.RESULT_WRONG_PROTOCOL, reasons.RESULT_NOT_AUTHENTIC), bit
    for length in range(4, len(plain)):
        assert verdict(bench, framed(plain[:length])) == reasons.RESULT_BAD_LENGTH
    records = bench.run([], 2 * TICK_MS)
    assert [record[at.READING_PRESENT] for record in records] == [0]


@pytest.mark.hazard("unauthorised_order")
def test_replayed_and_overtaken_readings_are_refused(program: Program) -> None:
    """Yesterday's low level played again would be believed otherwise."""
    bench = running(program)
    first = bench.host.sign_readings(wire.reading(1, 300, 10_000))
    second = bench.host.sign_readings(wire.reading(2, 310, 11_000))
    assert [f.kind for f in bench.send(second)] == []
    assert verdict(bench, first) == reasons.RESULT_REPLAYED
    assert verdict(bench, second) == reasons.RESULT_REPLAYED
    records = bench.run([], 2 * TICK_MS)
    assert [record[at.CONC] for record in records] == [11_000]


def test_a_reading_is_refused_after_a_new_hello_until_its_host_signs_it(program: Program) -> None:
    """Another host has taken the pump over; the pump falls to its fallback, never to a guess."""
    bench = running(program)
    frame = bench.host.sign_readings(wire.reading(1, 300, 10_000))
    bench.send(wire.frame(messages.HELLO, b"next one"))
    assert verdict(bench, frame) == reasons.RESULT_NOT_AUTHENTIC
    bench.host = wire.Signer(bench.app.commands.session.nonce, b"next one")
    assert bench.send(bench.host.sign_readings(wire.reading(1, 300, 10_000))) == []


def test_random_damage_to_a_whole_conversation_never_moves_the_motor(program: Program) -> None:
    """Bits, cuts, repeats and swaps in what was recorded, on a pump that is ready."""
    draw = random.Random(17)
    bench = Bench(program.bytes).load()
    orders = [bench.host.frame(kind, START_BODY) for kind in NEEDS_KEY for _ in range(4)]
    orders = [plain_of(frame) for frame in orders]
    bench.send(wire.frame(messages.HELLO, b"next one"))
    for _ in range(FLIPS):
        bent = bytearray(draw.choice(orders))
        bent[draw.randrange(1, len(bent))] ^= 1 << draw.randrange(8)
        cut = draw.randrange(4, len(bent) + 1)
        assert verdict(bench, framed(bytes(bent[:cut]))) != OK
    assert_nothing_moved(bench)


@pytest.mark.hazard("wrong_time")
def test_the_time_of_day_is_the_one_that_was_signed(bench: Bench) -> None:
    """A therapy that follows the clock by night would give its peak by day."""
    frame = bench.host.frame(messages.START, struct.pack("<II", FACTOR, 6 * 3600))
    plain = bytearray(plain_of(frame))
    plain[8:12] = struct.pack("<I", 18 * 3600)
    assert verdict(bench, framed(bytes(plain))) == reasons.RESULT_NOT_AUTHENTIC
    assert_nothing_moved(bench)


@pytest.mark.hazard("wrong_time")
def test_the_clock_factor_is_the_one_that_was_signed(bench: Bench) -> None:
    """A therapy run 300 times faster is an overdose."""
    frame = bench.host.frame(messages.START, struct.pack("<II", 1, 0))
    plain = bytearray(plain_of(frame))
    plain[4:8] = struct.pack("<I", FACTOR)
    assert verdict(bench, framed(bytes(plain))) == reasons.RESULT_NOT_AUTHENTIC
    assert_nothing_moved(bench)


# Whatever else a hostile line may bring.

EDGES = [edge for power in (29, 30, 31) for edge in ((1 << power) - 1, 1 << power)]
EXTREMES = [0, 1, *EDGES, (1 << 32) - 1]


@pytest.mark.parametrize("runs", [False, True])
def test_no_kind_of_message_does_anything_unsigned_but_look_and_stop(
    program: Program, runs: bool
) -> None:
    """All 256, the ones that no firmware knows among them, with numbers at every edge."""
    bench = running(program) if runs else Bench(program.bytes).load()
    batches, state = list(bench.board.batches), bench.app.supervisor.state
    for kind in set(range(256)) - {messages.STOP}:
        for value in EXTREMES:
            for body in (struct.pack("<I", value), struct.pack("<II", value, value)):
                frame = wire.frame(kind, body, 9)
                if runs or kind != messages.READING:
                    result = verdict(bench, frame)
                    assert result != OK or kind in messages.KEYLESS
                else:
                    assert bench.send(frame) == []
            assert bench.app.supervisor.state == state
            assert not bench.app.commands.leave
    assert bench.board.batches == batches
    assert bytes(bench.app.commands.intake.words) == bench.content


def test_signed_orders_with_numbers_at_every_edge_are_refused_in_words_of_their_own(
    program: Program,
) -> None:
    """What a small int cannot hold must be out of range, not wrap into it."""
    bench = Bench(program.bytes).load()
    kinds = (messages.PROGRAM_BEGIN, messages.START, messages.ACKNOWLEDGE, messages.CONFIRM)
    for kind in kinds:
        for value in EXTREMES[2:]:
            assert bench.command(kind, struct.pack("<I", value)) != OK
            assert bench.command(kind, struct.pack("<II", value, value)) != OK
    for value in EXTREMES[2:]:
        chunk = struct.pack("<I", value) + bytes(4)
        assert bench.command(messages.PROGRAM_CHUNK, chunk) != OK
        assert bench.command(messages.START, struct.pack("<II", FACTOR, value)) != OK
    assert bench.board.batches == []


def test_start_in_the_middle_of_an_upload_starts_neither_program(bench: Bench) -> None:
    """The old one has been forgotten, and the new one is not whole."""
    begin = struct.pack("<I", len(bench.content) // 4)
    assert bench.command(messages.PROGRAM_BEGIN, begin) == OK
    for i in range(0, len(bench.content), messages.CHUNK_BYTES_MAX):
        assert bench.command(messages.START, START_BODY) == reasons.RESULT_WRONG_STATE
        piece = bench.content[i : i + messages.CHUNK_BYTES_MAX]
        assert bench.command(messages.PROGRAM_CHUNK, struct.pack("<I", i) + piece) == OK
    assert bench.command(messages.START, START_BODY) == reasons.RESULT_WRONG_STATE
    assert bench.board.batches == []


def test_a_flood_of_hellos_costs_the_session_and_no_tick(program: Program) -> None:
    """Each opens a session of its own; the beat goes on, and the true host may say hello again."""
    bench = running(program)
    ticks = 0
    for number in range(300):
        bench.board.time_ms += 20
        answers = bench.send(wire.frame(messages.HELLO, number.to_bytes(8, "little")))
        ticks += sum(answer.kind == messages.TELEMETRY for answer in answers)
    assert ticks in (300 * 20 // TICK_MS - 1, 300 * 20 // TICK_MS)
    assert bench.app.supervisor.state != reasons.STATE_FAULT
    bench.send(wire.frame(messages.HELLO, wire.CHALLENGE))
    bench.host = wire.Signer(bench.app.commands.session.nonce)
    assert verdict(bench, bench.host.frame(messages.SILENCE, bytes(4))) in (
        OK,
        reasons.RESULT_OUT_OF_RANGE,
    )


def test_a_session_ends_with_its_counter(bench: Bench) -> None:
    """At the last number nothing is let in any more, whatever comes; HELLO begins anew."""
    last = (messages.EPOCHS << 16) - 1
    assert verdict(bench, bench.host.frame(messages.START, START_BODY, last)) == OK
    bench.send(wire.frame(messages.STOP))
    for sequence in (0, 1, last - 1, last, last + 1, (1 << 32) - 1):
        frame = bench.host.frame(messages.START, START_BODY, sequence)
        assert verdict(bench, frame) == reasons.RESULT_REPLAYED
    bench.send(wire.frame(messages.HELLO, b"next one"))
    bench.host = wire.Signer(bench.app.commands.session.nonce, b"next one")
    assert bench.command(messages.START, START_BODY) == OK


def test_half_a_frame_left_on_the_line_does_not_swallow_a_stop(program: Program) -> None:
    """Hosts begin a STOP with a zero, for whoever was cut off in the middle of a frame."""
    for cut in range(1, 60, 7):
        bench = running(program)
        bench.send(wire.frame(messages.HELLO, bytes(range(1, 61)))[:cut])
        bench.send(b"\0" + wire.frame(messages.STOP))
        assert bench.app.supervisor.state == reasons.STATE_READY
