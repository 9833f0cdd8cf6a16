# SPDX-License-Identifier: MIT
"""Input files in general: either spelling of a quantity, one sentence for every mistake."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import Field

from mesor.errors import ScenarioError
from mesor.input_tables import Section, read_table


class Sample(Section):
    """A level drawn from a patient."""

    at_h: Annotated[float, Field(ge=0, lt=99)]
    count: int = 1


class Chart(Section):
    """A small input file with each kind of field."""

    title: str
    tick_s: Annotated[int, Field(gt=0)] = 60
    route: Literal["oral", "intravenous"] = "oral"
    first: Sample | None = None
    sample: tuple[Sample, ...] = ()


def test_both_spellings_of_a_quantity_read_the_same() -> None:
    """tick_s = 300 and tick = "5 min" are one quantity, in sections and lists of them too."""
    plain = 'title = "x"\ntick_s = 300\n[first]\nat_h = 1.5\n[[sample]]\nat_h = 2\n'
    spoken = 'title = "x"\ntick = "5 min"\n[first]\nat = "90 min"\n[[sample]]\nat_h = "2 h"\n'
    assert read_table(Chart, plain, "a") == read_table(Chart, spoken, "b")
    assert read_table(Chart, plain, "a").sample == (Sample(at_h=2.0),)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("title = ", "c.toml: this is not valid TOML: Invalid value (at end of document)."),
        ("", "c.toml: title is missing; it must be text."),
        ("title = 5", "c.toml: title is 5; it must be text."),
        (
            'title = "x"\ntick = 300',
            'c.toml: tick is 300: missing unit; write tick_s = 300 or tick = "300 s".',
        ),
        (
            'title = "x"\ntick = "0 s"',
            "c.toml: tick is 0 s; it must be a whole number, more than 0 s.",
        ),
        (
            'title = "x"\ntick_s = 0.5',
            "c.toml: tick_s is 0.5 s; it must be a whole number, more than 0 s.",
        ),
        (
            'title = "x"\ntick_s = 60\ntick = "60 s"',
            "c.toml: tick and tick_s state the same quantity; keep one of them.",
        ),
        (
            'title = "x"\nrout = "oral"',
            "c.toml: rout is not a known key; the nearest one is route.",
        ),
        (
            'title = "x"\nroute = "nasal"',
            "c.toml: route is 'nasal'; it must be one of oral, intravenous.",
        ),
        (
            'title = "x"\n[[sample]]\nat_h = 1\n[[sample]]\nat = "5 mg"',
            "c.toml: sample[1].at: '5 mg' is a mass, not a time; write it in h, like \"1 h\".",
        ),
        (
            'title = "x"\n[[sample]]\nat_h = 99',
            "c.toml: sample[0].at_h is 99 h; it must be a number, at least 0 and less than 99 h.",
        ),
        (
            'title = "x"\n[[sample]]\nat_h = true',
            "c.toml: sample[0].at_h is true; it must be a number, at least 0 and less than 99 h.",
        ),
        (
            'title = "x"\nsample = 3',
            "c.toml: sample must be tables, each under [[sample]].",
        ),
        ('title = "x"\nfirst = 3', "c.toml: first must be a section, [first]."),
        (
            'title = "x"\n[first.at_h]\nx = 1',
            "c.toml: first.at_h is a table; it must be a number, at least 0 and less than 99 h.",
        ),
    ],
)
def test_each_mistake_has_its_sentence(text: str, sentence: str) -> None:
    """File, key, value, what is allowed and the unit: the wording users see, in full."""
    with pytest.raises(ScenarioError) as caught:
        read_table(Chart, text, "c.toml")
    assert str(caught.value) == sentence


def test_nesting_deeper_than_the_parser_goes_is_a_sentence_too() -> None:
    """A hostile file may not end in a RecursionError."""
    with pytest.raises(ScenarioError, match="not valid TOML"):
        read_table(Chart, "title = " + "[" * 100_000, "c.toml")
