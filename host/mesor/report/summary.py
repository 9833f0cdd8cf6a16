# SPDX-License-Identifier: MIT
"""Reads a run's summary.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mesor.errors import RecordError


def read_summary(folder: Path) -> dict[str, Any]:
    """Return the summary of a run's folder; raise RecordError where there is none."""
    path = folder / "summary.json"
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecordError(
            f"{folder} is no run's folder: {path.name} cannot be read ({error.strerror})."
        ) from error
    except ValueError as error:
        raise RecordError(f"{path} is not JSON ({error}); run the scenario again.") from error
    return content
