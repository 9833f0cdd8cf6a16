# SPDX-License-Identifier: MIT
"""NOR flash in memory, for the twin and for tests that cut the power in the middle of a write.

Programming clears bits and never sets one; erasing sets all bits of a sector.  A cut leaves
what an operation had done by then: bytes programmed so far and a last one with only some of
its bits, or a sector erased in part, each cell for itself.
"""

from __future__ import annotations

import random

from pump.spec import journal, slot

_SECTOR_BYTES = journal.PAGE_BYTES * journal.SECTOR_PAGES

BOXES = journal.BOXES_BYTES // _SECTOR_BYTES  # black boxes, a sector each
SLOT = slot.SLOT_BYTES // _SECTOR_BYTES  # sectors that keep the program


class PowerCut(Exception):  # noqa: N818 - no error of the program
    """The power went; what the flash holds now is what the next start will find."""


class RamFlash:
    """Has what pump.core.journal asks of a flash."""

    def __init__(self, sectors: int = journal.RING_BYTES // _SECTOR_BYTES) -> None:
        self.pages = sectors * journal.SECTOR_PAGES
        self.content = bytearray(b"\xff" * (sectors * _SECTOR_BYTES))
        self.programmed = 0  # pages so far
        self.erased = 0  # sectors so far
        self.cut_after: int | None = None  # so many more bytes until the power goes
        self.random = random.Random(0)

    def read(self, page: int, buffer: bytearray) -> None:
        """Fill `buffer` from the beginning of a page."""
        at = page * journal.PAGE_BYTES
        buffer[:] = self.content[at : at + len(buffer)]

    def program(self, page: int, content: bytes) -> None:
        """Program one whole page; raise PowerCut when the power goes meanwhile."""
        if len(content) != journal.PAGE_BYTES:
            raise ValueError(f"a page has {journal.PAGE_BYTES} bytes, not {len(content)}")
        at = page * journal.PAGE_BYTES
        done = self._until_cut(journal.PAGE_BYTES)
        self._clear(at, content[:done])
        if done < journal.PAGE_BYTES:
            self._clear(at + done, bytes([content[done] | self.random.randrange(256)]))
            raise PowerCut
        self.programmed += 1

    def erase(self, sector: int) -> None:
        """Erase one sector; raise PowerCut when the power goes meanwhile."""
        at = sector * _SECTOR_BYTES
        if self._until_cut(_SECTOR_BYTES) < _SECTOR_BYTES:
            for rest in range(at, at + _SECTOR_BYTES):
                self.content[rest] |= self.random.randrange(256)
            raise PowerCut
        self.content[at : at + _SECTOR_BYTES] = b"\xff" * _SECTOR_BYTES
        self.erased += 1

    def _clear(self, at: int, content: bytes) -> None:
        """Clear the bits that `content` has clear."""
        bits = int.from_bytes(self.content[at : at + len(content)]) & int.from_bytes(content)
        self.content[at : at + len(content)] = bits.to_bytes(len(content))

    def _until_cut(self, byte_count: int) -> int:
        """Return how many of so many bytes' work is done before the power goes."""
        if self.cut_after is None:
            return byte_count
        done = max(0, min(byte_count, self.cut_after))
        self.cut_after -= byte_count
        return done
