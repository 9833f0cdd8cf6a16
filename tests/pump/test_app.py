# SPDX-License-Identifier: MIT
"""The whole pump on a board without hardware: bytes and milliseconds in, steps and frames out."""

from __future__ import annotations

import struct
import zlib
from array import array
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesor.program import Program
from pump.app import App
from pump.core.alarms import RED
from pump.spec import alarms as spec_alarms
from pump.spec import limits, messages, reasons
from pump.spec import program as layout
from pump.spec import record as at

from . import wire
from .fake_board import FakeBoard

TICK_MS = 1000  # a tick of 300 s at this clock factor
FACTOR = 300
OK = reasons.RESULT_OK
DAY_S = 22 * 3600
START_BODY = struct.pack("<II", FACTOR, DAY_S)


class Bench:
    """An App on a fake board, and the host's side of the conversation."""

    def __init__(self, content: bytes) -> None:
        self.board = FakeBoard()
        self.app = App(self.board)
        self.content = content
        hello = wire.frame(messages.HELLO, wire.CHALLENGE)
        identity, *_ = self.send(hello)
        self.host = wire.Signer(identity.body[20:36])

    def take_frames(self) -> list[wire.Received]:
        """Return what the pump has sent since the last call."""
        received = wire.frames(bytes(self.board.sent))
        self.board.sent.clear()
        return received

    def send(self, stream: bytes) -> list[wire.Received]:
        """Let bytes arrive now; return the answers."""
        self.board.incoming += stream
        self.app.poll()
        return self.take_frames()

    def command(self, kind: int, body: bytes = b"", version: int = wire.PROTOCOL) -> int:
        """Send a signed command with a new sequence number; return its result."""
        frame = self.host.frame(kind, body)
        if version != wire.PROTOCOL or kind == messages.STOP:
            frame = wire.frame(kind, body, self.host.sequence, version)
        acks = [a for a in self.send(frame) if a.kind == messages.ACK]
        assert [ack.body[:2] for ack in acks] == [struct.pack("<H", self.host.sequence)]
        assert acks[0].body[3] == self.app.supervisor.state
        return acks[0].body[2]

    def load(self) -> Bench:
        """Send the program."""
        count = len(self.content) // 4
        assert self.command(messages.PROGRAM_BEGIN, struct.pack("<I", count)) == OK
        for i in range(0, len(self.content), messages.CHUNK_BYTES_MAX):
            piece = self.content[i : i + messages.CHUNK_BYTES_MAX]
            assert self.command(messages.PROGRAM_CHUNK, struct.pack("<I", i) + piece) == OK
        end = self.content[-4:] + wire.seal(self.content)
        assert self.command(messages.PROGRAM_END, end) == OK
        return self

    def start(self, factor: int = FACTOR) -> Bench:
        """Load and start."""
        self.load()
        assert self.command(messages.START, struct.pack("<II", factor, DAY_S)) == OK
        return self

    def run(self, arrivals: Iterable[tuple[int, bytes]], end_ms: int) -> list[list[int]]:
        """Poll every millisecond until `end_ms`; return the records of the ticks.

        Readings that arrive unsigned are signed as they go out.
        """
        due: dict[int, bytes] = {}
        for ms, stream in arrivals:
            due[ms] = due.get(ms, b"") + stream
        records = []
        for ms in range(self.board.time_ms, end_ms):
            self.board.time_ms = ms
            received = self.send(self.host.sign_readings(due.get(ms, b"")))
            records += [f.words for f in received if f.kind == messages.TELEMETRY]
        return records


@pytest.fixture
def bench(program: Program) -> Bench:
    """Return a bench whose pump has just been switched on."""
    return Bench(program.bytes)


def on_beat(count: int, conc_ug_l: int = 10_000) -> list[tuple[int, bytes]]:
    """Return a reading for each of the first ticks, on time."""
    return [(k * TICK_MS, wire.reading(k, 300 * k, conc_ug_l)) for k in range(count)]


# The conversation.


