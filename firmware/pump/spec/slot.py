# SPDX-License-Identifier: MIT
"""Layout of the slot: flash that keeps the program of the pump over a power cut.

The first page is programmed last and makes the others count: MAGIC, words of the program u32,
MAC, zeros.  Then the program's words, the last page filled up with zeros.  MAC: HMAC-SHA256
under the seal key of the pump, over this page's first HEAD_BYTES and all pages of the program.
"""

from pump.compat import const

SLOT_BYTES = const(0x9000)  # below the black boxes: the largest program, and the first page

MAGIC = b"MSL1"
AT_WORDS = const(4)  # byte offsets within the first page
AT_MAC = const(8)
HEAD_BYTES = const(8)
END = const(40)
