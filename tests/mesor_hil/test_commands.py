# SPDX-License-Identifier: MIT
"""The command line as a person meets it: exit status, one sentence, nothing half-written."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import tomli_w

from mesor import cli
from mesor.program.therapy_file import TherapyFile
from mesor_hil.scenarios import load_scenario

Output = tuple[int, str, str]


@pytest.fixture
def mesor(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Return a function that runs the command line in this process."""

    def run(*arguments: str) -> Output:
        monkeypatch.setattr(sys, "argv", ["mesor", *arguments])
        with pytest.raises(SystemExit) as left:
            cli.main()
        captured = capsys.readouterr()
        return int(left.value.code or 0), captured.out, captured.err

    return run


def test_a_run_on_the_twin_prints_one_json_object_and_exits_0(mesor, tmp_path: Path) -> None:
    """Scripts read --json from stdout; progress belongs elsewhere."""
    folder = tmp_path / "run"
    status, out, _ = mesor(
        "run", "vancomycin_two_hours", "--target", "twin", "--out", str(folder), "--json"
    )
    assert status == 0
    summary = json.loads(out)
    assert summary["verdict"] == "pass"
    assert summary == json.loads((folder / "summary.json").read_text())
    assert mesor("replay", str(folder), "--json")[0] == 0


def test_a_failed_verdict_exits_1(mesor, tmp_path: Path) -> None:
    """CI must see a bad run without reading anything."""
    text = mesor_scenario().replace("mdape_max_percent = 15", "mdape_max_percent = 0.01")
    path = tmp_path / "strict.toml"
    path.write_text(text)
    status, out, _ = mesor("run", str(path), "--target", "twin", "--out", str(tmp_path / "run"))
    assert status == 1
    assert "FAIL" in out


def mesor_scenario() -> str:
    """Return the text of the short scenario."""
    from importlib import resources

    library = resources.files("mesor_hil.scenarios") / "library"
    return (library / "vancomycin_two_hours.toml").read_text()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("target_mg_l", "taget_mg_l"), "target_mg_l"),
        (("rate_max_mg_h = 1000", "rate_max_mg_h = -5"), "rate_max_mg_h"),
        (("rate_max_mg_h = 1000", "rate_max = 1000"), "unit"),
        (("[drug]", "[drug"), "TOML"),
    ],
)
def test_a_bad_scenario_exits_2_with_one_sentence_and_writes_nothing(
    mesor, tmp_path: Path, change: tuple[str, str], expected: str
) -> None:
    """A bench tester mends the file from what is printed."""
    path = tmp_path / "bad.toml"
    path.write_text(mesor_scenario().replace(*change, 1))
    folder = tmp_path / "run"
    status, out, err = mesor("run", str(path), "--target", "twin", "--out", str(folder))
    assert status == 2
    assert out == ""
    assert expected in err
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1
    assert not folder.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "no_such_scenario"),
        ("run", "--target", "/dev/no-such-port", "vancomycin_two_hours"),
        ("run", "--seed", "-1"),
        ("replay", "/no/such/folder"),
        ("report", "/no/such/folder"),
        ("bench", "nothing"),
        ("no-such-command",),
        ("run", "--no-such-option"),
    ],
)
def test_what_cannot_run_exits_2_with_one_sentence(
    mesor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """Never a traceback, never a file left behind."""
    monkeypatch.chdir(tmp_path)
    status, out, err = mesor(*arguments)
    assert status == 2
    assert out == ""
    assert "Traceback" not in err
    assert err.strip().splitlines()[-1].startswith("mesor: ")
    assert not list(tmp_path.rglob("summary.json"))


def test_a_file_that_is_no_log_is_refused(mesor, tmp_path: Path) -> None:
    """Any file may be handed to replay."""
    path = tmp_path / "run.mcap"
    path.write_bytes(b"not a log" * 100)
    status, _, err = mesor("replay", str(path))
    assert status == 2
    assert "holds no run of Mesor" in err


def test_compile_writes_the_program_and_prints_its_certificate(mesor, tmp_path: Path) -> None:
    """The certificate's figures come with the program."""
    path = tmp_path / "program.bin"
    status, out, _ = mesor("compile", "-o", str(path), "--samples", "200", "--json")
    certificate = json.loads(out)
    assert status == 0
    assert path.stat().st_size == certificate["program_bytes"]
    assert all(bound["magnitude"] < bound["limit"] for bound in certificate["bounds"])


def test_compile_shows_the_certificate_of_every_model_of_a_bank(mesor, tmp_path: Path) -> None:
    """Whoever trusts the pump with five models must see five proofs, not the worst."""
    path = str(tmp_path / "program.bin")
    status, out, _ = mesor("compile", "vancomycin_bank", "-o", path, "--samples", "100", "--json")
    certificate = json.loads(out)
    assert status == 0
    assert [model["clearance_factor"] for model in certificate["models"]] == [1.0, 0.5, 2.0]
    errors = [
        max(model["cold_error"]["maximum"], model["warm_error"]["maximum"])
        for model in certificate["models"]
    ]
    assert len(set(errors)) == 3
    worst = certificate["models"][errors.index(max(errors))]
    assert {key: certificate[key] for key in worst} == worst


def test_a_therapy_file_compiles_to_the_same_program_as_the_scenario_around_it(
    mesor, tmp_path: Path
) -> None:
    """Patient, sensor and checks are the bench's; not one word of the program comes of them."""
    scenario = load_scenario("vancomycin_two_hours").model_dump(exclude_none=True)
    therapy = {key: scenario[key] for key in TherapyFile.model_fields if key in scenario}
    file = tmp_path / "therapy.toml"
    file.write_text(tomli_w.dumps(therapy), encoding="utf-8")
    programs = []
    for number, source in enumerate((str(file), "vancomycin_two_hours")):
        path = tmp_path / f"{number}.bin"
        status, _, _ = mesor("compile", source, "-o", str(path), "--samples", "200")
        assert status == 0
        programs.append(path.read_bytes())
    assert programs[0] == programs[1]


def test_a_therapy_files_unknown_key_is_answered_with_the_nearest(mesor, tmp_path: Path) -> None:
    """A misspelt section is not taken for a scenario's."""
    file = tmp_path / "therapy.toml"
    file.write_text("name = 'x'\n[terapy]\ntarget_mg_l = 20\n", encoding="utf-8")
    status, _, err = mesor("compile", str(file))
    assert status == 2
    assert "terapy is not a known key; the nearest one is therapy." in err


def test_every_shipped_scenario_is_listed(mesor) -> None:
    """The default comes first."""
    status, out, _ = mesor("scenarios", "--json")
    assert status == 0
    assert json.loads(out)[0]["name"] == "vancomycin_infusion"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("bench", "motor"), "There is no benchmark 'motor'"),
        (("bench", "solver", "--horizon", "60"), "A horizon of 60 steps was asked for"),
        (("bench", "solver", "--page", "pyproject.toml"), "has no section between"),
    ],
)
def test_a_benchmark_that_cannot_be_made_exits_2(
    mesor, arguments: tuple[str, ...], sentence: str
) -> None:
    """Before anything is built or measured."""
    status, out, err = mesor(*arguments)
    assert (status, out) == (2, "")
    assert sentence in err
