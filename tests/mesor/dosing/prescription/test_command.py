# SPDX-License-Identifier: MIT
"""`mesor prescribe` as a person meets it: what is printed and written, what is refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from mesor import cli
from mesor.program.therapy_file import load_therapy

BODY = '[patient]\nsex = "female"\nage_years = 62\nweight_kg = 71.5\nheight_cm = 165\n'
KIDNEYS = "[kidneys]\ncreatinine_umol_l = 110\n"
DOSES = "[[dose]]\ntime_h = 0\namount_mg = 1000\nduration_h = 1\ncount = 3\ninterval_h = 12\n"
LEVELS = "time_h,conc_mg_l\n11.5,14\n35,22.5\n"


@pytest.fixture
def mesor(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Any:
    """Return a function that prescribes for a patient's text, with levels if given."""

    def run(patient: str, *arguments: str, levels: str | None = None) -> tuple[int, str, str]:
        (tmp_path / "p.toml").write_text(patient, encoding="utf-8")
        extra: list[str] = []
        if levels is not None:
            (tmp_path / "l.csv").write_text(levels, encoding="utf-8")
            extra = ["--levels", "l.csv"]
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setattr(sys, "argv", ["mesor", "prescribe", "p.toml", *arguments, *extra])
        with pytest.raises(SystemExit) as left:
            cli.main()
        captured = capsys.readouterr()
        return int(left.value.code or 0), captured.out, captured.err

    return run


def test_a_prescription_with_levels_is_printed_within_80_columns(mesor: Any) -> None:
    """Every part that a prescriber asks for, and the notice."""
    status, out, _ = mesor(BODY + KIDNEYS + DOSES, "--drug", "vancomycin", levels=LEVELS)
    assert status == 0
    assert max(len(line.rstrip()) for line in out.splitlines()) <= 80
    for part in (
        "Research software, not a medical device.",
        "What each covariate did",
        "creatinine clearance",
        "shrinkage",
        "a posteriori",
        "fixed dose",
        "a priori",
        "personal",
        "Body and kidneys",
        "chance to reach target",
        "chance to exceed it",
        "chance above a limit",
        "Next dose:",
        "Assumed",
        "Sources",
        "Goti",
    ):
        assert part in out


def test_json_has_the_same_in_numbers(mesor: Any) -> None:
    """CL = 4.5 (CrCl/120)^0.8 with Cockcroft-Gault's 52.9 mL/min, by hand."""
    status, out, _ = mesor(BODY + KIDNEYS, "--drug", "vancomycin", "--json")
    found = json.loads(out)
    clearance = 0.85 * (140 - 62) * 71.5 / (72 * 110 / 88.4)
    row = next(row for row in found["parameters"] if row["name"] == "clearance_l_h")
    assert status == 0 and row["before"]["value"] == pytest.approx(4.5 * (clearance / 120) ** 0.8)
    usual = next(item for item in found["regimens"] if item["name"] == "a priori")
    assert usual["daily_mg"] == pytest.approx(500.0 * row["before"]["value"])
    assert usual["expected"]["auc24_mg_h_l"] == pytest.approx(500.0)


def test_the_therapy_fills_the_area_of_the_prescription(mesor: Any, tmp_path: Path) -> None:
    """AUC24 400 to 600 is 20.8 mg/L in its middle; the file is what mesor compile reads."""
    status, out, _ = mesor(
        BODY + KIDNEYS + DOSES, "--drug", "vancomycin", "--out", "t.toml", levels=LEVELS
    )
    therapy = load_therapy(tmp_path / "t.toml")
    assert status == 0 and "Prepare the syringe at" in out
    assert therapy.therapy.target_mg_l == pytest.approx(500 / 24, rel=1e-5)
    assert therapy.therapy.area_mg_h_l == pytest.approx(500)
    assert therapy.problem().model.clearance_l_h == therapy.model.clearance_l_h
    assert "# Assumed: MIC 1 mg/L" in (tmp_path / "t.toml").read_text()


