# SPDX-License-Identifier: MIT
"""The two inner loops of the pump: machine code on a board, exact Python elsewhere.

`multiply` and `solve` mean the same bits in both; `place` and `block` make the
block of words (core/blocks.py) that each is called with.
"""

from pump.compat import ON_DEVICE

if ON_DEVICE:
    from pump.core.kernels_thumb import block, multiply, place, solve
else:
    from pump.core.kernels_twin import block, multiply, place, solve

__all__ = ("block", "multiply", "place", "solve")
