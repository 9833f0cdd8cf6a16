# SPDX-License-Identifier: MIT
"""Judges a run: each check is a value beside its limit, with a unit; all must hold.

What the target cannot show is left out, not assumed: a twin has no chip to time,
a bare port has no counter on the STEP pin.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mesor.patients.effect_site import effect_site_course_mg_l
from mesor.performance import Performance, TargetWindow, evaluate
from mesor.program import Program
from mesor.program.therapy_file import Therapy
from mesor.record.replay import Replay
from mesor_hil.certificates import in_brief
from mesor_hil.course_figures import (
    CourseFigures,
    course_figures,
    nominal_begins_h,
    standard_dose_figures,
)
from mesor_hil.faults import first_alarm
from mesor_hil.scenarios import Scenario
from mesor_hil.session import Trace
from pump.spec import alarm_words, alarms, reasons
from pump.spec import record as at

_TIME_TOLERANCE_H = 1e-9
_BOLUS_ML_MAX = 0.5  # Generic Infusion Pump requirements, 1.10.7


@dataclass(frozen=True, slots=True)
class Check:
    """One measured value and the limit it has to keep."""

    id: str
    value: float
    limit: float
    unit: str
    passed: bool

    def summary(self) -> dict[str, Any]:
        """Return the check as summary.json holds it."""
        entry = asdict(self)
        entry["pass"] = entry.pop("passed")
        return entry


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What names a run."""

    target: str
    times_a_chip: bool  # the target runs on machine code whose time is worth stating
    seed: int


def at_most(name: str, value: float, limit: float, unit: str) -> Check:
    """Return the check value <= limit."""
    return Check(name, value, limit, unit, bool(value <= limit))


def at_least(name: str, value: float, limit: float, unit: str) -> Check:
    """Return the check value >= limit."""
    return Check(name, value, limit, unit, bool(value >= limit))


def summarise(
    scenario: Scenario, facts: RunFacts, trace: Trace, program: Program, replayed: Replay
) -> dict[str, Any]:
    """Return the content of summary.json."""
    records = np.stack([step.record for step in trace.steps])
    performance = _performance(scenario, trace)
    figures = _course_figures(scenario, trace, records)
    standard = standard_dose_figures(scenario)
    checks = _checks(scenario, facts, trace, records, replayed)
    checks = _target_checks(scenario, trace, performance, figures) + checks
    volume = scenario.pump.mechanics().volume_ml
    answer_us = _answer_us(trace) or [0.0]
    heap = _heap_free(records)
    return {
        "scenario": scenario.name,
        "target": facts.target,
        "seed": facts.seed,
        "drug": scenario.drug.name,
        "ticks": len(trace.steps),
        "duration_s": scenario.duration_s,
        "verdict": "pass" if all(check.passed for check in checks) else "fail",
        "checks": [check.summary() for check in checks],
        "kind": scenario.therapy.kind,
        "performance": performance.summary(),
        "course": figures.summary(),
        "standard_dose": None if standard is None else standard.summary(),
        "volume": {
            "commanded_ml": volume(int(records[-1, at.STEPS_TOTAL])),
            "delivered_ml": volume(trace.edges_total),
            "ledger_error_steps": _ledger_error(trace, records),
            "counted_at_pin": trace.counted_at_pin,
        },
        "solver": {
            "iterations_median": float(np.median(records[:, at.ITERATIONS])),
            "iterations_max": int(records[:, at.ITERATIONS].max()),
            "unsolved": int((records[:, at.PLAN_SOURCE] == reasons.PLAN_SHIFTED).sum()),
            "solve_us_mean": _warm_solve_us(records) or 0.0,
            "solve_us_max": int(records[:, at.SOLVE_US].max()),
        },
        "tick_us": {"median": float(np.median(answer_us)), "max": max(answer_us)},
        "heap_free_bytes": {"first": int(heap[0]), "last": int(heap[-1])} if len(heap) else None,
        "alarms": _alarms(scenario, records),
        "takeovers": [takeover.summary() for takeover in trace.takeovers],
        "replay": {"identical": replayed.identical, "ticks": replayed.ticks},
        "certificate": in_brief(program),
    }


def _performance(scenario: Scenario, trace: Trace) -> Performance:
    """Return the indices of the true concentration.

    Where the target follows the clock, each level is taken in the proportion in which its own
    target is to the mean one: errors are of the target of the time, and the window moves.  Each
    is judged by the therapy that decided at its time.
    """
    time_s = [float(step.time_s) for step in trace.steps] + [float(scenario.duration_s)]
    conc_mg_l, windows = _chased_mg_l(scenario, trace), []
    for index, at_s in enumerate(time_s):
        therapy = _therapy_at(scenario, trace, at_s)
        low, high = therapy.window_low_mg_l, therapy.window_high_mg_l
        windows.append(TargetWindow(therapy.target_mg_l, low, high))
        if therapy.target_rhythm is not None:
            clock_h = (scenario.start_day_s + at_s) / 3600.0
            conc_mg_l[index] /= therapy.target_rhythm.course().factor_at(clock_h)
    return evaluate(time_s, conc_mg_l, windows)


