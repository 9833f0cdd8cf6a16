# SPDX-License-Identifier: MIT
"""MicroPython images with a rival in them, built once and kept, and what the rival takes of them.

An image is kept under a hash of everything that went into it, so a changed table, setting or
source is built anew and nothing else is.  The ordinary image and its cache are not touched.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from mesor.cache import user_cache_dir, write_atomically
from mesor.image import debian
from mesor_hil.bench_solver.link_map import Footprint, footprint
from mesor_hil.bench_solver.rivals.c_module import Rival, write_module


@dataclass(frozen=True, slots=True)
class RivalImage:
    """Where a rival's image is, and the memory the rival takes in it."""

    path: Path
    footprint: Footprint


def ensure_images(rivals: Sequence[Rival], say: Callable[[str], None]) -> list[RivalImage]:
    """Return the image of each rival; raise ImageError where one cannot be built."""
    with tempfile.TemporaryDirectory(prefix="mesor-rival-") as name:
        modules = [write_module(rival, Path(name, str(i))) for i, rival in enumerate(rivals)]
        places = [user_cache_dir() / "rivals" / f"{_digest(module)}.uf2" for module in modules]
        missing = [i for i, place in enumerate(places) if not _is_whole(place)]
        if missing:
            builds = debian.build_with([modules[i] for i in missing], say)
            for i, build in zip(missing, builds, strict=True):
                say(f"built the image with {rivals[i].name}")
                taken = footprint(build.link_map)
                taken = replace(taken, ram=taken.ram + rivals[i].heap_bytes)
                record = json.dumps(asdict(taken)).encode()
                write_atomically(places[i].with_suffix(".json"), record)
                write_atomically(places[i], build.image)
        return [RivalImage(place, _footprint_beside(place)) for place in places]


def _digest(module: Path) -> str:
    """Return a hash over the module's files, whatever folder they are in this time."""
    digest = hashlib.sha256()
    for path in sorted(module.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            name = path.relative_to(module).as_posix()
            digest.update(f"{name} {len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest()[:16]


def _is_whole(image: Path) -> bool:
    """Say whether the image and its footprint, which is written first, are both there."""
    return image.is_file() and image.with_suffix(".json").is_file()


def _footprint_beside(image: Path) -> Footprint:
    """Return the footprint that was written with the image."""
    return Footprint(**json.loads(image.with_suffix(".json").read_text()))
