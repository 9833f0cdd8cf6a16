# SPDX-License-Identifier: MIT
"""The pump itself: bytes in, ticks, motor steps and telemetry out.

Joins core (decides), board (acts) and the wire.  A tick runs when a reading for
it has arrived, or at its deadline without one; between ticks nothing can move the
motor, but an open door, air, an occlusion or a driver fault stops it.  Times are device
milliseconds: a bench may run therapy time `clock_factor` times faster, a therapy runs
it at 1.
"""

from pump.compat import const, micropython
from pump.core.black_box import BlackBoxes
from pump.core.commands import Commands
from pump.core.detectors import of_flags
from pump.core.intake import copy_words
from pump.core.journal import Journal
from pump.core.line import Relief
from pump.core.link import Link
from pump.core.panel import Panel
from pump.core.supervisor import Supervisor
from pump.core.therapy import Therapy
from pump.spec import limits, messages, reasons
from pump.spec import program as layout
from pump.spec import record as at

_BLOCKED = const(reasons.FLAG_OCCLUSION | reasons.FLAG_PRESSURE_HIGH)
# With any of these the motor does not even turn back.
_STAND = const(
    reasons.FLAG_DOOR_OPEN
    | reasons.FLAG_AIR_IN_LINE
    | reasons.FLAG_DRIVER_FAULT
    | reasons.FLAG_PRESSURE_LOW
)


