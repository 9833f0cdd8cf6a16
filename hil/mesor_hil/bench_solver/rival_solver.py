# SPDX-License-Identifier: MIT
"""Runs on the board as solver.py: the C solver that the image has, in board_main.py's form."""

import rival


class BoardSolver:
    """Module `rival`, whose solve takes the state itself."""

    solve = staticmethod(rival.solve)
    move = staticmethod(rival.move)

    def prepare(self, states, index, is_cold):
        """Do nothing: there is nothing to prepare."""
