# SPDX-License-Identifier: MIT
"""The solver's benchmark: one control problem, seeded states, and the answer to compare with."""
