# SPDX-License-Identifier: MIT
"""The page, the table and junit.xml say what summary.json says, to anyone, without a net."""

from __future__ import annotations

import json
import re
import struct
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console

from mesor.errors import RecordError
from mesor.program import Program
from mesor.record.log import RunLog, TruthPoint
from mesor.report.console import print_verdict
from mesor.report.junit import write_junit
from mesor.report.page import write_report
from pump.spec import messages
from pump.spec import record as at

HOSTILE = "<script>alert(1)</script>[red]&\"'"
HORIZON = 20


def summary_of(name: str = "a_scenario", *, failing: bool = True) -> dict[str, Any]:
    """Return a summary with one check that holds and one that may not."""
    checks = [
        {"id": "time_in_window", "value": 98.765, "limit": 95.0, "unit": "%", "pass": True},
        {"id": "dose_cap", "value": 1234.5, "limit": 1000.0, "unit": "mg", "pass": not failing},
    ]
    return {
        "scenario": name,
        "target": "twin",
        "seed": 41,
        "drug": "vancomycin",
        "ticks": 3,
        "duration_s": 900.0,
        "verdict": "fail" if failing else "pass",
        "checks": checks,
        "performance": {"mdpe": -1.25, "overshoot": 3.5, "settling_time_s": None},
        "volume": {"commanded_ml": 7.125, "delivered_ml": 7.0625, "counted_at_pin": True},
        "solver": {"iterations_median": 16.0, "iterations_max": 77, "solve_us_mean": 1250.0},
        "tick_us": {"median": 8123.0, "max": 20456.0},
        "alarms": [{"t_s": 600, "id": "air_in_line", "priority": "high"}],
        "replay": {"identical": True, "ticks": 3},
    }