def test_more_free_cefazolin_is_no_more_free_drug_in_an_infusion(mesor: Any) -> None:
    """Half the albumin: more is free, more is lost, and the free level asks the same rate."""
    rates = []
    for albumin in (40, 20):
        text = BODY + KIDNEYS + f"[composition]\nalbumin_g_l = {albumin}\n"
        _, out, _ = mesor(text, "--drug", "cefazolin", "--json")
        found = json.loads(out)
        assert found["regimens"][-1]["name"] == "infusion"
        rates.append(found["regimens"][-1]["rate_mg_h"])
    factors = {e["parameter"]: e["factor"] for e in found["effects"] if e["covariate"] != "egfr"}
    assert factors["free_fraction"] > 1.3
    assert rates[1] == pytest.approx(rates[0], rel=1e-6)


def test_body_and_kidneys_are_told_by_every_usual_measure(mesor: Any) -> None:
    """By hand: BMI 71.5/1.65^2; Cockcroft-Gault on three weights; CKD-EPI 2021, both ways."""
    _, out, _ = mesor(BODY + KIDNEYS + "cystatin_c_mg_l = 1.4\n", "--drug", "vancomycin", "--json")
    found = {(m["name"], m["note"]): m["value"] for m in json.loads(out)["measures"]}
    creatinine, ideal = 110 / 88.4, 45.5 + 2.3 * (165 / 2.54 - 60)
    gault = 0.85 * (140 - 62) / (72 * creatinine)
    alone = 142 * (creatinine / 0.7) ** -1.2 * 0.9938**62 * 1.012
    both = 135 * (creatinine / 0.7) ** -0.544 * (1.4 / 0.8) ** -0.778 * 0.9961**62 * 0.963
    surface = (165 * 71.5 / 3600) ** 0.5
    assert found["body mass index", ""] == pytest.approx(26.26, abs=0.01)
    assert found["creatinine clearance", "on actual body weight"] == pytest.approx(gault * 71.5)
    assert found["creatinine clearance", "on ideal body weight"] == pytest.approx(gault * ideal)
    assert found["creatinine clearance", "on adjusted body weight"] == pytest.approx(
        gault * (ideal + 0.4 * (71.5 - ideal))
    )
    assert found["eGFR", "from creatinine"] == pytest.approx(alone)
    assert found["eGFR", "from creatinine and cystatin C"] == pytest.approx(both)
    assert found[
        "glomerular filtration rate", "from creatinine and cystatin C, in absolute terms"
    ] == pytest.approx(both * surface / 1.73)


def test_what_a_genotype_means_is_told_whatever_the_drug(mesor: Any) -> None:
    """CPIC: *1/*10 has 1.25 and is normal; *1xN of *2 is open above; *2/*17 is intermediate."""
    text = BODY + KIDNEYS + '[genes]\ncyp2d6 = "*1/*10"\ncyp2c19 = "*2/*17"\n'
    _, out, _ = mesor(text, "--drug", "vancomycin", "--json")
    found = {gene["gene"]: gene for gene in json.loads(out)["genes"]}
    assert found["CYP2D6"]["score"] == {"low": 1.25, "high": 1.25}
    assert found["CYP2D6"]["names"] == ["normal metabolizer"]
    assert found["CYP2C19"]["names"] == ["intermediate metabolizer"]
    _, out, _ = mesor(text.replace("*1/*10", "*1/*2xN"), "--drug", "vancomycin")
    assert "3 or more" in out and "ultrarapid metabolizer" in out


def test_a_file_may_begin_with_a_byte_order_mark(mesor: Any) -> None:
    """As some editors write it."""
    status, _, _ = mesor("\ufeff" + BODY + KIDNEYS, "--drug", "vancomycin", "--json")
    assert status == 0


def test_a_target_may_be_asked_for_instead_of_the_windows_middle(mesor: Any) -> None:
    """The dose for an area is the area times clearance; the window still judges it."""
    _, out, _ = mesor(BODY + KIDNEYS, "--drug", "vancomycin", "--target", "420", "--json")
    found = json.loads(out)
    clearance = next(r for r in found["parameters"] if r["name"] == "clearance_l_h")
    usual = next(item for item in found["regimens"] if item["name"] == "a priori")
    assert usual["daily_mg"] == pytest.approx(420.0 * clearance["before"]["value"])
    assert found["target"]["low"] == 400.0 and found["target"]["high"] == 600.0


