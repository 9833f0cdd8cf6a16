# SPDX-License-Identifier: MIT
"""The control decision of one tick: reading in, motor steps out.

sense -> estimate -> course -> plan -> limit, each in its own module; this one joins them
through the tick record (spec.record), whose input words are all that a decision
may depend on.  `mesor replay` runs this very class on the logged inputs.
"""

from array import array

from pump.compat import const, micropython, ptr32
from pump.core import limiter, supervisor
from pump.core.course import Course
from pump.core.detectors import Detectors
from pump.core.estimator import Estimator
from pump.core.fall import Fall
from pump.core.handover import Scales, name_of
from pump.core.limiter import Limiter
from pump.core.planner import Planner
from pump.core.rhythm import Rhythm
from pump.core.sense import Sense
from pump.core.supervisor import Supervisor
from pump.spec import alarms, limits, reasons
from pump.spec import program as layout
from pump.spec import record as at

_NOTHING = const(31)  # a shift that leaves no output of the moves


@micropython.viper
def _write_plan(
    record: ptr32,
    moves: ptr32,
    free: ptr32,
    outputs: ptr32,
    outputs_shift: int,
    n: int,
    output_count: int,
):
    """Write the planned trajectory: rate in the high half, concentration in the low.

    Beyond the outputs that are planned the last concentration is repeated.
    """
    conc = 0
    for i in range(n):
        if i < output_count:
            conc = (free[i] + (outputs[i] >> outputs_shift)) >> 2
            if conc < 0:
                conc = 0
            if conc > at.PLAN_CONC_MAX:
                conc = at.PLAN_CONC_MAX
        record[at.PLAN + i] = (moves[i] << 15) | conc


@micropython.viper
def _write_decision(
    record: ptr32,
    fault: int,
    limit: int,
    iterations: int,
    solved: bool,
    source: int,
    move: int,
    steps: int,
    solve_us: int,
):
    """Write what was decided, and what the solver took."""
    record[at.FAULT_REASON] = fault
    record[at.LIMIT_REASON] = limit
    record[at.ITERATIONS] = iterations
    record[at.SOLVED] = int(solved)
    record[at.PLAN_SOURCE] = source
    record[at.MOVE] = move
    record[at.STEPS] = steps
    record[at.SOLVE_US] = solve_us


@micropython.viper
def _write_course(
    record: ptr32, phase: int, targets: ptr32, area: int, program: int, likeliest: int
):
    """Write what is chased, by which program and model."""
    record[at.PHASE] = phase
    record[at.TARGET] = targets[0]
    record[at.AREA] = area
    record[at.PROGRAM] = program
    record[at.MODEL] = likeliest


@micropython.viper
def _write_account(record: ptr32, account: ptr32, estimate: ptr32, states: int, weights: ptr32):
    """Write the limiter's account, the estimate and the bank's weights."""
    record[at.STEPS_TOTAL] = account[limiter.TOTAL]
    record[at.CARRY] = account[limiter.CARRY]
    record[at.STEPS_ASKED] = account[limiter.ASKED]
    record[at.ON_BOARD] = account[limiter.ON_BOARD]
    for i in range(states):
        record[at.ESTIMATE + i] = estimate[i]
    for i in range(limits.MODELS_MAX):
        record[at.WEIGHTS + i] = weights[i]


