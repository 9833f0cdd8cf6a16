# SPDX-License-Identifier: MIT
"""A pytest plugin: a test that is marked with a hazard fails where it is skipped or may fail.

docs/safety/README.md names it as a proof, and the table is made from the marks alone.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

_SENTENCE = "{} proves a hazard (docs/safety/hazards.toml), and a proof may not be skipped"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a marked test that was skipped, before it ran or within, or that failed as expected."""
    report = yield
    if report.skipped and item.get_closest_marker("hazard"):
        report.outcome = "failed"
        report.longrepr = _SENTENCE.format(item.nodeid)
        vars(report).pop("wasxfail", None)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a file with marks that was skipped as a whole."""
    report = yield
    if report.skipped and "pytest.mark.hazard" in collector.path.read_text(encoding="utf-8"):
        report.outcome = "failed"
        report.longrepr = _SENTENCE.format(collector.nodeid)
    return report