class App:
    """One pump on one board (board/pico.py on the device, the bench's twin elsewhere)."""

    def __init__(self, board):
        self.board = board
        self.supervisor = Supervisor()
        boxes = BlackBoxes(board.box_flash)
        self.journal = Journal(board.flash, board.now_ms(), boxes, board.was_hung())
        self.panel = Panel(board, self.supervisor, self.journal.holds)
        self.therapy = Therapy()
        self.relief = Relief(board, self.journal)
        self.link = Link(board)
        self.commands = Commands(
            board, self.link, self.supervisor, self.therapy, self.journal, self.panel, self.relief
        )
        self._received_us = 0  # when the pass of the loop began
        self.commands.restore()

    def run(self) -> None:
        """Run until MAINTENANCE is commanded; however the loop ends, the motor stops."""
        try:
            while not self.commands.leave:
                self.board.wait(self.wait_ms())
                self.poll()
        finally:
            self.board.abort_steps()

    def wait_ms(self) -> int:
        """Return how long nothing needs doing unless a byte arrives."""
        most = limits.FEED_INTERVAL_MS
        if self.therapy.schedule is None:
            if self.commands.slot.is_busy():
                return 0
        else:
            most = self.therapy.schedule.wait_ms(self.board.now_ms())
            if self.relief.is_on:
                most = min(most, limits.RELIEF_LOOK_MS)
        return self.panel.wait_ms(most)

    @micropython.native
    def poll(self) -> None:
        """Take what has arrived, and run the tick if it is due."""
        board, therapy = self.board, self.therapy
        self._take_frames()
        if therapy.schedule is None:
            # The motor is off: a pass of this loop is all there is to complete.
            board.grant_feeds(limits.WATCHDOG_MS)
            if not self.commands.slot.work():
                self.journal.erase_ahead()
            therapy.forget_old(board.now_ms())
        elif therapy.schedule.is_due(board.now_ms()):
            self._run_tick()  # which looks at pins and line itself
        else:
            self._check_flags()
        if self.panel.show():
            self.link.send(messages.ALARMS, self.panel.write(self.link.body))
        board.feed_on_credit()

    @micropython.native
    def _take_frames(self) -> None:
        """Handle the frames that have arrived."""
        link = self.link
        self._received_us = self.board.now_us()
        link.begin_pass()
        length = link.next_frame()
        while length:
            self.commands.handle(link.frame, length)
            length = link.next_frame()

    @micropython.native
    def _check_flags(self) -> None:
        """Stop the motor at once for what its next tick will latch, and say so once."""
        board, therapy = self.board, self.therapy
        flags = board.flags()
        if self.relief.is_on:
            self.relief.go_on(board.pressure_raw(), flags, board.now_ms())
        elif self.supervisor.delivers() and not therapy.alarm_flags:
            flags |= therapy.line.look(board.pressure_raw(), board.now_ms())
            if flags:
                self.panel.alarms.add(of_flags(flags), board.now_ms())
                self._stand_still(flags)
                self.link.body[0] = flags
                self.link.send(messages.ALARM, 1)
                self.journal.alarm(flags, board.now_ms())
        if flags and self.supervisor.delivers():
            therapy.alarm_flags |= flags

    @micropython.native
    def _stand_still(self, flags: int) -> None:
        """Stop the motor; for a blocked line alone, take back what it has stored."""
        if self.relief.is_on:
            return
        self.board.abort_steps()
        if flags & _BLOCKED and not flags & _STAND:
            line = self.therapy.line
            steps_max = self.therapy.controller.words[layout.AT_BACK_OFF_STEPS_MAX]
            self.relief.begin(line, steps_max, self.board.now_ms())
            line.begin_batch(0, 1, self.board.now_ms())

    @micropython.native
    def _run_tick(self) -> None:
        """Decide, act, report.  Whatever goes wrong stops the motor first."""
        board, therapy, link = self.board, self.therapy, self.link
        record = therapy.controller.record
        began_ms = board.now_ms()
        ticks = therapy.begin_tick(began_ms)
        micropython.heap_lock()
        try:
            board.read_inputs(record)
            if not therapy.alarm_flags and self.supervisor.delivers():
                therapy.alarm_flags = therapy.line.look(record[at.PRESSURE_RAW], began_ms)
            record[at.BOARD_FLAGS] |= therapy.alarm_flags
            record[at.STEPS_BACK] = self.relief.steps_back
            self.relief.steps_back = 0
            if 0 < record[at.HEAP_FREE] < limits.HEAP_FREE_MIN:
                record[at.BOARD_FLAGS] |= reasons.FLAG_MEMORY_LOW
            if record[at.TICK_US] > limits.DECISION_US_MAX:
                record[at.BOARD_FLAGS] |= reasons.FLAG_LATE
            if self.journal.ring.worn:
                record[at.BOARD_FLAGS] |= reasons.FLAG_WORN
            therapy.write_inputs(record, ticks)
            steps = therapy.controller.decide()
            if steps:
                self._make(steps)
            elif not self.supervisor.delivers():
                self._stand_still(record[at.BOARD_FLAGS])
        except Exception:
            board.abort_steps()
            self._fault_internally(record)
        self.panel.alarms.update(record[at.ALARMS], began_ms)
        link.send(messages.TELEMETRY, copy_words(record, link.body))
        micropython.heap_unlock()
        therapy.end_tick()
        board.note_tick(record, self._received_us)
        if not self.journal.tick(record, board.now_ms()):
            self._stop_unlogged()
        board.grant_feeds(therapy.credit_ms())

    def _stop_unlogged(self) -> None:
        """Stop the motor: what it gives from now on would not be in the account."""
        self.board.abort_steps()
        self.therapy.alarm_flags |= reasons.FLAG_LOG
        self.panel.alarms.add(of_flags(reasons.FLAG_LOG), self.board.now_ms())

    @micropython.native
    def _make(self, steps: int) -> None:
        """Set the motor to make this tick's steps."""
        now_ms = self.board.now_ms()
        window_ms = self.therapy.schedule.window_ms(now_ms)
        self.board.start_steps(steps, window_ms * 1000)
        self.therapy.line.begin_batch(steps, window_ms, now_ms)

    def _fault_internally(self, record) -> None:
        """Latch that the tick itself failed; say so in its record, with what the board shows."""
        self.supervisor.trip(reasons.FAULT_INTERNAL)
        found = of_flags(record[at.BOARD_FLAGS]) | 1 << reasons.FAULT_INTERNAL
        record[at.STATE] = self.supervisor.state
        record[at.FAULT_REASON] = self.supervisor.fault
        record[at.ALARMS] |= found | 1 << self.supervisor.fault
        record[at.STEPS] = 0
