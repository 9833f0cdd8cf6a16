# SPDX-License-Identifier: MIT
"""The library itself: which drugs there are, and one of them with all that is known of it.

One TOML file per drug, read strictly; `mesor drugs` and `mesor prescribe` rely on it.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

from mesor.dosing import binding, rhythm
from mesor.dosing.binding import LinearBinding, SaturableBinding
from mesor.dosing.library.fixed_dose import FixedDose
from mesor.dosing.library.model import PublishedModel
from mesor.dosing.library.schema import DrugFile, Limit, Source, Target
from mesor.dosing.rhythm import DailyCourse
from mesor.errors import DosingError
from mesor.input_tables import read_table

_ALBUMIN_REFERENCE_G_L = 40.0  # where a source gives a free fraction without an albumin
_COURSES = {"fluorouracil": rhythm.FLUOROURACIL_LEVEL}
_SITES = {"cefazolin": binding.CEFAZOLIN}


@dataclass(frozen=True, slots=True)
class Drug:
    """One drug.  models: the first is the default; empty where none could be sourced."""

    name: str
    file: DrugFile
    models: tuple[PublishedModel, ...]
    target: Target
    limits: tuple[Limit, ...]
    binding: LinearBinding | SaturableBinding | None
    fixed_dose: FixedDose | None
    rhythm: DailyCourse | None
    sources: dict[str, Source]

    def for_weight(self, weight_kg: float) -> Drug:
        """Return the drug with the limits of a patient of this actual weight."""
        return replace(self, limits=tuple(limit.for_weight(weight_kg) for limit in self.limits))

    def citation(self, key: str) -> str:
        """Return the source behind a key, in one line."""
        return self.sources[key].cited()

    def model(self, name: str | None = None) -> PublishedModel:
        """Return a model by name, or the default; DosingError names the nearest."""
        if not self.models:
            raise DosingError(f"{self.name} has no model in the library: {self.file.note}")
        if name is None:
            return self.models[0]
        for model in self.models:
            if model.name.casefold() == name.casefold():
                return model
        names = [model.name for model in self.models]
        nearest = difflib.get_close_matches(name, names, n=1, cutoff=0.0)[0]
        raise DosingError(
            f"{self.name} has no model {name!r}; the nearest one is {nearest}. "
            f"Known are {', '.join(names)}."
        )


def _files() -> dict[str, str]:
    """Return the text of each drug's file by its name."""
    folder = resources.files(__package__).joinpath("drugs")
    found = (item for item in folder.iterdir() if item.name.endswith(".toml"))
    return {item.name.removesuffix(".toml"): item.read_text("utf-8") for item in found}


@cache
def drug_names() -> tuple[str, ...]:
    """Return the names of all drugs, in alphabetical order."""
    return tuple(sorted(_files()))


@cache
def load_drug(name: str) -> Drug:
    """Return a drug by its name or its other name; DosingError names the nearest known."""
    wanted = name.strip().casefold().replace(" ", "-")
    texts = _files()
    if wanted not in texts:
        for drug in texts:
            other = read_drug(texts[drug], f"{drug}.toml").file.also_called
            if other and wanted in [item.strip().casefold() for item in other.split(",")]:
                return load_drug(drug)
        nearest = difflib.get_close_matches(wanted, texts, n=1, cutoff=0.0)[0]
        raise DosingError(
            f"{name or 'an empty name'} is not a known drug; the nearest one is {nearest}. "
            f"Known are {', '.join(drug_names())}."
        )
    return read_drug(texts[wanted], f"{wanted}.toml")


def read_drug(text: str, source: str) -> Drug:
    """Return the drug that a file's text describes; source names the file in errors.

    Raises ScenarioError for anything that no drug can be, DosingError for a source that
    is cited and not listed.
    """
    file = read_table(DrugFile, text, source)
    sources = {item.key: item for item in file.source}
    for key in cited(file):
        if key not in sources:
            raise DosingError(f"{source}: the source {key} is cited and not listed.")
    return Drug(
        name=file.name,
        file=file,
        models=tuple(PublishedModel(file.name, model, sources) for model in file.model),
        target=file.target,
        limits=file.limit,
        binding=_binding(file, sources),
        fixed_dose=None if file.fixed_dose is None else FixedDose(file.fixed_dose, sources),
        rhythm=None if file.rhythm is None else _COURSES[file.rhythm.course],
        sources=sources,
    )


def cited(file: DrugFile) -> tuple[str, ...]:
    """Return every source key that a file's tables name."""
    found: list[str] = []

    def gather(value: object) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                if key.endswith("source") and isinstance(inner, str):
                    found.append(inner)
                gather(inner)
        elif isinstance(value, list | tuple):
            for inner in value:
                gather(inner)

    gather(file.model_dump())
    return tuple(dict.fromkeys(found))


def _binding(
    file: DrugFile, sources: dict[str, Source]
) -> LinearBinding | SaturableBinding | None:
    """Return the drug's protein binding, if its file has one."""
    own = file.binding
    if own is None:
        return None
    if own.sites is not None:
        return _SITES[own.sites]
    assert own.free_fraction is not None, "the schema asks for one of both"
    albumin_g_l = own.albumin_g_l or _ALBUMIN_REFERENCE_G_L
    return LinearBinding(own.free_fraction, albumin_g_l, sources[own.source].text)