def _therapy_at(scenario: Scenario, trace: Trace, time_s: float) -> Therapy:
    """Return the therapy that decides at a time: the scenario's, or the last that took over."""
    decides = scenario.therapy
    for takeover in trace.takeovers:
        if takeover.refusal is None and takeover.time_s <= time_s:
            assert takeover.new.therapy is not None, "what took over was compiled from a therapy"
            decides = takeover.new.therapy.therapy
    return decides


def _chased_mg_l(scenario: Scenario, trace: Trace) -> list[float]:
    """Return the true levels that are chased: those of plasma, or of the effect site."""
    plasma_mg_l = [step.conc_mg_l for step in trace.steps] + [trace.final_conc_mg_l]
    ke0_per_h = scenario.patient.ke0_per_h or scenario.model.ke0_per_h
    if scenario.therapy.target_site == "plasma" or ke0_per_h is None:
        return plasma_mg_l
    times_s = [*(step.time_s for step in trace.steps), scenario.duration_s]
    time_h = [time_s / 3600.0 for time_s in times_s]
    return effect_site_course_mg_l(time_h, plasma_mg_l, ke0_per_h)


def _course_figures(
    scenario: Scenario, trace: Trace, records: npt.NDArray[np.int32]
) -> CourseFigures:
    """Return what the closed loop reached, by the intervals that the pump itself began."""
    times_s = [*(step.time_s for step in trace.steps), scenario.duration_s]
    levels = _chased_mg_l(scenario, trace)
    time_h = np.array(times_s) / 3600.0
    chasing = records[:, at.PHASE] == reasons.PHASE_CHASE
    begins = np.flatnonzero(chasing & ~np.append(False, chasing[:-1]))
    begins_h: list[float] = time_h[begins].tolist()
    if scenario.therapy.kind == "time_above":
        begins_h = _of_intervals(begins_h, scenario.therapy.interval_h or 0.0)
    if len(begins_h) < 2:  # without a rest between them, intervals follow the clock
        begins_h = nominal_begins_h(scenario.therapy, float(time_h[-1]))
    dose_mg = scenario.pump.mechanics().dose_mg(trace.edges_total, scenario.drug.conc_mg_ml)
    return course_figures(scenario.therapy, time_h, np.array(levels), begins_h, dose_mg)


def _of_intervals(begins_h: list[float], interval_h: float) -> list[float]:
    """Return the chases that begin an interval: the others go on with one that fell too soon."""
    kept: list[float] = []
    for begin_h in begins_h:
        if not kept or begin_h - kept[-1] >= interval_h - _TIME_TOLERANCE_H:
            kept.append(begin_h)
    return kept


def _target_checks(
    scenario: Scenario, trace: Trace, performance: Performance, figures: CourseFigures
) -> list[Check]:
    """Return whether what the kind of therapy asks for was reached.

    A peak and an area are held to the therapy that decided at the end of their chase.
    """
    limits, therapy = scenario.checks, scenario.therapy
    if therapy.kind == "level":
        low = limits.time_in_window_min_percent
        return [
            at_least("time_in_window", performance.time_in_window, low, "%"),
            at_most("mdape", performance.mdape, limits.mdape_max_percent, "%"),
        ]
    checks = [at_most("highest_level", figures.highest_mg_l, therapy.window_high_mg_l, "mg/L")]
    decided = [
        _therapy_at(scenario, trace, 3600.0 * (begin_h + (therapy.chase_h or 0.0)))
        for begin_h in figures.begins_h
    ]
    if therapy.trough_max_mg_l is not None:
        wanted = [one.target_mg_l for one in decided]
        error = _worst_error_percent(figures.peaks_mg_l, wanted)
        checks.append(at_most("peak_error", error, limits.peak_error_max_percent, "%"))
        trough = max(figures.troughs_mg_l, default=0.0)
        checks.append(at_most("trough", trough, therapy.trough_max_mg_l, "mg/L"))
    if therapy.share_percent is not None:
        share = min(figures.shares_percent, default=0.0)
        checks.append(at_least("time_above", share, therapy.share_percent, "%"))
    if therapy.area_mg_h_l is not None:
        wanted = [one.area_mg_h_l or therapy.area_mg_h_l for one in decided]
        error = _worst_error_percent(figures.areas_mg_h_l, wanted)
        checks.append(at_most("area_error", error, limits.area_error_max_percent, "%"))
    return checks


def _worst_error_percent(values: list[float], wanted: list[float]) -> float:
    """Return the largest deviation, percent of what is wanted; 100 where there is no value."""
    pairs = zip(values, wanted, strict=False)  # an interval that the run cut off has no area
    return max((abs(value - asked) / asked * 100.0 for value, asked in pairs), default=100.0)