def test_hello_is_answered_with_who_this_is(bench: Bench) -> None:
    """The host must know what it talks to before it sends a program."""
    identity, ack, alarms = bench.send(wire.frame(messages.HELLO, b"another!", sequence=9))
    words_max = struct.pack("<I", limits.PROGRAM_WORDS_MAX)
    assert identity.kind == messages.IDENTITY
    nonce = identity.body[20:36]
    assert identity.body == bench.board.identity() + words_max + b"another!" + nonce + b"0.1.0"
    assert ack.body == bytes([9, 0, OK, reasons.STATE_IDLE])
    assert (alarms.kind, alarms.body) == (messages.ALARMS, bytes(messages.ALARMS_BYTES))


def test_a_program_is_taken_and_started(bench: Bench) -> None:
    """From switched on to the first steps, every command acknowledged with the state it led to."""
    bench.load()
    assert bench.app.supervisor.state == reasons.STATE_READY
    assert bench.command(messages.START, START_BODY) == OK
    assert bench.app.supervisor.state == reasons.STATE_RUNNING
    records = bench.run(on_beat(3), 3000)
    assert [r[at.TICK] for r in records] == [0, 1, 2]
    assert [steps for _, steps, _ in bench.board.batches] == [r[at.STEPS] for r in records]
    assert all(r[at.READING_VERDICT] == reasons.READING_USED for r in records)


def test_a_repeated_command_is_acknowledged_and_not_carried_out_again(bench: Bench) -> None:
    """The acknowledgement may have been lost; a second START would begin a second therapy."""
    bench.load()
    frame = bench.host.frame(messages.START, START_BODY, 500)
    first = bench.send(frame)
    controller = bench.app.therapy.controller
    bench.run(on_beat(2), 1500)
    again = bench.send(frame)
    assert [a.body for a in again] == [a.body for a in first if a.kind == messages.ACK]
    assert bench.app.therapy.controller is controller


def test_a_start_that_comes_again_after_stop_starts_nothing(bench: Bench) -> None:
    """A line may hold a frame back; what was stopped stays stopped until a host says otherwise.

    Not even a new session makes it worth anything.
    """
    bench.load()
    frame = bench.host.frame(messages.START, START_BODY, 500)
    bench.send(frame)
    bench.send(wire.frame(messages.STOP, sequence=501))
    acks = bench.send(frame)
    assert acks[0].body[2] == reasons.RESULT_REPLAYED
    for challenge in (wire.CHALLENGE, b"another!"):
        bench.send(wire.frame(messages.HELLO, challenge, sequence=1))
        acks = bench.send(frame)
        assert acks[-1].body[2] in (reasons.RESULT_REPLAYED, reasons.RESULT_NOT_AUTHENTIC)
    assert bench.app.supervisor.state == reasons.STATE_READY


def test_stop_and_start_do_not_get_round_the_hourly_cap(bench: Bench, program: Program) -> None:
    """Any window of an hour holds the cap, whatever therapies it spans."""
    given: list[tuple[int, int]] = []  # time, steps
    now_ms = 0
    bench.load()
    for therapy in range(8):
        bench.board.time_ms = now_ms
        assert bench.command(messages.START, START_BODY) == OK
        arrivals = [(now_ms + ms, frame) for ms, frame in on_beat(5, 1000)]
        bench.run(arrivals, now_ms + 4500 + 100 * therapy)
        bench.command(messages.STOP)
        now_ms = bench.board.time_ms + 250 * therapy
    given = [(ms, steps) for ms, steps, _ in bench.board.batches]
    hour_ms = 12 * TICK_MS
    most = int(program.words[layout.AT_STEPS_HOUR_MAX])
    windows = [
        sum(steps for ms, steps in given if end - hour_ms + TICK_MS <= ms <= end)
        for end, _ in given
    ]
    assert 0.8 * most < max(windows) <= most


