# SPDX-License-Identifier: MIT
"""The list of what the bench needs of rp2040py's inside, and that only one module needs it."""

from __future__ import annotations

import ast
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import mesor
import mesor_hil
from mesor_hil.targets.rp2040_internals import (
    TESTED_VERSION,
    EmulatorChangedError,
    Machine,
    missing_internals,
    require_internals,
)

_OWNER = "rp2040_internals.py"


class _Without:
    """Stands for `whole`, as a release would be that has lost one attribute of it."""

    def __init__(self, whole: Any, lost: str) -> None:
        self._whole = whole
        self._lost = lost

    def __getattr__(self, name: str) -> Any:
        if name == self._lost:
            raise AttributeError(name)
        return getattr(self._whole, name)


@pytest.fixture(scope="module")
def machine() -> Machine:
    """Return a chip of the emulator that is installed."""
    return Machine()


def _with_mcu(machine: Machine, mcu: Any) -> Machine:
    parts = SimpleNamespace(
        mcu=mcu, clock=machine.clock, simulator=machine.simulator, cdc=machine.cdc
    )
    return cast(Machine, parts)


def test_the_installed_emulator_has_everything_the_bench_needs(machine: Machine) -> None:
    """Otherwise no verdict of the bench means anything."""
    assert missing_internals(machine) == ()


@pytest.mark.parametrize(
    ("part", "lost"),
    [
        ("pio", "next_due_fp"),
        ("gpio", "_driven"),
        ("watchdog", "_enable"),
        ("adc", "channel_values"),
    ],
)
def test_a_lost_name_of_a_part_is_called_by_its_name(
    machine: Machine, part: str, lost: str
) -> None:
    """An upgrade of the emulator must point at what to mend, not fail somewhere inside."""
    stock = getattr(machine.mcu, part)
    worse: Any = [_Without(stock[0], lost)] if isinstance(stock, list) else _Without(stock, lost)
    place = f"mcu.{part}[0]" if isinstance(stock, list) else f"mcu.{part}"
    mcu = _Without(machine.mcu, "none")
    setattr(mcu, part, worse)
    with pytest.raises(EmulatorChangedError) as refusal:
        require_internals(_with_mcu(machine, mcu))
    assert f"{place}.{lost}" in str(refusal.value)
    assert f"rp2040py=={TESTED_VERSION}" in str(refusal.value)


def test_a_part_that_is_gone_is_reported_once(machine: Machine) -> None:
    """The list of what to mend stays short when a whole block was renamed."""
    assert missing_internals(_with_mcu(machine, _Without(machine.mcu, "usb_ctrl"))) == (
        "mcu.usb_ctrl",
    )


def test_only_one_module_imports_the_emulator() -> None:
    """What a new release changes can then be repaired in one place."""
    importers = set()
    for package in (mesor, mesor_hil):
        for path in Path(str(package.__file__)).parent.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                names += [item.name for item in node.names] if isinstance(node, ast.Import) else []
                if any(name.split(".")[0] == "rp2040py" for name in names):
                    importers.add(path.name)
    assert importers == {_OWNER}
