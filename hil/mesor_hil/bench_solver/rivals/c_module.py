# SPDX-License-Identifier: MIT
"""A rival as a C module of MicroPython: its own sources, our glue, tables from the host.

Nothing of a rival is kept in this project: `write_module` puts together, in a folder of its
own, what USER_C_MODULES expects.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

_GLUE: Final = Path(__file__).parent / "glue"
# Only module.c is shown to MicroPython, which reads its modules' sources for names.
_SHOWN: Final = "module.c"
_CMAKE: Final = """\
set(MICROPY_C_HEAP_SIZE {heap_bytes})
set(OWN ${{CMAKE_CURRENT_LIST_DIR}}/rival)
set(SOURCES {sources})
list(TRANSFORM SOURCES PREPEND ${{OWN}}/)
set(PLACES {include})
list(TRANSFORM PLACES PREPEND ${{OWN}}/)
add_library(rival STATIC ${{SOURCES}})
target_compile_options(rival PRIVATE {options})
target_include_directories(rival PRIVATE ${{OWN}} ${{PLACES}})
add_library(usermod_rival INTERFACE)
target_sources(usermod_rival INTERFACE ${{OWN}}/module.c)
target_include_directories(usermod_rival INTERFACE ${{OWN}})
target_link_libraries(usermod_rival INTERFACE rival)
target_link_libraries(usermod INTERFACE usermod_rival)
"""
# The image is compiled for size; a solver is compiled for speed.
_OPTIONS: Final = ("-O2", "-w", "-ffunction-sections", "-fdata-sections")


@dataclass(frozen=True, slots=True)
class Rival:
    """One rival at one horizon, ready to be compiled."""

    name: str
    setting: str  # what was chosen, and how
    glue: str  # file of ours that calls it
    sources: tuple[Path, ...]
    include: tuple[Path, ...]  # folders of headers
    tables: str  # tables.h
    options: tuple[str, ...] = ()
    heap_bytes: int = 0  # of C's own heap, where it allocates


def write_module(rival: Rival, folder: Path) -> Path:
    """Write the module to `folder`, its sources in the subfolder rival/; return `folder`."""
    own = folder / "rival"
    own.mkdir(parents=True)
    for name in ("rival.h", _SHOWN, rival.glue):
        shutil.copy(_GLUE / name, own)
    for source in rival.sources:
        shutil.copy(source, own)
    (own / "tables.h").write_text(rival.tables)
    places = [own / f"include_{index}" for index in range(len(rival.include))]
    for place, found in zip(places, rival.include, strict=True):
        shutil.copytree(found, place)
    sources = (*own.glob("*.c"), *own.glob("*.cpp"))
    text = _CMAKE.format(
        sources=_listed(sorted(each.name for each in sources if each.name != _SHOWN)),
        options=_listed((*_OPTIONS, *rival.options)),
        include=_listed(place.name for place in places),
        heap_bytes=rival.heap_bytes,
    )
    (folder / "micropython.cmake").write_text(text)
    return folder


def _listed(entries: Iterable[str]) -> str:
    """Return a list as CMake writes it."""
    return " ".join(entries)


def c_table(name: str, values: npt.ArrayLike) -> str:
    """Return `values` as a constant C array of float, its dimensions those of `values`."""
    array = np.asarray(values, dtype=np.float32)
    shape = "".join(f"[{size}]" for size in array.shape)
    return f"static const float {name}{shape} = {_braced(array)};\n"


def c_terms(name: str, by_state: npt.NDArray[np.float64]) -> str:
    """Return the entries of a matrix (rows, state) that are not zero, as an array of `term`."""
    entries = [
        f"{{{row}, {column}, {_number(by_state[row, column])}}}"
        for row, column in np.argwhere(by_state)
    ]
    return f"static const term {name}[{len(entries)}] = {{{', '.join(entries)}}};\n"


def _braced(values: npt.NDArray[np.float32]) -> str:
    """Return nested braces with every number to the last bit."""
    if values.ndim:
        return "{" + ", ".join(_braced(part) for part in values) + "}"
    return _number(float(values))


def _number(value: float) -> str:
    """Return a float literal that gives back the very float32."""
    return f"{float(value):.8e}f"


def c_constants(values: Mapping[str, float]) -> str:
    """Return one #define a constant."""
    return "".join(f"#define {name} {value!r}\n" for name, value in values.items())
