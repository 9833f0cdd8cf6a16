# SPDX-License-Identifier: MIT
"""The inner loops of the pump: machine code on a board, exact Python elsewhere.

`multiply`, `solve`, `tie`, `refine` and `judge` mean the same bits in both; `place` and
`block` make the block of words (core/blocks.py) that each is called with.
"""

from pump.compat import ON_DEVICE

if ON_DEVICE:
    from pump.core.active_set_thumb import judge, tie
    from pump.core.kernels_thumb import block, multiply, place, solve
    from pump.core.refine_thumb import refine
else:
    from pump.core.active_set_twin import judge, tie
    from pump.core.kernels_twin import block, multiply, place, solve
    from pump.core.refine_twin import refine

__all__ = ("block", "judge", "multiply", "place", "refine", "solve", "tie")
