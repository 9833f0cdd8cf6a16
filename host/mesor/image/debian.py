# SPDX-License-Identifier: MIT
"""The MicroPython image built from Debian's sources, where the official one is out of reach.

All sources come from one suite by apt, which verifies them against Debian's signed index; the
compiler comes from the machine's own suite.  The same packages give the same bytes: nothing in
the image depends on the folder, the day or the order in which a set is walked.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mesor.errors import ImageError
from mesor.image import uf2
from mesor.image.apt import Apt, machine_sources, rewrite_sources, run

SUITE: Final = "trixie"

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Part:
    """A Debian package that MicroPython is made of, and the upstream release it must be."""

    package: str
    upstream: str
    is_source: bool


_MICROPYTHON: Final = _Part("micropython", "1.25.0", is_source=True)
_MBEDTLS: Final = _Part("mbedtls", "3.6", is_source=True)  # Debian mends this line in place
_PICO_SDK: Final = _Part("pico-sdk-source", "2.1.1", is_source=False)
_TINYUSB: Final = _Part("tinyusb-source", "0.18.0", is_source=False)
_PARTS: Final = (_MICROPYTHON, _MBEDTLS, _PICO_SDK, _TINYUSB)

_COMPILER: Final = (
    "gcc-arm-none-eabi",
    "libnewlib-arm-none-eabi",
    "libstdc++-arm-none-eabi-newlib",
)
_TOOLS: Final = (*_COMPILER, "cmake", "make", "gcc", "g++", "libc6-dev", "dpkg-dev")

# The default manifest also freezes drivers from another repository, which the pump does not use.
_MANIFEST: Final = 'freeze("$(PORT_DIR)/modules")\ninclude("$(MPY_DIR)/extmod/asyncio")\n'


@dataclass(frozen=True, slots=True)
class Build:
    """A UF2 image and the exact packages it was made of, which determine its bytes."""

    image: bytes
    recipe: str


@dataclass(frozen=True, slots=True)
class ExtendedBuild:
    """A UF2 image with a user's C module in it, and the linker's map of what is where."""

    image: bytes
    link_map: str


def build(progress: Progress) -> Build:
    """Return the image built in a temporary folder, of which nothing stays.

    Takes 40 s on two cores, and as much again if the compiler must be installed first.
    Raises ImageError if this is no Debian, a tool is missing and the user is not root, the
    package mirror cannot be reached or serves other releases, or the compilation fails.
    """
    with tempfile.TemporaryDirectory(prefix="mesor-image-") as name:
        folder = Path(name)
        env = _environment()
        versions = _prepare(folder, env, progress)
        binary = _compile(folder, env, progress)
        return Build(uf2.encode(binary), _recipe(versions, env))


def build_with(modules: Sequence[Path], progress: Progress) -> Iterator[ExtendedBuild]:
    """Yield for each module the image that has it, all from one tree: the second takes seconds.

    modules: folders with a micropython.cmake, as USER_C_MODULES takes them.  Raises as `build`.
    """
    with tempfile.TemporaryDirectory(prefix="mesor-image-") as name:
        folder = Path(name)
        env = _environment()
        _prepare(folder, env, progress)
        place = folder / "module"  # the same for all, or every file would be compiled again
        for module in modules:
            shutil.rmtree(place, ignore_errors=True)
            # With new times, or what was compiled of another module would pass for this one's.
            shutil.copytree(module, place, copy_function=shutil.copy)
            binary = _compile(folder, env, progress, place)
            build_folder = _port(folder) / "build"
            link_map = (build_folder / "firmware.elf.map").read_text(errors="replace")
            yield ExtendedBuild(uf2.encode(binary), link_map)


def _prepare(folder: Path, env: dict[str, str], progress: Progress) -> dict[str, str]:
    """Put tools in place and all sources below `folder`; return the version of each source."""
    if shutil.which("apt-get") is None:
        raise ImageError("the image can only be built on Debian, but this machine has no apt-get")
    provide_tools(missing_tools(env), os.geteuid() == 0, Apt(folder / "own", None, env), progress)
    versions = _fetch(folder, env, progress)
    _link_libraries(folder, folder / _MICROPYTHON.package / "lib")
    return versions


def missing_tools(env: dict[str, str]) -> list[str]:
    """Return those packages of the compiler and its tools that are not installed."""
    return [package for package in _TOOLS if not _installed_version(package, env)]


def provide_tools(missing: list[str], is_root: bool, apt: Apt, progress: Progress) -> None:
    """Install what is missing from the machine's own suite.  Raises ImageError if not root."""
    if not missing:
        return
    packages = " ".join(missing)
    if not is_root:
        raise ImageError(
            f"building the MicroPython image needs Debian packages that only root can install: "
            f"apt-get install {packages}"
        )
    progress(f"installing {packages}")
    apt.update()
    apt.install(missing)


def pick_version(package: str, upstream: str, offered: Iterable[str]) -> str:
    """Return the offered Debian version of the pinned upstream release.

    upstream: a release ("1.25.0") or a line of releases ("3.6").  Raises ImageError if no
    offered version belongs to it.
    """
    versions = list(offered)
    for version in versions:
        release = upstream_release(version)
        if release == upstream or release.startswith(f"{upstream}."):
            return version
    raise ImageError(
        f"Debian {SUITE} offers {package} {', '.join(versions) or 'in no version'}, but the image "
        f"is pinned to {upstream}: check that the package mirror serves {SUITE}"
    )


