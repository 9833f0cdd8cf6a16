# SPDX-License-Identifier: MIT
"""The closed loop: one scenario, one target, tick by tick in lockstep.

Each tick the STEP edges since the last one are counted at the pin, the patient
gets that dose, the sensor samples, the reading goes over the wire, and the pump
answers with the record of its decision.  Therapy time is tick x tick_s; device
time is that divided by the bench's clock factor.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mesor.errors import LinkError, RefusedError
from mesor.link import PumpClient
from mesor.patients import VirtualPatient
from mesor.program import line
from mesor_hil.faults import FaultEvent, fault_events
from mesor_hil.plant import BLOCKS, ConcentrationSensor, Line, SensorReading
from mesor_hil.scenarios import Scenario
from mesor_hil.takeovers import NewProgram, Source, Takeover
from mesor_hil.targets.board_faults import BOARD_FAULTS, VoltageFault
from mesor_hil.targets.target import Target
from pump.spec import reasons
from pump.spec import record as at

_ANSWER_SHARE = 0.9  # of a tick: how long the answer to a reading may take
_LINE_STREAM = 2  # first word of the spawn key; patients use 0, the sensor 1
_LINE_STEP_S = 0.02  # how finely a blocked line's pressure is followed
_NOISE_BYTES = 300  # before each reading while the line is noisy
_SILENCE_TICKS = 2  # without a record the pump is taken for dead
_START_MARGIN_SHARE = 0.05  # of a tick: from START to the first reading
_UPLOAD_S = 5.0  # device time that sending a program before a tick may take

Progress = Callable[[int, int, float], None]  # tick, ticks, true concentration mg/L


@dataclass(frozen=True, slots=True)
class Step:
    """One tick of the loop, seen from the bench."""

    time_s: int  # therapy time
    conc_mg_l: float  # true, at the tick
    reading: SensorReading | None
    record: npt.NDArray[np.int32]
    edges: int  # STEP edges (or the pump's count) since the tick before
    dose_mg: float  # that they gave
    answer_s: float  # device time from the reading's first byte to the record's last


@dataclass(slots=True)
class Trace:
    """Everything a run showed."""

    steps: list[Step] = field(default_factory=list)
    final_conc_mg_l: float = 0.0
    edges_total: int = 0
    counted_at_pin: bool = True
    edges_back_total: int = 0  # while DIRECTION said backwards
    line: Line | None = None  # as the run left it
    edges_after_stop: int | None = None  # after a board fault had had its time; None without one
    takeovers: list[Takeover] = field(default_factory=list)  # also those that were refused


OnStep = Callable[[Step], None]
OnTakeover = Callable[[Takeover], None]


class Session:
    """Runs one scenario's ticks against a pump that has its program."""

    def __init__(
        self,
        scenario: Scenario,
        target: Target,
        client: PumpClient,
        patient: VirtualPatient,
        sensor: ConcentrationSensor,
        sources: Sequence[Source] = (),
    ) -> None:
        """Join them; sources: where programs come from that take over while the therapy runs."""
        self._scenario, self._target, self._client = scenario, target, client
        self._patient, self._sensor = patient, sensor
        self._mechanics = scenario.pump.mechanics()
        self._tick_s = scenario.therapy.tick_s
        self._device_tick_s = self._tick_s / scenario.bench.clock_factor
        self._events: deque[FaultEvent] = deque()
        self._present: set[str] = set()  # faults of sensor and line
        self._noise = np.random.default_rng(
            np.random.SeedSequence(scenario.seed, spawn_key=(_LINE_STREAM,))
        )
        self._edges_at_stop: int | None = None
        self._line = Line(self._mechanics.microstep_nl)
        self._delivered = 0  # microsteps that reached the patient since the last dose
        self._back_before = 0
        self._commanded = 0  # microsteps of the records since the last dose
        self._edges_before = 0
        self._edges_pushed = 0
        self._sources = sources
        self._look_s = min((source.look_s for source in sources), default=math.inf)
        self._looked_s = 0.0
        self._tick = -1  # the last that was decided
        self._trace = Trace()
        self._conc_mg_l = 0.0  # of the last reading

    def run(
        self,
        on_step: OnStep | None = None,
        progress: Progress | None = None,
        on_takeover: OnTakeover | None = None,
    ) -> Trace:
        """Start the therapy, run all ticks, stop it; raise LinkError when the pump goes silent."""
        trace = self._trace
        trace.counted_at_pin = self._target.step_edges() is not None
        self._on_takeover = on_takeover
        trace.line = self._line
        self._edges_before = self._edges_pushed = self._target.step_edges() or 0
        self._back_before = self._target.step_edges_back()
        began_back = self._back_before
        confirmations = self._scenario.confirmations
        at_start = [entry.limit for entry in confirmations if entry.at_h == 0.0]
        factor, day_s = self._scenario.bench.clock_factor, self._scenario.start_day_s
        self._client.start(factor, day_s, at_start)
        start_s = self._target.now_s + _START_MARGIN_SHARE * self._device_tick_s
        self._events = deque(fault_events(self._scenario, start_s))
        try:
            for tick in range(self._scenario.tick_count):
                self._confirm(tick)
                self._pass_until(start_s + tick * self._device_tick_s)
                step = self._step(tick, start_s + tick * self._device_tick_s)
                trace.steps.append(step)
                if on_step is not None:
                    on_step(step)
                self._tick = tick
                self._take_over()
                if progress is not None:
                    progress(tick + 1, self._scenario.tick_count, step.conc_mg_l)
            self._pass_until(start_s + self._scenario.tick_count * self._device_tick_s)
            trace.edges_total = sum(step.edges for step in trace.steps) + self._dose()[0]
            trace.edges_back_total = self._target.step_edges_back() - began_back
            if self._edges_at_stop is not None:
                trace.edges_after_stop = self._edges_before - self._edges_at_stop
        finally:
            self._client.stop()
        trace.final_conc_mg_l = self._patient.conc_mg_l
        return trace

    def _confirm(self, tick: int) -> None:
        """Let a person confirm the soft limits whose time has come since the tick before."""
        before_h, now_h = ((tick - since) * self._tick_s / 3600.0 for since in (1, 0))
        for entry in self._scenario.confirmations:
            if max(before_h, 0.0) < entry.at_h <= now_h:
                self._client.confirm(entry.limit)

    def _step(self, tick: int, due_s: float) -> Step:
        """Dose, sample, send, and take the pump's answer."""
        edges, dose_mg = self._dose() if tick else (0, 0.0)
        time_s = tick * self._tick_s
        conc_mg_l = self._patient.conc_mg_l
        reading = self._sensor.sample(conc_mg_l, time_s)
        if "sensor_silent" in self._present:
            reading = None
        if "line_noise" in self._present:
            self._target.write(self._noise.bytes(_NOISE_BYTES))
        sent_s = self._target.now_s
        if reading is not None:
            self._conc_mg_l = reading.conc_mg_l
            self._client.send_reading(
                reading.sample_index, reading.time_s, reading.conc, reading.quality
            )
        record = self._answer(tick, reading, due_s)
        return Step(
            time_s, conc_mg_l, reading, record, edges, dose_mg, self._target.now_s - sent_s
        )

    def _take_over(self) -> None:
        """Send the programs that are due; each decides from the next tick on, or is refused."""
        self._looked_s = self._target.now_s
        for source in self._sources:
            for new in source.due(self._tick * self._tick_s):
                number = len(self._trace.takeovers) + 1
                time_s = (self._tick + 1) * self._tick_s
                takeover = Takeover(number, time_s, new, self._refusal(new))
                self._trace.takeovers.append(takeover)
                if self._on_takeover is not None:
                    self._on_takeover(takeover)

    def _refusal(self, new: NewProgram) -> str | None:
        """Let a program take over; return why it does not, None where it does."""
        refusal = new.refusal or new.unbelieved(self._conc_mg_l)
        if refusal is not None:
            return refusal
        try:
            self._client.upload(new.content)
            self._client.take_over(new.content)
        except RefusedError as refused:
            if new.scripted:
                raise
            return str(refused)
        return None

    def _look(self, until_s: float) -> None:
        """Let what came since the last tick take over, where there is time to send it."""
        now_s = self._target.now_s
        if now_s - self._looked_s >= self._look_s and until_s - now_s >= _UPLOAD_S:
            self._take_over()

    def _answer(
        self, tick: int, reading: SensorReading | None, due_s: float
    ) -> npt.NDArray[np.int32]:
        """Return the record that used the reading; raise LinkError when none came for two ticks.

        On a wall clock a tick may run without its reading: then its record is the answer, for
        its steps count all the same.
        """
        record: npt.NDArray[np.int32] | None = None
        while True:
            share = _SILENCE_TICKS if record is None else _ANSWER_SHARE
            received = self._client.await_telemetry(due_s + share * self._device_tick_s)
            if received is None:
                break
            record = received
            self._commanded += int(record[at.STEPS])
            if reading is None or (
                record[at.READING_PRESENT] and record[at.SAMPLE_INDEX] == reading.sample_index
            ):
                return record
        if record is None:
            raise LinkError(
                f"The pump sent no telemetry for tick {tick} of the run; "
                "it ends here, see run.mcap for the last frames."
            )
        return record

    def _dose(self) -> tuple[int, float]:
        """Give the patient what the pin did since the last tick; return edges and mg."""
        counted = self._target.step_edges()
        edges = self._commanded if counted is None else counted - self._edges_before
        self._edges_before = counted or 0
        if counted is None:
            self._delivered += self._line.push(self._commanded)
        else:
            self._push_line(counted)
        self._commanded = 0
        # Blood that came back into an open line is drug that has not left it: none is given.
        given = max(0, self._delivered)
        self._delivered -= given
        conc_mg_ml = self._scenario.drug.conc_mg_ml
        rate_mg_h = self._mechanics.rate_mg_h(given, conc_mg_ml, self._tick_s)
        self._patient.advance(rate_mg_h, self._tick_s)
        return edges, self._mechanics.dose_mg(given, conc_mg_ml)

    def _push_line(self, counted: int) -> None:
        """Let the line take up what the plunger has moved since the last time."""
        back = self._target.step_edges_back()
        moved = counted - self._edges_pushed - (back - self._back_before)
        self._edges_pushed, self._back_before = counted, back
        self._delivered += self._line.push(moved)

    def _show_pressure(self) -> None:
        """Put the line's pressure on the pump's sensor."""
        volts = line.volts(self._line.pressure_mmhg())
        shown = VoltageFault(at.PRESSURE_RAW, volts, reasons.FAULT_PRESSURE_HIGH)
        self._target.set_fault(shown, True)

    def _pass_until(self, until_s: float) -> None:
        """Let device time pass, with the faults that happen in it."""
        while self._events and self._events[0].at_s <= until_s:
            event = self._events.popleft()
            self._wait_until(event.at_s)
            self._happen(event)
        self._wait_until(until_s)

    def _happen(self, event: FaultEvent) -> None:
        """Let a fault begin or end, or count what the motor has made when it must stand."""
        fault = BOARD_FAULTS.get(event.kind)
        if event.change == "must_have_stopped":
            if self._edges_at_stop is None:
                self._edges_at_stop = self._target.step_edges()
        elif fault is not None:
            self._target.set_fault(fault, event.change == "begins")
        elif event.kind in BLOCKS:
            self._push_line(self._target.step_edges() or 0)
            if event.change == "begins":
                self._line.block = event.kind
            else:
                self._delivered += self._line.free()
            self._show_pressure()
        elif event.change == "begins":
            self._present.add(event.kind)
        else:
            self._present.discard(event.kind)

    def _wait_until(self, until_s: float) -> None:
        """Let device time pass; the client keeps what the pump sends meanwhile."""
        while self._target.now_s < until_s:
            if self._line.block is None:
                self._target.advance(min(until_s, self._target.now_s + self._look_s))
            else:
                self._target.advance(min(until_s, self._target.now_s + _LINE_STEP_S))
                self._push_line(self._target.step_edges() or 0)
                self._show_pressure()
            self._client.receive()
            self._look(until_s)
