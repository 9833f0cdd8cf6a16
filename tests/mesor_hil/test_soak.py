# SPDX-License-Identifier: MIT
"""The soak finds nothing in the firmware as it is, and every bug that is put in on purpose."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

import pytest

from mesor_hil.scenarios import load_scenario
from mesor_hil.soak import Programs, Soak, soak_seeds, story, violations
from mesor_hil.targets.emulator import EmulatorTarget
from mesor_hil.targets.twin import TwinBoard
from pump.app import App
from pump.core.controller import Controller
from pump.core.detectors import Detectors
from pump.core.journal import Journal
from pump.core.limiter import _DAY as DAY
from pump.core.limiter import _HOUR as HOUR
from pump.core.limiter import TOTAL, Limiter
from pump.core.panel import Panel
from pump.core.program_slot import ProgramSlot
from pump.core.supervisor import Supervisor
from pump.core.therapy import Therapy
from pump.spec import alarms, messages, reasons
from pump.spec import program as layout

SEEDS = range(60)
Patch = Callable[[pytest.MonkeyPatch], None]


@pytest.fixture(scope="module")
def programs() -> Programs:
    """Return the programs that `mesor soak` runs."""
    return Programs(load_scenario("vancomycin_infusion").problem(), 200)


def found(programs: Programs, seeds: range) -> list[str]:
    """Return the first seed's violations, of those that have any."""
    for seed in seeds:
        program = programs.of(seed)
        if sentences := violations(program, Soak(program).run(seed)):
            return sentences
    return []


@pytest.mark.hazard("overinfusion", "unheard_alarm", "lost_steps")
def test_no_story_breaks_an_invariant(programs: Programs) -> None:
    """Sixty of them here; `mesor soak` tells as many as one likes."""
    assert found(programs, SEEDS) == []


def test_a_seed_tells_the_same_story_again(programs: Programs) -> None:
    """Else the command that is printed with a violation would show something else."""
    program = programs.of(7)
    assert Soak(program).run(7).records == Soak(program).run(7).records
    assert story(7, 1.0) == story(7, 1.0) != story(8, 1.0)


def test_processes_share_the_seeds_and_each_is_told_once(programs: Programs) -> None:
    """A share that got lost would count as stories without a violation."""
    told = list(soak_seeds(programs, range(3, 63), jobs=2))
    assert sorted(told) == [(seed, []) for seed in range(3, 63)]


