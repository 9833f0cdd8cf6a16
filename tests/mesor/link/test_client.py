# SPDX-License-Identifier: MIT
"""Commands survive a bad line: lost, damaged and repeated bytes, and another firmware."""

from __future__ import annotations

import random

import pytest

from mesor.errors import LinkError
from mesor.link import PumpClient
from mesor.link.frames import Frame, FrameCoder
from mesor.program import Problem, compile_program
from mesor.program.problem import ControlModel, PumpGeometry, SafetyLimits, Therapy
from mesor_hil.targets.twin import TwinTarget
from pump.spec import messages
from pump.spec import record as at

SEED = 9


class BadLine(TwinTarget):
    """A twin behind a line that loses, damages and repeats what goes through it."""

    def __init__(self, share: float, seed: int) -> None:
        super().__init__()
        self._share, self._random = share, random.Random(seed)

    def write(self, content: bytes) -> None:
        """Pass the bytes on, or something like them."""
        super().write(self._spoiled(content))

    def read(self) -> bytes:
        """Return what came back, or something like it."""
        return self._spoiled(super().read())

    def _spoiled(self, content: bytes) -> bytes:
        """Lose, damage or repeat a share of the pieces."""
        fate = self._random.random() / self._share
        if not content or fate > 1.0:
            return content
        if fate < 0.4:
            return b""
        if fate < 0.7:
            at = self._random.randrange(len(content))
            return content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :]
        return content + content


@pytest.fixture(scope="module")
def program() -> bytes:
    """Return a short horizon's program."""
    problem = Problem(
        ControlModel(4.5, 30.0),
        Therapy(20.0, 15.0, 25.0, 1000.0, 400.0, 60.0, horizon=8),
        SafetyLimits(1000.0, 6000.0),
        PumpGeometry(69.25, 83.3),
    )
    return compile_program(problem, samples=100).bytes


@pytest.mark.parametrize("seed", range(SEED, SEED + 5))
def test_an_upload_over_a_bad_line_arrives_whole(program: bytes, seed: int) -> None:
    """One piece in eight is spoiled each way; the program must still be the one that was sent."""
    target = BadLine(0.125, seed)
    client = PumpClient(target, keys_of=target.keys_of)
    client.hello()
    client.upload(program)
    assert bytes(target.app.commands.intake.words) == program
    assert target.step_edges() == 0


def test_a_repeated_command_is_carried_out_once(program: bytes) -> None:
    """START twice would begin the therapy again."""
    target = TwinTarget()
    client = PumpClient(target, keys_of=target.keys_of)
    client.hello()
    client.upload(program)
    sent: list[bytes] = []
    write = target.write
    target.write = lambda content: (sent.append(content), write(content))[1]  # type: ignore[method-assign,assignment]
    client.start(300, 0)
    controller = target.app.therapy.controller
    write(sent[-1])
    assert target.app.therapy.controller is controller


def test_a_stop_is_heard_at_its_first_try_behind_half_a_frame(program: bytes) -> None:
    """A line that breaks off and comes back leaves bytes without an end before it."""
    twin = TwinTarget()
    client = PumpClient(twin, keys_of=twin.keys_of)
    client.hello()
    client.upload(program)
    client.start(300, 0)
    twin.write(bytes(range(1, 90)))
    began_s = twin.now_s
    client.stop()
    assert twin.now_s - began_s < 0.1
    assert not twin.app.supervisor.delivers()


def test_answers_to_the_host_before_are_not_taken_for_ones_own(program: bytes) -> None:
    """Its HELLO was repeated while the pump started up; all of them were answered at last."""
    target = TwinTarget()
    first = PumpClient(target, keys_of=target.keys_of)
    first.hello()
    stale = FrameCoder().encode(Frame(messages.HELLO, messages.PROTOCOL_VERSION, 1, b"before!!"))
    target.write(stale)
    client = PumpClient(target, keys_of=target.keys_of)
    client.hello()
    client.upload(program)
    assert bytes(target.app.commands.intake.words) == program


def test_silence_is_told_in_one_sentence() -> None:
    """A dead pump must not hang the host."""
    client = PumpClient(BadLine(1e-9, SEED))
    client.pipe.write = lambda _content: None  # type: ignore[method-assign,assignment]
    with pytest.raises(LinkError, match=r"did not answer in 2\.5 s"):
        client.hello()


def test_another_firmware_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Host and firmware are one release."""
    client = PumpClient(TwinTarget())
    monkeypatch.setattr("pump.core.commands.messages.FIRMWARE_VERSION", "9.9.9")
    identify = client.hello
    monkeypatch.setattr("mesor.link.client.messages", _Messages())
    with pytest.raises(LinkError, match=r"runs firmware 9\.9\.9 and this host needs 0\.1\.0"):
        identify()


class _Messages:
    """The messages as this host knows them."""

    def __getattr__(self, name: str) -> object:
        return "0.1.0" if name == "FIRMWARE_VERSION" else getattr(messages, name)


def test_a_refused_program_is_told_with_the_pumps_reason(program: bytes) -> None:
    """The checksum is the pump's to judge."""
    damaged = bytearray(program)
    damaged[1000] ^= 1
    twin = TwinTarget()
    client = PumpClient(twin, keys_of=twin.keys_of)
    client.hello()
    with pytest.raises(LinkError, match="checksum wrong; compile it again"):
        client.upload(bytes(damaged))


@pytest.mark.parametrize("body", [b"", b"123", bytes(4 * at.PLAN - 4), bytes(4 * at.PLAN + 2)])
def test_telemetry_that_is_no_record_is_passed_over(body: bytes) -> None:
    """Another program on the port may send anything under a right checksum."""
    twin = TwinTarget()
    client = PumpClient(twin)
    sender = FrameCoder()
    for content in (body, bytes(4 * at.word_count(8))):
        frame = Frame(messages.TELEMETRY, messages.PROTOCOL_VERSION, 1, content)
        twin.board.outbox += sender.encode(frame)
    record = client.await_telemetry(0.0)
    assert record is not None
    assert len(record) == at.word_count(8)
    assert client.await_telemetry(0.0) is None
