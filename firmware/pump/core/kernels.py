# SPDX-License-Identifier: MIT
"""The inner loops of the pump: machine code on a board, exact Python elsewhere.

All but `place` and `block` mean the same bits in both; these two make the block of
words (core/blocks.py) that each is called with.
"""

from pump.compat import ON_DEVICE

if ON_DEVICE:
    from pump.core.active_set_thumb import judge, tie
    from pump.core.admm_thumb import iterate
    from pump.core.kernels_thumb import block, multiply, place
    from pump.core.refine_thumb import refine
    from pump.core.warm_start_thumb import begin, read, shift
else:
    from pump.core.active_set_twin import judge, tie
    from pump.core.admm_twin import iterate
    from pump.core.kernels_twin import block, multiply, place
    from pump.core.refine_twin import refine
    from pump.core.warm_start_twin import begin, read, shift

__all__ = (
    "begin",
    "block",
    "iterate",
    "judge",
    "multiply",
    "place",
    "read",
    "refine",
    "shift",
    "tie",
)