def test_a_regimen_that_is_likely_to_harm_is_warned_of(mesor: Any) -> None:
    """Cefazolin for failing kidneys: nine of ten above the MIC, a third above 20 mg/L."""
    _, out, _ = mesor(BODY + KIDNEYS, "--drug", "cefazolin", "--mic", "4", "--json")
    found = json.loads(out)
    usual = next(item for item in found["regimens"] if item["name"] == "a priori")
    assert usual["expected"]["exceeds_limit"] > 0.3
    assert any(text.startswith("a priori: ") for text in found["warnings"])


def test_a_dose_without_a_duration_is_said_to_be_a_bolus(mesor: Any) -> None:
    """An hour's infusion taken for a bolus is another patient."""
    for text, said in ((DOSES.replace("duration_h = 1\n", ""), True), (DOSES, False)):
        _, out, _ = mesor(BODY + KIDNEYS + text, "--drug", "vancomycin", "--json", levels=LEVELS)
        assert any("were boluses" in line for line in json.loads(out)["assumed"]) is said


def test_a_rhythm_is_shown_and_said_to_be_in_the_program_only(mesor: Any) -> None:
    """Fleming 2015: 20 % between trough and peak, so 1.2 = (1 + a) / (1 - a)."""
    _, out, _ = mesor(BODY + KIDNEYS, "--drug", "fluorouracil", "--json")
    found = json.loads(out)
    factors = [e["factor"] for e in found["effects"] if e["covariate"].startswith("clock")]
    assert max(factors) / min(factors) == pytest.approx(1.2)
    said = "clearance at its mean of the day; only the pump's program follows its rhythm"
    assert said in found["assumed"]


def test_models_are_averaged_by_name(mesor: Any) -> None:
    """Weights are told and sum to one."""
    status, out, _ = mesor(
        BODY + KIDNEYS + DOSES,
        *("--drug", "vancomycin", "--model", "average", "--json"),
        levels=LEVELS,
    )
    models = json.loads(out)["models"]
    assert status == 0 and len(models) > 1
    assert sum(model["weight"] for model in models) == pytest.approx(1.0)


def test_a_poor_metabolizer_is_warned_of_clopidogrel(mesor: Any) -> None:
    """No figure exists, and silence would read like no effect."""
    text = BODY + '[genes]\ncyp2c19 = "*2/*2"\n'
    status, out, _ = mesor(text, "--drug", "clopidogrel", "--json")
    warnings = " ".join(json.loads(out)["warnings"])
    assert status == 0 and "CYP2C19 *2/*2 (poor metabolizer)" in warnings
    assert "avoid clopidogrel" in warnings


def test_the_plot_is_a_page_of_its_own(mesor: Any, tmp_path: Path) -> None:
    """It opens without a network."""
    status, _, _ = mesor(
        BODY + KIDNEYS + DOSES, "--drug", "vancomycin", "--plot", "p.html", levels=LEVELS
    )
    page = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert status == 0 and "posterior" in page and "src=" not in page[:2000]


