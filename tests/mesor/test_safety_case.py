# SPDX-License-Identifier: MIT
"""The safety page says what the firmware does, and every hazard has a test."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mesor import safety_case
from mesor.errors import MesorError

ROOT = Path(__file__).parent.parent.parent


def test_the_page_is_up_to_date() -> None:
    """Diagram, alarms and hazards, letter by letter; `python -m mesor.safety_case` makes them."""
    assert (ROOT / "docs/safety/README.md").read_text(encoding="utf-8") == safety_case.page(ROOT)


def test_the_diagram_shows_the_one_way_out_of_a_fault() -> None:
    """A transition that the picture lacks would be one that nobody reviews."""
    ways = [line.strip() for line in safety_case.state_diagram().splitlines() if "-->" in line]
    assert [way for way in ways if way.startswith("fault -->")] == [
        "fault --> fault: stop",
        "fault --> ready: acknowledge",
    ]
    assert "[*] --> self_test" in ways


@pytest.mark.parametrize(
    ("listed", "marked", "named"),
    [("first", "", "No test is marked"), ("first", '"first", "second"', "does not list it")],
)
def test_a_hazard_without_a_test_and_a_mark_without_a_hazard_fail(
    tmp_path: Path, listed: str, marked: str, named: str
) -> None:
    """Else the table would promise what nothing proves."""
    (tmp_path / "docs/safety").mkdir(parents=True)
    (tmp_path / "tests").mkdir()
    (tmp_path / "docs/safety/hazards.toml").write_text(f"[{listed}]\n")
    (tmp_path / "tests/test_it.py").write_text(
        f"@pytest.mark.hazard({marked})\ndef test_it(): ...\n"
    )
    with pytest.raises(MesorError, match=named):
        safety_case.hazard_table(tmp_path)


PROOFS = """
import pytest

@pytest.mark.hazard("a")
def test_that_passes(): ...

@pytest.mark.hazard("a")
@pytest.mark.skip
def test_that_is_marked_to_be_skipped(): ...

@pytest.mark.hazard("a")
def test_that_skips_itself():
    pytest.skip()

@pytest.mark.hazard("a")
@pytest.mark.xfail
def test_that_may_fail():
    raise ValueError

@pytest.mark.skip
def test_that_proves_no_hazard(): ...
"""


def test_a_proof_that_is_skipped_or_may_fail_fails_the_run(tmp_path: Path) -> None:
    """The table names every marked test as a proof, whatever became of it."""
    (tmp_path / "test_proofs.py").write_text(PROOFS)
    (tmp_path / "test_whole.py").write_text(
        f"import pytest\npytest.importorskip('no_such_module')\n{PROOFS}"
    )
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-rAE", str(tmp_path), "--noconftest"),
            *("-c", str(ROOT / "pyproject.toml"), "-p", "mesor_hil.hazard_proofs"),
            *("-p", "no:cacheprovider", "--continue-on-collection-errors"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    told = [line.split(" ")[:2] for line in ran.stdout.splitlines() if "test_" in line]
    outcomes = {words[1].split("::")[-1]: words[0] for words in told}
    assert outcomes["test_that_passes"] == "PASSED"
    for name in ("is_marked_to_be_skipped", "skips_itself", "may_fail"):
        assert outcomes[f"test_that_{name}"] in ("FAILED", "ERROR")
    assert "1 passed, 1 skipped" in ran.stdout
    assert "test_whole.py proves a hazard" in ran.stdout
    assert ran.returncode == pytest.ExitCode.TESTS_FAILED
