# SPDX-License-Identifier: MIT
"""Soft limits on the whole pump: who may lift one, when, for how long, and what is told of it."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from mesor.program import Problem, compile_program
from mesor.record.device_log import device_log
from pump.spec import alarms, messages, reasons
from pump.spec import program as layout
from pump.spec import record as at

from . import wire
from .test_app import FACTOR, OK, Bench, on_beat

RATE = struct.pack("<I", reasons.LIMIT_SOFT_RATE)
SOFT_MG_H = 250.0  # of a full rate of 1000 mg/h


@pytest.fixture(scope="module")
def limited(problem: Problem) -> bytes:
    """Return a program whose loading phase its soft rate holds back."""
    safety = replace(problem.safety, rate_soft_max_mg_h=SOFT_MG_H)
    return compile_program(replace(problem, safety=safety), samples=100).bytes


@pytest.fixture(scope="module")
def ambitious(problem: Problem) -> bytes:
    """Return a program whose target is beyond its soft limit."""
    safety = replace(problem.safety, target_soft_max_mg_l=18.0)
    return compile_program(replace(problem, safety=safety), samples=100).bytes


def start_body(confirmed: int) -> bytes:
    """Return START's body with confirmed soft limits."""
    return struct.pack("<III", FACTOR, 0, confirmed)


@pytest.mark.hazard("soft_limit")
def test_a_soft_limit_holds_until_a_person_confirms_it_and_is_told(limited: bytes) -> None:
    """Alarm and record name it; one tick after CONFIRM the plan is followed."""
    bench = Bench(limited).start()
    held = bench.run(on_beat(4, 2_000), 4000)
    assert max(record[at.STEPS] for record in held) <= 14_447 / 4 + 1
    last = held[-1]
    assert last[at.LIMIT_REASON] == reasons.LIMIT_SOFT_RATE
    assert last[at.STEPS_ASKED] > last[at.STEPS]
    assert last[at.ALARMS] == 1 << alarms.SOFT_LIMIT
    assert bench.command(messages.CONFIRM, RATE) == OK
    beats = [(4000 + k * 1000, wire.reading(4 + k, 300 * (4 + k), 2_000)) for k in range(3)]
    freed = bench.run(beats, 7000)
    assert [record[at.CONFIRMED] for record in freed] == [1 << reasons.LIMIT_SOFT_RATE] * 3
    assert freed[-1][at.STEPS] > 14_447 / 4 + 1
    assert not freed[-1][at.ALARMS]


@pytest.mark.hazard("soft_limit")
def test_what_was_confirmed_ends_with_the_therapy(limited: bytes) -> None:
    """The next patient's person must decide anew."""
    bench = Bench(limited).start()
    assert bench.command(messages.CONFIRM, RATE) == OK
    assert bench.command(messages.STOP) == OK
    assert bench.command(messages.CONFIRM, RATE) == reasons.RESULT_WRONG_STATE
    assert bench.command(messages.START, struct.pack("<II", FACTOR, 0)) == OK
    (record,) = bench.run([], bench.board.time_ms + 200)
    assert record[at.CONFIRMED] == 0


@pytest.mark.hazard("soft_limit")
@pytest.mark.parametrize("limit", [*range(8), 12, 29, 30, 31, 1 << 20])
def test_no_other_limit_can_be_confirmed(limited: bytes, limit: int) -> None:
    """Hard limits have no key."""
    bench = Bench(limited).start()
    result = bench.command(messages.CONFIRM, struct.pack("<I", limit))
    assert result == reasons.RESULT_OUT_OF_RANGE
    assert bench.app.therapy.confirmed == 0


@pytest.mark.hazard("soft_limit")
def test_nobody_without_the_key_confirms(limited: bytes) -> None:
    """It changes a limit, so it is a signed command."""
    bench = Bench(limited).start()
    (ack,) = bench.send(wire.frame(messages.CONFIRM, RATE + bytes(18)))
    assert ack.body[2] == reasons.RESULT_NOT_AUTHENTIC
    assert bench.app.therapy.confirmed == 0


@pytest.mark.hazard("soft_limit")
def test_a_plan_beyond_its_soft_limit_starts_only_confirmed(ambitious: bytes) -> None:
    """The pump refuses with its reason; another limit's confirmation is none for this."""
    bench = Bench(ambitious).load()
    for body in (
        struct.pack("<II", FACTOR, 0),
        start_body(0),
        start_body(1 << reasons.LIMIT_SOFT_RATE),
    ):
        assert bench.command(messages.START, body) == reasons.RESULT_NOT_CONFIRMED
        assert bench.app.supervisor.state == reasons.STATE_READY
    hard = start_body(1 << reasons.LIMIT_SOFT_TARGET | 1 << reasons.LIMIT_HOUR)
    assert bench.command(messages.START, hard) == reasons.RESULT_OUT_OF_RANGE
    assert bench.command(messages.START, start_body(1 << reasons.LIMIT_SOFT_TARGET)) == OK


def test_who_confirmed_what_stands_in_the_log(limited: bytes) -> None:
    """A reviewer must see that a person lifted the limit."""
    bench = Bench(limited).start()
    bench.command(messages.CONFIRM, RATE)
    pages = device_log(bytes(bench.board.flash.content)).pages
    assert pages[-1].text.endswith(f"confirm soft limit {reasons.LIMIT_SOFT_RATE}")


def test_a_soft_limit_of_the_program_is_its_figure_in_clinical_units(limited: bytes) -> None:
    """250 of 1000 mg/h is a quarter of the full rate, never rounded up."""
    words = struct.unpack(f"<{len(limited) // 4}i", limited)
    full_mg_h = words[layout.AT_STEPS_FULL] * 69.25e-6 * 83.3 * 12
    assert words[layout.AT_SOFT_MOVE] == int(SOFT_MG_H / full_mg_h * (1 << 14))
    assert words[layout.AT_SOFT_STEPS_HOUR] == words[layout.AT_SOFT_TARGET] == 0