@pytest.mark.parametrize(
    ("patient", "arguments", "levels", "sentence"),
    [
        (BODY, ("--drug", "vancomycin"), None, "creatinine is missing and this model needs it"),
        (BODY + KIDNEYS, ("--drug", "vancomicin"), None, "the nearest one is vancomycin"),
        (BODY + KIDNEYS, ("--drug", "vancomycin", "--model", "Gotti"), None, "Goti 2018"),
        (BODY + KIDNEYS, ("--drug", ""), None, "an empty name is not a known drug"),
        (
            BODY.replace("71.5", "71,5") + KIDNEYS,
            ("--drug", "vancomycin"),
            None,
            "A number has a decimal point: write 71.5.",
        ),
        (
            BODY + KIDNEYS + 'dialysis = "yes"\n',
            ("--drug", "vancomycin"),
            None,
            "kidneys.dialysis is 'yes'; it must be true or false.",
        ),
        (
            BODY + KIDNEYS,
            ("--drug", "vancomycin"),
            LEVELS,
            "there are 2 levels and no doses; give what was infused as [[dose]]",
        ),
        (
            BODY + KIDNEYS + DOSES.replace("time_h = 0", "time_h = 20"),
            ("--drug", "vancomycin"),
            LEVELS,
            "a level is of 11.5 h and the first dose of 20 h; a level must come after a dose",
        ),
        (
            BODY + KIDNEYS,
            ("--drug", "vancomycin", "--mic", "5000"),
            None,
            "the MIC is 5000 mg/L; it must be 0.001 to 1024 mg/L.",
        ),
        (
            BODY + KIDNEYS,
            ("--drug", "propofol", "--mic", "1"),
            None,
            "propofol is dosed by level, which has no MIC",
        ),
        (
            BODY + KIDNEYS,
            ("--drug", "vancomycin", "--target", "40000"),
            None,
            "at most 1000 mg/h may be infused, so no rate reaches it",
        ),
        (
            BODY + KIDNEYS,
            ("--drug", "clopidogrel", "--out", "t.toml"),
            None,
            "clopidogrel is dosed by its response, and no level or area is its target",
        ),
        (
            BODY + KIDNEYS,
            ("--drug", "vancomycin", "--out", "t.toml", "--syringe-mg-ml", "0.0001"),
            None,
            "no therapy can be made of this prescription",
        ),
        (
            BODY + '[genes]\ndpyd = "*1/*99"\n',
            ("--drug", "fluorouracil"),
            None,
            "p.toml: [genes] DPYD *99 is not a known allele",
        ),
        (
            BODY + KIDNEYS + DOSES,
            ("--drug", "vancomycin", "--next-at", "3"),
            LEVELS,
            "the next dose is asked for at 3 h; the last one was given at 24 h",
        ),
        (
            BODY + KIDNEYS,
            ("--drug", "vancomycin", "--plot", "p.html"),
            None,
            "--plot shows levels",
        ),
        (
            BODY + KIDNEYS,
            ("--drug", "vancomycin", "--out", "t.toml", "--plot", "p.html"),
            None,
            "--plot shows levels",
        ),
        (
            BODY + KIDNEYS + DOSES,
            ("--drug", "vancomycin", "--out", "t.toml", "--plot", "none/p.html"),
            LEVELS,
            "none/p.html",
        ),
        (
            BODY + KIDNEYS,
            ("--drug", "vancomycin", "--syringe-mg-ml", "5"),
            None,
            "--syringe-mg-ml 5 mg/mL is of the therapy of --out",
        ),
        (
            BODY + KIDNEYS,
            ("--drug", "vancomycin", "--next-at", "25"),
            None,
            "the next dose is asked for at 25 h and no dose was given before",
        ),
        (
            BODY + KIDNEYS,
            ("--drug", "vancomycin", "--target", "-5"),
            None,
            "--target is -5; it must be more than 0",
        ),
        (
            BODY.replace("62", "0.1") + "[kidneys]\ncreatinine_umol_l = 25\n",
            ("--drug", "vancomycin"),
            None,
            "Goti 2018: age is 0.1 years; it must be 18 to 125 years. Other models of vancomycin",
        ),
        (
            BODY + '[genes]\ndpyd = "c.2846A>T;HapB3"\n',
            ("--drug", "fluorouracil"),
            None,
            "DPYD leaves 0.5 to 0.75 as the factor",
        ),
    ],
)
def test_what_no_dose_follows_from_is_one_sentence_and_status_2(
    mesor: Any,
    tmp_path: Path,
    patient: str,
    arguments: tuple[str, ...],
    levels: str | None,
    sentence: str,
) -> None:
    """What was got, what is allowed, the unit, what to do; nothing is left half-written."""
    status, out, err = mesor(patient, *arguments, levels=levels)
    assert status == 2 and out == ""
    assert err.startswith("mesor: ") and err.count("\n") == 1 and sentence in err
    assert not (tmp_path / "t.toml").exists()


def test_json_tells_what_was_written_and_how_to_fill_the_syringe(mesor: Any) -> None:
    """A script that writes a therapy must not lose the concentration that it is for."""
    _, out, _ = mesor(BODY + KIDNEYS, "--drug", "vancomycin", "--out", "t.toml", "--json")
    found = json.loads(out)
    assert found["written"] == ["t.toml"]
    assert "Prepare the syringe at 100 mg/mL." in found["notes"]
