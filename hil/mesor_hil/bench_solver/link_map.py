# SPDX-License-Identifier: MIT
"""What a rival takes of flash and RAM, from GNU ld's map of the image that has it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_RIVAL: Final = "librival.a("  # what rivals/c_module.py compiles their sources into
# " .text.name  0x10001234  0x5c  path/to/object.o"; a long name stands on a line of its own.
_PLACED: Final = re.compile(r"^ (\.\S+)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+) (\S+)$", re.MULTILINE)
_BROKEN: Final = re.compile(r"^( \.\S+)\n +(?=0x)", re.MULTILINE)
_DISCARDED_TO: Final = "Linker script and memory map"


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes that a solver takes, without MicroPython's and the compiler's own routines."""

    code: int  # flash
    tables: int  # flash, constants and first values of variables
    ram: int


def footprint(link_map: str) -> Footprint:
    """Return what the rival's objects take; sections that the linker discarded do not count."""
    code = tables = ram = 0
    for section, address, size, object_name in _PLACED.findall(_kept(link_map)):
        if _RIVAL not in object_name or not int(address, 16):
            continue
        count = int(size, 16)
        kind = section.split(".")[1]
        code += count if kind in {"text", "time_critical"} else 0
        tables += count if kind in {"rodata", "data"} else 0
        ram += count if kind in {"data", "bss"} else 0
    return Footprint(code, tables, ram)


def _kept(link_map: str) -> str:
    """Return the part of the map that lists what is in the image, one entry a line."""
    return _BROKEN.sub(r"\1 ", link_map.partition(_DISCARDED_TO)[2])