def test_a_flood_of_bytes_does_not_keep_a_tick_waiting(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host gone mad may write faster than the pump reads."""
    bench.start()
    bench.run(on_beat(1), 1)
    monkeypatch.setattr(FakeBoard, "read", lambda _board, buffer: len(buffer))
    bench.board.time_ms = 1100
    bench.app.poll()
    kinds = [f.kind for f in bench.take_frames()]
    assert kinds[-1] == messages.TELEMETRY
    assert len(kinds) <= 1 + limits.READS_MAX


def test_a_clock_at_which_the_motor_cannot_follow_is_refused(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its batches would be refused one by one, as lost steps; better before the first."""
    bench.load()
    monkeypatch.setattr(limits, "STEP_RATE_HZ_MAX", 10_000)
    assert bench.command(messages.START, START_BODY) == reasons.RESULT_OUT_OF_RANGE
    assert bench.command(messages.START, struct.pack("<II", FACTOR // 4, DAY_S)) == OK


def test_the_same_sequence_number_of_another_command_is_a_new_command(bench: Bench) -> None:
    """STOP must never be taken for a repeat of START."""
    bench.load()
    bench.send(bench.host.frame(messages.START, START_BODY, 500))
    bench.send(wire.frame(messages.STOP, sequence=500))
    assert bench.app.supervisor.state == reasons.STATE_READY


@pytest.mark.parametrize("version", [0, 1, 2, 3, 255])
def test_another_protocol_version_is_refused(bench: Bench, version: int) -> None:
    """A body may mean something else in another version; HELLO says so to the host."""
    bench.load()
    for kind, body in [(messages.START, START_BODY), (messages.MAINTENANCE, b"")]:
        assert bench.command(kind, body, version) == reasons.RESULT_WRONG_PROTOCOL
    identity, _held, ack, *_ = bench.send(wire.frame(messages.HELLO, wire.CHALLENGE, 9, version))
    assert identity.kind == messages.IDENTITY
    assert ack.body[2] == reasons.RESULT_WRONG_PROTOCOL
    assert bench.app.supervisor.state == reasons.STATE_READY
    assert not bench.app.commands.leave


def test_a_reading_of_another_protocol_version_is_ignored(bench: Bench) -> None:
    """Its words may stand in another order."""
    bench.start()
    body = struct.pack("<4I", 0, 0, 10_000, 100)
    records = bench.run([(0, wire.frame(messages.READING, body, version=1))], 150)
    assert [r[at.READING_PRESENT] for r in records] == [0]


@pytest.mark.parametrize("factor", [0, limits.CLOCK_FACTOR_MAX + 1, 1501, 0xFFFFFFFF])
def test_a_clock_that_leaves_no_time_for_a_tick_is_refused(bench: Bench, factor: int) -> None:
    """300 s / 1501 is less than a tick's own work."""
    bench.load()
    result = bench.command(messages.START, struct.pack("<II", factor, DAY_S))
    assert result == reasons.RESULT_OUT_OF_RANGE
    assert bench.app.supervisor.state == reasons.STATE_READY


@pytest.mark.parametrize("day_s", [limits.DAY_S, 1 << 30, 0xFFFFFFFF])
def test_a_time_that_no_day_has_is_refused_with_its_reason(bench: Bench, day_s: int) -> None:
    """Such a pump would follow a wrong clock for the whole therapy."""
    bench.load()
    result = bench.command(messages.START, struct.pack("<II", FACTOR, day_s))
    assert result == reasons.RESULT_TIME_OF_DAY
    assert bench.app.supervisor.state == reasons.STATE_READY


def test_a_start_without_a_time_of_day_is_refused(bench: Bench) -> None:
    """As a host before this protocol would send it."""
    bench.load()
    result = bench.command(messages.START, struct.pack("<I", FACTOR))
    assert result == reasons.RESULT_BAD_LENGTH


@pytest.mark.hazard("wrong_time")
def test_the_pump_keeps_the_time_of_day_by_its_ticks_and_over_midnight(bench: Bench) -> None:
    """Also through ticks that it missed: the time is that of the patient, not of the readings."""
    bench.load()
    start = struct.pack("<II", FACTOR, limits.DAY_S - 450)
    assert bench.command(messages.START, start) == OK
    arrivals = [(k * TICK_MS, wire.reading(k, 300 * k, 10_000)) for k in (0, 1, 2)]
    records = bench.run(arrivals, 3 * TICK_MS)
    bench.board.time_ms = 6 * TICK_MS
    records += bench.run([], 7 * TICK_MS)
    assert [record[at.DAY_S] for record in records[:3]] == [85_950, 86_250, 150]
    for record in records:
        assert record[at.DAY_S] == (85_950 + 300 * record[at.TICK]) % limits.DAY_S
    assert max(record[at.ELAPSED_TICKS] for record in records) > 1


def test_commands_out_of_their_state_are_refused(bench: Bench) -> None:
    """No start without a program; no start, log or maintenance while running."""
    assert bench.command(messages.START, START_BODY) == reasons.RESULT_WRONG_STATE
    assert bench.command(0x42) == reasons.RESULT_UNKNOWN_MESSAGE
    bench.start()
    for kind in (messages.LOG_READ, messages.START):
        assert bench.command(kind, bytes([9, 0, 0, 0])) == reasons.RESULT_WRONG_STATE
    assert bench.command(messages.MAINTENANCE) == reasons.RESULT_WRONG_STATE
    assert not bench.app.commands.leave
    assert bench.command(messages.STOP) == OK
    assert bench.command(messages.MAINTENANCE) == OK
    assert bench.app.commands.leave


def test_half_a_new_program_cannot_be_started(bench: Bench) -> None:
    """The old one is forgotten as soon as a new one begins."""
    bench.load()
    bench.command(messages.PROGRAM_BEGIN, struct.pack("<I", 500))
    assert bench.command(messages.START, START_BODY) == reasons.RESULT_WRONG_STATE


def test_a_reading_before_start_moves_nothing(bench: Bench) -> None:
    """Also none that came before START may count for the first tick."""
    bench.load()
    bench.run(on_beat(3), 2500)
    assert bench.board.batches == []
    bench.command(messages.START, START_BODY)
    records = bench.run([], bench.board.time_ms + 150)
    assert [r[at.READING_PRESENT] for r in records] == [0]


# Ticks.


def test_repeated_and_reordered_readings_start_one_batch_a_tick(bench: Bench) -> None:
    """A line that stutters must neither dose twice nor stop the therapy."""
    bench.start()
    stutter = [
        (ms + delay, frame)
        for k, (ms, frame) in enumerate(on_beat(8))
        for delay in (0, 1, 7, 300 + 50 * k)
    ]
    stutter += [(ms + 500, frame) for ms, frame in on_beat(5)[::-1]]
    records = bench.run(stutter, 7500)
    assert [r[at.TICK] for r in records] == list(range(8))
    assert all(r[at.STATE] == reasons.STATE_RUNNING for r in records)
    assert [ms for ms, _, _ in bench.board.batches] == [k * TICK_MS for k in range(8)]
    assert bench.board.overlaps == 0


@pytest.mark.parametrize("late_ms", [50, 101, 150, 400, 700, 900])
def test_one_late_reading_does_not_stop_the_therapy(bench: Bench, late_ms: int) -> None:
    """Its tick runs without it; the ones after are in step again."""
    bench.start()
    arrivals = on_beat(8)
    arrivals[3] = (3000 + late_ms, arrivals[3][1])
    records = bench.run(arrivals, 7500)
    assert all(r[at.STATE] == reasons.STATE_RUNNING for r in records)
    assert [r[at.TICK] for r in records] == list(range(8))
    assert bench.board.overlaps == 0


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 6000), st.integers(0, 7)), max_size=30))
def test_no_order_of_readings_doses_faster_or_stops_the_pump(
    program: Program, arrivals: list[tuple[int, int]]
) -> None:
    """Whatever the line does to the readings, one batch a tick and never two at once."""
    bench = Bench(program.bytes).start()
    frames = [wire.reading(k, 300 * k, 10_000) for k in range(8)]
    records = bench.run([(ms, frames[k]) for ms, k in arrivals], 6000)
    assert all(r[at.FAULT_REASON] == reasons.FAULT_NONE for r in records)
    assert bench.board.overlaps == 0
    assert len(bench.board.batches) <= len(records) <= 7


