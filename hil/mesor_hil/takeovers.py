# SPDX-License-Identifier: MIT
"""New programs for a running therapy: those of its scenario, and a file that a person writes.

The session asks between ticks what is due, sends it and lets it take over; what could not be
compiled, or what the pump refuses, is a sentence, and the therapy goes on as it was.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from mesor.errors import MesorError
from mesor.input_tables import read_file
from mesor.program import compile_program
from mesor.program.soft_limits import beyond
from mesor.program.therapy_file import TherapyFile
from mesor_hil.scenarios import Scenario
from mesor_hil.scenarios.loader import read_therapy

_LOOK_S = 1.0  # how often a file is looked at where time is real


@dataclass(frozen=True, slots=True)
class NewProgram:
    """A program that is to take over, or why none could be made of its source."""

    source: str
    therapy: TherapyFile | None = None
    content: bytes = b""
    text: str | None = None  # of the file that it was compiled from
    refusal: str | None = None
    warnings: tuple[str, ...] = ()
    scripted: bool = False  # by the scenario: then a refusal ends the run

    def unbelieved(self, conc_mg_l: float) -> str | None:
        """Return why a pump that reads this level would take its sensor for broken, or None."""
        if self.therapy is None or self.scripted:
            return None
        most_mg_l = self.therapy.problem().safety.conc_max_mg_l
        if conc_mg_l <= most_mg_l:
            return None
        return (
            f"the last reading is {conc_mg_l:.4g} mg/L, and by its target a pump believes none "
            f"above {most_mg_l:.4g} mg/L: it would take the sensor for broken and stop; write it "
            "again when the level has fallen below that."
        )


@dataclass(frozen=True, slots=True)
class Takeover:
    """What became of a new program, and from which tick on."""

    number: int  # 1.. in this run
    time_s: int  # therapy time of the first tick that it decides, or would have decided
    new: NewProgram
    refusal: str | None

    @property
    def program(self) -> str | None:
        """Return the checksum by which the device's log names the program; None without one."""
        content = self.new.content
        return f"{int.from_bytes(content[-4:], 'little'):08x}" if content else None

    @property
    def file_name(self) -> str:
        """Return what the therapy is called in the run's folder and log."""
        return f"takeover-{self.number}.toml"

    @property
    def sentence(self) -> str:
        """Return in words what happened."""
        at_h = f"{self.time_s / 3600.0:.4g} h"
        if self.refusal is None:
            return f"{self.new.source} takes over from {at_h} on (program {self.program})."
        return (
            f"{self.new.source} does not take over at {at_h}, the therapy goes on as it was: "
            f"{self.refusal.removeprefix(f'{self.new.source}: ')}"
        )

    def summary(self) -> dict[str, Any]:
        """Return the takeover as summary.json and the log hold it."""
        return {
            "t_s": self.time_s,
            "source": self.new.source,
            "program": self.program,
            "taken_over": self.refusal is None,
            "sentence": self.sentence,
        }


class Source(Protocol):
    """Where new programs come from."""

    @property
    def look_s(self) -> float:
        """Return how often, in s of device time, to ask beside once after each tick."""
        ...

    def due(self, time_s: float) -> Iterable[NewProgram]:
        """Return what is to take over now, at this therapy time."""
        ...


class Scripted:
    """The programs that a scenario sends at its own times."""

    look_s = math.inf

    def __init__(self, scenario: Scenario, samples: int) -> None:
        """Compile them, each certified on so many states; raise MesorError where one cannot be."""
        self._waiting = deque(
            (entry.at_h * 3600.0, _compiled(scenario.therapy_from(entry), samples, entry.at_h))
            for entry in scenario.programs
        )

    def due(self, time_s: float) -> Iterable[NewProgram]:
        """Yield those whose time has come."""
        while self._waiting and self._waiting[0][0] <= time_s:
            yield self._waiting.popleft()[1]


def _compiled(therapy: TherapyFile, samples: int, at_h: float) -> NewProgram:
    """Return a scenario's program, certified like its first one."""
    content = compile_program(therapy.problem(), samples).bytes
    return NewProgram(f"the program sent at {at_h:g} h", therapy, content, scripted=True)


class WatchedFile:
    """A therapy file that takes over when it appears, and again whenever it changes.

    A file that stands there when this begins is no order: nobody wrote it for this run.  On a wall
    clock it is compiled in a thread, so that readings go on meanwhile.
    """

    def __init__(self, path: Path, scenario: Scenario, samples: int, real_time: bool) -> None:
        """Watch `path` for a therapy of the scenario's patient, drug and pump."""
        self._path, self._scenario, self._samples = path, scenario, samples
        self._real_time = real_time
        self.stood_before = _mark(path) is not None
        self._seen = _mark(path)
        self._found: deque[NewProgram] = deque()
        self._thread: threading.Thread | None = None

    @property
    def look_s(self) -> float:
        """Return a second where time is real: ticks are minutes apart."""
        return _LOOK_S if self._real_time else math.inf

    def due(self, time_s: float) -> Iterable[NewProgram]:
        """Return what was compiled, and see whether the file has become another one."""
        self._look()
        while self._found:
            yield self._found.popleft()

    def join(self) -> None:
        """Wait until what is being compiled is."""
        if self._thread is not None:
            self._thread.join()

    def _look(self) -> None:
        """Compile the file where it is new; one at a time."""
        if self._thread is not None and self._thread.is_alive():
            return
        mark = _mark(self._path)
        if mark == self._seen:
            return
        self._seen = mark
        if mark is None:
            return
        if not self._real_time:
            self._compile()
            return
        self._thread = threading.Thread(target=self._compile, name="take-over", daemon=True)
        self._thread.start()

    def _compile(self) -> None:
        """Make a program of the file, or a sentence on why there is none."""
        new = NewProgram(str(self._path))
        try:
            text = read_file(self._path)
            therapy = self._scenario.with_therapy(read_therapy(text, str(self._path)))
            problem = therapy.problem()
            content = compile_program(problem, self._samples).bytes
            warnings = tuple(beyond(problem).values())
            new = replace(new, therapy=therapy, content=content, text=text, warnings=warnings)
        except MesorError as error:
            new = replace(new, refusal=str(error))
        except Exception as error:  # whatever is in the file, the therapy goes on
            new = replace(new, refusal=f"it cannot be compiled ({type(error).__name__}: {error}).")
        self._found.append(new)


def _mark(path: Path) -> tuple[int, int, int] | None:
    """Return what tells one content of a file from the next; None without a file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
