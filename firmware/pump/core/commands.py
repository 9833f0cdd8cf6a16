# SPDX-License-Identifier: MIT
"""What a host may say and what becomes of it: readings kept, orders carried out and answered.

Every frame that has arrived comes here, and nothing else begins or ends a therapy.  Whether its
sender may say it is decided first (core.authentic).  Allocates: runs before the tick.
"""

from pump.compat import micropython
from pump.core import authentic, handover, intake, program, program_slot
from pump.core.controller import Controller
from pump.core.schedule import has_room
from pump.core.supervisor import EVENT_PROGRAM, EVENT_START, EVENT_STOP
from pump.spec import limits, messages, reasons
from pump.spec import program as layout

_BODY = messages.HEADER_BYTES
# What is taken beside a therapy that delivers: a program, and the order that makes it the one.
_BESIDE = (
    messages.PROGRAM_BEGIN, messages.PROGRAM_CHUNK, messages.PROGRAM_END, messages.TAKE_OVER,
)  # fmt: skip
# What takes long, limits.LONG_ORDER_MS at most.
_LONG = (messages.PROGRAM_BEGIN, messages.PROGRAM_END, messages.TAKE_OVER)


class Commands:
    """Acts on supervisor, therapy, journal and panel for whoever speaks over the link."""

    def __init__(self, board, link, supervised, therapy, journal, panel, relief):
        """Take what orders act on; the keys are the board's."""
        self._board = board
        self._link = link
        self._supervisor = supervised
        self._therapy = therapy
        self._journal = journal
        self._panel = panel
        self._relief = relief
        keys = board.keys()
        self.session = authentic.Session(keys[: messages.KEY_BYTES])
        self.intake = intake.ProgramIntake(keys[messages.KEY_BYTES :])
        self.slot = program_slot.ProgramSlot(board.slot_flash, keys[messages.KEY_BYTES :])
        self._restored = False  # the program is that of before the power went
        self.leave = False  # MAINTENANCE was ordered

    def restore(self) -> None:
        """Be ready with the program of before the power went, where it is whole and logged."""
        if self._supervisor.state != reasons.STATE_IDLE:
            return
        self._board.collect_garbage()  # a program is the largest thing that is ever kept
        words = self.slot.restore()
        if words is not None and self._journal.restored(words, self._board.now_ms()):
            self.intake.words = words
            self._restored = self._supervisor.happen(EVENT_PROGRAM)

    @micropython.native
    def handle(self, frame, length: int) -> None:
        """Take one whole frame: a reading, or a command to acknowledge."""
        kind, session = frame[0], self.session
        if kind == messages.READING:
            self._take_reading(frame, length)
            return
        opened = reasons.RESULT_OK
        if kind == messages.HELLO:
            opened = session.open(frame, length, self._board.nonce())
            self._introduce()
        result = session.admit_command(frame, length)
        if result == reasons.RESULT_OK:
            result = self._execute(frame, session.length) or opened
            session.remember(frame, result)
            self._log(frame, result)
        elif result == authentic.AGAIN:
            result = session.last_result
        self._acknowledge(frame, result)

    def _log(self, frame, result: int) -> None:
        """Log what was carried out, with the number that it named."""
        named = self.session.length == _BODY + 4
        value = intake.u32(frame, _BODY) if named else 0
        self._journal.command(
            frame[0], result, self._supervisor.state, self._board.now_ms(), value
        )

    @micropython.native
    def _take_reading(self, frame, length: int) -> None:
        """Keep a reading for the coming tick, or say why it is refused."""
        therapy, session = self._therapy, self.session
        if therapy.schedule is None:
            return
        result = session.admit_reading(frame, length)
        if result == reasons.RESULT_OK:
            therapy.take_reading(frame, session.length, self._board.now_ms())
        else:
            self._acknowledge(frame, result)

    def _acknowledge(self, frame, result: int) -> None:
        """Tell the host what became of the frame."""
        body = self._link.body
        body[0] = frame[2]
        body[1] = frame[3]
        body[2] = result
        body[3] = self._supervisor.state
        self._link.send(messages.ACK, 4)

    def _execute(self, frame, length: int) -> int:
        """Carry out one command that was let in; return reasons.RESULT_*."""
        kind = frame[0]
        if kind == messages.HELLO:
            return reasons.RESULT_OK  # it has been answered
        if kind == messages.STOP:
            return self._stop()
        if kind in (messages.ACKNOWLEDGE, messages.SILENCE):
            return self._press(frame, length)
        if kind == messages.CONFIRM:
            return self._confirm(frame, length)
        runs = self._therapy.schedule is not None
        hindered = self._hindrance(kind) if runs else reasons.RESULT_OK
        if hindered != reasons.RESULT_OK:
            return hindered
        if kind == messages.LOG_READ:
            return self._send_page(frame, length)
        if kind == messages.BOX_CLEAR:
            return self._journal.clear_box(frame, length)
        if kind == messages.PROGRAM_BEGIN:
            return self._begin_program(frame, length, runs)
        if kind == messages.PROGRAM_CHUNK:
            return self.intake.take(frame, length)
        if kind == messages.PROGRAM_END:
            return self._end_program(frame, length)
        if kind == messages.TAKE_OVER:
            return self._take_over(frame, length) if runs else reasons.RESULT_WRONG_STATE
        if kind == messages.START:
            return self._start(frame, length)
        self.leave = True  # MAINTENANCE is all that is left
        return reasons.RESULT_OK

    def _hindrance(self, kind: int) -> int:
        """Return RESULT_OK, or why a therapy that runs lets this order wait."""
        if kind not in _BESIDE or not self._supervisor.delivers():
            return reasons.RESULT_WRONG_STATE
        beat_ms = self._therapy.schedule.beat_ms(self._board.now_ms())
        if kind in _LONG and beat_ms <= limits.LONG_ORDER_MS:
            return reasons.RESULT_TICK_DUE
        return reasons.RESULT_OK

    def _introduce(self) -> None:
        """Say who this is: board, room for a program, what the session hangs on, version."""
        room = limits.PROGRAM_WORDS_MAX.to_bytes(4, "little")
        session = self.session.challenge + self.session.nonce
        version = messages.FIRMWARE_VERSION.encode()
        text = self._board.identity() + room + session + version
        self._link.body[: len(text)] = text
        self._link.send(messages.IDENTITY, len(text))
        self._tell_held()
        self._panel.tell_again()

    def _tell_held(self) -> None:
        """Say which program runs, or would with START, and whether a host has sent it since."""
        therapy, words = self._therapy, self.intake.words
        if therapy.schedule is not None:
            words = therapy.controller.words
        if words is None:
            return
        body = self._link.body
        body[:4] = (words[-1] & 0xFFFFFFFF).to_bytes(4, "little")
        body[4] = self._restored
        self._link.send(messages.HELD, messages.HELD_BYTES)

    def _begin_program(self, frame, length: int, runs: bool) -> int:
        """Make room for a program; with none that runs, in the flash too."""
        self._board.collect_garbage()  # a program is the largest thing that is ever kept
        result = self.intake.begin(frame, length)
        if result == reasons.RESULT_OK and not runs:
            self.slot.clear(intake.u32(frame, _BODY))
        return result

    def _end_program(self, frame, length: int) -> int:
        """Check the program that has been taken in, and keep it over a power cut."""
        result = self.intake.end(frame, length)
        if self._therapy.schedule is not None:
            self._board.collect_garbage()  # for the controller that TAKE_OVER makes
            return result
        if result != reasons.RESULT_OK:
            return result
        if not self._supervisor.happen(EVENT_PROGRAM):
            return reasons.RESULT_WRONG_STATE
        self._restored = False
        self.slot.keep(self.intake.words)
        self._finish_slot()
        return result

    def _finish_slot(self) -> None:
        """Do all that the slot has left to do, before the motor may turn."""
        while self.slot.work():
            pass

    def _take_over(self, frame, length: int) -> int:
        """Let the program that was taken in decide from the next tick on; else nothing changes."""
        if length != _BODY + 4:
            return reasons.RESULT_BAD_LENGTH
        board, therapy, words = self._board, self._therapy, self.intake.words
        if words is None or therapy.alarm_flags:
            return reasons.RESULT_WRONG_STATE  # the next tick will latch a fault
        checksum = frame[_BODY : _BODY + 4]
        if words[-1] & 0xFFFFFFFF != int.from_bytes(checksum, "little"):
            return reasons.RESULT_PROGRAM_CHECKSUM
        result = handover.obstacle(therapy.controller.words, words)
        if result != reasons.RESULT_OK:
            return result
        if not has_room(therapy.schedule.tick_ms, words[layout.AT_STEPS_TICK_MAX]):
            return reasons.RESULT_OUT_OF_RANGE
        if program.plans_beyond(words) & ~therapy.confirmed:
            return reasons.RESULT_NOT_CONFIRMED
        try:
            controller = Controller(words, self._supervisor, None, therapy.controller)
        except MemoryError:
            return reasons.RESULT_NO_ROOM
        # After a cut no older program may pass for the one that runs: better none.
        if not self.slot.void():
            return reasons.RESULT_NO_LOG
        if not self._journal.take_over(words, self._supervisor.state, board.now_ms()):
            return reasons.RESULT_NO_LOG
        controller.planner.work.now_us = board.now_us
        therapy.controller = controller
        therapy.line.words = words
        self._link.body[:4] = checksum
        self._link.send(messages.TAKEN_OVER, 4)
        return reasons.RESULT_OK

    def _press(self, frame, length: int) -> int:
        """Let a person answer an alarm; acknowledging the latched fault ends the therapy."""
        result = self._panel.press(frame, length)
        if self._supervisor.state == reasons.STATE_READY:
            self._relief.end(self._board.now_ms())
            self._end_therapy()
        return result

    def _end_therapy(self) -> None:
        """Let it tick no more; START begins its program again, not one that came beside it."""
        therapy = self._therapy
        if therapy.schedule is not None:
            self.intake.words = therapy.controller.words
        if self.slot.is_void and self.intake.words is not None:
            self.slot.keep(self.intake.words)
        therapy.end()

    def _confirm(self, frame, length: int) -> int:
        """Let a person lift one soft limit for as long as this therapy lasts; a hard one never."""
        if length != _BODY + 4:
            return reasons.RESULT_BAD_LENGTH
        limit = intake.u32(frame, _BODY)
        if limit > 29 or not reasons.SOFT_LIMITS & 1 << limit:
            return reasons.RESULT_OUT_OF_RANGE
        if self._therapy.schedule is None:
            return reasons.RESULT_WRONG_STATE
        self._therapy.confirmed |= 1 << limit
        return reasons.RESULT_OK

    def _start(self, frame, length: int) -> int:
        """Begin the therapy, if program, clock, state and soft limits allow one."""
        if length not in (_BODY + 8, _BODY + 12):
            return reasons.RESULT_BAD_LENGTH
        words = self.intake.words
        if words is None:
            return reasons.RESULT_WRONG_STATE
        factor = intake.u32(frame, _BODY)
        day_s = intake.u32(frame, _BODY + 4)
        if not 1 <= factor <= limits.CLOCK_FACTOR_MAX:
            return reasons.RESULT_OUT_OF_RANGE
        if day_s >= limits.DAY_S:
            return reasons.RESULT_TIME_OF_DAY
        tick_ms = words[layout.AT_TICK_S] * 1000 // factor
        if not has_room(tick_ms, words[layout.AT_STEPS_TICK_MAX]):
            return reasons.RESULT_OUT_OF_RANGE
        confirmed = intake.u32(frame, _BODY + 8) if length == _BODY + 12 else 0
        if confirmed & ~reasons.SOFT_LIMITS:
            return reasons.RESULT_OUT_OF_RANGE
        if self._supervisor.state != reasons.STATE_READY:
            return reasons.RESULT_WRONG_STATE
        if program.plans_beyond(words) & ~confirmed:
            return reasons.RESULT_NOT_CONFIRMED
        return self._begin(words, factor, day_s, confirmed)

    def _begin(self, words, factor: int, day_s: int, confirmed: int) -> int:
        """Begin the therapy of a program: its first tick is due at once."""
        board, therapy = self._board, self._therapy
        self._finish_slot()
        history = self._history()
        if not self._journal.start(words, factor, day_s, board.now_ms(), confirmed):
            return reasons.RESULT_NO_LOG
        self._supervisor.happen(EVENT_START)
        therapy.controller = None  # freed before the next one is made
        controller = Controller(words, self._supervisor, history)
        controller.planner.work.now_us = board.now_us
        # Steps that an aborted batch still made belong to the therapy before.
        board.read_inputs(controller.record)
        self._link.send(messages.HISTORY, intake.copy_words(history, self._link.body))
        board.collect_garbage()
        board.start_watchdog()
        # Last of all: the first tick waits for its reading a tenth of a tick, and no longer.
        tick_s = words[layout.AT_TICK_S]
        therapy.begin(controller, tick_s, factor, day_s, board.now_ms(), confirmed)
        # The first tick may be due later than the watchdog waits.
        board.grant_feeds(therapy.credit_ms())
        return reasons.RESULT_OK

    def _history(self):
        """Return what was given in the last day, for the limiter of the coming therapy."""
        now_ms = self._board.now_ms()
        if self._therapy.controller is None:
            return self._journal.quarters(now_ms)
        return self._therapy.quarters(now_ms)

    def _stop(self) -> int:
        """Stop the motor at once and end the therapy."""
        self._relief.end(self._board.now_ms())
        self._board.abort_steps()
        self._supervisor.happen(EVENT_STOP)
        self._end_therapy()
        self._panel.end_therapy()
        return reasons.RESULT_OK

    def _send_page(self, frame, length: int) -> int:
        """Send one page of the log."""
        result = self._journal.copy_page(frame, length, self._link.body)
        if result == reasons.RESULT_OK:
            self._link.send(messages.LOG_PAGE, messages.LOG_PAGE_BYTES)
        return result
