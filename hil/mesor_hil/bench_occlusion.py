# SPDX-License-Identifier: MIT
"""How soon a blocked line is found, and the bolus it gives when freed, at four rates.

The twin runs at its full rate against a line with the compliance of a 60 mL syringe and its
set; the line is blocked between two ticks and freed a minute after the motor stands.  Beside
it stand the bolus without relief and what the pressure limit alone would have cost.  Times
are therapy time, at the device's own pace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from mesor.link import PumpClient
from mesor.program import (
    ControlModel,
    Problem,
    PumpGeometry,
    SafetyLimits,
    Therapy,
    compile_program,
)
from mesor.program import line as sensor
from mesor.program.line import RAW_PER_MMHG
from mesor_hil.plant.line import COMPLIANCE_UL_MMHG, Line
from mesor_hil.targets.board_faults import VoltageFault
from mesor_hil.targets.twin import TwinTarget
from pump.spec import reasons
from pump.spec import record as at

RATES_ML_H = (0.1, 1.0, 10.0, 100.0)
_MG_ML = 10.0
_MICROSTEP_NL = 69.25
_TICK_FAST_S = 60  # above this rate a longer tick holds more steps than it may
_FAST_ML_H = 20.0
_BLOCKED_AFTER_TICKS = 8.5  # the full rate is reached, and a batch is under way
_LOOKS_PER_S = 10.0


@dataclass(frozen=True, slots=True)
class Occlusion:
    """What one rate shows."""

    rate_ml_h: float
    found_s: float  # from the blockage to the motor's standstill
    bolus_ml: float  # with relief
    bolus_unrelieved_ml: float
    found_by_limit_s: float  # had only the pressure's limit counted
    bolus_by_limit_ml: float


def bench_occlusion(say: Callable[[str], None]) -> Iterator[Occlusion]:
    """Yield each rate's figures."""
    for rate_ml_h in RATES_ML_H:
        say(f"{rate_ml_h:g} mL/h")
        yield occlusion(rate_ml_h)


def problem_at(rate_ml_h: float) -> Problem:
    """Return a therapy that runs at its full rate: its target is far away."""
    rate_mg_h = rate_ml_h * _MG_ML
    tick_s = _TICK_FAST_S if rate_ml_h > _FAST_ML_H else 300
    therapy = Therapy(20.0, 15.0, 25.0, rate_mg_h, 0.4 * rate_mg_h, tick_s=tick_s, horizon=8)
    # The usual therapy in the scale of the rate; readings that stay low keep it at its full one.
    model = ControlModel(0.0045 * rate_mg_h, 0.03 * rate_mg_h)
    safety = SafetyLimits(rate_mg_h, 24.0 * rate_mg_h, on_board_max_mg=24.0 * rate_mg_h)
    return Problem(model, therapy, safety, PumpGeometry(_MICROSTEP_NL, _MG_ML))


def occlusion(rate_ml_h: float, back_off_max_ml: float | None = None) -> Occlusion:
    """Return what the twin does with a line that is blocked at this rate."""
    problem = problem_at(rate_ml_h)
    if back_off_max_ml is not None:
        safety = replace(problem.safety, back_off_max_ml=back_off_max_ml)
        problem = replace(problem, safety=safety)
    target = TwinTarget()
    client = PumpClient(target, keys_of=target.keys_of)
    client.hello()
    client.upload(compile_program(problem, samples=100).bytes)
    client.start(1, 0)
    began_s, tick_s = target.now_s, problem.therapy.tick_s
    for tick in range(int(_BLOCKED_AFTER_TICKS) + 1):
        _pass_until(target, client, began_s + tick * tick_s)
        client.send_reading(tick, tick * tick_s, 100 + tick, 100)
    _pass_until(target, client, began_s + _BLOCKED_AFTER_TICKS * tick_s)
    line = Line(_MICROSTEP_NL)
    found_s = _block(target, client, line, began_s, tick_s)
    limit_ul = problem.safety.pressure_raw_max / RAW_PER_MMHG - sensor.VOLTS_AT_REST / (
        sensor.VOLTS_PER_MMHG
    )
    limit_ml = limit_ul * COMPLIANCE_UL_MMHG / 1000.0
    return Occlusion(
        rate_ml_h=rate_ml_h,
        found_s=found_s,
        bolus_ml=line.free() * _MICROSTEP_NL * 1e-6,
        bolus_unrelieved_ml=line.stored_steps_max * _MICROSTEP_NL * 1e-6,
        found_by_limit_s=limit_ml / rate_ml_h * 3600.0,
        bolus_by_limit_ml=limit_ml,
    )


def _block(
    target: TwinTarget, client: PumpClient, line: Line, began_s: float, tick_s: int
) -> float:
    """Block the line until the pump has found and relieved it; return how long finding took."""
    line.block = "line_blocked"
    blocked_s = target.now_s
    board, edges, back = target.board, target.step_edges(), target.step_edges_back()
    found_s: float | None = None
    next_tick = int(_BLOCKED_AFTER_TICKS) + 1
    while found_s is None or target.now_s < blocked_s + found_s + 60.0:
        if target.now_s >= began_s + next_tick * tick_s:
            client.send_reading(next_tick, next_tick * tick_s, 100 + next_tick, 100)
            next_tick += 1
        target.advance(target.now_s + 1.0 / _LOOKS_PER_S)
        client.receive()
        now, now_back = target.step_edges(), target.step_edges_back()
        line.push(now - edges - (now_back - back))
        edges, back = now, now_back
        volts = sensor.volts(line.pressure_mmhg())
        target.set_fault(VoltageFault(at.PRESSURE_RAW, volts, reasons.FAULT_PRESSURE_HIGH), True)
        if found_s is None and (board.edges_back() or not target.app.supervisor.delivers()):
            found_s = target.now_s - blocked_s
    return found_s


def _pass_until(target: TwinTarget, client: PumpClient, until_s: float) -> None:
    """Let device time pass."""
    while target.now_s < until_s:
        target.advance(until_s)
        client.receive()
