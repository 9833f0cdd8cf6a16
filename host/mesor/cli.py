# SPDX-License-Identifier: MIT
"""The command line: `mesor`.  Commands of the bench join through entry points.

Exit status 0 good, 1 a verdict failed, 2 could not run, with one sentence.  What only one
command needs, that command imports: `mesor prescribe` would else begin half a second later.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from mesor.dosing_commands import JsonOption, drugs, prescribe
from mesor.errors import MesorError
from mesor.log_commands import log_app

EXIT_FAILED = 1
EXIT_COULD_NOT_RUN = 2
EXIT_INTERRUPTED = 130
# Typer brings its own click in some versions; its public BadParameter tells which.
USAGE_ERROR: type[Any] = typer.BadParameter.__mro__[1]

app = typer.Typer(
    name="mesor",
    help="Closed-loop infusion pump, and its bench.  Research software, not a medical device.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


# Headings of the help, in the order of a therapy's life.
DOSE, BOARD, RECORD = "Dose", "Board", "Record"
app.command(rich_help_panel=DOSE)(drugs)
app.command(rich_help_panel=DOSE)(prescribe)
app.add_typer(log_app, name="log", rich_help_panel=RECORD)


def _print_version(asked: bool) -> None:
    """Print the version and leave."""
    if asked:
        typer.echo(f"mesor {version('mesor')}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Take the options that come before a command; without one, show the help."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command(rich_help_panel=RECORD)
def replay(
    run: Annotated[Path, typer.Argument(help="A run's folder or its run.mcap.")],
    as_json: JsonOption = False,
) -> None:
    """Re-execute every tick of a run from its log, and name the first difference."""
    from mesor.record.replay import replay as replay_run

    with Console(stderr=True).status("Re-executing"):
        outcome = replay_run(run)
    if as_json:
        typer.echo(json.dumps(asdict(outcome)))
    elif outcome.identical:
        typer.echo(f"identical: {outcome.ticks} ticks; last link {outcome.link}")
    else:
        typer.echo(f"different: {outcome.first_difference}")
    if not outcome.identical:
        raise typer.Exit(EXIT_FAILED)


@app.command(rich_help_panel=RECORD)
def report(
    run: Annotated[Path, typer.Argument(help="A run's folder.")], as_json: JsonOption = False
) -> None:
    """Write a run's report.html again."""
    from mesor.report.page import write_report

    path = write_report(run)
    typer.echo(json.dumps({"report": str(path)}) if as_json else f"Report: {path}")


@app.command(rich_help_panel=BOARD)
def image(as_json: JsonOption = False) -> None:
    """Get or build the MicroPython image for the RP2040."""
    from mesor.image import ensure_image

    found = ensure_image(progress=lambda text: typer.echo(text, err=True))
    if as_json:
        typer.echo(json.dumps(asdict(found), default=str))
        return
    typer.echo(f"{found.path}\nMicroPython {found.version}, {found.origin}\nsha256 {found.sha256}")


@app.command(rich_help_panel=BOARD)
def flash(
    port: Annotated[str, typer.Option(help="Serial device of the Pico.")] = "/dev/ttyACM0",
) -> None:
    """Put the firmware on a Pico that runs MicroPython."""
    from mesor.flash import flash as flash_board

    flash_board(port, lambda text: typer.echo(text, err=True))


def main() -> None:
    """Run the command line; errors that Mesor expects become one sentence and status 2."""
    for point in entry_points(group="mesor.commands"):
        point.load()(app)
    try:
        status = app(standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except MesorError as error:
        _leave(str(error), EXIT_COULD_NOT_RUN)
    except USAGE_ERROR as error:
        _leave(error.format_message(), EXIT_COULD_NOT_RUN)
    except (KeyboardInterrupt, typer.Abort):
        _leave("Interrupted; what was logged so far is kept.", EXIT_INTERRUPTED)
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        _leave(f"{name}{error.strerror or error}.", EXIT_COULD_NOT_RUN)


def _leave(sentence: str, status: int) -> None:
    """Say one sentence on stderr and exit."""
    typer.echo(f"mesor: {sentence}", err=True)
    sys.exit(status)
