# SPDX-License-Identifier: MIT
"""Writes junit.xml: one test case for each check, for any CI server."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from mesor.report.summary import read_summary


def write_junit(folder: Path) -> Path:
    """Write junit.xml from the folder's summary; return its path."""
    summary = read_summary(folder)
    checks = summary["checks"]
    failures = sum(not check["pass"] for check in checks)
    suite = ElementTree.Element(
        "testsuite",
        name=f"mesor.{summary['scenario']}.{summary['target']}",
        tests=str(len(checks)),
        failures=str(failures),
    )
    properties = ElementTree.SubElement(suite, "properties")
    for name in ("seed", "drug", "ticks"):
        ElementTree.SubElement(properties, "property", name=name, value=str(summary[name]))
    for check in checks:
        case = ElementTree.SubElement(
            suite, "testcase", classname=summary["scenario"], name=check["id"]
        )
        if not check["pass"]:
            text = f"{check['value']:g} against a limit of {check['limit']:g} {check['unit']}"
            ElementTree.SubElement(case, "failure", message=text)
    path = folder / "junit.xml"
    ElementTree.indent(suite)
    ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)
    return path
