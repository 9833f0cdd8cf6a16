# SPDX-License-Identifier: MIT
"""`mesor log`: the pump's own log, pulled to a file and verified."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mesor.errors import RecordError

EXIT_FAILED = 1

log_app = typer.Typer(help="The log that a pump keeps in its flash.", no_args_is_help=True)


@log_app.command()
def pull(
    port: Annotated[str, typer.Argument(help="Serial device or pyserial URL of the pump.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File for the log.")] = Path("pump.log"),
    release: Annotated[
        bool, typer.Option("--release", help="Then let the black boxes take other faults.")
    ] = False,
) -> None:
    """Copy a pump's log and black boxes to a file; it needs no key, and no therapy may run."""
    from mesor.link import PumpClient, SerialPipe
    from mesor.link.keys import stored_keys
    from mesor.record.device_log import read_device_log

    if not out.parent.is_dir():
        raise RecordError(f"There is no folder {out.parent}; make it, or choose another --out.")
    pipe = SerialPipe(port)
    try:
        client = PumpClient(pipe, keys_of=stored_keys)
        client.hello()
        out.write_bytes(client.read_log())
        if release:
            for box in read_device_log(out).boxes:
                client.clear_box(box.number, box.pages[0].link)
    finally:
        pipe.close()
    typer.echo(f"Log: {out}")
    _report(out, all_pages=False, json_too=False)


@log_app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="A log that was pulled.")],
    all_pages: Annotated[bool, typer.Option("--all", help="List every page.")] = False,
    json_too: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Follow the chain of a pulled log, and name the first page that it does not hold."""
    _report(file, all_pages, json_too)


def _report(file: Path, all_pages: bool, json_too: bool) -> None:
    """Print the verdict; leave with 1 where the chain is broken."""
    from mesor.record.device_log import as_json, read_device_log

    log = read_device_log(file)
    if json_too:
        typer.echo(json.dumps(as_json(log)))
    else:
        for page in log.pages if all_pages else ():
            typer.echo(page.text)
        for box in log.boxes:
            typer.echo(box.text)
            for page in box.pages[1:] if all_pages else ():
                typer.echo(f"  {page.text}")
        verdict = f"broken: {log.broken}" if log.broken else f"intact: {len(log.pages)} pages"
        last = f"; last link {log.pages[-1].link.hex()}" if log.pages else ""
        worn = f", {len(log.worn)} worn" if log.worn else ""
        typer.echo(f"{verdict}, {log.spoilt} spoilt by power cuts{worn}{last}")
    if log.broken or any(box.broken for box in log.boxes):
        raise typer.Exit(EXIT_FAILED)
