# SPDX-License-Identifier: MIT
"""Finds, reads and writes back scenarios: those that ship by name, others by path.

The command line and the run recorder rely on it; a run's folder holds the resolved file,
with every default written out, so that it can be run again years later.
Reads files; raises only ScenarioError.
"""

from __future__ import annotations

import difflib
import tomllib
from importlib import resources
from pathlib import Path

import tomli_w

from mesor.errors import ScenarioError
from mesor.input_tables import read_file, read_table
from mesor.patients import VirtualPatient, draw_parameters, make_patient
from mesor.program.therapy_file import TherapyFile
from mesor_hil import DEFAULT_SCENARIO
from mesor_hil.plant import ConcentrationSensor
from mesor_hil.scenarios.schema import Scenario

_SUFFIX = ".toml"


def load_scenario(name_or_path: str | Path) -> Scenario:
    """Return a scenario that ships, by its name, or one in a TOML file, by its path."""
    return read_scenario(*_text_and_source(name_or_path))


def load_therapy(name_or_path: str | Path) -> TherapyFile:
    """Return the therapy in a scenario or in a therapy file."""
    return read_therapy(*_text_and_source(name_or_path))


def read_therapy(text: str, source: str) -> TherapyFile:
    """Return the therapy that the TOML text of a scenario or a therapy file states."""
    return read_table(Scenario if _is_scenario(text) else TherapyFile, text, source)


def read_scenario(text: str, source: str) -> Scenario:
    """Return the scenario that a TOML text states; source names it in errors."""
    return read_table(Scenario, text, source)


def shipped_scenarios() -> list[tuple[str, str]]:
    """Return (name, description) of every scenario that ships, the default one first."""
    loaded = [load_scenario(name) for name in _shipped_names()]
    loaded.sort(key=lambda scenario: (scenario.name != DEFAULT_SCENARIO, scenario.name))
    return [(scenario.name, scenario.description) for scenario in loaded]


def resolved_toml(scenario: Scenario) -> str:
    """Return the scenario as TOML with every default written out; reading it gives it back."""
    return tomli_w.dumps(scenario.model_dump(mode="python", exclude_none=True))


def draw_patient(scenario: Scenario, seed: int, patient_index: int = 0) -> VirtualPatient:
    """Return the scenario's patient number patient_index of this seed, before any dose.

    Without variability every seed gives the nominal patient.
    """
    parameters = draw_parameters(
        scenario.patient.parameters(), scenario.variability.settings(), seed, patient_index
    )
    patient = scenario.patient
    rhythm = None if patient.rhythm is None else patient.rhythm.course()
    return make_patient(parameters, patient.changes(), rhythm, scenario.start_day_s)


def make_sensor(scenario: Scenario, seed: int) -> ConcentrationSensor:
    """Return the scenario's sensor, whose counts are what its program takes them for."""
    count_ng_l = scenario.problem().reading_ng_l
    return ConcentrationSensor(scenario.sensor.settings(), seed, count_ng_l=count_ng_l)


def _is_scenario(text: str) -> bool:
    """Say whether a TOML text says more than a therapy file may."""
    try:
        return not tomllib.loads(text).keys() <= TherapyFile.model_fields.keys()
    except (ValueError, RecursionError):
        return False


def _text_and_source(name_or_path: str | Path) -> tuple[str, str]:
    """Return a scenario's text, and the file's name for errors."""
    name = str(name_or_path)
    if name in _shipped_names():
        return _shipped_text(name), name + _SUFFIX
    path = Path(name_or_path)
    if path.suffix != _SUFFIX and not path.exists():
        nearest = difflib.get_close_matches(name, _shipped_names(), n=1, cutoff=0.0)[0]
        raise ScenarioError(
            f"There is no scenario {name!r}; the nearest that ships is {nearest}, "
            "`mesor scenarios` lists them all, and a path of your own ends in .toml."
        )
    return read_file(path), name


def _shipped_names() -> list[str]:
    """Return the names of the scenarios in the package, sorted."""
    library = resources.files("mesor_hil.scenarios") / "library"
    return sorted(
        entry.name.removesuffix(_SUFFIX)
        for entry in library.iterdir()
        if entry.name.endswith(_SUFFIX)
    )


def _shipped_text(name: str) -> str:
    """Return the text of a scenario in the package."""
    library = resources.files("mesor_hil.scenarios") / "library"
    return (library / (name + _SUFFIX)).read_text(encoding="utf-8")