def test_firmware_that_raises_is_a_violation(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a board it would restart; the story must not end in silence."""

    def broken(_app: App) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(App, "_check_flags", broken)
    (told,) = soak_seeds(programs, range(1))
    assert told == (0, ["the story ended in ZeroDivisionError: division by zero"])


def test_a_worn_page_that_took_an_orders_record_calls_for_no_ticks_alarm(
    programs: Programs,
) -> None:
    """In seed 33368 the program is sent anew at once after the page was worn."""
    assert found(programs, range(33_368, 33_369)) == []


def test_only_a_pump_whose_self_test_failed_may_have_lost_its_program(programs: Programs) -> None:
    """In seed 321 the driver's fault outlasts a watchdog's reset: nothing is restored then."""
    soak = Soak(programs.of(0))
    soak._kept, soak._held = True, None
    for told, wrong in ((1 << alarms.SELF_TEST, []), (0, ["none, though one had been kept"])):
        soak.witness.told[:] = [(0.0, told)]
        soak._judge_held()
        assert soak.witness.restored_wrongly == wrong


@pytest.mark.hazard("overinfusion", "unheard_alarm", "lost_steps")
def test_a_story_on_the_chip_breaks_no_invariant(chip: EmulatorTarget, programs: Programs) -> None:
    """Air in the line, and a power cut within a page; `--target emulator` tells the others."""
    assert list(soak_seeds(programs, range(7, 8), "emulator")) == [(7, [])]


def _after(function: Any, change: Callable[[Any, Any], Any]) -> Any:
    """Return `function` with its result changed: change(self, result)."""
    return lambda self, *arguments: change(self, function(self, *arguments))


def _fault_left_by_itself(patch: pytest.MonkeyPatch) -> None:
    def supervise(self: Any, bits: int) -> int:
        self.supervisor.state, self.supervisor.fault = reasons.STATE_RUNNING, 0
        return int(original(self, bits))

    original = Controller._supervise
    patch.setattr(Controller, "_supervise", supervise)


def _motor_runs_in_a_fault(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        Controller,
        "_next_move",
        lambda self: self.planner.plan(self.move),
    )


def _count_one_more(limiting: Limiter, steps: int) -> int:
    limiting.account[TOTAL] += 1
    return steps


def _reserve_nothing(journal: Journal, logged: bool) -> bool:
    journal._reserve = 0
    return logged


def _start_at_once(app: App, _: None) -> None:
    if app.journal.volume:
        app.board.start_steps(500, 1_000_000)


def _open_caps(limiting: Limiter, _: None) -> None:
    limiting.account[HOUR] = limiting.account[DAY] = 0
    for page in limiting._pages:
        page[:] = array("i", bytes(4 * len(page)))


def _forget_missed(therapy: Therapy, ticks: int) -> int:
    therapy.day_s -= (ticks - 1) * therapy._tick_s
    return ticks


BUGS: dict[str, Patch] = {
    "a takeover opens the caps": lambda patch: patch.setattr(
        Limiter, "follow", _after(Limiter.follow, _open_caps)
    ),
    "no program is kept": lambda patch: patch.setattr(
        ProgramSlot, "keep", lambda _slot, _words: None
    ),
    "a missed tick is none of the day": lambda patch: patch.setattr(
        Therapy, "begin_tick", _after(Therapy.begin_tick, _forget_missed)
    ),
    "pins are not looked at between ticks": lambda patch: patch.setattr(
        App, "_check_flags", lambda _app: None
    ),
    "nobody looks at the board's inputs in the tick": lambda patch: patch.setattr(
        Detectors, "board", lambda *_: 0
    ),
    "a fault does not stop": lambda patch: patch.setattr(Supervisor, "trip", lambda *_: None),
    "a fault is left by itself": _fault_left_by_itself,
    "the motor runs on in a fault": _motor_runs_in_a_fault,
    "the batch is not cut short": lambda patch: patch.setattr(
        TwinBoard, "abort_steps", lambda _board: None
    ),
    "the host is not told": lambda patch: patch.setattr(Panel, "show", lambda _panel: False),
    "the rate is not limited": lambda patch: patch.setattr(Limiter, "limit", lambda *_: 20_000),
    "the total counts a step too many": lambda patch: patch.setattr(
        Limiter,
        "limit",
        _after(Limiter.limit, _count_one_more),
    ),
    "the motor makes more steps than it was told": lambda patch: patch.setattr(
        TwinBoard,
        "read_inputs",
        _after(
            TwinBoard.read_inputs,
            lambda self, _: setattr(self, "_edges_before", self._edges_before + 40),
        ),
    ),
    "the log does not reserve what is about to be given": lambda patch: patch.setattr(
        Journal, "start", _after(Journal.start, _reserve_nothing)
    ),
    "a tick is not kept": lambda patch: patch.setattr(Journal, "tick", lambda *_: True),
    "a page that does not hold is taken for one that does": lambda patch: patch.setattr(
        Journal, "tick", _after(Journal.tick, lambda *_: True)
    ),
    "a restart forgets what was given before": lambda patch: patch.setattr(
        Journal, "quarters", lambda *_: array("i", [0] * messages.HISTORY_WORDS)
    ),
    "a restart goes on with the therapy by itself": lambda patch: patch.setattr(
        App, "__init__", _after(App.__init__, _start_at_once)
    ),
    "another alarm is named": lambda patch: patch.setattr(
        Detectors,
        "board",
        _after(
            Detectors.board, lambda _, bits: 1 << reasons.FAULT_INTERNAL if bits & 0x3FE else bits
        ),
    ),
}


@pytest.mark.parametrize("name", BUGS)
def test_a_bug_put_in_on_purpose_is_caught(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Invariants that hold for broken firmware too would prove nothing."""
    BUGS[name](monkeypatch)
    assert found(programs, SEEDS)


def test_a_program_that_comes_back_after_it_was_taken_over_is_caught(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A takeover and then a power cut is in few stories: 145 is the first."""
    monkeypatch.setattr(ProgramSlot, "void", lambda _slot: True)
    (sentence,) = found(programs, range(145, 146))
    assert sentence.endswith("the pump had the program before the one that took over")


def test_the_programs_have_a_limit_for_each_check_and_two_horizons(programs: Programs) -> None:
    """A limit of zero words would hold always or never."""
    for word in (layout.AT_STEPS_TICK_MAX, layout.AT_STEPS_HOUR_MAX, layout.AT_ON_BOARD_MAX):
        assert programs.of(0).words[word] > 1000
        assert programs.of(1).words[word] > 1000
    assert {programs.of(seed).words[layout.AT_HORIZON] for seed in SEEDS} == {8, 20}