class Controller:
    """One therapy: built from a checked program, then `decide` once a tick."""

    def __init__(self, words, supervised: Supervisor, history=None, before=None):
        """Take program and supervisor, and what was given before (Limiter.quarters).

        before: the Controller that this one takes over from between two ticks, unchanged by it;
        core.handover must have found no obstacle.
        """
        self.words = words
        self.supervisor = supervised
        self.record = array("i", [0] * at.word_count(words[layout.AT_HORIZON]))
        self.sense = Sense(words)
        self.estimator = Estimator(words)
        self.course = Course(words)
        self.fall = Fall(words, self.estimator)
        self.rhythm = Rhythm(words)
        self.planner = Planner(words, self.estimator, self.rhythm)
        self.limiter = Limiter(words, history, before.limiter if before is not None else None)
        self.detectors = Detectors(words)
        self._stopping = alarms.with_action(alarms.STOP)
        self._holding = alarms.with_action(alarms.HOLD)
        self._held = 0  # ticks of fallback delivery
        self.move = 0  # of the tick before, Q(data_bits) of the full rate
        self._steps = 0
        self._output_state = words[layout.AT_OUTPUT_STATE]
        self._back = 0  # microsteps that came back and the estimate has yet to lose
        # No reading yet is as bad as none for too long: the patient's level is not known.
        self._stale = words[layout.AT_STALE_TICKS_MAX]
        self._begun = False
        self._program = name_of(words)
        if before is not None:
            self._follow(before)

    def _follow(self, before) -> None:
        """Go on from where `before` is; its record holds what has come for the next tick."""
        scales = Scales(before.words, self.words)
        one = 1 << self.words[layout.AT_DATA_BITS]
        for i in range(at.PLAN):
            self.record[i] = before.record[i]
        self.sense.follow(before.sense)
        self.estimator.follow(before.estimator, scales, before.move)
        self.course.follow(before.course, scales)
        self.planner.follow(before.planner, scales)
        self.limiter.follow(scales)
        self.detectors.follow(before.detectors, scales)
        self._held = before._held
        self._steps = before._steps
        self._back = before._back
        self._stale = before._stale
        self._begun = before._begun
        self.move = scales.move(before.move, one)

    @micropython.native
    def decide(self) -> int:
        """Return the microsteps of this tick, from the record's inputs; fill its outputs."""
        record, detectors, supervised = self.record, self.detectors, self.supervisor
        rhythm, bounds = self.rhythm, self.limiter
        account, ticks = bounds.account, record[at.ELAPSED_TICKS]
        found = detectors.board(record, self._steps)
        record[at.ALARMS] = found  # told even where the rest of the decision fails
        self._estimate()
        estimator, planner = self.estimator, self.planner
        estimate = estimator.estimate
        course, level = self.course, estimate[self._output_state]
        foreseen = self.fall.ticks_above() if course.phase == reasons.PHASE_CHASE else 0
        course.advance(ticks, level, foreseen)
        rhythm.look_ahead(record[at.DAY_S], course.target)
        found |= detectors.course(
            record,
            estimate,
            estimator.states,
            planner.source,
            supervised.state == reasons.STATE_RUNNING and not planner.resting,
            account[limiter.REASON],
        )
        found = self._supervise(found)
        move = self._next_move()
        if ticks > 1:
            bounds.advance(ticks - 1)
        account[limiter.CONFIRMED] = record[at.CONFIRMED]
        steps = bounds.limit(move, estimate[0])
        self.move = move
        self._steps = steps
        record[at.STATE] = supervised.state
        record[at.ALARMS] = found
        self._report(move, steps)
        return steps

    @micropython.native
    def _supervise(self, found: int) -> int:
        """Change state for the conditions that were found; return them with what follows."""
        supervised = self.supervisor
        if found & self._stopping:
            supervised.trip(alarms.lowest(found & self._stopping))
        if supervised.state == reasons.STATE_RUNNING:
            if found & self._holding:
                supervised.happen(supervisor.EVENT_LOSE)
                self._held = 0
        elif supervised.state == reasons.STATE_FALLBACK:
            self._held += self.record[at.ELAPSED_TICKS]
            if not found & self._holding:
                supervised.happen(supervisor.EVENT_REGAIN)
        if supervised.state == reasons.STATE_FALLBACK:
            if self._held >= self.words[layout.AT_FALLBACK_TICKS_MAX]:
                supervised.happen(supervisor.EVENT_EXPIRE)
        if supervised.state == reasons.STATE_STOPPED:
            found |= 1 << alarms.FALLBACK_OVER
        elif supervised.state == reasons.STATE_FAULT:
            found |= 1 << supervised.fault
        return found

    @micropython.native
    def _next_move(self) -> int:
        """Return the move that state and course allow."""
        planner = self.planner
        if not self.supervisor.delivers() or self.course.phase == reasons.PHASE_REST:
            return planner.stand_still()
        if self.supervisor.state == reasons.STATE_FALLBACK:
            return planner.fall_back(self.move)
        return planner.plan(self.move)

    @micropython.native
    def _estimate(self) -> None:
        """Bring the estimate up to this tick, and correct it if the reading is good."""
        record = self.record
        words = self.words
        estimator = self.estimator
        most = words[layout.AT_STEPS_TICK_MAX]
        done = record[at.STEPS_DONE] - record[at.STEPS_BACK] - self._back
        self._back = 0
        if done > most:
            done = most
        elif done < -most:
            self._back = -most - done  # a tick's worth at a time
            done = -most
        if self._begun:
            move = (done * words[layout.AT_STEP_GAIN]) >> words[layout.AT_STEP_SHIFT]
            ago = record[at.ELAPSED_TICKS]
            while ago:
                ago -= 1
                self._predict(move, ago)
                move = 0  # a missed tick delivered nothing: its batch had expired
        self._begun = True
        verdict = self._judge()
        record[at.READING_VERDICT] = verdict
        if verdict == reasons.READING_USED:
            self._stale = 0
            gain = words[layout.AT_CONC_GAIN]
            estimator.correct((record[at.CONC] * gain) >> words[layout.AT_CONC_SHIFT])
            record[at.INNOVATION] = estimator.innovation
        else:
            self._stale += record[at.ELAPSED_TICKS]
            record[at.INNOVATION] = 0
        record[at.STALE_TICKS] = self._stale

    @micropython.native
    def _predict(self, move: int, ago: int) -> None:
        """Bring the estimate over one tick, which ended that many ticks ago."""
        rhythm, estimator = self.rhythm, self.estimator
        day_s = self.record[at.DAY_S]
        if ago:
            day_s -= ago % self.words[layout.AT_TICKS_DAY] * self.words[layout.AT_TICK_S]
            if day_s < 0:
                day_s += limits.DAY_S
        rhythm.delivered(move, day_s, estimator.state)
        estimator.predict(rhythm.moves)

    @micropython.native
    def _judge(self) -> int:
        """Return the verdict on this tick's reading."""
        record = self.record
        if not record[at.READING_PRESENT]:
            return reasons.READING_MISSING
        return self.sense.judge(
            record[at.TICK] * self.words[layout.AT_TICK_S],
            record[at.SAMPLE_INDEX],
            record[at.READING_TIME_S],
            record[at.CONC],
            record[at.QUALITY],
        )

    @micropython.native
    def _report(self, move: int, steps: int) -> None:
        """Write the outputs into the record."""
        record, planner, course = self.record, self.planner, self.course
        estimator = self.estimator
        solver, account = planner.solver, self.limiter.account
        delivers = self.supervisor.delivers()
        _write_decision(
            record,
            self.supervisor.fault,
            account[limiter.REASON] if delivers else reasons.LIMIT_STOPPED,
            solver.iterations,
            solver.solved,
            planner.source,
            move,
            steps,
            solver.solve_us,
        )
        _write_course(
            record,
            course.phase,
            self.rhythm.targets,
            course.area,
            self._program,
            estimator.likeliest,
        )
        _write_account(record, account, estimator.estimate, estimator.states, estimator.weights.of)
        _write_plan(
            record,
            planner.moves,
            planner.free,
            planner.free if planner.resting else solver.outputs,
            _NOTHING if planner.resting else solver.outputs_shift,
            planner.horizon,
            planner.output_count,
        )