def _checks(
    scenario: Scenario,
    facts: RunFacts,
    trace: Trace,
    records: npt.NDArray[np.int32],
    replayed: Replay,
) -> list[Check]:
    """Return every check, but those of the level, that this target can show."""
    limits = scenario.checks
    checks = [
        *_fault_checks(scenario, trace, records),
        at_most("replay_differences", 0.0 if replayed.identical else 1.0, 0.0, ""),
    ]
    if trace.counted_at_pin:
        error = float(_ledger_error(trace, records))
        limit = float(limits.ledger_error_steps_max)
        checks.append(at_most("ledger_error", error, limit, "steps"))
    if facts.times_a_chip:
        checks += _chip_checks(scenario, trace, records)
    return checks


def _fault_checks(scenario: Scenario, trace: Trace, records: npt.NDArray[np.int32]) -> list[Check]:
    """Return that nothing was wrong, or that what was made wrong was named and stopped all."""
    expected = first_alarm(scenario)
    in_fault = records[records[:, at.STATE] == reasons.STATE_FAULT]
    if expected is None:
        return [at_most("ticks_in_fault", float(len(in_fault)), 0.0, "ticks")]
    named = float(len(in_fault) > 0 and bool((in_fault[:, at.FAULT_REASON] == expected).all()))
    checks = [at_least("expected_alarm", named, 1.0, "")]
    if trace.line is not None and trace.line.bolus_steps is not None:
        bolus_ml = scenario.pump.mechanics().volume_ml(trace.line.bolus_steps)
        checks.append(at_most("post_occlusion_bolus", bolus_ml, _BOLUS_ML_MAX, "mL"))
        told = int(records[:, at.STEPS_BACK].sum())
        untold = float(abs(trace.edges_back_total - told))
        checks.append(at_most("steps_back_untold", untold, 0.0, "steps"))
    if trace.edges_after_stop is not None:
        checks.append(at_most("steps_after_stop", float(trace.edges_after_stop), 0.0, "steps"))
    return checks


def _chip_checks(scenario: Scenario, trace: Trace, records: npt.NDArray[np.int32]) -> list[Check]:
    """Return the checks of time and memory, of those that the run was long enough to measure."""
    limits = scenario.checks
    checks = []
    answer_us = _answer_us(trace)
    if answer_us:
        median_ms, most_ms = float(np.median(answer_us)) / 1e3, max(answer_us) / 1e3
        checks.append(at_most("tick_median", median_ms, limits.tick_median_max_ms, "ms"))
        checks.append(at_most("tick_max", most_ms, limits.tick_max_ms, "ms"))
    solve_us = _warm_solve_us(records)
    if solve_us is not None:
        checks.append(at_most("solve_mean", solve_us / 1e3, limits.solve_mean_max_ms, "ms"))
    heap = _heap_free(records)
    if len(heap):
        least = float(limits.heap_free_min_bytes)
        checks.append(at_least("heap_free", float(heap.min()), least, "bytes"))
        checks.append(at_most("heap_growth", float(heap[0] - heap[-1]), 0.0, "bytes"))
    return checks


def _answer_us(trace: Trace) -> list[float]:
    """Return how long each tick took, of those that answered a reading.

    On a wall clock the answer's way over the host would count as well, so there it is
    the pump's own measure, which it reports one tick later.
    """
    if trace.counted_at_pin:
        return [step.answer_s * 1e6 for step in trace.steps if step.reading is not None]
    return [float(step.record[at.TICK_US]) for step in trace.steps[1:]]


def _warm_solve_us(records: npt.NDArray[np.int32]) -> float | None:
    """Return the mean duration of the QPs after the first, which starts cold."""
    return float(records[1:, at.SOLVE_US].mean()) if len(records) > 1 else None


def _heap_free(records: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Return the free heap where the pump has counted it: 0 says that it has not yet."""
    counted: npt.NDArray[np.int32] = records[records[:, at.HEAP_FREE] > 0, at.HEAP_FREE]
    return counted


def _ledger_error(trace: Trace, records: npt.NDArray[np.int32]) -> int:
    """Return how many steps the pins and the pump's own account differ by.

    After a fault the account is what the stepper says was done: the batch was cut short.
    """
    if records[-1, at.STATE] == reasons.STATE_FAULT:
        return abs(trace.edges_total - int(records[:, at.STEPS_DONE].sum()))
    return abs(trace.edges_total - int(records[-1, at.STEPS_TOTAL]))


def _alarms(scenario: Scenario, records: npt.NDArray[np.int32]) -> list[dict[str, Any]]:
    """Return every alarm at the tick in which its condition appeared, in words."""
    entries = []
    before = 0
    for record in records:
        present = int(record[at.ALARMS])
        time_s = int(record[at.TICK]) * scenario.therapy.tick_s
        for number, priority, _ in alarms.TABLE:
            if present & ~before & 1 << number:
                name, cause, remedy, _ = alarm_words.WORDS[number]
                word = alarm_words.PRIORITIES[priority]
                entry = {"t_s": time_s, "id": name, "priority": word}
                entries.append(entry | {"cause": cause, "remedy": remedy})
        before = present
    return entries
