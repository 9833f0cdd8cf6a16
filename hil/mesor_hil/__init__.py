# SPDX-License-Identifier: MIT
"""The hardware-in-the-loop bench: targets, plant, scenarios and what judges them."""

DEFAULT_SCENARIO = "vancomycin_infusion"
