# SPDX-License-Identifier: MIT
"""The log on the device, and the account of what was given: one record a page of a ring of flash.

Survives resets and power cuts at any instant: every page reserves beforehand what may be given
until the next one is written, so that after a cut never less is counted than was given.  While
a therapy runs pages are only programmed (0.7 ms), never erased (45 ms): `erase_ahead` is for a
motor at rest.  Allocates: runs behind the tick.  Layout: pump.spec.journal.
"""

from array import array

from pump.compat import const
from pump.core.intake import u32
from pump.core.log_ring import LogRing
from pump.spec import journal as at
from pump.spec import messages, reasons
from pump.spec import program as layout
from pump.spec import record as tick_record

_MASK = const(0x3FFFFFFF)
_LOGGED = (messages.PROGRAM_END, messages.STOP, messages.MAINTENANCE)
_ANSWERS = (messages.CONFIRM, messages.ACKNOWLEDGE, messages.SILENCE)
_ELAPSED_MS_MAX = const(90_000_000)  # a day and an hour: nothing older weighs


class Journal:
    """Appends to the ring in `flash`, which has pages, read, program and erase."""

    def __init__(self, flash, now_ms: int, boxes=None, hung: bool = False):
        """Find the end of the log and go on from it; charge what the last page had reserved.

        boxes: BlackBoxes, if any; hung: the firmware was reset because it hung or failed.
        """
        self._boxes = boxes
        self.ring = LogRing(flash)
        self._now_ms = now_ms
        self._factor = 1
        self._faulted = False
        self._reserve = 0  # at most so many may be given before the next page
        self._day_max = 0
        self._unlogged = 0  # at most so many were given since the ring was full
        self._snapshot = -flash.pages  # where the last one ended
        self.time_s = 0
        self.boot = 0
        self.volume = 0
        if self.ring.take_up():
            words = self.ring.words
            self.time_s = words[at.AT_TIME_S]
            self.boot = words[at.AT_BOOT]
            self.volume = words[at.AT_VOLUME]
            self._reserve = words[at.AT_RESERVE]
        self.ring.count_erased()
        if not self.ring.room:
            self.erase_ahead()
        self.boot += 1
        owed, self._reserve = self._reserve, 0
        self.holds = self._append(at.BOOT, (), now_ms, owed)  # the flash keeps what it is given
        if hung and owed:
            self._keep_in_box()

    def erase_ahead(self) -> bool:
        """Erase the oldest sector if enough newer ones are kept; return whether it did.

        What was given in the last day is first written anew, lest the account lose it.
        """
        ring = self.ring
        kept = ring.pages // at.KEPT_DIVISOR
        if ring.room + at.SECTOR_PAGES > ring.pages - kept or not ring.pages:
            return False
        if ring.sequence > self._snapshot + kept // 2:
            history = self._by_quarters()
            if ring.room < at.HISTORY_PARTS:
                ring.erase_next()
            if not self._write_snapshot(history):
                return False
        ring.erase_next()
        return True

    def command(self, kind: int, result: int, state: int, now_ms: int, value: int = 0) -> bool:
        """Log a command that changed something; STOP ends what was reserved.

        value: what a person confirmed, acknowledged or silenced.  START has logged itself, and
        a STOP of what stands already is nothing: it needs no key, so anybody could fill the
        ring with it.
        """
        if result != reasons.RESULT_OK:
            return True
        if kind in _ANSWERS:
            # However many come, a fault must still find its page.
            if self.ring.room <= at.SPARE_PAGES // 2:
                return True
        elif kind not in _LOGGED:
            return True
        if kind == messages.STOP and not self._reserve:
            return True
        owed = 0
        if kind == messages.STOP:
            owed = self._unlogged
            self._unlogged = self._reserve = 0
        return self._append(at.COMMAND, (kind, result, state, self._factor, value), now_ms, owed)

    def restored(self, words, now_ms: int) -> bool:
        """Log that this program was found in its slot, and the pump is ready with it."""
        return self._append(at.RESTORED, (words[-1],), now_ms, 0)

    def start(self, words, factor: int, day_s: int, now_ms: int, confirmed: int = 0) -> bool:
        """Log that a therapy begins; False when the log cannot keep its account.

        words: the program; factor: therapy seconds per device second; day_s: time of day;
        confirmed: soft limits, bits 1 << LIMIT_SOFT_*.  What the therapy before may have given
        since the ring was full is charged, where a fault and no STOP has ended it.
        """
        while self.ring.room < at.START_PAGES and self.erase_ahead():
            pass
        self._advance(now_ms)
        self._factor = factor
        self._faulted = False
        reserve, self._reserve = self._reserve, words[layout.AT_STEPS_TICK_MAX]
        self._day_max = words[layout.AT_STEPS_DAY_MAX]
        state, checksum = reasons.STATE_RUNNING, words[-1]
        content = (messages.START, reasons.RESULT_OK, state, factor, confirmed, checksum, day_s)
        if not self._append(at.COMMAND, content, now_ms, self._unlogged):
            self._reserve = reserve
            return False
        self._unlogged = 0
        return True

    def take_over(self, words, state: int, now_ms: int) -> bool:
        """Log that a program takes the running one over; False, and no change, when it cannot be.

        What is reserved from here on is what the new program may give.
        """
        reserve, day_max, unlogged = self._reserve, self._day_max, self._unlogged
        self._day_max = words[layout.AT_STEPS_DAY_MAX]
        if unlogged:
            # The ring is full: the larger day of both is reserved for all ticks to come.
            self._unlogged = self._reserve = max(unlogged, self._day_max)
        else:
            self._reserve = words[layout.AT_STEPS_TICK_MAX]
        content = (messages.TAKE_OVER, reasons.RESULT_OK, state, self._factor, 0, words[-1])
        if self._append(at.COMMAND, content, now_ms, 0):
            return True
        self._reserve, self._day_max, self._unlogged = reserve, day_max, unlogged
        return False

    def alarm(self, flags: int, now_ms: int) -> bool:
        """Log what stopped the motor between two ticks."""
        return self._append(at.ALARM, (flags,), now_ms, 0)

    def relief(self, asked: int, made: int, now_ms: int) -> bool:
        """Log what a blocked line was relieved of; what was given before stays in the account."""
        return self._append(at.RELIEF, (asked, made), now_ms, 0)

    def tick(self, record, now_ms: int) -> bool:
        """Log a tick; False when a page that it needs could not be written.

        When the ring has no more room for ticks, the day's cap is reserved once for all of them.
        """
        faults = record[tick_record.STATE] == reasons.STATE_FAULT
        if faults and self._faulted:
            return True  # the motor stands, and the first cause has been kept
        self._faulted = faults
        if self.ring.room <= at.SPARE_PAGES and not faults:
            if self._unlogged:
                return True
            self._unlogged = self._reserve = self._day_max
            return self._append(at.FULL, (), now_ms, record[tick_record.STEPS])
        content = record[: min(tick_record.PLAN, at.CONTENT_WORDS)]
        steps = record[tick_record.STEPS]
        held = self._append(at.FAULT if faults else at.TICK, content, now_ms, steps)
        if faults:
            self._keep_in_box()
        return held

    def _keep_in_box(self) -> None:
        """Put the page that was just written into a black box, with those before it."""
        ring = self.ring
        if self._boxes is not None and ring.latest:
            self._boxes.keep(ring.latest, ring, ring.sequence - 2)

    def clear_box(self, frame, length: int) -> int:
        """Carry out BOX_CLEAR."""
        if self._boxes is None:
            return reasons.RESULT_OUT_OF_RANGE
        return self._boxes.clear(frame, length)

    def copy_page(self, frame, length: int, body) -> int:
        """Write the LOG_PAGE that a LOG_READ asks for: page, pages, content."""
        if length != messages.HEADER_BYTES + 4:
            return reasons.RESULT_BAD_LENGTH
        page = u32(frame, messages.HEADER_BYTES)
        ring = self.ring
        if page < ring.pages:
            ring.read(page)
        elif self._boxes is None or not self._boxes.copy_page(page - ring.pages, ring.page):
            return reasons.RESULT_OUT_OF_RANGE
        body[:4] = page.to_bytes(4, "little")
        body[4:8] = ring.pages.to_bytes(4, "little")
        body[8 : messages.LOG_PAGE_BYTES] = ring.page
        return reasons.RESULT_OK

    def quarters(self, now_ms: int):
        """Return the microsteps of the last day by quarter hours, the newest first.

        Each counts as younger than it is, by a quarter hour at most, never as older.
        """
        self._advance(now_ms)
        history = self._by_quarters()
        history[1] += history[0]
        return history[1 : messages.HISTORY_WORDS + 1]

    def _by_quarters(self):
        """Return the microsteps of the last day by quarters of the log's clock, this one first."""
        words_max = at.HISTORY_PARTS * at.HISTORY_PART
        history = array("i", [0] * words_max)
        snapshot = array("i", history)
        missing = at.HISTORY_PARTS
        ring = self.ring
        for sequence in range(ring.sequence - 1, ring.sequence - 1 - ring.pages + ring.room, -1):
            if sequence < 0 or not missing:
                break
            if not ring.holds(sequence):
                continue
            words = ring.words
            ago = self.time_s // at.HISTORY_S - words[at.AT_TIME_S] // at.HISTORY_S
            if ago >= words_max:
                break
            if words[at.AT_KIND] & at.KIND_MASK != at.HISTORY:
                history[ago] += words[at.AT_STEPS]
                missing = at.HISTORY_PARTS
            elif words[at.AT_CONTENT] == missing - 1:
                missing -= 1
                first = missing * at.HISTORY_PART + ago
                for i in range(min(at.HISTORY_PART, words_max - first)):
                    snapshot[first + i] = words[at.AT_CONTENT + 1 + i]
        if not missing:
            for i in range(words_max):
                history[i] += snapshot[i]
        return history

    def _write_snapshot(self, history) -> bool:
        """Write what was given in the last day, so that older pages may go; False where not."""
        for part in range(at.HISTORY_PARTS):
            first = part * at.HISTORY_PART
            content = array("i", [part]) + history[first : first + at.HISTORY_PART]
            if not self._append(at.HISTORY, content, self._now_ms, 0):
                return False
        self._snapshot = self.ring.sequence
        return True

    def _advance(self, now_ms: int) -> None:
        """Move the log's own clock on to now."""
        elapsed_ms = (now_ms - self._now_ms) & _MASK
        self._now_ms = now_ms
        self.time_s += min(elapsed_ms, _ELAPSED_MS_MAX) * self._factor // 1000

    def _append(self, kind: int, content, now_ms: int, steps: int) -> bool:
        """Write the next page; False when it cannot be kept."""
        if not self.ring.room:
            return False
        self._advance(now_ms)
        self.volume = (self.volume + steps) & _MASK
        words = array("i", [0] * at.PAGE_WORDS)
        words[at.AT_KIND] = at.MAGIC | kind
        words[at.AT_TIME_S] = self.time_s
        words[at.AT_BOOT] = self.boot
        words[at.AT_VOLUME] = self.volume
        words[at.AT_STEPS] = steps
        words[at.AT_RESERVE] = self._reserve
        words[at.AT_COUNT] = len(content)
        for i in range(len(content)):
            words[at.AT_CONTENT + i] = content[i]
        return self.ring.append(words)
