# SPDX-License-Identifier: MIT
"""report.html: verdict and plots of one run, from its folder alone; it needs no net."""

from __future__ import annotations

import html
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from plotly.offline import get_plotlyjs

from mesor.errors import RecordError
from mesor.record.log import RunRecord, log_path, read_log
from mesor.report.console import NOTICE
from mesor.report.figures import course_figures, figures
from mesor.report.plots import plots
from mesor.report.summary import read_summary

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2733; max-width: 68rem; margin: 2rem auto;
  padding: 0 1rem; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin-bottom: .2rem; } h2 { font-size: 1.1rem; }
.quiet, figcaption { color: #5b6b7a; } .pass { color: #14733f; } .fail { color: #b3261e; }
.verdict, td.fail, .warning { font-weight: 700; } .warning { border: 2px solid #b3261e;
  padding: .5rem .8rem; } tr.failed { background: #fdecea; }
.wide { overflow-x: auto; } table { border-collapse: collapse; margin: 1rem 0; }
td, th { padding: .25rem .9rem .25rem .2rem; text-align: left; border-bottom: 1px solid #e3e8ee;
  font-weight: inherit; } thead th { font-weight: 700; }
th { overflow-wrap: normal; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
figure { margin: 1.5rem 0; }
@media (max-width: 480px) { td, th { padding-right: .4rem; } }
@media print { body { margin: 0; max-width: none; } figure, tr { break-inside: avoid; }
  figure > div, #plots { height: 540px !important; } td, th { padding-block: .1rem; }
  h2 { break-after: avoid; } .modebar-container { display: none; } }
"""
# A plot keeps the width of the screen on paper unless it is told.
_PRINTING = """
addEventListener("beforeprint", () => Plotly.relayout("plots", {width: 680, height: 540}));
addEventListener("afterprint", () => Plotly.relayout("plots", {width: null, height: 820}));
"""
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>{style}</style><script>{plotly}</script></head><body><main>
<h1>{title}</h1>
<p class="quiet">{subtitle}</p>
<p class="verdict {verdict}">{verdict_text}</p>
{warning}
{checks}
<figure aria-labelledby="what-is-plotted">
{plots}
<figcaption id="what-is-plotted">Above, the true level, the readings, the pump&#8217;s estimate and
some of its plans; the band is the window, the dotted line the target, grey where the pump did not
infuse in closed loop. Then the rate that was delivered, and the iterations of the solver. Every
value is in run.mcap.</figcaption>
</figure>
<noscript><p>The plots need JavaScript; what they show is in run.mcap.</p></noscript>
{alarms}
{takeovers}
{course}
{figures}
{origin}
<p class="quiet">{notice} Not for clinical use.</p>
</main><script>{printing}</script></body></html>
"""


def write_report(folder: Path) -> Path:
    """Write report.html into a run's folder; return its path.

    Raises RecordError where the folder has no summary or no log, or one that no run wrote.
    """
    summary = read_summary(folder)
    run = read_log(log_path(folder))
    try:
        content = _page(summary, run)
    except (LookupError, TypeError, ValueError) as error:
        raise RecordError(
            f"{folder} holds a summary or a log that no run wrote "
            f"({type(error).__name__}: {error}); run the scenario again."
        ) from error
    path = folder / "report.html"
    path.write_text(content, encoding="utf-8")
    return path


def _page(summary: dict[str, Any], run: RunRecord) -> str:
    """Return the whole page."""
    return _PAGE.format(
        title=html.escape(f"{summary['scenario']} on {summary['target']}"),
        style=STYLE,
        plotly=get_plotlyjs(),
        subtitle=html.escape(_subtitle(summary)),
        verdict="pass" if summary["verdict"] == "pass" else "fail",
        verdict_text=html.escape(_verdict(summary)),
        warning=_warning(run),
        checks=_check_table(summary["checks"]),
        plots=plots(run),
        alarms=_alarm_table(summary["alarms"]),
        takeovers=_table("New programs", _takeovers(summary), ("from", "what happened")),
        course=_table(
            "What was reached", course_figures(summary), ("", "closed loop", "standard dose")
        ),
        figures=_table("Figures", figures(summary)),
        origin=_table("Origin", [*run.notes.items(), ("last link of the log", run.link)]),
        notice=NOTICE,
        printing=_PRINTING,
    )


def _verdict(summary: dict[str, Any]) -> str:
    """Return the verdict in words: which checks failed, of how many."""
    failed = [check["id"] for check in summary["checks"] if not check["pass"]]
    if summary["verdict"] == "pass":
        return f"PASS: all {len(summary['checks'])} checks."
    return f"FAIL: {len(failed)} of {len(summary['checks'])} checks, {', '.join(failed)}."


def _warning(run: RunRecord) -> str:
    """Return a paragraph where the log is not whole or not as it was written, or nothing."""
    fault = run.alteration or run.wrong_checksum
    if fault is None and run.truncated:
        fault = f"the log breaks off after {run.last_message}"
    return "" if fault is None else f'<p class="warning">Warning: {html.escape(fault)}.</p>'


def _subtitle(summary: dict[str, Any]) -> str:
    """Return what names the run."""
    replayed = "identical" if summary["replay"]["identical"] else "different"
    return (
        f"{summary['drug']}, {summary['duration_s'] / 3600:g} h, {summary['ticks']} ticks, "
        f"seed {summary['seed']}; {summary['volume']['delivered_ml']:.2f} mL delivered; "
        f"re-execution {replayed}"
    )


def _check_table(checks: list[dict[str, Any]]) -> str:
    """Return the checks as a table; words, weight and colour all say what failed."""
    rows = []
    for check in checks:
        mark = "pass" if check["pass"] else "fail"
        unit = html.escape(check["unit"])
        rows.append(
            f"<tr{'' if check['pass'] else ' class=failed'}>"
            f'<th scope="row">{html.escape(check["id"]).replace("_", "_<wbr>")}</th>'
            f'<td class="number">{check["value"]:,.5g} {unit}</td>'
            f'<td class="number">{check["limit"]:,.5g} {unit}</td>'
            f'<td class="{mark}">{"pass" if check["pass"] else "FAIL"}</td></tr>'
        )
    columns = ("check", "value", "limit", "verdict")
    kinds = ("", ' class="number"', ' class="number"', "")
    head = "".join(
        f'<th scope="col"{kind}>{column}</th>' for column, kind in zip(columns, kinds, strict=True)
    )
    body = f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
    return f'<div class="wide"><table>{body}</table></div>'


def _alarm_table(alarms: list[dict[str, Any]]) -> str:
    """Return the alarms in the order in which they came, each with cause and remedy."""
    rows = [
        (
            f"{alarm['t_s'] / 60.0:,.6g} min",
            alarm["id"].replace("_", " "),
            alarm["priority"],
            alarm.get("cause", ""),
            alarm.get("remedy", ""),
        )
        for alarm in alarms
    ]
    return _table("Alarms", rows, ("at", "alarm", "priority", "cause", "what to do"))


def _takeovers(summary: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return the programs that took over or were refused, in their order."""
    return [
        (f"{takeover['t_s'] / 3600.0:.4g} h", takeover["sentence"])
        for takeover in summary.get("takeovers", ())
    ]


def _table(title: str, rows: Iterable[tuple[str, ...]], columns: tuple[str, ...] = ()) -> str:
    """Return a table under a title, its first column names; nothing where it has no rows."""
    body = "".join(
        f'<tr><th scope="row">{_words(name)}</th>'
        f"{''.join(f'<td>{html.escape(value)}</td>' for value in values)}</tr>"
        for name, *values in rows
    )
    if not body:
        return ""
    head = "".join(f'<th scope="col">{html.escape(column)}</th>' for column in columns)
    head = f"<thead><tr>{head}</tr></thead>" if columns else ""
    return f'<h2>{title}</h2><div class="wide"><table>{head}<tbody>{body}</tbody></table></div>'


def _words(name: str) -> str:
    """Return a name for a table, its underscores as spaces."""
    return html.escape(name.replace("_", " "))