@pytest.fixture(scope="module")
def log(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a short log: three ticks and a program."""
    path = tmp_path_factory.mktemp("log") / "run.mcap"
    with RunLog(path) as written:
        written.note({"scenario": "a_scenario", "firmware": HOSTILE})
        written.attach("program.bin", program.bytes)
        for tick in range(3):
            words = [0] * at.word_count(HORIZON)
            words[at.TICK] = tick
            header = struct.pack("<BBH", messages.TELEMETRY, 1, tick)
            written.frame("from_pump", tick, header + struct.pack(f"<{len(words)}i", *words))
            written.pins(tick, tick, 1)
            written.truth(tick, TruthPoint(tick * 300.0, 5.0 * tick, 400.0, 33.0, None))
    return path


def folder_of(tmp_path: Path, log: Path, summary: Any) -> Path:
    """Return a run's folder with this summary."""
    (tmp_path / "run.mcap").write_bytes(log.read_bytes())
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    return tmp_path


class Page(HTMLParser):
    """The text of a page without scripts and styles, its tags, and all that it would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.loads: list[str] = []
        self.tags: list[str] = []
        self._hidden = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the tag, and what it points to."""
        self.tags.append(tag)
        self._hidden = tag in ("script", "style")
        self.loads += [value or "" for name, value in attrs if name in ("src", "href", "data")]

    def handle_endtag(self, tag: str) -> None:
        """End what is hidden."""
        self._hidden = False

    def handle_data(self, data: str) -> None:
        """Keep what a person reads."""
        if not self._hidden:
            self.words.append(data)

    @property
    def text(self) -> str:
        """Return what a person reads, in one line."""
        return " ".join(" ".join(self.words).split())


def page_of(folder: Path) -> Page:
    """Return the page that is written for a folder."""
    return Page(write_report(folder).read_text(encoding="utf-8"))


def test_the_figures_on_the_page_are_those_of_the_summary(tmp_path: Path, log: Path) -> None:
    """A reviewer compares the two; the figures are typed here by hand."""
    text = page_of(folder_of(tmp_path, log, summary_of())).text
    for figure in ("98.765 %", "95 %", "1,234.5 mg", "1,000 mg", "seed 41", "7.06 mL", "7.0625"):
        assert figure in text
    for figure in ("MDPE -1.25 %", "overshoot 3.5 %", "most 77", "8.123 ms", "20.456 ms"):
        assert figure in text
    assert "first in the window none" in text
    assert "10 min air in line high" in text


def test_what_a_course_reached_stands_beside_the_standard_dose(tmp_path: Path, log: Path) -> None:
    """The dose for all is what a personal one is held against; a level has no such table."""
    summary = summary_of() | {
        "kind": "pulse",
        "course": {"peaks_mg_l": [17.4, 18.14], "shares_percent": [], "dose_mg": 1120.25},
        "standard_dose": {"peaks_mg_l": [21.3, 22.06], "shares_percent": [], "dose_mg": 1470.0},
    }
    text = page_of(folder_of(tmp_path, log, summary)).text
    assert "closed loop standard dose peaks 17.4, 18.14 mg/L 21.3, 22.06 mg/L" in text
    assert "dose 1,120.2 mg 1,470 mg" in text
    assert "MDPE" not in text
    with (tmp_path / "out").open("w") as stream:
        print_verdict(summary, Console(width=120, file=stream))
    terminal = (tmp_path / "out").read_text()
    assert "peaks 17.4, 18.14 mg/L (standard dose 21.3, 22.06 mg/L)" in terminal
    assert "What was reached" not in page_of(folder_of(tmp_path, log, summary_of())).text


def test_no_time_is_stated_where_no_chip_took_it(tmp_path: Path, log: Path) -> None:
    """The twin's solver takes no time worth a figure, and 0 ms would be a false one."""
    summary = summary_of() | {"tick_us": {"median": 0.0, "max": 0.0}}
    summary["solver"]["solve_us_mean"] = 0.0
    assert " ms" not in page_of(folder_of(tmp_path, log, summary)).text
    with (tmp_path / "out").open("w") as stream:
        print_verdict(summary, Console(width=120, file=stream))
    assert " ms" not in (tmp_path / "out").read_text()


def test_ticks_in_which_the_pump_did_not_infuse_are_shaded_and_named(
    tmp_path: Path, log: Path
) -> None:
    """A reviewer sees at once from when on the motor stood; the log's states are idle, 0."""
    folder = folder_of(tmp_path, log, summary_of())
    write_report(folder)
    assert '"text":"not started"' in (folder / "report.html").read_text(encoding="utf-8")


def test_the_page_loads_nothing(tmp_path: Path, log: Path) -> None:
    """It is read where there is no net, and tells no server who reads it."""
    folder = folder_of(tmp_path, log, summary_of())
    page = page_of(folder)
    assert page.loads == []
    written = (folder / "report.html").read_text(encoding="utf-8")
    assert "plotly.js v" in written
    assert "Plotly.newPlot(" in written
    assert not re.search(r"@import|url\(\s*['\"]?https?:", written.split("</style>")[0])


def test_a_failing_check_is_told_in_words(tmp_path: Path, log: Path) -> None:
    """Colour alone is nothing on paper, to a screen reader, and to one man in twelve."""
    failed = page_of(folder_of(tmp_path, log, summary_of())).text
    assert "FAIL: 1 of 2 checks, dose_cap." in failed
    assert re.search(r"1,000 mg FAIL", failed)
    passed = page_of(folder_of(tmp_path, log, summary_of(failing=False))).text
    assert "PASS: all 2 checks." in passed
    assert "FAIL" not in passed


def test_the_page_says_that_it_is_not_for_clinical_use(tmp_path: Path, log: Path) -> None:
    """Pages travel without their repository."""
    text = page_of(folder_of(tmp_path, log, summary_of())).text
    assert "Research software, not a medical device. Not for clinical use." in text


def test_a_hostile_name_stays_a_name(tmp_path: Path, log: Path) -> None:
    """Scenario, check, unit and notes are others' words; none may become markup."""
    summary = summary_of(HOSTILE)
    summary["checks"][1] |= {"id": HOSTILE, "unit": HOSTILE}
    folder = folder_of(tmp_path, log, summary)
    plain = page_of(folder_of(tmp_path, log, summary_of())).tags.count("script")
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    page = page_of(folder)
    assert page.tags.count("script") == plain
    assert page.text.count("<script>alert(1)</script>") >= 4
    suite = ElementTree.parse(write_junit(folder)).getroot()
    assert suite.findall("testcase")[1].get("name") == HOSTILE
    with (tmp_path / "out").open("w") as stream:
        print_verdict(summary, Console(width=300, file=stream))
    assert "[red]" in (tmp_path / "out").read_text()


def test_the_plots_have_words_beside_them(tmp_path: Path, log: Path) -> None:
    """Who cannot see the plots learns what they show and where the figures are."""
    folder = folder_of(tmp_path, log, summary_of())
    page = page_of(folder)
    assert {"figure", "figcaption", "noscript", "main"} <= set(page.tags)
    assert '<html lang="en">' in (folder / "report.html").read_text(encoding="utf-8")
    assert "run.mcap" in page.text


def test_a_page_of_an_altered_log_warns(tmp_path: Path, log: Path) -> None:
    """The plots come from the log; where it was altered they prove nothing."""
    folder = folder_of(tmp_path, log, summary_of())
    assert "Warning" not in page_of(folder).text
    content = bytearray(log.read_bytes())
    place = content.index(b'"rate_mg_h":400.0')
    content[place + 12] = ord("9")
    (folder / "run.mcap").write_bytes(content)
    assert re.search(r"Warning: message \d+ \(/truth at 0\.000 s\) does not", page_of(folder).text)


def test_junit_counts_what_the_summary_holds(tmp_path: Path, log: Path) -> None:
    """A CI server shows these numbers and nothing else."""
    suite = ElementTree.parse(write_junit(folder_of(tmp_path, log, summary_of()))).getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    first, second = suite.findall("testcase")
    assert first.find("failure") is None
    failure = second.find("failure")
    assert failure is not None
    assert failure.get("message") == "1234.5 against a limit of 1000 mg"


def test_the_terminal_says_what_failed(tmp_path: Path) -> None:
    """The table is the first thing that a bench tester sees."""
    with (tmp_path / "out").open("w") as stream:
        print_verdict(summary_of(), Console(width=120, file=stream))
    text = (tmp_path / "out").read_text()
    assert re.search(r"dose_cap\s.*1,234.5 mg\s.*1,000 mg\s.*FAIL", text)
    assert re.search(r"time_in_window\s.*98.765 %\s.*95 %\s.*pass", text)
    assert "never in the window" in text
    assert "FAIL  Research software, not a medical device." in text


@pytest.mark.parametrize("summary", [[], {}, {"verdict": "pass"}, {**summary_of(), "checks": 3}])
def test_a_summary_that_no_run_wrote_is_refused(tmp_path: Path, log: Path, summary: Any) -> None:
    """One sentence, and the page that was there stays."""
    folder = folder_of(tmp_path, log, summary)
    (folder / "report.html").write_text("before")
    with pytest.raises(RecordError, match="that no run wrote"):
        write_report(folder)
    assert (folder / "report.html").read_text() == "before"


def test_a_folder_without_summary_or_with_a_broken_one_is_refused(
    tmp_path: Path, log: Path
) -> None:
    """The sentence names what is missing."""
    with pytest.raises(RecordError, match=r"summary\.json cannot be read"):
        write_report(tmp_path)
    folder = folder_of(tmp_path, log, summary_of())
    (folder / "summary.json").write_text("{")
    with pytest.raises(RecordError, match="is not JSON"):
        write_report(folder)
