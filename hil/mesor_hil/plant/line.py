# SPDX-License-Identifier: MIT
"""The line to the patient: stiff while it is open, a spring while it is blocked.

Blocked downstream, what the plunger moves stays in syringe and line and its pressure is
volume over compliance; freed, the line gives all of it to the patient at once.  Blocked
upstream, nothing comes and the pressure falls alike.  An open line hands on every step: with
a compliance of 2 uL/mmHg and a resistance of 0.3 mmHg h/mL its own delay is two seconds, far
below a tick.  Volumes are whole microsteps, so that none is lost; pressures in mmHg.
"""

from __future__ import annotations

from typing import Literal

Block = Literal["line_blocked", "line_blocked_upstream"]
BLOCKS: tuple[Block, ...] = ("line_blocked", "line_blocked_upstream")
COMPLIANCE_UL_MMHG = 2.0  # of a 60 mL syringe and its set
RESISTANCE_MMHG_H_ML = 0.3


class Line:
    """One line; open at first."""

    def __init__(self, microstep_nl: float, compliance: float = COMPLIANCE_UL_MMHG) -> None:
        """microstep_nl: what one step moves; compliance in uL/mmHg."""
        self._mmhg_per_step = microstep_nl / 1000.0 / compliance
        self.block: Block | None = None
        self.stored_steps = 0
        self.stored_steps_max = 0
        self.bolus_steps: int | None = None  # what the line gave when it was freed

    def push(self, steps: int) -> int:
        """Move the plunger by `steps`, backwards below 0; return what reaches the patient."""
        if self.block is None:
            return steps
        if self.block == "line_blocked":
            self.stored_steps += steps
            self.stored_steps_max = max(self.stored_steps_max, self.stored_steps)
        else:
            self.stored_steps -= steps
        return 0

    def free(self) -> int:
        """End the blockage; return what the patient gets in that moment."""
        bolus = max(0, self.stored_steps) if self.block == "line_blocked" else 0
        self.block = None
        self.stored_steps = 0
        self.bolus_steps = bolus
        return bolus

    def pressure_mmhg(self, rate_ml_h: float = 0.0) -> float:
        """Return the pressure at the pump, above that of the patient."""
        if self.block is None:
            return RESISTANCE_MMHG_H_ML * rate_ml_h
        return self.stored_steps * self._mmhg_per_step
