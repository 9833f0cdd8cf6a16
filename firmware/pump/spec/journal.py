# SPDX-License-Identifier: MIT
"""Layout of the device log: one record fills one page of flash, int32 words, little-endian.

Written by pump.core.journal, read by mesor.record.device_log.  Link: SHA-256 of all words
before it, LINK_BEFORE among them, which chains the pages.  Page number = sequence modulo the
number of pages, so that a page tells its own place in the ring.
"""

from pump.compat import const

PAGE_BYTES = const(256)
PAGE_WORDS = const(64)
SECTOR_PAGES = const(16)  # that are erased together
RING_BYTES = const(0x40000)  # 1024 pages: three and a half days of ticks of five minutes
BOXES_BYTES = const(0x4000)  # black boxes, below the ring: each a sector, the fault's page first

MAGIC = const(0x4C4A0000)  # "JL", the kind in the low byte
KIND_MASK = const(0xFF)

AT_KIND = const(0)
AT_SEQUENCE = const(1)
AT_TIME_S = const(2)  # therapy time since the log began, at least; stands still without power
AT_BOOT = const(3)  # starts of the firmware so far
AT_VOLUME = const(4)  # microsteps ever, those of this page included, modulo 2**30
AT_STEPS = const(5)  # microsteps that this page accounts for
AT_RESERVE = const(6)  # at most so many may be given before the next page
AT_COUNT = const(7)  # words of the content
AT_CONTENT = const(8)
AT_LINK_BEFORE = const(48)
AT_LINK = const(56)
CONTENT_WORDS = const(40)

BOOT = const(1)  # no content; its steps are the reserve of the page before it
# Kind of the message, result, state after it, clock factor, what it named, CRC-32 of the program
# that begins or takes over with it; of START also the time of day.
COMMAND = const(2)
TICK = const(3)  # the tick record but for its plan and its bank
FAULT = const(4)  # the same, of the tick that latched a fault
ALARM = const(5)  # board flags that stopped the motor between two ticks
FULL = const(6)  # no content: from here on no tick is logged, and the day's cap is reserved
HISTORY = const(7)  # part, then HISTORY_PART words: what was given, by quarter hours back
RELIEF = const(8)  # microsteps back that a blocked line was to give, and gave; its steps are none
RESTORED = const(9)  # CRC-32 of the program that was found in its slot at power-up

KEPT_DIVISOR = const(4)  # of the ring, the newest part that is never erased
SPARE_PAGES = const(16)  # kept for all but ticks
WORN_MAX = const(3)  # pages in a row that do not hold; then what was to be logged is not
START_PAGES = const(64)  # erased pages that a therapy begins with, at least

HISTORY_S = const(900)  # quarters are those of the log's own clock: time_s // HISTORY_S
HISTORY_PARTS = const(3)  # of one snapshot, written one after another
HISTORY_PART = const(33)  # a day, the quarter that runs, and two to spare
