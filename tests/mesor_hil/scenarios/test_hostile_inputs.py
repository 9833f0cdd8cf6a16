# SPDX-License-Identifier: MIT
"""Whatever stands in an input file, it is read or refused in a sentence; nothing else happens."""

from __future__ import annotations

import copy
import random
import tomllib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from mesor.dosing.patient_file import read_patient
from mesor.errors import MesorError
from mesor_hil.scenarios.loader import _shipped_names, _shipped_text, read_scenario

PATIENT = """
[patient]
sex = "female"
age_years = 62
weight = "71500 g"
height_cm = 165
[kidneys]
creatinine_umol_l = 88.4
cystatin_c_mg_l = 0.9
[composition]
albumin_g_l = 28
hematocrit_percent = 33
[genes]
cyp3a5 = "*1/*3"
"""
ODD = (
    0, -1, 1, 10**30, -(10**30), 0.0, -0.0, 1e-320, 1e308, float("inf"), float("nan"), True, "",
    "0", "nan", "inf mg", "5", "5 furlongs", "-3 mL/h", "1e999 mg/L", "\u0660 h", "x" * 3000, [],
    [[]], [{}], {}, {"value": 1},
)  # fmt: skip


def places(table: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every value of a table, and to every table in it."""
    items = table.items() if isinstance(table, dict) else enumerate(table)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


def altered(table: dict[str, Any], draw: random.Random) -> str:
    """Return the table as TOML with some values replaced, lost, misspelt or doubled."""
    table = copy.deepcopy(table)
    for _ in range(draw.randrange(1, 4)):
        ways = list(places(table))
        if not ways:
            break
        *path, key = draw.choice(ways)
        holder: Any = table
        for step in path:
            holder = holder[step]
        what = draw.randrange(4)
        if what == 0 and isinstance(holder, dict):
            del holder[key]
        elif what == 1 and isinstance(holder, dict):
            holder[f"{key}s"] = holder.pop(key)
        else:
            holder[key] = copy.deepcopy(draw.choice(ODD))
    return tomli_w.dumps(table)


def read_or_refused(read: Callable[[str], object], text: str) -> None:
    """Hold the reader to one sentence."""
    try:
        read(text)
    except MesorError as error:
        assert str(error)
        assert "Traceback" not in str(error)


@pytest.mark.parametrize("name", _shipped_names()[::4])
def test_an_altered_scenario_is_read_or_refused(name: str) -> None:
    """Every fourth that ships; its problem too is made or refused."""
    table = tomllib.loads(_shipped_text(name))
    draw = random.Random(name)
    for _ in range(60):
        text = altered(table, draw)
        read_or_refused(lambda text: read_scenario(text, "s.toml").problem(), text)


def test_an_altered_patient_is_read_or_refused() -> None:
    """Nothing is imputed, and nothing but a sentence comes of nonsense."""
    table, draw = tomllib.loads(PATIENT), random.Random(3)
    for _ in range(600):
        read_or_refused(lambda text: read_patient(text, "p.toml"), altered(table, draw))


@settings(max_examples=40)
@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Not even TOML."""
    read_or_refused(lambda text: read_patient(text, "p.toml"), text)
    read_or_refused(lambda text: read_scenario(text, "s.toml"), text)
