# SPDX-License-Identifier: MIT
"""What a campaign file may say: a drug, its patients, a sensor and how long they are treated.

Covariates are log-normal around their median and drawn anew outside low to high.  Those
left out are of adults in hospital, and ours: no source has them all.
"""

from __future__ import annotations

import difflib
from importlib import resources
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from mesor.errors import ScenarioError
from mesor.input_tables import (
    Name,
    NotNegative,
    OptionalPositive,
    Positive,
    Section,
    impossible,
    read_file,
    read_table,
)
from mesor_hil.scenarios.schema import Sensor

_SUFFIX = ".toml"
Share = Annotated[float, Field(ge=0, le=1)]


class DrugChoice(Section):
    """Which drug, the published model that doses are found by, and the one patients follow.

    truth left out: patients are drawn from the model itself.
    """

    name: Name
    model: Name | None = None
    truth: Name | None = None
    mic_mg_l: OptionalPositive = None
    target: OptionalPositive = None


class Spread(Section):
    """A covariate in the population."""

    median: Positive
    cv: Annotated[float, Field(ge=0, le=2)]
    low: Positive
    high: Positive

    @model_validator(mode="after")
    def _holds_its_median(self) -> Spread:
        """Check that draws around the median can be accepted."""
        if not self.low <= self.median <= self.high:
            raise impossible(
                f"median is {self.median:g}; it must lie between low, {self.low:g}, and high, "
                f"{self.high:g}."
            )
        return self


class GenotypeShare(Section):
    """How many of the population have a genotype; the rest of each gene's have its first."""

    gene: Name
    genotype: Name
    share: Share


class People(Section):
    """Covariates of the population."""

    female_share: Share = 0.5
    age_years: Spread = Spread(median=60.0, cv=0.25, low=18.0, high=90.0)
    height_male_cm: Spread = Spread(median=176.0, cv=0.04, low=150.0, high=205.0)
    height_female_cm: Spread = Spread(median=163.0, cv=0.04, low=140.0, high=190.0)
    body_mass_index_kg_m2: Spread = Spread(median=26.0, cv=0.18, low=17.0, high=45.0)
    creatinine_male_mg_dl: Spread = Spread(median=0.95, cv=0.4, low=0.4, high=3.0)
    creatinine_female_mg_dl: Spread = Spread(median=0.75, cv=0.4, low=0.4, high=3.0)
    albumin_g_l: Spread = Spread(median=36.0, cv=0.15, low=20.0, high=50.0)
    genotypes: tuple[GenotypeShare, ...] = ()


class Campaign(Section):
    """One drug in one population.

    judged_from_h: of a level that is held, from when on it counts.
    """

    name: Name
    description: Annotated[str, Field(max_length=300)] = ""
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 1
    duration_h: Annotated[float, Field(gt=0, le=744)]
    judged_from_h: NotNegative = 0.0
    drug: DrugChoice
    people: People = People()
    sensor: Sensor = Sensor()


def load_campaign(name_or_path: str) -> Campaign:
    """Return a campaign that ships, by its name, or one in a TOML file, by its path."""
    if name_or_path in shipped_campaigns():
        file = resources.files(__package__) / "library" / (name_or_path + _SUFFIX)
        return read_table(Campaign, file.read_text(encoding="utf-8"), name_or_path + _SUFFIX)
    path = Path(name_or_path)
    if path.suffix != _SUFFIX and not path.exists():
        names = shipped_campaigns()
        nearest = difflib.get_close_matches(name_or_path, names, n=1, cutoff=0.0)[0]
        raise ScenarioError(
            f"There is no campaign {name_or_path!r}; the nearest that ships is {nearest}, all are "
            f"{', '.join(names)}, and a path of your own ends in .toml."
        )
    return read_table(Campaign, read_file(path), name_or_path)


def shipped_campaigns() -> list[str]:
    """Return the names of the campaigns in the package, sorted."""
    library = resources.files(__package__) / "library"
    names = (entry.name for entry in library.iterdir())
    return sorted(name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))
