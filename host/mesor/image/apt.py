# SPDX-License-Identifier: MIT
"""Packages of another Debian suite, by the machine's own apt, without touching its lists.

The sources file that `rewrite_sources` makes points at the mirrors that this machine already
trusts, with the suite's name replaced.  Index and downloads live in a private folder.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mesor.errors import ImageError

_DEBIAN_SUITES: Final = frozenset(
    {"bullseye", "bookworm", "trixie", "forky", "sid"}
    | {"oldstable", "stable", "testing", "unstable"}
)
_COMPONENT: Final = "main"
_ONE_LINE: Final = re.compile(r"deb\s+(\[[^]]*\]\s+)?(\S+)\s+(\S+)\s+(.+)")
_FIELD: Final = re.compile(r"([A-Za-z-]+):\s*(.*)")
_TIMEOUT_S: Final = 900.0


def run(command: Sequence[str], *, cwd: Path, env: dict[str, str]) -> str:
    """Return what `command` prints.  Raises ImageError with its last lines if it fails."""
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as failure:
        raise ImageError(f"cannot run {command[0]}: {failure}") from failure
    if done.returncode:
        tail = " | ".join(done.stdout.strip().splitlines()[-3:])
        raise ImageError(f"'{' '.join(command)}' failed with status {done.returncode}: {tail}")
    return done.stdout


def rewrite_sources(files: Iterable[tuple[str, str]], suite: str) -> str:
    """Return a deb822 sources file for `suite`, binary and source packages, component main.

    files: name and text of each of the machine's sources files, one-line (.list) or deb822
    (.sources).  Only entries of a Debian suite itself count; updates, security and other
    publishers' do not.  Raises ImageError if there is none.
    """
    stanzas: list[str] = []
    for name, text in files:
        parse = _deb822_stanzas if name.endswith(".sources") else _one_line_stanzas
        for fields in parse(text):
            stanza = _rewritten(fields, suite)
            if stanza is not None and stanza not in stanzas:
                stanzas.append(stanza)
    if not stanzas:
        raise ImageError(
            f"apt on this machine has no source for a Debian suite's component {_COMPONENT}, from "
            f"which the address of {suite} could be made: add a Debian mirror to its sources"
        )
    return "\n".join(stanzas)


def _deb822_stanzas(text: str) -> Iterator[dict[str, str]]:
    """Yield the fields of each stanza, names in lower case; folded lines (keys) stay folded."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for paragraph in re.split(r"\n\s*\n", "\n".join(lines)):
        fields: dict[str, str] = {}
        name = ""
        for line in paragraph.splitlines():
            if name and line[:1].isspace():
                fields[name] += "\n" + line
            elif match := _FIELD.match(line):
                name = match[1].lower()
                fields[name] = match[2]
        yield fields


def _one_line_stanzas(text: str) -> Iterator[dict[str, str]]:
    """Yield each `deb` line as the fields that the deb822 format would have."""
    for line in text.splitlines():
        match = _ONE_LINE.match(line.split("#", 1)[0].strip())
        if match is None:
            continue
        options = re.findall(r"([\w-]+)=([^\s\]]+)", match[1] or "")
        fields = {name.lower(): value for name, value in options}
        yield fields | {
            "types": "deb",
            "uris": match[2],
            "suites": match[3],
            "components": match[4],
        }


def _rewritten(fields: dict[str, str], suite: str) -> str | None:
    """Return the stanza for `suite`, or None if these fields are not of a Debian suite."""
    usable = (
        "uris" in fields
        and "deb" in fields.get("types", "").split()
        and _DEBIAN_SUITES.intersection(fields.get("suites", "").split())
        and _COMPONENT in fields.get("components", "").split()
        and fields.get("enabled", "yes").strip().lower() not in {"no", "false", "0"}
    )
    if not usable:
        return None
    stanza = {
        "types": "deb deb-src",
        "uris": fields["uris"],
        "suites": suite,
        "components": _COMPONENT,
    }
    for name in ("signed-by", "trusted", "check-valid-until"):
        if name in fields:
            stanza[name] = fields[name]
    # The value of a folded field starts with the line break.
    return "".join(
        f"{name.title()}:{'' if value.startswith(chr(10)) else ' '}{value}\n"
        for name, value in stanza.items()
    )


def machine_sources() -> list[tuple[str, str]]:
    """Return name and text of each sources file that this machine's apt reads."""
    wanted = ("LIST", "Dir::Etc::sourcelist/f", "PARTS", "Dir::Etc::sourceparts/d")
    listing = run(["apt-config", "shell", *wanted], cwd=Path("/"), env=dict(os.environ))
    places = dict(re.findall(r"(LIST|PARTS)='([^']*)'", listing))
    paths = [Path(places["LIST"])] if "LIST" in places else []
    if "PARTS" in places:
        parts = sorted(Path(places["PARTS"]).glob("*"))
        paths += [path for path in parts if path.suffix in {".list", ".sources"}]
    return [(path.name, path.read_text(errors="replace")) for path in paths if path.is_file()]


@dataclass(frozen=True, slots=True)
class Apt:
    """apt with its index and downloads in `root`; sources None means the machine's own."""

    root: Path
    sources: Path | None
    env: dict[str, str]

    def update(self) -> None:
        """Fetch the index.  Raises ImageError if apt cannot, or has nothing to fetch."""
        for folder in ("lists/partial", "cache/archives/partial"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        self._run("apt-get", "update")

    def versions(self, package: str, *, source: bool = False) -> list[str]:
        """Return the versions on offer of a binary or source package, none if it is unknown."""
        query = ["showsrc", "--only-source"] if source else ["show"]
        try:
            stanzas = self._run("apt-cache", *query, package)
        except ImageError:
            return []
        return re.findall(r"^Version: (\S+)$", stanzas, re.MULTILINE)

    def fetch(self, package: str, version: str, folder: Path, *, source: bool = False) -> None:
        """Download a package's files into `folder`; apt checks them against the signed index."""
        verb = ["source", "--download-only"] if source else ["download"]
        self._run("apt-get", *verb, f"{package}={version}", cwd=folder)

    def install(self, packages: Sequence[str]) -> None:
        """Install packages with what they depend on and nothing more.  Needs root."""
        self._run("apt-get", "install", "--yes", "--no-install-recommends", *packages)

    def _run(self, program: str, *arguments: str, cwd: Path | None = None) -> str:
        settings = {
            "Dir::State::lists": f"{self.root}/lists/",
            "Dir::Cache": f"{self.root}/cache/",
            "APT::Sandbox::User": "root",  # apt's own user cannot enter a private folder
            "Acquire::Retries": "2",
            "DPkg::Lock::Timeout": "300",  # s, another installation may be under way
        }
        if self.sources is not None:
            settings |= {
                "Dir::Etc::sourcelist": str(self.sources),
                "Dir::Etc::sourceparts": "/dev/null",
            }
        options = [f"-o{name}={value}" for name, value in settings.items()]
        return run([program, *options, *arguments], cwd=cwd or self.root, env=self.env)
