# SPDX-License-Identifier: MIT
"""Where pump and person meet: the self-test's outcome, alarms shown, alarms answered.

Joins supervisor and annunciator for the App, and writes the ALARMS frame that tells the
host.  Nothing here moves the motor.
"""

from pump.compat import micropython
from pump.core import intake, self_test
from pump.core.alarms import Annunciator
from pump.core.supervisor import EVENT_PASSED
from pump.spec import alarms, messages, reasons

_BODY = messages.HEADER_BYTES


class Panel:
    """Buzzer, lights, and the two commands that answer an alarm."""

    def __init__(self, board, supervised, log_holds: bool):
        """Test the pump; only with nothing found does the supervisor leave its self-test."""
        self._board = board
        self._supervisor = supervised
        self.alarms = Annunciator()
        self.failures = self_test.failures(board, log_holds)
        self._shown = 0
        self._told_present = 0
        self._told_waiting = 0
        if self.failures:
            self.alarms.add(1 << alarms.SELF_TEST, board.now_ms())
        else:
            supervised.happen(EVENT_PASSED)

    @micropython.native
    def wait_ms(self, most: int) -> int:
        """Return how long buzzer and lights can be left alone, at most `most`."""
        return min(most, self.alarms.wait_ms(self._board.now_ms()))

    @micropython.native
    def show(self) -> bool:
        """Set buzzer and lights; return whether the host does not know yet what is wrong."""
        annunciated = self.alarms
        shown = annunciated.show(self._board.now_ms())
        if shown != self._shown:
            self._shown = shown
            self._board.show(shown)
        return (
            annunciated.present != self._told_present or annunciated.waiting != self._told_waiting
        )

    def tell_again(self) -> None:
        """Let the next `show` say that the host, a new one, knows nothing."""
        self._told_waiting = -1

    def write(self, body) -> int:
        """Write what is wrong into an ALARMS frame's body; return its bytes."""
        annunciated = self.alarms
        self._told_present = annunciated.present
        self._told_waiting = annunciated.waiting
        body[0:4] = annunciated.present.to_bytes(4, "little")
        body[4:8] = annunciated.waiting.to_bytes(4, "little")
        body[8:10] = self.failures.to_bytes(2, "little")
        return messages.ALARMS_BYTES

    def end_therapy(self) -> None:
        """Let go of what only a running therapy shows; a latched fault stays."""
        fault = self._supervisor.fault
        self.alarms.update(1 << fault if fault else 0, self._board.now_ms())

    def press(self, frame, length: int) -> int:
        """Carry out ACKNOWLEDGE or SILENCE; return reasons.RESULT_*."""
        if length != _BODY + 4:
            return reasons.RESULT_BAD_LENGTH
        value = intake.u32(frame, _BODY)
        now_ms = self._board.now_ms()
        if frame[0] == messages.SILENCE:
            done = self.alarms.silence(value, now_ms)
        else:
            done = self.alarms.acknowledge(value, now_ms)
            if value and self._supervisor.acknowledge(value):
                self.end_therapy()
                done = True
        return reasons.RESULT_OK if done else reasons.RESULT_OUT_OF_RANGE
