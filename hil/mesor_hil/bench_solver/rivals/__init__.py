# SPDX-License-Identifier: MIT
"""The solvers that ours is set beside, each built from its own package by its own generator."""
