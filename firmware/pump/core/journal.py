# SPDX-License-Identifier: MIT
"""The log on the device: a ring of erased flash pages, each record chained to the one before.

Survives resets and power cuts at any instant: a page is whole or it does not count.  It is the
ledger too: every page reserves beforehand what may be given until the next one is written, so
that after a cut never less is counted than was given.  While a therapy runs pages are only
programmed (0.7 ms), never erased (45 ms): `erase_ahead` is for a motor at rest.
Allocates: runs behind the tick.  Layout: pump.spec.journal.
"""

from array import array

from pump.compat import const
from pump.core.intake import u32
from pump.core.log_page import is_whole, link_of
from pump.spec import journal as at
from pump.spec import messages, reasons
from pump.spec import program as layout
from pump.spec import record as tick_record

_LINK_BYTES = const(32)
_MASK = const(0x3FFFFFFF)
_LOGGED = (messages.PROGRAM_END, messages.STOP, messages.MAINTENANCE)
_ANSWERS = (messages.CONFIRM, messages.ACKNOWLEDGE, messages.SILENCE)
_ELAPSED_MS_MAX = const(90_000_000)  # a day and an hour: nothing older weighs


class Journal:
    """Appends to the ring of `flash`, which has pages, read, program and erase."""

    def __init__(self, flash, now_ms: int, boxes=None, hung: bool = False):
        """Find the end of the log and go on from it; charge what the last page had reserved.

        boxes: BlackBoxes, if any; hung: the firmware was reset because it hung or failed.
        """
        self._boxes = boxes
        self._latest = b""  # the page that was written last, whether or not it held
        self._flash = flash
        self._pages = flash.pages
        self._page = bytearray(at.PAGE_BYTES)
        self._words = array("i", self._page)
        self._now_ms = now_ms
        self._factor = 1
        self._faulted = False
        self._reserve = 0  # at most so many may be given before the next page
        self._day_max = 0
        self._unlogged = 0  # at most so many were given since the ring was full
        self._snapshot = -self._pages  # where the last one ended
        self.sequence = 0  # of the next page
        self.time_s = 0
        self.boot = 0
        self.volume = 0
        self.link = bytes(_LINK_BYTES)
        self.room = 0  # erased pages that come next
        self._take_up(self._newest())
        self._count_erased()
        if not self.room:
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
        kept = self._pages // at.KEPT_DIVISOR
        if self.room + at.SECTOR_PAGES > self._pages - kept or not self._pages:
            return False
        if self.sequence > self._snapshot + kept // 2:
            history = self._by_quarters()
            if self.room < at.HISTORY_PARTS:
                self._erase_next()
            self._write_snapshot(history)
        self._erase_next()
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
            if self.room <= at.SPARE_PAGES // 2:
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
        confirmed: soft limits, bits 1 << LIMIT_SOFT_*.
        """
        while self.room < at.START_PAGES and self.erase_ahead():
            pass
        self._advance(now_ms)
        self._factor = factor
        self._faulted = False
        self._reserve = words[layout.AT_STEPS_TICK_MAX]
        self._day_max = words[layout.AT_STEPS_DAY_MAX]
        state, checksum = reasons.STATE_RUNNING, words[-1]
        content = (messages.START, reasons.RESULT_OK, state, factor, confirmed, checksum, day_s)
        return self._append(at.COMMAND, content, now_ms, 0)

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
        if self.room <= at.SPARE_PAGES and not faults:
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
        if self._boxes is not None and self._latest:
            self._boxes.keep(self._latest, self, self.sequence - 2)

    def copy(self, sequence: int, buffer) -> bool:
        """Fill `buffer` with the page of that number; False where it is no longer there."""
        if not self._pages or not max(0, self.sequence - self._pages) <= sequence:
            return False
        self._flash.read(sequence % self._pages, buffer)
        words = array("i", bytes(buffer[: 4 * at.AT_CONTENT]))
        return words[at.AT_SEQUENCE] == sequence and is_whole(buffer)

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
        if page < self._pages:
            self._flash.read(page, self._page)
        elif self._boxes is None or not self._boxes.copy_page(page - self._pages, self._page):
            return reasons.RESULT_OUT_OF_RANGE
        body[:4] = page.to_bytes(4, "little")
        body[4:8] = self._pages.to_bytes(4, "little")
        body[8 : messages.LOG_PAGE_BYTES] = self._page
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
        for sequence in range(self.sequence - 1, self.sequence - 1 - self._pages + self.room, -1):
            if sequence < 0 or not missing:
                break
            if not self._is_page(sequence):
                continue
            words = self._words
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

    def _write_snapshot(self, history) -> None:
        """Write what was given in the last day, so that older pages may go."""
        for part in range(at.HISTORY_PARTS):
            first = part * at.HISTORY_PART
            content = array("i", [part]) + history[first : first + at.HISTORY_PART]
            self._append(at.HISTORY, content, self._now_ms, 0)
        self._snapshot = self.sequence

    def _erase_next(self) -> None:
        """Erase the sector after the erased ones."""
        first = (self.sequence + self.room) % self._pages
        self._flash.erase(first // at.SECTOR_PAGES)
        self.room += at.SECTOR_PAGES

    def _newest(self) -> int:
        """Return the sequence of the newest whole page, -1 without one."""
        newest = -1
        head = bytearray(8)
        for page in range(self._pages):
            if page % at.SECTOR_PAGES == 0:
                # A sector is filled from its beginning: none there, none in it.
                self._flash.read(page, head)
                is_used = head != _ERASED_HEAD
            if is_used:
                self._flash.read(page, head)
                sequence = int.from_bytes(head[4:], "little")
                if newest < sequence <= _MASK and self._is_page(sequence):
                    newest = sequence
        return newest

    def _take_up(self, newest: int) -> None:
        """Go on from that page."""
        if newest < 0 or not self._is_page(newest):
            return
        words = self._words
        self.time_s = words[at.AT_TIME_S]
        self.boot = words[at.AT_BOOT]
        self.volume = words[at.AT_VOLUME]
        self._reserve = words[at.AT_RESERVE]
        self.link = bytes(self._page[4 * at.AT_LINK :])
        self.sequence = newest + 1

    def _count_erased(self) -> None:
        """Pass over pages that a cut left half programmed, and count the erased ones after them.

        A cut may also have left a sector half erased: only whole sectors count, and the last
        of them, which may hold its bits but weakly, is erased once more.
        """
        while self.sequence % at.SECTOR_PAGES and not self._is_erased(self.sequence):
            self.sequence += 1
        self.room = -self.sequence % at.SECTOR_PAGES
        for page in range(self.sequence, self.sequence + self.room):
            if not self._is_erased(page):
                self.sequence += self.room
                self.room = 0
                break
        # A whole sector at a time: page by page this would take a tenth of a second.
        sector = bytearray(at.PAGE_BYTES * at.SECTOR_PAGES)
        erased = b"\xff" * len(sector)
        while self.room + at.SECTOR_PAGES <= self._pages:
            self._flash.read((self.sequence + self.room) % self._pages, sector)
            if sector != erased:
                break
            self.room += at.SECTOR_PAGES
        if self.room >= at.SECTOR_PAGES:
            self.room -= at.SECTOR_PAGES
            self._erase_next()

    def _is_erased(self, sequence: int) -> bool:
        """Say whether nothing was ever programmed at the place of that page."""
        self._flash.read(sequence % self._pages, self._page)
        return self._page == _ERASED

    def _is_page(self, sequence: int) -> bool:
        """Read a page into `_words`; say whether it is whole and stands where it belongs."""
        self._read(sequence % self._pages)
        words, page = self._words, self._page
        if words[at.AT_KIND] & ~at.KIND_MASK != at.MAGIC or words[at.AT_SEQUENCE] != sequence:
            return False
        return link_of(page) == bytes(page[4 * at.AT_LINK :])

    def _read(self, page: int) -> None:
        """Read a page into `_page` and `_words`."""
        self._flash.read(page, self._page)
        self._words = array("i", bytes(self._page))

    def _advance(self, now_ms: int) -> None:
        """Move the log's own clock on to now."""
        elapsed_ms = (now_ms - self._now_ms) & _MASK
        self._now_ms = now_ms
        self.time_s += min(elapsed_ms, _ELAPSED_MS_MAX) * self._factor // 1000

    def _append(self, kind: int, content, now_ms: int, steps: int) -> bool:
        """Program the next page, and read it back; False when it cannot be kept."""
        if not self.room:
            return False
        self._advance(now_ms)
        self.volume = (self.volume + steps) & _MASK
        words = array("i", [0] * at.PAGE_WORDS)
        words[at.AT_KIND] = at.MAGIC | kind
        words[at.AT_SEQUENCE] = self.sequence
        words[at.AT_TIME_S] = self.time_s
        words[at.AT_BOOT] = self.boot
        words[at.AT_VOLUME] = self.volume
        words[at.AT_STEPS] = steps
        words[at.AT_RESERVE] = self._reserve
        words[at.AT_COUNT] = len(content)
        for i in range(len(content)):
            words[at.AT_CONTENT + i] = content[i]
        page = bytearray(words)
        page[4 * at.AT_LINK_BEFORE : 4 * at.AT_LINK] = self.link
        page[4 * at.AT_LINK :] = link_of(page)
        self._latest = page
        self._flash.program(self.sequence % self._pages, page)
        self.room -= 1
        self.sequence += 1
        self._flash.read((self.sequence - 1) % self._pages, self._page)
        if self._page != page:
            return False
        self.link = bytes(page[4 * at.AT_LINK :])
        return True


_ERASED = b"\xff" * at.PAGE_BYTES
_ERASED_HEAD = b"\xff" * 8
