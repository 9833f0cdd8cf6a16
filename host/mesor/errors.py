# SPDX-License-Identifier: MIT
"""Everything that Mesor refuses, as one tree; the command line turns each into exit status 2.

    MesorError
    ├── ImageError      the MicroPython image or the firmware could not be made
    ├── ScenarioError   a scenario or another input file
    ├── DosingError     a covariate, genotype or level from which no dose can follow
    ├── ProgramError    a therapy that cannot be compiled or certified
    ├── LinkError       the board does not answer, or answers wrongly
    │   └── RefusedError    it answers, and says no to one command
    └── RecordError     a run's folder or log cannot be read

Each message is one sentence: what was got, what is allowed, the unit, what to do.
"""

from __future__ import annotations


class MesorError(Exception):
    """Root of all that Mesor raises on purpose."""


class ImageError(MesorError):
    """The MicroPython image or the firmware could not be made or read."""


class ScenarioError(MesorError):
    """An input file says something that cannot be."""


class DosingError(MesorError):
    """A covariate, genotype or level from which no dose can follow."""


class ProgramError(MesorError):
    """A therapy cannot be compiled into a certified program."""


class LinkError(MesorError):
    """The pump cannot be reached, or refused a command."""


class RefusedError(LinkError):
    """The pump refused a command; its message is the pump's reason."""


class RecordError(MesorError):
    """A run's folder or log cannot be read."""
