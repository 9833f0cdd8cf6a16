# SPDX-License-Identifier: MIT
"""The rivals' source packages, by name and pinned SHA-256, through pip.

A package is fetched once and kept in Mesor's cache; pip refuses one whose bytes differ.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mesor.cache import user_cache_dir, write_atomically
from mesor.errors import ImageError

_TIMEOUT_S: Final = 300


@dataclass(frozen=True, slots=True)
class Package:
    """A source package as its publisher released it."""

    name: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """The archive's name, as the publishers of the rivals call it."""
        return f"{self.name}-{self.version}.tar.gz"


DAQP: Final = Package(
    "daqp", "0.11.0", "2f27baf18d2acca14186498e651b34e0bed455627e777d3fd8ba655e7e40f920"
)
TINYMPC: Final = Package(
    "tinympc", "0.0.8", "4cdac9e99af45d59ecbb4f8df6e8f46de89be1807c62eb877d1a46b8542513b1"
)


def unpack(package: Package, folder: Path, say: Callable[[str], None]) -> Path:
    """Unpack the package below `folder`; return the folder it makes.

    Raises ImageError where it is not in the cache and pip cannot fetch it.
    """
    archive = _cached(package, say)
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / f"{package.name}-{package.version}"


def _cached(package: Package, say: Callable[[str], None]) -> Path:
    """Return where the archive is, fetched first if it is not there or is not whole."""
    path = user_cache_dir() / "rivals" / package.file_name
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != package.sha256:
        say(f"fetching {package.name} {package.version}")
        write_atomically(path, _fetch(package))
    return path


def _fetch(package: Package) -> bytes:
    """Return the archive's bytes, which pip has checked."""
    with tempfile.TemporaryDirectory(prefix="mesor-rival-") as name:
        wanted = Path(name, "wanted.txt")
        wanted.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        chosen = ["--no-binary", ":all:", "--require-hashes", "--requirement", str(wanted)]
        try:
            done = subprocess.run(
                [*pip, *chosen, "--dest", name],
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ImageError(
                f"pip did not fetch {package.name} {package.version} in {_TIMEOUT_S} s; "
                f"check the network."
            ) from error
        archive = Path(name, package.file_name)
        if done.returncode or not archive.is_file():
            reason = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            raise ImageError(
                f"pip cannot fetch the source package {package.name} {package.version} "
                f"({(reason or ['no reason given'])[0]}); the comparison needs the network once."
            )
        return archive.read_bytes()
