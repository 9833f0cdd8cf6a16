# SPDX-License-Identifier: MIT
"""`mesor drugs` and `mesor prescribe`.

The dosing rooms are imported when one of them runs, else every other command would begin
a tenth of a second later.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mesor.errors import DosingError
from mesor.input_tables import read_file, read_table

PatientArgument = Annotated[Path, typer.Argument(help="PATIENT.toml: covariates, genes, doses.")]
DrugOption = Annotated[str, typer.Option("--drug", help="Name in the library: mesor drugs.")]
LevelsOption = Annotated[
    Path | None,
    typer.Option(help="CSV with time_h, conc_mg_l or conc_ug_l (<2: below quantification)."),
]
DosesOption = Annotated[
    Path | None, typer.Option(help="CSV with time_h, amount_mg, duration_h; else [[dose]].")
]
MicOption = Annotated[float | None, typer.Option(help="MIC of the pathogen, mg/L.")]
ModelOption = Annotated[
    str | None, typer.Option(help="Published model by name, or 'average' of them all.")
]
TargetOption = Annotated[
    float | None, typer.Option(help="Instead of the library's target, in its index's unit.")
]
NextOption = Annotated[float | None, typer.Option(help="Time of the next dose, h.")]
SyringeOption = Annotated[
    float | None, typer.Option(help="Drug in the syringe of --out, mg/mL; else one is chosen.")
]
RunningOption = Annotated[
    Path | None,
    typer.Option(
        help="Therapy or scenario that runs: --out keeps its syringe, pump and tick, so that it "
        "can take over (mesor run --take-over)."
    ),
]
BankOption = Annotated[
    bool, typer.Option(help="Give --out models of other clearances, for the pump to weigh.")
]
OutOption = Annotated[
    Path | None, typer.Option(help="Write the therapy that mesor compile takes.")
]
PlotOption = Annotated[
    Path | None, typer.Option(help="Write prior, posterior and levels as HTML.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def drugs(
    name: Annotated[str | None, typer.Argument(help="A drug; without one, list them.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the drugs that doses can be found for, or show one with every number's source."""
    from mesor.dosing.library.drug import drug_names, load_drug
    from mesor.dosing.library.listing import detail, detail_lines, overview, overview_lines

    if name is not None:
        drug = load_drug(name)
        lines, record = list(detail_lines(drug)), detail(drug)
        typer.echo(json.dumps(record, indent=2) if as_json else "\n".join(lines))
        return
    known = [load_drug(item) for item in drug_names()]
    if as_json:
        typer.echo(json.dumps([overview(drug) for drug in known], indent=2))
    else:
        typer.echo("\n".join(overview_lines(known)))


def prescribe(
    patient: PatientArgument,
    drug: DrugOption,
    levels: LevelsOption = None,
    doses: DosesOption = None,
    mic: MicOption = None,
    model: ModelOption = None,
    target: TargetOption = None,
    next_at: NextOption = None,
    syringe_mg_ml: SyringeOption = None,
    running: RunningOption = None,
    bank: BankOption = False,
    out: OutOption = None,
    plot: PlotOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find this patient's dose: personal parameters and regimen, with what each covariate did."""
    from mesor.dosing.library import load_drug
    from mesor.dosing.patient_file import PatientFile, covariates
    from mesor.dosing.prescription import Order, doses_of, read_doses, read_levels
    from mesor.dosing.prescription import prescribe as prescription_of
    from mesor.dosing.prescription.machine_readable import as_json_object
    from mesor.dosing.prescription.report import print_prescription

    _check_options(out, plot, syringe_mg_ml, running)
    file = read_table(PatientFile, read_file(patient), str(patient))
    if file.dose and doses is not None:
        raise DosingError(f"{patient} has [[dose]] and --doses names {doses}; keep one of them.")
    order = Order(
        patient=covariates(file),
        drug=load_drug(drug),
        model=model,
        mic_mg_l=mic,
        target=target,
        doses=doses_of(file.dose) if doses is None else read_doses(doses),
        levels=() if levels is None else read_levels(levels),
        next_at_h=next_at,
    )
    found = prescription_of(order)
    # Written before anything is printed, and all or nothing: no half answer is left.
    texts: dict[Path, str] = {}
    notes: tuple[str, ...] = ()
    if out is not None:
        from mesor.dosing.prescription.running import read_running
        from mesor.dosing.prescription.therapy import therapy_text

        kept = None if running is None else read_running(running)
        texts[out], notes = therapy_text(found, syringe_mg_ml, bank, kept)
    if plot is not None:
        from mesor.dosing.prescription.plot import plot_page

        texts[plot] = plot_page(found)
    _write_all(texts)
    if as_json:
        written = {"written": [str(path) for path in texts], "notes": list(notes)}
        typer.echo(json.dumps(as_json_object(found) | written, indent=2))
        return
    console = Console()
    print_prescription(found, console)
    for path in (out, plot):
        if path is not None:
            console.print(f"Written: {path}", highlight=False)
    for note in notes:
        console.print(note, highlight=False)


def _check_options(
    out: Path | None, plot: Path | None, syringe_mg_ml: float | None, running: Path | None
) -> None:
    """Raise DosingError for options that have nothing to act on, or one file for two."""
    if running is not None and out is None:
        raise DosingError(f"--running {running} is for the therapy of --out; give --out too.")
    if running is not None and syringe_mg_ml is not None:
        raise DosingError("--running keeps the syringe that runs; leave out --syringe-mg-ml.")
    if syringe_mg_ml is not None and out is None:
        raise DosingError(
            f"--syringe-mg-ml {syringe_mg_ml:g} mg/mL is of the therapy of --out; give --out too."
        )
    if out is not None and plot is not None and out.resolve() == plot.resolve():
        raise DosingError(f"--out and --plot both name {out}; give each a file of its own.")


def _write_all(texts: dict[Path, str]) -> None:
    """Write every file, or none where one cannot be written."""
    parts = {path: path.with_name(f"{path.name}.part") for path in texts}
    try:
        for path, text in texts.items():
            if path.is_dir():
                raise DosingError(f"{path} is a folder; name a file in it.")
            if not path.parent.is_dir():
                raise DosingError(
                    f"There is no folder {path.parent} for {path}; make it, or name another."
                )
            parts[path].write_text(text, encoding="utf-8")
        for path, part in parts.items():
            part.replace(path)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
