# SPDX-License-Identifier: MIT
"""What is seen of a story from outside the pump: motor, frames, and when it had to stand."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Life:
    """From one START to the end of the story, or of the power."""

    begun_s: float
    edges_before: int  # steps of the motor until then
    day_s: int  # time of day that START stated
    records: list[list[int]] = field(default_factory=list)
    edges_after: int = 0
    lost_steps: int = 0
    flash_worn: bool = False  # so that a record could not be kept


@dataclass(slots=True)
class Standstill:
    """The motor must stand from begin_s to end_s; `alarm` must be told, where it is not 0."""

    begin_s: float
    cause: str
    alarm: int
    end_s: float = float("inf")


@dataclass(slots=True)
class Witness:
    """Everything that was seen; times in s of the whole story, edges since its beginning."""

    lives: list[Life] = field(default_factory=list)
    told: list[tuple[float, int]] = field(default_factory=list)  # alarms present
    edges: list[tuple[float, int]] = field(default_factory=list)
    batches: list[tuple[float, int]] = field(default_factory=list)  # steps that the motor was set
    batch_slack: int = 0  # of those, how many may be counted to the batch before or after
    standstills: list[Standstill] = field(default_factory=list)
    stopped_by_host_s: float | None = None
    restored_wrongly: list[str] = field(default_factory=list)  # what a power cut left, if wrong
    log: bytes = b""  # the flash in the end

    @property
    def records(self) -> list[list[int]]:
        """Return the tick records of all lives."""
        return [record for life in self.lives for record in life.records]
