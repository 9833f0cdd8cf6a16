# SPDX-License-Identifier: MIT
"""What is known of a program, model by model, for JSON and for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.table import Table

from mesor.program import Program
from mesor.program.certificate import Certificate


def as_json_object(program: Program) -> dict[str, Any]:
    """Return the worst model's certificate, and under `models` each one's."""
    models = [_of_model(program, model) for model in range(len(program.sections))]
    return {**models[program.worst_model], "models": models}


def in_brief(program: Program) -> dict[str, Any]:
    """Return the same without the bounds but the weakest of each."""
    content = as_json_object(program)
    for entry, certificate in (
        (content, program.certificate),
        *zip(content["models"], program.certificates, strict=True),
    ):
        weakest = certificate.weakest
        del entry["bounds"], entry["seed"]
        entry["weakest_bound"] = {"signal": weakest.signal, "spare_bits": weakest.spare_bits}
    return content


def tables(program: Program) -> Iterator[Table]:
    """Yield what was proved and what was measured of each model, the therapy's own first."""
    for model, certificate in enumerate(program.certificates):
        of_which = ""
        if len(program.certificates) > 1:
            factor = program.sections[model].problem.clearance_factor
            of_which = f", clearance x {factor:g}"
        yield _proved(certificate, f"Proved{of_which}")
        yield _measured(certificate, f"Measured{of_which}")


def _of_model(program: Program, model: int) -> dict[str, Any]:
    """Return one model's certificate, with what names the model."""
    section = program.sections[model]
    return {
        "clearance_factor": section.problem.clearance_factor,
        "rho": section.splitting.rho,
        **asdict(program.certificates[model]),
    }


def _proved(certificate: Certificate, title: str) -> Table:
    """Return the bounds of every signal."""
    table = Table("signal", "can reach", "limit", "spare bits", box=None, title=title)
    for bound in certificate.bounds:
        spare = f"{bound.spare_bits:.1f}"
        table.add_row(bound.signal, f"{bound.magnitude:,}", f"{bound.limit:,}", spare)
    return table


def _measured(certificate: Certificate, title: str) -> Table:
    """Return errors and iterations."""
    cold = certificate.samples + certificate.searched
    table = Table("measured", "median", "99 %", "max", box=None, title=title)
    for name, spread in (
        (f"cold error, {certificate.compared:,} states", certificate.cold_error),
        (f"cold iterations, {cold:,} states", certificate.cold_iterations),
        ("cold guesses of the active set", certificate.cold_guesses),
        (f"warm error, {certificate.warm_ticks:,} ticks", certificate.warm_error),
        ("warm iterations", certificate.warm_iterations),
        ("warm guesses of the active set", certificate.warm_guesses),
    ):
        table.add_row(name, *(f"{value:.3g}" for value in asdict(spread).values()))
    return table
