# SPDX-License-Identifier: MIT
"""What runs in a copy is told here as it went, and leaves nothing behind but files."""

from __future__ import annotations

from typing import Any, NoReturn, cast

import pytest

from mesor_hil.targets.emulator import EmulatorTarget

from .chip_copies import in_a_copy

CHIP = cast(EmulatorTarget, None)  # of which nothing here makes use


def test_a_copy_returns_its_result_and_changes_nothing_here() -> None:
    """A list that the copy fills stays empty on this side."""
    filled: list[int] = []

    def fill() -> list[int]:
        filled.append(7)
        return filled

    assert in_a_copy(CHIP, fill) == [7]
    assert filled == []


def test_whatever_ends_a_copy_fails_the_test_with_its_words() -> None:
    """An assertion, a skip, and a process that is gone: none may count as passed."""

    def skip() -> NoReturn:
        pytest.skip("no board")

    def fail() -> None:
        assert [1] == [2], "not equal"

    def vanish() -> Any:
        raise SystemExit(3)

    for deed, words in ((skip, "no board"), (fail, "not equal"), (vanish, "SystemExit: 3")):
        with pytest.raises(pytest.fail.Exception, match=words):
            in_a_copy(CHIP, deed)


def test_a_result_that_cannot_be_sent_is_a_failure() -> None:
    """A copy that ends without a word would look like one that passed."""
    with pytest.raises(pytest.fail.Exception, match="pickle"):
        in_a_copy(CHIP, lambda: lambda: None)
