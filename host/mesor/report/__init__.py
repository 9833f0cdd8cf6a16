# SPDX-License-Identifier: MIT
"""What a person sees of a run: terminal table, page with plots, JUnit."""
