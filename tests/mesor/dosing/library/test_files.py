# SPDX-License-Identifier: MIT
"""The drugs' files: each loads, each number has a source, each slip is refused by name."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any

import pytest

from mesor.dosing.library import drug_names, load_drug, read_drug
from mesor.dosing.library.drug import cited
from mesor.errors import DosingError, ScenarioError

WANTED = (
    "amikacin",
    "cefazolin",
    "cefepime",
    "ciprofloxacin",
    "clopidogrel",
    "fluorouracil",
    "gentamicin",
    "penicillin-g",
    "piperacillin",
    "propofol",
    "remifentanil",
    "tacrolimus",
    "tobramycin",
    "vancomycin",
)


def text_of(name: str) -> str:
    """Return a drug's file as it is written."""
    folder = resources.files("mesor.dosing.library").joinpath("drugs")
    return folder.joinpath(f"{name}.toml").read_text("utf-8")


def unsourced(table: dict[str, Any], place: str, has_source: bool = False) -> list[str]:
    """Return the places of numbers in tables that neither cite a source nor stand in one."""
    sourced = has_source or ("source" in table and isinstance(table["source"], str))
    found = []
    for key, value in table.items():
        here = f"{place}.{key}"
        if isinstance(value, bool):
            continue
        if isinstance(value, int | float) and not sourced:
            found.append(here)
        elif isinstance(value, dict):
            # Factors by category belong to the relation around them.
            found += unsourced(value, here, sourced and key == "factors")
        elif isinstance(value, list):
            for item in value:
                if isinstance(item, dict):
                    found += unsourced(item, here)
    return found


def test_all_promised_drugs_are_there_in_order() -> None:
    """The list of the issue."""
    assert drug_names() == WANTED


@pytest.mark.parametrize("name", WANTED)
def test_each_file_loads_with_a_model_a_target_and_a_fixed_dose(name: str) -> None:
    """The first model is the default, and its file has its name."""
    drug = load_drug(name)
    assert drug.name == name and drug.fixed_dose is not None
    assert drug.model() is drug.models[0]
    assert len({model.name for model in drug.models}) == len(drug.models)


@pytest.mark.parametrize("name", WANTED)
def test_each_drug_has_variability_and_a_limit(name: str) -> None:
    """The list of the issue: model, variability, target, limits, sources."""
    drug = load_drug(name)
    assert drug.limits
    assert any(item.cv or item.omega_squared for item in drug.model().section.parameter)


@pytest.mark.parametrize(
    ("name", "quantity", "most"),
    [  # labels of the United States
        ("ciprofloxacin", "daily_dose", 3 * 400.0),
        ("ciprofloxacin", "rate", 400.0),
        ("piperacillin", "daily_dose", 4 * 4000.0),
        ("penicillin-g", "daily_dose", 24 * 600.0),
        ("remifentanil", "rate", 0.12),
        ("vancomycin", "rate", 1000.0),
        ("amikacin", "daily_dose", 1500.0),
    ],
)
def test_limits_are_those_of_the_labels(name: str, quantity: str, most: float) -> None:
    """In mg a day and mg/h; of remifentanil 2 ug/kg/min, in mg/kg/h."""
    found = {limit.quantity: limit.most for limit in load_drug(name).limits}
    assert found[quantity] == most


@pytest.mark.parametrize("name", WANTED)
def test_every_number_in_a_file_stands_beside_a_source(name: str) -> None:
    """In the same table, or in that around a table of factors."""
    assert unsourced(tomllib.loads(text_of(name)), name) == []


@pytest.mark.parametrize("name", WANTED)
def test_every_source_is_cited_and_says_what_it_is(name: str) -> None:
    """No key twice, none idle."""
    file = load_drug(name).file
    keys = [source.key for source in file.source]
    assert sorted(keys) == sorted(set(keys))
    assert set(keys) == set(cited(file))


@pytest.mark.parametrize("name", WANTED)
def test_relations_name_parameters_and_covariates_that_their_model_has(name: str) -> None:
    """Otherwise a relation would never act, or a patient fail late."""
    for model in load_drug(name).file.model:
        parameters = {item.name for item in model.parameter}
        forms = (model.power, model.linear, model.addition, model.exponential, model.factor)
        for item in (item for form in (*forms, model.maturation) for item in form):
            assert item.parameter in parameters, model.name
            assert item.covariate in model.reference.covariates(), model.name
        assert {item.parameter for item in model.gene} <= parameters
        kidneys = "creatinine_clearance_ml_min" in model.reference.covariates()
        assert not kidneys or model.kidneys is not None, model.name


@pytest.mark.parametrize(
    ("written", "wrong", "nearest"),
    [
        ("drug_class =", "drug_klass =", "drug_klass is not a known key; the nearest one is"),
        ("proportional =", "proportionate =", "proportionate is not a known key"),
        ('index = "auc24_over_mic"', 'index = "aucs"', "index"),
        ('name = "clearance_l_h"', 'name = "clearence_l_h"', "clearence_l_h is no parameter"),
    ],
)
def test_a_slip_in_a_file_is_refused_by_its_name(written: str, wrong: str, nearest: str) -> None:
    """The vancomycin file with one word changed."""
    text = text_of("vancomycin")
    assert written in text
    with pytest.raises(ScenarioError, match=nearest):
        read_drug(text.replace(written, wrong, 1), "vancomycin.toml")


def test_a_source_that_is_not_listed_is_refused() -> None:
    """A number must lead to a publication."""
    text = text_of("vancomycin").replace('key = "goti-2018"\n', 'key = "other"\n')
    with pytest.raises(DosingError, match="goti-2018 is cited and not listed"):
        read_drug(text, "vancomycin.toml")


@pytest.mark.parametrize(
    ("asked", "nearest"),
    [("vancomicin", "vancomycin"), ("gentamycin", "gentamicin"), ("propofol2", "propofol")],
)
def test_an_unknown_drug_is_answered_with_the_nearest(asked: str, nearest: str) -> None:
    """As a slip of the pen would be meant."""
    with pytest.raises(DosingError, match=f"{asked} is not a known drug; .* one is {nearest}"):
        load_drug(asked)


def test_a_drug_is_found_by_its_other_name_and_a_model_by_its_own() -> None:
    """5-FU is fluorouracil; upper case does not matter."""
    assert load_drug("5-FU").name == "fluorouracil"
    assert load_drug("Propofol").model("schnider 1998").name == "Schnider 1998"
    with pytest.raises(DosingError, match="the nearest one is Schnider 1998"):
        load_drug("propofol").model("Schneider 1998")
