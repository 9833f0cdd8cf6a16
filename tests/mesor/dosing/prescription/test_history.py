# SPDX-License-Identifier: MIT
"""Levels and doses as a ward writes them: what is read, and one sentence for every mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from mesor.dosing.kinetics import Dose
from mesor.dosing.levels import Level
from mesor.dosing.patient_file import PatientFile
from mesor.dosing.prescription.history import doses_of, read_doses, read_levels
from mesor.errors import MesorError
from mesor.input_tables import read_table

BODY = '[patient]\nsex = "female"\nage_years = 62\nweight_kg = 71.5\nheight_cm = 165\n'


def written(folder: Path, text: str) -> Path:
    """Return a file with this text."""
    path = folder / "l.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        "time_h,conc_mg_l\n24,9.5\n12,<2\n",
        "conc_mg_l;time_h\r\n9.5;24\r\n<2;12\r\n",
        "\ufefftime_h\tconc_mg_l\tlloq_mg_l\n12\t1.1\t2\n24\t9.5\t\n\n",
        "time_h, conc_mg_l, lloq_mg_l\n12, <0.5, 2\n24, 9.5, 2\n",
    ],
)
def test_levels_are_read_from_what_spreadsheets_write(tmp_path: Path, text: str) -> None:
    """Any separator, any order; below quantification by sign or by the assay's limit."""
    levels = read_levels(written(tmp_path, text))
    assert levels == (Level(12.0, 2.0, below_limit=True), Level(24.0, 9.5))


@pytest.mark.parametrize("unit", ["ug_l", "ng_ml"])
def test_levels_may_be_in_the_unit_of_the_laboratory(tmp_path: Path, unit: str) -> None:
    """8.2 ug/L of tacrolimus, as every laboratory prints it, is 0.0082 mg/L."""
    text = f"time_h,conc_{unit},lloq_{unit}\n12,<1,1\n24,8.2,1\n"
    below, seen = read_levels(written(tmp_path, text))
    assert below.below_limit and below.conc_mg_l == pytest.approx(0.001)
    assert seen.conc_mg_l == pytest.approx(0.0082) and not seen.below_limit


def test_doses_of_a_csv_and_of_a_patients_file_are_the_same(tmp_path: Path) -> None:
    """Repetitions are written out, and a settled regimen keeps its endless past."""
    csv = written(
        tmp_path,
        "time_h,amount_mg,duration_h,route,count,interval_h,settled\n"
        "24,500,1,iv,2,12,\n0,1000,2,,,,\n60,100,,oral,,8,yes\n",
    )
    text = BODY + (
        "[[dose]]\ntime_h = 0\namount_mg = 1000\nduration_h = 2\n"
        "[[dose]]\ntime_h = 24\namount_mg = 500\nduration_h = 1\ncount = 2\ninterval_h = 12\n"
        '[[dose]]\ntime_h = 60\namount = "0.1 g"\nroute = "oral"\ninterval_h = 8\nsettled = true\n'
    )
    expected = (
        Dose(0.0, 1000.0, 2.0),
        Dose(24.0, 500.0, 1.0),
        Dose(36.0, 500.0, 1.0),
        Dose(60.0, 100.0, 0.0, "oral", 8.0),
    )
    assert read_doses(csv) == expected
    assert doses_of(read_table(PatientFile, text, "p.toml").dose) == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty; its first line must name time_h, conc_mg_l, lloq_mg_l."),
        ("time_h,conc_mg_l\n", "has 0 rows; 1 to 10000 are allowed."),
        ("time_h,conc\n1,2\n", "'conc' is no column; the nearest one is conc_mg_l."),
        ("time_h\n1\n", "the column conc_mg_l is missing in the first line."),
        ("time_h,conc_mg_l\n12,9,5\n", "line 2 has 3 values for 2 columns; a decimal comma"),
        (
            "time_h;conc_mg_l\n12;9,5\n",
            "line 2: conc_mg_l is '9,5'; it must be a number with a decimal point, 0 to 100000 "
            "mg/L, or as <2 where it was below quantification at 2 mg/L.",
        ),
        ("time_h,conc_mg_l\n\n-1,9\n", "line 3: time_h is '-1'; it must be a number"),
        ("time_h,conc_mg_l\n1,0\n", "line 2: conc_mg_l is 0; no assay measures nothing"),
        ("time_h,conc_mg_l\n1,nan\n", "conc_mg_l is 'nan'"),
        ("time_h,conc_mg_dl\n1,2\n", "'conc_mg_dl' is no column; the nearest one is conc_mg_l."),
        ("time_h,conc_mg_l,conc_ug_l\n1,2,2\n", "names conc_mg_l twice; keep one column of it."),
        ("time_h,conc_ug_l\n1,much\n", "conc_ug_l is 'much'; it must be a number"),
        ("time_h,conc_mg_l\n1,\n", "conc_mg_l is ''"),
    ],
)
def test_a_mistake_in_levels_is_told_with_its_line(
    tmp_path: Path, text: str, sentence: str
) -> None:
    """What was got, what is allowed, the unit."""
    with pytest.raises(MesorError) as caught:
        read_levels(written(tmp_path, text))
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("time_h,amount_mg\n0,0\n", "amount_mg is '0'; it must be a number"),
        ("time_h,amount_mg,route\n0,5,im\n", "route is 'im'; it must be iv or oral."),
        ("time_h,amount_mg,settled\n0,5,maybe\n", "settled is 'maybe'; it must be yes or no."),
        ("time_h,amount_mg,count\n0,5,3\n", "is repeated without interval_h; give it in h."),
        ("time_h,amount_mg,count\n0,5,0\n", "count is '0'"),
        (
            "time_h,amount_mg,count,interval_h\n0,5,1.5,8\n",
            "count is '1.5'; it must be a whole number, 1 to 1000 doses.",
        ),
        (
            "time_h,amount_mg,duration_h,interval_h,settled\n0,5,9,8,yes\n",
            "line 2: an infusion of 9 h is repeated every 8 h; the interval must be no shorter.",
        ),
    ],
)
def test_a_mistake_in_doses_is_told_with_its_line(
    tmp_path: Path, text: str, sentence: str
) -> None:
    """A dose that was never given so would be another patient."""
    with pytest.raises(MesorError) as caught:
        read_doses(written(tmp_path, text))
    assert sentence in str(caught.value)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    """No traceback for a slip of the keyboard."""
    with pytest.raises(MesorError, match="cannot be read"):
        read_levels(tmp_path / "none.csv")
