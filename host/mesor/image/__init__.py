# SPDX-License-Identifier: MIT
"""The MicroPython image that boards and emulated boards run, fetched or built once and kept.

The bench is worth as much as the certainty that it runs what it says: the release is pinned, every
file is checked to be an image for the Pico of that release, and its SHA-256 is recorded beside it
and checked at every later use.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mesor.cache import user_cache_dir, write_atomically
from mesor.errors import ImageError
from mesor.image import debian, official, uf2

if sys.platform != "win32":
    import fcntl

__all__ = ["VERSION", "Image", "check_image", "ensure_image"]

VERSION: Final = "1.25.0"

_FILE_NAME: Final = f"micropython-{VERSION}-rpi_pico.uf2"
_BANNER: Final = (f"MicroPython v{VERSION} ", "Raspberry Pi Pico with RP2040")
# SHA-256 of the UF2 file that a set of packages gives, in whatever folder and on whatever day.
_REFERENCE_BUILDS: Final[dict[str, str]] = {
    (
        "micropython 1.25.0+ds-1, "
        "mbedtls 3.6.6-0.1~deb13u1, "
        "pico-sdk-source 2.1.1-1, "
        "tinyusb-source 0.18.0+dfsg-1, "
        "gcc-arm-none-eabi 15:12.2.rel1-1, "
        "libnewlib-arm-none-eabi 3.3.0-1.3+deb12u1, "
        "libstdc++-arm-none-eabi-newlib 15:12.2.rel1-1+23"
    ): "8baa17ecfa4057a283e46944bcb51154008cff6944a543ad36b7e3879e93ea76",
}


@dataclass(frozen=True, slots=True)
class Image:
    """A MicroPython image in the cache: where it is, what it is and where it came from."""

    path: Path
    version: str
    sha256: str
    origin: str


def ensure_image(
    cache_dir: Path | None = None, progress: Callable[[str], None] | None = None
) -> Image:
    """Return the cached MicroPython image for the Pico; fetch it or build it if there is none.

    cache_dir: None means the user's cache folder.  progress: is given a line at each step that
    takes time.  A UF2 file that somebody put into the cache is checked and taken as it is.
    Raises ImageError if no image can be had, or the cached one was changed.
    """
    folder = user_cache_dir() if cache_dir is None else cache_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _only_one_process(folder / f"{_FILE_NAME}.lock"):
            return _ensure(folder / _FILE_NAME, progress or _silence)
    except OSError as failure:
        raise ImageError(
            f"the image cache {folder} cannot be used ({failure.strerror or failure}): make it "
            f"writable, or set XDG_CACHE_HOME to a folder that is"
        ) from failure


def check_image(content: bytes) -> None:
    """Raise ImageError unless `content` is a UF2 image of the pinned MicroPython for the Pico."""
    binary = uf2.decode(content)
    for text in _BANNER:
        if text.encode() not in binary:
            raise ImageError(
                f"the UF2 image does not contain '{text.strip()}', so it is another release, "
                f"board or program: Mesor needs MicroPython {VERSION} for board RPI_PICO"
            )


def _ensure(path: Path, report: Callable[[str], None]) -> Image:
    if not path.exists():
        return _store(path, *_obtain(path, report))
    if _record_path(path).exists():
        return _load(path)
    return _store(path, path.read_bytes(), "put into the cache by hand")


def _obtain(path: Path, report: Callable[[str], None]) -> tuple[bytes, str]:
    """Return an image and its origin, from the makers or else built from Debian's sources."""
    report(f"downloading MicroPython {VERSION}")
    try:
        content = official.download()
        check_image(content)  # a captive portal answers every address with a page of its own
    except ImageError as refusal:
        report(f"{refusal}; building the image instead")
        return _build(path, refusal, report)
    return content, official.URL


def _build(path: Path, refusal: ImageError, report: Callable[[str], None]) -> tuple[bytes, str]:
    try:
        built = debian.build(report)
    except ImageError as failure:
        wanted = official.URL.rsplit("/", 1)[-1]
        raise ImageError(
            f"no MicroPython image: {refusal}; {failure}; or put {wanted} at {path}"
        ) from failure
    reference = _REFERENCE_BUILDS.get(built.recipe)
    differs = reference not in {None, _sha256(built.image)}
    if differs:
        report(f"the image is sound, but its bytes differ from the reference build {reference}")
    note = " (bytes differ from the reference build)" if differs else ""
    return built.image, f"built from {built.recipe}{note}"


def _store(path: Path, content: bytes, origin: str) -> Image:
    """Check the image, then write its record and it.

    The record goes first: an image without one would pass as put there by hand.
    """
    check_image(content)
    image = Image(path=path, version=VERSION, sha256=_sha256(content), origin=origin)
    record = {"version": image.version, "sha256": image.sha256, "origin": image.origin}
    write_atomically(_record_path(path), json.dumps(record, indent=2).encode() + b"\n")
    write_atomically(path, content)
    return image


def _load(path: Path) -> Image:
    """Return the cached image.  Raises ImageError unless it is what was recorded."""
    record_path = _record_path(path)
    try:
        record = json.loads(record_path.read_bytes())
        version, recorded, origin = (str(record[key]) for key in ("version", "sha256", "origin"))
    except (ValueError, KeyError, TypeError) as failure:
        raise ImageError(
            f"{record_path} is not the record of an image ({failure}): delete it and {path.name}"
        ) from failure
    sha256 = _sha256(path.read_bytes())
    if sha256 != recorded:
        raise ImageError(
            f"{path} has SHA-256 {sha256}, but {recorded} was recorded when it was made: the file "
            f"was changed; delete it and {record_path.name} to make it again"
        )
    return Image(path=path, version=version, sha256=sha256, origin=origin)


def _record_path(path: Path) -> Path:
    return path.with_suffix(".json")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _silence(_line: str) -> None:
    """Take a progress line and show it to nobody."""


@contextmanager
def _only_one_process(lock: Path) -> Iterator[None]:
    """Let parallel test processes wait for one build instead of each doing its own."""
    with lock.open("wb") as handle:
        if sys.platform != "win32":
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
