# SPDX-License-Identifier: MIT
"""Each test at power-on can fail: kernels changed one by one, a flash that keeps nothing."""

from __future__ import annotations

from array import array

import pytest

from mesor.known_answers import known_answers_file
from mesor_hil.targets.ram_flash import BOXES, RamFlash
from pump.app import App
from pump.core import estimator, finish, kernels, known_answers, self_test
from pump.spec import reasons

from ..fake_board import FakeBoard

# Kernel: the module that calls it.
KERNELS = {
    "begin": kernels,
    "iterate": kernels,
    "judge": finish,
    "multiply": estimator,
    "read": finish,
    "refine": finish,
    "shift": finish,
    "tie": finish,
}


class BrokenFlash(RamFlash):
    """Forgets what it is given."""

    def program(self, page: int, content: bytes) -> None:
        """Take the page and keep nothing."""


@pytest.fixture(scope="module")
def answers() -> bytes:
    """Return what is noted on the board."""
    return known_answers_file()


@pytest.mark.hazard("broken_pump")
@pytest.mark.parametrize("name", KERNELS)
def test_a_broken_kernel_changes_a_known_answer(
    answers: bytes, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """One bit flipped in one word that it writes."""
    right = getattr(kernels, name)
    places = {"multiply": 2, "iterate": 3, "begin": 0, "refine": 6, "shift": 0, "read": 1}

    def broken(words: list[tuple[array[int], int]]) -> int:
        result = int(right(words) or 0)
        if name in ("judge", "tie"):
            return result ^ 1
        values, index = words[places[name]]
        values[index] ^= 1 if name == "shift" else 1 << 13
        return result

    assert known_answers.are_right(answers)
    monkeypatch.setattr(KERNELS[name], name, broken)
    assert not known_answers.are_right(answers)


@pytest.mark.hazard("broken_pump")
@pytest.mark.parametrize("spoil", [0, 31, 40, -1])
def test_answers_that_are_not_whole_fail(answers: bytes, spoil: int) -> None:
    """A board that was flashed in part has none, and must not infuse."""
    changed = bytearray(answers)
    changed[spoil] ^= 1
    assert not known_answers.are_right(bytes(changed)) or spoil not in (0, 31)
    assert not known_answers.are_right(b"")
    assert not known_answers.are_right(answers[:32])


@pytest.mark.hazard("broken_pump")
@pytest.mark.parametrize("flash", [BrokenFlash(8), RamFlash(0)])
def test_a_flash_that_keeps_nothing_keeps_the_pump_from_infusing(flash: RamFlash) -> None:
    """Without an account there is no therapy."""
    app = App(FakeBoard(flash=flash, box_flash=RamFlash(BOXES)))
    assert app.panel.failures == self_test.FLASH
    assert app.supervisor.state == reasons.STATE_SELF_TEST


@pytest.mark.hazard("broken_pump")
def test_a_hash_that_is_wrong_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pump that cannot tell true from forged takes no orders."""
    monkeypatch.setattr(self_test, "difference", lambda *_: 0)
    assert self_test.failures(FakeBoard(), True) == self_test.AUTHENTICITY


def test_every_test_has_its_bit_and_its_name() -> None:
    """What the host prints follows the bits."""
    bits = (
        self_test.MEMORY, self_test.CHECKSUM, self_test.KERNELS, self_test.CLOCK, self_test.ADC,
        self_test.MOTOR_DRIVER, self_test.BUZZER, self_test.FIRMWARE, self_test.FLASH,
        self_test.AUTHENTICITY,
    )  # fmt: skip
    assert list(bits) == [1 << i for i in range(len(self_test.NAMES))]