def upstream_release(version: str) -> str:
    """Return the upstream part of a Debian version: epoch, repacking and revision removed."""
    without_epoch = version.split(":", 1)[-1]
    without_revision = without_epoch.rsplit("-", 1)[0]
    return without_revision.split("+", 1)[0].split("~", 1)[0]


def _environment() -> dict[str, str]:
    """Return an environment in which the user's compiler flags change no byte of the image."""
    passed = ("HOME", "TMPDIR", "http_proxy", "https_proxy", "no_proxy")
    interpreter = str(Path(sys.executable).parent)  # the build's scripts call python3
    return {name: os.environ[name] for name in passed if name in os.environ} | {
        "PATH": f"{interpreter}:{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/bin:/bin",
        "LC_ALL": "C.UTF-8",
        "DEBIAN_FRONTEND": "noninteractive",
        "PYTHONHASHSEED": "0",  # the pin table is written in the order of a set
        "PYTHONDONTWRITEBYTECODE": "1",
        "SOURCE_DATE_EPOCH": "1744675200",  # 2025-04-15, the day of the release
        "MICROPY_GIT_TAG": f"v{_MICROPYTHON.upstream}",
        "MICROPY_GIT_HASH": "debian",
    }


def _fetch(folder: Path, env: dict[str, str], progress: Progress) -> dict[str, str]:
    """Unpack all parts below `folder`; return the Debian version of each."""
    progress(f"reading the package index of Debian {SUITE}")
    sources = folder / f"{SUITE}.sources"
    sources.write_text(rewrite_sources(machine_sources(), SUITE))
    apt = Apt(folder / "apt", sources, env)
    apt.update()
    versions: dict[str, str] = {}
    for part in _PARTS:
        offered = apt.versions(part.package, source=part.is_source)
        version = pick_version(part.package, part.upstream, offered)
        progress(f"fetching {part.package} {version}")
        download = folder / f"{part.package}.download"
        download.mkdir()
        apt.fetch(part.package, version, download, source=part.is_source)
        _unpack(part, download, folder / part.package, env)
        versions[part.package] = version
    return versions


def _unpack(part: _Part, download: Path, target: Path, env: dict[str, str]) -> None:
    pattern, command = (
        # apt has verified the files; the maintainer's own signature adds nothing to that.
        ("*.dsc", ["dpkg-source", "--no-check", "-x"])
        if part.is_source
        else ("*.deb", ["dpkg-deb", "-x"])
    )
    (archive,) = download.glob(pattern)
    run([*command, str(archive), str(target)], cwd=download, env=env)


def _port(folder: Path) -> Path:
    """Return where MicroPython keeps what is particular to the RP2040."""
    return folder / _MICROPYTHON.package / "ports" / "rp2"


def _compile(
    folder: Path, env: dict[str, str], progress: Progress, module: Path | None = None
) -> bytes:
    """Return the flash image compiled from the parts in `folder`, and a user's C module."""
    top = folder / _MICROPYTHON.package
    jobs = f"-j{len(os.sched_getaffinity(0))}"
    progress("compiling MicroPython's cross-compiler")
    run(["make", jobs, "-C", "mpy-cross"], cwd=top, env=env)
    port = _port(folder)
    manifest = port / "manifest.py"
    manifest.write_text(_MANIFEST)
    progress(f"compiling MicroPython {_MICROPYTHON.upstream} for the Pico (half a minute)")
    configuration = {
        "MICROPY_BOARD": "RPI_PICO",
        "MICROPY_BOARD_DIR": port / "boards" / "RPI_PICO",
        "MICROPY_FROZEN_MANIFEST": manifest,
        "PICO_NO_PICOTOOL": "1",  # no Debian package of its source; `uf2` does its part
    }
    if module is not None:
        configuration["USER_C_MODULES"] = module / "micropython.cmake"
    options = [f"-D{name}={value}" for name, value in configuration.items()]
    run(["cmake", "-S", ".", "-B", "build", *options], cwd=port, env=env)
    run(["make", jobs, "-C", "build"], cwd=port, env=env)
    return (port / "build" / "firmware.bin").read_bytes()


def _link_libraries(folder: Path, lib: Path) -> None:
    """Put the libraries that Debian packages by themselves where MicroPython looks for them."""
    places = {
        "pico-sdk": folder / _PICO_SDK.package / "usr" / "src" / "pico-sdk",
        "tinyusb": folder / _TINYUSB.package / "usr" / "src" / "tinyusb",
        "mbedtls": folder / _MBEDTLS.package,
    }
    for name, place in places.items():
        if (lib / name).is_dir():
            shutil.rmtree(lib / name)
        (lib / name).symlink_to(place)
    # The build looks for this one file to learn whether the submodule was fetched.
    (lib / "micropython-lib").mkdir(exist_ok=True)
    (lib / "micropython-lib" / "README.md").touch()


def _installed_version(package: str, env: dict[str, str]) -> str:
    """Return the version of an installed package, an empty string if it is not installed."""
    query = ["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", package]
    try:
        status, version = run(query, cwd=Path("/"), env=env).split()
    except (ImageError, ValueError):
        return ""
    return version if status == "installed" else ""


def _recipe(versions: dict[str, str], env: dict[str, str]) -> str:
    compiler = {package: _installed_version(package, env) for package in _COMPILER}
    return ", ".join(f"{name} {version}" for name, version in (versions | compiler).items())
