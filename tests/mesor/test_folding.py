# SPDX-License-Identifier: MIT
"""Constants of other modules in the firmware: folded where that is safe, and nowhere else."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import pump
from mesor.folding import constants_of, fold, hide, names_read

CONSTANTS = {"pump.spec.record": {"STEPS": 26, "LOW": -3}, "pump.core.blocks": {"WORDS": 5}}
IMPORT = "from pump.spec import record as at\n"


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("r[at.STEPS] = at.LOW + 1\n", "r[(26)] = (-3) + 1\n"),
        ("n = at.STEPS.to_bytes(4)\n", "n = (26).to_bytes(4)\n"),
        ("f(at.STEPS, at.word_count(8), x.at.STEPS)\n", "f((26), at.word_count(8), x.at.STEPS)\n"),
        ('s = "at.STEPS"  # at.STEPS\n', 's = "at.STEPS"  # at.STEPS\n'),
        ('s = "µ", at.STEPS\n', 's = "µ", (26)\n'),
    ],
)
def test_only_names_read_from_an_imported_module_are_replaced(text: str, folded: str) -> None:
    """Not in strings or comments, not functions, not attributes of something else."""
    assert fold(IMPORT + text, CONSTANTS) == IMPORT + folded


@pytest.mark.parametrize(
    "text", ["at = 3\nx = at.STEPS\n", "def f(at):\n    return at.STEPS\n", "at.STEPS = 4\n"]
)
def test_a_name_that_may_be_something_else_is_left_alone(text: str) -> None:
    """Folding a wrong value would be a fault that no test of the sources can see."""
    assert fold(IMPORT + text, CONSTANTS) == IMPORT + text


def test_a_module_that_was_not_imported_is_not_folded() -> None:
    """The name may come from anywhere."""
    assert fold("x = at.STEPS\n", CONSTANTS) == "x = at.STEPS\n"


def test_constants_are_arithmetic_on_integers_and_earlier_constants() -> None:
    """As MicroPython's own `const` has it; private names stay in their module."""
    text = (
        "A = const(3)\nB = const(A << 2)\nC = -B\n_D = 4\nE = other.X\nF = 1.5\ng = 7\nH = f(2)\n"
    )
    assert constants_of(text) == {"A": 3, "B": 12, "C": -12}


def test_the_firmwares_constants_are_those_that_python_imports() -> None:
    """Every module of the firmware that CPython can import, every constant of it."""
    folder = Path(pump.__file__).parent
    for name in ("record", "messages", "limits", "program", "reasons"):
        module = __import__(f"pump.spec.{name}", fromlist=[name])
        found = constants_of((folder / "spec" / f"{name}.py").read_text())
        expected = {
            key: value
            for key, value in vars(module).items()
            if key.isupper() and not key.startswith("_") and type(value) is int
        }
        assert found == expected


def test_folding_leaves_every_line_of_the_firmware_where_it_was() -> None:
    """A traceback from a board must name the line of the source."""
    folder = Path(pump.__file__).parent
    known = {
        f"pump.{path.parent.name}.{path.stem}": constants_of(path.read_text())
        for path in folder.rglob("*.py")
    }
    folded = 0
    for path in folder.rglob("*.py"):
        text = path.read_text()
        after = fold(text, known)
        folded += text != after
        assert len(after.splitlines()) == len(text.splitlines())
        assert [type(node) for node in ast.parse(after).body] == [
            type(node) for node in ast.parse(text).body
        ]
    assert folded > 10


def test_a_constant_that_nobody_else_reads_becomes_private() -> None:
    """A public name takes heap on the board; MicroPython keeps nothing of a private `const`."""
    text = 'A = const(3)  # A\nB = const(A + 1)\ndef f(x):\n    return x.A + A, "A"\n'
    hidden = '_A = const(3)  # A\nB = const(_A + 1)\ndef f(x):\n    return x.A + _A, "A"\n'
    assert hide(text, {"B", "f"}) == hidden


@pytest.mark.parametrize(
    "text",
    [
        "A = const(3)\n_A = 4\n",  # its private name is taken
        "A = const(3)\ndef f(A):\n    return A\n",  # something else has its name
        "A = (const(3), 4)\nB = 5\n",  # no constant to MicroPython
    ],
)
def test_what_may_be_something_else_stays_public(text: str) -> None:
    """A wrong name would raise on the board alone."""
    assert hide(text, set()) == text


def test_names_that_are_read_are_attributes_and_imports() -> None:
    """Whatever the attribute is of: rather a name too many."""
    assert names_read("from a import b\nimport c\nx.d(e)\nc.f = 3\n") == {"b", "d", "f"}
