# SPDX-License-Identifier: MIT
"""When a page of the log counts: it is marked as one, and ends in the hash of all before."""

import hashlib
from array import array

from pump.spec import journal as at


def link_of(page) -> bytes:
    """Return the link that a page must end in."""
    return hashlib.sha256(memoryview(page)[: 4 * at.AT_LINK]).digest()


def is_whole(page) -> bool:
    """Say whether these bytes are a page of a log, whichever its place."""
    words = array("i", bytes(page[: 4 * at.AT_CONTENT]))
    if words[at.AT_KIND] & ~at.KIND_MASK != at.MAGIC:
        return False
    return link_of(page) == bytes(page[4 * at.AT_LINK :])