def test_at_the_deadline_a_tick_runs_without_its_reading(bench: Bench) -> None:
    """The plan goes on by the model for a while; the record says that the reading was missing."""
    bench.start()
    records = bench.run([on_beat(1)[0]], 1500)
    assert [r[at.READING_VERDICT] for r in records] == [
        reasons.READING_USED,
        reasons.READING_MISSING,
    ]
    assert [ms for ms, _, _ in bench.board.batches] == [0, 1100]


def test_when_readings_stop_the_pump_falls_to_the_fallback_rate(
    bench: Bench, program: Program
) -> None:
    """Silence is safe: after the program's stale ticks only the fallback is given."""
    bench.start()
    most = int(program.words[layout.AT_STALE_TICKS_MAX])
    records = bench.run(on_beat(4), (4 + most + 6) * TICK_MS)
    stale = [r for r in records if r[at.STALE_TICKS] > most]
    assert len(stale) >= 4
    assert {r[at.PLAN_SOURCE] for r in stale} == {reasons.PLAN_FALLBACK}
    assert {r[at.MOVE] for r in stale} == {int(program.words[layout.AT_FALLBACK_MOVE])}


@pytest.mark.parametrize(
    ("where", "error"),
    [("estimator", MemoryError()), ("planner", OverflowError()), ("limiter", ZeroDivisionError())],
)
def test_an_exception_in_the_decision_stops_the_motor_and_latches_a_fault(
    bench: Bench, where: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong stops the motor first, says so, and stays stopped."""
    bench.start()
    bench.run(on_beat(2), 1500)

    def fail(*_: object) -> int:
        raise error

    method = {"estimator": "predict", "planner": "plan", "limiter": "limit"}[where]
    monkeypatch.setattr(getattr(bench.app.therapy.controller, where), method, fail)
    records = bench.run(on_beat(3), 2500)
    monkeypatch.undo()
    records += bench.run(on_beat(6), 5500)
    assert bench.board.aborts[0] == 2000
    assert [ms for ms, _, _ in bench.board.batches] == [0, 1000]
    for record in records:
        assert record[at.STATE] == reasons.STATE_FAULT
        assert record[at.FAULT_REASON] == reasons.FAULT_INTERNAL
        assert record[at.STEPS] == 0


def test_a_decision_that_fails_in_every_tick_hides_nothing_of_the_board(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A door that opens and a reservoir that runs dry in a latched fault are told all the same."""
    bench.start()
    bench.run(on_beat(2), 1500)

    def fail(*_: object) -> int:
        raise MemoryError

    monkeypatch.setattr(bench.app.therapy.controller.limiter, "limit", fail)
    bench.board.raised = reasons.FLAG_DRIVER_FAULT
    (first,) = bench.run(on_beat(3), 2500)
    bench.board.raised |= reasons.FLAG_DOOR_OPEN
    (second,) = bench.run(on_beat(4), 3500)
    causes = {reasons.FAULT_DRIVER, reasons.FAULT_INTERNAL}
    assert first[at.FAULT_REASON] == second[at.FAULT_REASON] == reasons.FAULT_DRIVER
    assert first[at.ALARMS] == sum(1 << cause for cause in causes)
    causes.add(reasons.FAULT_DOOR_OPEN)
    assert second[at.ALARMS] == sum(1 << cause for cause in causes)
    bench.board.reservoir = 0
    (third,) = bench.run(on_beat(5), 4500)
    causes.add(reasons.FAULT_RESERVOIR_EMPTY)
    assert third[at.ALARMS] == sum(1 << cause for cause in causes)


def test_a_sensor_that_cannot_be_read_stops_the_motor_and_latches_a_fault(bench: Bench) -> None:
    """A driver that raises is a fault of the tick like any other."""
    bench.start()
    bench.run(on_beat(2), 1500)
    bench.board.sensor_error = OSError("ADC")
    records = bench.run(on_beat(4), 3500)
    assert bench.board.aborts[0] == 2000
    assert {r[at.FAULT_REASON] for r in records} == {reasons.FAULT_INTERNAL}
    assert len(bench.board.batches) == 2


def test_an_exception_outside_the_tick_ends_the_loop_with_the_motor_stopped(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A port that breaks must not leave a batch running behind it."""
    bench.start()
    bench.run(on_beat(2), 1500)

    def fail(*_: object) -> int:
        raise OSError("USB")

    monkeypatch.setattr(FakeBoard, "read", fail)
    with pytest.raises(OSError, match="USB"):
        bench.app.run()
    assert len(bench.board.aborts) == 1
    assert bench.board.steps_done() < bench.board.batches[-1][1]


@pytest.mark.parametrize("after_ms", [1, 300, 999])
def test_stop_aborts_the_motor_at_once(bench: Bench, after_ms: int) -> None:
    """Not at the next tick: steps of a batch already begun must not go on."""
    bench.start()
    bench.run(on_beat(1), after_ms)
    bench.board.time_ms = after_ms
    assert bench.command(messages.STOP) == OK
    assert bench.board.aborts == [after_ms]
    assert bench.app.supervisor.state == reasons.STATE_READY
    bench.run(on_beat(5), 4000)
    assert len(bench.board.batches) == 1


@pytest.mark.parametrize(
    ("flag", "fault"),
    [
        (reasons.FLAG_DOOR_OPEN, reasons.FAULT_DOOR_OPEN),
        (reasons.FLAG_AIR_IN_LINE, reasons.FAULT_AIR_IN_LINE),
        (reasons.FLAG_OCCLUSION, reasons.FAULT_OCCLUSION),
        (reasons.FLAG_DRIVER_FAULT, reasons.FAULT_DRIVER),
    ],
)
def test_a_pin_in_alarm_stops_the_motor_at_once_and_latches_in_its_tick(
    bench: Bench, flag: int, fault: int
) -> None:
    """A tick may be minutes away; latched for a person, although the sensor calms down."""
    bench.start()
    bench.run(on_beat(2), 1500)
    bench.board.raised = flag
    told = bench.send(b"")
    bits = struct.pack("<II", 1 << fault, 1 << fault)
    assert [(a.kind, a.body) for a in told] == [
        (messages.ALARM, bytes([flag])),
        (messages.ALARMS, bits + b"\0\0"),
    ]
    assert bench.board.aborts == [bench.board.time_ms]
    assert bench.send(b"") == []
    bench.board.raised = 0
    records = bench.run(on_beat(6), 5500)
    assert {r[at.FAULT_REASON] for r in records} == {fault}
    assert records[0][at.BOARD_FLAGS] == flag
    assert len(bench.board.batches) == 2
    assert bench.board.shown[-1][1] & RED
    assert bench.command(messages.STOP) == OK
    assert bench.command(messages.START, START_BODY) == reasons.RESULT_WRONG_STATE
    wrong = struct.pack("<I", reasons.FAULT_STEPS_MISMATCH)
    assert bench.command(messages.ACKNOWLEDGE, wrong) == reasons.RESULT_OUT_OF_RANGE
    assert bench.command(messages.START, START_BODY) == reasons.RESULT_WRONG_STATE
    assert bench.command(messages.ACKNOWLEDGE, struct.pack("<I", fault)) == OK
    assert bench.board.shown[-1][1] == 0
    assert bench.command(messages.START, START_BODY) == OK


def test_acknowledging_the_fault_while_ticks_go_on_ends_the_therapy(bench: Bench) -> None:
    """Nothing is given before a person says START."""
    bench.start()
    bench.run(on_beat(2), 1500)
    bench.board.raised = reasons.FLAG_AIR_IN_LINE
    bench.run(on_beat(3), 2500)
    number = struct.pack("<I", reasons.FAULT_AIR_IN_LINE)
    assert bench.command(messages.ACKNOWLEDGE, number) == OK
    assert bench.app.supervisor.state == reasons.STATE_READY
    assert bench.run(on_beat(6), 5500) == []
    assert len(bench.board.batches) == 2


@pytest.mark.hazard("unheard_alarm")
def test_the_buzzer_can_be_silenced_for_two_minutes_and_no_longer(bench: Bench) -> None:
    """The light stays."""
    bench.start()
    bench.run(on_beat(1), 500)
    bench.board.raised = reasons.FLAG_DOOR_OPEN
    bench.send(b"")
    for seconds, result in ((121, reasons.RESULT_OUT_OF_RANGE), (120, OK)):
        assert bench.command(messages.SILENCE, struct.pack("<I", seconds)) == result
    assert bench.command(messages.SILENCE, b"") == reasons.RESULT_BAD_LENGTH
    assert bench.board.shown[-1][1] == RED


@pytest.mark.hazard("broken_pump")
@pytest.mark.parametrize("bit", range(7))
def test_a_pump_that_fails_its_self_test_takes_no_program(program: Program, bit: int) -> None:
    """It says which test failed, sounds its alarm, and never becomes ready."""
    bench = Bench(program.bytes)
    bench.board.broken = 1 << bit
    bench.app = App(bench.board)
    told = bench.send(b"")
    assert [frame.kind for frame in told] == [messages.ALARMS]
    assert told[0].body[8] == 1 << bit
    assert bench.board.shown[-1][1] & RED
    assert bench.app.supervisor.state == reasons.STATE_SELF_TEST
    identity, *_ = bench.send(wire.frame(messages.HELLO, wire.CHALLENGE))
    bench.host = wire.Signer(identity.body[20:36])
    with pytest.raises(AssertionError):
        bench.load()
    assert bench.command(messages.START, START_BODY) == reasons.RESULT_WRONG_STATE
    assert bench.command(messages.STOP) == OK
    assert bench.app.supervisor.state == reasons.STATE_SELF_TEST


def test_little_free_memory_is_told(bench: Bench) -> None:
    """What the board counted is an input of the next decision, so replay sees it too."""
    bench.start()
    bench.run(on_beat(1), 500)
    bench.app.therapy.controller.record[at.HEAP_FREE] = limits.HEAP_FREE_MIN - 1
    records = bench.run(on_beat(2), 1500)
    assert records[0][at.ALARMS] == 1 << spec_alarms.MEMORY_LOW
    assert records[0][at.STATE] == reasons.STATE_RUNNING


@pytest.mark.parametrize(
    ("tick_us", "found"), [(40_000, 0), (40_001, 1 << spec_alarms.SOLVER_LATE)]
)
def test_a_decision_that_took_longer_than_its_pause_is_told_in_the_next_tick(
    bench: Bench, tick_us: int, found: int
) -> None:
    """It goes on: the plan was certified, and its steps had their own time."""
    bench.start()
    bench.run(on_beat(1), 500)
    bench.app.therapy.controller.record[at.TICK_US] = tick_us
    late, after = bench.run(on_beat(3), 2500)
    assert (late[at.ALARMS], after[at.ALARMS]) == (found, 0)
    assert late[at.STATE] == reasons.STATE_RUNNING


@pytest.mark.hazard("sensor_lost", "host_lost")
def test_fallback_delivery_ends_in_a_standstill_that_only_a_person_ends(
    program: Program,
) -> None:
    """The last plan, then the basal for its time, then nothing, also when readings come back."""
    words = array("i", program.bytes)
    words[layout.AT_STALE_TICKS_MAX], words[layout.AT_FALLBACK_TICKS_MAX] = 2, 3
    words[-1] = struct.unpack("<i", struct.pack("<I", zlib.crc32(words[:-1].tobytes())))[0]
    bench = Bench(words.tobytes()).start()
    records = bench.run([on_beat(1)[0], *on_beat(14)[10:]], 13_500)
    running, fallback, stopped = (
        reasons.STATE_RUNNING, reasons.STATE_FALLBACK, reasons.STATE_STOPPED
    )  # fmt: skip
    states = [record[at.STATE] for record in records]
    assert states[:7] == [running] * 3 + [fallback] * 3 + [stopped]
    assert set(states[7:]) == {stopped}
    assert all(record[at.STEPS] == 0 for record in records[6:])
    assert records[7][at.ALARMS] >> spec_alarms.FALLBACK_OVER & 1
    assert bench.command(messages.STOP) == OK
    assert bench.command(messages.START, START_BODY) == OK


def test_a_stalled_motor_is_a_fault_in_the_next_tick(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stepper's own count is compared with what was commanded."""
    bench.start()
    bench.run(on_beat(1), 500)
    monkeypatch.setattr(FakeBoard, "steps_done", lambda board: 17)
    records = bench.run(on_beat(2), 1500)
    assert records[0][at.FAULT_REASON] == reasons.FAULT_STEPS_MISMATCH


def test_a_therapy_can_be_stopped_and_started_again(bench: Bench) -> None:
    """Steps cut off by STOP must not read as lost ones in the next therapy."""
    bench.start()
    bench.run(on_beat(2), 1500)
    bench.command(messages.STOP)
    bench.board.time_ms = 1700
    bench.command(messages.START, START_BODY)
    later = [(1700 + ms, frame) for ms, frame in on_beat(3)]
    records = bench.run(later, 4000)
    assert [r[at.TICK] for r in records] == [0, 1, 2]
    assert all(r[at.STATE] == reasons.STATE_RUNNING for r in records)


# The watchdog.


def test_only_completed_ticks_grant_credit_while_the_motor_may_run(bench: Bench) -> None:
    """Bytes, commands and idle passes must not keep a pump alive whose ticks have stopped."""
    bench.start()
    bench.board.grants.clear()
    records = bench.run(on_beat(3), 2500)
    granted = bench.board.grants[:]
    assert granted == [2 * TICK_MS + limits.FEED_INTERVAL_MS] * len(records)
    for _ in range(50):
        hello = wire.frame(messages.HELLO, wire.CHALLENGE)
        bench.send(hello + wire.frame(0x42) + b"\1\2\0")
    assert bench.board.grants == granted


def test_the_credit_lasts_until_the_next_tick_is_overdue(bench: Bench) -> None:
    """At the therapy's own clock a tick takes minutes: longer than the watchdog waits."""
    bench.start(factor=1)
    deadline_ms = 300_000 // limits.LATE_DIVISOR
    assert bench.board.grants[-1] > deadline_ms + limits.FEED_INTERVAL_MS
    assert bench.board.watchdog_starts == 1
    bench.send(bench.host.sign_readings(wire.reading(0, 0, 10_000)))
    assert bench.board.grants[-1] > 300_000 + deadline_ms + limits.FEED_INTERVAL_MS


def test_before_a_therapy_every_pass_of_the_loop_grants_credit(bench: Bench) -> None:
    """The motor is off: a live loop is all that there is to guard."""
    bench.board.grants.clear()
    bench.send(b"")
    bench.send(b"\xff")
    assert bench.board.grants == [limits.WATCHDOG_MS] * 2


# Noise.

SEALED = st.builds(
    wire.frame,
    st.integers(0, 255),
    st.binary(max_size=40),
    st.integers(0, 65_535),
    st.sampled_from([0, 2, 2, 2, 3]),
)


@settings(max_examples=200)
@given(st.lists(st.one_of(st.binary(max_size=60), SEALED), max_size=12))
def test_byte_soup_never_raises_and_never_starts_the_motor(
    program: Program, soup: list[bytes]
) -> None:
    """Noise and well-sealed nonsense alike, on a pump that is ready to run."""
    bench = Bench(program.bytes)
    bench.app.commands.intake.words = None
    for piece in soup:
        bench.send(piece)
        bench.board.time_ms += 400
    assert bench.board.batches == []
    assert bench.app.supervisor.state == reasons.STATE_IDLE


@settings(max_examples=60)
@given(st.lists(st.one_of(st.binary(max_size=60), SEALED), max_size=12))
def test_byte_soup_never_starts_a_loaded_pump(program: Program, soup: list[bytes]) -> None:
    """Not even by a START with a right checksum: none of these is signed."""
    bench = Bench(program.bytes).load()
    for piece in soup:
        bench.send(piece)
        bench.board.time_ms += 400
    assert bench.board.batches == []
    assert bench.app.supervisor.state == reasons.STATE_READY


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=40)), max_size=12))
def test_signed_nonsense_never_raises_and_starts_nothing_but_by_start(
    program: Program, soup: list[tuple[int, bytes]]
) -> None:
    """A host that holds the key and has gone mad."""
    bench = Bench(program.bytes).load()
    for kind, body in soup:
        bench.send(bench.host.frame(kind, body))
        bench.board.time_ms += 400
    if not any(kind == messages.START and len(body) == 8 for kind, body in soup):
        assert bench.board.batches == []


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 3000), st.one_of(st.binary(max_size=60), SEALED))))
def test_byte_soup_while_running_keeps_every_tick_and_limit(
    program: Program, soup: list[tuple[int, bytes]]
) -> None:
    """Ticks go on, one batch each, within the rate; only STOP may end them."""
    bench = Bench(program.bytes).start()
    bench.run(soup + on_beat(4), 4000)
    assert bench.app.supervisor.state in (reasons.STATE_RUNNING, reasons.STATE_READY)
    assert bench.board.overlaps == 0
    most = int(program.words[layout.AT_STEPS_TICK_MAX])
    assert all(steps <= most for _, steps, _ in bench.board.batches)
    if bench.app.supervisor.state == reasons.STATE_RUNNING:
        assert len(bench.board.batches) >= 3
