# SPDX-License-Identifier: MIT
"""A command waits for nothing that only another one needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_RUN = """\
import sys
from mesor.cli import main
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""
_PATIENT = """\
[patient]
sex = "male"
age_years = 60
weight_kg = 80
height_cm = 175
[kidneys]
creatinine_mg_dl = 1.1
"""
_OF_OTHERS = {"plotly", "osqp", "mcap", "serial", "rp2040py", "scipy.integrate"}


def test_prescribing_imports_nothing_of_bench_report_or_compiler(tmp_path: Path) -> None:
    """These took 0.35 of the seconds that a prescription with levels may take, which are 2."""
    patient = tmp_path / "patient.toml"
    patient.write_text(_PATIENT)
    arguments = ["prescribe", str(patient), "--drug", "vancomycin"]
    done = subprocess.run(
        [sys.executable, "-c", _RUN, *arguments], capture_output=True, text=True, check=True
    )
    assert not _OF_OTHERS & set(done.stderr.split())
