# SPDX-License-Identifier: MIT
"""What a new therapy must have alike to take a running one over: syringe, pump, beat and model.

The pump refuses whatever differs (pump/core/handover.py); here a person is told beforehand.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mesor.errors import DosingError, ScenarioError
from mesor.input_tables import check_table, read_file
from mesor.program.therapy_file import Model, TherapyFile


@dataclass(frozen=True, slots=True)
class Running:
    """The therapy that runs, and the file that says so."""

    source: str
    therapy: TherapyFile

    @property
    def conc_mg_ml(self) -> float:
        """Return what is in the syringe."""
        return self.therapy.drug.conc_mg_ml

    def keep(self, table: dict[str, Any]) -> tuple[str, ...]:
        """Put what must stay alike into a therapy's table; return what must be told of it.

        Raises DosingError where another drug, model or kind of target is asked for.
        """
        own = self.therapy
        asked_site = table["therapy"].get("target_site", "plasma")
        for name, runs, asked in (
            ("drug", own.drug.name, table["drug"]["name"]),
            ("kind of target", own.therapy.kind, table["therapy"]["kind"]),
            ("model", own.model.model, table["model"]["model"]),
            ("target site", own.therapy.target_site, asked_site),
        ):
            if runs != asked:
                raise DosingError(
                    f"{self.source} runs with the {name} {runs!r} and this prescription has "
                    f"{asked!r}; it cannot be taken over: stop it and start the new therapy."
                )
        best_s, tick_s = table["therapy"]["tick_s"], own.therapy.tick_s
        table["therapy"] |= {"tick_s": tick_s, "horizon": own.therapy.horizon}
        table["pump"] = own.pump.model_dump()
        if tick_s == best_s:
            return ()
        return (f"The tick stays {tick_s} s, as it runs; for this patient {best_s} s is chosen.",)


def read_running(path: Path) -> Running:
    """Return the therapy of a therapy file, or that of a scenario.

    A scenario's pump plans with the nominal [patient] where no [model] is written.
    """
    text = read_file(path)
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ScenarioError(f"{path} is not valid TOML: {error}.") from error
    known = {key: value for key, value in table.items() if key in TherapyFile.model_fields}
    if "model" not in known and isinstance(patient := table.get("patient"), dict):
        known["model"] = {key: patient[key] for key in Model.model_fields if key in patient}
    return Running(str(path), check_table(TherapyFile, known, str(path)))
